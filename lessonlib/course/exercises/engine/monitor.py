"""Looking on while an attempt runs: its lines, what it borrows, how often it calls PyTorch, how much it holds."""

import inspect
import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lessonlib.course.exercises.engine.sandbox import LineClock, is_theirs


def codes_of(things: Iterable[Callable | type]) -> dict[CodeType, str]:
    """The code objects of functions and of the methods of classes, each with a name to tell."""
    found = {}
    for thing in things:
        members = vars(thing).values() if isinstance(thing, type) else [thing]
        for member in members:
            member = inspect.unwrap(getattr(member, "__func__", member)) if callable(member) else member
            if (code := getattr(member, "__code__", None)) is not None:
                found[code] = f"{thing.__module__}.{thing.__qualname__}"
    return found


class Monitor(TorchFunctionMode):
    """Counts the learner's lines, and notes which refused functions ran: of torch by name, of Python by their code."""

    def __init__(self, watch: LineClock, names: Iterable[str] = (), codes: dict[CodeType, str] | None = None):
        super().__init__()
        self.watch, self.names, self.codes = watch, frozenset(names), codes or {}
        self.forbidden_calls: list[str] = []

    def __enter__(self) -> "Monitor":
        self._before = sys.gettrace()
        super().__enter__()
        self.watch.enter()
        sys.settrace(self._call)  # of this thread only
        return self

    def __exit__(self, *error: Any) -> None:
        sys.settrace(self._before)
        self.watch.leave()
        super().__exit__(*error)

    def _call(self, frame: FrameType, event: str, _arg: object) -> Callable | None:
        code = frame.f_code
        if code in self.codes:
            self.forbidden_calls.append(self.codes[code])
        file = code.co_filename
        if is_theirs(file) and not self.watch.importing:  # a library that is imported may run code that it writes itself
            return self._line
        if file == "<frozen importlib._bootstrap>" and code.co_name == "_find_and_load":
            self.watch.import_begins()
            return self._import
        return None

    def _line(self, frame: FrameType, event: str, _arg: object) -> Callable:
        if event in ("line", "opcode"):
            self.watch.line(frame)
        return self._line

    def _import(self, _frame: FrameType, event: str, _arg: object) -> Callable:
        if event == "return":
            self.watch.import_ends()
        return self._import

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = getattr(function, "__name__", "").strip("_").removeprefix("special_")
        if name in self.names:
            self.forbidden_calls.append(f"torch's {name}")
        return function(*args, **(kwargs or {}))


class KernelCounter(TorchDispatchMode):
    """Counts the kernels that ran, and the largest memory that one of their results holds, in numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.largest = 0, 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else PyTorch loads its compiler before the first kernel, which takes seconds

    def __torch_dispatch__(self, kernel: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        self.count += 1
        result = kernel(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.largest = max(self.largest, result.untyped_storage().nbytes() // result.element_size())
        return result
