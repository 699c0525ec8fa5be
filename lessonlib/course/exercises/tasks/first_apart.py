"""Pairs of runs that part early, late, or never."""

import random


def cases(seed: int) -> list[dict]:
    """Losses that differ by rounding at first; the differences go both ways, and grow and shrink.

    One is above the tolerance by itself, and below it as a share of the loss.
    """
    rng = random.Random(seed)
    found = []
    for n, changes in ((8, {3: 0.02, 4: -0.05, 6: 0.01}), (6, {2: -0.3, 4: 0.01}), (5, {}), (7, {0: 0.1, 5: -0.4}),
                       (4, {3: -0.2}), (6, {1: 0.5, 2: 0.2, 5: 0.1}), (5, {2: 0.0013})):
        losses = [2.3 * 0.9**i + 0.1 * rng.random() for i in range(n)]
        others = [loss + changes.get(i, 1e-7 * (-1) ** i) for i, loss in enumerate(losses)]
        found.append({"losses": losses, "others": others, "tolerance": 1e-3})
    return found
