"""A linear layer in whatever layout: its weight and bias may be kept in any way that computes and learns the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lessonlib.course.exercises.engine.answers import NoEnd, call_ours
from lessonlib.course.exercises.engine.attempt import Attempt, Raised
from lessonlib.course.exercises.engine.comparison import (
    Failure,
    Outcome,
    equal,
    listed,
    read_result,
    shape_of,
    side_by_side,
    to_tensor,
)
from lessonlib.course.exercises.engine.explanation import Outcomes
from lessonlib.course.exercises.engine.training_run import LR, N_CLASSES, N_IN, example_batches, train
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.kinds.module import ModuleKind, named_parameters, selves, tensors_in

_LR = 0.1


@dataclass(frozen=True)
class _Size:
    """One layer and its input."""

    n_in: int
    n_out: int
    batch: tuple[int, ...]  # all axes but the last
    seed: int = 60
    scale: float = 1.0  # of the inputs

    @property
    def x(self) -> Tensor:
        """(*batch, n_in) random numbers."""
        rng = torch.Generator().manual_seed(self.seed + 1)
        return self.scale * torch.randn(*self.batch, self.n_in, generator=rng, dtype=torch.float64)

    @property
    def words(self) -> str:
        """The input in a message."""
        return f"x {(*self.batch, self.n_in)}" + " with large numbers" * (self.scale > 1)


_MAIN = _Size(5, 3, (4,))
_SPECIAL = (_Size(5, 1, (4,)), _Size(1, 3, (4,)), _Size(5, 3, (1,)), _Size(4, 4, (4,)))
_WIDE = _Size(5, 3, (4,), scale=1000.0)
_THREE_AXES = _Size(5, 3, (4, 1))


class Linear(ModuleKind):
    """x times weight plus bias."""

    @property
    def called(self) -> str:
        return f"{self.task.name}(n_in, n_out)"

    def observe(self, answer: Any) -> Outcomes:
        return [self._outcome(answer, size) for size in (_MAIN, *_SPECIAL)]

    def observe_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        sizes = (_Size(6, 4, (3,), seed), _Size(3, 1, (5,), seed), _Size(1, 2, (4,), seed), _Size(7, 2, (1,), seed))
        return [self._outcome(answer, size) for size in sizes]

    def _outcome(self, answer: Any, size: _Size) -> Outcome:
        """The parameters' shapes, whether they begin different, the output, and the output after a step of training."""
        try:
            return call_ours(lambda: read_result(_life_of(answer, size)))
        except (NoEnd, Exception, SystemExit) as error:
            return Failure(type(error).__name__)

    def training_run(self, answer: Any) -> Tensor | None:
        model = nn.Sequential(answer(N_IN, N_CLASSES)).double()
        return train(model, torch.optim.SGD(model.parameters(), lr=LR), example_batches())

    # --- an attempt

    def examine(self, attempt: Attempt) -> list[str]:
        self.need_module(attempt)
        layer = self.make(attempt, {"n_in": _MAIN.n_in, "n_out": _MAIN.n_out})
        self.check_structure(attempt.answer, layer)
        named, x = named_parameters(layer), _MAIN.x
        plain, in_lists = tensors_in(layer)
        if not (named or plain or in_lists or (isinstance(layer, nn.Module) and list(layer.buffers()))):
            first, second = (self._forward(attempt, layer, x) for _ in range(2))
            kept = isinstance(first, Tensor) and isinstance(second, Tensor)
            raise Found("new_weights" if kept and not torch.equal(first, second) else "no_parameters")
        self.check_kept(layer, named, (_MAIN.n_in * _MAIN.n_out, _MAIN.n_out), 2)
        self.check_frozen(named)
        _check_precision(named)
        begin = [p.detach().clone() for p in named.values()]
        again = self.make(attempt, {"n_in": _MAIN.n_in, "n_out": _MAIN.n_out})
        if {id(p) for p in named.values()} & {id(p) for p in named_parameters(again).values()}:
            raise Found("shared")
        for p in named.values():
            p.data = p.data.double()
        self._check_same_twice(attempt, layer, x, named)
        self.check_frozen(named)
        _fill(list(named.values()), _MAIN.seed)
        self._check_output(attempt, layer, _MAIN, named)
        if attempt.changed:
            raise Found("in_place", names=listed(sorted(attempt.changed), "was", "were"))
        self._check_gradients(attempt, layer, x, named)
        self._check_special(attempt)
        _check_begin(named, begin)
        return _notes(attempt.answer, named)

    def _forward(self, attempt: Attempt, layer: Any, x: Tensor, keep: bool = False) -> Any:
        try:
            return attempt.call(layer, {"x": x}, name=self.called, keep=("x",) if keep else ())
        except Raised as raised:
            found = attempt.translate(raised)
            if found.code in ("shapes", "index"):
                _explain_shapes(layer, found)
            raise

    def _result(self, value: Any) -> Tensor:
        if not isinstance(value, Tensor):
            raise Found("not_numbers", call=f"{self.called}(x)", what=shape_of(value), wanted="a tensor")
        return value

    def _check_same_twice(self, attempt: Attempt, layer: Any, x: Tensor, named: dict[str, nn.Parameter]) -> None:
        first, second = (self._result(self._forward(attempt, layer, x)) for _ in range(2))
        if not torch.allclose(first.detach(), second.detach(), equal_nan=True) or (
                {id(p) for p in named.values()} != {id(p) for p in named_parameters(layer).values()}):
            raise Found("new_weights", evidence=side_by_side(second.detach(), first.detach(), "the second output"))

    def _check_output(self, attempt: Attempt, layer: Any, size: _Size, named: dict[str, nn.Parameter]) -> None:
        n_in, n_out, x = size.n_in, size.n_out, size.x
        out = self._result(self._forward(attempt, layer, x))
        weight_name, bias_name = _weight_and_bias(named, size)
        if weight_name and bias_name and n_in == 1:  # both have as many numbers: either may be the weight
            one, other = (named[name].detach().reshape(n_out) for name in (weight_name, bias_name))
            if _equal(out, x * other + one):
                weight_name, bias_name = bias_name, weight_name
        fused = [p for p in named.values() if tuple(p.shape) in ((n_in + 1, n_out), (n_out, n_in + 1))]
        if weight_name is None and len(fused) == 1:  # weight and bias in one matrix, for x with a column of ones
            one = torch.ones(*size.batch, 1)
            both = fused[0].detach() if fused[0].shape[1] == n_out else fused[0].detach().T
            rights = [torch.cat([x, one], 1) @ both, torch.cat([one, x], 1) @ both]
            right = next((each for each in rights if _equal(out, each)), rights[0])
            self._compare(attempt, out, right, [], size)
        elif weight_name is None:
            shapes = [tuple(p.shape) for p in named.values()]
            raise Found("weight_shape", got=shapes[0] if shapes else "no parameters", wanted=(n_in, n_out))
        else:
            self._check_sum(attempt, out, x, named, (weight_name, bias_name), size)

    def _check_sum(self, attempt: Attempt, out: Tensor, x: Tensor, named: dict[str, nn.Parameter],
                   names: tuple[str, str | None], size: _Size) -> None:
        weight_name, bias_name = names
        shape = (size.n_out, size.n_in)
        kept = named[weight_name].detach()
        layouts = [kept.T if kept.shape == shape and size.n_in != size.n_out else kept.reshape(size.n_in, size.n_out)]
        layouts += [kept.T] if size.n_in == size.n_out else []
        bias = named[bias_name].detach().reshape(size.n_out) if bias_name else None
        weight = next((w for w in layouts if _equal(out, x @ w + (0 if bias is None else bias))), layouts[0])
        right = x @ weight + (0 if bias is None else bias)
        if out.requires_grad and not _equal(out, right) and torch.autograd.grad(
                out.sum(), named[weight_name], retain_graph=True, allow_unused=True)[0] is None:
            raise Found("weight_unused")
        if bias is not None and _equal(out, x.relu() @ weight + bias):
            raise Found("relu_inside")
        self._compare_sum(attempt, out, x @ weight, bias, [p for name, p in named.items() if name != weight_name], size)

    def _compare_sum(self, attempt: Attempt, out: Tensor, product: Tensor, bias: Tensor | None,
                     small: Sequence[nn.Parameter], size: _Size) -> None:
        if bias is None and _equal(out, product) and not small:
            raise Found("bias_missing")
        if bias is None and small:
            raise Found("bias_shape", got=tuple(small[0].shape), n_out=size.n_out)
        if bias is None:
            zero = torch.zeros(size.n_out)
            self._compare(attempt, out, product + zero, _bent(product, zero), size)
            raise Found("bias_missing")
        self._compare(attempt, out, product + bias, [
            ("bias_unused", product), ("bias_subtracted", product - bias), ("bias_multiplied", product * bias),
            *_bent(product, bias)], size)

    def _compare(self, attempt: Attempt, out: Tensor, right: Tensor, known: Sequence[tuple[str, Tensor]], size: _Size) -> None:
        yours = to_tensor(out)
        if yours is None:
            raise Found("complex_result", call=f"{self.called}(x)")
        if equal(yours, right):
            return
        evidence = f"{size.words}, with random numbers put into your parameters\n{side_by_side(yours, right, 'output')}"
        shown: dict[str, Any] = {"evidence": evidence, "expected": right, "yours": yours}
        for code, numbers in known:
            if equal(yours, numbers):
                raise Found(code, **shown)
        above = right > 0
        if yours.shape == right.shape and equal(yours[above], right[above]) and not equal(yours[~above], right[~above]):
            raise Found("relu_inside", **shown)  # or a leaky one
        call = f"{self.called}(x)"
        if yours.shape != right.shape:
            code = "axis_of_one" if size in _SPECIAL else "shape"
            raise Found(code, call=call, got=tuple(yours.shape), wanted=tuple(right.shape), inputs=size.words, **shown)
        if mutant := self._mutant(attempt, size):
            raise Found(mutant[0], what=mutant[1], **shown)
        if size == _WIDE:
            raise Found("some_inputs", inputs="large numbers", **shown)
        raise Found("nan" if bool(yours.isnan().any()) else "unknown", call=call, place="", **shown)

    def _mutant(self, attempt: Attempt, size: _Size) -> tuple[str, str] | None:
        """A mutant that lives as the attempt does."""
        if size != _MAIN:
            return None

        def life() -> list[Any]:
            return _life_of(attempt.answer, size)

        try:
            yours = read_result(attempt.call(life, name="life"))
        except (Raised, Found):
            return None
        found = self.explanations.mutant([yours], [0])
        return (found.code, found.what) if found is not None else None

    def _check_gradients(self, attempt: Attempt, layer: Any, x: Tensor, named: dict[str, nn.Parameter]) -> None:
        """Train three steps, and compare each parameter with what the formulas of the gradient give."""
        n_in, n_out = _MAIN.n_in, _MAIN.n_out
        targets = torch.ones(len(x), n_out)
        for _ in range(3):
            out = self._result(self._forward(attempt, layer, x))
            if not out.requires_grad:
                raise Found("output_detached")
            for p in named.values():
                p.grad = None
            attempt.call(((out - targets) ** 2).sum().backward, name="backward", may_be_none=True)
            grad_out = 2 * (out.detach() - targets)
            lost = [name for name, p in named.items() if p.grad is None]
            if lost:
                raise Found("data_in_forward", names=" and ".join(selves(lost)))
            gather = torch.cat([x, torch.ones(len(x), 1)], 1).T @ grad_out  # (n_in + 1, n_out): weight, then bias
            by_size = {n_in * n_out: [gather[:-1]], n_out: [gather[-1]], gather.numel(): [gather, gather.roll(1, 0)]}
            for name, p in named.items():
                if not any(_equal(p.grad, side.reshape(p.shape)) for g in by_size.get(p.numel(), []) for side in (g, g.T)):
                    raise Found("not_trained", names=f"self.{name}")
            with torch.no_grad():
                for p in named.values():
                    if p.grad is not None:
                        p.sub_(_LR * p.grad)
        below = x.clone().requires_grad_()
        self._result(self._forward(attempt, layer, below, keep=True)).sum().backward()
        if below.grad is None:
            raise Found("data_in_forward", names="x, so none at the layers below this one")

    def _check_special(self, attempt: Attempt) -> None:
        """One output, one input, a batch of one, a square weight; and an input of three axes, right or an error."""
        for size in (*_SPECIAL, _WIDE):
            layer = self.make(attempt, {"n_in": size.n_in, "n_out": size.n_out})
            named = named_parameters(layer)
            _fill(list(named.values()), size.seed)
            self._check_output(attempt, layer, size, named)
        layer = self.make(attempt, {"n_in": _THREE_AXES.n_in, "n_out": _THREE_AXES.n_out})
        try:
            out = self._forward(attempt, layer, _THREE_AXES.x)
        except (Raised, Found):
            return
        wanted = (*_THREE_AXES.batch, _THREE_AXES.n_out)
        if isinstance(out, Tensor) and tuple(out.shape) != wanted:
            raise Found("axis_of_one", got=tuple(out.shape), wanted=wanted, inputs=_THREE_AXES.words)


