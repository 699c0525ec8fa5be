"""Optimizers: where the parameters stand after each of several steps, not where they end."""

import ast
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lessonlib.course.exercises.engine import inspection
from lessonlib.course.exercises.engine.answers import NoEnd, call_ours
from lessonlib.course.exercises.engine.attempt import Attempt, Raised
from lessonlib.course.exercises.engine.comparison import (
    Failure,
    Outcome,
    Result,
    equal,
    listed,
    read_result,
    side_by_side,
)
from lessonlib.course.exercises.engine.explanation import Outcomes, same
from lessonlib.course.exercises.engine.inputs import Inputs, draw
from lessonlib.course.exercises.engine.messages import called_wrongly
from lessonlib.course.exercises.engine.training_run import LR, example_batches, linear_model, train
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.kinds.kind import JUDGES_SEED, Kind

N_STEPS = 4
_SHAPES = ((3, 2), (2,))
_ALIKE = ((2, 2), (2, 2), (1,), (1,))  # two of the same shape, and axes of size 1
Call = Callable[..., Any]  # function, inputs, name: as `Attempt.call`


@dataclass(frozen=True)
class _Run:
    """Steps of one optimizer, or of two in turns, from first parameters that the seed draws."""

    settings: Inputs
    shapes: tuple[tuple[int, ...], ...] = _SHAPES
    optimizers: int = 1
    seed: int = JUDGES_SEED
    code: str = ""  # what it is called when only this run goes wrong

    def first(self, which: int) -> list[Tensor]:
        """The first parameters of one of the optimizers."""
        rng = torch.Generator().manual_seed(80 + 1000 * self.seed + which)
        return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in self.shapes]

    def loss(self, params: Sequence[Tensor], step: int) -> Tensor:
        """Another batch at each step; every number of every parameter has a gradient."""
        total = torch.zeros(())
        for p, (weight, target) in zip(params, _batch(self.seed, step, tuple(p.numel() for p in params)), strict=True):
            total = total + ((weight * p.flatten() - target) ** 2).mean()
        return total


