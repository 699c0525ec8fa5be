"""The judge, put to the test by mutants of the solutions: hardly any wrong one may pass.

Of all mutants a fixed fifth, for the sake of time; `lessons exercises --mutants` takes them all, each week on GitHub.
"""

import functools

import pytest

from lessonlib.course.exercises import EXERCISES
from lessonlib.course.exercises.engine import mutation_report, sandbox
from lessonlib.course.exercises.engine.judging import kind_of

each_exercise = pytest.mark.parametrize("exercise", EXERCISES)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A mutant may have no end; one that is nearly right takes milliseconds, of its own thread's processor time."""
    monkeypatch.setattr(sandbox, "SECONDS", 0.3)
    monkeypatch.setattr(sandbox, "SECONDS_IN_FEW_LINES", 0.3)


@functools.cache
def passing(exercise: str) -> tuple[list, int]:
    return mutation_report.passing_mutants(EXERCISES[exercise], share=0.2)


@each_exercise
def test_few_wrong_mutants_of_a_solution_pass(exercise):
    passed, n = passing(exercise)
    assert len(passed) <= max(1, 0.02 * n), [mutant.what for mutant in passed]


def test_of_all_wrong_mutants_hardly_any_pass():
    """At least 99.5 % are refused, on inputs drawn independently of the judge's own cases."""
    results = {exercise: passing(exercise) for exercise in EXERCISES}
    n = sum(n for _, n in results.values())
    told = [f"{exercise}: {mutant.what}" for exercise, (passed, _) in results.items() for mutant in passed]
    assert n > 1000
    assert len(told) <= 0.005 * n, told


def test_a_judge_that_looks_at_one_case_only_would_be_found_out(monkeypatch):
    """The figure above can fail."""
    kind = kind_of(EXERCISES["softmax"])
    monkeypatch.setattr(type(kind), "cases", property(lambda self: self.drawn(0)[2:3]))
    passed, n = mutation_report.passing_mutants(EXERCISES["softmax"])
    assert len(passed) > 0.005 * n
