"""Losses of rung 1 and of others: healthy ones, some that stray early, late, downwards, or into nan."""

import random
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_CHANGES: dict[str, dict[int, float]] = {
    "Module": {}, "Loop": {2: 0.004}, "SGD": {5: -0.02}, "Matmul": {3: float("nan")}, "Gradients": {}, "Bare Python": {7: 0.5}}


def cases(seed: int) -> list[dict]:
    """Each case holds another choice of the runs; one holds none that strayed."""
    rng = random.Random(seed)
    found = []
    for names in (tuple(_CHANGES), ("Module", "Gradients"), ("Matmul",), ("SGD", "Module"), ("Gradients", "Loop", "Bare Python")):
        first = [2.3 * 0.9**i + 0.1 * rng.random() for i in range(8)]
        runs = {name: [loss + 1e-7 * rng.uniform(-1, 1) + _CHANGES[name].get(i, 0.0) for i, loss in enumerate(first)]
                for name in names}
        found.append({"first": first, "runs": runs, "tolerance": 1e-3})
    return found


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """The number of each name in the dictionary, in the order of the answer; -1 for a name that is not in it."""
    if not isinstance(value, (list, tuple)):
        return None
    names = list(inputs["runs"])
    return torch.tensor([float(names.index(name)) if name in names else -1.0 for name in value], dtype=torch.float64)
