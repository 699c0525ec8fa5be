"""What every exercise is probed for: a right answer that is spoilt in one way passes nowhere; and new words for old mistakes."""

import functools
import inspect
import itertools
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from answers_of_learners import RIGHT, WRONG
from torch import Tensor

from lessonlib.course.exercises import EXERCISES, judge, solution
from lessonlib.course.exercises.engine import memory, sandbox
from lessonlib.course.exercises.engine.answers import make_answer
from lessonlib.course.exercises.engine.comparison import MOST_NUMBERS, read_result
from lessonlib.course.exercises.engine.inputs import copied
from lessonlib.course.exercises.engine.judging import kind_of
from lessonlib.course.exercises.engine.relations import nearly, relation
from lessonlib.course.exercises.engine.repair import own_source

FUNCTIONS = [id for id, task in EXERCISES.items() if task.kind == "function"]
Answer = Callable[..., Any]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(sandbox, "SECONDS", 20)
    monkeypatch.setattr(sandbox, "SECONDS_IN_FEW_LINES", 20)


def attempt(exercise: str, cell: str) -> Any:
    return make_answer(cell, EXERCISES[exercise].name, "<cell>")


# --- a right answer, spoilt in one way --------------------------------------------------------------------------------


def in_a_tuple(right: Answer) -> Answer:
    return lambda *inputs: (right(*inputs),)


def as_a_generator(right: Answer) -> Answer:
    def answer(*inputs):
        yield right(*inputs)
    return answer


def as_an_iterator(right: Answer) -> Answer:
    return lambda *inputs: iter([right(*inputs)])


def with_nothing_handed_back(right: Answer) -> Answer:
    def answer(*inputs):
        right(*inputs)
    return answer


def first_result_kept(right: Answer) -> Answer:
    kept: list[Any] = []

    def answer(*inputs):
        kept.append(right(*inputs))
        return kept[0]
    return answer


def another_result_when_called_again(right: Answer) -> Answer:
    seen: list[str] = []

    def answer(*inputs):
        key = repr([read_result(value) for value in inputs])
        seen.append(key)
        result = right(*inputs)
        return copied(result) if seen.count(key) == 1 else None
    return answer


def spoilt_inputs(right: Answer) -> Answer:
    def answer(*inputs):
        result = copied(right(*(copied(value) for value in inputs)))
        for value in inputs:
            if isinstance(value, Tensor) and value.numel():
                with torch.no_grad():
                    value.view(-1)[0] += 1 if value.dtype != torch.bool else 0
            elif isinstance(value, list) and value and isinstance(value[0], float):
                value[0] += 1
        return result
    return answer


def a_table_more(right: Answer) -> Answer:
    def answer(*inputs):
        result = right(*inputs)
        return result[None] if isinstance(result, Tensor) and result.ndim else [result]
    return answer


PROBES = (in_a_tuple, as_a_generator, as_an_iterator, with_nothing_handed_back, first_result_kept,
          another_result_when_called_again, spoilt_inputs, a_table_more)

def can_be_spoilt(exercise: str, probe: Callable) -> bool:
    """Whether the probe changes anything in this exercise."""
    task = EXERCISES[exercise]
    if probe is spoilt_inputs:
        return any(text.startswith(("floats(", "positive(", "probs(", "pixels(")) for text in task.inputs.values())
    takes = inspect.signature(attempt(exercise, solution(exercise))).parameters
    return bool(takes) or probe is not first_result_kept


def probe_of(exercise: str) -> Callable:
    """One of them for each exercise; each is tried on many."""
    return random.Random(exercise).choice([probe for probe in PROBES if can_be_spoilt(exercise, probe)])


@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_a_right_answer_that_is_spoilt_is_refused(exercise):
    probe = probe_of(exercise)
    verdict = judge(exercise, probe(attempt(exercise, solution(exercise))))
    assert verdict.status == "fail", f"{probe.__name__}: {verdict}"
    assert verdict.code != "check_failed", f"{probe.__name__}: {verdict}"


def test_every_probe_is_tried_on_many():
    tried = [probe_of(exercise) for exercise in FUNCTIONS]
    assert all(tried.count(probe) >= 5 for probe in PROBES)


def arguments_read(exercise: str) -> list[int]:
    """The places of the arguments that the solution reads."""
    from lessonlib.course.exercises.engine.inspection import arguments, unused_arguments

    right = attempt(exercise, solution(exercise))
    names = list(inspect.signature(right).parameters)
    return [i for i, name in enumerate(arguments(right)) if name not in unused_arguments(right, names)]


