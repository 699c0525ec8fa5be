"""Lists of different lengths; the pairs as a table of two columns."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def cases(seed: int) -> list[dict]:
    """Three and two, one and four, two and two."""
    shift = seed % 9 / 100
    return [{"rates": [0.1 + shift, 0.3, 1.0], "decays": [0.0, 0.01]}, {"rates": [0.5 + shift], "decays": [0.0, 0.1, 0.2, 0.4]},
            {"rates": [0.02, 0.2 + shift], "decays": [0.001, 0.05]}]


def as_numbers(value: Any, _inputs: Mapping[str, Any]) -> Tensor | None:
    """One row for each pair."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value):
        return None
    return torch.tensor([list(map(float, pair)) for pair in value], dtype=torch.float64).reshape(-1, 2)
