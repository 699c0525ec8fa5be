"""Pairs of shapes, about half of which fit."""

import random

SHOWN_AS = "whether they fit (1 is True, 0 is False)"

_PAIRS = (((5, 1, 3), (4, 3)), ((2, 3), (3, 2)), ((4, 1), (1, 6)), ((3,), (3, 5)), ((5,), (3, 5)), ((2, 4), (4, 4)),
          ((7,), ()), ((2, 3), (3,)), ((2, 3), (2,)), ((1, 4), (6, 4)), ((6, 4), (6, 1)), ((3, 1, 5), (3, 5)), ((8, 3), (4, 3)),
          ((2, 5, 3), (5, 1)), ((3, 3), (3, 3)), ((1,), (9,)), ((2, 3, 4), (2, 1, 1)), ((4, 2, 3), (4, 5, 3)))


def cases(seed: int) -> list[dict]:
    """Well chosen pairs; for another seed, pairs by chance."""
    if seed == 0:
        return [{"a": a, "b": b} for a, b in _PAIRS]
    rng = random.Random(seed)
    return [{"a": _shape(rng), "b": _shape(rng)} for _ in range(40)]


def _shape(rng: random.Random) -> tuple[int, ...]:
    return tuple(rng.choice((1, 2, 4)) for _ in range(rng.randint(0, 3)))
