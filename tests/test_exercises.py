"""The engine of the exercises: the bank, hostile attempts, what is left behind, the face, and progress."""

import dataclasses
import json
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lessonlib.course import progress
from lessonlib.course.exercises import EXERCISES, Verdict, check, codes, hint, judge, solution, stub
from lessonlib.course.exercises.engine import judging, sandbox
from lessonlib.course.exercises.engine.answers import make_answer
from lessonlib.course.exercises.engine.inputs import Supply
from lessonlib.course.exercises.engine.judging import judge_task, kind_of
from lessonlib.course.exercises.task_files import known_mistakes

IDS = list(EXERCISES)
each_exercise = pytest.mark.parametrize("exercise", IDS)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONLIB_PROGRESS", str(tmp_path / "work" / "progress.json"))


SHORT = 0.2  # for what never ends


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Time is processor time, and even that is longer where many share the memory of a machine."""
    set_limits(monkeypatch, 20)


def set_limits(monkeypatch, seconds: float, waiting: float = sandbox.SECONDS_OF_WAITING) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", seconds)
    monkeypatch.setattr(sandbox, "SECONDS_IN_FEW_LINES", seconds)
    monkeypatch.setattr(sandbox, "SECONDS_OF_WAITING", waiting)


def attempt(exercise: str, cell: str):
    """Run a cell and give the function or class that it makes."""
    return make_answer(cell, EXERCISES[exercise].name, "<cell>")


def wrong_cells(exercise: str, code: str) -> list[str]:
    return [cell.source for wrong in EXERCISES[exercise].wrong if wrong.code == code
            for cell in (*wrong.examples, *wrong.also)]


# --- every file ---------------------------------------------------------------------------------------------------


@each_exercise
def test_other_ways_of_not_having_tried(exercise):
    task = EXERCISES[exercise]
    verdict = judge(exercise, attempt(exercise, stub(exercise)))
    assert [judge(exercise, nothing) for nothing in (None, ...)] == [verdict] * 2
    assert verdict.code == "todo"
    assert f'hint("{exercise}", 1)' in verdict.message
    assert task.task not in verdict.message, "it stands two cells above"
    assert len(verdict.message) < 200


def with_a_line(source: str, line: str) -> str:
    """A skeleton in which a line stands above the dots of each function."""
    return re.sub(r"^( +)\.\.\.", rf"\1{line}\n\1...", source, flags=re.MULTILINE)


@each_exercise
def test_a_skeleton_that_holds_code_is_not_tried_as_long_as_nothing_was_changed(exercise):
    """Whatever the skeleton gives: a part of the answer, say. Another number in it is an attempt."""
    given = with_a_line(stub(exercise), "a = [1, 'b', (lambda c: c + 2)]")
    task = dataclasses.replace(EXERCISES[exercise], stub=given)
    assert given != stub(exercise)
    assert judge_task(task, make_answer(given, task.name, "<cell>")).code == "todo"
    for before, after in (("[1,", "[3,"), ("'b'", "3"), ("c + 2", "c + 3")):
        changed = make_answer(given.replace(before, after), task.name, "<cell>")
        assert judge_task(task, changed).status == "fail", after


@pytest.mark.parametrize("cell", [
    "def my_softmax(x):\n    pass", "def my_softmax(x):\n    '''A docstring.'''",
    "def my_softmax(x):\n    raise NotImplementedError", "def my_softmax(x):\n    return ...",
    "def my_softmax(x):\n    exps = ...\n    return exps",
])
def test_a_skeleton_that_was_touched_a_little_is_still_one(cell):
    assert judge("softmax", attempt("softmax", cell)).code == "todo"


@each_exercise
def test_each_code_has_a_message_a_hint_and_a_next_action(exercise):
    for code, mistake in codes(exercise).items():
        assert code == mistake.code
        assert mistake.seen
        assert mistake.why
        assert mistake.next.strip(), code
        assert mistake.hint in (1, 2, 3), code


@each_exercise
def test_examples_are_told_apart(exercise):
    """No two mistakes with words give the same numbers in all cases, and none gives the right ones."""
    known = kind_of(EXERCISES[exercise]).explanations
    with sandbox.state_kept():
        for i, one in enumerate(known.examples):
            everywhere = range(len(one.outcomes))
            same = [other.code for other in known.examples[:i] if other.code != one.code and all(
                one.outcomes[k].same(other.outcomes[k]) for k in everywhere)]
            assert same == [], one.code


def test_every_common_code_is_shown_by_some_cell():
    """What every exercise can meet has a cell somewhere, or is judged one by one below."""
    shown = {wrong.code for task in EXERCISES.values() for wrong in task.wrong}
    elsewhere = {"interrupted", "check_failed", "no_such_exercise", "slip", "not_called", "caret", "number_wanted",
                 "complex_result", "state_kept", "axis_of_one", "some_inputs", "truth_of_tensor"}
    elsewhere |= {"related", "other_order", "other_shape", "table_for_row", "shifted", "one_more", "fractions", "always_the_same",
                  "as_it_came", "a_size", "first_kept", "argument_unused", "zero_division", "list_arithmetic", "list_indexing",
                  "not_iterable", "math_range", "shapes", "mean_of_whole_numbers"}  # in test_probes.py
    elsewhere |= {"nearly", "lengths", "unknown"}  # there, and below
    assert set(known_mistakes("function")) - shown - elsewhere - {"loops", "forbidden", "memory_blow_up"} == set()


def test_inputs_made_in_one_go_are_fresh_at_each_use():
    made = []

    def make():
        made.append(torch.rand(3))  # as the weights of a layer are drawn
        return [{"layer": nn.Linear(2, 1)}, {"layer": nn.Linear(1, 2)}]

    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    cases = Supply(make).cases()
    first = [case.make()["layer"] for case in cases]
    assert [layer.in_features for layer in first] == [2, 1]
    assert len(made) == 1
    again = [case.make()["layer"] for case in cases]
    assert len(made) == 2
    assert not {id(layer) for layer in first} & {id(layer) for layer in again}
    assert cases[1].make()["layer"].in_features == 1
    assert len(made) == 3
    assert torch.equal(torch.rand(2), expected), "what an answer draws must not depend on what was made for it"


# --- the oracles ------------------------------------------------------------------------------------------------


def test_the_solutions_are_what_pytorch_computes():
    rng = torch.Generator().manual_seed(7)
    x, weight, bias, grad_out = (torch.randn(shape, generator=rng, dtype=torch.float64)
                                 for shape in ((4, 3), (3, 2), (2,), (4, 2)))
    targets = torch.tensor([0, 2, 1, 1])

    def solved(exercise: str, *inputs):
        return attempt(exercise, solution(exercise))(*inputs)

    torch.testing.assert_close(solved("softmax", x), x.softmax(1))
    torch.testing.assert_close(solved("cross_entropy", x, targets), functional.cross_entropy(x, targets))
    yes = torch.tensor([1.0, 0, 0, 1], dtype=torch.float64)
    torch.testing.assert_close(solved("binary_cross_entropy", x[:, 0].sigmoid(), yes),
                               functional.binary_cross_entropy(x[:, 0].sigmoid(), yes))
    torch.testing.assert_close(solved("matmul", x, weight), x @ weight)
    torch.testing.assert_close(solved("outer", bias, grad_out[:, 0]), torch.outer(bias, grad_out[:, 0]))
    leaves = [value.clone().requires_grad_() for value in (x, weight, bias)]
    by_autograd = torch.autograd.grad((leaves[0] @ leaves[1] + leaves[2]), leaves, grad_out)
    for ours, theirs in zip(solved("linear_backward", x, weight, bias, grad_out), by_autograd, strict=True):
        torch.testing.assert_close(ours, theirs)
    logits = x.clone().requires_grad_()
    functional.cross_entropy(logits, targets).backward()
    torch.testing.assert_close(solved("softmax_nll_grad", x, targets), logits.grad)


@pytest.mark.parametrize(("exercise", "settings"), [("sgd", {"lr": 0.1}), ("momentum", {"lr": 0.1, "momentum": 0.7})])
def test_the_optimizers_walk_as_those_of_pytorch(exercise, settings):
    theirs, ours = (nn.Parameter(torch.linspace(-1, 1, 6, dtype=torch.float64)) for _ in range(2))
    steps = torch.optim.SGD([theirs], **settings), attempt(exercise, solution(exercise))([ours], **settings)
    for _ in range(4):
        for p, opt in ((theirs, steps[0]), (ours, steps[1])):
            opt.zero_grad()
            (p**2 + p.sin()).sum().backward()
            opt.step()
    torch.testing.assert_close(ours, theirs)


# --- hostile attempts -------------------------------------------------------------------------------------------


def test_an_endless_loop_is_ended_and_named(monkeypatch):
    set_limits(monkeypatch, SHORT)
    before = threading.active_count()
    verdict = judge("softmax", attempt("softmax", "def my_softmax(x):\n    while True:\n        x = x + 1"))
    assert verdict.code == "endless"
    assert "line " in verdict.message
    assert "restart the kernel" not in verdict.message
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_an_attempt_that_catches_everything_holds_nobody_up(monkeypatch):
    """Whether it can be ended depends on where it is hit: some jumps of a loop lie outside its `try`."""
    set_limits(monkeypatch, SHORT)
    release = threading.Event()

    def my_softmax(x):
        try:  # whatever is raised, is raised in here
            while not release.is_set():
                pass
        except BaseException:
            my_softmax(x)

    try:
        verdict = judge("softmax", my_softmax)
        assert verdict.code == "endless"
        set_limits(monkeypatch, 20)
        assert judge("softmax", attempt("softmax", solution("softmax"))).code == "ok"
    finally:
        release.set()


def test_after_an_attempt_that_hangs_in_c_the_next_one_is_judged(monkeypatch):
    """On Python 3.11 it would never begin: see `_let_others_run`."""
    set_limits(monkeypatch, 20, waiting=0.5)
    release = threading.Event()
    try:
        verdict = judge("softmax", lambda x: release.wait())
        assert verdict.code == "endless"
        assert "restart the kernel" in verdict.message
        set_limits(monkeypatch, 20)
        assert judge("softmax", attempt("softmax", solution("softmax"))).code == "ok"
    finally:
        release.set()


def test_waiting_without_work_is_ended_too(monkeypatch):
    set_limits(monkeypatch, 20, waiting=0.5)
    verdict = judge("softmax", lambda x: time.sleep(3))
    assert verdict.code == "endless"
    assert "restart the kernel" in verdict.message  # a call into C does not come back


def test_a_stop_by_the_reader_is_an_answer(monkeypatch):
    def press(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox, "_finishes", press)
    assert judge("softmax", lambda x: x).code == "interrupted"


def test_prints_are_caught_and_bounded(capsys):
    def my_softmax(x):
        for _ in range(300):
            print("here", x.shape)
        print("warning", file=sys.stderr)
        return x.exp() / x.exp().sum(0)

    verdict = judge("softmax", my_softmax)
    assert verdict.code == "wrong_axis"
    assert verdict.printed.startswith("here torch.Size([4, 3])")
    assert len(verdict.printed) < 2 * sandbox.MOST_PRINTED
    assert len(verdict.printed.splitlines()) == sandbox.MOST_LINES + 1
    assert "here" in repr(verdict)
    assert "here" in verdict._repr_html_()
    assert capsys.readouterr() == ("", "")


def test_printing_in_place_of_returning_is_said():
    assert "printing is not handing back" in judge("softmax", lambda x: print(x)).message


def test_global_state_is_put_back(tmp_path):
    import os

    def my_softmax(x):
        torch.set_default_dtype(torch.float16)
        torch.set_grad_enabled(False)
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)
        torch.set_num_threads(3)
        torch.autograd.set_detect_anomaly(True)
        sys.setrecursionlimit(5000)
        os.environ["LESSONLIB_SURPRISE"] = "1"
        os.chdir(tmp_path)
        return x

    def state():
        return (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_rng_state().tolist(), random.getstate(),
                np.random.get_state()[1].tolist(), torch.get_num_threads(), torch.is_anomaly_enabled(),
                sys.getrecursionlimit(), os.environ.get("LESSONLIB_SURPRISE"), Path.cwd(), sys.stdout, sys.gettrace(),
                input)

    before = state()
    assert judge("softmax", my_softmax).status == "fail"
    assert state() == before


def test_the_judgement_does_not_depend_on_the_state_around_it():
    answer = attempt("my_linear", solution("my_linear"))
    torch.set_default_dtype(torch.float16)
    try:
        with torch.no_grad():
            assert judge("my_linear", answer).code == "ok"
            assert judge("softmax", attempt("softmax", solution("softmax"))).code == "ok"
    finally:
        torch.set_default_dtype(torch.float32)


def test_two_judgements_of_one_attempt_are_equal():
    wrong = attempt("momentum", wrong_cells("momentum", "dampened")[0])
    first, second = judge("momentum", wrong), judge("momentum", wrong)
    assert first == second


def test_whatever_is_handed_in_gets_an_answer():
    class Sly:
        def __getattr__(self, name):
            raise SystemExit

        def __call__(self, *args):
            return self

        def __repr__(self):
            raise ValueError("no")

    things = [None, ..., 3, "softmax", [], {}, torch.ones(3), nn.Linear, nn.Linear(3, 2), torch, print, len, lambda: 1, int,
              Sly(), Sly, type, object(), float("nan"), (x for x in []), torch.nn.functional.softmax, np.exp, Exception]
    kinds_seen: set[str] = set()
    for exercise in IDS:  # everything is handed to one exercise of each kind, and a few things to each of the others
        few = random.Random(exercise).sample(things, 3) if EXERCISES[exercise].kind in kinds_seen else things
        kinds_seen.add(EXERCISES[exercise].kind)
        for thing in few:
            verdict = judge(exercise, thing)
            assert verdict.status in ("fail", "todo")
            assert verdict.code != "ok"
            assert isinstance(repr(verdict) + verdict._repr_html_(), str)


@pytest.mark.parametrize("wrong", ["sofmax", "", None, 3, ["softmax"]])
def test_an_unknown_exercise_is_an_answer_too(wrong):
    assert judge(wrong, None).code == "no_such_exercise"
    assert "softmax" in judge("sofmax", None).message
    assert check(wrong, None).code == "no_such_exercise"
    assert "no exercise" in hint(wrong, 1).title


def test_a_fault_of_ours_is_no_fault_of_the_learner(monkeypatch):
    def broken(*_args):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(judging, "_examine", broken)
    verdict = check("softmax", lambda x: x)
    assert verdict.code == "check_failed"
    assert progress.read_progress() == {}


# --- words ------------------------------------------------------------------------------------------------------


def test_an_unknown_mistake_shows_where_the_numbers_part():
    verdict = judge("softmax", attempt("softmax", "def my_softmax(x):\n    e = (x * 1.5 + x.sin()).exp()\n"
                                                  "    return e / e.sum(1, keepdim=True)"))
    assert verdict.code == "unknown"
    assert "no mistake that this check knows" in verdict.message
    assert "they part first at result[0, 0]: expected" in verdict.evidence
    assert "(4, 3)" in verdict.evidence


def test_a_single_number_is_shown_without_a_shape_and_with_enough_digits():
    off = judge("n_parameters", attempt("n_parameters", "def n_parameters(i, h, o):\n    return i * h + h * o"))
    assert off.evidence.splitlines()[-1] == "result: expected 79510, yours 79400"
    near = judge("epoch_mean", attempt("epoch_mean", "def epoch_mean(v, s):\n    return (v * s).sum() / s.sum() + 1e-5"))
    expected, yours = re.search(r"result: expected (\S+), yours (\S+)", near.evidence).groups()
    assert expected != yours


def test_lists_are_shown_as_tables():
    shorter = judge("times_as_fast", attempt("times_as_fast", wrong_cells("times_as_fast", "first_missing")[0]))
    assert "result: expected shape (4,), yours (3,)" in shorter.evidence
    other = judge("times_as_fast", attempt("times_as_fast", wrong_cells("times_as_fast", "upside_down")[0]))
    assert "they part first at result[1]: expected" in other.evidence
    code = EXERCISES["list_transpose"].wrong[0].code
    rows = judge("list_transpose", attempt("list_transpose", wrong_cells("list_transpose", code)[0]))
    assert "result: expected shape (" in rows.evidence


def test_two_mistakes_at_once_are_both_named():
    cell = "def my_cross_entropy(x, t):\n    return x.log_softmax(0)[torch.arange(len(t)), t].mean()"
    verdict = judge("cross_entropy", attempt("cross_entropy", cell))
    assert verdict.code == "wrong_axis"
    assert "sign is flipped" in verdict.message


def test_mistakes_in_several_parts_are_all_named():
    cell = ("def my_linear_backward(x, weight, bias, grad_out):\n"
            "    return grad_out @ weight, grad_out.T @ x, grad_out.mean(0)")
    verdict = judge("linear_backward", attempt("linear_backward", cell))
    assert verdict.code == "x_not_transposed"
    assert "grad_weight is transposed" in verdict.message
    assert "grad_bias is a mean over the batch" in verdict.message


def test_a_constant_factor_is_named():
    cell = "def my_cross_entropy(x, t):\n    return -x.log_softmax(1)[torch.arange(len(t)), t].sum() / 64"
    verdict = judge("cross_entropy", attempt("cross_entropy", cell))
    assert verdict.code == "sum"
    assert "multiplied by 0.015625" in verdict.message
    cell = ("class MySGD:\n    def __init__(self, params, lr):\n        self.params, self.lr = list(params), lr\n"
            "    def step(self):\n        for p in self.params:\n            p.data -= self.lr * p.grad / 10\n"
            "    def zero_grad(self):\n        for p in self.params:\n            p.grad = None")
    verdict = judge("sgd", attempt("sgd", cell))
    assert verdict.code == "as_if"
    assert "With lr=0.2 it walks as a right one would with lr=0.02" in verdict.message


def test_an_error_is_shown_with_the_learners_own_line():
    cell = "def my_softmax(x):\n    total = x.sum()\n    return x / totl"
    verdict = judge("softmax", attempt("softmax", cell))
    assert verdict.code == "name"
    assert "line 3" in verdict.message
    assert "totl" in verdict.message
    assert "Traceback" not in repr(verdict)


def test_notes_come_with_right_answers():
    by_row = "def my_matmul(a, b):\n    return torch.stack([(row[:, None] * b).sum(0) for row in a])"
    assert "one loop is left" in judge("matmul", attempt("matmul", by_row)).message
    assert "PyTorch stores it as (out, in)" in judge("my_linear", attempt("my_linear", solution("my_linear"))).message
    plain = ("def my_binary_cross_entropy(p, t):\n"
             "    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()")
    assert "clamp_min" in judge("binary_cross_entropy", attempt("binary_cross_entropy", plain)).message


def test_plain_words_everywhere():
    """No word that belittles, no unfilled field, and sentences that end."""
    words = re.compile(r"\b(simply|obviously|magic|just do|trivial)\b", re.IGNORECASE)
    for exercise in IDS:
        for mistake in codes(exercise).values():
            for text in (mistake.seen, mistake.why, mistake.next):
                assert not words.search(text), text
        for each in EXERCISES[exercise].hints:
            assert not words.search(each.text + each.title)
        assert "____" in EXERCISES[exercise].hints[-1].code
        assert EXERCISES[exercise].task.count(".") >= 1


# --- the face ---------------------------------------------------------------------------------------------------


def test_html_is_small_escaped_and_says_the_verdict_in_words():
    cell = "def my_softmax(x):\n    print('<script>')\n    return x.exp() / x.exp().sum(0)"
    verdict = check("softmax", attempt("softmax", cell))
    page = verdict._repr_html_()
    assert "Not yet" in page
    assert 'role="status"' in page
    assert "<script>" not in page
    alt = "Two tables of numbers: expected, 4 by 3, and yours, 4 by 3; 12 of 12 numbers differ."
    assert re.search(rf'<img [^>]*alt="{re.escape(alt)}"', page)
    assert len(page) < 60_000
    right = check("softmax", attempt("softmax", solution("softmax")))
    assert "Right" in right._repr_html_()
    assert "<img" not in right._repr_html_()


def test_curves_and_other_shapes_can_be_drawn():
    from lessonlib.course.exercises.engine.comparison_plot import beside

    assert "Two curves" in beside(torch.ones(5), torch.zeros(5)).alt
    assert "shapes differ" in beside(torch.ones(2, 3), torch.zeros(3, 2)).alt
    assert "of 4 numbers differ" in beside(torch.ones(2, 2), torch.full((2, 2), torch.nan)).alt
    assert beside(torch.tensor(1.0), torch.tensor(2.0)) is None
    assert beside(torch.ones(100, 100), torch.ones(100, 100)) is None
    assert beside(None, torch.ones(3)) is None


def test_hints_are_titled_and_counted():
    titles = hint("softmax")
    assert "hint('softmax', 3)" in titles.code
    third = hint("softmax", 3)
    assert third == EXERCISES["softmax"].hints[2]
    assert "____" in repr(third)
    assert "<pre>" in third._repr_html_()
    hint("softmax", 1)
    hint("softmax", 1)
    assert progress.read_progress()["softmax"].hints == [1, 3]
    assert "hint('softmax', 1)" in hint("softmax", 7).code


@each_exercise
def test_a_solution_is_an_answer_and_no_more(exercise):
    """In the exercise's own names, in fewer lines than a screen holds."""
    task = EXERCISES[exercise]
    assert re.search(rf"^(def|class) {task.name}\b", task.solution, re.MULTILINE)
    assert len(task.solution.splitlines()) <= 25
    handed_over = set(task.stub.splitlines())  # what the stub imports, the answer may use
    assert not [line for line in task.solution.splitlines() if "lessonlib" in line and line not in handed_over]


