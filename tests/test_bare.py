"""The bottom of the ladder: lists and `math` alone, and the proofs that nothing else ran."""

import inspect
import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lessonlib import bare
from lessonlib.bare import RUNG_PYTHON, RUNGS_BELOW, NoTorch
from lessonlib.gradients import RUNG_GRADIENTS, linear_backward, relu_backward, softmax_nll_grad
from lessonlib.ladder import RUNGS, climb, guarded, make_task
from lessonlib.loaders import batches
from lessonlib.matmul import LibraryUsed

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=25, deadline=None)
ALL = RUNGS + RUNGS_BELOW
DTYPES = [(torch.float32, 1e-5), (torch.float64, 1e-12)]


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def as_tensor(rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


# --- the rung ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
def test_the_rungs_below_give_the_losses_of_the_first(random_digits, dtype, tolerance):
    ladder = climb(make_task(random_digits, dtype=dtype), ALL)
    assert ladder.tolerance == tolerance
    assert ladder.lost() == []
    assert [row["name"] for row in ladder.rows] == ["Sequential", "Module", "Loop", "SGD", "Matmul", "Gradients",
                                                   "Bare Python"]
    assert [len(row["losses"]) for row in ladder.rows] == [32] * 6 + [12]
    first = torch.tensor(ladder.rows[0]["losses"], dtype=torch.float64)
    for row in ladder.rows[5:]:
        losses = torch.tensor(row["losses"], dtype=torch.float64)
        torch.testing.assert_close(losses, first[: len(losses)], rtol=0, atol=tolerance)
    assert ladder.rows[5]["valid_accuracy"] == ladder.rows[0]["valid_accuracy"]
    assert ladder.rows[6]["valid_accuracy"] is None  # it did not go over the whole epoch
    lines = [row["lines"] for row in ladder.rows]
    assert lines == sorted(set(lines))


def test_a_dozen_batches_however_many_epochs(task):
    assert len(RUNG_PYTHON.train(replace(task, epochs=2)).losses) == 12


def test_bare_python_may_go_over_all_batches(task):
    """Asked for more batches than there are, rung 7 takes them all, the smaller last one too."""
    short = replace(task, x=task.x[:150], y=task.y[:150], valid_x=task.valid_x[:20], valid_y=task.valid_y[:20])
    theirs, ours = RUNGS[0].train(short), RUNG_PYTHON.train(short)
    assert len(ours.losses) == 3
    close(ours.losses, theirs.losses, 1e-5)
    close(ours.model(short.valid_x), theirs.model(short.valid_x).detach(), 1e-4)
    row = climb(short, [RUNGS[0], RUNG_PYTHON]).rows[1]
    assert row["valid_accuracy"] is not None
    assert row["max_loss_difference"] <= 1e-5


def test_they_change_nothing_for_the_next(task):
    before = [task.weight.clone(), task.bias.clone()]
    for rung in RUNGS_BELOW:
        first, second = rung.train(task), rung.train(task)
        assert torch.equal(first.losses, second.losses)
        assert torch.equal(task.weight, before[0])
        assert torch.equal(task.bias, before[1])
        assert task.weight.grad is None


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
def test_all_seven_rungs_with_a_hidden_layer(random_digits, dtype, tolerance):
    """A neural network, by PyTorch's best and by lists: the same losses."""
    ladder = climb(make_task(random_digits, dtype=dtype, n_hidden=10), ALL)
    assert (ladder.n_hidden, ladder.tolerance, ladder.lost()) == (10, tolerance, [])
    assert [len(row["losses"]) for row in ladder.rows] == [32] * 6 + [12]
    first = torch.tensor(ladder.rows[0]["losses"], dtype=torch.float64)
    for row in ladder.rows:
        losses = torch.tensor(row["losses"], dtype=torch.float64)
        torch.testing.assert_close(losses, first[: len(losses)], rtol=0, atol=tolerance)
    assert len({tuple(row["losses"][:12]) for row in ladder.rows}) > 1  # they did not all run the same code


def test_the_trained_network_of_lists_answers_as_the_first_rung(random_digits):
    task = make_task(random_digits, dtype=torch.float64, n_hidden=7)
    short = replace(task, x=task.x[:150], y=task.y[:150], valid_x=task.valid_x[:20], valid_y=task.valid_y[:20])
    close(RUNG_PYTHON.train(short).model(short.valid_x), RUNGS[0].train(short).model(short.valid_x).detach())


# --- the guard -----------------------------------------------------------------------------------------------

COMPUTING = {
    "+": lambda x: x + 1, "*": lambda x: x * 2, "@": lambda x: x @ x, "exp": torch.exp, "sum": lambda x: x.sum(),
    "softmax": lambda x: torch.softmax(x, 0), "numpy": lambda x: x.numpy(), "+=": lambda x: x.add_(1),
    "zeros": lambda x: torch.zeros_like(x), "-x": lambda x: -x, "mean": torch.mean, "max": torch.max,
}


@pytest.mark.parametrize("name", COMPUTING)
def test_rung_7_may_not_compute_with_tensors(name):
    with guarded([RUNG_PYTHON]), pytest.raises(LibraryUsed, match="taken away"):
        COMPUTING[name](torch.tensor([1.0, 2.0]))


def test_a_rung_7_that_computes_with_tensors_is_caught(task):
    with pytest.raises(LibraryUsed, match=r"ran, although it was taken away"):
        climb(task, [RUNGS[0], replace(RUNG_PYTHON, train=RUNG_GRADIENTS.train)])


def test_nothing_of_torch_runs_while_rung_7_trains(task, monkeypatch):
    """A smuggler inside the training itself, where lists are all there is."""
    def smuggled(x, y, weight, bias, lr) -> float:
        return torch.tensor(x).sum().item()

    monkeypatch.setattr(bare, "list_step", smuggled)
    with pytest.raises(LibraryUsed, match="tensor ran, although all of PyTorch was taken away"):
        RUNG_PYTHON.train(task)


@pytest.mark.parametrize("use", [
    lambda x: x + 1, lambda x: x.shape, lambda x: x[0], lambda x: x.tolist(), lambda x: float(x[0]), lambda x: len(x),
    lambda x: x.add_(1), lambda x: list(x), lambda x: torch.zeros(2), lambda x: torch.randperm(3),
    lambda x: torch.ops.aten.add(x, x), lambda x: torch.Tensor([1.0]), lambda x: x.numpy(), repr, torch.exp])
def test_no_torch_refuses_everything(use):
    x = torch.tensor([1.0, 2.0])
    with pytest.raises(LibraryUsed, match="although all of PyTorch was taken away"), NoTorch():
        use(x)
    use(x)


def test_no_torch_lets_lists_pass():
    with NoTorch():
        assert bare.list_matmul([[1, 2]], [[3], [4]]) == [[11]]


def test_rung_7_runs_in_a_python_without_any_library(task):
    """The proof from outside: the source of its functions, in an interpreter that can import nothing installed."""
    pieces = [piece for piece in RUNG_PYTHON.wrote if piece.__name__.startswith("list_")]
    assert bare.list_step in pieces
    program = "import json, math, sys\n\n" + "\n\n".join(map(inspect.getsource, pieces)) + """
pairs, weight, bias, lr = json.load(sys.stdin)
losses = [list_step(x, y, weight, bias, lr) for x, y in pairs]
assert not {"torch", "numpy"} & set(sys.modules)
print(json.dumps(losses))
"""
    first = [next(batches(task.x, task.y, 64, task.generator()))]
    text = json.dumps([[(xb.tolist(), yb.tolist()) for xb, yb in first], task.weight.tolist(), task.bias.tolist(), task.lr])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], input=text, capture_output=True, text=True,
                          check=True)
    losses = torch.tensor(json.loads(done.stdout), dtype=torch.float64)
    close(losses, RUNG_PYTHON.train(task).losses[:1])
    refused = subprocess.run([sys.executable, "-I", "-S", "-c", "import torch"], capture_output=True, check=False)
    assert refused.returncode != 0


