"""Functions of two numbers to go down: both numbers matter, and what is best for one depends on the other."""

from torch import Tensor


def _valley(a: Tensor, b: Tensor) -> Tensor:
    return a**2 + 5 * b**2


def _turned(a: Tensor, b: Tensor) -> Tensor:
    return (a + b - 1) ** 2 + 3 * (a - b) ** 2


def _product(a: Tensor, b: Tensor) -> Tensor:
    return (a * b - 2) ** 2 / 4 + a**2 / 8


def cases(seed: int) -> list[dict]:
    """A valley along the axes, one that is turned, one that bends; one step, and several."""
    return [{"f": _valley, "a": -1.5 - 0.1 * seed, "b": 1.0, "lr": 0.05, "n_steps": 5},
            {"f": _turned, "a": 0.5 + 0.1 * seed, "b": -1.0, "lr": 0.04, "n_steps": 8},
            {"f": _product, "a": 0.8, "b": 1.4 + 0.1 * seed, "lr": 0.1, "n_steps": 6},
            {"f": _turned, "a": 2.0, "b": 1.0, "lr": 0.1, "n_steps": 1}]
