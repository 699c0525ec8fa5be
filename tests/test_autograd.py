"""The tape: each operation on it, and the old code of the course on top of it, as PyTorch's autograd has it."""

import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_tensors import close, quick, randn, seeds, sizes

from lessonlib import autograd
from lessonlib.autograd import Tape, TapeTensor
from lessonlib.gradients import RUNG_GRADIENTS, softmax_nll_grad
from lessonlib.ladder import guarded
from lessonlib.layers import Linear, ReLU, Sequential, log_softmax, softmax
from lessonlib.loaders import batches
from lessonlib.losses import cross_entropy, mse, nll
from lessonlib.optim import SGD, Adam
from lessonlib.training import train_epoch


def same_on_tape(function, *tensors: torch.Tensor) -> None:
    """The same function, once on our tape and once watched by PyTorch: the same value, the same slopes."""
    tape = Tape()
    ours, theirs = [tape.watch(t) for t in tensors], [t.clone().requires_grad_() for t in tensors]
    our_loss, their_loss = function(*ours), function(*theirs)
    close(our_loss.data, their_loss.detach())
    our_loss.backward()
    their_loss.backward()
    for mine, torchs in zip(ours, theirs, strict=True):
        assert not mine.data.requires_grad
        assert (mine.grad is None) == (torchs.grad is None)
        if torchs.grad is not None:
            close(mine.grad, torchs.grad, 1e-9)


FUNCTIONS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / (b * b + 1),
    "numbers": lambda a, b: 3 - 2 * a * 5 + 1 - b / 2, "1 / x": lambda a, b: 1 / (a * a + 1), "-x": lambda a, b: -a,
    "**": lambda a, b: a**3 + (b**2) ** 2, "exp": lambda a, b: (a * b).exp(),
    "log": lambda a, b: (a * a + b * b + 0.1).log(), "clamp_min": lambda a, b: a.clamp_min(0.1) * b,
    "sum": lambda a, b: a.sum() * b, "sum 0": lambda a, b: a.sum(0) * b, "sum 1": lambda a, b: a.sum(1),
    "sum keepdim": lambda a, b: a.sum(-1, keepdim=True) * b, "mean": lambda a, b: a.mean() + b,
    "amax": lambda a, b: a.amax(0) * b, "amax keepdim": lambda a, b: a.amax(dim=1, keepdim=True) * b,
    "used twice": lambda a, b: a * a + a * b + a, "row": lambda a, b: a[0] * b, "column": lambda a, b: a[:, -1],
    "places": lambda a, b: a[torch.tensor([0, 0, -1]), torch.tensor([0, 0, -1])],
    "softmax": lambda a, b: softmax(a) * b, "log_softmax": lambda a, b: log_softmax(a * b) * a,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@quick
@given(rows=sizes, columns=sizes, stretched=st.sampled_from(["no", "rows", "columns", "both", "fewer axes"]), seed=seeds)
def test_each_operation_on_the_tape(name, rows, columns, stretched, seed):
    shape = {"no": (rows, columns), "rows": (1, columns), "columns": (rows, 1), "both": (1, 1),
             "fewer axes": (columns,)}[stretched]
    if name in ("sum 0", "amax", "row") and len(shape) == 2:
        shape = (1, shape[1])
    a, b = randn(rows, columns, seed=seed), randn(*shape, seed=seed + 1)
    same_on_tape(lambda a, b: (FUNCTIONS[name](a, b) ** 2).sum(), a, b)


@quick
@given(n=sizes, k=sizes, m=sizes, seed=seeds)
def test_products_on_the_tape(n, k, m, seed):
    a, b = randn(n, k, seed=seed), randn(k, m, seed=seed + 1)
    same_on_tape(lambda a, b: ((a @ b) ** 2).sum(), a, b)
    same_on_tape(lambda b: ((a @ b) ** 2).sum(), b)  # a plain tensor on the left
    same_on_tape(lambda a: ((a @ b) ** 2).sum(), a)  # and on the right


