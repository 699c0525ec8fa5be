"""Gradients of stretched tensors, and the shapes that they were stretched from."""

import torch

_SHAPES = (((5, 4), (4,)), ((5, 4), (5, 1)), ((2, 3, 4), (3, 1)), ((3, 3), (3,)), ((3, 3), (3, 3)), ((3, 3), (1, 3)),
           ((4, 2), ()), ((2, 3, 2), (1, 3, 1)), ((6, 1), (1,)))


def cases(seed: int) -> list[dict]:
    """New axes, axes of size 1, both, none, and square ones, where a wrong axis gives no error."""
    rng = torch.Generator().manual_seed(seed)
    return [{"grad": torch.randn(big, generator=rng, dtype=torch.float64), "shape": small} for big, small in _SHAPES]
