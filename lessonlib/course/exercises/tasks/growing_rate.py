"""Runs of different lengths, at their first, last and other steps."""


def cases(seed: int) -> list[dict]:
    """The seed moves the ends a little, so that no answer can be learned by heart."""
    low, high = 0.001 * (1 + seed % 7), 2.0 + seed % 5
    return [{"step": step, "n_steps": n_steps, "low": low, "high": high}
            for step, n_steps in ((3, 11), (0, 5), (4, 5), (7, 20), (1, 2))]