def _equal(yours: Tensor | None, right: Tensor) -> bool:
    numbers = to_tensor(yours) if yours is not None else None
    return numbers is not None and equal(numbers, right)


def _check_precision(named: dict[str, nn.Parameter]) -> None:
    """Raise `Found` for parameters that would not meet the inputs of a lesson, which are float32."""
    others = [name for name, p in named.items() if p.dtype not in (torch.get_default_dtype(), torch.float32)]
    if others:
        raise Found("other_precision", names=listed(selves(others)), dtype=str(named[others[0]].dtype))


def _fill(parameters: Sequence[nn.Parameter], seed: int) -> None:
    """Give the parameters known random float64 numbers."""
    rng = torch.Generator().manual_seed(seed)
    for p in parameters:
        p.data = torch.randn(p.shape, generator=rng, dtype=torch.float64)


def _life_of(answer: Any, size: _Size) -> list[Any]:
    """How a layer begins, what it computes with known numbers, and what after a step of training."""
    layer = answer(size.n_in, size.n_out)
    named = named_parameters(layer)
    again = named_parameters(answer(size.n_in, size.n_out))
    alike = [p.numel() > 1 and p.ndim > 1 and bool((p == p.flatten()[0]).all()) for p in named.values()]
    shared = bool({id(p) for p in named.values()} & {id(p) for p in again.values()})
    order = sorted(named.values(), key=lambda p: (-p.numel(), -p.ndim))
    _fill(order, size.seed)
    outs = []
    for _ in range(2):
        out = layer(size.x)
        outs.append(out.detach())
        torch.autograd.backward((out**2).sum())
        with torch.no_grad():
            for p in order:
                if p.grad is not None:
                    p.sub_(_LR * p.grad)
                    p.grad = None
    trainable = all(p.requires_grad for p in named.values())
    return [*outs, torch.tensor([len(named), shared, trainable, *alike])]


