"""Mistakes by mutation: what is made from a right answer, in which words, and that it can be trusted."""

import ast
import functools
import subprocess
import sys

import pytest

from lessonlib.course.exercises.engine.mutation import Mutant, mutants
from lessonlib.course.exercises.engine.slips import ABOUT, KINDS

SOFTMAX = """
def softmax(x):
    exps = (x - x.amax(dim=1, keepdim=True)).exp()
    return exps / exps.sum(dim=1, keepdim=True)
"""
NORMALIZE = """
def normalize(train, valid):
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (valid - mean) / std
"""
CROSS_ENTROPY = """
def cross_entropy(logits, targets):
    log_probs = log_softmax(logits)
    rows = torch.arange(len(targets))
    return -log_probs[rows, targets].mean()
"""
TRAIN_EPOCH = """
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
"""
BATCHES = """
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for start in range(0, len(x), batch_size):
        rows = order[start:start + batch_size]
        yield x[rows], y[rows]
"""
LINEAR = """
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias
"""
SGD = """
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.velocity = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.velocity[i] = self.momentum * self.velocity[i] + p.grad
            p -= self.lr * self.velocity[i]
"""
LIST_MATMUL = """
def list_matmul(a, b):
    out = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(b)):
                out[i][j] += a[i][k] * b[k][j]
    return out
"""
EARLIEST = """
def earliest(losses):
    lowest, place = float("inf"), 0
    for i in range(len(losses)):
        if losses[i] < lowest:
            lowest = losses[i]
            place = i
    return place
"""
WINDOWS = """
def windows(x):
    out = []
    for i in range(3):
        rows = []
        rows.append(x[2 * i:2 * i + 2])
        out.append(rows)
    print(out)
    return out
"""
POOL = """
def pool(x, a, b):
    n = len(x)
    return x.reshape(n, 3, 2, 4, 2).amax(dim=(2, 4)) * math.e ** (a.sum() * b.sum())
"""
SOURCES = {"softmax": SOFTMAX, "normalize": NORMALIZE, "cross_entropy": CROSS_ENTROPY, "train_epoch": TRAIN_EPOCH,
           "batches": BATCHES, "linear": LINEAR, "sgd": SGD, "list_matmul": LIST_MATMUL}


def same(one: str, other: str) -> bool:
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))


@functools.cache
def mutants_of(source: str) -> list[Mutant]:
    return mutants(source)


def made(source: str, wrong: str) -> Mutant:
    """The mutant that is this wrong answer; fails where there is none."""
    found = [mutant for mutant in mutants_of(source) if same(mutant.source, wrong)]
    assert found, f"no mutant is\n{wrong}"
    return found[0]


def replaced(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new)


