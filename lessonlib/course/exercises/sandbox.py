"""Running code that may do anything: with a time limit, its prints caught, everything put back afterwards.

The attempt runs in a thread of its own. A process of its own would be safer still, but what a learner wrote in a
notebook (a class in a cell, a lambda) cannot be sent to one on Windows and macOS. When the time is up, an exception is
raised inside the thread, which ends `while True: pass` on every system. Where even that does not help (a call that
never comes back from C, an `except:` that swallows all), the thread is left behind as a daemon, and the learner is told.
"""

import builtins
import contextlib
import ctypes
import io
import linecache
import os
import random
import sys
import sysconfig
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

SECONDS = 1.0  # of work; a busy machine may need longer on the clock
SECONDS_ON_THE_CLOCK = 4.0
SECONDS_TO_IMPORT = 20.0
SECONDS_TO_STOP = 0.5
MOST_PRINTED, MOST_LINES = 2000, 15  # characters, lines
_NOT_THEIRS = (str(Path(__file__).resolve().parents[2]), "<frozen", "<__array_function__",
               *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))


class TimeUp(SystemExit):
    """Raised inside the attempt's thread when its time is up (threads end silently on SystemExit)."""


@dataclass
class Outcome:
    """How a run ended: `value`, or the `error` it raised, or one of the flags."""

    value: Any = None
    error: BaseException | None = None
    timed_out: bool = False
    interrupted: bool = False  # by the person at the keyboard
    stopped: bool = True  # False where the thread could not be ended
    where: str = ""  # the line at which time ran out
    printed: str = ""


class Ear(io.TextIOBase):
    """Keeps the first characters that are written, and drops the rest."""

    def __init__(self):
        super().__init__()
        self.text, self.dropped = "", False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = MOST_PRINTED - len(self.text)
        self.text += text[:room]
        self.dropped |= len(text) > room
        return len(text)

    def heard(self) -> str:
        lines = self.text.splitlines()
        return "\n".join([*lines[:MOST_LINES], *(["… (and more)"] if self.dropped or len(lines) > MOST_LINES else [])])


def _no_input(*_args: object) -> str:
    raise EOFError("input() has nobody to ask here")


@contextlib.contextmanager
def state_kept() -> Iterator[None]:
    """Float64 and fixed seeds inside; afterwards everything global is as it was."""
    torch_dtype, threads, recursion = torch.get_default_dtype(), torch.get_num_threads(), sys.getrecursionlimit()
    deterministic, anomaly = torch.are_deterministic_algorithms_enabled(), torch.is_anomaly_enabled()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    folder, environment, ask = Path.cwd(), dict(os.environ), builtins.input
    try:
        torch.set_default_dtype(torch.float64)
        random.seed(0)
        np.random.seed(0)
        torch.default_generator.manual_seed(0)  # torch.manual_seed would touch the GPU's as well
        builtins.input = _no_input
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        builtins.input = ask
        torch.set_default_dtype(torch_dtype)
        torch.set_num_threads(threads)
        if torch.are_deterministic_algorithms_enabled() != deterministic:  # the call itself loads PyTorch's compiler
            torch.use_deterministic_algorithms(deterministic)
        torch.autograd.set_detect_anomaly(anomaly)
        sys.setrecursionlimit(recursion)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        if Path.cwd() != folder:
            os.chdir(folder)


def run(work: Callable[[], Any]) -> Outcome:
    """Call `work` in a thread, with everything above; never raises."""
    outcome, ear, done = Outcome(), Ear(), threading.Event()

    def body() -> None:
        try:
            outcome.value = work()
        except BaseException as error:
            outcome.error = error
        finally:
            done.set()

    thread = threading.Thread(target=body, name="attempt", daemon=True)
    with state_kept(), contextlib.redirect_stdout(ear), contextlib.redirect_stderr(ear):
        try:
            outcome.timed_out = not _finishes(thread, done)
            if outcome.timed_out:
                outcome.where = _where(thread)
                outcome.stopped = _stop(thread, done)
        except KeyboardInterrupt:
            outcome.interrupted = True
            outcome.stopped = _stop(thread, done)
    outcome.printed = ear.heard()
    # A thread that was left behind may still write into `outcome`: what counts is how it stood now.
    return Outcome(**vars(outcome))


def _finishes(thread: threading.Thread, done: threading.Event) -> bool:
    begin = clock = time.perf_counter()
    work = time.process_time()
    thread.start()
    while not done.wait(0.02):
        now, worked = time.perf_counter(), time.process_time() - work
        if _imports(thread) and now - begin < SECONDS_TO_IMPORT:
            clock, work = now, time.process_time()  # the limit is for the learner's own lines
        elif now - clock > SECONDS_ON_THE_CLOCK or (now - clock > SECONDS and worked > SECONDS):
            return False
    return True


def _imports(thread: threading.Thread) -> bool:
    """Whether the thread is importing something: some parts of PyTorch are loaded at their first use, in seconds."""
    frame = sys._current_frames().get(thread.ident)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _stop(thread: threading.Thread, done: threading.Event) -> bool:
    """Raise `TimeUp` in the thread until it ends; gives whether it did."""
    if thread.ident is None:
        return True  # it never began
    end = time.perf_counter() + SECONDS_TO_STOP
    while not done.is_set() and time.perf_counter() < end:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
        done.wait(0.02)
    if not done.is_set():
        _let_others_run()
    return done.is_set()


def _let_others_run() -> None:
    """Take back the flag that an exception waits for some thread; the exception itself goes on waiting for its own.

    Python 3.10 and 3.11 have one such flag for all threads, and a traced function cannot begin while it is set: after
    an attempt that hangs in C, every later one would seem endless. A thread that takes an exception resets the flag.
    """
    def take() -> None:
        try:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threading.get_ident()), ctypes.py_object(TimeUp))
            for _ in range(1000):
                pass
        except TimeUp:
            return

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    taker.join(SECONDS_TO_STOP)


def _where(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident)
    while frame is not None and not is_theirs(frame):
        frame = frame.f_back
    return "" if frame is None else line_in_words(frame.f_code.co_filename, frame.f_lineno)


def is_theirs(frame: FrameType) -> bool:
    """Whether a frame belongs to the learner: neither to lessonlib nor to Python or an installed library."""
    return not frame.f_code.co_filename.startswith(_NOT_THEIRS)


def line_in_words(file: str, number: int) -> str:
    """A line of the learner's code, with its number where its text is not known."""
    text = linecache.getline(file, number).strip()
    return f"line {number}, `{text}`" if text else f"line {number}"
