"""Gradients by hand: a linear layer's three, and that of softmax with the negative log-likelihood."""

import torch
from torch import Tensor
from torch.nn import functional

from lessonlib.course.exercises.functions import Function, Inputs, Numbers
from lessonlib.course.exercises.verdict import Mistake


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# The oracle is autograd itself, so that this check needs no code of lesson 16.


def _autograd(function, *inputs: Tensor) -> Numbers:
    inputs = [value.detach().requires_grad_() for value in inputs]
    return torch.autograd.grad(function(*inputs), inputs)


def linear_grads(x: Tensor, weight: Tensor, bias: Tensor, grad_out: Tensor) -> Numbers:
    """The gradients for x, weight and bias, by autograd."""
    return _autograd(lambda x, weight, bias: ((x @ weight + bias) * grad_out).sum(), x, weight, bias)


def _linear_cases() -> list[Inputs]:
    def case(batch: int, n_in: int, n_out: int, seed: int) -> Inputs:
        return {"x": _random(batch, n_in, seed=seed), "weight": _random(n_in, n_out, seed=seed + 1),
                "bias": _random(n_out, seed=seed + 2), "grad_out": _random(batch, n_out, seed=seed + 3)}

    return [case(4, 3, 2, 10), case(3, 3, 3, 20)]


def _with(change):
    """The right three gradients with some of them replaced: `change` gives a dictionary from names to tensors."""
    def simulate(x, weight, bias, grad_out):
        right = dict(zip(("grad_x", "grad_weight", "grad_bias"), linear_grads(x, weight, bias, grad_out), strict=True))
        return tuple((right | change(x, weight, bias, grad_out)).values())
    return simulate


LINEAR = Function(_linear_cases, [linear_grads], (
    Mistake("weight_transposed", "grad_weight is transposed.",
            "It must have the shape of weight, (n_in, n_out), or it cannot be subtracted from it; for a square weight "
            "nothing fails, and the training goes astray.", "Write x.T @ grad_out.", 2,
            _with(lambda x, w, b, g: {"grad_weight": g.T @ x})),
    Mistake("weight_not_transposed", "In grad_weight x is not transposed, or the factors stand in the wrong order.",
            "Each weight gathers its input times its gradient, over the batch: the batch must be summed away.",
            "Write x.T @ grad_out.", 2, _with(lambda x, w, b, g: {"grad_weight": x @ g}),
            tuple(_with(lambda x, w, b, g, product=product: {"grad_weight": product(x, g)})
                  for product in (lambda x, g: g @ x, lambda x, g: x @ g.T, lambda x, g: g @ x.T))),
    Mistake("x_not_transposed", "In grad_x the weight is not transposed.",
            "Forward goes from n_in to n_out; the gradient goes back from n_out to n_in.",
            "Write grad_out @ weight.T.", 2, _with(lambda x, w, b, g: {"grad_x": g @ w})),
    Mistake("x_wrong_way", "grad_x is transposed, or its factors stand in the wrong order.",
            "It must have the shape of x, (batch, n_in), a row for each example.", "Write grad_out @ weight.T.", 2,
            _with(lambda x, w, b, g: {"grad_x": w @ g.T}),
            tuple(_with(lambda x, w, b, g, product=product: {"grad_x": product(w, g)})
                  for product in (lambda w, g: w.T @ g, lambda w, g: w @ g))),
    Mistake("bias_not_summed", "grad_bias still has a row for each example.",
            "The bias was added to every row, so it gathers the gradients of all rows; it must have the shape (n_out,).",
            "Sum over the batch: grad_out.sum(dim=0).", 3, _with(lambda x, w, b, g: {"grad_bias": g})),
    Mistake("bias_mean", "grad_bias is a mean over the batch; it must be the sum.",
            "Where the loss has a mean, its 1/n is already in grad_out.", "Replace mean by sum.", 3,
            _with(lambda x, w, b, g: {"grad_bias": g.mean(0)})),
    Mistake("bias_wrong_axis", "grad_bias is summed over the outputs, not over the batch.",
            "It must have one number for each output, (n_out,).", "Sum over dim=0.", 3,
            _with(lambda x, w, b, g: {"grad_bias": g.sum(1)})),
    Mistake("bias_all", "grad_bias is one number, the sum of everything.", "Each output has a bias of its own.",
            "Sum over dim=0 only.", 3, _with(lambda x, w, b, g: {"grad_bias": g.sum()})),
    Mistake("bias_times_bias", "The bias itself is multiplied into grad_bias.",
            "out grows by 1 where the bias grows by 1, whatever the bias is: its slope is 1.",
            "Take grad_out.sum(dim=0) alone.", 3, _with(lambda x, w, b, g: {"grad_bias": b * g.sum(0)})),
    Mistake("bias_ones", "grad_bias does not use grad_out.",
            "The slope 1 of the bias is multiplied by what comes from above: that is the chain rule.",
            "Sum grad_out over the batch.", 3, _with(lambda x, w, b, g: {"grad_bias": torch.ones_like(b)}),
            (_with(lambda x, w, b, g: {"grad_bias": len(x) * torch.ones_like(b)}),)),
    Mistake("divided_by_n", "The gradients are divided by the batch size.",
            "Where the loss has a mean, its 1/n is already in grad_out; dividing again makes each step too small.",
            "Leave out the division.", 3, lambda *inputs: tuple(
                g / n for g, n in zip(linear_grads(*inputs), (1, len(inputs[0]), len(inputs[0])), strict=True))),
    Mistake("weight_divided_by_n", "grad_weight is divided by the batch size.",
            "Where the loss has a mean, its 1/n is already in grad_out; dividing again makes each step too small.",
            "Leave out the division.", 3, _with(lambda x, w, b, g: {"grad_weight": x.T @ g / len(x)})),
    Mistake("all_divided_by_n", "All three gradients are divided by the batch size.",
            "Where the loss has a mean, its 1/n is already in grad_out; dividing again makes each step too small.",
            "Leave out the division.", 3, lambda *inputs: tuple(g / len(inputs[0]) for g in linear_grads(*inputs))),
    Mistake("grad_out_ignored", "grad_out is not used: these are the gradients of the sum of out.",
            "The chain rule multiplies by what comes from above; without it the layer does not know the loss.",
            "Put grad_out into all three.", 1, lambda x, w, b, g: linear_grads(x, w, b, torch.ones_like(g))),
    Mistake("order", "The three gradients stand in another order.",
            "The caller unpacks them as grad_x, grad_weight, grad_bias.", "Return them in this order.", 1,
            lambda *inputs: (lambda gx, gw, gb: (gw, gb, gx))(*linear_grads(*inputs))),
    Mistake("order_reversed", "grad_x and grad_weight are swapped.",
            "The caller unpacks them as grad_x, grad_weight, grad_bias.", "Return them in this order.", 1,
            lambda *inputs: (lambda gx, gw, gb: (gw, gx, gb))(*linear_grads(*inputs))),
    Mistake("sign", "All signs are flipped.", "A gradient points uphill; it is the optimizer's step that turns round.",
            "Leave out the minus.", 1, lambda *inputs: tuple(-g for g in linear_grads(*inputs))),
), parts=("grad_x", "grad_weight", "grad_bias"))


