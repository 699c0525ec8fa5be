"""Lists of layers that fit together, and a layer as the table of its numbers."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

SHOWN_AS = "weight and bias"


def cases(seed: int) -> list[dict]:
    """Layers of several sizes; square ones, where a weight that lies on its side gives no error."""
    rng = torch.Generator().manual_seed(seed)
    return [{"layers": [_layer(n_in, n_out, rng) for n_in, n_out in pairwise(sizes)]}
            for sizes in ((5, 4, 3), (3, 6, 4, 2), (4, 4, 4), (1, 2, 3, 2, 1))]


def _layer(n_in: int, n_out: int, rng: torch.Generator) -> nn.Linear:
    """A layer with the same weights whatever the default dtype is."""
    layer = nn.Linear(n_in, n_out)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=torch.float64))
    return layer


def as_numbers(value: Any, _inputs: Mapping[str, Any]) -> Tensor | None:
    """The weight, and the bias (zeros where there is none) as one more column; what is no layer has the numbers of none."""
    if not isinstance(value, nn.Linear):
        return torch.zeros(0) if callable(value) else None
    bias = torch.zeros(value.out_features) if value.bias is None else value.bias
    if value.weight.ndim != 2 or bias.shape != value.weight.shape[:1]:  # put in by hand, and no layer any more
        return torch.cat([value.weight.flatten(), bias.flatten()])
    return torch.cat([value.weight, bias[:, None]], dim=1)
