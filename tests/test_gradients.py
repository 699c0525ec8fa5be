"""Gradients by hand: the nudge as a judge, the three backward passes, and the rung that needs no autograd."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from random_tensors import close, quick, randn, seeds, sizes

from lessonlib import gradients
from lessonlib.gradients import RUNG_GRADIENTS, finite_differences
from lessonlib.ladder import RUNGS, climb, guarded, make_task
from lessonlib.matmul import Guard, LibraryUsed


def slopes(function, x: torch.Tensor) -> torch.Tensor:
    """What autograd says."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x), x)[0]


def both_judges(grad: torch.Tensor, function, x: torch.Tensor) -> None:
    close(grad, slopes(function, x))
    close(grad, finite_differences(function, x), 1e-6)


# --- the three pieces -----------------------------------------------------------------------------------------------


@quick
@given(rows=sizes, columns=sizes, seed=seeds)
def test_finite_differences_find_the_slope(rows, columns, seed):
    x = randn(rows, columns, seed=seed)
    for function in (lambda x: (x**3).sum(), lambda x: x.exp().mean(), lambda x: (x @ x.T).sum()):
        close(finite_differences(function, x), slopes(function, x), 1e-6)
    transposed = finite_differences(lambda x: (x**2).sum(), x.T)  # its numbers do not lie in one row of memory
    close(transposed, 2 * x.T, 1e-6)


def test_finite_differences_need_the_digits_of_float64():
    with pytest.raises(TypeError, match=r"expected float64.*float32"):
        finite_differences(torch.sum, torch.zeros(2))


@quick
@given(batch=sizes, n_in=sizes, n_out=sizes, seed=seeds)
def test_linear_backward(batch, n_in, n_out, seed):
    x, weight, bias = randn(batch, n_in, seed=seed), randn(n_in, n_out, seed=seed + 1), randn(n_out, seed=seed + 2)
    grad_out = randn(batch, n_out, seed=seed + 3)
    grad_x, grad_weight, grad_bias = gradients.linear_backward(x, weight, bias, grad_out)
    both_judges(grad_x, lambda x: ((x @ weight + bias) * grad_out).sum(), x)
    both_judges(grad_weight, lambda weight: ((x @ weight + bias) * grad_out).sum(), weight)
    both_judges(grad_bias, lambda bias: ((x @ weight + bias) * grad_out).sum(), bias)


def test_gradients_of_the_wrong_shape_are_named():
    with pytest.raises(ValueError, match=r"shape \(5, 3\); got \(3, 5\)"):
        gradients.linear_backward(randn(5, 4), randn(4, 3), randn(3), randn(3, 5))
    with pytest.raises(ValueError, match=r"one class number for each of 4 rows; got targets of shape \(4, 1\)"):
        gradients.softmax_nll_grad(randn(4, 3), torch.zeros(4, 1, dtype=torch.int64))


@quick
@given(batch=sizes, n=sizes, seed=seeds)
def test_relu_backward(batch, n, seed):
    x, grad_out = randn(batch, n, seed=seed), randn(batch, n, seed=seed + 1)
    both_judges(gradients.relu_backward(x, grad_out), lambda x: (x.clamp_min(0) * grad_out).sum(), x)


def test_relu_lets_nothing_back_where_it_is_exactly_0():
    """As in PyTorch, which could have chosen any slope from 0 to 1 there; nudging finds one half."""
    x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    torch.relu(x).sum().backward()
    assert gradients.relu_backward(x.detach(), torch.ones(3)).tolist() == x.grad.tolist() == [0, 0, 1]


@quick
@given(batch=sizes, n_classes=sizes, seed=seeds, scale=st.sampled_from([0.1, 1.0, 30.0]))
def test_softmax_nll_grad(batch, n_classes, seed, scale):
    logits = randn(batch, n_classes, seed=seed) * scale
    targets = torch.randint(0, n_classes, (batch,), generator=torch.Generator().manual_seed(seed))
    grad = gradients.softmax_nll_grad(logits, targets)
    both_judges(grad, lambda logits: F.cross_entropy(logits, targets), logits)
    close(grad.sum(dim=1), torch.zeros(batch, dtype=torch.float64))


@quick
@given(batch=sizes, n_in=sizes, n_hidden=sizes, n_out=sizes, seed=seeds)
def test_a_network_forward_and_back(batch, n_in, n_hidden, n_out, seed):
    """With a hidden layer and without, against autograd."""
    shapes = [(n_in, n_hidden), (n_hidden, n_out)] if n_hidden > 1 else [(n_in, n_out)]
    layers = [(randn(*shape, seed=seed + n), randn(shape[1], seed=seed - n - 1)) for n, shape in enumerate(shapes)]
    x, targets = randn(batch, n_in, seed=seed), torch.arange(batch) % n_out
    logits, inputs = gradients.forward_pass(x, layers)
    gradients.backward_pass(layers, inputs, gradients.softmax_nll_grad(logits, targets))
    copies = [[p.clone().requires_grad_() for p in layer] for layer in layers]
    out = x
    for n, (weight, bias) in enumerate(copies):
        out = (out.relu() if n else out) @ weight + bias
    close(logits, out.detach())
    F.cross_entropy(out, targets).backward()
    for ours, theirs in zip(layers, copies, strict=True):
        for mine, torchs in zip(ours, theirs, strict=True):
            close(mine.grad, torchs.grad)
            assert mine.grad.shape == mine.shape


