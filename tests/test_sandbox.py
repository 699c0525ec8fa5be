"""What an attempt may do to the kernel and the judge: everything that it changes is put back, and told where it matters."""

import builtins
import logging
import sys
import threading
import warnings

import numpy as np
import pytest
import torch

from lessonlib.course.exercises import EXERCISES, judge, solution
from lessonlib.course.exercises.engine import comparison, sandbox
from lessonlib.course.exercises.engine.answers import make_answer


@pytest.fixture(autouse=True)
def patient(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "SECONDS", 20)
    monkeypatch.setattr(sandbox, "SECONDS_IN_FEW_LINES", 20)
    monkeypatch.setenv("LESSONLIB_PROGRESS", str(tmp_path / "progress.json"))


def right(exercise: str):
    return make_answer(solution(exercise), EXERCISES[exercise].name, "<cell>")


def wrong_but_patched(owner, name: str, value):
    """A wrong softmax that replaces a name before it answers."""
    def my_softmax(x):
        setattr(owner, name, value)
        return x.exp() / x.exp().sum(0)
    return my_softmax


PATCHES = [(torch.Tensor, "sum", lambda self, *a, **k: self), (torch, "allclose", lambda *a, **k: True),
           (torch, "equal", lambda *a, **k: True), (torch.nn.functional, "softmax", lambda x, *a, **k: x),
           (builtins, "len", lambda x: 3), (builtins, "all", lambda x: True), (np, "array", lambda *a, **k: None),
           (comparison, "equal", lambda *a, **k: True), (comparison.Result, "same", lambda *a: True)]


@pytest.mark.parametrize(("owner", "name", "value"), PATCHES, ids=[f"{o.__name__}.{n}" for o, n, _ in PATCHES])
def test_a_name_that_an_attempt_replaced_is_told_and_put_back(owner, name, value):
    before = getattr(owner, name)
    verdict = judge("softmax", wrong_but_patched(owner, name, value))
    assert getattr(owner, name) is before
    assert verdict.status == "fail"
    assert f"{name}` had been replaced by your code, and was put back" in verdict.message
    assert judge("softmax", right("softmax")).code == "ok"


def test_a_name_replaced_in_a_cell_of_the_notebook_is_put_back_too():
    before = torch.Tensor.sum
    torch.Tensor.sum = lambda self, *args, **more: self
    try:
        verdict = judge("softmax", right("softmax"))
    finally:
        assert torch.Tensor.sum is before
    assert verdict.code == "ok"
    assert "`torch.Tensor.sum` had been replaced" in verdict.message


def test_a_right_answer_is_told_nothing_of_names():
    for exercise in ("softmax", "my_linear", "sgd", "train_epoch", "batches", "cross_entropy"):
        assert "replaced" not in judge(exercise, right(exercise)).message


def test_settings_of_libraries_are_put_back():
    plt = pytest.importorskip("matplotlib.pyplot")

    def state():
        return (torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark, np.get_printoptions()["precision"],
                torch._tensor_str.PRINT_OPTS.precision, list(sys.path), list(warnings.filters), logging.getLogger().level,
                plt.rcParams["lines.linewidth"], plt.get_fignums(), torch.get_default_device())

    def my_softmax(x):
        torch.set_float32_matmul_precision("medium")
        torch.backends.cudnn.benchmark = True
        np.set_printoptions(precision=2)
        torch.set_printoptions(precision=2)
        sys.path.insert(0, "/nowhere")
        warnings.simplefilter("error")
        logging.getLogger().setLevel(logging.DEBUG)
        plt.rcParams["lines.linewidth"] = 9
        plt.figure()
        torch.set_default_device("meta")
        return x

    before = state()
    assert judge("softmax", my_softmax).status == "fail"
    assert state() == before