def _weight_and_bias(named: dict[str, nn.Parameter], size: _Size) -> tuple[str | None, str | None]:
    weights = [name for name, p in named.items() if p.numel() == size.n_in * size.n_out]
    weights.sort(key=lambda name: named[name].ndim < 2)  # where n_in is 1, a bias has as many numbers
    biases = [name for name, p in named.items() if p.numel() == size.n_out and name not in weights[:1]]
    return (weights[0] if weights else None), (biases[0] if biases else None)


def _explain_shapes(layer: Any, found: Found) -> None:
    n_in, n_out = _MAIN.n_in, _MAIN.n_out
    facts: dict[str, Any] = {key: found.facts[key] for key in ("where", "error")}
    named = named_parameters(layer)
    for p in named.values():
        shape = tuple(p.shape)
        if p.ndim == 2 and shape in ((784, 10), (10, 784)):
            raise Found("hard_coded", got=shape, n_in=n_in, n_out=n_out) from None
        if p.ndim == 2 and shape in ((n_in, n_out), (n_out, n_in)):
            fits = [(), (n_out, 1)] if "mat1 and mat2" in str(facts["error"]) else [()]
            if bias := [q for q in named.values() if q is not p and tuple(q.shape) not in (*fits, (1,), (n_out,), (1, n_out))]:
                raise Found("bias_shape", got=tuple(bias[0].shape), n_out=n_out) from None
            raise Found("transposed", got=shape, **facts) from None
        if p.ndim >= 2:
            raise Found("weight_shape", got=shape, wanted=(n_in, n_out)) from None


