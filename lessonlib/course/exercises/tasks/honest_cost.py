"""Costs of probabilities, told apart by the answers that they reward, not by their numbers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

SHOWN_AS = "the cheapest answers (for 10 % to 90 % cats)"
_SHARES = [k / 10 for k in range(1, 10)]


def cases(_seed: int) -> list[dict]:
    """All that a model may say, in steps of 0.01; and certainty."""
    return [{"p": torch.linspace(0.01, 0.99, 99, dtype=torch.float64)}, {"p": torch.ones(2, dtype=torch.float64)}]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """For each share of cats, the answer that costs least; where p is 1, the cost itself."""
    p = inputs["p"]
    if not isinstance(value, Tensor) or value.shape != p.shape:
        return value
    if p.min() == 1:
        return value + 0.0  # no minus in front of a 0
    paid = torch.stack([share * value + (1 - share) * value.flip(0) for share in _SHARES])
    return p[(paid * 1e9).round().argmin(dim=1)]
