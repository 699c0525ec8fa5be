"""Running code that may do anything: with a time limit, its prints caught, everything put back afterwards.

The attempt runs in a thread of its own. A process of its own would be safer still, but what a learner wrote in a
notebook (a class in a cell, a lambda) cannot be sent to one on Windows and macOS. Time is counted in the learner's own
lines (see `Stopwatch`): when it is up, an exception is raised in the next of them, which ends `while True: pass` on every
system. Where no next line comes (a call that never comes back from C), the thread is left behind as a daemon, and the
learner is told; should that call come back, the thread ends then. What memory it may take is bounded in `memory`.
"""

import builtins
import contextlib
import ctypes
import io
import linecache
import logging
import os
import random
import sys
import sysconfig
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from lessonlib.course.exercises.engine import memory

SECONDS = 1.0  # of processor time in a call that goes through very many lines
SECONDS_IN_FEW_LINES = 5.0  # in one that does not: a first plot takes a second or two
MANY_LINES = 50_000
SECONDS_WITHOUT_A_LINE = 20.0  # of processor time, for one call of a library
SECONDS_OF_A_LINE = 0.3  # of processor time, after which a line is looked at step by step
SECONDS_OF_WAITING = 4.0  # on the clock, with hardly any processor time
SECONDS_TO_STOP = 0.5
MOST_MEMORY = 2 * 2**30  # bytes that an attempt may take; the inputs of all exercises are tiny
TURN = 0.02  # seconds between two looks at the thread
MOST_PRINTED, MOST_LINES = 2000, 15  # characters, lines
_NOT_THEIRS = (str(Path(__file__).resolve().parents[3]), "<frozen", "<__array_function__",
               *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))


class TimeUp(SystemExit):
    """Raised inside the attempt's thread when its time is up (threads end silently on SystemExit)."""


@dataclass
class LineClock:
    """Processor time of the learner's own lines, and of what they call, without the time of imports.

    The thread of the attempt calls `line` at each of the learner's lines; the thread that waits reads the rest.
    """

    lines: int = 0
    inside: bool = False  # whether a call of the learner's code is under way
    importing: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    raised: bool = False
    where: str = ""
    longest: float = 0.0  # of all calls so far, in seconds
    _begin: float = 0.0
    _imported: float = 0.0
    _import_begin: float = 0.0

    def enter(self) -> None:
        """A call of the learner's code begins."""
        self.lines, self._imported, self.importing = 0, 0.0, 0
        self._begin, self.inside = time.thread_time(), True

    def leave(self) -> None:
        """It is over."""
        self.inside = False
        self.longest = max(self.longest, self.seconds())

    def seconds(self) -> float:
        """Processor time of the call that is under way."""
        return time.thread_time() - self._begin - self._imported

    def import_begins(self) -> None:
        if self.importing == 0:
            self._import_begin = time.thread_time()
        self.importing += 1

    def import_ends(self) -> None:
        self.importing -= 1
        if self.importing == 0:
            self._imported += time.thread_time() - self._import_begin

    def line(self, frame: FrameType) -> None:
        """One of the learner's lines is about to run; raises `TimeUp` if it may not."""
        self.lines += 1
        if self.lines & 63 == 0 or self.stop.is_set() or self.lines < 64:
            spent = self.seconds() if self.importing == 0 else 0.0
            limit = SECONDS if self.lines > MANY_LINES else max(SECONDS, SECONDS_IN_FEW_LINES)
            if self.stop.is_set() or spent > limit:
                self.where = self.where or line_in_words(frame.f_code.co_filename, frame.f_lineno)
                self.raised = True
                self.stop.set()
                raise TimeUp


@dataclass
class Outcome:
    """How a run ended: `value`, or the `error` it raised, or one of the flags."""

    value: Any = None
    error: BaseException | None = None
    timed_out: bool = False
    too_large: bool = False  # it took more memory than it may, and was stopped for that
    interrupted: bool = False  # by the person at the keyboard
    stopped: bool = True  # False where the thread could not be ended
    where: str = ""  # the line at which time ran out
    printed: str = ""


