"""Objects that keep parameters beside other things, and what was found as positions among all that they keep."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

SHOWN_AS = "positions in vars(thing)"


class Thing:
    """Whatever it is given, kept under these names."""

    def __init__(self, **kept: Any):
        vars(self).update(kept)


def cases(seed: int) -> list[dict]:
    """A layer, other names, plain tensors and numbers between, a list, and nothing to train."""
    rng = torch.Generator().manual_seed(seed)

    def label(*dims: int) -> nn.Parameter:
        return nn.Parameter(torch.randn(*dims, generator=rng, dtype=torch.float64))

    return [{"thing": thing} for thing in (
        Thing(weight=label(3, 2), bias=label(2)),
        Thing(n_in=4, scale=label(4), mean=torch.zeros(4), shift=label(4), weight=label(4, 2)),
        Thing(bias=label(1), name="last", weight=label(2, 1), steps=[label(2)]),
        Thing(bias=torch.ones(2), weight=torch.ones(2, 2), rate=0.5),
    )]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """For each thing found, its position among the values of the object; -1 for what is not there."""
    if isinstance(value, (Tensor, str)) or not isinstance(value, Iterable):
        return None
    kept = list(vars(inputs["thing"]).values())
    positions = [next((i for i, each in enumerate(kept) if each is found), -1) for found in value]
    return torch.tensor(positions, dtype=torch.float64)
