"""Pictures with their ink at different places."""

import torch
from torch import Tensor


def cases(seed: int) -> list[dict]:
    """A blot in the middle, a single pixel, ink up to the edges, and a few strewn pixels."""
    rng = torch.Generator().manual_seed(seed)
    return [{"image": _blot(rng, 9, 12, 2, 6, 3, 10)}, {"image": _blot(rng, 8, 6, 5, 6, 1, 2)},
            {"image": _blot(rng, 5, 7, 0, 5, 0, 7)}, {"image": _blot(rng, 10, 10, 1, 7, 4, 9)}, {"image": _strewn(rng)}]


def _blot(rng: torch.Generator, height: int, width: int, top: int, bottom: int, left: int, right: int) -> Tensor:
    image = torch.zeros(height, width, dtype=torch.uint8)
    ink = torch.randint(0, 256, (bottom - top, right - left), generator=rng, dtype=torch.uint8)
    ink[0, -1], ink[-1, 0] = 1, 90  # inked corners, one of them faint: so the blot is as large as it was meant to be
    image[top:bottom, left:right] = ink
    return image


def _strewn(rng: torch.Generator) -> Tensor:
    image = torch.zeros(12, 9, dtype=torch.uint8)
    for row, column in ((3, 7), (8, 2), (5, 4)):
        image[row, column] = int(torch.randint(1, 256, (), generator=rng))
    return image
