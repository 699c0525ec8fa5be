"""Judging the judge: of all mutants of a solution that are wrong, how many pass, and how many are named.

Whether a mutant is wrong is found out on inputs that are drawn independently of the judge's own cases.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lessonlib.course.exercises.engine import memory, sandbox
from lessonlib.course.exercises.engine.answers import UNREAD, NoEnd, make_answer
from lessonlib.course.exercises.engine.attempt import Attempt, NotTried, Raised
from lessonlib.course.exercises.engine.explanation import Outcomes, same
from lessonlib.course.exercises.engine.integrity import Originals
from lessonlib.course.exercises.engine.judging import VAGUE, judge_task, kind_of
from lessonlib.course.exercises.engine.mutation import Mutant, mutants
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.kinds.kind import Kind
from lessonlib.course.exercises.task_files import Exercise

SEEDS = (11, 12, 13)
NOT_NAMED = VAGUE | {"check_failed"}


class _Untouched(Originals):
    """Mutants of ours replace no names of libraries."""

    def __init__(self) -> None:
        self._kept = []

    def put_back(self, by_learner_only: bool = False) -> list[str]:
        return []


_UNTOUCHED = _Untouched()


@dataclass(frozen=True)
class Judged:
    """A mutant that is wrong, and the code that the judge gave it."""

    mutant: Mutant
    code: str

    @property
    def passed(self) -> bool:
        return self.code == "ok"

    @property
    def named(self) -> bool:
        return self.code not in NOT_NAMED


def _observed(kind: Kind, source: str, seed: int) -> Outcomes | None:
    """What a mutant gives on other inputs; None where it cannot even be made."""
    sandbox.reseed()
    try:
        return kind.observe_elsewhere(make_answer(source, kind.task.name), seed)
    except (NoEnd, Exception):
        return None


def wrong_mutants(task: Exercise, share: float = 1.0) -> Iterator[Mutant]:
    """The mutants of a solution that give something else than every right answer of the file, on some other inputs.

    `share` is the part of all mutants that is looked at: drawn at random, and always the same.
    """
    drawn = random.Random(task.id)
    kind = kind_of(task)
    rights = [task.solution, *(freedom.cell.source for freedom in task.freedoms)]
    with sandbox.state_kept():
        right = {seed: [_observed(kind, source, seed) for source in rights] for seed in SEEDS}
        for mutant in mutants(task.solution):
            if drawn.random() >= share:
                continue
            for seed in SEEDS:
                outcomes = _observed(kind, mutant.source, seed)
                if outcomes is None:
                    break
                if not any(each is not None and same(outcomes, each) for each in right[seed]):
                    yield mutant
                    break


def judged_mutants(task: Exercise, share: float = 1.0) -> Iterator[Judged]:
    """Each wrong mutant of a solution, judged as a learner's answer would be."""
    for mutant in wrong_mutants(task, share):
        yield Judged(mutant, judge_task(task, make_answer(mutant.source, task.name, UNREAD)).code)


def passing_mutants(task: Exercise, share: float = 1.0) -> tuple[list[Mutant], int]:
    """The wrong mutants that the judge lets pass, and how many there are; much quicker, as nothing is explained."""
    kind = type(kind_of(task))(task)
    kind.explanations.know_nothing()
    wrong = list(wrong_mutants(task, share))
    with sandbox.state_kept():
        return [mutant for mutant in wrong if _passes(kind, make_answer(mutant.source, task.name, UNREAD))], len(wrong)


def _passes(kind: Kind, answer: Any) -> bool:
    attempt = Attempt(kind.task, answer, kind.refused_names, kind.refused_code, originals=_UNTOUCHED)
    sandbox.reseed()
    try:
        with memory.bounded(sandbox.MOST_MEMORY):  # with 50,000 in place of a size it would ask for a table of 20 GB
            kind.examine(attempt)
    except (Found, Raised, NotTried, sandbox.TimeUp):
        return False
    return True
