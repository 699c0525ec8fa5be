"""Judging: runs an attempt within limits, lets its kind examine it, and puts what was found into words."""

import difflib
import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from lessonlib.course.exercises.engine import inspection, sandbox
from lessonlib.course.exercises.engine.attempt import Attempt, NotTried, Raised
from lessonlib.course.exercises.engine.comparison import equal
from lessonlib.course.exercises.engine.integrity import Originals, replaced_in_words
from lessonlib.course.exercises.engine.messages import in_words, put_into_words
from lessonlib.course.exercises.engine.slips import ABOUT
from lessonlib.course.exercises.engine.verdict import Found, Verdict
from lessonlib.course.exercises.kinds.function import Function
from lessonlib.course.exercises.kinds.kind import Kind
from lessonlib.course.exercises.kinds.linear import Linear
from lessonlib.course.exercises.kinds.loader import Loader
from lessonlib.course.exercises.kinds.loop import Loop
from lessonlib.course.exercises.kinds.module import Module
from lessonlib.course.exercises.kinds.optimizer import Optimizer
from lessonlib.course.exercises.task_files import Exercise, Mistake, known_mistakes, tasks

KINDS: Mapping[str, type[Kind]] = {
    "function": Function, "module": Module, "linear": Linear, "optimizer": Optimizer, "loop": Loop, "loader": Loader}
VAGUE = frozenset({"unknown", "shape", "lengths", "nan", "error", "shapes", "some_inputs"})  # codes that name no mistake
SLOW = 1.0  # seconds of processor time in one call that are worth a word
_IMPORTED = Originals()  # how the names of the libraries stood when this module was loaded


_MADE: dict[str, Kind] = {}


def kind_of(task: Exercise) -> Kind:
    """The exercise as one of its kind; what it computes is kept as long as the task is the same."""
    if task.id not in _MADE or _MADE[task.id].task is not task:
        _MADE[task.id] = KINDS[task.kind](task)
    return _MADE[task.id]


def codes(exercise_id: str) -> Mapping[str, Mistake]:
    """All mistakes that the check of an exercise can name, by code."""
    task = tasks()[exercise_id]
    return {**known_mistakes(task.kind), **task.mistakes}


def _mistake(code: str, mistakes: Mapping[str, Mistake]) -> Mistake:
    return mistakes["slip" if code.startswith("slip_") else code]


def judge(exercise_id: str, answer: Any) -> Verdict:
    """Find out whether `answer` is untouched, right, or wrong, and which mistake it is; never raises."""
    task = tasks().get(exercise_id) if isinstance(exercise_id, str) else None
    if task is None:
        known = tasks()
        close = difflib.get_close_matches(str(exercise_id), known, n=1)
        suggestion = f"Did you mean {close[0]!r}?" if close else f"The exercises are {', '.join(known)}."
        found = Found("no_such_exercise", asked=repr(exercise_id), suggestion=suggestion)
        return put_into_words(found, known_mistakes("function")["no_such_exercise"], "", {})
    return judge_task(task, answer)


def judge_task(task: Exercise, answer: Any) -> Verdict:
    """The same for a task that need not be one of the course's."""
    replaced = _IMPORTED.put_back(by_learner_only=True)
    kind = kind_of(task)
    attempt = Attempt(task, answer, kind.refused_names, kind.refused_code)
    outcome = sandbox.run(lambda: _examine(kind, attempt), attempt.watch)
    verdict = _verdict(task, attempt, outcome)
    replaced += attempt.replaced
    if verdict.code == "memory":
        del outcome, attempt  # and with them the line that failed, and all that it holds
        gc.collect()
    return _with_note(verdict, f"A note: {replaced_in_words(dict.fromkeys(replaced))}") if replaced else verdict


@dataclass(frozen=True)
class _Right:
    """A right answer: what is to be said about it, and the losses of training with the solution and with it."""

    notes: Sequence[str]
    ours: Tensor | None
    yours: Tensor | None


def _examine(kind: Kind, attempt: Attempt) -> _Right:
    if any(attempt.answer is nothing for nothing in inspection.NOTHING):
        raise NotTried
    empty, asked = inspection.empty_parts(attempt.answer, attempt.task.stub, attempt.task.name)
    if empty == asked:
        raise NotTried
    if empty:
        names = " and ".join(f"`{part}`" for part in empty)
        raise Found("unfinished", parts=f"{names} {'is' if len(empty) == 1 else 'are'}", what="it" if len(empty) == 1 else "them")
    try:
        notes = kind.examine(attempt)
    except Raised as raised:
        raise _more_exact(kind, attempt, attempt.translate(raised)) from None
    except Found as found:
        raise _more_exact(kind, attempt, found) from None
    return _Right(notes, *_training_runs(kind, attempt))


