"""What the workers of a search run in tests: a new process imports it from here."""

import os
import time

import torch


def square(x, factor, wait=0.0):
    """A setting that may take its time, and says how many threads it has."""
    time.sleep(wait)
    return {"sum": float((factor * x).sum()), "threads": torch.get_num_threads(), "process": os.getpid()}


def fails_at_two(x, factor):
    """One setting that raises."""
    if factor == 2:
        raise ArithmeticError("two is not allowed here")
    return {"sum": float(factor)}


def dies(x, factor):
    """A worker that is gone at once, as when the system ends it for want of memory."""
    os._exit(9)
