"""An answer that is being judged: calling it, looking on, and telling its errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import BuiltinFunctionType, CodeType
from typing import Any

import numpy as np
from torch import Tensor

from lessonlib.course.exercises.engine import inspection, messages, sandbox
from lessonlib.course.exercises.engine.comparison import inputs_in_words, shape_of
from lessonlib.course.exercises.engine.inputs import copied
from lessonlib.course.exercises.engine.integrity import Originals
from lessonlib.course.exercises.engine.monitor import Monitor
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.task_files import Exercise


class NotTried(Exception):
    """The attempt is still the skeleton."""


class Raised(Exception):
    """The attempt raised `error`; translated only if nothing better is found."""

    def __init__(self, error: BaseException, call: str, inputs: str):
        super().__init__(str(error))
        self.error, self.call, self.inputs = error, call, inputs


@dataclass
class Attempt:
    """What a kind of exercise needs while it examines an answer."""

    task: Exercise
    answer: Any
    refused: frozenset[str] = frozenset()  # names of torch functions that are the answer
    refused_code: Mapping[CodeType, str] = field(default_factory=dict)  # of Python functions that are the answer
    watch: sandbox.LineClock = field(default_factory=sandbox.LineClock)
    originals: Originals = field(default_factory=Originals)
    changed: set[str] = field(default_factory=set)  # inputs that the attempt changed
    replaced: list[str] = field(default_factory=list)  # names of libraries that it replaced

    def call(self, function: Callable, inputs: Mapping[str, Any] | None = None, name: str = "",
             keep: Sequence[str] = (), whole: Callable[[Any], Any] = lambda value: value,
             given: Sequence[str] = (), may_be_none: bool = False) -> Any:
        """Call with copies of the inputs (those in `keep` as they are) and give what comes out.

        `given` names the inputs that are passed by keyword. `whole` finishes what came out (runs a generator, say)
        while errors are still caught. Raises `Found` for what is already clear, `Raised` for an error.
        """
        inputs = dict(inputs or {})
        handed = {key: value if key in keep else copied(value) for key, value in inputs.items()}
        positional = [value for key, value in handed.items() if key not in given]
        words, call = inputs_in_words(inputs), f"{name or self.task.name}({', '.join(inputs)})"
        monitor = Monitor(self.watch, self.refused, dict(self.refused_code))
        try:
            with monitor:
                value = whole(function(*positional, **{key: handed[key] for key in given}))
        except (sandbox.TimeUp, Found):
            raise
        except NotImplementedError as error:
            if not str(error) or "your code" in str(error):
                raise NotTried from None
            raise Raised(error, call, words) from None
        except BaseException as error:
            self._no_forbidden_call(monitor)
            raise Raised(error, call, words) from None
        finally:
            self.replaced += self.originals.put_back()
        self._no_forbidden_call(monitor)
        self.changed |= {key for key, before in inputs.items() if key not in keep and not _unchanged(before, handed[key])}
        if value is Ellipsis or value is NotImplemented:
            raise NotTried
        if value is None and not may_be_none:
            raise Found("no_return", call=call)
        return value

    def _no_forbidden_call(self, monitor: Monitor) -> None:
        if self.watch.stop.is_set():  # what `except:` swallowed
            raise sandbox.TimeUp
        if monitor.forbidden_calls:
            raise Found("borrowed", lender=monitor.forbidden_calls[0])

    def translate(self, raised: Raised) -> Found:
        """An error in words."""
        error = raised.error
        code = "arity" if messages.called_wrongly(error) else messages.code_for(error)
        code = next((each.code for each in self.task.mistakes.values() if each.replaces == code), code)
        facts = {"error": messages.in_words(error), "kind": type(error).__name__, "where": messages.where(error),
                 "call": raised.call, "came_in": f" The inputs were {raised.inputs}." if raised.inputs else ""}
        if isinstance(self.answer, type):
            if code == "arity" and (found := inspection.misspelt_init(self.answer)):
                return Found("init_misspelt", found=found)
            if code in ("name", "attribute") and (local := inspection.lost_name(self.answer, str(error))):
                return Found("not_kept", local=local, **facts)
        return Found(code, **facts)

    def need_function(self) -> None:
        """Refuse what cannot be called as a function, and the library's own functions."""
        answer = self.answer
        if isinstance(answer, BuiltinFunctionType) or _home(answer) in ("torch", "numpy", "lessonlib"):
            raise Found("borrowed", lender=getattr(answer, "__name__", "the library"))
        if isinstance(answer, type) or not callable(answer):
            raise Found("not_callable", what=shape_of(answer), asked="a function")

    def need_class(self) -> None:
        """Refuse what is not a class, and the library's own classes."""
        answer = self.answer
        if isinstance(answer, type) and _home(answer) in ("torch", "lessonlib"):
            raise Found("borrowed", lender=f"{answer.__module__}.{answer.__name__}")
        if not isinstance(answer, type):
            raise Found("not_a_class", what=shape_of(answer))


def _home(thing: object) -> str:
    return str(getattr(thing, "__module__", None) or "").split(".")[0] if callable(thing) else ""


def _unchanged(before: Any, now: Any) -> bool:
    if isinstance(before, Tensor):
        after = now.detach()
        return after.shape == before.shape and bool(((after == before) | (after != after) & (before != before)).all())
    if isinstance(before, np.ndarray):
        return bool(np.array_equal(before, now))
    if isinstance(before, list):
        return len(before) == len(now) and all(_unchanged(a, b) for a, b in zip(before, now, strict=True))
    if isinstance(before, (int, float, str)):  # in a list, that is: nobody can change the caller's own number
        return before is now or before == now
    return True
