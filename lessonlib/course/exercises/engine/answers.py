"""Answers of our own: the solution, the cells of a task's file, and mutants; made, and called within limits."""

import linecache
import math
import sys
import warnings
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lessonlib.course.exercises.engine import memory
from lessonlib.course.exercises.engine.sandbox import is_theirs

MOST_LINES = 20_000  # of one call: a mutant may have no end
MOST_MEMORY = 2**30  # bytes that one call may take: a mutant may ask for a table of a million times a million
_FILE = "<an answer of ours>"
UNREAD = "<an answer without a text>"  # judged as a learner's lines are, which nobody can read


class NoEnd(BaseException):
    """An answer of ours went through more lines than any right one does."""


def make_answer(source: str, name: str, file: str = _FILE, space: Mapping[str, Any] | None = None) -> Any:
    """Run a cell and give the function or class that it makes. Raises whatever the cell raises.

    `space` is what the cell can see, if not a notebook's usual imports. With a `file` of its own its text can be read
    again, as that of a cell in Jupyter can.
    """
    usual = {"__name__": "__main__", "torch": torch, "nn": nn, "F": functional, "np": np, "math": math}
    space = usual if space is None else dict(space)
    if file not in (_FILE, UNREAD):
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, file, "exec"), space)  # our own text, from the file of the task
    return space[name]


def call_ours(function: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Call an answer of ours; raises `NoEnd` where it goes through too many lines, `MemoryError` where it takes too much."""
    left, importing = MOST_LINES, 0

    def line(_frame: FrameType, event: str, _arg: object) -> Callable:
        nonlocal left
        left -= 1
        if left < 0:
            raise NoEnd
        return line

    def imported(_frame: FrameType, event: str, _arg: object) -> Callable:
        nonlocal importing
        importing -= event == "return"
        return imported

    def call(frame: FrameType, _event: str, _arg: object) -> Callable | None:
        nonlocal importing
        if frame.f_code.co_name == "_find_and_load" and frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            importing += 1  # a library that is imported may run code that it writes itself; half of it would be no use
            return imported
        return line if not importing and is_theirs(frame.f_code.co_filename) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        with memory.bounded(MOST_MEMORY):
            return function(*args, **more)
    finally:
        sys.settrace(before)
