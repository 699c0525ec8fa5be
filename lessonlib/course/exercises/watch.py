"""Looking on while an attempt runs: what it borrows, how often it calls PyTorch, how much it holds."""

import inspect
import sys
from collections.abc import Callable, Iterable
from types import CodeType

from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


def code_of(things: Iterable[Callable | type]) -> dict[int, tuple[CodeType, str]]:
    """The code objects of functions and of the methods of classes, by identity, each with a name to tell."""
    found = {}
    for thing in things:
        members = vars(thing).values() if isinstance(thing, type) else [thing]
        for member in members:
            member = inspect.unwrap(getattr(member, "__func__", member)) if callable(member) else member
            if (code := getattr(member, "__code__", None)) is not None:
                found[id(code)] = (code, f"{thing.__module__}.{thing.__qualname__}")
    return found


class Watch(TorchFunctionMode):
    """Notes which refused torch functions ran (by name), and which refused Python functions (by their code)."""

    def __init__(self, names: Iterable[str] = (), answers: Iterable[Callable | type] = ()):
        super().__init__()
        self.names, self.codes, self.borrowed = frozenset(names), code_of(answers), []

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._trace)  # of this thread only; called once for each Python function that starts
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        sys.settrace(self._before)

    def _trace(self, frame, event, arg):
        if id(frame.f_code) in self.codes:
            self.borrowed.append(self.codes[id(frame.f_code)][1])

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "").strip("_").removeprefix("special_")
        if name in self.names:
            self.borrowed.append(f"torch's {name}")
        return function(*args, **(kwargs or {}))


class Kernels(TorchDispatchMode):
    """Counts the kernels that ran, and the largest memory that one of their results holds, in numbers."""

    def __init__(self):
        super().__init__()
        self.count, self.largest = 0, 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else PyTorch loads its compiler before the first kernel, which takes seconds

    def __torch_dispatch__(self, kernel, types, args=(), kwargs=None):
        self.count += 1
        result = kernel(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.largest = max(self.largest, result.untyped_storage().nbytes() // result.element_size())
        return result
