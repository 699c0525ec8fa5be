"""Notes of small computations, and a dictionary of slopes as numbers."""

import random
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

# The steps, and which inputs each of them has: a chain, a fork, two forks in a row, a loss that uses a weight twice.
_SHAPES = (
    (("p", "w"), ("q", "pb"), ("r", "q"), ("loss", "r")),
    (("square", ("x",)), ("triple", ("x",)), ("sum", ("square", "triple"))),
    (("u", "x"), ("v", "ux"), ("w", "vu"), ("loss", "wx")),
    (("a", "xw"), ("b", "aw"), ("loss", "bw")),
    (("loss", "x"),),
)


def cases(seed: int) -> list[dict]:
    """Slopes above and below zero; none is 0 or 1, so that each of them is felt."""
    rng = random.Random(seed)
    return [{"notes": [(name, {source: rng.choice((-1, 1)) * rng.uniform(1.5, 4) for source in inputs})
                       for name, inputs in shape]} for shape in _SHAPES]


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """The slope of each name, in the order of the alphabet; -1000 where it is missing, -2000 for each that no note has."""
    if not isinstance(value, dict):
        return None
    names = sorted({name for result, sources in inputs["notes"] for name in (result, *sources)})
    found = [float(value.get(name, -1000.0)) for name in names]
    return torch.tensor(found + [-2000.0 for name in value if name not in names], dtype=torch.float64)