class OutputCapture(io.TextIOBase):
    """Keeps the first characters that are written, and drops the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.dropped = "", False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = MOST_PRINTED - len(self.text)
        self.text += text[:room]
        self.dropped |= len(text) > room
        return len(text)

    def captured(self) -> str:
        lines = self.text.splitlines()
        return "\n".join([*lines[:MOST_LINES], *(["… (and more)"] if self.dropped or len(lines) > MOST_LINES else [])])


def _no_input(*_args: object) -> str:
    raise EOFError("input() has nobody to ask here")


# --- what is put back ---------------------------------------------------------------------------------------------


def _figures() -> set[int]:
    plt = sys.modules.get("matplotlib.pyplot")
    return set(plt.get_fignums()) if plt is not None else set()


@contextlib.contextmanager
def _libraries_kept() -> Iterator[None]:
    """Print options, precision, cuDNN, rcParams and open figures."""
    import torch._tensor_str as tensor_str

    printing, numpy_printing = vars(tensor_str.PRINT_OPTS).copy(), np.get_printoptions()
    precision, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn
    cudnn_flags = {name: getattr(cudnn, name) for name in ("enabled", "benchmark", "deterministic", "allow_tf32")}
    matplotlib = sys.modules.get("matplotlib")
    settings = dict.copy(matplotlib.rcParams) if matplotlib is not None else {}
    figures = _figures()
    try:
        yield
    finally:
        vars(tensor_str.PRINT_OPTS).update(printing)
        np.set_printoptions(**numpy_printing)
        if torch.get_float32_matmul_precision() != precision:
            torch.set_float32_matmul_precision(precision)
        for name, value in cudnn_flags.items():
            if getattr(cudnn, name) != value:
                setattr(cudnn, name, value)
        if matplotlib is not None and dict.copy(matplotlib.rcParams) != settings:
            dict.update(matplotlib.rcParams, settings)
        if new := _figures() - figures:
            for number in new:
                sys.modules["matplotlib.pyplot"].close(number)


@contextlib.contextmanager
def _python_kept() -> Iterator[None]:
    """The search path, the folder, the environment, logging, warnings, the limit of recursion, and `input`."""
    recursion, path, folder, environment = sys.getrecursionlimit(), list(sys.path), Path.cwd(), dict(os.environ)
    root, ask = logging.getLogger(), builtins.input
    log = (root.level, list(root.handlers), logging.root.manager.disable)
    try:
        builtins.input = _no_input
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        builtins.input = ask
        sys.setrecursionlimit(recursion)
        sys.path[:] = path
        root.setLevel(log[0])
        root.handlers[:] = log[1]
        logging.disable(log[2])
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        if Path.cwd() != folder:
            os.chdir(folder)


@contextlib.contextmanager
def state_kept() -> Iterator[None]:
    """Float64, one thread and fixed seeds inside; afterwards everything global is as it was."""
    dtype, threads, device = torch.get_default_dtype(), torch.get_num_threads(), torch.get_default_device()
    deterministic, anomaly = torch.are_deterministic_algorithms_enabled(), torch.is_anomaly_enabled()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        torch.set_default_dtype(torch.float64)
        if threads > 1:
            torch.set_num_threads(1)  # each thread of a pool would take addresses, which are bounded
        if device.type != "cpu":
            torch.set_default_device("cpu")
        reseed()
        with _libraries_kept(), _python_kept():
            yield
    finally:
        torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            torch.set_default_device(device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if torch.are_deterministic_algorithms_enabled() != deterministic:  # the call itself loads PyTorch's compiler
            torch.use_deterministic_algorithms(deterministic)
        torch.autograd.set_detect_anomaly(anomaly)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def reseed() -> None:
    """The seeds with which every judgement begins."""
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)  # torch.manual_seed would touch the GPU's as well


# --- running and ending -------------------------------------------------------------------------------------------


def run(work: Callable[[], Any], watch: LineClock) -> Outcome:
    """Call `work` in a thread, with everything above; never raises."""
    outcome, output, done = Outcome(), OutputCapture(), threading.Event()

    def body() -> None:
        try:
            outcome.value = work()
        except BaseException as error:
            outcome.error = error
        finally:
            done.set()

    thread = threading.Thread(target=body, name="attempt", daemon=True)
    caught = contextlib.redirect_stdout(output), contextlib.redirect_stderr(output)
    with state_kept(), caught[0], caught[1], memory.bounded(MOST_MEMORY) as taken:
        try:
            in_time = _finishes(thread, done, watch, taken)
            if not in_time:
                watch.where = watch.where or _where(thread)
                outcome.stopped = _stop(thread, done, watch)
        except KeyboardInterrupt:
            outcome.interrupted = True
            outcome.stopped = _stop(thread, done, watch)
    outcome.too_large = taken.too_much and not outcome.interrupted and watch.stop.is_set()
    outcome.timed_out = not outcome.interrupted and watch.stop.is_set()
    outcome.where = watch.where
    outcome.printed = output.captured()
    # A thread that was left behind may still write into `outcome`: what counts is how it stood now.
    return Outcome(**vars(outcome))


class _Waiting:
    """Waiting for something in short turns, and how long that took; slept through is counted, starved is not.

    A turn that lasts much longer than it should says that the machine has no time for us at all, so that the thread we
    wait for has none either: it counts no more than a turn and a half.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._last = time.perf_counter()

    def turn(self, done: threading.Event) -> bool:
        """Wait for one turn; gives whether it is done."""
        finished = done.wait(TURN)
        now = time.perf_counter()
        self.seconds += min(now - self._last, 1.5 * TURN)
        self._last = now
        return finished