@quick
@given(batch=sizes, n_classes=sizes, seed=seeds)
def test_losses_on_the_tape(batch, n_classes, seed):
    logits = randn(batch, n_classes, seed=seed)
    targets = torch.randint(0, n_classes, (batch,), generator=torch.Generator().manual_seed(seed))
    same_on_tape(lambda logits: cross_entropy(logits, targets), logits)
    same_on_tape(lambda logits: nll(logits, targets), logits)
    same_on_tape(mse, logits, randn(batch, n_classes, seed=seed + 1))
    tape = Tape()
    ours = tape.watch(logits)
    cross_entropy(ours, targets).backward()
    close(ours.grad, softmax_nll_grad(logits, targets))


@quick
@given(rows=sizes, columns=sizes)
def test_undo_broadcast(rows, columns):
    grad = randn(rows, columns)
    for shape in ((rows, columns), (columns,), (rows, 1), (1, columns), (1, 1), (1,), ()):
        close(autograd.undo_broadcast(grad, shape), grad.sum_to_size(shape))


def test_gradients_add_up_until_they_are_forgotten():
    tape = Tape()
    w = tape.watch(torch.tensor(3.0))
    for expected in (6.0, 12.0):
        (w * w).backward()
        assert w.grad.item() == pytest.approx(expected)


def test_what_leads_nowhere_is_passed_over_and_forgotten():
    tape = Tape()
    w = tape.watch(torch.tensor(3.0))
    unused = w * 5
    (w * 2).backward()
    assert w.grad.item() == 2
    assert unused.grad is None
    assert tape.steps == []


def test_the_tape_says_what_is_wrong():
    tape = Tape()
    w = tape.watch(torch.tensor(2.0))
    loss = w * w
    loss.backward()
    with pytest.raises(RuntimeError, match="the tape is empty: it was played back before"):
        loss.backward()
    with pytest.raises(ValueError, match="different tapes"):
        w + Tape().watch(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"one number.*\(2,\)"):
        (Tape().watch(torch.zeros(2)) * 2).backward()


def test_watching_leaves_the_original_alone():
    data = torch.ones(3)
    w = Tape().watch(data)
    w -= torch.ones(3)
    assert isinstance(w, TapeTensor)
    assert data.tolist() == [1, 1, 1]
    assert w.data.tolist() == [0, 0, 0]
    assert repr(w) == "TapeTensor(tensor([0., 0., 0.]))"


@pytest.mark.parametrize("optimizer", [lambda p: SGD(p, 0.1), lambda p: SGD(p, 0.05, momentum=0.9, weight_decay=1e-3),
                                       lambda p: Adam(p, 1e-3)])
def test_the_tape_trains_a_net_as_autograd_does(task, optimizer):
    """Our layers, loss, loop and optimizers, unchanged; in float64, where only rounding may differ."""
    def net() -> Sequential:
        rng = torch.Generator().manual_seed(0)
        net = Sequential(Linear(784, 20, rng), ReLU(), Linear(20, 10, rng))
        for p in net.parameters():
            p.data = p.data.double()
        return net

    def train(net, parameters) -> torch.Tensor:
        one_epoch = batches(task.x.double(), task.y, 64, task.generator())
        return torch.stack(train_epoch(net, one_epoch, cross_entropy, optimizer(parameters)))

    ours, theirs, tape = net(), net(), Tape()
    for layer in (ours.layers[0], ours.layers[2]):
        layer.weight, layer.bias = tape.watch(layer.weight), tape.watch(layer.bias)
    watched = [p for layer in (ours.layers[0], ours.layers[2]) for p in (layer.weight, layer.bias)]
    with guarded([RUNG_GRADIENTS]), torch.no_grad():
        our_losses = train(ours, watched)
    their_losses = train(theirs, theirs.parameters())
    close(our_losses, their_losses, 1e-10)
    assert our_losses[-1] < our_losses[0] / 2
    for mine, torchs in zip(watched, theirs.parameters(), strict=True):
        close(mine.data, torchs.detach(), 1e-8)


def test_the_tensor_is_one_class():
    """It grew in five steps once, and readers lost their way among them."""
    assert TapeTensor.__mro__ == (TapeTensor, object)
    methods = "__add__", "__matmul__", "exp", "sum", "amax", "__getitem__", "backward", "record"
    assert all(name in vars(TapeTensor) for name in methods)
    assert inspect.getmodule(TapeTensor) is autograd
