"""Layers of lesson 6, and the layer of PyTorch made from one as its numbers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lessonlib.layers import Linear


def cases(seed: int) -> list[dict]:
    """Layers of several sizes; square ones, where a weight that lies on its side gives no error."""
    rng = torch.Generator().manual_seed(seed)
    return [{"ours": Linear(n_in, n_out, generator=rng)} for n_in, n_out in ((4, 3), (2, 5), (4, 4), (3, 1))]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """The weight, then a column with the bias, then one that says how many of the two lie in the memory of `ours`.

    What is no nn.Linear has the numbers of none. A weight that lies on its side may have more rows than the bias, or fewer.
    """
    if not isinstance(value, nn.Linear):
        return torch.zeros(0) if callable(value) else None
    ours, weight = inputs["ours"], value.weight
    bias = torch.zeros(value.out_features) if value.bias is None else value.bias
    column = torch.zeros(len(weight))
    n_shared = (_memory(weight) == _memory(ours.weight)) + (_memory(bias) == _memory(ours.bias))
    column[: len(bias)] = bias[: len(weight)].detach()
    return torch.cat([weight, column[:, None], torch.full((len(weight), 1), float(n_shared))], dim=1)


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
