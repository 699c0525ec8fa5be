"""Below the ladder: gradients by hand, the tape, and the two rungs that need no autograd and no torch."""

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

from lessonlib import autograd
from lessonlib.autograd import RUNGS_BELOW, NoTorch, Tape, TapeTensor, finite_differences
from lessonlib.ladder import RUNGS, climb, guarded, make_task
from lessonlib.layers import Linear, ReLU, Sequential, log_softmax, softmax
from lessonlib.loaders import batches
from lessonlib.losses import cross_entropy, mse, nll
from lessonlib.matmul import LibraryUsed
from lessonlib.optim import SGD, Adam
from lessonlib.training import train_epoch

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=25, deadline=None)
GRADIENTS, PYTHON = RUNGS_BELOW
ALL = RUNGS + RUNGS_BELOW
DTYPES = [(torch.float32, 1e-5), (torch.float64, 1e-12)]


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def slopes(function, x: torch.Tensor) -> torch.Tensor:
    """What autograd says."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x), x)[0]


def both_judges(grad: torch.Tensor, function, x: torch.Tensor) -> None:
    close(grad, slopes(function, x))
    close(grad, finite_differences(function, x), 1e-6)


# --- gradients by hand ---------------------------------------------------------------------------------------


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
    grad_x, grad_weight, grad_bias = autograd.linear_backward(x, weight, bias, grad_out)
    both_judges(grad_x, lambda x: ((x @ weight + bias) * grad_out).sum(), x)
    both_judges(grad_weight, lambda weight: ((x @ weight + bias) * grad_out).sum(), weight)
    both_judges(grad_bias, lambda bias: ((x @ weight + bias) * grad_out).sum(), bias)


def test_slopes_of_the_wrong_shape_are_named():
    with pytest.raises(ValueError, match=r"shape \(5, 3\); got \(3, 5\)"):
        autograd.linear_backward(randn(5, 4), randn(4, 3), randn(3), randn(3, 5))
    with pytest.raises(ValueError, match=r"one class number for each of 4 rows; got targets of shape \(4, 1\)"):
        autograd.softmax_nll_grad(randn(4, 3), torch.zeros(4, 1, dtype=torch.int64))


@quick
@given(batch=sizes, n=sizes, seed=seeds)
def test_relu_backward(batch, n, seed):
    x, grad_out = randn(batch, n, seed=seed), randn(batch, n, seed=seed + 1)
    both_judges(autograd.relu_backward(x, grad_out), lambda x: (x.clamp_min(0) * grad_out).sum(), x)


@quick
@given(batch=sizes, n_classes=sizes, seed=seeds, scale=st.sampled_from([0.1, 1.0, 30.0]))
def test_softmax_nll_grad(batch, n_classes, seed, scale):
    logits = randn(batch, n_classes, seed=seed) * scale
    targets = torch.randint(0, n_classes, (batch,), generator=torch.Generator().manual_seed(seed))
    grad = autograd.softmax_nll_grad(logits, targets)
    both_judges(grad, lambda logits: F.cross_entropy(logits, targets), logits)
    close(grad.sum(dim=1), torch.zeros(batch, dtype=torch.float64))


# --- the tape ------------------------------------------------------------------------------------------------


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
    close(ours.grad, autograd.softmax_nll_grad(logits, targets))


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
    with guarded([GRADIENTS]), torch.no_grad():
        our_losses = train(ours, watched)
    their_losses = train(theirs, theirs.parameters())
    close(our_losses, their_losses, 1e-10)
    assert our_losses[-1] < our_losses[0] / 2
    for mine, torchs in zip(watched, theirs.parameters(), strict=True):
        close(mine.data, torchs.detach(), 1e-8)


# --- the two rungs -------------------------------------------------------------------------------------------


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


def test_several_epochs(task):
    twice = replace(task, epochs=2)
    close(GRADIENTS.train(twice).losses, RUNGS[0].train(twice).losses, 1e-5)
    assert len(PYTHON.train(twice).losses) == 12


def test_bare_python_may_go_over_all_batches(task):
    """Asked for more batches than there are, rung 7 takes them all, the smaller last one too."""
    short = replace(task, x=task.x[:150], y=task.y[:150], valid_x=task.valid_x[:20], valid_y=task.valid_y[:20])
    theirs, ours = RUNGS[0].train(short), PYTHON.train(short)
    assert len(ours.losses) == 3
    close(ours.losses, theirs.losses, 1e-5)
    close(ours.model(short.valid_x), theirs.model(short.valid_x).detach(), 1e-4)
    row = climb(short, [RUNGS[0], PYTHON]).rows[1]
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


def test_rung_6_runs_where_nothing_may_ask_for_gradients(task):
    with torch.inference_mode():  # in here autograd writes down nothing and refuses to be asked
        inside = GRADIENTS.train(task)
    close(inside.losses.clone(), GRADIENTS.train(task).losses)


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
    with guarded([GRADIENTS]), pytest.raises(LibraryUsed, match="taken away"):
        AUTOGRAD[name]()
    AUTOGRAD[name]()


@pytest.mark.parametrize("rung", RUNGS[:5], ids=lambda rung: rung.name)
def test_a_smuggled_backward_is_caught(task, rung):
    with pytest.raises(LibraryUsed, match=r"ran, although it was taken away"):
        climb(task, [replace(GRADIENTS, train=rung.train)])


COMPUTING = {
    "+": lambda x: x + 1, "*": lambda x: x * 2, "@": lambda x: x @ x, "exp": torch.exp, "sum": lambda x: x.sum(),
    "softmax": lambda x: torch.softmax(x, 0), "numpy": lambda x: x.numpy(), "+=": lambda x: x.add_(1),
    "zeros": lambda x: torch.zeros_like(x), "-x": lambda x: -x, "mean": torch.mean, "max": torch.max,
}


@pytest.mark.parametrize("name", COMPUTING)
def test_rung_7_may_not_compute_with_tensors(name):
    with guarded([PYTHON]), pytest.raises(LibraryUsed, match="taken away"):
        COMPUTING[name](torch.tensor([1.0, 2.0]))


def test_a_rung_7_that_computes_with_tensors_is_caught(task):
    with pytest.raises(LibraryUsed, match=r"ran, although it was taken away"):
        climb(task, [RUNGS[0], replace(PYTHON, train=GRADIENTS.train)])


def test_nothing_of_torch_runs_while_rung_7_trains(task, monkeypatch):
    """A smuggler inside the training itself, where lists are all there is."""
    def smuggled(x, y, weight, bias, lr) -> float:
        return torch.tensor(x).sum().item()

    monkeypatch.setattr(autograd, "list_step", smuggled)
    with pytest.raises(LibraryUsed, match="tensor ran, although all of PyTorch was taken away"):
        PYTHON.train(task)


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
        assert autograd.list_matmul([[1, 2]], [[3], [4]]) == [[11]]


def test_rung_7_runs_in_a_python_without_any_library(task):
    """The proof from outside: the source of its functions, in an interpreter that can import nothing installed."""
    pieces = [piece for piece in PYTHON.wrote if piece.__name__.startswith("list_")]
    assert autograd.list_step in pieces
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
    close(losses, PYTHON.train(task).losses[:1])
    refused = subprocess.run([sys.executable, "-I", "-S", "-c", "import torch"], capture_output=True, check=False)
    assert refused.returncode != 0


# --- lists ---------------------------------------------------------------------------------------------------


@quick
@given(n=sizes, k=sizes, m=sizes, seed=seeds)
def test_lists_compute_what_tensors_do(n, k, m, seed):
    x, weight, bias = randn(n, k, seed=seed), randn(k, m, seed=seed + 1), randn(m, seed=seed + 2)
    targets = torch.randint(0, m, (n,), generator=torch.Generator().manual_seed(seed))

    def as_tensor(rows) -> torch.Tensor:
        return torch.tensor(rows, dtype=torch.float64)

    close(as_tensor(autograd.list_matmul(x.tolist(), weight.tolist())), x @ weight)
    close(as_tensor(autograd.list_transpose(x.tolist())), x.T)
    log_probs = autograd.list_log_probs(x.tolist(), weight.tolist(), bias.tolist())
    logits = x @ weight + bias
    close(as_tensor(log_probs), F.log_softmax(logits, dim=1))
    close(as_tensor(autograd.list_nll(log_probs, targets.tolist())), F.cross_entropy(logits, targets))
    close(as_tensor(autograd.list_softmax_nll_grad(log_probs, targets.tolist())),
          autograd.softmax_nll_grad(logits, targets))
    rows, numbers = weight.tolist(), bias.tolist()
    loss = autograd.list_step(x.tolist(), targets.tolist(), rows, numbers, 0.1)
    _, grad_weight, grad_bias = autograd.linear_backward(x, weight, bias, autograd.softmax_nll_grad(logits, targets))
    assert loss == pytest.approx(F.cross_entropy(logits, targets).item())
    close(as_tensor(rows), weight - 0.1 * grad_weight)
    close(as_tensor(numbers), bias - 0.1 * grad_bias)


def test_lists_survive_huge_logits():
    assert autograd.list_log_softmax([1000.0, 0.0]) == [0.0, -1000.0]


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"zip\(\)"):
        autograd.list_matmul([[1.0, 2.0]], [[1.0]])
