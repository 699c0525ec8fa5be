"""The form in which MNIST was published: four files, each a short header and then nothing but bytes."""

import math
from pathlib import Path

import numpy as np

from lessonlib.files.reading import corrupt, looks_like, read_bytes

IDX = {  # the four files and the sizes that their headers must give
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}

Part = tuple[np.ndarray, np.ndarray]  # images uint8 (n, 28, 28), labels int64 (n,)


def read_idx(files: dict[str, Path], sizes: dict[str, tuple[int, ...]] = IDX) -> tuple[Part, Part, Part]:
    """The four IDX files; the last 10,000 of the 60,000 training images are the validation part.

    Raises `DataCorrupt` naming the file that is broken. It takes the 55 MB of the pixels and no more.
    """
    train_x, train_y, test_x, test_y = (_read_idx_file(files[name], shape, sizes) for name, shape in sizes.items())
    n_train = len(train_y) - len(test_y)
    return (train_x[:n_train], train_y[:n_train]), (train_x[n_train:], train_y[n_train:]), (test_x, test_y)


def header_of(shape: tuple[int, ...]) -> bytes:
    """Two zero bytes, 8 for "unsigned bytes", the rank, then each size in four bytes, high byte first."""
    return bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


def _read_idx_file(path: Path, shape: tuple[int, ...], sizes: dict[str, tuple[int, ...]]) -> np.ndarray:
    header, n_bytes = header_of(shape), math.prod(shape)
    expected = f"an IDX file of {' x '.join(f'{size:,}' for size in shape)} bytes (header {header.hex(' ', 4)})"
    content = read_bytes(path, len(header) + n_bytes)
    if not content.startswith(header):
        start = content[: len(header)]
        raise corrupt(path, expected, f"one that begins with {start.hex(' ', 4) or 'nothing'}"
                      + (looks_like(start) or _mix_up(content, sizes)))
    if len(content) != len(header) + n_bytes:
        got = f"{len(content) - len(header):,} bytes after it" if len(content) < len(header) + n_bytes else "more bytes"
        raise corrupt(path, expected, got)
    array = np.frombuffer(content, dtype=np.uint8, offset=len(header)).reshape(shape)
    return array if array.ndim == 3 else checked_labels(path, expected, array)


def checked_labels(path: Path, expected: str, labels: np.ndarray) -> np.ndarray:
    """The labels as int64. Raises `DataCorrupt` where one of them is not a digit."""
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    if len(wrong):
        raise corrupt(path, f"{expected}, labels from 0 to 9",
                      f"a label {labels[wrong[0]]} (number {wrong[0] + 1:,} of {len(labels):,}; "
                      f"{len(wrong):,} like it)")
    return labels.astype(np.int64)


def _mix_up(content: bytes, sizes: dict[str, tuple[int, ...]]) -> str:
    """Whose header this is, where it is one of the other files'."""
    others = [name for name, shape in sizes.items() if content.startswith(header_of(shape))]
    return f"; that is the beginning of {others[0]}: images and labels, or the two parts, are swapped" if others else ""