# --- lists ---------------------------------------------------------------------------------------------------


@quick
@given(n=sizes, k=sizes, m=sizes, seed=seeds)
def test_lists_compute_what_tensors_do(n, k, m, seed):
    x, weight, bias = randn(n, k, seed=seed), randn(k, m, seed=seed + 1), randn(m, seed=seed + 2)
    targets = torch.randint(0, m, (n,), generator=torch.Generator().manual_seed(seed))

    close(as_tensor(bare.list_matmul(x.tolist(), weight.tolist())), x @ weight)
    close(as_tensor(bare.list_transpose(x.tolist())), x.T)
    log_probs = bare.list_log_probs(x.tolist(), weight.tolist(), bias.tolist())
    logits = x @ weight + bias
    close(as_tensor(log_probs), F.log_softmax(logits, dim=1))
    close(as_tensor(bare.list_nll(log_probs, targets.tolist())), F.cross_entropy(logits, targets))
    close(as_tensor(bare.list_softmax_nll_grad(log_probs, targets.tolist())),
          softmax_nll_grad(logits, targets))
    rows, numbers = weight.tolist(), bias.tolist()
    loss = bare.list_step(x.tolist(), targets.tolist(), rows, numbers, 0.1)
    _, grad_weight, grad_bias = linear_backward(x, weight, bias, softmax_nll_grad(logits, targets))
    assert loss == pytest.approx(F.cross_entropy(logits, targets).item())
    close(as_tensor(rows), weight - 0.1 * grad_weight)
    close(as_tensor(numbers), bias - 0.1 * grad_bias)


@quick
@given(n=sizes, k=sizes, h=sizes, m=sizes, seed=seeds)
def test_a_hidden_layer_of_lists(n, k, h, m, seed):
    """One step, against the formulas with tensors."""
    x, targets = randn(n, k, seed=seed), torch.arange(n) % m
    weight1, bias1, weight2, bias2 = (randn(*shape, seed=seed + i) for i, shape in enumerate(((k, h), (h,), (h, m), (m,))))
    active = (x @ weight1 + bias1).clamp_min(0)
    logits = active @ weight2 + bias2
    grad_active, grad_weight2, grad_bias2 = linear_backward(active, weight2, bias2, softmax_nll_grad(logits, targets))
    _, grad_weight1, grad_bias1 = linear_backward(x, weight1, bias1, relu_backward(active, grad_active))
    lists = [p.tolist() for p in (weight1, bias1, weight2, bias2)]
    assert bare.list_hidden_step(x.tolist(), targets.tolist(), *lists, 0.1) == pytest.approx(
        F.cross_entropy(logits, targets).item())
    for ours, before, grad in zip(lists, (weight1, bias1, weight2, bias2),
                                  (grad_weight1, grad_bias1, grad_weight2, grad_bias2), strict=True):
        close(as_tensor(ours), before - 0.1 * grad)
    close(as_tensor(bare.list_relu(x.tolist())), x.clamp_min(0))


def test_lists_survive_huge_logits():
    assert bare.list_log_softmax([1000.0, 0.0]) == [0.0, -1000.0]


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"zip\(\)"):
        bare.list_matmul([[1.0, 2.0]], [[1.0]])
