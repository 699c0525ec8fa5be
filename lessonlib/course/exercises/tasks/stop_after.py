"""Validation losses that fall, turn round, go up and down."""


def cases(seed: int) -> list[dict]:
    """The seed shifts all losses, which changes no answer."""
    runs = [([2.0, 1.5, 1.2, 1.3, 1.25, 1.4, 1.1], 2), ([2.0, 1.0, 1.8, 1.4, 1.6, 1.3, 1.5], 3), ([1.0, 0.9, 0.8, 0.7], 1),
            ([3.0, 2.0, 2.5, 1.5, 1.9, 1.0, 1.2, 1.1], 2), ([1.0, 1.0, 1.0, 1.0], 2), ([2.0, 1.0, 1.5], 1)]
    return [{"losses": [loss + seed % 10 / 8 for loss in losses], "patience": patience} for losses, patience in runs]