# --- progress ---------------------------------------------------------------------------------------------------


def test_progress_is_written_down_and_the_skeleton_is_not_counted():
    wrong = attempt("softmax", "def my_softmax(x):\n    return x.exp()")
    right = attempt("softmax", solution("softmax"))
    assert isinstance(check("softmax", attempt("softmax", stub("softmax"))), Verdict)
    assert not progress.progress_file().exists()
    check("softmax", wrong)
    assert progress.read_progress()["softmax"] == progress.Record(tries=1, last_code="no_divide")
    check("softmax", right)
    check("softmax", wrong)
    record = progress.read_progress()["softmax"]
    assert record.passed
    assert record.passed_on
    assert (record.tries, record.last_code) == (3, "no_divide")
    assert json.loads(progress.progress_file().read_text(encoding="utf-8"))["version"] == progress.VERSION


@pytest.mark.parametrize("content", [
    "{", "", "[]", "3", '{"version": "1", "exercises": {}}', '{"version": 1}', '{"version": 1, "exercises": {"a": 3}}',
    '{"version": 1, "exercises": {"softmax": {"tries": "many"}}}', '{"version": 1, "exercises": {"softmax": {"new": 1}}}',
    '{"version": 1, "exercises": {"softmax": {"hints": ["a"]}}}', "[" * 100_000,
])
def test_a_file_that_cannot_be_understood_is_set_aside(content, capsys):
    path = progress.progress_file()
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    assert progress.read_progress() == {}
    aside = list(path.parent.glob("progress-set-aside-*.json"))
    assert [other.read_text(encoding="utf-8") for other in aside] == [content]
    assert "renamed" in capsys.readouterr().err
    check("softmax", attempt("softmax", solution("softmax")))
    assert progress.read_progress()["softmax"].passed