def test_a_plot_and_an_import_inside_a_right_answer_are_no_crime():
    cell = ("def my_softmax(x):\n    import matplotlib.pyplot as plt\n    import wave, tabnanny, colorsys\n"
            "    fig, ax = plt.subplots()\n    ax.plot(x[0].tolist())\n    e = (x - x.amax(1, keepdim=True)).exp()\n"
            "    return e / e.sum(1, keepdim=True)")
    assert judge("softmax", make_answer(cell, "my_softmax", "<cell>")).code == "ok"


def test_time_is_the_learners_own(monkeypatch):
    """Waiting for others costs nothing; a slow answer that ends is right, and told to be slow."""
    monkeypatch.setattr("lessonlib.course.exercises.engine.judging.SLOW", 0.0)
    verdict = judge("softmax", right("softmax"))
    assert verdict.code == "ok"
    assert "right, but slow" in verdict.message


def test_an_endless_attempt_ends_without_an_exception_from_outside(monkeypatch):
    """Its own next line raises: threads that are traced and interrupted from outside can end the interpreter."""
    monkeypatch.setattr(sandbox, "SECONDS", 0.2)
    monkeypatch.setattr(sandbox, "SECONDS_IN_FEW_LINES", 0.2)

    def forbidden(*_args):
        raise AssertionError("an exception was raised from outside")

    monkeypatch.setattr(sandbox.ctypes.pythonapi, "PyThreadState_SetAsyncExc", forbidden)
    for cell in ("while True: pass", "while True:\n        x = x + 1", "n = 0\n    while n < 1:\n        n = n * 1"):
        verdict = judge("softmax", make_answer(f"def my_softmax(x):\n    {cell}", "my_softmax", "<cell>"))
        assert verdict.code == "endless"
        assert "line " in verdict.message
        assert "restart the kernel" not in verdict.message
        assert not [thread for thread in threading.enumerate() if thread.name == "attempt"], cell


def test_state_that_lives_on_is_found():
    cells = {"softmax": "def my_softmax(x, seen=[]):\n    seen.append(1)\n    e = (x - x.amax(1, keepdim=True)).exp()\n"
                        "    return e / e.sum(1, keepdim=True) + (len(seen) > 9)"}
    verdict = judge("softmax", make_answer(cells["softmax"], "my_softmax", "<cell>"))
    assert verdict.status == "fail"


