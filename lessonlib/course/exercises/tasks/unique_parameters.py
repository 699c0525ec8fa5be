"""Parameters collected layer by layer, where some layers stand more than once."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lessonlib.layers import Linear

SHOWN_AS = "places in params"


def cases(seed: int) -> list[dict]:
    """One layer twice side by side and far apart, layers of one shape, biases with equal numbers, and nothing shared."""
    rng = torch.Generator().manual_seed(seed)

    def layer(n_in: int, n_out: int) -> Linear:
        made = Linear(n_in, n_out, generator=rng)
        with torch.no_grad():
            made.bias.zero_()
        return made

    a, b, c, d = layer(3, 3), layer(3, 3), layer(3, 3), layer(3, 2)
    chains = ((a, a), (a, b, a, d), (b, c, b, c, b), (c, d), (a, a, b, c, b))
    return [{"params": tuple(p for layer in chain for p in layer.parameters())} for chain in chains]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """For each thing in the list, its first place in `params`; -1 for what is not there."""
    if not isinstance(value, list):
        return None
    places = [next((i for i, p in enumerate(inputs["params"]) if p is each), -1) for each in value]
    return torch.tensor(places, dtype=torch.float64)