# --- softmax with the negative log-likelihood -------------------------------------------------------------------


def nll_grad(logits: Tensor, targets: Tensor) -> Tensor:
    """The gradient of the mean cross-entropy for the logits, by autograd."""
    return _autograd(lambda logits: functional.cross_entropy(logits, targets), logits)[0]


def _nll_cases() -> list[Inputs]:
    return [{"logits": _random(5, 3, seed=31), "targets": torch.tensor([2, 0, 1, 1, 0])},
            {"logits": _random(4, 4, seed=32), "targets": torch.tensor([1, 3, 0, 1])}]


def _one_hot(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.one_hot(targets, logits.shape[1]).double()


def _index_all(x: Tensor, t: Tensor) -> Tensor:
    grad = x.softmax(1)
    grad[:, t] -= 1
    return grad / len(t)


def _index_rows(x: Tensor, t: Tensor) -> Tensor:
    grad = x.softmax(1)
    grad[t] -= 1
    return grad / len(t)


def _index_swapped(x: Tensor, t: Tensor) -> Tensor:
    grad = x.softmax(1)
    grad[t, torch.arange(len(t))] -= 1
    return grad / len(t)


SOFTMAX_NLL = Function(_nll_cases, [nll_grad], (
    Mistake("missing_mean", "Each number is too large by the batch size: 1/n is missing.",
            "The loss is a mean over the batch, so each row counts for 1/n of it.", "Divide by len(targets).", 2,
            lambda x, t: nll_grad(x, t) * len(t)),
    Mistake("missing_one_hot", "These are the probabilities; the one-hot targets were not taken away.",
            "Without them all logits are pushed down, the right ones too.",
            "Subtract 1 at the place of the target in each row.", 3, lambda x, t: x.softmax(1) / len(t)),
    Mistake("sign", "The sign is flipped: target minus prediction.",
            "Going downhill with it makes the loss grow.", "Take softmax minus one-hot.", 1,
            lambda x, t: -nll_grad(x, t)),
    Mistake("plus_one_hot", "The one-hot targets are added, not taken away.",
            "The right class is then pushed down harder than all others.", "Replace the plus by a minus.", 1,
            lambda x, t: (x.softmax(1) + _one_hot(x, t)) / len(t)),
    Mistake("wrong_axis", "Softmax runs over the batch: your columns sum to 1, not your rows.",
            "The probabilities of one example may not depend on the other examples.", "Take softmax along dim=1.", 2,
            lambda x, t: (x.softmax(0) - _one_hot(x, t)) / len(t)),
    Mistake("no_softmax", "The one-hot targets are taken from the logits themselves.",
            "The gradient is what the model *said*, as probabilities, minus what it should have said.",
            "Take softmax of the logits first.", 1, lambda x, t: (x - _one_hot(x, t)) / len(t)),
    Mistake("log_softmax", "The one-hot targets are taken from log-probabilities.",
            "The derivative of log_softmax brings probabilities, without the log.", "Take softmax, not log_softmax.", 1,
            lambda x, t: (x.log_softmax(1) - _one_hot(x, t)) / len(t)),
    Mistake("mean_over_all", "You divide by the number of all logits, examples times classes.",
            "The loss is a mean over examples only.", "Divide by len(targets).", 2,
            lambda x, t: nll_grad(x, t) / x.shape[1]),
    Mistake("divided_by_classes", "You divide by the number of classes.", "The loss is a mean over the examples.",
            "Divide by len(targets).", 2, lambda x, t: nll_grad(x, t) * len(t) / x.shape[1]),
    Mistake("targets_as_numbers", "The class numbers themselves are subtracted.",
            "A class is a place, not a quantity: 1 is subtracted at that place, and nothing elsewhere.",
            "Subtract 1 at [rows, targets].", 3, lambda x, t: (x.softmax(1) - t[:, None]) / len(t),
            (lambda x, t: (x.softmax(1) - t) / len(t),)),
    Mistake("index_all", "grad[:, targets] -= 1 takes 1 from these columns in *every* row.",
            "Each example has one right class.", "Write grad[torch.arange(len(targets)), targets] -= 1.", 3,
            _index_all),
    Mistake("index_rows", "grad[targets] -= 1 takes 1 from whole rows: the targets were used as row numbers.",
            "A target is the number of a class, and classes are columns.",
            "Write grad[torch.arange(len(targets)), targets] -= 1.", 3, _index_rows),
    Mistake("index_swapped", "The two indices are swapped: targets stand for the rows.",
            "A target is the number of a class, and classes are columns.",
            "Write the rows first: grad[torch.arange(len(targets)), targets] -= 1.", 3, _index_swapped),
    Mistake("only_target", "Only the place of the target has a gradient; the other classes have 0.",
            "The other logits count too: they are in the sum that softmax divides by, and must be pushed down.",
            "Begin with softmax of all logits, and subtract 1 at the place of the target.", 3,
            lambda x, t: nll_grad(x, t) * _one_hot(x, t)),
    Mistake("subtracted_everywhere", "1 is subtracted from every entry.",
            "Only the place of the target is to lose 1.", "Write grad[torch.arange(len(targets)), targets] -= 1.", 3,
            lambda x, t: (x.softmax(1) - 1) / len(t)),
    Mistake("half_divided", "Only one of the two terms is divided by the batch size.",
            "1/n belongs to the whole difference.", "Put softmax - one_hot in brackets, then divide.", 2,
            lambda x, t: x.softmax(1) - _one_hot(x, t) / len(t)),
    Mistake("half_divided_softmax", "Only one of the two terms is divided by the batch size.",
            "1/n belongs to the whole difference.", "Put softmax - one_hot in brackets, then divide.", 2,
            lambda x, t: x.softmax(1) / len(t) - _one_hot(x, t)),
    Mistake("softmax_slope", "The slope of softmax, p * (1 - p), was multiplied in.",
            "Together with the log it cancels: what is left is softmax minus one-hot.", "Leave that factor out.", 1,
            lambda x, t: nll_grad(x, t) * x.softmax(1) * (1 - x.softmax(1))),
    Mistake("loss_value", "This is the loss of each entry, not its gradient.",
            "The gradient says how the loss changes when a logit changes.", "Take softmax minus one-hot.", 1,
            lambda x, t: -x.log_softmax(1) * _one_hot(x, t)),
    Mistake("overflow", "For ordinary logits it is right. For a logit of 1000 it is nan: exp(1000) is inf.",
            "inf / inf is nan, and one nan spoils all weights in the next step.",
            "Subtract the largest logit of each row before exp.", 3,
            lambda x, t: (x.exp() / x.exp().sum(1, keepdim=True) - _one_hot(x, t)) / len(t)),
), extremes=lambda: [{"logits": torch.tensor([[1000.0, 0.0, 1.0], [0.0, 1000.0, 2.0]]),
                      "targets": torch.tensor([1, 1])}],
    at_extremes="overflow",
    twists={"sign": lambda parts, _inputs: tuple(-part for part in parts),
            "missing_mean": lambda parts, inputs: tuple(part * len(inputs["targets"]) for part in parts)})

_AUTOGRAD = (torch.autograd.grad, torch.autograd.backward, Tensor.backward, torch.func.grad, torch.func.vjp)


def _ours(name: str) -> tuple:
    """The exported code of lesson 16 where there is some, so that calling it is seen."""
    try:
        from lessonlib import gradients
    except ImportError:
        return ()
    return (getattr(gradients, name),) if hasattr(gradients, name) else ()


EXERCISES = {
    "linear_backward": LINEAR.exercise(("backward",), (*_AUTOGRAD, *_ours("linear_backward"))),
    "softmax_nll_grad": SOFTMAX_NLL.exercise(("backward", "cross_entropy"), (*_AUTOGRAD, *_ours("softmax_nll_grad"))),
}