def _bent(product: Tensor, bias: Tensor) -> list[tuple[str, Tensor]]:
    """What comes out where an activation was put into the layer."""
    out = product + bias
    return [("relu_inside", out.relu()), ("relu_inside", product.relu() + bias),
            ("softmax_inside", out.softmax(1)), ("softmax_inside", out.log_softmax(1)), ("softmax_inside", out.softmax(0)),
            ("sigmoid_inside", out.sigmoid()), ("sigmoid_inside", out.tanh())]


def _check_begin(named: dict[str, nn.Parameter], begin: Sequence[Tensor]) -> None:
    n_in, n_out = _MAIN.n_in, _MAIN.n_out
    for p, first in zip(named.values(), begin, strict=True):
        if p.numel() > n_out and first.numel() > 1 and bool((first == first.flatten()[0]).all()):
            raise Found("zeros", value=f"{first.flatten()[0].item():g}")
        if p.numel() > n_out and len(few := first.unique()) == 2:
            raise Found("zeros", value=" or ".join(f"{value:g}" for value in few.tolist()))
        layouts: dict[tuple[int, ...], Tensor] = {(n_in, n_out): first.T, (n_out, n_in): first}
        outputs = layouts.get(tuple(first.shape))
        if outputs is not None and torch.equal(outputs, outputs[:1].expand_as(outputs)):
            raise Found("zeros", value="the same numbers for every output")


def _notes(attempt: type, named: dict[str, nn.Parameter]) -> list[str]:
    n_in, n_out = _MAIN.n_in, _MAIN.n_out
    shapes = [tuple(p.shape) for p in named.values()]
    notes = []
    if (n_in, n_out) in shapes:
        notes.append("A note: you keep the weight as (n_in, n_out); PyTorch stores it as (out, in).")
    elif (n_out, n_in) in shapes:
        notes.append("A note: you keep the weight as (n_out, n_in), as PyTorch does; ours is (n_in, n_out).")
    if issubclass(attempt, nn.Module) and "forward" not in vars(attempt) and "__call__" in vars(attempt):
        notes.append("A note: nn.Module brings its own __call__, which calls forward; forward is the usual place.")
    return notes