def _more_exact(kind: Kind, attempt: Attempt, found: Found) -> Found:
    """Where little can be said about a mistake, the place at which it is made, if there is but one."""
    vague = found.code in VAGUE or found.code == "nearly"
    seldom = found.code == "some_inputs"  # right in all ordinary cases
    among = range(len(kind.explanations.right[0])) if seldom else kind.ordinary
    place = kind.explanations.place(attempt.answer, among, alone=seldom or "error" in found.facts,
                                    go_on=lambda: not attempt.watch.stop.is_set()) if vague else None
    attempt.replaced += attempt.originals.put_back()
    if place is None:
        return found
    if seldom:
        found.also = f"It is right after one change in {place.where}, which is about {ABOUT[place.kind]}."
        return found
    about = f"{place.where}. It is about {ABOUT[place.kind]}"
    shown: dict[str, Any] = {"evidence": found.evidence, "expected": found.expected, "yours": found.yours}
    if place.besides:
        return Found(place.besides, also=f"And something is not right in {about}.", what="", **shown)
    error = f"An error was raised: {found.facts['error']}. " if "error" in found.facts else ""
    return Found("one_place", about=about, error=error, **shown)


def _training_runs(kind: Kind, attempt: Attempt) -> tuple[Tensor | None, Tensor | None]:
    """The losses of a hundred small batches, ours and those of the attempt; None where there are none."""
    ours = kind.our_training_run
    if ours is None:
        return None, None
    sandbox.reseed()  # as before ours: where first weights are drawn, the same draws give the same ones
    try:
        yours = attempt.call(kind.training_run, {"answer": attempt.answer}, keep=("answer",), may_be_none=True)
    except (Raised, Found):
        return None, None  # it is right, and cannot be put to work in this way
    return (ours, yours) if isinstance(yours, Tensor) and len(yours) == len(ours) else (None, None)


def _verdict(task: Exercise, attempt: Attempt, outcome: sandbox.Outcome) -> Verdict:
    mistakes = {**known_mistakes(task.kind), **task.mistakes}
    facts = {"id": task.id, "name": task.name}
    if outcome.interrupted:
        found = Found("interrupted")
    elif outcome.too_large:
        stuck = "" if outcome.stopped else " It could not be stopped: restart the kernel at once."
        found = Found("memory", where=(f" (it was in {outcome.where})" if outcome.where else "") + stuck)
    elif outcome.timed_out:
        stuck = "" if outcome.stopped else " It could not be stopped: restart the kernel before you go on."
        found = Found("endless", seconds=f"{sandbox.SECONDS:g}", stuck=stuck,
                      where=f" (it was in {outcome.where})" if outcome.where else "")
    elif outcome.error is None:
        seconds = attempt.watch.longest
        slow = [f"A note: one call of yours took {seconds:.1f} s for a tiny input. It is right, but slow."] * (seconds > SLOW)
        right: _Right = outcome.value
        return Verdict("ok", "ok", "\n".join([_praise(task), *_trained(right), *right.notes, *slow]),
                       printed=outcome.printed, expected=right.ours, yours=right.yours)
    elif isinstance(outcome.error, NotTried):
        return Verdict("todo", "todo", "Replace the dots in the cell above with your code and run that cell, then this one. "
                       f"If you do not know how to begin: hint(\"{task.id}\", 1).", hint=1, printed=outcome.printed)
    elif isinstance(outcome.error, Found):
        found = outcome.error
        if found.code == "no_return" and outcome.printed:
            found.facts["printing"] = " It printed something, but printing is not handing back."
    else:
        found = Found("check_failed", error=f"{type(outcome.error).__name__}: {in_words(outcome.error)}")
    try:
        return put_into_words(found, _mistake(found.code, mistakes), outcome.printed, facts)
    except KeyError as error:  # a code or a fact that the words ask for and nothing gives: a fault of ours, told as one
        failed = Found("check_failed", error=f"{found.code} lacks {error}")
        return put_into_words(failed, mistakes["check_failed"], outcome.printed, facts)


def _trained(right: _Right) -> list[str]:
    """A true sentence about a hundred batches, or none."""
    if right.ours is None or right.yours is None:
        return []
    first, last = (right.yours[part].mean().item() for part in (slice(0, 5), slice(-5, None)))
    beginning = f"Trained with yours on {len(right.yours)} small batches, the loss went from {first:.2f} to {last:.2f}"
    if equal(right.yours, right.ours):
        return [f"{beginning}; with ours, batch for batch, it is the same."]
    return [f"{beginning}; with ours it ended at {right.ours[-5:].mean():.2f}."]


def _praise(task: Exercise) -> str:
    return f"{task.name} gives the expected results, in every case tried. {task.go_on}"


def _with_note(verdict: Verdict, note: str) -> Verdict:
    return Verdict(**{**vars(verdict), "message": f"{verdict.message}\n{note}"})