@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_an_argument_that_is_not_used_shows(exercise):
    """One of the arguments keeps the value of the first call, as if it were written into the code."""
    if not (places := arguments_read(exercise)):
        return  # it takes none
    place = random.Random(exercise).choice(places)
    right, first = attempt(exercise, solution(exercise)), []

    def answer(*inputs):
        first.append(copied(inputs[place]))
        return right(*inputs[:place], copied(first[0]), *inputs[place + 1:])

    assert judge(exercise, answer).status == "fail", f"argument {place}"


# --- words --------------------------------------------------------------------------------------------------------

CLASS = ("class MySGD:\n    def __init__(self, params, lr):\n        self.params, self.lr = list(params), lr\n"
         "    @torch.no_grad()\n    def step(self):\n{}\n    def zero_grad(self):\n        for p in self.params:\n"
         "            p.grad = None")
EACH = "        for p in self.params:\n            {}"
EPOCH = ("def my_train_epoch(model, batches, loss_func, opt):\n    losses = []\n    for xb, yb in batches:\n{}\n"
         "        losses.append(loss.item())\n    return losses")
LINEAR = ("class MyLinear(nn.Module):\n    def __init__(self, n_in, n_out):\n        super().__init__()\n"
          "        self.weight = nn.Parameter({})\n        self.bias = nn.Parameter(torch.zeros(n_out))\n"
          "    def forward(self, x):\n        return {}")