# source, what stands there, what the mutant has in its place, the code, the words
SLIPS = [
    (SOFTMAX, "sum(dim=1", "sum(dim=0", "axis", "with `dim=0` in place of `dim=1` in `exps.sum(dim=1, keepdim=True)`"),
    (SOFTMAX, "dim=1", "dim=0", "axis", "with `dim=0` in place of `dim=1` in both places"),
    (SOFTMAX, "sum(dim=1, keepdim=True)", "sum(dim=1)", "keepdim",
     "without `keepdim=True` in `exps.sum(dim=1, keepdim=True)`"),
    (SOFTMAX, "amax(dim=1, keepdim=True)", "amax()", "axis", "without `dim=1` in `amax`"),
    (SOFTMAX, ".exp()", "", "left_out", "without `.exp()`"),
    (SOFTMAX, "exps.sum", "exps.mean", "reduction", "with `mean` in place of `sum`"),
    (SOFTMAX, "(x - x.amax(dim=1, keepdim=True)).exp()", "(-(x - x.amax(dim=1, keepdim=True))).exp()", "sign",
     "with a minus before `x - x.amax(dim=1, keepdim=True)`"),
    (SOFTMAX, "(x - x.amax(dim=1, keepdim=True)).exp()", "x - x.amax(dim=1, keepdim=True).exp()", "bracket",
     "with `x - x.amax(dim=1, keepdim=True).exp()` in place of `(x - x.amax(dim=1, keepdim=True)).exp()`"),
    (SOFTMAX, "exps / exps.sum(dim=1, keepdim=True)", "exps", "left_out", "without `/ exps.sum(dim=1, keepdim=True)`"),
    (NORMALIZE, "(train - mean) / std, (valid - mean) / std", "train - mean / std, valid - mean / std", "bracket",
     "with `train - mean / std` in place of `(train - mean) / std`, and the same in both places"),
    (NORMALIZE, "(valid - mean) / std", "(valid - valid.mean()) / valid.std()", "recomputed", None),
    (NORMALIZE, "train.std()", "train.std(correction=0)", "reduction", "with `correction=0` in `std`"),
    (NORMALIZE, "(train - mean) / std, (valid - mean) / std", "(valid - mean) / std, (train - mean) / std", "exchanged", None),
    (NORMALIZE, "train - mean", "train.sub_(mean)", "in_place", "with `train` changed in place"),
    (CROSS_ENTROPY, "-log_probs", "log_probs", "sign", "without the minus before `log_probs[rows, targets].mean()`"),
    (CROSS_ENTROPY, "rows, targets]", "targets, rows]", "exchanged",
     "with `log_probs[targets, rows]` in place of `log_probs[rows, targets]`"),
    (CROSS_ENTROPY, "[rows, targets]", "[:, targets]", "left_out",
     "with `log_probs[:, targets]` in place of `log_probs[rows, targets]`"),
    (CROSS_ENTROPY, "log_softmax(logits)", "logits", "left_out", "without `log_softmax`"),
    (CROSS_ENTROPY, "log_softmax(logits)", "logits.log_softmax(dim=0)", "axis", "with `log_softmax` along `dim=0`"),
    (CROSS_ENTROPY, "log_softmax(logits)", "logits.softmax()", "function", "with `softmax` in place of `log_softmax`"),
    (CROSS_ENTROPY, "len(targets)", "64", "constant_size", "with `64` in place of `len(targets)`"),
    (CROSS_ENTROPY, ".mean()", "", "left_out", "without `.mean()`"),
    (TRAIN_EPOCH, "        opt.zero_grad()\n", "", "left_out", "without the line `opt.zero_grad()`"),
    (TRAIN_EPOCH, "        opt.step()\n", "", "left_out", "without the line `opt.step()`"),
    (TRAIN_EPOCH, "    return losses", "        return losses", "return_in_loop", "with `return` inside the loop"),
    (TRAIN_EPOCH, "        losses.append", "    losses.append", "after_loop", "with `losses.append(loss.item())` after the loop"),
    (TRAIN_EPOCH, "    losses = []\n    for xb, yb in batches:\n", "    for xb, yb in batches:\n        losses = []\n",
     "state_in_loop", "with `losses = []` inside the loop"),
    (TRAIN_EPOCH, "        loss.backward()\n        opt.step()\n", "        opt.step()\n        loss.backward()\n", "order",
     "with the lines `loss.backward()` and `opt.step()` exchanged"),
    (TRAIN_EPOCH, "model(xb), yb", "yb, model(xb)", "exchanged", None),
    (TRAIN_EPOCH, "loss_func(model(xb), yb)", "loss_func(model(xb), yb).detach()", "detached",
     "with `.detach()` after `loss_func(model(xb), yb)`"),
    (TRAIN_EPOCH, "in batches", "in list(batches)[:-1]", "off_by_one", "without the last of `batches`"),
    (BATCHES, ", generator=generator", "", "left_out", "without `generator=generator`"),
    (BATCHES, "y[rows]", "y", "left_out", None),
    (BATCHES, "yield", "return", "return_in_loop", "with `return` in place of `yield`"),
    (BATCHES, "range(0, len(x), batch_size)", "range(0, len(x) - batch_size, batch_size)", "off_by_one",
     "with `range(0, len(x) - batch_size, batch_size)` in place of `range(0, len(x), batch_size)`"),
    (BATCHES, "len(x), generator", "50000, generator", "constant_size", None),
    (BATCHES, "start:start", "start + 1:start", "off_by_one", None),
    (LINEAR, " + self.bias", "", "left_out", "without `+ self.bias`"),
    (LINEAR, "x @ self.weight", "self.weight @ x", "exchanged", "with `self.weight @ x` in place of `x @ self.weight`"),
    (LINEAR, "        super().__init__()\n", "", "left_out", "without the line `super().__init__()`"),
    (LINEAR, "nn.Parameter(torch.zeros(n_out))", "torch.zeros(n_out)", "left_out", None),
    (LINEAR, " / n_in", "", "left_out", "without `/ n_in`"),
    (LINEAR, "self.bias = ", "bias = ", "attribute", "without `self.` in `self.bias = nn.Parameter(torch.zeros(n_out))`"),
    (LINEAR, "torch.zeros(n_out)", "torch.zeros(10)", "constant_size", None),
    (SGD, "    @torch.no_grad()\n", "", "left_out", "without `@torch.no_grad()`"),
    (SGD, "p -= ", "p += ", "sign", "with `+=` in place of `-=`"),
    (SGD, "p -= self.lr * self.velocity[i]", "p = p - self.lr * self.velocity[i]", "in_place", None),
    (SGD, "momentum=0.0", "momentum=0.9", "default", "with `momentum=0.9` in place of `momentum=0.0`"),
    (SGD, "list(params)", "params", "left_out", "without `list`"),
    (EARLIEST, "            lowest = losses[i]\n", "", "not_kept", "without the line `lowest = losses[i]`"),
    (EARLIEST, 'float("inf")', "losses[0]", "start", None),
    (EARLIEST, "return place", "return place + 1", "off_by_one", "with `place + 1` in place of `place`"),
    (WINDOWS, "2 * i:2 * i + 2", "i:i + 2", "stride", None),
    (WINDOWS, "        rows = []\n", "        rows.clear()\n", "used_again", "with `rows.clear()` in place of `rows = []`"),
    (WINDOWS, "        out.append(rows)\n    print(out)", "        out.append(rows)\n        print(out)", "into_loop",
     "with `print(out)` inside the loop"),
    (POOL, "n, 3, 2, 4, 2).amax(dim=(2, 4))", "n, 3, 4, 2, 2).amax(dim=(3, 4))", "layout", None),
    (POOL, "a.sum() * b.sum()", "(a * b).sum()", "together", None),
    (POOL, "math.e", "2.718", "constant", None),
    (LIST_MATMUL, "[[0.0] * len(b[0]) for _ in range(len(a))]", "[[0.0] * len(b[0])] * len(a)", "pairing",
     "with the same row many times"),
    (LIST_MATMUL, "out[i][j] += ", "out[i][j] -= ", "sign", "with `-=` in place of `+=`"),
    (LIST_MATMUL, "b[k][j]", "b[j][k]", "exchanged", "with `b[j][k]` in place of `b[k][j]`"),
    (LIST_MATMUL, "range(len(b)):", "range(len(b) - 1):", "off_by_one", None),
    (LIST_MATMUL, "    return out", "        return out", "return_in_loop", "with `return` inside the loop"),
]


