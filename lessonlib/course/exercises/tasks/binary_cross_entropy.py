"""A word about probabilities of exactly 0 and 1, which a right answer may or may not survive."""

import math
from collections.abc import Callable
from typing import Any

import torch


def notes(call: Callable[..., Any]) -> list[str]:
    """What a right answer does where the model is entirely sure, and right."""
    sure = torch.tensor([1.0, 0.0])
    value = call(sure.clone(), sure.clone())
    if value is not None and math.isclose(float(value), 0.0, abs_tol=1e-5):
        return []
    return ["A note: for a probability of exactly 0 or 1 yours is no number, because 0 times log(0) is nan. "
            "Ours keeps the probabilities above 0 with clamp_min before the log."]
