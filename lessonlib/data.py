"""The digits: 70,000 small pictures and what each one shows."""
from dataclasses import dataclass
from os import PathLike

import numpy as np
import torch
from torch import Tensor

from lessonlib.files import DataCorrupt, DataError, DataNotFound, find_mnist, mnist_is_missing, say, try_to_fetch
from lessonlib.handwriting import handwritten

__all__ = ["DataError", "DataNotFound", "DataCorrupt", "SOURCES", "Split", "Digits", "load_digits", "flatten",
           "pixel_stats", "as_rows"]

SOURCES = ("auto", "mnist", "handwriting")


@dataclass(frozen=True)
class Split:
    """One part of the data: pictures and what they show."""

    x: Tensor  # (n, 28, 28) uint8: 0 is background, 255 full ink
    y: Tensor  # (n,) int64: 0 to 9

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images)"


@dataclass(frozen=True)
class Digits:
    """The three parts of the data, and where they come from."""

    train: Split
    valid: Split
    test: Split
    source: str  # "mnist" or "handwriting"


def load_digits(
    source: str = "auto",  # "mnist", "handwriting", or "auto": MNIST where it can be had, else handwriting
    path: str | PathLike | None = None,  # a folder, or the pickle itself, to look at before all other places
) -> Digits:  # 50,000 training, 10,000 validation and 10,000 test images
    """The data of all lessons.

    Raises `DataNotFound` when "mnist" is asked for and is nowhere, `DataCorrupt` when a file is broken,
    `ValueError` for a source it does not know.
    """
    if source not in SOURCES:
        raise ValueError(f"expected a source out of {', '.join(SOURCES)}; got {source!r}")
    if source != "handwriting":
        found = find_mnist(path) or (try_to_fetch() if source == "auto" else None)
        if found is not None:
            return Digits(*(_split(x, y) for x, y in found.read()), source="mnist")
        if source == "mnist":
            raise mnist_is_missing(path)
        say("MNIST is not there, so these are the built-in digits, drawn by lessonlib.handwriting. "
            "`lessons data get` fetches MNIST; numbers in the text are those of MNIST")
    x, y = handwritten()
    parts = slice(50_000), slice(50_000, 60_000), slice(60_000, 70_000)
    return Digits(*(_split(x[part], y[part]) for part in parts), source="handwriting")


def _split(x: np.ndarray | Tensor, y: np.ndarray | Tensor) -> Split:
    # Arrays read from a file may be read-only, which tensors cannot be: those are copied.
    x, y = (torch.from_numpy(np.require(a, requirements="W")) if isinstance(a, np.ndarray) else a for a in (x, y))
    return Split(x, y)


def flatten(
    images: Tensor,  # (n, 28, 28)
) -> Tensor:  # (n, 784): the rows of each picture, one after another
    """Lay the rows of each picture end to end."""
    return images.view(len(images), -1)


def pixel_stats(
    images: Tensor,  # (n, 28, 28) uint8
) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, on a scale from 0 to 1."""
    counts = torch.bincount(images.flatten(), minlength=256).double()  # 256 values are faster than millions of pixels
    share, value = counts / counts.sum(), torch.arange(256).double() / 255
    mean = (share * value).sum()
    return mean.item(), (share * (value - mean) ** 2).sum().sqrt().item()


def as_rows(
    images: Tensor,  # (n, 28, 28) uint8
    mean: float,  # of the training images, from `pixel_stats`
    std: float,  # of the training images, from `pixel_stats`
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:  # (n, 784), normalised
    """Flatten each picture and normalise it with the mean and standard deviation of the *training* images."""
    return (flatten(images).to(device, dtype) / 255 - mean) / std