@pytest.mark.parametrize(("source", "old", "new", "code", "words"), SLIPS)
def test_a_slip_is_made_and_told(source, old, new, code, words):
    mutant = made(source, replaced(source, old, new))
    assert mutant.code == code
    if words is not None:
        assert mutant.what == words


def test_state_made_in_each_step_and_state_shared_by_the_class():
    found = {mutant.what: mutant.source for mutant in mutants(SGD) if mutant.code == "attribute"}
    in_step = found["with `self.velocity` made in `step` rather than in `__init__`"]
    assert "def step(self):\n        self.velocity = [torch.zeros_like(p) for p in self.params]" in in_step
    shared = found["with `velocity` shared by all objects of the class"]
    assert "class SGD:\n    velocity = []" in shared
    assert "self.velocity += [" in shared


@pytest.mark.parametrize("name", SOURCES)
def test_every_mutant_compiles_is_new_and_defines_the_same_name(name):
    source = SOURCES[name]
    defined = ast.parse(source).body[0].name
    seen = {ast.dump(ast.parse(source))}
    found = mutants(source)
    assert 40 <= len(found) <= 400
    for mutant in found:
        compile(mutant.source, "<mutant>", "exec")
        tree = ast.parse(mutant.source)
        assert ast.dump(tree) not in seen
        seen.add(ast.dump(tree))
        assert [node.name for node in tree.body] == [defined]
        assert mutant.code in KINDS
        assert mutant.what.startswith(("with ", "without "))
        assert "\n" not in mutant.what
        assert mutant.what.count("`") % 2 == 0


