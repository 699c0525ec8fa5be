"""Tensors on a tape of lessonlib, and what comes back to them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lessonlib.autograd import Tape, TapeTensor


def cases(seed: int) -> list[dict]:
    """Several shapes with numbers above and below zero, each on a new tape."""
    rng = torch.Generator().manual_seed(seed)
    return [{"x": Tape().watch(torch.randn(shape, generator=rng, dtype=torch.float64))} for shape in ((6,), (3, 4), (), (5, 1))]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """Two rows: the numbers of the result, and what comes back to x of a gradient with numbers above and below zero."""
    x = inputs["x"]
    if not isinstance(value, TapeTensor) or value.shape != x.shape:
        return None
    x.grad, weights = None, (-1.3) ** torch.arange(x.data.numel(), dtype=torch.float64).view(x.shape)
    (value * weights).sum().backward()
    grad = torch.zeros_like(x.data) if x.grad is None else x.grad
    return torch.stack([value.data.flatten(), grad.flatten()])
