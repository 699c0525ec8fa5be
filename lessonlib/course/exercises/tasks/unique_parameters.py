"""Modules of lessonlib's own kind, in which some layers stand more than once."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lessonlib.layers import Linear, Module, ReLU, Sequential


def cases(seed: int) -> list[dict]:
    """One layer twice side by side and far apart, layers of one shape, biases with equal numbers, and nothing shared."""
    rng = torch.Generator().manual_seed(seed)

    def layer(n_in: int, n_out: int) -> Module:
        made = Linear(n_in, n_out, generator=rng)
        with torch.no_grad():
            made.bias.zero_()
        return made

    a, b, c, d = layer(3, 3), layer(3, 3), layer(3, 3), layer(3, 2)
    chains = ((a, ReLU(), a), (a, b, ReLU(), a, d), (b, c, b, c, b), (c, d), (a, a, b, ReLU(), c, b))
    return [{"module": Sequential(*chain)} for chain in chains]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """For each thing in the list, the place at which `parameters()` hands it out first; -1 for what is not there."""
    if not isinstance(value, list):
        return None
    params = list(inputs["module"].parameters())
    places = [next((i for i, p in enumerate(params) if p is each), -1) for each in value]
    return torch.tensor(places, dtype=torch.float64)