@pytest.mark.parametrize("name", SOURCES)
def test_the_order_is_always_the_same_and_the_source_is_not_changed(name):
    assert mutants(SOURCES[name]) == mutants(SOURCES[name])


def test_the_kinds_come_in_the_order_of_the_table():
    codes = list(dict.fromkeys(mutant.code for mutant in mutants(BATCHES)))
    assert codes == [code for code in KINDS if code in codes]


def test_annotations_docstrings_and_error_checks_are_left_alone():
    source = '''
def share(scores: "Tensor[2]", targets: list[int]) -> tuple[int, 2]:
    """The share, from 0 to 1."""
    if scores.ndim != 2:
        raise ValueError(f"expected 2 axes, not {scores.ndim - 1}")
    return (scores.argmax(dim=1) == targets).mean()
'''
    kept = source[source.index("def"):source.index("    return")]
    kept = ast.unparse(ast.parse(kept + "    pass")).replace("\n    pass", "")
    for mutant in mutants(source):
        if mutant.code not in ("exchanged",):
            assert kept in mutant.source


def test_helpers_and_imports_above_stay_and_helpers_are_mutated():
    source = "import math\n\ndef root(x):\n    return math.sqrt(x)\n\ndef length(a, b):\n    return root(a * a + b * b)\n"
    found = mutants(source)
    assert all(mutant.source.startswith("import math\n") for mutant in found)
    assert any("return math.sqrt(-x)" in mutant.source or "return -math.sqrt(x)" in mutant.source for mutant in found)
    assert made(source, source.replace("a * a + b * b", "a * a - b * b")).code == "sign"


def test_each_kind_says_what_a_place_is_about():
    assert list(KINDS) == [kind for kind in KINDS if kind in ABOUT]
    assert set(ABOUT) == set(KINDS)


def test_the_line_of_a_slip_is_known():
    lines = SGD.splitlines()
    assert {lines[mutant.line - 1].strip() for mutant in mutants(SGD) if mutant.code == "sign"} >= {
        "p -= self.lr * self.velocity[i]", "self.velocity[i] = self.momentum * self.velocity[i] + p.grad"}


def test_two_mutants_with_the_same_words_are_told_apart():
    words = [mutant.what for mutant in mutants(SOFTMAX)]
    assert len(words) == len(set(words))


def test_what_is_no_python_is_an_error():
    with pytest.raises(SyntaxError):
        mutants("def f(:\n")


def test_it_needs_no_torch():
    program = ("import sys; from lessonlib.course.exercises.engine.mutation import mutants; "
               "mutants('def f(x):\\n    return x.exp() / 2\\n'); print('torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