def test_progress_that_cannot_be_written_is_no_error(monkeypatch, tmp_path, capsys):
    blocked = tmp_path / "a file"
    blocked.write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("LESSONLIB_PROGRESS", str(blocked / "progress.json"))
    assert check("softmax", attempt("softmax", solution("softmax"))).status == "ok"
    assert "could not be written" in capsys.readouterr().err


def test_a_write_that_fails_leaves_the_old_file(monkeypatch):
    check("softmax", attempt("softmax", solution("softmax")))
    before = progress.progress_file().read_bytes()

    def full(*_args, **_more):
        raise OSError("disk full")

    monkeypatch.setattr(progress.json, "dumps", full)
    check("outer", attempt("outer", solution("outer")))
    assert progress.progress_file().read_bytes() == before
    assert not list(progress.progress_file().parent.glob("*.unfinished"))


def test_two_writers_lose_nothing():
    writers = [threading.Thread(target=progress.note_hint, args=(exercise, n)) for exercise in IDS[:5] for n in (1, 2, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    records = progress.read_progress()
    assert [records[exercise].hints for exercise in IDS[:5]] == [[1, 2, 3]] * 5


def test_without_a_checkout_progress_is_in_the_users_folder(monkeypatch):
    monkeypatch.delenv("LESSONLIB_PROGRESS")
    monkeypatch.setattr(progress, "checkout", lambda: None)
    assert progress.progress_file().name == "progress.json"
    assert "lessonlib" in str(progress.progress_file())


def test_the_catalogue_and_progress_load_no_torch():
    code = ("import sys, lessonlib.course.progress, lessonlib.course.exercises as e; "
            "assert e.EXERCISES['softmax'].lesson == 7; print('torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("exercise", ["sgd", "softmax"])
def test_the_first_judgement_of_a_session_is_fair(exercise, root):
    """Parts of PyTorch are loaded at their first use; that time is not the learner's."""
    code = (f"from lessonlib.course.exercises import judge, EXERCISES; "
            f"from lessonlib.course.exercises.engine.answers import make_answer; task = EXERCISES[{exercise!r}]; "
            f"print(judge(task.id, make_answer(task.right[-1].source, task.name, '<cell>')).code)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ok", done.stderr
