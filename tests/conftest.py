"""What all tests share: no network, no progress bars, one thread, and data in MNIST's shape.

PyTorch is imported by the fixtures that need it: the process that deals out the tests runs none of them.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lessonlib.data import Digits
    from lessonlib.ladder import Task

os.environ.update(LESSONLIB_OFFLINE="1", MPLBACKEND="agg", TQDM_DISABLE="1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a shell runs in the background (`nohup … &`) hears no Ctrl-C, and what it starts inherits that: tests send it one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
ROOT = Path(__file__).resolve().parents[1]
# Those that wait for others first, as long as notebooks run beside them; then by the processor time that
# benchmarks/suite.py shows.
LONG = ("test_site.py", "test_scale.py", "test_browser.py", "test_workbooks.py", "test_front_door.py", "test_notebooks.py",
        "test_probes.py", "test_exercise_files.py", "test_exercises.py", "test_exercise_mutants.py", "test_tuning.py",
        "test_ladder.py", "test_forms.py", "test_download.py", "test_pictures.py", "test_bare.py", "test_cli.py",
        "test_floors.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: dealt out file by file, a long one at the end would leave the other worker without work."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture(autouse=True)
def no_attempt_goes_on() -> Iterator[None]:
    """An attempt that still runs after its verdict would slow down every test that comes after."""
    yield
    deadline = time.monotonic() + 20
    while left := [thread for thread in threading.enumerate() if thread.name == "attempt"]:
        assert time.monotonic() < deadline, f"{len(left)} attempts still run"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def mnist() -> Digits:
    """The real MNIST; tests that ask for it are skipped where it is not."""
    from lessonlib.data import load_digits
    from lessonlib.files import find_mnist

    if find_mnist() is None:
        pytest.skip("MNIST is not on this machine (set LESSONLIB_DATA, or run `lessons data get`)")
    return load_digits("mnist")


@pytest.fixture(scope="session")
def random_digits() -> Digits:
    """2,000 training and 500 validation images that can be learned: noise with a bright row for each digit."""
    import torch

    from lessonlib.data import Digits, Split

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
    from lessonlib.ladder import make_task

    return make_task(random_digits)
