"""Labels of which some are rare; and what makes an order fair, as numbers: the draws themselves are free."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

SHOWN_AS = "how often each class comes, then four facts"
_SEED = 5  # of the generator that each case is handed


def cases(seed: int) -> list[dict]:
    """Two and three classes, one of them rare; more and fewer draws than rows."""
    rng = torch.Generator().manual_seed(seed)
    found = []
    for counts, n_each in (((30, 3), 20), ((12, 4, 9), 15), ((2, 25), 12)):
        y = torch.cat([torch.full((n,), label) for label, n in enumerate(counts)])
        found.append({"y": y[torch.randperm(len(y), generator=rng)], "n_each": n_each,
                      "generator": torch.Generator().manual_seed(_SEED)})
    return found


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """How often each class comes, and what is so of the order.

    That is: whether classes are mixed, whether they do not come in turns, whether each comes with several of its rows, and
    whether the generator was used.
    """
    if not isinstance(value, Tensor) or value.is_floating_point() or value.ndim != 1 or not len(value):
        return None
    y = inputs["y"]
    if int(value.min()) < 0 or int(value.max()) >= len(y):
        return torch.full((1,), -1.0)
    labels = y[value]
    changes = int((labels[1:] != labels[:-1]).sum())
    in_turns = torch.equal(labels[len(labels.unique()):], labels[:-len(labels.unique())])
    several = all(len(value[labels == label].unique()) > 1 for label in labels.unique())
    untouched = torch.Generator().manual_seed(_SEED).get_state()
    used = not torch.equal(inputs["generator"].get_state(), untouched)
    counts = torch.bincount(labels, minlength=int(y.max()) + 1).double()
    return torch.cat([counts, torch.tensor([changes >= len(counts), not in_turns, several, used], dtype=torch.float64)])
