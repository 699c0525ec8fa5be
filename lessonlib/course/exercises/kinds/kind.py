"""What every kind of exercise has: how an answer is observed, and how it is examined."""

import abc
import importlib
import pydoc
from collections.abc import Callable, Sequence
from functools import cached_property
from types import CodeType, ModuleType
from typing import Any

from torch import Tensor

from lessonlib.course.exercises.engine import sandbox
from lessonlib.course.exercises.engine.answers import NoEnd, call_ours, make_answer
from lessonlib.course.exercises.engine.attempt import Attempt
from lessonlib.course.exercises.engine.comparison import Failure, Outcome, read_result
from lessonlib.course.exercises.engine.explanation import Explanations, Outcomes
from lessonlib.course.exercises.engine.monitor import codes_of
from lessonlib.course.exercises.task_files import Exercise

JUDGES_SEED = 0


class Kind(abc.ABC):
    """One exercise, seen as one of its kind."""

    def __init__(self, task: Exercise):
        self.task = task
        self.extra = _module_beside(task)
        self.explanations = Explanations(task, self.observe, self.observe_first, self.observe_ordinary_elsewhere)

    @abc.abstractmethod
    def observe(self, answer: Any) -> Outcomes:
        """What an answer of ours gives in each of the judge's cases."""

    def observe_first(self, answer: Any) -> Outcome:
        """The same in the first case alone."""
        return self.observe(answer)[0]

    @abc.abstractmethod
    def observe_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        """The same on other inputs, drawn independently of the judge's: to find out whether an answer is right at all."""

    def observe_ordinary_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        """The same without the special cases."""
        return self.observe_elsewhere(answer, seed)

    @property
    def ordinary(self) -> Sequence[int]:
        """Which of the judge's cases are no special ones."""
        return range(len(self.explanations.right[0]))

    @abc.abstractmethod
    def examine(self, attempt: Attempt) -> Sequence[str]:
        """Raise `Found` for a mistake, or give notes for a right answer."""

    def training_run(self, answer: Any) -> Tensor | None:
        """The losses of a hundred small batches that are trained with an answer; None for what trains nothing."""
        return None

    @cached_property
    def our_training_run(self) -> Tensor | None:
        """The same with the solution."""
        sandbox.reseed()
        return self.training_run(self.solution)

    @cached_property
    def solution(self) -> Any:
        """The solution, as an answer."""
        return make_answer(self.task.solution, self.task.name)

    @cached_property
    def refused_names(self) -> frozenset[str]:
        """Names of torch functions that are the answer."""
        return frozenset(name for name in self.task.refused if "." not in name)

    @cached_property
    def refused_code(self) -> dict[CodeType, str]:
        """The code of Python functions and classes that are the answer."""
        dotted = [name for name in (*self.task.refused, self.task.library) if "." in name]
        things = [(name, pydoc.locate(name)) for name in dotted]
        for name, thing in things:
            if thing is None:
                raise ValueError(f"{self.task.path.name} refuses {name}, which does not exist")
        return codes_of(thing for _, thing in things if callable(thing))


def outcome_of(function: Callable[[], Any]) -> Outcome:
    """What one of our own answers gives, or its error."""
    try:
        return read_result(call_ours(function))
    except (NoEnd, Exception, SystemExit) as error:
        return Failure(type(error).__name__)


def _module_beside(task: Exercise) -> ModuleType | None:
    """`tasks/ID.py`, where there is one."""
    if not task.path.with_suffix(".py").exists():
        return None
    return importlib.import_module(f"lessonlib.course.exercises.tasks.{task.id}")
