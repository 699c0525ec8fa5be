"""Mini-batches by hand: a data set, an order, and a loader that hands out batches."""
from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["batches", "TensorPairs", "ShuffleSampler", "BatchLoader"]


def batches(
    x: Tensor,  # (n, ...)
    y: Tensor,  # (n, ...)
    batch_size: int = 64,
    generator: torch.Generator | None = None,  # shuffles the rows; as they stand if None
) -> Iterator[tuple[Tensor, Tensor]]:  # pairs (xb, yb); the last may be smaller
    """One epoch of mini-batches. A single gather puts the rows in order; the batches are views into it."""
    if len(x) != len(y):
        raise ValueError(f"expected one target an input; got {len(x)} inputs and {len(y)} targets")
    if batch_size < 1:
        raise ValueError(f"expected a batch size of 1 or more; got {batch_size}")
    if generator is not None:
        order = torch.randperm(len(x), generator=generator).to(x.device)
        x, y = x[order], y[order]
    return zip(x.split(batch_size), y.split(batch_size), strict=True)


class TensorPairs:
    """A data set: `len(pairs)` examples, `pairs[i]` the i-th as (input, target)."""

    def __init__(self, x: Tensor, y: Tensor):
        if len(x) != len(y):
            raise ValueError(f"expected one target an input; got {len(x)} inputs and {len(y)} targets")
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class ShuffleSampler:
    """All row numbers from 0 to n - 1, in a new random order each time it is asked."""

    def __init__(self, n: int, generator: torch.Generator | None = None):
        self.n, self.generator = n, generator

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self.n, generator=self.generator).tolist())


class BatchLoader:
    """Mini-batches of tensors, again and again: each `for` loop over it is one epoch."""

    def __init__(
        self,
        x: Tensor,  # (n, ...)
        y: Tensor,  # (n, ...)
        batch_size: int = 64,
        shuffle: bool = False,  # a new random order each epoch
        generator: torch.Generator | None = None,  # where the order comes from; torch's own if None
    ):
        if len(x) != len(y):
            raise ValueError(f"expected one target an input; got {len(x)} inputs and {len(y)} targets")
        self.x, self.y, self.batch_size = x, y, batch_size
        self.shuffle, self.generator = shuffle, generator

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return -(-len(self.x) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = (self.generator or torch.default_generator) if self.shuffle else None
        return batches(self.x, self.y, self.batch_size, generator)
