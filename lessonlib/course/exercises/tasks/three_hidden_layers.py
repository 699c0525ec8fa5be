"""A network as a table of its layers, so that two can be compared whatever their weights are."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

SHOWN_AS = "layers"
_OTHERS = {nn.ReLU: 2, nn.Softmax: 4}


def as_numbers(value: Any, _inputs: Mapping[str, Any]) -> Tensor | None:
    """One row for each layer: what it is, how many numbers go in, how many come out."""
    if not isinstance(value, nn.Module):
        return None
    return torch.tensor([_row(layer) for layer in _layers(value)], dtype=torch.float64)


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """The layers in order; those of a Sequential inside a Sequential, too."""
    if isinstance(module, nn.Sequential):
        for part in module:
            yield from _layers(part)
    elif not isinstance(module, nn.Identity):
        yield module


def _row(layer: nn.Module) -> tuple[int, int, int]:
    if isinstance(layer, nn.Linear):
        return (1 if layer.bias is not None else 6), layer.in_features, layer.out_features
    if isinstance(layer, nn.LogSoftmax):
        return (3 if layer.dim in (1, -1) else 5), 0, 0
    return _OTHERS.get(type(layer), 9), 0, 0
