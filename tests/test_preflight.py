"""Nothing silently wrong: what people hand to a loss, an optimizer or `fit` and do not mean is said in one sentence."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from lessonlib import optim
from lessonlib.data import as_rows
from lessonlib.layers import LogReg, Module, get_weights
from lessonlib.loaders import BatchLoader, TensorPairs, batches
from lessonlib.losses import binary_cross_entropy, cross_entropy, mse, nll, sigmoid
from lessonlib.plots import draw_image
from lessonlib.training import accuracy, evaluate, fit

N_IN, N_CLASSES = 6, 4


def data(n: int = 12) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(n, N_IN, generator=rng), torch.arange(n) % N_CLASSES


def model() -> LogReg:
    return LogReg(N_IN, N_CLASSES, torch.Generator().manual_seed(0))


def sgd(m, lr: float = 0.1) -> optim.SGD:
    return optim.SGD(m.parameters(), lr=lr)


def train_with(**parts):
    """`fit` on a small model that works, with some parts replaced."""
    x, y = data()
    m = parts.pop("model", None) or model()
    given = {"train": BatchLoader(x, y, 4), "valid": BatchLoader(x, y, 5), "loss_func": nll,
             "opt": parts.pop("opt", None) or sgd(m), "epochs": 1, **parts}
    return fit(m, **given)


# --- what is handed to an optimizer ----------------------------------------------------------------------------------

W = nn.Parameter(torch.ones(3, 2))
NOT_PARAMETERS = {
    "one tensor": (lambda: W, TypeError, r"one tensor of shape \(3, 2\)"),
    "not a leaf": (lambda: [torch.randn(3, 2, requires_grad=True) / 3], ValueError, "calculated from another one"),
    "no gradient": (lambda: [W, torch.ones(3)], ValueError, r"place 1, of shape \(3,\), takes no gradient"),
    "whole numbers": (lambda: [torch.ones(3, dtype=torch.int64)], ValueError, "takes no gradient"),
    "a model": (model, TypeError, r"a model \(LogReg\): write model.parameters\(\)"),
    "PyTorch's model": (lambda: nn.Linear(2, 2), TypeError, r"a model \(Linear\)"),
    "a method": (lambda: model().parameters, TypeError, "call it"),
    "groups": (lambda: [{"params": [W], "lr": 0.1}], TypeError, "groups of parameters"),
    "a dict": (lambda: {"w": W}, TypeError, r"keys 'w': write list\(params.values\(\)\)"),
    "pairs": (lambda: nn.Linear(2, 2).named_parameters(), TypeError, "not named_parameters"),
    "a list in a list": (lambda: [[W]], TypeError, "place 0 of the parameters; got a list"),
    "NumPy": (lambda: [np.ones(3)], TypeError, "got an? ndarray"),
    "None": (lambda: None, TypeError, "got None"),
    "nothing": (list, ValueError, "no parameters to train"),
    "used up": (lambda: iter(()), ValueError, "a generator can be used only once|A generator can be used only once"),
    "all frozen": (lambda: [nn.Parameter(torch.ones(2), requires_grad=False)], ValueError, "none of the 1 parameters"),
}


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam], ids=["SGD", "Adam"])
@pytest.mark.parametrize("case", NOT_PARAMETERS)
def test_what_would_not_be_trained_is_refused(case, make):
    given, kind, words = NOT_PARAMETERS[case]
    with pytest.raises(kind, match=words):
        make(given(), lr=0.1)


def test_a_frozen_parameter_among_others_stays_as_it_is():
    frozen, free = nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(2))
    opt = optim.SGD([frozen, free], lr=0.1)
    (frozen * free).sum().backward()
    opt.step()
    torch.testing.assert_close(frozen.detach(), torch.ones(2))
    torch.testing.assert_close(free.detach(), torch.full((2,), 0.9))


@torch.no_grad()
def test_gradients_made_by_hand_need_no_autograd():
    w = torch.ones(3)
    opt = optim.SGD([w], lr=0.1)
    w.grad = torch.ones(3)
    opt.step()
    torch.testing.assert_close(w, torch.full((3,), 0.9))


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam], ids=["SGD", "Adam"])
def test_a_parameter_that_comes_twice_is_stepped_once(make):
    w, twin = (nn.Parameter(torch.ones(3)) for _ in range(2))
    for opt, p in ((make([w, w], lr=0.1), w), (make([twin], lr=0.1), twin)):
        (p**2).sum().backward()
        opt.step()
    torch.testing.assert_close(w, twin)


@pytest.mark.parametrize(("make", "settings", "words"), [
    (optim.SGD, {"lr": -0.1}, "expected lr of 0 or more; got -0.1"), (optim.SGD, {"lr": float("nan")}, "expected lr"),
    (optim.SGD, {"lr": float("inf")}, "expected lr"), (optim.SGD, {"lr": 0.1, "momentum": -1}, "expected momentum"),
    (optim.SGD, {"lr": 0.1, "weight_decay": -1}, "expected weight_decay"), (optim.Adam, {"lr": -1}, "expected lr"),
    (optim.Adam, {"betas": (0.9, 1.0)}, "expected beta"), (optim.Adam, {"eps": -1e-8}, "expected eps"),
])
def test_a_setting_that_makes_no_sense_is_refused(make, settings, words):
    with pytest.raises(ValueError, match=words):
        make([W], **settings)


def test_a_rate_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="expected lr to be a number; got a str"):
        optim.SGD([W], lr="0.1")


# --- modules ---------------------------------------------------------------------------------------------------------


class Holder(Module):
    """Keeps parts in every way that people try."""

    def __init__(self):
        self.own = nn.Parameter(torch.ones(2))  # 2
        self.borrowed = nn.Linear(3, 2)  # 8
        self.nested = [[LogReg(2, 2)], (nn.Linear(2, 2, bias=False),)]  # 6 + 4
        self.by_name = {"a": LogReg(2, 2), "b": {"c": nn.Parameter(torch.ones(5))}}  # 6 + 5
        self.weights = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(4))]  # 7
        self.shared = self.borrowed
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(2)  # 4

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(x)


def test_all_parameters_are_found_and_each_once():
    from lessonlib.layers import count_parameters

    holder = Holder()
    found = list(holder.parameters())
    assert len(found) == len({id(p) for p in found})
    assert count_parameters(holder) == 2 + 8 + 6 + 4 + 6 + 5 + 7 + 4
    assert found[0] is holder.own  # a module's own come first


def test_train_and_eval_reach_every_part():
    holder, ones = Holder(), torch.ones(1000)
    assert not torch.equal(holder.train()(ones), ones)
    torch.testing.assert_close(holder.eval()(ones), ones)
    assert not holder.norm.training
    assert not holder.nested[0][0].training
    assert not holder.by_name["a"].training


def test_to_reaches_every_part():
    holder = Holder().to(dtype=torch.float64)
    assert {p.dtype for p in holder.parameters()} == {torch.float64}
    assert holder.norm.running_mean.dtype == torch.float64  # what is not trained belongs to a layer, too
    assert {p.device.type for p in Holder().to("meta").parameters()} == {"meta"}


# --- targets, scores, probabilities ----------------------------------------------------------------------------------


def loaders_of(y: Tensor) -> dict:
    x, _ = data(len(y))
    return {"ours": BatchLoader(x, y, 4, shuffle=True), "PyTorch's": DataLoader(TensorDataset(x, y), 4, shuffle=True),
            "a list": list(batches(x, y, 4))}


@pytest.mark.parametrize("loader", ["ours", "PyTorch's", "a list"])
@pytest.mark.parametrize(("change", "words"), [(-1, "go from -1 to 2"), (1, "go from 1 to 4"), (-5, "go from -5 to -2")])
@pytest.mark.parametrize("loss_func", [nll, cross_entropy, nn.NLLLoss(), F.cross_entropy])
def test_targets_that_the_model_does_not_know_are_refused_before_training(loader, change, words, loss_func):
    m = model()
    before = m.linear.weight.detach().clone()
    with pytest.raises(ValueError, match=f"class numbers from 0 to 3.* in train {words}"):
        train_with(model=m, train=loaders_of(data()[1] + change)[loader], loss_func=loss_func)
    torch.testing.assert_close(m.linear.weight.detach(), before)


def test_one_wrong_target_among_many_is_found():
    _, y = data(100)
    y[77] = -1
    with pytest.raises(ValueError, match="targets in valid go from -1 to 3"):
        train_with(valid=loaders_of(y)["ours"])


def test_targets_that_a_loss_passes_over_are_allowed():
    _, y = data()
    y[3] = -100  # PyTorch's ignore_index
    train_with(train=loaders_of(y)["ours"], loss_func=nn.NLLLoss(), valid=None)


@pytest.mark.parametrize("target", [-1, N_CLASSES, 10**6])
def test_nll_refuses_a_class_that_is_not_there(target):
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        nll(torch.randn(2, N_CLASSES).log_softmax(1), torch.tensor([0, target]))


@pytest.mark.parametrize(("probs", "targets"), [(0.5, 3.0), (0.5, 7.0), (0.5, -1.0), (1.5, 1.0), (-0.1, 0.0),
                                                (0.5, float("nan")), (float("nan"), 1.0)])
def test_binary_cross_entropy_wants_numbers_from_0_to_1(probs, targets):
    given = torch.tensor([0.5, probs]), torch.tensor([1.0, targets])
    with pytest.raises(ValueError, match="expected numbers from 0 to 1; got probabilities"):
        binary_cross_entropy(*given)


def test_accuracy_needs_a_column_for_each_class():
    for scores in (torch.rand(5, 1), torch.rand(5), torch.rand(5, 2, 2)):
        with pytest.raises(ValueError, match="two columns of scores or more"):
            accuracy(scores, torch.zeros(5, dtype=torch.int64))


def test_nothing_to_train_on_is_refused():
    x, y = data()
    for make in (lambda: BatchLoader(x[:0], y[:0]), lambda: TensorPairs(x[:0], y[:0]), lambda: batches(x[:0], y[:0])):
        with pytest.raises(ValueError, match="at least one row"):
            make()


def test_a_loss_that_cannot_be_meant_is_told():
    with pytest.warns(UserWarning, match="the loss is below zero.*nll takes log-probabilities"):
        train_with(loss_func=lambda out, y: nll(out.exp(), y))
    m, (x, _) = nn.Linear(N_IN, 1), data()
    parts = {"opt": torch.optim.SGD(m.parameters(), lr=1e30), "train": BatchLoader(x, x[:, :1]), "valid": None}
    with pytest.warns(UserWarning, match=r"the loss is (nan|infinite).*learning rate too large"):
        train_with(model=m, loss_func=mse, epochs=5, **parts)


def test_a_usual_training_is_told_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_with(epochs=2)


# --- the front door of fit -------------------------------------------------------------------------------------------


class Rows(Dataset):
    """Gives each row in the form that it is told."""

    def __init__(self, form):
        self.form = form

    def __len__(self):
        return 12

    def __getitem__(self, i):
        x, y = data()
        return self.form(x[i], y[i])


def numpy_batches():
    x, y = data()
    return [(x.numpy(), y.numpy())]


def frozen():
    m = nn.Linear(N_IN, N_CLASSES)
    return m.requires_grad_(False)


class Forgotten(Module):
    """Its bias takes a gradient, and is no parameter."""

    def __init__(self):
        self.weight, self.bias = get_weights(N_IN, N_CLASSES), torch.zeros(N_CLASSES, requires_grad=True)

    def forward(self, x):
        return (x @ self.weight + self.bias).log_softmax(dim=1)


def ones_like_metric(output, y):
    return torch.ones(len(y))


class Overlooked(nn.Module):
    """Keeps something where PyTorch does not look."""

    def __init__(self, kept):
        super().__init__()
        self.head, self.kept = nn.Linear(N_IN, N_CLASSES), kept

    def forward(self, x):
        return self.head(x).log_softmax(dim=1)


AT_THE_DOOR = {
    "layers in a list of PyTorch's module": (lambda: {"model": Overlooked([nn.Linear(2, 2)])}, "Overlooked.kept .Linear"),
    "parameters in a list of PyTorch's module": (lambda: {"model": Overlooked([W])}, "tensor Overlooked.kept takes"),
    "our module in PyTorch's": (lambda: {"model": Overlooked(model())}, "does not find the parameters of Overlooked.kept"),

    "batches of three": (lambda: {"train": [(*data(), data()[1])]}, r"pair \(xb, yb\); got 3 things"),
    "batches of three from PyTorch's loader": (
        lambda: {"train": DataLoader(TensorDataset(*data(), data()[1]), 4)}, r"pair \(xb, yb\); got 3 things"),
    "batches of one": (lambda: {"train": DataLoader(TensorDataset(data()[0]), 4)}, r"pair \(xb, yb\); got 1 things"),
    "dicts": (lambda: {"train": DataLoader(Rows(lambda x, y: {"pixels": x, "label": y}), 4)}, "keys 'pixels', 'label'"),
    "dicts to validate": (lambda: {"valid": [{"x": 1}]}, "batch of valid.* keys 'x'"),
    "NumPy": (lambda: {"train": numpy_batches()}, "inputs in train to be a tensor; got an? ndarray: torch.from_numpy"),
    "the tensors themselves": (lambda: {"train": data()}, r"tuple of tensors: write BatchLoader\(x, y\)"),
    "one tensor": (lambda: {"train": data()[0]}, "loader of batches; got a Tensor"),
    "no loader": (lambda: {"train": None}, "loader of batches; got None"),
    "a class of loss": (lambda: {"loss_func": nn.CrossEntropyLoss}, r"class CrossEntropyLoss: make one"),
    "a class of model": (lambda: {"model": LogReg, "opt": sgd(model())}, "class LogReg: make one"),
    "a class of optimizer": (lambda: {"opt": optim.SGD}, "class SGD: make one"),
    "a class of metric": (lambda: {"metrics": [nn.L1Loss]}, "class L1Loss: make one"),
    "loss and optimizer exchanged": (lambda: {"loss_func": sgd(model()), "opt": nll}, "loss_func to be a function"),
    "no optimizer": (lambda: {"opt": "SGD"}, "opt to be an optimizer"),
    "one metric": (lambda: {"metrics": accuracy}, r"list of functions.*metrics=\[\.\.\.\]"),
    "two metrics of one name": (lambda: {"metrics": [lambda o, y: o.mean(), lambda o, y: o.sum()]}, "called '<lambda>'"),
    "the same metric twice": (lambda: {"metrics": [accuracy, accuracy]}, "called 'accuracy'"),
    "a metric that takes a column": (lambda: {"metrics": [_named("seconds")]}, "called 'seconds'"),
    "a metric that gives many numbers": (lambda: {"metrics": [ones_like_metric]}, r"one number.*shape \(2,\)"),
    "a metric that gives none": (lambda: {"metrics": [_named("nothing")]}, "one number from the metric nothing; got None"),
    "accuracy of a regression": (lambda: regression(metrics=None), r"accuracy failed.*pass metrics=\(\)"),
    "a loss of many numbers": (lambda: {"loss_func": nn.NLLLoss(reduction="none")}, r"one number.*shape \(2,\)"),
    "a loss that is a float": (lambda: {"loss_func": lambda o, y: nll(o, y).item()}, "as a tensor.*got a float"),
    "accuracy as a loss": (lambda: {"loss_func": accuracy, "metrics": ()}, "does not lead back to any parameter"),
    "one column and a flat target": (lambda: regression(y=data()[0][:, 0], loss_func=nn.MSELoss()), "target size"),
    "targets of another type": (lambda: {"train": loaders_of(data()[1].float())["ours"]}, "try targets.long"),
    "targets of another type, PyTorch's loss": (
        lambda: {"train": loaders_of(data()[1].float())["ours"], "loss_func": nn.NLLLoss()}, "targets .* of torch.float32"),
    "a frozen model": (lambda: {"model": frozen(), "opt": sgd(model())}, "knows none of the model's parameters"),
    "frozen after the optimizer was made": (lambda: frozen_late(), "takes a gradient, so nothing would be trained"),
    "another model's optimizer": (lambda: {"opt": sgd(model())}, "knows none of the model's parameters"),
    "PyTorch's optimizer of another model": (
        lambda: {"opt": torch.optim.Adam(model().parameters())}, "knows none of the model's parameters"),
    "a tensor that is no parameter": (lambda: {"model": Forgotten()}, "Forgotten.bias takes a gradient and is not among"),
    "BatchNorm and a last batch of one": (lambda: with_batch_norm(4), "last batch of an epoch holds one row"),
    "bytes": (lambda: {"train": BatchLoader(data()[0].byte(), data()[1])}, r"bytes \(uint8\): as_rows"),
    "doubles": (lambda: {"train": BatchLoader(data()[0].double(), data()[1])}, r"x.to\(torch.float32\)"),
    "another device": (lambda: {"train": BatchLoader(*(t.to("meta") for t in data()))}, "model is on cpu and train on meta"),
    "nan in the pictures": (lambda: {"train": BatchLoader(data()[0] / 0 * 0, data()[1])}, "inputs in train hold nan"),
    "nan in the targets": (lambda: regression(y=data()[0][:, :1] * float("nan")), "targets in train hold nan"),
    "half an epoch": (lambda: {"epochs": 0.5}, "whole number"),
    "less than none": (lambda: {"epochs": -1}, "whole number"),
}


def _named(name):
    def metric(output, y):
        return None
    metric.__name__ = name
    return metric


def regression(y=None, loss_func=mse, metrics=()):
    m, x = nn.Linear(N_IN, 1), data()[0]
    y = x[:, :1] if y is None else y
    parts = {"model": m, "opt": sgd(m), "train": BatchLoader(x, y), "valid": BatchLoader(x, y), "loss_func": loss_func}
    return parts if metrics is None else {**parts, "metrics": metrics}


def frozen_late():
    m = nn.Linear(N_IN, N_CLASSES)
    opt = sgd(m)
    return {"model": m.requires_grad_(False), "opt": opt, "loss_func": cross_entropy}


def with_batch_norm(batch_size):
    m = nn.Sequential(nn.Linear(N_IN, 5), nn.BatchNorm1d(5), nn.Linear(5, N_CLASSES))
    return {"model": m, "opt": sgd(m), "train": BatchLoader(*data(13), batch_size), "loss_func": cross_entropy}


@pytest.mark.parametrize("case", AT_THE_DOOR)
def test_what_cannot_be_meant_is_told_at_the_door(case):
    make, words = AT_THE_DOOR[case]
    with pytest.raises((TypeError, ValueError), match=f"(?s){words}"):
        train_with(**make())


def simple_loader():
    class Loader:
        def __init__(self):
            self.rng = torch.Generator().manual_seed(0)

        def __iter__(self):
            x, y = data()
            rows = torch.randperm(len(x), generator=self.rng)
            noise = torch.rand(1)
            return iter([(x[rows] + noise, y[rows])])
    return Loader()


FINE = {
    "plain functions": lambda: {"model": lambda x: (x @ W2).log_softmax(1), "opt": optim.SGD([W2], lr=0.1)},
    "a loader of one's own": lambda: {"train": simple_loader()},
    "a generator": lambda: {"train": (batch for batch in [data()])},
    "lists of batches": lambda: {"train": [data()], "valid": [list(data())]},
    "a metric that gives a float": lambda: {"metrics": [accuracy, lambda o, y: float((o.argmax(1) == y).float().mean())]},
    "a metric of NumPy": lambda: {"metrics": [lambda o, y: np.float64(0.25)]},
    "a regression": regression,
    "BatchNorm without a last batch of one": lambda: with_batch_norm(5),
    "PyTorch's loader that drops the last batch": lambda: {
        **with_batch_norm(4), "train": DataLoader(TensorDataset(*data(13)), 4, drop_last=True)},
    "no validation": lambda: {"valid": None, "metrics": ()},
    "a frozen teacher in a list": lambda: {"model": Overlooked([frozen()])},
    "some frozen": lambda: half_frozen(),
}
W2 = nn.Parameter(torch.ones(N_IN, N_CLASSES))


def half_frozen():
    m = nn.Sequential(nn.Linear(N_IN, 5), nn.Linear(5, N_CLASSES), nn.LogSoftmax(dim=1))
    m[0].requires_grad_(False)
    return {"model": m, "opt": optim.Adam(m.parameters())}


@pytest.mark.parametrize("case", FINE)
def test_what_works_is_let_in(case):
    history = train_with(**FINE[case]())
    assert len(history.rows) == 1
    assert np.isfinite(history.rows[0]["train_loss"])


def test_a_float_and_a_tensor_give_the_same_column():
    history = train_with(metrics=[accuracy, float_accuracy])
    assert history.rows[0]["accuracy"] == pytest.approx(history.rows[0]["float_accuracy"])


def float_accuracy(output, y):
    return float((output.argmax(dim=1) == y).float().mean())


@pytest.mark.parametrize("make", [
    lambda x, y: BatchLoader(x, y, 4, shuffle=True), lambda x, y: DataLoader(TensorDataset(x, y), 4, shuffle=True),
    lambda x, y: DataLoader(Rows(lambda x, y: (x + torch.rand(1), y)), 4, shuffle=True,
                            generator=torch.Generator().manual_seed(3)),
    lambda x, y: simple_loader(),
])
def test_looking_changes_no_random_number(make, monkeypatch):
    from lessonlib import training

    found = []
    for look in (True, False):
        if not look:
            monkeypatch.setattr(training, "check_training", lambda *parts: None)
        torch.manual_seed(0)
        m = nn.Sequential(nn.Linear(N_IN, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, N_CLASSES))
        history = fit(m, make(*data()), None, cross_entropy, sgd(m), epochs=2)
        found.append((history.batch_losses, m[1].running_mean.tolist(), torch.rand(1).item()))
        assert m.training
    assert repr(found[0]) == repr(found[1])  # to the last digit


class Interrupted(optim.SGD):
    """Ctrl-C comes at the given step."""

    def __init__(self, params, at: int):
        super().__init__(params, lr=0.1)
        self.left = at

    def step(self):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        super().step()


def test_an_interrupt_keeps_the_epochs_that_are_over(capsys):
    m = model()
    history = train_with(model=m, opt=Interrupted(m.parameters(), at=8), epochs=5)  # three steps an epoch
    assert [row["epoch"] for row in history.rows] == [1, 2]
    assert len(history.batch_losses) == 6
    assert "Stopped in epoch 3; the history holds the 2 before it" in capsys.readouterr().out


def test_an_interrupt_in_the_first_epoch_is_one():
    m = model()
    with pytest.raises(KeyboardInterrupt):
        train_with(model=m, opt=Interrupted(m.parameters(), at=2), epochs=5)


# --- device and precision --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam], ids=["SGD", "Adam"])
@pytest.mark.parametrize("when", ["before the first step", "between steps"])
def test_an_optimizer_follows_its_model_to_another_precision(make, when):
    m = model()
    settings = {"momentum": 0.9} if make is optim.SGD else {}
    opt = make(m.parameters(), lr=0.1, **settings)
    x, y = data()
    for dtype in (torch.float32, torch.float64)[when == "before the first step":]:
        m.to(dtype=dtype)
        nll(m(x.to(dtype)), y).backward()
        opt.step()
        opt.zero_grad()
    assert all(p.dtype == torch.float64 and p.isfinite().all() for p in m.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_adam_in_half_precision_moves_as_in_full(dtype):
    half, full = (nn.Parameter(torch.tensor([1.0, 2.0, 3.0], dtype=d)) for d in (dtype, torch.float32))
    for p in (half, full):
        opt = optim.Adam([p], lr=0.25)
        for _ in range(3):
            p.grad = torch.tensor([0.0, 1e-4, 300.0], dtype=p.dtype)
            opt.step()
    torch.testing.assert_close(half.float(), full, rtol=2e-2, atol=2e-2)
    assert half.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_sigmoid_has_a_slope_in_every_precision(dtype):
    x = torch.tensor([-1e4, -800.0, -100.0, -20.0, -5.0, 0.0, 5.0, 20.0, 1e4], dtype=dtype, requires_grad=True)
    sigmoid(x).sum().backward()
    expected = torch.sigmoid(x.detach().double())
    torch.testing.assert_close(sigmoid(x).detach().double(), expected, atol=1e-2 if dtype.itemsize == 2 else 1e-6, rtol=0)
    torch.testing.assert_close(x.grad.double(), expected * (1 - expected), atol=1e-2 if dtype.itemsize == 2 else 1e-6, rtol=0)
    assert sigmoid(torch.tensor([0, 1])).dtype == torch.float32  # whole numbers are logits, too


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_mask_is_drawn_in_black_and_white():
    import matplotlib.pyplot as plt

    mask = torch.eye(4)
    for picture in (mask.bool(), mask.int(), mask.long(), mask):
        _, ax = plt.subplots()
        draw_image(ax, picture)
        shown = ax.images[0]
        assert shown.cmap(shown.norm(1.0))[0] == pytest.approx(0.0, abs=0.01)  # True is black
        assert shown.cmap(shown.norm(0.0))[0] == pytest.approx(1.0, abs=0.01)
        plt.close()


def test_evaluate_says_what_a_metric_may_give():
    assert evaluate(model(), [data()], float_accuracy, accuracy)[0] == pytest.approx(
        evaluate(model(), [data()], accuracy)[0])


def test_pictures_are_divided_once():
    pictures = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    with pytest.raises(ValueError, match="divided by 255"):
        as_rows(pictures / 255, 0.1, 0.3)
    torch.testing.assert_close(as_rows(pictures.float(), 0.1, 0.3), as_rows(pictures, 0.1, 0.3))
    with pytest.raises(ValueError, match="standard deviation"):
        as_rows(pictures, 0.1, 0.0)
