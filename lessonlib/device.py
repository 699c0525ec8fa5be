"""Where the numbers live: choosing a device, fixing the seeds, measuring time."""
import random
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

__all__ = ["DEVICE_NAMES", "find_device", "set_seed", "synchronize", "Stopwatch", "time_call"]

DEVICE_NAMES = ("auto", "cpu", "cuda", "mps")


def find_device(
    name: str = "auto",  # "auto", "cpu", "cuda" or "mps"
) -> torch.device:  # the device to put tensors on
    """The device called `name`; "auto" takes CUDA, then MPS, then the CPU.

    Raises `ValueError` for a name it does not know, `RuntimeError` for a device that is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, is_there in there.items() if is_there))
    if name not in there:
        raise ValueError(f"expected a device out of {', '.join(DEVICE_NAMES)}; got {name!r}")
    if not there[name]:
        raise RuntimeError(f"this machine has no {name} device that PyTorch can use; "
                           "take 'cpu', or 'auto' for the best there is")
    return torch.device(name)


def set_seed(
    seed: int,  # any whole number from 0 to 2**32 - 1
) -> torch.Generator:  # a generator of its own on the CPU, started from `seed`
    """Start the random numbers of Python, NumPy and PyTorch from `seed`."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def synchronize(
    device: torch.device | str,  # the device to wait for
) -> None:
    """Wait until `device` has finished all work handed to it (a CPU always has)."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


class Stopwatch:
    """Measure the seconds that a `with` block takes, waiting for `device` at both ends."""

    def __init__(self, device: torch.device | str = "cpu"):
        self.device, self.seconds = device, float("nan")

    def __enter__(self):
        synchronize(self.device)
        self.start = time.perf_counter()
        return self

    def __exit__(self, *error):
        synchronize(self.device)
        self.seconds = time.perf_counter() - self.start


def time_call(
    function: Callable[[], object],  # what to measure, called without arguments
    repeats: int = 5,  # how often
    device: torch.device | str = "cpu",  # the device it works on
) -> float:  # the median, in seconds
    """The median time of one call of `function`, after one call to warm up."""
    function()
    times = []
    for _ in range(repeats):
        with Stopwatch(device) as watch:
            function()
        times.append(watch.seconds)
    return median(times)
