"""Functions of one number to go down."""

from torch import Tensor


def _square(x: Tensor) -> Tensor:
    return x**2


def _shifted(x: Tensor) -> Tensor:
    return 3 * (x - 2) ** 2 + 1


def _quartic(x: Tensor) -> Tensor:
    return x**4 / 4 - x**2


def cases(seed: int) -> list[dict]:
    """A bowl, a bowl elsewhere, two valleys; one step, and several."""
    return [{"f": _square, "start": -1.5 - 0.1 * seed, "lr": 0.1, "n_steps": 5},
            {"f": _shifted, "start": 0.5 + 0.1 * seed, "lr": 0.05, "n_steps": 8},
            {"f": _quartic, "start": 0.3, "lr": 0.2, "n_steps": 6},
            {"f": _square, "start": 2.0, "lr": 0.3, "n_steps": 1}]
