"""What all tests share: no network, no progress bars, one thread, and data in MNIST's shape."""

import os
from pathlib import Path

os.environ.update(LESSONLIB_OFFLINE="1", MPLBACKEND="agg", TQDM_DISABLE="1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from lessonlib.data import Digits, Split, load_digits
from lessonlib.files import find_mnist
from lessonlib.ladder import Task, make_task

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def mnist() -> Digits:
    """The real MNIST; tests that ask for it are skipped where it is not."""
    if find_mnist() is None:
        pytest.skip("MNIST is not on this machine (set LESSONLIB_DATA, or run `lessons data get`)")
    return load_digits("mnist")


@pytest.fixture(scope="session")
def random_digits() -> Digits:
    """2,000 training and 500 validation images that can be learned: noise with a bright row for each digit."""
    rng = torch.Generator().manual_seed(0)

    def split(n: int) -> Split:
        y = torch.randint(0, 10, (n,), generator=rng)
        x = torch.randint(0, 100, (n, 28, 28), generator=rng, dtype=torch.uint8)
        x[torch.arange(n), y * 2 + 4] = 200
        return Split(x, y)

    return Digits(split(2000), split(500), split(500), "handwriting")


@pytest.fixture(scope="session")
def task(random_digits) -> Task:
    """A task for the ladder with 32 batches, the last of them smaller."""
    return make_task(random_digits)
