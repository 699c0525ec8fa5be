"""The training loop, and two optimizers: several steps are compared, not where they end."""

import inspect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessonlib import optim, training
from lessonlib.course.exercises import reading
from lessonlib.course.exercises.compare import equal, shape_of, side_by_side, to_tensor
from lessonlib.course.exercises.court import Court, Exercise, Raised
from lessonlib.course.exercises.verdict import Found, Mistake

# --- the loop ---------------------------------------------------------------------------------------------------

LOOP = {mistake.code: mistake for mistake in (
    Mistake("not_list", "{what} came out; a list with the loss of each batch was expected.",
            "The list is drawn as a curve: it shows whether anything is learned.",
            "Begin with losses = [], append in the loop, return losses after it.", 3),
    Mistake("wrong_input", "The model was called with something else than the xb of a batch.",
            "It is the inputs that it must read; the targets belong into the loss.",
            "Write for xb, yb in batches: and model(xb).", 1),
    Mistake("eval_data", "The model was trained on batches that were not handed in.",
            "Whatever stands in the notebook under that name, perhaps the validation data: training on what you "
            "measure with makes the measure worthless.",
            "Use only what comes in through the arguments.", 1),
    Mistake("arguments_swapped", "The loss function got the targets first.",
            "It takes the output of the model first, then the targets.", "Write loss_func(model(xb), yb).", 3),
    Mistake("no_forward", "The model was never called.", "Without a prediction there is nothing to be wrong about.",
            "Write loss = loss_func(model(xb), yb) in the loop.", 1),
    Mistake("no_loss", "The loss function was never called.", "It says how wrong the predictions are.",
            "Write loss = loss_func(model(xb), yb) in the loop.", 1),
    Mistake("no_backward", "backward() was never called on the loss.",
            "Without it there are no gradients, and step has nothing to work with.",
            "Call loss.backward() before opt.step().", 2),
    Mistake("no_step", "opt.step() was never called: the weights did not move.",
            "Gradients alone change nothing.", "Call opt.step() after loss.backward().", 2),
    Mistake("zero_between", "The gradients are forgotten between backward and step.",
            "step then finds no gradients, and nothing is learned.",
            "Call zero_grad after step, or before backward.", 2),
    Mistake("step_first", "step comes before backward.",
            "Each step then uses the gradient of the batch before (and the first one none), or none at all.",
            "Call loss.backward(), then opt.step().", 2),
    Mistake("loss_scaled", "backward() was called on {factor} times the loss.",
            "All gradients are then {factor} times as large, and so are all steps.",
            "Call backward() on the very tensor that the loss function gave.", 2),
    Mistake("uphill", "The weights walk uphill: backward was called on minus the loss.",
            "step goes down what backward was called on, so the loss grows.", "Call backward() on the loss itself.", 1),
    Mistake("no_zero_grad", "The gradients are not forgotten after each batch ({zeros} of {n} times).",
            "backward adds to what is there: each step drags all earlier gradients along.",
            "Call opt.zero_grad() once in each turn of the loop.", 2),
    Mistake("first_only", "Only {got} of {n} batches were used.",
            "The rest of the data teaches nothing. `return` inside the loop ends the function.",
            "Move `return` out of the loop.", 1),
    Mistake("once", "There was one step for {n} batches.",
            "An epoch of small batches is to take a step after each of them.", "Move opt.step() into the loop.", 2),
    Mistake("more_steps", "There were {got} steps for {n} batches.", "One step for each batch was asked for.",
            "Call opt.step() once in each turn of the loop, and go over the batches once.", 1),
    Mistake("last_only", "The list holds {got} of {n} losses.", "It should show every batch.",
            "Begin the list before the loop, and append inside it.", 3),
    Mistake("too_many", "The list holds {got} losses for {n} batches.", "It should show each batch once.",
            "Append once in each turn of the loop.", 3),
    Mistake("running_total", "Each entry is the sum, or the mean, of all losses so far.",
            "The curve then shows what was, and hides what each batch did.", "Append the loss of this batch alone.", 3),
    Mistake("after_step", "Each entry is the loss after the step, on the batch that it has just learned from.",
            "That is better than the model is on anything new, and costs a second forward.",
            "Append the loss that backward() was called on.", 3),
    Mistake("losses_scaled", "Each entry is {factor} times the loss of its batch.",
            "The loss function gives the mean over the batch already; the curve could not be compared with others.",
            "Append loss.item() as it is.", 3),
    Mistake("constant", "All entries of the list are the same, though the losses differ.",
            "The curve would be flat whatever is learned.", "Append the loss of this batch, in the loop.", 3),
    Mistake("graph_kept", "The losses in the list still hold the record of how they were made.",
            "Each keeps its whole batch in memory, so memory grows until it is full.",
            "Append loss.item(), or loss.detach().", 3),
    Mistake("eval_mode", "The model was switched to eval mode.",
            "Layers such as dropout then behave as if training were over.", "Leave out model.eval().", 1),
    Mistake("needs_list", "It works with a list of batches, but not with a generator: {error}.",
            "The batches of lesson 9 are made one at a time, and have no length.",
            "Go over them with `for xb, yb in batches:` and nothing else.", 1),
)}


