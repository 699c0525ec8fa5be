"""Every cell of every exercise's file gets the code that the file says."""

import pytest

from lessonlib.course.commands.exercises import wanted_verdicts
from lessonlib.course.exercises import EXERCISES
from lessonlib.course.exercises.engine import sandbox
from lessonlib.course.exercises.engine.answers import make_answer
from lessonlib.course.exercises.engine.judging import judge_task

each_exercise = pytest.mark.parametrize("exercise", EXERCISES)


SHORT, LONG = 0.2, 20  # seconds of processor time: for what never ends, and for what shall end on a busy machine too


def set_limits(monkeypatch, seconds: float) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", seconds)
    monkeypatch.setattr(sandbox, "SECONDS_IN_FEW_LINES", seconds)


@each_exercise
def test_every_cell_of_a_file_gets_its_code(exercise, monkeypatch):
    """The untouched stub earns nothing, every right answer passes, and every wrong one is told by its own code."""
    task = EXERCISES[exercise]
    for source, wanted, line in wanted_verdicts(task):
        set_limits(monkeypatch, SHORT if wanted == "endless" else LONG)
        verdict = judge_task(task, make_answer(source, task.name, "<cell>"))
        right = verdict.code == wanted or (wanted == "slip" and verdict.code.startswith("slip_"))
        assert right, f"{task.path.name}, line {line}: {wanted} was expected, {verdict.code} came out\n{verdict}"
        assert verdict.status == {"todo": "todo", "ok": "ok"}.get(wanted, "fail")
        assert "{" not in verdict.message or "{" in source
        assert wanted in ("todo", "ok") or "Next: " in verdict.message
