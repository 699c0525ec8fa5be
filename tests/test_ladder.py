"""The claim of the series: the same losses on every rung, and what was taken away stood still."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from lessonlib import ladder, training
from lessonlib.course.exercises import EXERCISES
from lessonlib.course.exercises.engine.answers import make_answer
from lessonlib.data import load_digits
from lessonlib.ladder import RUNGS, Climb, Rung, climb, guarded, make_task
from lessonlib.loaders import batches
from lessonlib.matmul import LibraryUsed
from lessonlib.optim import SGD


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_every_rung_gives_the_losses_of_the_first(dtype, tolerance):
    """The whole epoch, on MNIST where it is and on the built-in digits where it is not."""
    digits = load_digits()
    result = climb(make_task(digits, dtype=dtype))
    assert result.tolerance == tolerance
    assert result.lost() == []
    first = torch.tensor(result.rows[0]["losses"], dtype=torch.float64)
    assert len(first) == 782
    assert first[0] > 2  # nothing is known at first, and a guess among ten costs log 10
    assert first[-100:].mean() < 0.6
    for row in result.rows:
        losses = torch.tensor(row["losses"], dtype=torch.float64)
        torch.testing.assert_close(losses, first, rtol=0, atol=tolerance)
        assert row["max_loss_difference"] <= tolerance
        assert row["valid_accuracy"] >= (0.905 if digits.source == "mnist" else 0.85)
        assert row["seconds_per_epoch"] > 0
    lines = [row["lines"] for row in result.rows]
    assert lines == sorted(set(lines))  # each rung adds some
    assert lines[0] == 0


def test_the_solution_of_the_exercise_is_a_rung_4(task):
    """What the guard of rung 4 refuses, the solution of `my_rung` does without, and its losses are those of the rung."""
    answer = make_answer(EXERCISES["my_rung"].solution, "my_rung")
    (weight, bias), = task.layers
    with guarded(RUNGS[:4]):
        losses = answer(weight, bias, list(batches(task.x, task.y, task.batch_size, task.generator())), task.lr)
    torch.testing.assert_close(torch.tensor(losses, dtype=torch.float64), ladder.rung_sgd(task).losses, rtol=0, atol=1e-5)


def test_several_epochs_have_several_orders(task):
    twice = replace(task, epochs=2)
    losses = [rung.train(twice).losses for rung in RUNGS]
    for other in losses[1:]:
        torch.testing.assert_close(other, losses[0], rtol=0, atol=1e-5)
    assert len(losses[0]) == 64
    once = RUNGS[0].train(task).losses
    torch.testing.assert_close(losses[0][:32], once, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance", "n_hidden"), [(torch.float32, 1e-5, 100), (torch.float64, 1e-12, 50)])
def test_every_rung_takes_a_hidden_layer(random_digits, dtype, tolerance, n_hidden):
    task = make_task(random_digits, dtype=dtype, n_hidden=n_hidden)
    assert [tuple(p.shape) for layer in task.layers for p in layer] == [(784, n_hidden), (n_hidden,), (n_hidden, 10), (10,)]
    result = climb(task)
    assert (result.n_hidden, result.tolerance, result.lost()) == (n_hidden, tolerance, [])
    first = torch.tensor(result.rows[0]["losses"], dtype=torch.float64)
    assert first[-5:].mean() < first[0] - 0.2
    for row in result.rows:
        torch.testing.assert_close(torch.tensor(row["losses"], dtype=torch.float64), first, rtol=0, atol=tolerance)
    plain = RUNGS[0].train(make_task(random_digits, dtype=dtype)).losses
    assert not torch.allclose(plain, first, atol=0.01)  # it is another network


def test_a_hidden_layer_bends(random_digits):
    """Between the two layers is a ReLU, on each rung: what it hides has no part in the answer."""
    task = make_task(random_digits, dtype=torch.float64, n_hidden=4)
    (weight, bias), last = task.layers
    closed = replace(task, layers=((weight * 0, bias * 0 - 1), last), lr=0.0)
    for rung in RUNGS:
        answers = rung.train(closed).model(task.valid_x[:5])
        torch.testing.assert_close(answers, task.bias.log_softmax(0).expand(5, 10), msg=rung.name)


def test_a_hidden_layer_of_less_than_nothing_is_refused(random_digits):
    with pytest.raises(ValueError, match="size of a hidden layer, or 0 for none; got -1"):
        make_task(random_digits, n_hidden=-1)


@pytest.mark.parametrize("n_hidden", [0, 5])
def test_a_rung_changes_nothing_for_the_next(random_digits, n_hidden):
    task = make_task(random_digits, n_hidden=n_hidden)
    before = [p.clone() for layer in task.layers for p in layer]
    for rung in RUNGS:
        rung.train(task)
    for now, then in zip((p for layer in task.layers for p in layer), before, strict=True):
        assert torch.equal(now, then)


# --- the guard -----------------------------------------------------------------------------------------------


def smuggle(train) -> Rung:
    """Rung 5 with another way of training."""
    return replace(RUNGS[-1], name="smuggler", train=train)


def test_a_smuggled_product_is_caught(task):
    def train(task) -> Climb:
        model = ladder.our_model(task)  # its Linear has an @ in it
        return ladder.train_by_hand(task, model, SGD(model.parameters(), lr=task.lr))

    with pytest.raises(LibraryUsed, match="matmul ran, although it was taken away"):
        climb(task, [*RUNGS[:4], smuggle(train)])


CONTRABAND = {
    "@": lambda x, w: x @ w,
    "matmul": torch.matmul,
    "mm": lambda x, w: x.mm(w),
    "einsum": lambda x, w: torch.einsum("bi,io->bo", x, w),
    "linear": lambda x, w: nn.functional.linear(x, w.T),
    "addmm": lambda x, w: torch.addmm(torch.zeros(10), x, w),
    "tensordot": lambda x, w: torch.tensordot(x, w, 1),
    "inner": lambda x, w: torch.inner(x, w.T),
    "bmm": lambda x, w: torch.bmm(x[None], w[None]),
    "mv": lambda x, w: torch.mv(x, w[:, 0]),
    "multi_dot": lambda x, w: torch.linalg.multi_dot([x, w]),
    "conv1d": lambda x, w: nn.functional.conv1d(x[:, :, None], w.T[:, :, None]),
    "nn.Linear": lambda x, w: nn.Linear(784, 10)(x),
    "log_softmax": lambda x, w: torch.log_softmax(x, 1),
    "F.softmax": lambda x, w: nn.functional.softmax(x, dim=1),
    "nn.ReLU": lambda x, w: nn.ReLU()(x),
    "nn.LogSoftmax": lambda x, w: nn.LogSoftmax(1)(x),
    "nll_loss": lambda x, w: nn.functional.nll_loss(x, torch.zeros(len(x), dtype=torch.int64)),
    "CrossEntropyLoss": lambda x, w: nn.CrossEntropyLoss()(x, torch.zeros(len(x), dtype=torch.int64)),
    "DataLoader": lambda x, w: next(iter(torch.utils.data.DataLoader(x))),
    "optim": lambda x, w: torch.optim.Adam([w.clone().requires_grad_()]),
    "fit": lambda x, w: training.fit(None, [], None, None, None),
}


@pytest.mark.parametrize("name", CONTRABAND)
def test_each_library_is_refused_and_given_back(task, name):
    x, use = task.x[:4], CONTRABAND[name]
    with guarded(RUNGS), pytest.raises(LibraryUsed, match="taken away"):
        use(x, task.weight)
    if name != "fit":
        use(x, task.weight)  # the guard is gone, and everything works as before


def test_each_rung_is_watched_for_what_the_rungs_above_took_away(task):
    with pytest.raises(LibraryUsed, match=r"ran, although"):
        climb(task, [*RUNGS[:2], replace(RUNGS[2], train=RUNGS[0].train)])


def test_no_product_runs_in_the_depths_of_rung_5_either(task):
    """Below the Python names: no kernel for a product, forward or backward."""
    seen = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            seen.add(function.__name__.split(".")[0])
            return function(*args, **(kwargs or {}))

    with Watch():
        RUNGS[-1].train(task)
    assert "mul" in seen
    assert not seen & {"mm", "addmm", "bmm", "mv", "dot", "addmv", "baddbmm", "convolution"}
    seen.clear()
    with Watch():
        RUNGS[0].train(task)
    assert "addmm" in seen  # the watch can see what it looks for


# --- what comes out ------------------------------------------------------------------------------------------


def test_a_rung_that_goes_another_way_is_lost(task):
    def slightly_wrong(task) -> Climb:
        return RUNGS[3].train(replace(task, lr=task.lr * 1.01))

    def nan(task) -> Climb:
        result = RUNGS[3].train(task)
        return replace(result, losses=result.losses * float("nan"))

    result = climb(task, [RUNGS[0], replace(RUNGS[1], name="wrong", train=slightly_wrong),
                          replace(RUNGS[1], name="nan", train=nan)])
    assert result.lost() == ["wrong", "nan"]


def test_the_report_has_what_it_promises(task):
    report = climb(task).to_dict()
    assert {key: report[key] for key in report if key != "rungs"} == {
        "source": "handwriting", "n_hidden": 0, "device": "cpu", "dtype": "float32", "epochs": 1, "batch_size": 64}
    assert [rung["name"] for rung in report["rungs"]] == ["Sequential", "Module", "Loop", "SGD", "Matmul"]
    for rung in report["rungs"]:
        assert set(rung) == {"name", "removed", "lines", "valid_accuracy", "seconds_per_epoch",
                             "max_loss_difference", "losses"}
        assert len(rung["losses"]) == 32


def test_lines_are_counted_without_layout():
    assert ladder.count_lines(ladder.rung_sgd) == 3
    assert ladder.count_lines(ladder.rung_sgd, ladder.rung_sgd) == 3
    assert ladder.count_lines() == 0


def test_the_figure_shows_every_rung(task):
    """A panel for each, with its losses over those of the first, and a bar for its largest difference."""
    measured = climb(task)
    measured.rows[2]["max_loss_difference"] = 3e-6
    *panels, below = ladder.ladder_figure(measured).axes
    assert [ax.get_title() for ax in panels] == ["Sequential", "Module", "Loop", "SGD", "Matmul"]
    for ax, row in zip(panels, measured.rows, strict=True):
        reference, own = ax.lines
        assert list(reference.get_ydata()) == measured.rows[0]["losses"]
        assert list(own.get_ydata()) == row["losses"]
    assert [bar.get_width() for bar in below.patches] == [
        pytest.approx(max(row["max_loss_difference"], 1.2e-8), rel=0.1) for row in measured.rows[1:]]
    assert [label.get_text() for label in below.get_yticklabels()] == ["Module", "Loop", "SGD", "Matmul"]


def test_the_figure_of_one_rung_alone_and_of_a_short_one(task):
    assert [ax.get_title() for ax in ladder.ladder_figure(climb(task, RUNGS[:1])).axes][:1] == ["Sequential"]
    measured = climb(task, RUNGS[:2])
    measured.rows[1]["losses"] = measured.rows[1]["losses"][:12]
    assert ladder.ladder_figure(measured).axes[1].get_title() == "Module\n(12 batches)"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_the_ladder_on_cuda_is_that_of_the_cpu():
    assert torch.get_float32_matmul_precision() == "highest"  # no TF32
    there = climb(make_task(load_digits(), "cuda"))
    assert there.lost() == []
    here = climb(make_task(load_digits(), "cpu"), RUNGS[:1])
    for row in there.rows:
        torch.testing.assert_close(torch.tensor(row["losses"]), torch.tensor(here.rows[0]["losses"]),
                                   rtol=0, atol=1e-4)