@pytest.mark.parametrize(("exercise", "cell", "code"), [
    ("softmax", "def my_softmax(x):\n    e = (x - x.amax(1, keepdim=True)).exp()\n"
         "    return (e / e.sum(1, keepdim=True)).squeeze()",
     "slip_kind"),
    ("softmax", "def my_softmax(x):\n    return (x ^ 2) / x.sum(1, keepdim=True)", "caret"),
    ("softmax", "def my_softmax(x):\n    return x.exp() / x.exp().sum", "not_called"),
    ("softmax", "def my_softmax(x):\n    e = x.exp\n    return e / e.sum(1, keepdim=True)", "not_called"),
    ("batches", "def my_batches(x, y, batch_size, generator=None):\n    order = torch.randperm(len(x), generator=generator)\n"
         "    for i in range(0, len(x), batch_size):\n        rows = order[i:i + batch_size]\n        return x[rows], y[rows]",
     "only_one"),
    ("sgd", "class MySGD:\n    def __init__(self, params, lr):\n        self.params, self.lr = list(params), lr\n"
     "        self.m, self.v, self.t = {}, {}, 0\n    @torch.no_grad()\n    def step(self):\n        self.t += 1\n"
     "        for p in self.params:\n            m = self.m[p] = 0.9 * self.m.get(p, 0) + 0.1 * p.grad\n"
     "            v = self.v[p] = 0.999 * self.v.get(p, 0) + 0.001 * p.grad ** 2\n"
     "            p -= self.lr * (m / (1 - 0.9 ** self.t)) / ((v / (1 - 0.999 ** self.t)).sqrt() + 1e-8)\n"
     "    def zero_grad(self):\n        for p in self.params:\n            p.grad = None", "size_ignored"),
    ("softmax", "def my_softmax(x):\n    if x > 0:\n        return x\n    return -x", "truth_of_tensor"),
    ("softmax", "def my_softmax(x):\n    return math.exp(x) / x.sum(1, keepdim=True)", "number_wanted"),
    ("softmax", "def my_softmax(x):\n    return x.to(torch.complex128) ** 0.5", "complex_result"),
    ("softmax", "def my_softmax(x):\n    e = x.clamp(-20, 20).exp()\n    return e / e.sum(1, keepdim=True)", None),
    ("cross_entropy", "def my_cross_entropy(x, t):\n"
         "    return (-x.log_softmax(1)[torch.arange(len(t)), t].mean(),)", "not_numbers"),
    ("l2_distance", "def my_l2_distance(a, b):\n    return ((a - b) ** 2).mean((1, 2)).sqrt().squeeze()", "slip_kind"),
    ("class_accuracy", "def class_accuracy(x, t):\n    right = (x.abs().argmax(1) == t).float()\n"
     "    return torch.stack([right[t == k].mean() for k in range(x.shape[1])])", None),
    ("class_accuracy", "def class_accuracy(x, t):\n    right = (x.relu().argmax(1) == t).float()\n"
     "    return torch.stack([right[t == k].mean() for k in range(x.shape[1])])", None),
    ("my_linear", "class MyLinear(nn.Module):\n    def __init__(self, n_in, n_out):\n        super().__init__()\n"
     "        self.w = nn.Parameter(torch.randn(n_in, n_out))\n        self.b = nn.Parameter(torch.zeros(n_out))\n"
     "    def forward(self, x):\n        return (x @ self.w + self.b).squeeze()", "axis_of_one"),
    ("train_epoch", "def my_train_epoch(model, batches, loss_func, opt):\n    losses = []\n    for xb, yb in batches:\n"
     "        loss = F.cross_entropy(model(xb), yb)\n        loss.backward()\n        opt.step()\n        opt.zero_grad()\n"
     "        losses.append(loss.item())\n    return losses", "no_loss"),
    ("train_epoch", "def my_train_epoch(model, batches, loss_func, opt):\n"
         "    mine = torch.optim.SGD(model.parameters(), lr=0.5)\n"
     "    losses = []\n    for xb, yb in batches:\n        loss = loss_func(model(xb), yb)\n        loss.backward()\n"
     "        mine.step()\n        mine.zero_grad()\n        losses.append(loss.item())\n    return losses", "own_optimizer"),
    ("train_epoch", "def my_train_epoch(model, batches, loss_func, opt):\n    losses = []\n    for xb, yb in batches:\n"
     "        if len(xb) < 5:\n            continue\n        loss = loss_func(model(xb), yb)\n        loss.backward()\n"
     "        opt.step()\n        opt.zero_grad()\n        losses.append(loss.item())\n    return losses", "first_only"),
    ("train_epoch", "def my_train_epoch(model, batches, loss_func, opt):\n    losses = []\n    for xb, yb in batches:\n"
     "        loss = loss_func(model(xb), yb)\n        loss.backward()\n"
     "        torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)\n        opt.step()\n        opt.zero_grad()\n"
     "        losses.append(loss.item())\n    return losses", "only_this_model"),
    ("momentum", "class MySGD:\n    def __init__(self, params, lr, momentum=0.9):\n"
         "        self.params, self.lr = list(params), lr\n"
     "        self.momentum, self.v = momentum, [torch.zeros_like(p) for p in self.params]\n    @torch.no_grad()\n"
     "    def step(self):\n        for p, v in zip(self.params, self.v):\n            v.mul_(self.momentum).add_(p.grad)\n"
     "            p -= self.lr * v\n    def zero_grad(self):\n        for p in self.params:\n"
          "            p.grad = None", "default_differs"),
    ("momentum", "class MySGD:\n    def __init__(self, params, lr, momentum=0.0):\n"
         "        self.params, self.lr = list(params), lr\n"
     "        self.momentum, self.v = momentum, {}\n    @torch.no_grad()\n    def step(self):\n        for p in self.params:\n"
     "            v = self.momentum * self.v.get(p.shape, 0) + p.grad\n            self.v[p.shape] = v\n"
     "            p -= self.lr * v\n    def zero_grad(self):\n        for p in self.params:\n"
          "            p.grad = None", "state_mixed"),
    ("sgd", "class MySGD:\n    params = []\n    def __init__(self, params, lr):\n        self.params.extend(params)\n"
     "        self.lr = lr\n    @torch.no_grad()\n    def step(self):\n        for p in self.params:\n"
     "            p -= self.lr * p.grad\n    def zero_grad(self):\n        for p in self.params:\n"
          "            p.grad = None", "class_state"),
    ("batches", "def my_batches(x, y, batch_size, generator):\n    order = torch.randperm(len(x), generator=generator)\n"
     "    for rows in order.split(batch_size):\n        yield x[rows], y[rows].float()", "other_dtype"),
    ("batches", "def my_batches(x, y, batch_size, generator):\n    order = torch.randperm(len(x), generator=generator)\n"
     "    half = len(x) // 2\n    order = torch.cat([order[:half], order[half:].sort().values])\n"
     "    for rows in order.split(batch_size):\n        yield x[rows], y[rows]", "partly_sorted"),
    ("batches", "def my_batches(x, y, batch_size, generator):\n    order = torch.randperm(len(x), generator=generator)\n"
     "    for rows in order.split(batch_size):\n        if len(rows) > 1:\n            yield x[rows], y[rows]", "last_dropped"),
])
def test_what_slipped_through_before_is_refused(exercise, cell, code):
    verdict = judge(exercise, make_answer(cell, EXERCISES[exercise].name, "<cell>"))
    assert verdict.status == "fail"
    assert code is None or verdict.code == code, str(verdict)


