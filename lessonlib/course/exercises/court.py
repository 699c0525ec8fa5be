"""The judge: runs an attempt within limits, lets the exercise examine it, and puts what was found into words."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import BuiltinFunctionType
from typing import Any

from torch import Tensor

from lessonlib.course.exercises import reading, sandbox
from lessonlib.course.exercises.catalogue import EXERCISES, Task
from lessonlib.course.exercises.errors import COMMON, called_wrongly, code_for, in_words, where
from lessonlib.course.exercises.compare import inputs_in_words, shape_of
from lessonlib.course.exercises.verdict import Found, Mistake, Verdict
from lessonlib.course.exercises.watch import Watch


class NotTried(Exception):
    """The attempt is still the skeleton."""


class Raised(Exception):
    """The attempt raised `error`; translated only if nothing better is found."""

    def __init__(self, error: BaseException, call: str, inputs: str):
        super().__init__(str(error))
        self.error, self.call, self.inputs = error, call, inputs


@dataclass(frozen=True)
class Exercise:
    """How one exercise is judged."""

    examine: Callable[["Court", Any], Sequence[str]]  # raises `Found`, or gives notes for a right answer
    mistakes: Mapping[str, Mistake]
    refused: frozenset[str] = frozenset()  # names of torch functions that are the answer
    answers: tuple[Callable | type, ...] = ()  # Python functions and classes that are the answer
    overrides: Mapping[str, str] = field(default_factory=dict)  # codes of errors that mean more in this exercise


@dataclass
class Court:
    """What an exercise needs while it examines an attempt: calling it, and looking on."""

    task: Task
    exercise: Exercise
    attempt: Any = None
    changed: set[str] = field(default_factory=set)  # inputs that the attempt changed

    def call(self, function: Callable, inputs: Mapping[str, Any] | None = None, name: str = "",
             keep: Sequence[str] = (), whole: Callable[[Any], Any] = lambda value: value,
             given: Sequence[str] = (), may_be_none: bool = False) -> Any:
        """Call with copies of the tensors in `inputs` (those in `keep` as they are) and give what comes out.

        `given` names the inputs that are passed by keyword. `whole` finishes what came out (runs a generator, say)
        while errors are still caught. Raises `Found` for what is already clear, `Raised` for an error.
        """
        inputs = dict(inputs or {})
        handed = {key: value.detach().clone().requires_grad_(value.requires_grad)
                  if isinstance(value, Tensor) and key not in keep else value for key, value in inputs.items()}
        positional = [value for key, value in handed.items() if key not in given]
        words = inputs_in_words(inputs)
        call = f"{name or self.task.name}({', '.join(inputs)})"
        try:
            with Watch(self.exercise.refused, self.exercise.answers) as watch:
                value = whole(function(*positional, **{key: handed[key] for key in given}))
        except (sandbox.TimeUp, Found):
            raise
        except NotImplementedError as error:
            if not str(error) or "your code" in str(error):
                raise NotTried from None
            raise Raised(error, call, words) from None
        except BaseException as error:
            if watch.borrowed:
                raise Found("borrowed", lender=watch.borrowed[0]) from None
            raise Raised(error, call, words) from None
        if watch.borrowed:
            raise Found("borrowed", lender=watch.borrowed[0])
        for key, before in inputs.items():
            if isinstance(before, Tensor) and key not in keep:
                now = handed[key].detach()
                if now.shape != before.shape or not bool(((now == before) | (now != now) & (before != before)).all()):
                    self.changed.add(key)
        if value is Ellipsis or value is NotImplemented:
            raise NotTried
        if value is None and not may_be_none:
            raise Found("no_return", call=call)
        return value

    def translate(self, raised: Raised) -> Found:
        """An error in words."""
        error = raised.error
        code = "arity" if called_wrongly(error) else code_for(error)
        code = self.exercise.overrides.get(code, code)
        facts = {"error": in_words(error), "kind": type(error).__name__, "where": where(error), "call": raised.call,
                 "came_in": f" The inputs were {raised.inputs}." if raised.inputs else ""}
        if isinstance(self.attempt, type):
            if code == "arity" and (found := reading.misspelt_init(self.attempt)):
                return Found("init_misspelt", found=found)
            if code in ("name", "attribute") and (local := reading.lost_name(self.attempt, str(error))):
                return Found("not_kept", local=local, **facts)
        return Found(code, **facts)

    def need_function(self, attempt: object) -> None:
        """Refuse what cannot be called as a function, and the library's own functions."""
        if isinstance(attempt, BuiltinFunctionType) or _home(attempt) in ("torch", "numpy", "lessonlib"):
            raise Found("borrowed", lender=getattr(attempt, "__name__", "the library"))
        if isinstance(attempt, type) or not callable(attempt):
            raise Found("not_callable", what=shape_of(attempt), asked="a function")

    def need_class(self, attempt: object) -> None:
        """Refuse what is not a class, and the library's own classes."""
        if isinstance(attempt, type) and _home(attempt) in ("torch", "lessonlib"):
            raise Found("borrowed", lender=f"{attempt.__module__}.{attempt.__name__}")
        if not isinstance(attempt, type):
            raise Found("not_a_class", what=shape_of(attempt))


