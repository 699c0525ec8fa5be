"""Odd numbers of steps, at both ends, at the middle, and on both sides."""


def cases(seed: int) -> list[dict]:
    """The seed moves the ends."""
    low, high = 0.01 * (1 + seed % 6), 1.0 + seed % 4
    return [{"step": step, "n_steps": n_steps, "low": low * (1 + n), "high": high + n}
            for n, (step, n_steps) in enumerate(((2, 11), (8, 11), (5, 11), (0, 5), (4, 5), (3, 7)))]
