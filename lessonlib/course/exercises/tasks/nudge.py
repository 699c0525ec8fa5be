"""Functions, places and steps."""

import math


def _square(x: float) -> float:
    return x**2


def _cube(x: float) -> float:
    return x**3 - 2 * x


def cases(seed: int) -> list[dict]:
    """Large steps and small ones; curves that bend, so that one side differs from the other."""
    shift = 0.1 * seed
    return [{"f": _square, "x": 3.0 + shift, "h": 0.5}, {"f": _cube, "x": -1.0 + shift, "h": 0.1},
            {"f": math.exp, "x": 0.5 + shift, "h": 0.01}, {"f": math.sin, "x": 2.0 + shift, "h": 1.0},
            {"f": _cube, "x": 1.5 + shift, "h": 0.25}]
