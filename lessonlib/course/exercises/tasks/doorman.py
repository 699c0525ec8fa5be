"""What pickles ask for: harmless names, dangerous ones, and some that look harmless."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

SHOWN_AS = "1 for each pair that is refused"
_ALLOWED = [("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct")]


def cases(seed: int) -> list[dict[str, Any]]:
    """Nothing to refuse; some of them; a name of another module, a module with another name; all."""
    asked = [
        [("numpy", "ndarray"), ("os", "system"), ("numpy", "dtype"), ("subprocess", "run")],
        [("numpy", "dtype"), ("stranger", "dtype"), ("numpy", "save"), ("builtins", "eval")],
        [("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray")],
        [("builtins", "exec"), ("shutil", "rmtree"), ("numpy", "ndarray"), ("os", "system")],
    ]
    turn = seed % len(asked)
    return [{"asked": list(pairs), "allowed": list(_ALLOWED[n % 2:])} for n, pairs in enumerate(asked[turn:] + asked[:turn])]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor:
    """For each pair that was asked for, 1 where it is in what came back, else 0; -1 where other things came back."""
    if not isinstance(value, (list, tuple, set)):
        raise TypeError("no list")
    asked, found = inputs["asked"], [tuple(pair) for pair in value]
    if not set(found) <= set(asked):
        return torch.full((len(asked),), -1.0)  # something in it is none of the pairs
    return torch.tensor([float(pair in found) for pair in asked])
