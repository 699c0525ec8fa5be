"""Models that give log-probabilities, and rows for them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def cases(seed: int) -> list[dict]:
    """Models of several sizes; one row alone; as many rows as classes."""
    rng = torch.Generator().manual_seed(seed)
    found = []
    for n, n_in, n_classes in ((4, 5, 3), (6, 3, 10), (1, 4, 3), (3, 3, 3)):
        model = nn.Sequential(nn.Linear(n_in, n_classes), nn.LogSoftmax(dim=1)).double()
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(torch.randn(p.shape, generator=rng, dtype=torch.float64))
        found.append({"model": model, "x": torch.randn(n, n_in, generator=rng, dtype=torch.float64)})
    return found


def as_numbers(value: Any, _inputs: Mapping[str, Any]) -> Any:
    """The pair that `max(dim=1)` gives as one tensor, so that it can be told from other tuples; all else as it is."""
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, Tensor) for part in value):
        return torch.stack([part.double() for part in value])
    return value
