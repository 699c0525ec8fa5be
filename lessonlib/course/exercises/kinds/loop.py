"""Loops over batches that train a model, or measure one: what happened in which order, and what came out."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessonlib.course.exercises.engine import inspection
from lessonlib.course.exercises.engine.answers import NoEnd, call_ours
from lessonlib.course.exercises.engine.attempt import Attempt, Raised
from lessonlib.course.exercises.engine.comparison import (
    Failure,
    Outcome,
    Part,
    Result,
    equal,
    read_result,
    shape_of,
    side_by_side,
    to_tensor,
)
from lessonlib.course.exercises.engine.explanation import Outcomes
from lessonlib.course.exercises.engine.inputs import Inputs, Role, draw
from lessonlib.course.exercises.engine.messages import in_words
from lessonlib.course.exercises.engine.training_run import LR, example_batches, linear_model
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.kinds.kind import JUDGES_SEED, Kind

_EVEN, _UNEVEN = (5, 5, 5, 5, 5), (5, 5, 3, 5, 2)  # lengths of the batches; uneven, so that skipping a small one shows


class _Model(nn.Module):
    """A model that writes down what it was called with: linear, or with a hidden layer."""

    def __init__(self, sizes: tuple[int, int], notes: "_Notes", seed: int, hidden: int = 0):
        super().__init__()
        rng = torch.Generator().manual_seed(70 + seed)
        self.n_in, self.n_out = sizes
        widths = [self.n_in, hidden, self.n_out] if hidden else [self.n_in, self.n_out]
        self.weights = nn.ParameterList()
        for n_in, n_out in itertools.pairwise(widths):
            self.weights.append(nn.Parameter(torch.randn(n_in, n_out, generator=rng, dtype=torch.float64)))
            self.weights.append(nn.Parameter(torch.randn(n_out, generator=rng, dtype=torch.float64)))
        self.notes = notes
        self.weights[-2].register_hook(self._gradient_arrives)

    def _gradient_arrives(self, grad: Tensor) -> None:
        self.notes.flags.add("gradient")
        self.notes.arrived = grad.detach().clone()
        before = self.weights[-2].grad
        if before is not None and bool(before.any()):
            self.notes.flags.add("stale")

    def forward(self, x: Tensor) -> Tensor:
        self.notes.events.append("forward")
        fits = isinstance(x, Tensor) and x.ndim == 2 and x.shape[1] == self.n_in
        if torch.is_grad_enabled() or not fits:
            self.notes.inputs.append(x)
        if not self.training:
            self.notes.flags.add("eval_mode")
        x = x.to(self.weights[0].dtype) if fits else torch.zeros(_EVEN[0], self.n_in)
        for i in range(0, len(self.weights), 2):
            x = x @ self.weights[i] + self.weights[i + 1]
            x = x.relu() if i + 2 < len(self.weights) else x
        return x

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.notes.events.append("zero")
        super().zero_grad(set_to_none)


class _Opt:
    """Plain SGD that writes down when it was called."""

    def __init__(self, params: Sequence[Tensor], notes: "_Notes", lr: float):
        self.params, self.notes = list(params), notes
        self.param_groups: list[dict[str, Any]] = [{"params": self.params, "lr": lr}]

    @property
    def lr(self) -> float:
        """The learning rate, wherever it was changed."""
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        self.param_groups[0]["lr"] = value

    @torch.no_grad()
    def step(self) -> None:
        self.notes.events.append("step")
        arrived, last = self.notes.arrived, self.params[-2].grad if len(self.params) > 1 else None
        if arrived is not None and last is not None and not equal(last, arrived):
            self.notes.flags.add("gradients_changed")
        if any(p.grad is not None and bool(p.grad.any()) for p in self.params):
            self.notes.flags.add("moved")
        for p in self.params:
            if p.grad is not None:
                p -= self.lr * p.grad

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.notes.events.append("zero")
        for p in self.params:
            p.grad = None


@dataclass
class _Notes:
    """What happened in an epoch, in order."""

    events: list[str] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    losses: list[Tensor] = field(default_factory=list)  # those that the loss function gave
    factors: list[float] = field(default_factory=list)  # of the loss in what backward was called on
    arrived: Tensor | None = None  # the gradient of the last weight that backward brought last

    def gradient_at_loss(self, grad: Tensor) -> None:
        """A gradient has come back to a loss."""
        self.events.append("backward")
        self.factors.append(grad.item())


@dataclass(frozen=True)
class _Setting:
    """One run: which model and which loss, how long the steps, and whether the batches can be gone through but once."""

    seed: int = JUDGES_SEED
    hidden: int = 0
    squared: float = 0.0  # how much the squares of the output count in the loss: so it is no loss that one could guess
    scale: float = 1.0  # of the inputs: large ones give gradients that clipping would change
    lr: float = 0.5
    once: bool = False
    lengths: tuple[int, ...] = _UNEVEN

    def batches(self, sizes: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
        """Pairs of float64 inputs and int64 targets."""
        rng = torch.Generator().manual_seed(71 + 1000 * self.seed)
        return [(self.scale * torch.randn(n, sizes[0], generator=rng, dtype=torch.float64),
                 torch.randint(0, sizes[1], (n,), generator=rng)) for n in self.lengths]


@dataclass
class _Run:
    """The inputs of one run, with their notes."""

    setting: _Setting
    inputs: dict[str, Any]
    notes: _Notes
    model: _Model | None
    batches: list[tuple[Tensor, Tensor]]
    sizes: tuple[int, ...] = ()

    @property
    def weights(self) -> Tensor:
        """All parameters in one row."""
        params = self.model.parameters() if self.model is not None else ()
        return torch.cat([torch.zeros(0, dtype=torch.float64), *(p.detach().flatten() for p in params)])


def _loss_func(notes: _Notes, squared: float) -> Callable[[Tensor, Tensor], Tensor]:
    def loss_func(output: Tensor, targets: Tensor) -> Tensor:
        both = isinstance(output, Tensor) and isinstance(targets, Tensor)
        if both and output.dtype == torch.int64 and targets.is_floating_point():
            notes.flags.add("arguments_swapped")
            output, targets = targets, output
        notes.events.append("loss")
        loss = functional.cross_entropy(output, targets) + squared * (output**2).mean()
        if loss.requires_grad:
            loss.register_hook(notes.gradient_at_loss)
        notes.losses.append(loss)
        return loss
    return loss_func


class Loop(Kind):
    """A function that goes over batches, with a model, a loss function and perhaps an optimizer."""

    settings = (_Setting(lengths=_EVEN), _Setting(hidden=4, squared=0.3, scale=3.0, lr=0.2), _Setting(once=True))

    def _start(self, setting: _Setting) -> _Run:
        drawn: Inputs = draw(self.task.inputs, {}, setting.seed)
        notes = _Notes()
        run = _Run(setting, {}, notes, None, [])
        for name, value in drawn.items():
            run.inputs[name] = self._input(run, value) if isinstance(value, Role) else value
        for name, value in drawn.items():
            if isinstance(value, Role) and value.name == "optimizer":
                run.inputs[name] = _Opt(list(run.model.parameters()) if run.model is not None else [], notes, setting.lr)
        return run

    @staticmethod
    def _input(run: _Run, role: Role) -> Any:
        setting = run.setting
        if role.name == "model":
            run.model = _Model((role.sizes[0], role.sizes[1]), run.notes, setting.seed, setting.hidden)
            return run.model
        if role.name == "batches":
            run.batches, run.sizes = setting.batches(role.sizes), role.sizes
            return iter(run.batches) if setting.once else list(run.batches)
        return _loss_func(run.notes, setting.squared) if role.name == "loss" else None

    @cached_property
    def trains(self) -> bool:
        """Whether an optimizer is handed in."""
        return any(text.startswith("optimizer(") for text in self.task.inputs.values())

    def _outcome(self, answer: Any, setting: _Setting) -> Outcome:
        run = self._start(setting)
        try:
            value = call_ours(answer, *run.inputs.values())
        except (NoEnd, Exception, SystemExit) as error:
            return Failure(type(error).__name__)
        return self._result(run, value)

    @staticmethod
    def _result(run: _Run, value: Any) -> Result:
        listed = list(value) if isinstance(value, Tensor) and value.ndim == 1 else value
        graph = any(isinstance(each, Tensor) and each.requires_grad for each in listed) if isinstance(listed, list) else False
        training = run.model is None or run.model.training
        return read_result([listed, run.weights, torch.tensor([graph, "eval_mode" in run.notes.flags, training])])

    def observe(self, answer: Any) -> Outcomes:
        return [self._outcome(answer, setting) for setting in self.settings]

    def observe_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        settings = (_Setting(seed, squared=0.1, lr=0.3), _Setting(seed + 50, hidden=3, scale=4.0, lr=0.1, once=True))
        return [self._outcome(answer, setting) for setting in settings]

    @cached_property
    def right(self) -> list[_Run]:
        """The runs of the solution."""
        runs = [self._start(setting) for setting in self.settings]
        for run in runs:
            run.inputs["its value"] = self.solution(*run.inputs.values())
        return runs

    @property
    def call(self) -> str:
        return f"{self.task.name}({', '.join(self.task.inputs)})"

    def training_run(self, answer: Any) -> Tensor | None:
        roles = [draw({name: text}, {}, JUDGES_SEED)[name] for name, text in self.task.inputs.items()]
        if not self.trains or not all(isinstance(role, Role) for role in roles):
            return None
        model, losses = linear_model(), []

        def loss_func(output: Tensor, targets: Tensor) -> Tensor:
            loss = functional.cross_entropy(output, targets)
            losses.append(loss.item())
            return loss

        given = {"model": model, "batches": example_batches(), "loss": loss_func,
                 "optimizer": torch.optim.SGD(model.parameters(), lr=LR)}
        if any(role.name == "batches" for role in roles):
            answer(*(given[role.name] for role in roles))
        return torch.tensor(losses, dtype=torch.float64) if len(losses) > 1 else None

    # --- an attempt

    def examine(self, attempt: Attempt) -> Sequence[str]:
        attempt.need_function()
        if not self.trains:
            return self._examine_measure(attempt)
        value, run = self._run(attempt, self.settings[0])
        if hasattr(value, "__next__"):
            raise Found("generator", call=self.call, what=shape_of(value))
        right = self.right[0]
        if not equal(run.weights, right.weights):
            raise self._what_went_wrong(run, value)
        self._check_value(value, run)
        if "eval_mode" in run.notes.flags:
            raise Found("eval_mode")
        self._try_another_model(attempt)
        self._try_generator(attempt)
        return []

    def _run(self, attempt: Attempt, setting: _Setting) -> tuple[Any, _Run]:
        run = self._start(setting)
        try:
            value = attempt.call(attempt.answer, run.inputs, keep=tuple(run.inputs), may_be_none=True)
        except Raised:
            _check_inputs(run)  # which may be why
            if self._loss_unused(attempt, run):
                raise Found("no_loss", evidence=_evidence(run.notes.events)) from None
            raise
        _check_inputs(run)
        opt = next((value for value in run.inputs.values() if isinstance(value, _Opt)), None)
        if opt is not None and opt.lr != setting.lr:
            raise Found("lr_changed", asked=f"{setting.lr:g}", left=f"{opt.lr:g}")
        return value, run

    def _loss_unused(self, attempt: Attempt, run: _Run) -> bool:
        """Whether the model was called, and the loss function appears nowhere in the code."""
        names = list(self.task.inputs)
        unused = inspection.unused_arguments(attempt.answer, names)
        places = [i for i, text in enumerate(self.task.inputs.values()) if text.startswith("loss(")]
        given = inspection.arguments(attempt.answer)
        return "forward" in run.notes.events and any(given[i] in unused for i in places if i < len(given))

    def _examine_measure(self, attempt: Attempt) -> Sequence[str]:
        """A loop that trains nothing: what comes out, and that nothing was changed."""
        outcomes: list[Outcome] = []
        for i, setting in enumerate(self.settings):
            try:
                value, run = self._run(attempt, setting)
            except Raised as raised:
                if setting.once:
                    raise Found("needs_list", error=in_words(raised.error)) from None
                raise
            if value is None:
                raise Found("no_return", call=self.call)
            if hasattr(value, "__next__"):
                raise Found("generator", call=self.call, what=shape_of(value))
            outcomes.append(self._result(run, value))
            if not self.explanations.is_right(outcomes, range(i + 1)):
                raise self._explain_value(run, i, outcomes)
        return []

    def _explain_value(self, run: _Run, i: int, outcomes: list[Outcome]) -> Found:
        among, known = list(range(i + 1)), self.explanations
        yours, expected = outcomes[i], known.right[0][i]
        if not equal(run.weights, self.right[i].weights):
            return Found("trained", evidence=_evidence(run.notes.events))
        if example := known.example(outcomes, among):
            return Found(example.code, **_difference(yours, expected))
        if mutant := known.mutant(outcomes, among):
            return Found(mutant.code, what=mutant.what, **_difference(yours, expected))
        return Found("unknown", **_difference(yours, expected))

    def _try_another_model(self, attempt: Attempt) -> None:
        """Another model, loss, rate, and inputs so large that clipped gradients would show."""
        value, run = self._run(attempt, self.settings[1])
        right = self.right[1]
        if run.notes.events.count("loss") == 0:
            raise Found("no_loss", evidence=_evidence(run.notes.events))
        if run.notes.events.count("step") == 0 and self._moved(run, 1):
            raise Found("own_optimizer", evidence=_evidence(run.notes.events))
        if (got := run.notes.events.count("forward")) < (n := right.notes.events.count("forward")):
            raise _some_only(run, got, n, _evidence(run.notes.events))
        if not equal(run.weights, right.weights):
            found = self._slip(attempt, run, value, 1)
            clipped = "gradients_changed" in run.notes.flags and "stale" not in run.notes.flags
            also = "The gradients were changed between backward() and opt.step(), as clipping does." if clipped else ""
            evidence = side_by_side(run.weights, right.weights, "weights after the epoch")
            raise found or Found("only_this_model", also=also, evidence=evidence)
        self._check_value(value, run, 1)

    def _slip(self, attempt: Attempt, run: _Run, value: Any, i: int) -> Found | None:
        yours = self._result(run, value)
        mutant = self.explanations.mutant([yours], [i])
        return Found(mutant.code, what=mutant.what, evidence=_evidence(run.notes.events)) if mutant is not None else None

    def _try_generator(self, attempt: Attempt) -> None:
        try:
            value, _ = self._run(attempt, self.settings[2])
        except Raised as raised:
            raise Found("needs_list", error=in_words(raised.error)) from None
        right = self.right[2].inputs["its value"]
        if isinstance(right, list) and (value is None or len(value) != len(right)):
            raise Found("needs_list", error="the batches were gone after the first time")

    def _what_went_wrong(self, run: _Run, value: Any) -> Found:
        """Read the order of events."""
        right = self.right[0]
        events, n = run.notes.events, right.notes.events.count("step")
        evidence = _evidence(events)
        counts = {name: events.count(name) for name in ("forward", "loss", "backward", "step", "zero")}
        counts["backward"] += any(loss.is_leaf and loss.grad is not None for loss in run.notes.losses)  # without a record
        if counts["step"] == 0 and self._moved(run, 0):
            return Found("own_optimizer", evidence=evidence)
        for name, code in (("forward", "no_forward"), ("loss", "no_loss"), ("backward", "no_backward"), ("step", "no_step")):
            if counts[name] == 0:
                return Found(code, evidence=evidence)
        found = _order_of_events(run, counts, n, evidence)
        if found is not None:
            return found
        factors = {round(factor, 9) for factor in run.notes.factors}
        if len(factors) == 1 and not factors & {1.0, -1.0} and equal(run.weights, self._weights_at(run.notes.factors[0])):
            return Found("loss_scaled", factor=f"{run.notes.factors[0]:g}", evidence=evidence)
        drawn: dict[str, Any] = {"expected": right.weights, "yours": run.weights, "evidence":
                                 f"{evidence}\n{side_by_side(run.weights, right.weights, 'weights after the epoch')}"}
        if equal(run.weights, self._weights_at(-1.0)):
            return Found("uphill", **drawn)
        if example := self.explanations.example([self._result(run, value)], [0]):
            return Found(example.code, **drawn)
        if mutant := self.explanations.mutant([self._result(run, value)], [0]):
            return Found(mutant.code, what=mutant.what, **drawn)
        if "gradients_changed" in run.notes.flags and "stale" not in run.notes.flags:
            return Found("gradients_changed", **drawn)
        return Found("unknown", **drawn)

    def _moved(self, run: _Run, i: int) -> bool:
        return not equal(run.weights, self._start(self.settings[i]).weights)

    def _weights_at(self, factor: float) -> Tensor:
        """Where the solution ends when each step is `factor` times as long."""
        run = self._start(_Setting(lr=self.settings[0].lr * factor, lengths=_EVEN))
        self.solution(*run.inputs.values())
        return run.weights

    def _check_value(self, value: Any, run: _Run, i: int = 0) -> None:
        right = self.right[i].inputs["its value"]
        if value is None and right is not None:
            raise Found("no_return", call=self.call)
        if not isinstance(right, list) or len(right) != len(run.batches):
            outcome, expected = self._result(run, value), self.explanations.right[0][i]
            if not outcome.same(expected):
                raise self._explain_value(run, i, [*self.explanations.right[0][:i], outcome])
            return
        _check_losses(value, torch.tensor(right, dtype=torch.float64), run.notes, self.call)


def _evidence(events: Sequence[str]) -> str:
    return f"what happened: {' '.join(events[:14])}{' …' if len(events) > 14 else ''}"


def _difference(yours: Outcome, expected: Outcome) -> dict[str, Any]:
    """The first part in which two results differ, ready to be shown."""
    if isinstance(yours, Result) and isinstance(expected, Result):
        pairs: Iterator[tuple[Part, Part]] = zip(yours.parts, expected.parts, strict=False)
        for mine, theirs in pairs:
            if mine.numbers is not None and theirs.numbers is not None and not equal(mine.numbers, theirs.numbers):
                return {"evidence": side_by_side(mine.numbers, theirs.numbers), "expected": theirs.numbers, "yours": mine.numbers}
    return {}


def _some_only(run: _Run, got: int, n: int, evidence: str) -> Found:
    """Batches were left out: the last ones, or some in between."""
    used = [any(isinstance(x, Tensor) and x.shape == xb.shape and torch.equal(x.to(xb), xb) for x in run.notes.inputs)
            for xb, _ in run.batches]
    lengths = sorted({len(xb) for (xb, _), taken in zip(run.batches, used, strict=True) if not taken})
    if any(used[i] and not used[i - 1] for i in range(1, len(used))) and lengths:
        rows = " or ".join(map(str, lengths))
        return Found("first_only", got=got, n=n, evidence=evidence, which=f"; those with {rows} rows were left out", more="",
                     then="Take each batch as it comes, whatever its size.")
    return Found("first_only", got=got, n=n, evidence=evidence, which="", then="Move `return` out of the loop.",
                 more=" `return` inside the loop ends the function.")


def _order_of_events(run: _Run, counts: Mapping[str, int], n: int, evidence: str) -> Found | None:
    """What is missing, too often, or in the wrong place."""
    notes = run.notes
    if "gradient" not in notes.flags:
        return Found("no_gradient", error="no gradient arrived at the parameters", where="", evidence=evidence)
    if counts["forward"] < n:
        return _some_only(run, counts["forward"], n, evidence)
    main = [event for event in notes.events if event in ("backward", "step", "zero")]
    if main.index("step") < main.index("backward"):
        return Found("step_first", evidence=evidence)
    if counts["step"] == 1 < n:
        return Found("once", n=n, evidence=evidence)
    between = any(a == "backward" and b == "zero" and "step" in main[i + 2: i + 3]
                  for i, (a, b) in enumerate(itertools.pairwise(main)))
    if between or "moved" not in notes.flags:
        return Found("zero_between", evidence=evidence)
    if counts["step"] != n:
        return Found("more_steps", got=counts["step"], n=n, evidence=evidence)
    if counts["zero"] < n - 1 and "stale" in notes.flags:
        return Found("no_zero_grad", zeros=counts["zero"], n=n, evidence=evidence)
    return None


def _check_inputs(run: _Run) -> None:
    """Raise `Found` where the model or the loss was called with something else than what the batches hold."""
    notes, batches = run.notes, run.batches
    for mine, ours in zip(batches, run.setting.batches(run.sizes), strict=True):
        if not all(torch.equal(part, right) for part, right in zip(mine, ours, strict=True)):
            raise Found("in_place", names="the tensors of a batch were")
    given = {part.untyped_storage().data_ptr() for pair in batches for part in pair}
    for used in notes.inputs:
        if not isinstance(used, Tensor) or used.ndim < 2 or used.untyped_storage().data_ptr() in given:
            fits = any(used is xb or (isinstance(used, Tensor) and torch.equal(used, xb)) for xb, _ in batches)
            notes.flags.update([] if fits else ["wrong_input"])
        elif not any(used.shape == xb.shape and torch.allclose(used.double(), xb, rtol=1e-4) for xb, _ in batches):
            notes.flags.add("eval_data")
    for flag in ("wrong_input", "eval_data", "arguments_swapped"):
        if flag in notes.flags:
            raise Found(flag)


def _check_losses(value: Any, right: Tensor, notes: _Notes, call: str) -> None:
    if isinstance(value, Tensor) and value.ndim == 1:
        value = list(value)
    if not isinstance(value, (list, tuple)):
        raise Found("not_list", what=shape_of(value))
    if len(value) < len(right):
        raise Found("last_only", got=len(value), n=len(right))
    if len(value) > len(right):
        raise Found("too_many", got=len(value), n=len(right))
    each = [to_tensor(loss) for loss in value]
    numbers = [loss.reshape(()) for loss in each if loss is not None and loss.numel() == 1]
    if len(numbers) < len(each):
        raise Found("not_numbers", call=call, what="a list with something else than numbers", wanted="a list of losses")
    yours = torch.stack(numbers)
    evidence = side_by_side(yours, right, "losses")
    if not equal(yours, right):
        factor, totals = (yours[0] / right[0]).item(), right.cumsum(0)
        known = (("running_total", totals), ("running_total", totals / torch.arange(1, len(right) + 1)),
                 ("constant", yours[:1].expand(len(right))), ("losses_scaled", factor * right),
                 ("after_step", torch.stack([loss.detach() for loss in notes.losses[1::2]] or [torch.zeros(())])))
        code = next((code for code, numbers in known if equal(yours, numbers)), "unknown")
        raise Found(code, evidence=evidence, expected=right, yours=yours, factor=f"{factor:g}")
    if any(isinstance(loss, Tensor) and loss.requires_grad for loss in value):
        raise Found("graph_kept")
