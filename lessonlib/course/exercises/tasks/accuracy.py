"""Cases in which the mistakes differ: some answers are right, some wrong, and once all of them are right."""

from typing import Any

import torch


def cases(seed: int) -> list[dict[str, Any]]:
    """Scores whose largest numbers stand at known places, and targets."""
    rng = torch.Generator().manual_seed(5 + seed)

    def case(n: int, n_classes: int, right: list[bool], shift: float = 0.0) -> dict[str, Any]:
        logits = torch.randn(n, n_classes, generator=rng, dtype=torch.float64) + shift
        answers = torch.randperm(n, generator=rng) % n_classes
        logits[torch.arange(n), answers] += 6
        targets = torch.where(torch.tensor(right), answers, (answers + 1) % n_classes)
        return {"logits": logits, "targets": targets}

    small = torch.tensor([[1.0, 5, 3, 2], [4, 2, 1, 3], [2, 3, 4, 1], [1, 2, 3, 4], [4, 3, 2, 1]], dtype=torch.float64)
    return [case(8, 4, [True] * 5 + [False] * 3), case(4, 4, [True, False, False, False]), case(3, 4, [True] * 3),
            {"logits": small, "targets": torch.tensor([0, 2, 3, 3, 1])},
            {"logits": small / 10, "targets": torch.tensor([1, 2, 2, 3, 0])}, case(3, 3, [True, False, True]),
            case(6, 3, [True, True, False, True, True, True], shift=-20.0), case(1, 4, [True]), case(2, 3, [False, True])]
