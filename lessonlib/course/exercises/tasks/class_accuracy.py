"""Scores and targets in which every class comes, with some answers right and some wrong."""

from typing import Any

import torch


def cases(seed: int) -> list[dict[str, Any]]:
    """Classes of different sizes; every class is answered at least once, scores are above, below and around 0."""
    rng = torch.Generator().manual_seed(5 + seed)

    def case(counts: tuple[int, ...], shift: float = 0.0) -> dict[str, Any]:
        k = len(counts)
        targets = torch.cat([torch.full((n,), label) for label, n in enumerate(counts)])
        targets = targets[torch.randperm(len(targets), generator=rng)]
        answers = torch.where(torch.rand(len(targets), generator=rng) < 0.6, targets,
                              torch.randint(k, (len(targets),), generator=rng))
        for label in range(k):  # one right answer for each class, so that no share is 0 of 0
            answers[(targets == label).nonzero()[0]] = label
        answers[(targets == 0).nonzero()[1]] = 1  # and one wrong one
        logits = torch.randn(len(targets), k, generator=rng, dtype=torch.float64)
        logits[torch.arange(len(targets)), answers] += 6
        return {"logits": logits + shift, "targets": targets}

    return [case((5, 3, 4)), case((7, 2)), case((3, 3, 3)), case((6, 4, 2, 5), shift=-20.0), case((4, 9, 2), shift=20.0)]