def _home(thing: object) -> str:
    return str(getattr(thing, "__module__", None) or "").split(".")[0] if callable(thing) else ""


def _examine(court: Court, attempt: Any) -> Sequence[str]:
    if any(attempt is nothing for nothing in reading.NOTHING):
        raise NotTried
    empty, asked = reading.empty_parts(attempt, court.task.stub, court.task.name)
    if empty == asked:
        raise NotTried
    if empty:
        raise Found("unfinished", parts=" and ".join(empty))
    try:
        return court.exercise.examine(court, attempt)
    except Raised as raised:
        raise court.translate(raised) from None


def exercises() -> Mapping[str, Exercise]:
    """All exercises by id."""
    from lessonlib.course.exercises import broadcasting, data, gradients, losses, modules, training

    return {id: exercise for family in (modules, losses, data, training, broadcasting, gradients)
            for id, exercise in family.EXERCISES.items()}


def codes(exercise_id: str) -> Mapping[str, Mistake]:
    """All mistakes that the check of an exercise can name, by code."""
    return {**COMMON, **exercises()[exercise_id].mistakes}


def judge(exercise_id: str, attempt: Any) -> Verdict:
    """Find out whether `attempt` is untouched, right, or wrong, and which mistake it is; never raises."""
    task = EXERCISES.get(exercise_id) if isinstance(exercise_id, str) else None
    if task is None:
        close = difflib.get_close_matches(str(exercise_id), EXERCISES, n=1)
        suggestion = (f"Did you mean {close[0]!r}?" if close else f"The exercises are {', '.join(EXERCISES)}.")
        return _verdict(Found("no_such_exercise", id=exercise_id, suggestion=suggestion), COMMON, "", {})
    exercise = exercises()[exercise_id]
    court = Court(task, exercise, attempt)
    outcome = sandbox.run(lambda: _examine(court, attempt))
    facts = {"id": task.id, "name": task.name}
    if outcome.timed_out:
        stuck = "" if outcome.stopped else " It could not be stopped: restart the kernel before you go on."
        found = Found("endless", seconds=f"{sandbox.SECONDS:g}", stuck=stuck,
                      where=f" (it was in {outcome.where})" if outcome.where else "")
    elif outcome.interrupted:
        found = Found("interrupted")
    elif outcome.error is None:
        return Verdict("ok", "ok", "\n".join([_praise(task), *outcome.value]), printed=outcome.printed)
    elif isinstance(outcome.error, NotTried):
        return Verdict("todo", "todo", f"{task.task}\nReplace the dots by your code, run that cell, then this one. "
                       f"If you do not know how to begin: hint(\"{task.id}\", 1).", hint=1, printed=outcome.printed)
    elif isinstance(outcome.error, Found):
        found = outcome.error
        if found.code == "no_return" and outcome.printed:
            found.facts["printing"] = " It printed something, but printing is not handing back."
    else:
        found = Found("check_failed", error=f"{type(outcome.error).__name__}: {in_words(outcome.error)}")
    return _verdict(found, {**COMMON, **exercise.mistakes}, outcome.printed, facts)


def _praise(task: Task) -> str:
    return f"{task.name} gives the expected numbers, in every case tried. {task.go_on}"


class _Facts(dict):
    def __missing__(self, key: str) -> str:
        return ""


def _verdict(found: Found, mistakes: Mapping[str, Mistake], printed: str, facts: dict) -> Verdict:
    mistake = mistakes[found.code]
    filled = _Facts(facts | found.facts)
    seen, why, then = (text.format_map(filled) for text in (mistake.seen, mistake.why, mistake.next))
    also = f" {found.also}" if found.also else ""
    ask = f" (If that does not help: hint(\"{facts['id']}\", {mistake.hint}).)" if facts else ""
    return Verdict("fail", found.code, f"{seen}{also} {why}\nNext: {then}{ask}", evidence=found.evidence, printed=printed,
                   hint=mistake.hint, expected=found.expected, yours=found.yours)