class _Model(nn.Module):
    """A linear model that writes down what it was called with."""

    def __init__(self, notes: "_Notes"):
        super().__init__()
        rng = torch.Generator().manual_seed(70)
        self.weight = nn.Parameter(torch.randn(3, 2, generator=rng, dtype=torch.float64))
        self.bias = nn.Parameter(torch.randn(2, generator=rng, dtype=torch.float64))
        self.notes = notes
        self.weight.register_hook(self._gradient_arrives)

    def _gradient_arrives(self, _grad: Tensor) -> None:
        self.notes.flags.add("gradient")
        if self.weight.grad is not None and bool(self.weight.grad.any()):
            self.notes.flags.add("stale")

    def forward(self, x: Tensor) -> Tensor:
        self.notes.events.append("forward")
        fits = isinstance(x, Tensor) and x.ndim == 2 and x.shape[1] == 3
        if torch.is_grad_enabled() or not fits:
            self.notes.inputs.append(x)
        if not self.training:
            self.notes.flags.add("eval_mode")
        x = x.to(self.weight.dtype) if fits else torch.zeros(5, 3)
        return x @ self.weight + self.bias

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.notes.events.append("zero")
        super().zero_grad(set_to_none)


class _Opt:
    """Plain SGD that writes down when it was called."""

    def __init__(self, params: Sequence[Tensor], notes: "_Notes"):
        self.params, self.notes, self.lr = list(params), notes, 0.5
        self.param_groups = [{"params": self.params, "lr": self.lr}]

    @torch.no_grad()
    def step(self) -> None:
        self.notes.events.append("step")
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

    def hear(self, grad: Tensor) -> None:
        """A gradient has come back to a loss."""
        self.events.append("backward")
        self.factors.append(grad.item())

    def loss_func(self, output: Tensor, targets: Tensor) -> Tensor:
        both = isinstance(output, Tensor) and isinstance(targets, Tensor)
        if both and output.dtype == torch.int64 and targets.is_floating_point():
            self.flags.add("arguments_swapped")
            output, targets = targets, output
        self.events.append("loss")
        loss = functional.cross_entropy(output, targets)
        if loss.requires_grad:
            loss.register_hook(self.hear)
        self.losses.append(loss)
        return loss


def _epoch_batches() -> list[tuple[Tensor, Tensor]]:
    rng = torch.Generator().manual_seed(71)
    return [(torch.randn(5, 3, generator=rng, dtype=torch.float64), torch.randint(0, 2, (5,), generator=rng))
            for _ in range(5)]


def _right_epoch(lr: float = 0.5) -> tuple[Tensor, Tensor]:
    """The losses, and the weights at the end as one row."""
    notes = _Notes()
    model = _Model(notes)
    opt = _Opt(model.parameters(), notes)
    opt.lr = lr
    for xb, yb in _epoch_batches():
        notes.loss_func(model(xb), yb).backward()
        opt.step()
        opt.zero_grad()
    losses = [loss.detach() for loss in notes.losses]
    return torch.stack(losses), torch.cat([p.detach().flatten() for p in model.parameters()])


def _run_epoch(court: Court, attempt: Callable, as_generator: bool = False) -> tuple[Any, _Notes, _Model]:
    notes = _Notes()
    model = _Model(notes)
    opt = _Opt(model.parameters(), notes)
    batches = _epoch_batches()
    try:
        value = court.call(attempt, {"model": model, "batches": (pair for pair in batches) if as_generator else batches,
                                     "loss_func": notes.loss_func, "opt": opt}, may_be_none=True)
    except Raised:
        _check_inputs(notes, batches)  # which may be why
        raise
    _check_inputs(notes, batches)
    return value, notes, model