@pytest.mark.parametrize(("exercise", "cell", "code", "words"), [
    # what comes out, seen from the right result
    ("costliest", "def costliest(lp, t, k):\n    return (-lp[range(len(t)), t]).argsort()[-k:]", "related", "reverse order"),
    ("never_drawn", "def never_drawn(drawn, n):\n    return torch.tensor([i for i in range(n) if i not in drawn])", "related",
     "the places where"),
    ("softmax", "def my_softmax(x):\n    return (x - x.logsumexp(1, keepdim=True)).exp().mul(10).round() / 10",
     "related", "rounded to 1 digit"),
    ("count_above", "def count_above(x, limit):\n    return len(x > limit)", "a_size", "`len(x)`"),
    ("split_rows", "def split_rows(n, size):\n    return [n / size] * size", "fractions", "18.5"),
    ("out_size", "def out_size(n, size, stride, padding):\n    return 5", "always_the_same", "5 comes out"),
    ("softmax", "kept = []\ndef my_softmax(x):\n    kept.append((x - x.logsumexp(1, keepdim=True)).exp())\n    return kept[0]",
     "first_kept", "later ones give its result again"),
    ("costliest", "def costliest(log_probs, targets, k):\n    return (-log_probs).amax(1).topk(k).indices", "argument_unused",
     "`targets` is never used"),
    # in which form
    ("smooth_losses", "def smooth_losses(losses, keep):\n    return (keep * loss for loss in losses)", "generator",
     "not a finished result"),
    ("list_softmax", "def list_softmax(row):\n    return map(math.exp, row)", "generator", "an iterator (map)"),
    ("mse", "def my_mse(outputs, targets):\n    return ((outputs - targets) ** 2).mean(),", "not_numbers", "A comma at the end"),
    ("row_shares", "def row_shares(x):\n    return x.max(1)", "not_numbers", "(values, indices)"),
    ("to_bytes", "def to_bytes(rows, mean, std):\n    return ((rows * std + mean) * 255).round().long().view(-1, 28, 28)",
     "not_numbers", "bytes, uint8"),
    ("split_off", "def split_off(x, n_valid):\n    return x", "count", "gave one thing, a tensor of shape (4, 5), and"),
    # Python's own slips
    ("strayed", "def strayed(first, runs, tolerance):\n    return [n for n, r in runs.items() if max(r - first)]",
     "list_arithmetic",
     "goes number by number"),
    ("list_hidden", "def list_hidden(x, weight, bias):\n    return [weight[i, 0] for i in range(2)]", "list_indexing",
     "rows[i][j]"),
    ("n_parameters", "def n_parameters(n_in, n_hidden, n_out):\n    return sum(1 for i in n_in)", "not_iterable", "range(n"),
    ("smooth_losses", "def smooth_losses(losses, keep):\n    return [loss / (1 - keep ** i) for i, loss in enumerate(losses)]",
     "zero_division", "divided by 0"),
    ("list_softmax", "def list_softmax(row):\n    return [math.log(v - max(row)) for v in row]", "math_range", "no answer"),
    ("train_epoch", EPOCH.format("        loss = loss_func(model(xb), yb).item()\n        loss.backward()"), "no_gradient",
     "'float' object has no attribute 'backward'"),
    ("top_two_accuracy", "def top_two_accuracy(s, t):\n    return (s.topk(2).indices == t[:, None]).any(1).mean()",
     "mean_of_whole_numbers", ".float().mean()"),
    ("softmax", "def my_softmax(x):\n    return x.exp() / x.exp().sum(2)", "shapes", "Dimension out of range"),
    # optimizers
    ("sgd", CLASS.format(EACH.format("p -= self.lr * p.grad.clamp(-1, 1)")), "clipped", "no number of it goes beyond 1"),
    ("sgd", CLASS.format("        nn.utils.clip_grad_norm_(self.params, 1.0)\n" + EACH.format("p -= self.lr * p.grad")),
     "clipped", "the length 1"),
    ("sgd", CLASS.format(EACH.format("p -= self.lr * p.grad") + "\n        self.lr *= 0.9"), "lr_changes", "1, 0.9, 0.81"),
    ("sgd", CLASS.format(EACH.format("p -= self.lr * (p.grad + 0.01 * p)")), "decays", "0.01 times the weights"),
    ("sgd", CLASS.format(EACH.format("p -= self.lr * p.grad ** 2")), "gradient_replaced", "the squares of the gradient"),
    ("sgd", CLASS.format(EACH.format("p.v = 0.9 * getattr(p, 'v', 0) + p.grad\n            p -= self.lr * p.v")), "remembers",
     "0.9 times the step before"),
    # loops
    ("train_epoch", EPOCH.format("        loss = loss_func(model(xb), yb)\n        loss.backward()\n        opt.step()\n"
                                 "        opt.zero_grad()\n        opt.param_groups[0]['lr'] *= 0.9"), "lr_changed", "was 0.5"),
    ("train_epoch", EPOCH.format("        loss = loss_func(model(xb), yb)\n        loss.backward()\n"
                                 "        nn.utils.clip_grad_value_(model.parameters(), 0.01)\n        opt.step()\n"
                                 "        opt.zero_grad()"), "gradients_changed", "clipped, scaled or replaced"),
    ("train_epoch", EPOCH.format("        loss = nn.functional.mse_loss(model(xb), yb)\n        loss.backward()"), "no_loss",
     "was never called"),
    ("train_epoch", EPOCH.format("        if len(xb) < 5:\n            continue\n        loss = loss_func(model(xb), yb)\n"
                                 "        loss.backward()\n        opt.step()\n        opt.zero_grad()"), "first_only",
     "those with 2 or 3 rows were left out"),
    # layers and loaders
    ("my_linear", LINEAR.format("torch.randn(n_in, n_out)", "(x @ self.weight + self.bias).clamp(-100, 100)"), "some_inputs",
     "large numbers"),
    ("my_linear", LINEAR.format("torch.randn(n_in, n_out).half()", "x @ self.weight + self.bias"), "other_precision", "float16"),
    ("my_linear", LINEAR.format("torch.randn(n_in, n_out)", "x.flatten(1) @ self.weight + self.bias"), "axis_of_one", "flatten"),
    ("batches", "def my_batches(x, y, batch_size, generator):\n"
                "    for rows in torch.randperm(len(x), generator=generator).split(batch_size):\n"
                "        yield x[rows].flatten(), y[rows]", "not_whole", "rows themselves were changed"),
    ("batches", "def my_batches(x, y, batch_size, generator):\n"
                "    for rows in torch.randperm(len(x), generator=generator).split(64):\n        yield x[rows], y[rows]",
     "slip_constant_size", "`64` in place of `batch_size`"),
])
def test_a_mistake_is_called_by_its_name(exercise, cell, code, words):
    verdict = judge(exercise, attempt(exercise, cell))
    assert verdict.code == code, str(verdict)
    assert words in verdict.message


@pytest.mark.parametrize(("exercise", "code", "cell"), WRONG)
def test_a_learners_wrong_answer_is_called_by_its_name(exercise, code, cell):
    verdict = judge(exercise, attempt(exercise, cell))
    assert verdict.code == code, str(verdict)


@pytest.mark.parametrize(("exercise", "cell"), RIGHT)
def test_a_learners_right_answer_passes(exercise, cell):
    verdict = judge(exercise, attempt(exercise, cell))
    assert verdict.code == "ok", str(verdict)


# --- the one place --------------------------------------------------------------------------------------------------

WINDOWS = """
def block_sums(pixels, size):
    print("look")
    calls.append(size)
    out = torch.zeros(28 // size, 28 // size)
    for i in range(28 // size):
        for j in range(28 // size):
            out[i, j] = pixels[i:i + size, j:j + size].sum()
    return out
"""