def test_a_list_that_holds_itself_is_an_answer_too():
    def list_matmul(a, b):
        rows = []
        for _ in range(9):  # nine times: whoever opens each of them again, and again, never ends
            rows.append(rows)
        return rows

    assert judge("list_matmul", list_matmul).status == "fail"


def test_a_loader_may_be_a_class():
    cell = ("class my_batches:\n    def __init__(self, x, y, batch_size, generator):\n"
            "        self.x, self.y, self.n, self.g = x, y, batch_size, generator\n    def __iter__(self):\n"
            "        for rows in torch.randperm(len(self.x), generator=self.g).split(self.n):\n"
            "            yield self.x[rows], self.y[rows]")
    assert judge("batches", make_answer(cell, "my_batches", "<cell>")).code == "ok"


def test_lists_are_told_in_grammar():
    cell = ("class MyLinear(nn.Module):\n    def __init__(self, n_in, n_out):\n        super().__init__()\n"
            "        self.weight, self.bias = torch.randn(n_in, n_out), torch.zeros(n_out)\n    def forward(self, x):\n"
            "        return x @ self.weight + self.bias")
    assert "self.weight and self.bias are plain tensors" in judge("my_linear", make_answer(cell, "MyLinear", "<cell>")).message
    cell = ("def normalize(train, valid):\n    m, s = train.mean(), train.std()\n    train -= m\n    valid -= m\n"
            "    return train / s, valid / s")
    assert "train and valid were changed" in judge("normalize", make_answer(cell, "normalize", "<cell>")).message


def test_many_checks_in_a_row_leave_no_thread_behind():
    before = threading.active_count()
    for _ in range(5):
        judge("softmax", right("softmax"))
    assert threading.active_count() == before


def test_the_solution_trains_as_the_solution_does(monkeypatch):
    """Whatever was drawn before: both begin with the same seed."""
    monkeypatch.setattr("lessonlib.course.exercises.engine.judging._MADE", {})
    for _ in range(2):
        torch.rand(3)
        assert "batch for batch, it is the same" in judge("my_linear", right("my_linear")).message
