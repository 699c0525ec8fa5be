"""Pairs of layers that fit together, and a layer as the table of its numbers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def cases(seed: int) -> list[dict]:
    """Layers of several sizes; square ones, where a weight that lies on its side gives no error."""
    found = []
    for turn, (n_in, n_hidden, n_out) in enumerate(((5, 4, 3), (3, 6, 2), (4, 4, 4), (1, 2, 1))):
        torch.manual_seed(100 * seed + turn)  # so a new layer that is left as it was has the same first weights, too
        found.append({"first": nn.Linear(n_in, n_hidden), "second": nn.Linear(n_hidden, n_out)})
    return found


def as_numbers(value: Any, _inputs: Mapping[str, Any]) -> Tensor | None:
    """The weight, and the bias (zeros where there is none) as one more column; what is no layer has the numbers of none."""
    if not isinstance(value, nn.Linear):
        return torch.zeros(0) if callable(value) else None
    bias = torch.zeros(value.out_features) if value.bias is None else value.bias
    return torch.cat([value.weight, bias[:, None]], dim=1)
