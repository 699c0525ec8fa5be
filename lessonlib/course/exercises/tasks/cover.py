"""Pictures and patches that fit inside."""

import torch


def cases(seed: int) -> list[dict]:
    """Patches in the middle, in a corner, and of a single pixel."""
    rng = torch.Generator().manual_seed(seed)
    places = [(7, 9, 2, 3, 3, 0.5), (6, 6, 0, 0, 2, -0.4), (5, 8, 4, 7, 1, 0.25), (8, 5, 3, 1, 4, -1.5)]
    return [{"image": torch.rand(height, width, generator=rng, dtype=torch.float64), "row": row, "column": column, "size": size,
             "fill": fill} for height, width, row, column, size, fill in places]