def _check_inputs(notes: _Notes, batches: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Raise `Found` where the model or the loss was called with something else than what the batches hold."""
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


def _examine_loop(court: Court, attempt: Any) -> list[str]:
    court.need_function(attempt)
    value, notes, model = _run_epoch(court, attempt)
    if inspect.isgenerator(value):
        raise Found("generator", call="train_epoch(model, batches, loss_func, opt)")
    right_losses, right_weights = _right_epoch()
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])
    if not equal(weights, right_weights):
        raise _what_went_wrong(notes, weights, right_weights)
    if value is None:
        raise Found("no_return", call="train_epoch(model, batches, loss_func, opt)")
    _check_losses(value, right_losses, notes)
    if "eval_mode" in notes.flags:
        raise Found("eval_mode")
    _try_generator(court, attempt, right_losses)
    return []


def _what_went_wrong(notes: _Notes, weights: Tensor, right: Tensor) -> Found:
    """Read the order of events."""
    events, n = notes.events, len(_epoch_batches())
    evidence = f"what happened: {' '.join(events[:14])}{' …' if len(events) > 14 else ''}"
    counts = {name: events.count(name) for name in ("forward", "loss", "backward", "step", "zero")}
    cut = any(loss.is_leaf and loss.grad is not None for loss in notes.losses)  # a loss without a record
    counts["backward"] += cut
    for name, code in (("forward", "no_forward"), ("loss", "no_loss"), ("backward", "no_backward"), ("step", "no_step")):
        if counts[name] == 0:
            return Found(code, evidence=evidence)
    if "gradient" not in notes.flags:
        return Found("no_gradient", error="no gradient arrived at the parameters", evidence=evidence)
    if counts["forward"] < n:
        return Found("first_only", got=counts["forward"], n=n, evidence=evidence)
    main = [event for event in events if event in ("backward", "step", "zero")]
    if main.index("step") < main.index("backward"):
        return Found("step_first", evidence=evidence)
    if counts["step"] == 1 < n:
        return Found("once", n=n, evidence=evidence)
    if any(a == "backward" and b == "zero" and "step" in main[i + 2: i + 3]
           for i, (a, b) in enumerate(itertools.pairwise(main))) or "moved" not in notes.flags:
        return Found("zero_between", evidence=evidence)
    if counts["step"] != n:
        return Found("more_steps", got=counts["step"], n=n, evidence=evidence)
    if counts["zero"] < n - 1 and "stale" in notes.flags:
        return Found("no_zero_grad", zeros=counts["zero"], n=n, evidence=evidence)
    factors = {round(factor, 9) for factor in notes.factors}
    if len(factors) == 1 and not factors & {1.0, -1.0} and equal(weights, _right_epoch(0.5 * notes.factors[0])[1]):
        return Found("loss_scaled", factor=f"{notes.factors[0]:g}", evidence=evidence)
    code = "uphill" if equal(weights, _right_epoch(-0.5)[1]) else "unknown"
    return Found(code, evidence=f"{evidence}\n{side_by_side(weights, right, 'weights after the epoch')}",
                 expected=right, yours=weights)


def _check_losses(value: Any, right: Tensor, notes: _Notes) -> None:
    call = "train_epoch(model, batches, loss_func, opt)"
    if isinstance(value, Tensor) and value.ndim == 1:
        value = list(value)
    if not isinstance(value, (list, tuple)):
        raise Found("not_list", what=shape_of(value))
    if len(value) < len(right):
        raise Found("last_only", got=len(value), n=len(right))
    if len(value) > len(right):
        raise Found("too_many", got=len(value), n=len(right))
    yours = [to_tensor(loss) for loss in value]
    if any(loss is None or loss.numel() != 1 for loss in yours):
        raise Found("not_numbers", call=call, what="a list with something else than numbers", wanted="a list of losses")
    yours = torch.stack([loss.reshape(()) for loss in yours])
    evidence = side_by_side(yours, right, "losses")
    if not equal(yours, right):
        factor, totals = (yours[0] / right[0]).item(), right.cumsum(0)
        known = (("running_total", totals), ("running_total", totals / torch.arange(1, len(right) + 1)),
                 ("constant", yours[:1].expand(len(right))), ("losses_scaled", factor * right),
                 ("after_step", torch.stack([loss.detach() for loss in notes.losses[1::2]])))
        code = next((code for code, numbers in known if equal(yours, numbers)), "unknown")
        raise Found(code, evidence=evidence, expected=right, yours=yours, factor=f"{factor:g}")
    if any(isinstance(loss, Tensor) and loss.requires_grad for loss in value):
        raise Found("graph_kept")


def _try_generator(court: Court, attempt: Callable, right: Tensor) -> None:
    from lessonlib.course.exercises.errors import in_words

    try:
        value, _, _ = _run_epoch(court, attempt, as_generator=True)
    except Raised as raised:
        raise Found("needs_list", error=in_words(raised.error)) from None
    if value is None or len(value) != len(right):
        raise Found("needs_list", error="the batches were gone after the first time")


# --- the optimizers ---------------------------------------------------------------------------------------------

# A walk is a list of steps; `update(i, p, grad, state)` gives the new value of parameter number i.

N_STEPS = 4
Update = Callable[[int, Tensor, Tensor, dict], Tensor]


def _first_params() -> list[Tensor]:
    rng = torch.Generator().manual_seed(80)
    return [torch.randn(3, 2, generator=rng, dtype=torch.float64), torch.randn(2, generator=rng, dtype=torch.float64)]


def _loss(params: Sequence[Tensor], step: int) -> Tensor:
    rng = torch.Generator().manual_seed(81 + step)  # another batch at each step
    x, y = torch.randn(6, 3, generator=rng, dtype=torch.float64), torch.randn(6, 2, generator=rng, dtype=torch.float64)
    return ((x @ params[0] + params[1] - y) ** 2).mean()


def _row(params: Sequence[Tensor]) -> Tensor:
    return torch.cat([p.detach().flatten() for p in params])


def _walk(update: Update, zero: Callable[[list[Tensor], list[Tensor]], None] | None = None) -> Tensor:
    """(steps, numbers): where all parameters stand after each step, if `update` and `zero` do their part."""
    params, kept, state, rows = _first_params(), None, {}, []
    for step in range(N_STEPS):
        leaves = [p.clone().requires_grad_() for p in params]
        fresh = torch.autograd.grad(_loss(leaves, step), leaves)
        grads = [g.clone() for g in fresh] if kept is None else [g + k for g, k in zip(fresh, kept, strict=True)]
        params = [update(i, p, g, state) for i, (p, g) in enumerate(zip(params, grads, strict=True))]
        rows.append(_row(params))
        kept = grads if zero is not None else None
        if zero is not None:
            zero(params, kept)
    return torch.stack(rows)


@dataclass
class _Walked:
    """What an attempt's optimizer did."""

    rows: Tensor
    gradients_left: list[bool]


def _walk_attempt(court: Court, attempt: type, settings: dict[str, float]) -> _Walked:
    params = [nn.Parameter(p) for p in _first_params()]
    handed = (p for p in params)  # as from model.parameters(): it can be gone through once
    opt = court.call(attempt, {"params": handed, **settings}, keep=("params",), given=tuple(settings)[1:])
    for method in ("step", "zero_grad"):
        if not callable(getattr(opt, method, None)):
            found = reading.misspelt(attempt, method)
            raise Found("method_missing", method=method, found=f" There is `{found}`." if found else "")
    rows, left = [], []
    for step in range(N_STEPS):
        _loss(params, step).backward()
        try:
            court.call(opt.step, name="step", may_be_none=True)
        except Raised as raised:
            if court.translate(raised).code == "none_used" and equal(_row(params), _row(_first_params())):
                raise Found("lost", evidence="step() found no gradient, because it asks tensors that are not the "
                                             "parameters handed in") from None
            if court.translate(raised).code == "shapes" and _shares_velocity(court, attempt, settings):
                raise Found("velocity_shared") from None
            raise
        if not all(p.requires_grad for p in params):
            raise Found("frozen")
        rows.append(_row(params))
        court.call(opt.zero_grad, name="zero_grad", may_be_none=True)
        left = [p.grad is not None and bool((p.grad != 0).any()) for p in params]
    return _Walked(torch.stack(rows), left)


def _shares_velocity(court: Court, attempt: type, settings: dict[str, float]) -> bool:
    """Whether the gradient of one parameter moves another, of the same shape, with the factor momentum."""
    first, second = (nn.Parameter(torch.zeros(3, 2)) for _ in range(2))
    opt = court.call(attempt, {"params": iter([first, second]), **settings}, keep=("params",), given=tuple(settings)[1:])
    first.grad, second.grad = torch.ones(3, 2), torch.zeros(3, 2)
    court.call(opt.step, name="step", may_be_none=True)
    return bool(second.detach().any())


def _as_if(court: Court, attempt: type, settings: Sequence[dict[str, float]],
           right: Callable[..., Update]) -> list[dict[str, float]] | None:
    """The settings with which a right optimizer would walk as this one does, for each of `settings`; or None."""
    found = []
    for chosen in settings:
        rows = _walk_attempt(court, attempt, chosen).rows
        places = [_row(_first_params()), *rows[:-1]]
        grads = [_row(torch.autograd.grad(_loss(leaves, step), leaves)) for step, leaves in enumerate(
            [place[:6].view(3, 2).clone().requires_grad_(), place[6:].clone().requires_grad_()] for place in places)]
        moves = [after - before for before, after in zip(places, rows, strict=True)]
        lr = -(moves[0] @ grads[0] / (grads[0] @ grads[0])).item()
        guess = {"lr": lr}
        if "momentum" in chosen and lr:
            guess["momentum"] = ((-moves[1] / lr - grads[1]) @ grads[0] / (grads[0] @ grads[0])).item()
        if not lr or not bool(rows.isfinite().all()) or not equal(rows, _walk(right(**guess))):
            return None
        found.append(guess)
    return found


def _other_settings(asked: Sequence[dict[str, float]], walked: Sequence[dict[str, float]], evidence: str) -> Found:
    """It walks as a right optimizer would, with another lr or momentum than was asked for."""
    same = {name: all(_near(a[name], w[name]) for a, w in zip(asked, walked, strict=True)) for name in asked[0]}
    wrong = [name for name, fits in same.items() if not fits]
    if len(wrong) == 1 and all(_near(w[wrong[0]], walked[0][wrong[0]]) for w in walked):
        return Found(f"{wrong[0]}_fixed", evidence=evidence)
    pairs = zip(walked, asked, strict=True)
    pair = next(((w, a) for w, a in pairs if not all(_near(w[name], a[name]) for name in same)), (walked[0], asked[0]))
    words = [" and ".join(f"{name}={value:.4g}" for name, value in side.items()) for side in pair]
    return Found("as_if", evidence=evidence, walked=words[0], asked=words[1])


def _near(a: float, b: float) -> bool:
    return abs(a - b) < 1e-6


def _examine_optimizer(court: Court, attempt: Any, settings: Sequence[dict[str, float]],
                       right: Callable[..., Update], known: Callable[..., dict[str, Tensor]]) -> list[str]:
    court.need_class(attempt)
    for chosen in settings:
        walked = _walk_attempt(court, attempt, chosen)
        expected = _walk(right(**chosen))
        if equal(walked.rows, expected):
            if any(walked.gradients_left):
                raise Found("zero_grad_partly" if not all(walked.gradients_left) else "zero_grad_nothing")
            continue
        evidence = (f"{', '.join(f'{name}={value:g}' for name, value in chosen.items())}; a row for each step: "
                    f"weights (6), then biases (2)\n{side_by_side(walked.rows, expected, 'parameters')}")
        left = ("zero_grad_nothing" if all(walked.gradients_left) else "zero_grad_partly") * any(walked.gradients_left)
        for code, rows in known(**chosen).items():
            if equal(walked.rows, rows):
                code = left if left and code == "sum_of_gradients" else _RENAMED.get(code, code)
                raise Found(code, evidence=evidence, expected=expected, yours=walked.rows)
        if left:
            raise Found(left, evidence=evidence, expected=expected, yours=walked.rows)
        if as_if := _as_if(court, attempt, settings, right):
            raise _other_settings(settings, as_if, evidence)
        code = "nan" if bool(walked.rows.isnan().any()) else "unknown"
        raise Found(code, evidence=evidence, expected=expected, yours=walked.rows, call="step()")
    return []


def _forget_nothing(_params: list[Tensor], _kept: list[Tensor]) -> None:
    """A zero_grad that does nothing."""


def _forget_first(_params: list[Tensor], kept: list[Tensor]) -> None:
    kept[0] = torch.zeros_like(kept[0])


def _forget_last(_params: list[Tensor], kept: list[Tensor]) -> None:
    kept[-1] = torch.zeros_like(kept[-1])


def _zero_weights(params: list[Tensor], kept: list[Tensor]) -> None:
    params[:] = [torch.zeros_like(p) for p in params]


def _zero_weights_and_grads(params: list[Tensor], kept: list[Tensor]) -> None:
    _zero_weights(params, kept)
    kept[:] = [torch.zeros_like(k) for k in kept]


def _plain(lr: float) -> Update:
    return lambda i, p, g, state: p - lr * g


def _skip(update: Update, skipped: Callable[[int], bool]) -> Update:
    return lambda i, p, g, state: p if skipped(i) else update(i, p, g, state)


def _first_step_only(update: Update) -> Update:
    def only_once(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        state[i, "steps"] = state.get((i, "steps"), 0) + 1
        return update(i, p, g, state) if state[i, "steps"] == 1 else p
    return only_once


def _shared_mistakes(right: Update, uphill: Update, no_lr: Update) -> dict[str, Tensor]:
    """Mistakes that both optimizers can have, as walks."""
    return {
        "ascent": _walk(uphill), "no_lr": _walk(no_lr),
        "one_skipped": _walk(_skip(right, lambda i: i == 1)), "first_skipped": _walk(_skip(right, lambda i: i == 0)),
        "lost": _walk(lambda i, p, g, state: p), "used_up": _walk(_first_step_only(right)),
        "zero_grad_nothing": _walk(right, _forget_nothing), "zero_grad_partly": _walk(right, _forget_first),
        "zero_grad_partly_last": _walk(right, _forget_last), "weights_zeroed": _walk(right, _zero_weights),
        "weights_zeroed_too": _walk(right, _zero_weights_and_grads),
    }


def _sgd_mistakes(lr: float) -> dict[str, Tensor]:
    return _shared_mistakes(_plain(lr), _plain(-lr), _plain(1.0)) | {
        "lr_divided": _walk(_plain(1 / lr)), "step_twice": _walk(_plain(2 * lr)), "lr_squared": _walk(_plain(lr * lr)),
        "sign_only": _walk(lambda i, p, g, state: p - lr * g.sign()),
        "assigned": _walk(lambda i, p, g, state: -lr * g),
        "shrinks": _walk(lambda i, p, g, state: p - lr * p),
        "normalised": _walk(lambda i, p, g, state: p - lr * g / g.norm()),
        "lr_fixed": _walk(_plain(FIRST_LR)),
    }


def _velocity(lr: float, keep: float, new: float = 1.0, sign: float = 1.0) -> Update:
    def update(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        state[i] = keep * state.get(i, 0.0) + new * g
        return p - sign * lr * state[i]
    return update


def _momentum_mistakes(lr: float, momentum: float) -> dict[str, Tensor]:
    def nesterov(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        state[i] = momentum * state.get(i, 0.0) + g
        return p - lr * (g + momentum * state[i])

    def from_ones(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        state[i] = momentum * state.get(i, torch.ones_like(p)) + g
        return p - lr * state[i]

    def from_weights(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        state[i] = momentum * state.get(i, p) + g
        return p - lr * state[i]

    def old_velocity(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        old = state.get(i, torch.zeros_like(p))
        state[i] = momentum * old + g
        return p - lr * old

    def gradient_only(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        return momentum * p - lr * g

    def alias(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        # The first velocity is the gradient's own tensor: zero_grad empties it, and backward fills it anew.
        n = state[i, "n"] = state.get((i, "n"), 0) + 1
        velocity = g if n == 1 else momentum * (g if n == 2 else state[i]) + g
        state[i] = velocity
        return p - lr * velocity

    def last_gradient(i: int, p: Tensor, g: Tensor, state: dict) -> Tensor:
        velocity = momentum * state.get(i, 0.0) + g
        state[i] = g
        return p - lr * velocity

    return {
        "velocity_reset": _walk(_plain(lr)), "velocity_subtracted": _walk(_velocity(lr, -momentum)),
        "dampened": _walk(_velocity(lr, momentum, 1 - momentum)),
        "nesterov": _walk(nesterov), "from_ones": _walk(from_ones), "old_velocity": _walk(old_velocity),
        "weights_shrunk": _walk(gradient_only), "velocity_alias": _walk(alias), "last_gradient": _walk(last_gradient),
        "sum_of_gradients": _walk(_velocity(lr, 1.0)),
        "momentum_on_both": _walk(_velocity(lr, momentum, momentum)),
        "momentum_on_gradient": _walk(lambda i, p, g, state: p - lr * momentum * g),
        "momentum_fixed": _walk(_velocity(lr, FIRST_MOMENTUM)), "lr_fixed": _walk(_velocity(FIRST_LR, momentum)),
        "lr_squared": _walk(_velocity(lr * lr, momentum)), "from_weights": _walk(from_weights),
        "unweighted": _walk(_velocity(lr, 1.0, momentum)),
        **_shared_mistakes(_velocity(lr, momentum), _velocity(-lr, momentum), _velocity(1.0, momentum)),
    }


FIRST_LR, FIRST_MOMENTUM = 0.2, 0.6

_SHARED = (
    Mistake("method_missing", "Your class has no method `{method}`.{found}",
            "The training loop calls opt.step() and opt.zero_grad(), by these names.", "Add it, or rename it.", 1),
    Mistake("frozen", "After step() a parameter no longer requires a gradient.",
            "The next backward() would pass it by, and it would never move again.",
            "Change p in place, inside torch.no_grad(): p -= ...", 2),
    Mistake("ascent", "You go uphill: lr times the gradient is added, perhaps by two minus signs.",
            "The gradient points to where the loss grows.", "Subtract it: p -= ...", 1),
    Mistake("no_lr", "The learning rate is not used: the whole gradient is subtracted.",
            "Such steps are far too long on most data, and the loss explodes.", "Multiply the gradient by self.lr.", 3),
    Mistake("lr_fixed", "The learning rate does not change when another is asked for.",
            "Whoever tries a second one would believe that it does not matter.", "Use the lr that came in: self.lr.", 3),
    Mistake("one_skipped", "One of the parameters is never changed.",
            "A bias that stays as it was goes unnoticed: the accuracy is nearly as good.",
            "Go over all of self.params.", 2),
    Mistake("lost", "No parameter changed at all.",
            "p = p - ... makes a new tensor and calls it p; the model still holds the old one. The same happens where "
            "the new tensors are put into your list.",
            "Change p itself: p -= ..., inside torch.no_grad().", 2),
    Mistake("used_up", "Only the first step changed anything.",
            "params came as a generator, and a generator can be gone through once.",
            "Keep a list: self.params = list(params).", 2),
    Mistake("lr_squared", "The learning rate is multiplied in twice.", "The steps are far too short.",
            "Multiply by self.lr once.", 3),
    Mistake("as_if", "With {asked} it walks as a right one would with {walked}.",
            "The rule is right up to a factor, and that makes the steps too long or too short.",
            "Look at each number that stands before the gradient, and before what is kept of the last step.", 3),
    Mistake("zero_grad_nothing", "After zero_grad() the gradients are still there.",
            "backward adds to them, so each step drags all earlier gradients along.",
            "Set p.grad = None for each parameter.", 3),
    Mistake("zero_grad_partly", "After zero_grad() some of the gradients are still there.",
            "backward adds to them, so these parameters drag all earlier gradients along.",
            "Go over all of self.params.", 3),
    Mistake("weights_zeroed", "zero_grad() sets the parameters to zero, not their gradients.",
            "All that was learned is gone after each step.", "Write p.grad = None, not p.zero_().", 3),
)

SGD_MISTAKES = {mistake.code: mistake for mistake in (
    *_SHARED,
    Mistake("lr_divided", "The gradient is divided by the learning rate.", "A smaller rate would make longer steps.",
            "Multiply by self.lr.", 3),
    Mistake("step_twice", "Each step is twice as long as it should be.", "It acts like twice the learning rate.",
            "Look for an update that is done twice.", 1),
    Mistake("sign_only", "Only the sign of the gradient is used.",
            "Steep and flat places get the same step, and the walk cannot settle.", "Use p.grad itself.", 1),
    Mistake("assigned", "The parameter is replaced by the step.", "What was learned so far is thrown away.",
            "Subtract from p: p -= ...", 1),
    Mistake("shrinks", "lr times the parameter itself is subtracted, not lr times its gradient.",
            "The weights shrink towards 0 whatever the data says.", "Use p.grad.", 3),
    Mistake("normalised", "The gradient is divided by its length, so all steps are equally long.",
            "Steps should become short where the slope is gentle.", "Use p.grad as it is.", 1),
)}

MOMENTUM_MISTAKES = {mistake.code: mistake for mistake in (
    *_SHARED,
    Mistake("velocity_reset", "It walks like plain SGD: the velocity does not last from one step to the next.",
            "Momentum is a memory; made anew in each step it remembers nothing.",
            "Make the velocities in __init__, and write each new one back to self.", 2),
    Mistake("velocity_subtracted", "The old velocity is subtracted from the gradient: the sign of momentum is wrong.",
            "It would brake where all batches agree, and push where they do not.",
            "Write momentum * velocity + gradient.", 3),
    Mistake("dampened", "The new gradient is multiplied by 1 - momentum.",
            "That is a running mean: its steps are ten times shorter for 0.9 than those of torch.optim.SGD.",
            "Add the gradient as it is.", 3),
    Mistake("nesterov", "This is Nesterov's momentum, which looks one step ahead.",
            "It is a good idea, but not the one that was asked for.", "Step by the velocity itself.", 1),
    Mistake("from_ones", "The velocity starts from 1.", "The first steps would go somewhere that no data asked for.",
            "Start from zeros.", 2),
    Mistake("from_weights", "The velocity starts from the parameter itself.",
            "The first steps would go somewhere that no data asked for.", "Start from torch.zeros_like(p).", 2),
    Mistake("velocity_shared", "All parameters share one velocity: the gradient of one moves the others too.",
            "Each parameter has a slope of its own. Where the shapes differ, it is an error.",
            "Keep one velocity for each parameter, in a list.", 2),
    Mistake("old_velocity", "You step with the velocity of the step before.",
            "The first step goes nowhere, and all others come one too late.",
            "Update the velocity first, then use it.", 3),
    Mistake("weights_shrunk", "The parameter is multiplied by momentum, not the velocity.",
            "The weights shrink at each step whatever the data says.", "Multiply the velocity.", 3),
    Mistake("velocity_alias", "The first velocity is the very tensor of the gradient, and changes along with it.",
            "Two names for one tensor see the same changes.",
            "Start from torch.zeros_like(p), or keep p.grad.clone().", 2),
    Mistake("last_gradient", "Only the last gradient is remembered, not the velocity.",
            "Memory then reaches one step back, and no further.", "Keep the new velocity, not the gradient.", 3),
    Mistake("sum_of_gradients", "The old velocity is kept whole: momentum is not multiplied in.",
            "It never forgets, and runs past every valley.", "Multiply the old velocity by self.momentum.", 3),
    Mistake("unweighted", "Momentum is multiplied into the gradient, and the old velocity is kept whole.",
            "It never forgets, and runs past every valley.", "Multiply the old velocity by momentum, not the gradient.", 3),
    Mistake("momentum_on_both", "Momentum is multiplied into the gradient as well.",
            "It acts like a smaller learning rate.", "Multiply the old velocity alone.", 3),
    Mistake("momentum_on_gradient", "Momentum is multiplied into the gradient, and nothing is remembered.",
            "It is only a smaller learning rate.", "Keep a velocity for each parameter.", 1),
    Mistake("momentum_fixed", "Momentum does not change when another is asked for.",
            "Whoever tries a second one would believe that it does not matter.",
            "Use the momentum that came in: self.momentum.", 3),
)}

_RENAMED = {"first_skipped": "one_skipped", "zero_grad_partly_last": "zero_grad_partly",
            "weights_zeroed_too": "weights_zeroed"}


def _examine_sgd(court: Court, attempt: Any) -> list[str]:
    return _examine_optimizer(court, attempt, [{"lr": FIRST_LR}, {"lr": 0.07}],
                              lambda lr: _plain(lr), _sgd_mistakes)


def _examine_momentum(court: Court, attempt: Any) -> list[str]:
    settings = [{"lr": FIRST_LR, "momentum": FIRST_MOMENTUM}, {"lr": 0.07, "momentum": 0.8}, {"lr": 0.1, "momentum": 0.0}]
    return _examine_optimizer(court, attempt, settings, lambda lr, momentum: _velocity(lr, momentum),
                              _momentum_mistakes)


_LENDERS = (optim.SGD, optim.Adam, torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop)
EXERCISES = {
    "train_epoch": Exercise(_examine_loop, LOOP, answers=(training.train_epoch, training.fit)),
    "sgd": Exercise(_examine_sgd, SGD_MISTAKES, answers=_LENDERS),
    "momentum": Exercise(_examine_momentum, MOMENTUM_MISTAKES, answers=_LENDERS),
}
