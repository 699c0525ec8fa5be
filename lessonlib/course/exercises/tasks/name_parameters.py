"""Modules of lessonlib's own kind with parts that have parts, and what a dictionary of names says about them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lessonlib.layers import Linear, Module, get_weights


class Holder(Module):
    """Whatever it is given, kept under these names."""

    def __init__(self, **held: Any):
        for name, value in held.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        return x


def cases(seed: int) -> list[dict]:
    """One layer, two layers, a parameter between layers, parts of parts, and values that are no parameters."""
    rng = torch.Generator().manual_seed(seed)

    def layer(n_in: int, n_out: int) -> Module:
        return Linear(n_in, n_out, generator=rng)

    block = Holder(first=layer(2, 3), scale=get_weights(3, generator=rng))
    holders = (
        layer(3, 2),
        Holder(one=layer(4, 3), two=layer(3, 2)),
        Holder(n=3, one=layer(2, 2), shift=get_weights(2, generator=rng), plain=torch.zeros(2), two=layer(2, 2)),
        Holder(start=block, end=Holder(deep=Holder(last=layer(3, 1)))),
    )
    return [{"module": holder} for holder in holders]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """One row for each entry, in order of the rows: which parameter it is, and which one its name leads to; -1 is none."""
    if not isinstance(value, dict):
        return None
    params = list(inputs["module"].parameters())
    rows = sorted([_place(params, p), _place(params, _named(inputs["module"], name))] for name, p in value.items())
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 2)


def _place(params: list[Tensor], wanted: Any) -> int:
    return next((n for n, p in enumerate(params) if p is wanted), -1)


def _named(module: Module, name: Any) -> Any:
    """What a name such as "one.weight" leads to; None where it leads nowhere."""
    found: Any = module
    for word in str(name).split("."):
        found = vars(found).get(word) if hasattr(found, "__dict__") else None
    return found
