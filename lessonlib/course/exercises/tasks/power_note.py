"""Numbers on a tape, and what comes back to them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lessonlib.autograd import TapeNumber


def cases(seed: int) -> list[dict]:
    """Numbers above and below zero, whole powers and others."""
    shift = 0.1 * (seed % 7)
    return [{"x": TapeNumber(x + shift, []), "n": n} for x, n in ((2.0, 3), (-1.5, 2), (0.5, 4), (1.7, 0.5), (3.0, -1))]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """The value of the result, and the slope that comes back to x."""
    if not isinstance(value, TapeNumber):
        return None
    slopes = [slope for result, sources in value.tape if result is value for source, slope in sources if source is inputs["x"]]
    return torch.tensor([float(value.value), float(sum(slopes))], dtype=torch.float64)