@functools.cache
def _batch(seed: int, step: int, sizes: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """Weights and targets of the loss, for each parameter."""
    rng = torch.Generator().manual_seed(81 + 1000 * seed + step)

    def drawn(n: int) -> Tensor:
        return torch.randn(6, n, generator=rng, dtype=torch.float64)

    return [(drawn(n), drawn(n)) for n in sizes]


@dataclass(frozen=True)
class _Walked:
    """(steps, numbers) for each optimizer; and which gradients zero_grad left."""

    rows: list[Tensor]
    gradients_left: list[bool]
    frozen: bool = False


def _row(params: Sequence[Tensor]) -> Tensor:
    return torch.cat([p.detach().flatten() for p in params])


def _walk(answer: Any, run: _Run, call: Call, look: Callable[[Any, Sequence[Tensor]], None] = lambda opt, params: None,
          failed: Callable[[Raised, Sequence[Tensor]], None] = lambda raised, params: None) -> _Walked:
    """Let an optimizer take its steps; `look` sees it before the first, `failed` sees an error in one of them."""
    walkers: list[tuple[list[nn.Parameter], Any, list[Tensor]]] = []
    for which in range(run.optimizers):
        params = [nn.Parameter(p) for p in run.first(which)]
        handed: Iterator[Tensor] = iter(params)  # as from model.parameters(): it can be gone through once
        opt = call(answer, {"params": handed, **run.settings}, "", tuple(run.settings)[1:])
        look(opt, params)
        walkers.append((params, opt, []))
    left: list[bool] = []
    frozen = False
    for step in range(N_STEPS):
        for params, opt, rows in walkers:
            run.loss(params, step).backward()
            try:
                call(opt.step, {}, "step")
            except Raised as raised:
                failed(raised, params)
                raise
            frozen |= not all(p.requires_grad for p in params)
            for p in params:
                p.requires_grad_()
            rows.append(_row(params))
            call(opt.zero_grad, {}, "zero_grad")
            left = [p.grad is not None and bool((p.grad != 0).any()) for p in params]
    return _Walked([torch.stack(rows) for _, _, rows in walkers], left, frozen)


def _our_call(function: Callable, inputs: Mapping[str, Any], _name: str = "", given: Sequence[str] = ()) -> Any:
    positional = [value for key, value in inputs.items() if key not in given]
    return call_ours(function, *positional, **{key: inputs[key] for key in given})


class Optimizer(Kind):
    """A class with `step` and `zero_grad`, made from parameters and settings such as `lr`."""

    @cached_property
    def settings(self) -> list[Inputs]:
        """Of each run; the file lists them with `choice`."""
        n = max((text.count(",") + 1 for text in self.task.inputs.values() if text.startswith("choice(")), default=1)
        return [draw(self.task.inputs, {}, JUDGES_SEED, turn=turn) for turn in range(n)]

    @cached_property
    def _needed(self) -> Inputs:
        """The first settings without those that have a default in the skeleton."""
        method = next(node for node in ast.walk(ast.parse(self.task.stub))
                      if isinstance(node, ast.FunctionDef) and node.name == "__init__")
        defaults = method.args.defaults
        optional = {argument.arg for argument in method.args.args[len(method.args.args) - len(defaults):]} if defaults else set()
        return {name: value for name, value in self.settings[0].items() if name not in optional}

    def _special(self, seed: int) -> list[_Run]:
        runs = [_Run(self.settings[0], _ALIKE, seed=seed, code="state_mixed"),
                _Run(self.settings[0], optimizers=2, seed=seed, code="class_state")]
        return [*runs, *([_Run(self._needed, seed=seed, code="default_differs")] if self._needed != self.settings[0] else [])]

    @cached_property
    def runs(self) -> list[_Run]:
        """One for each setting, then the special ones."""
        return [*(_Run(chosen) for chosen in self.settings), *self._special(JUDGES_SEED)]

    @staticmethod
    def _outcome(answer: Any, run: _Run) -> Outcome:
        try:
            walked = _walk(answer, run, _our_call)
        except (NoEnd, Exception, SystemExit) as error:
            return Failure(type(error).__name__)
        return read_result([*walked.rows, torch.tensor([*walked.gradients_left, walked.frozen])])

    def observe(self, answer: Any) -> Outcomes:
        return [self._outcome(answer, run) for run in self.runs]

    def observe_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        scale = 1 + 0.1 * seed
        settings = [{name: value * scale if isinstance(value, float) else value for name, value in each.items()}
                    for each in self.settings]
        runs = [*(_Run(chosen, seed=seed) for chosen in settings), *self._special(seed)]
        return [self._outcome(answer, run) for run in runs]

    def training_run(self, answer: Any) -> Tensor | None:
        model = linear_model()
        given = {**self.settings[0], **({"lr": LR} if "lr" in self.settings[0] else {})}
        return train(model, answer(model.parameters(), **given), example_batches())

    # --- an attempt

    def examine(self, attempt: Attempt) -> Sequence[str]:
        attempt.need_class()
        ordinary = list(range(len(self.settings)))
        walks = [self._walk_attempt(attempt, self.runs[i]) for i in ordinary]
        outcomes = [_as_result(walked) for walked in walks]
        if not self.explanations.is_right(outcomes, ordinary):
            raise self._explain(attempt, walks, outcomes)
        for i in range(len(ordinary), len(self.runs)):
            run = self.runs[i]
            try:
                walked = self._walk_attempt(attempt, run)
            except Raised as raised:
                if run.code == "default_differs" and called_wrongly(raised.error):
                    continue  # without a default of its own nothing can differ
                raise
            if not self.explanations.is_right([*outcomes, _as_result(walked)], [*ordinary, i]):
                raise self._explain_special(run, walked, i, [*outcomes, _as_result(walked)], [*ordinary, i])
        return []

    def _walk_attempt(self, attempt: Attempt, run: _Run) -> _Walked:
        def call(function: Callable, inputs: Mapping[str, Any], name: str = "", given: Sequence[str] = ()) -> Any:
            made = function is attempt.answer
            return attempt.call(function, inputs, name=name, keep=("params",), given=given, may_be_none=not made)

        def look(opt: Any, _params: Sequence[Tensor]) -> None:
            self._check_methods(attempt, opt)
            if run.optimizers == 1 and (shared := _class_state(attempt.answer)):
                raise Found("class_state", names=listed([f"`{name}`" for name in shared]))

        def failed(raised: Raised, params: Sequence[Tensor]) -> None:
            self._explain_error(attempt, raised, params, run)

        walked = _walk(attempt.answer, run, call, look, failed)
        if walked.frozen:
            raise Found("frozen")
        return walked

    @staticmethod
    def _check_methods(attempt: Attempt, opt: Any) -> None:
        for method in ("step", "zero_grad"):
            if not callable(getattr(opt, method, None)):
                found = inspection.misspelt(attempt.answer, method)
                raise Found("method_missing", method=method, found=f" There is `{found}`." if found else "")

    def _explain_error(self, attempt: Attempt, raised: Raised, params: Sequence[Tensor], run: _Run) -> None:
        """Raise `Found` where an error in `step` has a cause that we know."""
        code = attempt.translate(raised).code
        if code == "none_used" and equal(_row(params), _row(run.first(0))):
            raise Found("lost", evidence="step() found no gradient, because it asks tensors that are not the "
                                         "parameters handed in") from None
        if code == "shapes" and "velocity_shared" in self.task.mistakes and self._shares_state(attempt):
            raise Found("velocity_shared") from None

    def _shares_state(self, attempt: Attempt) -> bool:
        """Whether the gradient of one parameter moves another of the same shape."""
        first, second = (nn.Parameter(torch.zeros(3, 2)) for _ in range(2))
        opt = attempt.call(attempt.answer, {"params": iter([first, second]), **self.settings[0]}, keep=("params",),
                           given=tuple(self.settings[0])[1:])
        first.grad, second.grad = torch.ones(3, 2), torch.zeros(3, 2)
        attempt.call(opt.step, name="step", may_be_none=True)
        return bool(second.detach().any())

    def _explain(self, attempt: Attempt, walks: Sequence[_Walked], outcomes: Outcomes) -> Found:
        ordinary, known = list(range(len(walks))), self.explanations
        wrong = next(i for i in ordinary if not known.is_right([outcomes[i]], [i]))
        walked = walks[wrong]
        expected = _rows(known.right[0][wrong])
        left = _left(walked)
        if equal(walked.rows[0], expected):
            return Found(left)
        evidence = self._evidence(wrong, walked.rows[0], expected)
        drawn: dict[str, Any] = {"evidence": evidence, "expected": expected, "yours": walked.rows[0]}
        rows_only = [_without_flags(each) for each in outcomes]
        example = next((each for each in known.examples
                        if same(rows_only, [_without_flags(outcome) for outcome in each.among(ordinary)])), None)
        if example is not None:
            return Found(left if left and example.code == "sum_of_gradients" else example.code, **drawn)
        if left:
            return Found(left, **drawn)
        if as_if := self._as_if(walks):
            return _other_settings(self.settings, as_if, evidence)
        if mutant := known.mutant(outcomes, ordinary):
            return Found(mutant.code, what=mutant.what, **drawn)
        first = (walked.rows[0][0] - _row(self.runs[wrong].first(0))).abs()
        if bool(first.min() > 0) and bool(torch.allclose(first, first[:1], rtol=1e-3)):  # as Adam's first step does
            return Found("size_ignored", amount=f"{first[0]:.3g}", **drawn)
        if stepped := self._what_was_subtracted(walks):
            return Found(stepped[0], **stepped[1], **drawn)
        code = "nan" if bool(walked.rows[0].isnan().any()) else "unknown"
        return Found(code, call="step()", place="", **drawn)

    def _explain_special(self, run: _Run, walked: _Walked, i: int, outcomes: Outcomes, among: Sequence[int]) -> Found:
        expected = _rows(self.explanations.right[0][i])
        drawn: dict[str, Any] = {"evidence": side_by_side(walked.rows[0], expected, "parameters"), "expected": expected,
                                 "yours": walked.rows[0]}
        example = next((each for each in self.explanations.examples if same(outcomes, each.among(among))), None)
        if example is not None:
            return Found(example.code, **drawn)
        if run.code == "default_differs":
            omitted = [name for name in self.settings[0] if name not in run.settings]
            return Found(run.code, names=listed([f"`{name}`" for name in omitted]), **drawn)
        return Found(run.code, names="something that lives in the class is", **drawn)

    def _evidence(self, i: int, yours: Tensor, expected: Tensor) -> str:
        settings = ", ".join(f"{name}={value:g}" for name, value in self.settings[i].items() if isinstance(value, (int, float)))
        return f"{settings}; a row for each step: weights (6), then biases (2)\n{side_by_side(yours, expected, 'parameters')}"

    def _as_if(self, walks: Sequence[_Walked]) -> list[dict[str, float]] | None:
        """The settings with which a right optimizer would walk as this one does, for each of ours; or None."""
        if not set(self.settings[0]) <= {"lr", "momentum"}:
            return None
        found = []
        for run, walked in zip(self.runs, walks, strict=False):
            rows = walked.rows[0]
            places = [_row(run.first(0)), *rows[:-1]]
            grads = [self._gradient(run, place, step) for step, place in enumerate(places)]
            moves = [after - before for before, after in zip(places, rows, strict=True)]
            lr = -(moves[0] @ grads[0] / (grads[0] @ grads[0])).item()
            guess = {"lr": lr}
            if "momentum" in self.settings[0] and lr:
                guess["momentum"] = ((-moves[1] / lr - grads[1]) @ grads[0] / (grads[0] @ grads[0])).item()
            if not lr or not bool(rows.isfinite().all()):
                return None
            outcome = self._outcome(self.solution, _Run(guess))
            if not isinstance(outcome, Result) or not equal(rows, _rows(outcome)):
                return None
            found.append(guess)
        return found

    def _what_was_subtracted(self, walks: Sequence[_Walked]) -> tuple[str, dict[str, Any]] | None:
        """What took the place of the gradient, where every step of every run agrees on it."""
        pairs: list[tuple[Tensor, Tensor, Tensor]] = []  # for each step: place, gradient, and what was used for it
        lengths: list[list[float]] = []  # of the steps of each run, as multiples of the right ones
        for run, walked in zip(self.runs, walks, strict=False):
            rows, lr, momentum = walked.rows[0], run.settings.get("lr"), run.settings.get("momentum", 0.0)
            if not lr or not bool(rows.isfinite().all()):
                return None
            places = [_row(run.first(0)), *rows[:-1]]
            velocity = [(before - after) / lr for before, after in zip(places, rows, strict=True)]
            earlier = [torch.zeros_like(rows[0]), *velocity[:-1]]
            used = [now - momentum * before for before, now in zip(earlier, velocity, strict=True)]
            steps = [(place, self._gradient(run, place, k), used[k]) for k, place in enumerate(places)]
            pairs += steps
            lengths.append([(each @ grad / (grad @ grad)).item() for _, grad, each in steps])
        momentum = None if "momentum" in self.settings[0] else _remembering(pairs)
        return _clipped(pairs) or momentum or _changing(pairs, lengths) or _decayed(pairs) or _replaced(pairs)

    @staticmethod
    def _gradient(run: _Run, place: Tensor, step: int) -> Tensor:
        leaves, begin = [], 0
        for p in run.first(0):
            leaves.append(place[begin:begin + p.numel()].view(p.shape).clone().requires_grad_())
            begin += p.numel()
        return _row(torch.autograd.grad(run.loss(leaves, step), leaves))


_Steps = Sequence[tuple[Tensor, Tensor, Tensor]]
_PARTS = (slice(0, 6), slice(6, 8))  # the numbers of the weight, and of the bias, in a row


def _clipped(steps: _Steps) -> tuple[str, dict[str, Any]] | None:
    """Gradients cut number by number, or in their length."""
    limit = max(used.abs().max().item() for _, _, used in steps)
    if all(equal(used, grad.clamp(-limit, limit)) for _, grad, used in steps):
        return "clipped", {"what": "no number of it", "limit": f"{limit:.3g}"}
    longest = max(used.norm().item() for _, _, used in steps)
    if all(equal(used, grad * min(1.0, longest / grad.norm().item())) for _, grad, used in steps):
        return "clipped", {"what": "no gradient", "limit": f"the length {longest:.3g}"}
    return None


def _changing(steps: _Steps, lengths: Sequence[Sequence[float]]) -> tuple[str, dict[str, Any]] | None:
    """The right direction, and each step longer or shorter than it should be."""
    factors = [factor for run in lengths for factor in run]
    along = all(equal(used, factor * grad) for (_, grad, used), factor in zip(steps, factors, strict=True))
    return ("lr_changes", {"factors": ", ".join(f"{factor:.3g}" for factor in lengths[0])}) if along else None


def _remembering(steps: _Steps) -> tuple[str, dict[str, Any]] | None:
    """A share of the step before on top of the gradient; the first step of each run is a plain one."""
    runs = [steps[i:i + N_STEPS] for i in range(0, len(steps), N_STEPS)]
    before, (_, grad, used) = runs[0][0][2], runs[0][1]
    share = ((used - grad) @ before / (before @ before)).item()
    fits = all(equal(run[0][2], run[0][1]) and all(equal(now[2], now[1] + share * last[2]) for last, now in pairwise(run))
               for run in runs)
    return ("remembers", {"share": f"{share:.3g}"}) if fits and share else None


def _decayed(steps: _Steps) -> tuple[str, dict[str, Any]] | None:
    """A share of the weights on top of the gradient."""
    place, grad, used = steps[0]
    share = ((used - grad) @ place / (place @ place)).item()
    fits = all(equal(used, grad + share * place) for place, grad, used in steps)
    return ("decays", {"share": f"{share:.3g}"}) if fits else None


def _replaced(steps: _Steps) -> tuple[str, dict[str, Any]] | None:
    """Something made of the gradient."""
    def by_parameter(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda grad: torch.cat([change(grad[part]) for part in _PARTS])

    made: dict[str, Callable[[Tensor], Tensor]] = {
        "the squares of the gradient": torch.square,
        "the absolute values of the gradient": torch.abs,
        "the mean of each parameter's gradient": by_parameter(lambda g: g.mean().expand_as(g)),
        "the sum of each parameter's gradient": by_parameter(lambda g: g.sum().expand_as(g)),
        "the gradient of each parameter divided by its length": by_parameter(lambda g: g / g.norm()),
        "the gradient divided by its length": lambda grad: grad / grad.norm(),
    }
    what = next((words for words, change in made.items() if all(equal(used, change(grad)) for _, grad, used in steps)), "")
    return ("gradient_replaced", {"what": what}) if what else None


def _as_result(walked: _Walked) -> Result:
    return read_result([*walked.rows, torch.tensor([*walked.gradients_left, walked.frozen])])


def _rows(outcome: Outcome) -> Tensor:
    assert isinstance(outcome, Result), "the solution walks"
    return outcome.tensors[0]


def _without_flags(outcome: Outcome) -> Outcome:
    return Result(outcome.parts[:1], "*") if isinstance(outcome, Result) else outcome


def _left(walked: _Walked) -> str:
    if not any(walked.gradients_left):
        return ""
    return "zero_grad_nothing" if all(walked.gradients_left) else "zero_grad_partly"


def _class_state(cls: type) -> list[str]:
    """Lists and dictionaries of the class itself that hold tensors by now."""
    def holds(value: Any) -> bool:
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
        return any(isinstance(each, Tensor) for each in inside)

    return [name for name, value in vars(cls).items() if holds(value)]


def _other_settings(asked: Sequence[Inputs], walked: Sequence[Mapping[str, float]], evidence: str) -> Found:
    """It walks as a right optimizer would, with another lr or momentum than was asked for."""
    def fits(name: str) -> bool:
        return all(_near(a[name], w[name]) for a, w in zip(asked, walked, strict=True))

    wrong = [name for name in asked[0] if not fits(name)]
    if len(wrong) == 1 and all(_near(w[wrong[0]], walked[0][wrong[0]]) for w in walked):
        return Found(f"{wrong[0]}_fixed", evidence=evidence)
    pairs = zip(walked, asked, strict=True)
    pair = next(((w, a) for w, a in pairs if not all(_near(w[name], a[name]) for name in a)), (walked[0], asked[0]))
    words = [" and ".join(f"{name}={value:.4g}" for name, value in side.items()) for side in pair]
    return Found("as_if", evidence=evidence, walked=words[0], asked=words[1])


def _near(a: float, b: float) -> bool:
    return abs(a - b) < 1e-6
