"""The engine of the exercises: the bank, hostile attempts, what is left behind, the face, and progress."""

import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import exercise_bank
import numpy as np
import pytest
import torch
from exercise_bank import HOSTILE, MISTAKES, RIGHT, attempt
from torch import nn
from torch.nn import functional

from lessonlib.course import progress
from lessonlib.course.exercises import EXERCISES, Verdict, check, codes, court, hint, judge, sandbox, solution, stub
from lessonlib.course.exercises import gradients as gradient_family
from lessonlib.course.exercises.functions import Function
from lessonlib.course.exercises.losses import ACCURACY, BINARY, CROSS_ENTROPY, SOFTMAX

IDS = list(EXERCISES)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONLIB_PROGRESS", str(tmp_path / "work" / "progress.json"))


LIMITS = sandbox.SECONDS, sandbox.SECONDS_ON_THE_CLOCK
SHORT = 0.3, sandbox.SECONDS_ON_THE_CLOCK  # for what never ends


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine must not make an honest attempt look endless."""
    set_limits(monkeypatch, 10, 60)


def set_limits(monkeypatch, seconds: float, on_the_clock: float) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", seconds)
    monkeypatch.setattr(sandbox, "SECONDS_ON_THE_CLOCK", on_the_clock)


def label(entry: tuple[str, str, str]) -> str:
    return f"{entry[0]}-{entry[1]}"


# --- the bank -------------------------------------------------------------------------------------------------


def test_the_bank_is_large_enough():
    assert len(MISTAKES) >= 80
    assert len(RIGHT) >= 25
    assert {exercise for exercise, _, _ in MISTAKES} == {exercise for exercise, _, _ in RIGHT} == set(IDS)
    asked = {"normalize", "l2_distance", "my_linear", "softmax", "cross_entropy", "binary_cross_entropy", "accuracy",
             "batches", "train_epoch", "sgd", "momentum", "outer", "matmul", "linear_backward", "softmax_nll_grad"}
    assert asked <= set(IDS)


@pytest.mark.parametrize("entry", MISTAKES, ids=label)
def test_each_known_mistake_is_found(entry):
    exercise, code, cell = entry
    verdict = judge(exercise, attempt(exercise, cell))
    assert (verdict.status, verdict.code) == ("fail", code), str(verdict)
    assert "Next: " in verdict.message
    assert "{" not in verdict.message


@pytest.mark.parametrize("entry", RIGHT, ids=label)
def test_each_right_answer_is_accepted(entry):
    exercise, _, cell = entry
    verdict = judge(exercise, attempt(exercise, cell))
    assert (verdict.status, verdict.code) == ("ok", "ok"), str(verdict)


@pytest.mark.parametrize("exercise", IDS)
def test_the_solution_is_right_and_the_stub_is_not_tried(exercise):
    assert judge(exercise, attempt(exercise, solution(exercise))).code == "ok"
    verdict = judge(exercise, attempt(exercise, stub(exercise)))
    assert (verdict.status, verdict.code) == ("todo", "todo")
    assert EXERCISES[exercise].task in verdict.message


@pytest.mark.parametrize(("exercise", "cell"), [
    ("softmax", "def softmax(x):\n    pass"), ("softmax", "def softmax(x):\n    '''A docstring.'''"),
    ("softmax", "def softmax(x):\n    raise NotImplementedError"), ("softmax", "def softmax(x):\n    return ..."),
    ("softmax", "softmax = ..."), ("softmax", "softmax = None"), ("sgd", "SGD = None"),
    ("softmax", "def softmax(x):\n    exps = ...\n    return exps"),
])
def test_other_ways_of_not_having_tried(exercise, cell):
    assert judge(exercise, attempt(exercise, cell)).code == "todo"


@pytest.mark.parametrize("exercise", IDS)
def test_each_code_has_a_message_a_hint_and_a_next_action(exercise):
    for code, mistake in codes(exercise).items():
        assert code == mistake.code
        assert mistake.seen
        assert mistake.why
        assert mistake.next.strip(), code
        assert mistake.hint in (1, 2, 3), code


def test_no_code_has_two_meanings_in_one_exercise():
    for exercise, found in court.exercises().items():
        assert not set(found.mistakes) & set(court.COMMON), exercise
    for family in (SOFTMAX, CROSS_ENTROPY, BINARY, ACCURACY, gradient_family.LINEAR, gradient_family.SOFTMAX_NLL):
        assert max(Counter(mistake.code for mistake in family.mistakes).values()) == 1


def functions() -> dict[str, Function]:
    return {name: exercise.examine.__self__ for name, exercise in court.exercises().items()
            if isinstance(getattr(exercise.examine, "__self__", None), Function)}


@pytest.mark.parametrize("exercise", sorted(functions()))
def test_simulations_are_told_apart(exercise):
    """No two simulated mistakes give the same numbers in all cases, and none gives the right ones everywhere."""
    function = functions()[exercise]
    ordinary, extremes = list(function.cases()), list(function.extremes())
    simulated = {}
    for mistake in function.mistakes:
        if mistake.simulate is not None:
            simulated[mistake.code] = [function.simulated(mistake.simulate, case) for case in [*ordinary, *extremes]]
    as_yours = {code: [part if part is not None else court.Raised(RuntimeError("shapes"), "", "") for part in parts]
                for code, parts in simulated.items()}
    n = len(ordinary)
    for code, yours in as_yours.items():
        assert not function.is_right(yours, [*ordinary, *extremes]), code
        if function.is_right(yours[:n], ordinary):
            continue  # it shows at the extremes only
        assert not any(isinstance(part, tuple) and all(bool(p.isnan().all()) for p in part) for part in yours[1:2]), code
        same = [other for other in simulated if other != code and function.meets(yours[:n], simulated[other][:n])]
        assert same == [], code


def test_walks_of_the_optimizers_are_told_apart():
    from lessonlib.course.exercises import training
    from lessonlib.course.exercises.compare import equal

    settings = {"lr": 0.07, "momentum": 0.8}
    for walks, right in ((training._sgd_mistakes(0.07), training._plain(0.07)),
                         (training._momentum_mistakes(**settings), training._velocity(0.07, 0.8))):
        expected = training._walk(right)
        named = list(walks.items())
        for i, (code, rows) in enumerate(named):
            assert not equal(rows, expected), code
            same = [other for other, others in named[:i] if equal(rows, others)]
            assert same == [], (code, same)


def test_every_mistake_with_numbers_is_in_the_bank_or_judged_here():
    """What the bank has no cell for is handed in as the simulation itself."""
    in_bank = {(exercise, code) for exercise, code, _ in MISTAKES}
    for exercise, function in functions().items():
        for mistake in function.mistakes:
            if mistake.simulate is None or (exercise, mistake.code) in in_bank:
                continue
            simulate = mistake.simulate
            verdict = judge(exercise, lambda *inputs, simulate=simulate: simulate(*inputs))
            # A simulation may take a shortcut through a function that is the answer itself.
            assert verdict.code in (mistake.code, "borrowed", "forbidden"), f"{exercise} {mistake.code}: {verdict}"


def test_every_code_is_shown_by_some_attempt():
    """Each mistake has a cell in the bank, or numbers that the test above hands in."""
    shown = {(exercise, code) for exercise, code, _ in [*MISTAKES, *HOSTILE]}
    for exercise, found in court.exercises().items():
        missing = [code for code, mistake in found.mistakes.items()
                   if (exercise, code) not in shown and mistake.simulate is None]
        assert missing == [], exercise
    elsewhere = {"interrupted", "check_failed", "no_such_exercise"}  # judged one by one below
    assert set(court.COMMON) - {code for _, code in shown} == elsewhere


# --- the oracles ------------------------------------------------------------------------------------------------


def test_the_gradients_of_the_engine_are_the_formulas():
    rng = torch.Generator().manual_seed(7)
    x, weight, bias, grad_out = (torch.randn(shape, generator=rng, dtype=torch.float64)
                                 for shape in ((4, 3), (3, 2), (2,), (4, 2)))
    for ours, formula in zip(gradient_family.linear_grads(x, weight, bias, grad_out),
                             (grad_out @ weight.T, x.T @ grad_out, grad_out.sum(0)), strict=True):
        torch.testing.assert_close(ours, formula)
    targets = torch.tensor([0, 2, 1, 1])
    formula = (x.softmax(1) - functional.one_hot(targets, 3)) / 4
    torch.testing.assert_close(gradient_family.nll_grad(x, targets), formula)


# --- hostile attempts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", HOSTILE, ids=label)
def test_hostile_attempts_get_an_answer(entry, monkeypatch):
    exercise, code, cell = entry
    if code == "endless":
        set_limits(monkeypatch, *SHORT)
    verdict = judge(exercise, attempt(exercise, cell))
    assert (verdict.status, verdict.code) == ("fail", code), str(verdict)


def test_an_endless_loop_is_ended_and_named(monkeypatch):
    set_limits(monkeypatch, *LIMITS)
    before = threading.active_count()
    verdict = judge("softmax", attempt("softmax", HOSTILE[0][2]))
    assert verdict.code == "endless"
    assert "line " in verdict.message
    assert "restart the kernel" not in verdict.message
    time.sleep(0.1)
    assert threading.active_count() == before


def test_an_attempt_that_catches_everything_holds_nobody_up(monkeypatch):
    """Whether it can be ended depends on where it is hit: some jumps of a loop lie outside its `try`."""
    set_limits(monkeypatch, *SHORT)
    release = threading.Event()

    def softmax(x):
        try:  # whatever is raised, is raised in here
            while not release.is_set():
                pass
        except BaseException:
            softmax(x)

    try:
        verdict = judge("softmax", softmax)
        assert verdict.code == "endless"
        set_limits(monkeypatch, 10, 60)
        assert judge("softmax", attempt("softmax", solution("softmax"))).code == "ok"
    finally:
        release.set()


def test_after_an_attempt_that_hangs_in_c_the_next_one_is_judged(monkeypatch):
    """On Python 3.11 it would never begin: see `_let_others_run`."""
    monkeypatch.setattr(sandbox, "SECONDS_ON_THE_CLOCK", 1.2)
    release = threading.Event()
    try:
        verdict = judge("softmax", lambda x: release.wait())
        assert verdict.code == "endless"
        assert "restart the kernel" in verdict.message
        set_limits(monkeypatch, 10, 60)
        assert judge("softmax", attempt("softmax", solution("softmax"))).code == "ok"
    finally:
        release.set()


def test_waiting_without_work_is_ended_too(monkeypatch):
    monkeypatch.setattr(sandbox, "SECONDS_ON_THE_CLOCK", 1.2)
    verdict = judge("softmax", lambda x: time.sleep(3))
    assert verdict.code == "endless"
    assert "restart the kernel" in verdict.message  # a call into C does not come back


def test_a_stop_by_the_reader_is_an_answer(monkeypatch):
    def press(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox, "_finishes", press)
    assert judge("softmax", lambda x: x).code == "interrupted"


def test_prints_are_caught_and_bounded(capsys):
    def softmax(x):
        for _ in range(300):
            print("here", x.shape)
        print("warning", file=sys.stderr)
        return x.exp() / x.exp().sum(0)

    verdict = judge("softmax", softmax)
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

    def softmax(x):
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
    assert judge("softmax", softmax).status == "fail"
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
    wrong = attempt("momentum", next(cell for exercise, code, cell in MISTAKES if code == "dampened"))
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
    for exercise in IDS:
        for thing in things:
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

    monkeypatch.setattr(court, "_examine", broken)
    verdict = check("softmax", lambda x: x)
    assert verdict.code == "check_failed"
    assert progress.read_progress() == {}


# --- words ------------------------------------------------------------------------------------------------------


def test_an_unknown_mistake_shows_where_the_numbers_part():
    verdict = judge("softmax", attempt("softmax", "def softmax(x):\n    e = (x * 1.5).exp()\n"
                                                  "    return e / e.sum(1, keepdim=True)"))
    assert verdict.code == "unknown"
    assert "no mistake that this check knows" in verdict.message
    assert "they part first at result[0, 0]: expected" in verdict.evidence
    assert "(4, 3)" in verdict.evidence


def test_two_mistakes_at_once_are_both_named():
    cell = "def cross_entropy(x, t):\n    return x.log_softmax(0)[torch.arange(len(t)), t].mean()"
    verdict = judge("cross_entropy", attempt("cross_entropy", cell))
    assert verdict.code == "wrong_axis"
    assert "sign is flipped" in verdict.message


def test_mistakes_in_several_parts_are_all_named():
    cell = ("def linear_backward(x, weight, bias, grad_out):\n"
            "    return grad_out @ weight, grad_out.T @ x, grad_out.mean(0)")
    verdict = judge("linear_backward", attempt("linear_backward", cell))
    assert verdict.code == "x_not_transposed"
    assert "grad_weight is transposed" in verdict.message
    assert "grad_bias is a mean over the batch" in verdict.message


def test_a_constant_factor_is_named():
    cell = "def cross_entropy(x, t):\n    return -x.log_softmax(1)[torch.arange(len(t)), t].sum() / 64"
    verdict = judge("cross_entropy", attempt("cross_entropy", cell))
    assert verdict.code == "sum"
    assert "multiplied by 0.015625" in verdict.message
    cell = ("class SGD:\n    def __init__(self, params, lr):\n        self.params, self.lr = list(params), lr\n"
            "    def step(self):\n        for p in self.params:\n            p.data -= self.lr * p.grad / 10\n"
            "    def zero_grad(self):\n        for p in self.params:\n            p.grad = None")
    verdict = judge("sgd", attempt("sgd", cell))
    assert verdict.code == "as_if"
    assert "With lr=0.2 it walks as a right one would with lr=0.02" in verdict.message


def test_an_error_is_shown_with_the_learners_own_line():
    cell = "def softmax(x):\n    total = x.sum()\n    return x / totl"
    verdict = judge("softmax", attempt("softmax", cell))
    assert verdict.code == "name"
    assert "line 3" in verdict.message
    assert "totl" in verdict.message
    assert "Traceback" not in repr(verdict)


def test_notes_come_with_right_answers():
    by_row = "def matmul(a, b):\n    return torch.stack([(row[:, None] * b).sum(0) for row in a])"
    assert "one loop is left" in judge("matmul", attempt("matmul", by_row)).message
    assert "PyTorch stores it as (out, in)" in judge("my_linear", attempt("my_linear", solution("my_linear"))).message
    plain = ("def binary_cross_entropy(p, t):\n"
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
        assert EXERCISES[exercise].hints[2].code.count("____") >= 1
        assert EXERCISES[exercise].task.count(".") >= 1


# --- the face ---------------------------------------------------------------------------------------------------


def test_html_is_small_escaped_and_says_the_verdict_in_words():
    cell = "def softmax(x):\n    print('<script>')\n    return x.exp() / x.exp().sum(0)"
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
    from lessonlib.course.exercises.pictures import beside

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


def test_the_solution_is_the_exported_code():
    import inspect

    from lessonlib import layers, losses

    assert inspect.getsource(layers.softmax) in solution("softmax")
    assert inspect.getsource(losses.nll) in solution("cross_entropy")


@pytest.mark.parametrize(("exercise", "name"), [("my_linear", "MyLinear(nn.Module)"), ("sgd", "SGD"), ("momentum", "SGD")])
def test_where_the_library_does_more_the_solution_is_a_direct_answer(exercise, name):
    """A class with the exercise's own name, and nothing of ours in it."""
    assert f"class {name}:" in solution(exercise)
    assert "lessonlib" not in solution(exercise)


# --- progress ---------------------------------------------------------------------------------------------------


def test_progress_is_written_down_and_the_skeleton_is_not_counted():
    wrong = attempt("softmax", "def softmax(x):\n    return x.exp()")
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
    "{", "", "[]", "3", '{"version": 99, "exercises": {}}', '{"version": 1}', '{"version": 1, "exercises": {"a": 3}}',
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
    cells = [cell for name, _, cell in RIGHT if name == exercise]
    code = (f"import sys; sys.path.insert(0, {str(root / 'tests')!r}); import exercise_bank as bank; "
            f"from lessonlib.course.exercises import judge; "
            f"print(judge({exercise!r}, bank.attempt({exercise!r}, {cells[-1]!r})).code)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ok", done.stderr


def test_the_bank_is_read_whole():
    assert exercise_bank.parse("\n## softmax ok\ncell\n") == [("softmax", "ok", "cell\n")]
    written = Path(exercise_bank.__file__).read_text(encoding="utf-8").count("\n## ")
    assert len(MISTAKES) + len(RIGHT) + len(HOSTILE) == written