def test_neither_pass_asks_the_device_for_a_number():
    """Tensors on "meta" hold no numbers: asking for one, or mixing devices, is an error."""
    layers = [(torch.empty(784, 50, device="meta"), torch.empty(50, device="meta")),
              (torch.empty(50, 10, device="meta"), torch.empty(10, device="meta"))]
    logits, inputs = gradients.forward_pass(torch.empty(64, 784, device="meta"), layers)
    targets = torch.empty(64, dtype=torch.int64, device="meta")
    gradients.backward_pass(layers, inputs, gradients.softmax_nll_grad(logits, targets))
    assert [p.grad.shape for layer in layers for p in layer] == [(784, 50), (50,), (50, 10), (10,)]


# --- the rung ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("n_hidden", [0, 50])
def test_rung_6_gives_the_losses_of_the_first(random_digits, dtype, tolerance, n_hidden):
    ladder = climb(make_task(random_digits, dtype=dtype, n_hidden=n_hidden), [RUNGS[0], RUNG_GRADIENTS])
    assert ladder.tolerance == tolerance
    assert ladder.lost() == []
    first, sixth = (torch.tensor(row["losses"], dtype=torch.float64) for row in ladder.rows)
    assert len(first) == 32
    torch.testing.assert_close(sixth, first, rtol=0, atol=tolerance)
    assert sixth[-1] < sixth[0]
    assert ladder.rows[1]["valid_accuracy"] == pytest.approx(ladder.rows[0]["valid_accuracy"], abs=0.005)


def test_several_epochs(task):
    twice = replace(task, epochs=2)
    close(RUNG_GRADIENTS.train(twice).losses, RUNGS[0].train(twice).losses, 1e-5)


@pytest.mark.parametrize("n_hidden", [0, 5])
def test_it_changes_nothing_for_the_next(random_digits, n_hidden):
    task = make_task(random_digits, n_hidden=n_hidden)
    before = [p.clone() for layer in task.layers for p in layer]
    first, second = RUNG_GRADIENTS.train(task), RUNG_GRADIENTS.train(task)
    assert torch.equal(first.losses, second.losses)
    for now, then in zip((p for layer in task.layers for p in layer), before, strict=True):
        assert torch.equal(now, then)
        assert now.grad is None


def test_an_epoch_fetches_no_number(random_digits):
    """Not from the device, neither with a hidden layer nor without."""
    for n_hidden in (0, 20):
        task = make_task(random_digits, n_hidden=n_hidden)
        with Guard(()) as guard:  # refuses nothing, and counts what runs
            RUNG_GRADIENTS.train(task)
        assert guard.ran["index_select"] == 2 * 32
        assert guard.ran["local_scalar_dense"] == 0  # no .item()


def test_rung_6_runs_where_nothing_may_ask_for_gradients(task):
    with torch.inference_mode():  # in here autograd writes down nothing and refuses to be asked
        inside = RUNG_GRADIENTS.train(task)
    close(inside.losses.clone(), RUNG_GRADIENTS.train(task).losses)


# --- the guard -----------------------------------------------------------------------------------------------

one = torch.tensor(1.0, requires_grad=True)
AUTOGRAD = {
    "Tensor.backward": lambda: (one * 2).backward(),
    "autograd.backward": lambda: torch.autograd.backward(one * 2),
    "autograd.grad": lambda: torch.autograd.grad(one * 2, one),
    "requires_grad_": lambda: torch.zeros(2).requires_grad_(),
    "func.grad": lambda: torch.func.grad(lambda x: x * 2)(torch.tensor(1.0)),
    "func.vjp": lambda: torch.func.vjp(lambda x: x * 2, torch.tensor(1.0))[1](torch.tensor(1.0)),
    "func.jacrev": lambda: torch.func.jacrev(lambda x: x * 2)(torch.tensor(1.0)),
    "func.jvp": lambda: torch.func.jvp(lambda x: x * 2, (torch.tensor(1.0),), (torch.tensor(1.0),)),
    "jacobian": lambda: torch.autograd.functional.jacobian(lambda x: x * 2, torch.tensor(1.0)),
}


@pytest.mark.parametrize("name", AUTOGRAD)
def test_autograd_is_refused_on_rung_6_and_given_back(name):
    with guarded([RUNG_GRADIENTS]), pytest.raises(LibraryUsed, match="taken away"):
        AUTOGRAD[name]()
    AUTOGRAD[name]()


@pytest.mark.parametrize("rung", RUNGS[:5], ids=lambda rung: rung.name)
def test_a_smuggled_backward_is_caught(task, rung):
    with pytest.raises(LibraryUsed, match=r"ran, although it was taken away"):
        climb(task, [replace(RUNG_GRADIENTS, train=rung.train)])