def _finishes(thread: threading.Thread, done: threading.Event, watch: LineClock, taken: memory.Taken) -> bool:
    """Wait until the thread is done; gives whether it was. A busy machine alone makes nothing late."""
    waiting = _Waiting()
    lines, worked = -1, time.process_time()  # when its last line began
    idle_since, idle_worked, raised = 0.0, worked, 0.0
    thread.start()
    while not waiting.turn(done):
        now, work = waiting.seconds, time.process_time()
        if not watch.inside or watch.lines != lines or _imports(thread):
            lines, worked, idle_worked, idle_since = watch.lines, work, work, now
        elif work - idle_worked > 0.02 * (now - idle_since) + 0.05:
            idle_worked, idle_since = work, now  # it works; perhaps slowly, because others work too
        if watch.inside and work - worked > SECONDS_OF_A_LINE:
            _trace_steps(thread)
        if not watch.raised:
            raised = now
        if taken.look() and not watch.stop.is_set():
            watch.where = watch.where or _where(thread)
            watch.stop.set()  # the next of its lines ends it
            raised = now
        if watch.stop.is_set() and taken.too_much and now - raised > SECONDS_TO_STOP:
            return False
        if watch.inside and (now - idle_since > SECONDS_OF_WAITING or work - worked > SECONDS_WITHOUT_A_LINE
                             or now - raised > SECONDS_TO_STOP):
            return False
    return True


def _trace_steps(thread: threading.Thread) -> None:
    """Count each step of the line that the thread is in as a line.

    Up to Python 3.11 `while True: pass` on one line is a jump to itself, for which no new line is announced: without
    this it would go on for ever, and take half the time of all that comes after it.
    """
    frame = sys._current_frames().get(thread.ident or 0)
    if sys.version_info < (3, 12) and frame is not None and is_theirs(frame.f_code.co_filename):
        frame.f_trace_opcodes = True


def _imports(thread: threading.Thread) -> bool:
    """Whether the thread is importing something: some parts of PyTorch are loaded at their first use, in seconds."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _stop(thread: threading.Thread, done: threading.Event, watch: LineClock) -> bool:
    """End the thread; gives whether it did.

    Normally its next line raises `TimeUp`. A thread that has swallowed that once is traced no more: only then is an
    exception raised in it from outside. The two never come together, which CPython does not survive every time.
    """
    watch.stop.set()
    if thread.ident is None:
        return True  # it never began
    waiting = _Waiting()
    while not waiting.turn(done) and waiting.seconds < SECONDS_TO_STOP:
        if watch.raised:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
    if watch.raised and not done.is_set():
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
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and not is_theirs(frame.f_code.co_filename):
        frame = frame.f_back
    return "" if frame is None else line_in_words(frame.f_code.co_filename, frame.f_lineno)


def is_theirs(file: str) -> bool:
    """Whether code of this file belongs to the learner: neither to lessonlib nor to Python or an installed library."""
    return not file.startswith(_NOT_THEIRS)


def line_in_words(file: str, number: int) -> str:
    """A line of the learner's code, with its number where its text is not known."""
    text = linecache.getline(file, number).strip()
    return f"line {number}, `{text}`" if text else f"line {number}"