def test_the_one_place_is_told_and_not_what_belongs_there():
    verdict = judge("block_sums", attempt("block_sums", f"calls = []\n{WINDOWS}"))
    assert verdict.code == "one_place"
    assert "line 9, `out[i, j] = pixels[i:i + size, j:j + size].sum()`" in verdict.message
    assert "how far a window moves on" in verdict.message
    assert "size * i" not in verdict.message
    assert 0 < len(verdict.printed.splitlines()) < sandbox.MOST_LINES, "what the check tries on its own is not shown"


def test_whatever_a_changed_answer_raises_is_no_matter():
    cell = ("class Stop(BaseException):\n    pass\n\ndef my_softmax(x):\n    if x.sum() != x.sum() + 0:\n        raise Stop\n"
            "    e = (x * 1.5 + x.sin()).exp()\n    return e / e.sum(1, keepdim=True)")
    assert judge("softmax", attempt("softmax", cell)).code == "unknown"
    tried = []
    known = kind_of(EXERCISES["softmax"]).explanations
    assert known.place(attempt("softmax", cell), range(2), go_on=lambda: tried.append(1)) is None
    assert len(tried) == 1, "a reader who interrupts does not wait"


def test_a_learners_own_names_stay_as_they_are():
    space: dict[str, Any] = {"torch": torch, "calls": []}
    answer = make_answer(WINDOWS, "block_sums", "<own cell>", space)
    before = answer.__globals__["block_sums"]
    assert judge("block_sums", answer).code == "one_place"
    assert answer.__globals__["block_sums"] is before is answer


def test_only_a_text_that_is_still_the_answers_own_is_tried():
    cell = "def my_softmax(x):\n    e = x.exp()\n    return e / e.sum()\n"
    own = own_source(make_answer(cell, "my_softmax", "<own cell>"))
    assert own.source == cell
    old = make_answer(cell, "my_softmax", "<own cell>")
    make_answer(cell.replace("e.sum()", "e.sum(0)"), "my_softmax", "<own cell>")  # the file was written anew
    assert own_source(old) is None
    assert own_source(make_answer(cell, "my_softmax")) is None, "its text cannot be read"
    assert own_source(lambda x: x) is None
    exported = cell.replace("    return", "    open('a', 'w')\n    return")
    assert own_source(make_answer(exported, "my_softmax", "<own cell>")) is None, "it may do more than calculate"


def test_a_change_that_is_right_by_chance_is_not_told():
    """In the few cases of the check a border can be right for another reason."""
    cell = ("def my_border(y):\n    best, best_i = float('inf'), 1\n    for i in range(1, len(y)):\n"
            "        s = y[:i].var() + y[i:].var()\n        if s < best:\n            best, best_i = s, i\n    return best_i")
    assert judge("best_border", attempt("best_border", cell)).code == "unknown"


def test_lists_of_other_lengths_are_counted():
    cell = "def handfuls(order, size):\n    return [[i, i, i, i] for i in order]"
    verdict = judge("handfuls", attempt("handfuls", cell))
    assert verdict.code == "lengths"
    assert "gave 7 lists of length 4, 4, 4, 4, 4, 4, 4; 3 lists of length 3, 3, 1 was expected" in verdict.message


X = torch.tensor([[1.0, 5, 2], [4, 3, 7]], dtype=torch.float64)
ROW = torch.tensor([3.0, 1, 2, 5], dtype=torch.float64)


@pytest.mark.parametrize(("yours", "right", "code", "words"), [
    (X.flip(0), X, "related", "reverse order"), (X.T, X, "other_shape", "in another order"),
    (X[None], X, "other_shape", "in the right order"), (X[[1, 0]][:, [2, 0, 1]], X, "other_order", ""),
    (X + 1, X, "shifted", "larger"), (ROW.expand(4, 4), ROW, "table_for_row", "(4, 4)"),
    (ROW.expand(4, 4).T, ROW, "table_for_row", ""), (ROW[:-1], ROW, "related", "without the last"),
    (ROW, ROW[1:], "one_more", "beginning"), (ROW.sum(), ROW, "related", "their sum"), (1 - X, X, "related", "1 minus"),
    (X**2, X, "related", "squares"), (ROW / 2, ROW, "fractions", "1.5"), (X * torch.nan, X, None, ""),
    (X * ROW[0] + X[0], X, None, ""),
])
def test_how_yours_follow_from_the_right_result(yours, right, code, words):
    found = relation([read_result(yours)] * 2, [read_result(right)] * 2, [{"x": X}] * 2)
    assert (found.code if found else None) == code
    assert code is None or words in str(dict(found.facts))


