"""What a lesson calls: `check` and `hint`. They show something, and write down that it was asked."""

from __future__ import annotations

import difflib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lessonlib.course.exercises.task_files import Hint, tasks
from lessonlib.course.progress import note_check, note_hint

if TYPE_CHECKING:
    from lessonlib.course.exercises.engine.verdict import Verdict

EXERCISES = tasks()


def check(
    exercise_id: str,  # such as "softmax"
    attempt: Any,  # your function or class, without parentheses
) -> Verdict:  # a notebook shows it: write the call in the last line of a cell
    """Judge an attempt, and write the result down in the progress file; never raises."""
    from lessonlib.course.exercises.engine.judging import judge  # loads PyTorch, which hints and stubs do not need

    verdict = judge(exercise_id, attempt)
    if isinstance(exercise_id, str) and exercise_id in EXERCISES and verdict.code not in ("interrupted", "check_failed"):
        note_check(exercise_id, verdict.status, verdict.code)
    if listener := os.environ.get("LESSONLIB_VERDICTS"):  # `lessons check` listens, however the call is written
        with suppress(OSError), Path(listener).open("a", encoding="utf-8") as file:
            file.write(json.dumps([str(exercise_id), verdict.status, repr(verdict)]) + "\n")
    return verdict


def hint(
    exercise_id: str,
    n: int = 0,  # 1 asks a question, 2 gives shapes or names, 3 a skeleton with a blank; 0 lists their titles
) -> Hint:
    """One of the hints of an exercise, of which there are at most three; writes down that it was read."""
    task = EXERCISES.get(exercise_id) if isinstance(exercise_id, str) else None
    if task is None:
        close = difflib.get_close_matches(str(exercise_id), EXERCISES, n=1)
        return Hint(f"There is no exercise {exercise_id!r}",
                    f"Did you mean {close[0]!r}?" if close else f"The exercises are {', '.join(EXERCISES)}.")
    if n in range(1, len(task.hints) + 1):
        note_hint(exercise_id, int(n))
        return task.hints[int(n) - 1]
    titles = "\n".join(f"hint({exercise_id!r}, {i}): {each.title}" for i, each in enumerate(task.hints, start=1))
    return Hint("Which of these is yours?", "Each hint tells a little more than the one before.", titles)


def stub(exercise_id: str) -> str:
    """The skeleton cell of an exercise."""
    return EXERCISES[exercise_id].stub


def solution(exercise_id: str) -> str:
    """The source of a solution, as a cell that needs `torch` and `nn` and nothing else of ours."""
    return "import torch\nfrom torch import nn\n\n\n" + EXERCISES[exercise_id].solution
