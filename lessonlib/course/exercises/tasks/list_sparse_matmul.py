"""Matrices with many zeros, and inf where only zeros meet it."""

import random


def cases(seed: int) -> list[dict]:
    """The first column of `a` is 0 (or the last), and the row of `b` that it meets holds inf; one case has no zeros."""
    rng = random.Random(seed)

    def number() -> float:
        return rng.choice((-1, 1)) * rng.uniform(0.5, 2)

    found = []
    for n, k, m, empty in ((3, 5, 2, 0), (2, 4, 3, 3), (3, 3, 3, 1), (2, 3, 2, None), (1, 2, 1, 0)):
        a = [[0.0 if j == empty or (empty is not None and i == 0 and j == (empty + 2) % k) else number() for j in range(k)]
             for i in range(n)]
        b = [[float("inf") if i == empty else number() for _ in range(m)] for i in range(k)]
        found.append({"a": a, "b": b})
    return found