def test_numbers_that_are_off_by_next_to_nothing():
    right = [read_result(X / 3)] * 2
    assert nearly([read_result(X / 3 + 0.01)] * 2, right) == pytest.approx(0.01 * 3 / 7)
    assert nearly(right, right) is None
    assert nearly([read_result(X / 3 + 0.1)] * 2, right) is None
    assert nearly([read_result(X.sum() + 1e-3)], [read_result(X.sum())]) is None, "of whole numbers none is nearly another"


def test_an_input_and_its_size_are_recognised():
    inputs = [{"x": torch.arange(float(n))} for n in (3, 5)]
    right = [read_result(case["x"] ** 2) for case in inputs]
    assert relation([read_result(case["x"]) for case in inputs], right, inputs).code == "as_it_came"
    sums = [read_result(case["x"].sum()) for case in inputs]
    assert relation([read_result(len(case["x"])) for case in inputs], sums, inputs).facts == {"size": "len(x)"}
    assert relation([read_result(7.0)] * 2, sums, inputs).facts == {"number": "7"}


def test_an_error_goes_with_the_argument_that_is_not_used():
    verdict = judge("epoch_mean", attempt("epoch_mean", "def epoch_mean(values, sizes):\n    return (value * sizes).sum()"))
    assert verdict.code == "name"
    assert "`values` is never used" in verdict.message


def test_the_mutants_of_other_right_answers_are_looked_at_last():
    """The same loss in other words, with another sign: no slip of the solution gives it."""
    cell = "def bce_from_logits(z, t):\n    return (nn.functional.softplus(z) + t * z).mean()"
    assert judge("bce_from_logits", attempt("bce_from_logits", cell)).code == "slip_sign"


# --- memory -------------------------------------------------------------------------------------------------------

GREEDY = {
    "a list in C": "    return list(itertools.count())",
    "text that doubles": "    s = 'x'\n    while True:\n        s += s",
    "a list that grows": "    s = []\n    while True:\n        s.append([0] * 1_000_000)",
    "one tensor": "    return torch.ones(60_000, 60_000)",
}


@pytest.mark.skipif(sys.platform != "linux", reason="only there the system bounds the memory of a process")
def test_an_answer_of_ours_is_bounded_too():
    """A mutant may ask for a table of a million times a million; it must not take the machine with it."""
    from lessonlib.course.exercises.engine.answers import call_ours

    with pytest.raises(MemoryError):
        call_ours(lambda: [0] * 10**10)
    with pytest.raises(RuntimeError, match=r"(?i)memory"):
        call_ours(lambda: torch.ones(100_000, 100_000))
    assert call_ours(lambda: 7) == 7


@pytest.mark.skipif(sys.platform != "linux", reason="only there the system refuses memory")
@pytest.mark.parametrize("name", GREEDY)
def test_memory_is_bounded(name, monkeypatch):
    import resource

    monkeypatch.setattr(sandbox, "MOST_MEMORY", 2**28)
    before = resource.getrlimit(resource.RLIMIT_AS)
    verdict = judge("softmax", attempt("softmax", f"import itertools\ndef my_softmax(x):\n{GREEDY[name]}"))
    assert verdict.code == "memory", str(verdict)
    assert "line " in verdict.message
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert judge("softmax", attempt("softmax", solution("softmax"))).code == "ok"


def test_where_the_system_refuses_nothing_memory_is_watched(monkeypatch):
    """As on Windows and macOS: the next of the learner's lines ends it."""
    held = itertools.count(0, 2**26)
    monkeypatch.setattr(memory, "_set_bound", lambda most: None)
    monkeypatch.setattr(memory, "highest", lambda: next(held))
    verdict = judge("softmax", attempt("softmax", "def my_softmax(x):\n    while True:\n        x = x + 1"))
    assert verdict.code == "memory", str(verdict)
    assert "line " in verdict.message
    assert "restart the kernel" not in verdict.message


def test_this_process_tells_how_much_memory_it_holds():
    held = memory.highest()
    assert 50e6 < held < 1e12
    kept = b"x" * 200_000_000
    assert memory.highest() >= held
    del kept


@functools.cache
def _stretched() -> Tensor:
    return torch.zeros(1).expand(10**6, 10**6)


def test_a_result_that_is_stretched_beyond_all_memory_is_not_copied():
    assert read_result(_stretched()).parts[0].numbers is None
    verdict = judge("softmax", lambda x: _stretched())
    assert verdict.code == "not_numbers"
    assert "(1000000, 1000000)" in verdict.message
    assert _stretched().numel() > MOST_NUMBERS
