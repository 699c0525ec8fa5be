"""A linear layer as a module: how it is built, what it keeps, what it computes, and whether it can be trained."""

from typing import Any

import torch
from torch import Tensor, nn

from lessonlib import layers
from lessonlib.course.exercises import reading
from lessonlib.course.exercises.compare import equal, shape_of, side_by_side, to_tensor
from lessonlib.course.exercises.court import Court, Exercise, Raised
from lessonlib.course.exercises.errors import called_wrongly
from lessonlib.course.exercises.verdict import Found, Mistake

N_IN, N_OUT, BATCH = 5, 3, 4

MISTAKES = {mistake.code: mistake for mistake in (
    # --- how it is built
    Mistake("not_a_module", "MyLinear is a plain class; it is no nn.Module (nor our Module).",
            "Without that there is no parameters(), and no optimizer could find the weights.",
            "Write class MyLinear(nn.Module): and super().__init__() first thing in the constructor.", 3),
    Mistake("forward_misspelt", "There is no `forward`, but there is `{found}`.",
            "Calling the module, model(x), looks for exactly that name.", "Rename it to forward.", 3),
    Mistake("no_forward", "There is no method `forward`.", "Calling the module, model(x), looks for it.",
            "Add def forward(self, x): with a return.", 3),
    # --- what it keeps
    Mistake("no_parameters", "parameters() is empty, and no tensor is kept in the object.",
            "There is nothing that could be trained.", "Keep self.weight and self.bias, each an nn.Parameter.", 3),
    Mistake("plain_tensor", "{names} is a plain tensor, not an nn.Parameter.",
            "parameters() does not find it, so the optimizer never changes it: it stays as random as it began.",
            "Wrap it: nn.Parameter(...).", 2),
    Mistake("plain_list", "{names} is kept in a plain list or dictionary.",
            "nn.Module looks at its attributes only, not into lists; the optimizer never sees what is in there.",
            "Keep weight and bias each in an attribute of its own.", 2),
    Mistake("buffer", "{names} is registered as a buffer.", "A buffer is saved with the module, but never trained.",
            "Make it an nn.Parameter.", 2),
    Mistake("frozen", "{names} has requires_grad=False.", "PyTorch computes no gradient (lesson 8) for it, so it never changes.",
            "Leave out what sets requires_grad to False.", 2),
    Mistake("hard_coded", "The weight has the shape {got}, although MyLinear({n_in}, {n_out}) was asked for.",
            "A layer in the middle of a network has other sizes than the first one.",
            "Use n_in and n_out where you wrote numbers.", 2),
    Mistake("weight_shape", "The weight has the shape {got}; (n_in, n_out) is {wanted} here.",
            "Each of the n_in inputs needs a weight for each of the n_out outputs.",
            "Make it of shape (n_in, n_out).", 2),
    Mistake("bias_missing", "There is no bias.",
            "For an input of zeros every output is then 0, and the line is forced through the origin.",
            "Add self.bias, an nn.Parameter of shape (n_out,), and add it in forward.", 3),
    Mistake("bias_shape", "The bias has the shape {got}; (n_out,) is ({n_out},) here.",
            "Each output has a bias of its own.", "Make it of shape (n_out,).", 2),
    Mistake("zeros", "All weights begin as {value}.",
            "In a hidden layer all outputs would be alike, learn the same, and stay alike for ever.",
            "Begin with random numbers: torch.randn(n_in, n_out) / n_in.", 3),
    Mistake("shared", "Two layers made one after the other hold the very same weight.",
            "Training one of them would change the other.", "Make the parameters inside __init__.", 1),
    Mistake("new_weights", "The same input gives different outputs: the weights are drawn anew at each call, or something "
            "else in forward is random.",
            "What was learned is thrown away before it is used.",
            "Make the parameters once, in __init__; forward only uses them.", 1),
    # --- what it computes
    Mistake("transposed", "The weight of shape {got} does not fit the product in forward{where}: {error}.",
            "(batch, n_in) @ (n_in, n_out) is (batch, n_out): the two sizes in the middle must be equal.",
            "Either keep the weight as (n_in, n_out) and write x @ self.weight, or as (n_out, n_in), with .T.", 2),
    Mistake("bias_unused", "The bias is there, but the output does not change when it changes.",
            "So training cannot find out how to change it.", "Add it in forward: ... + self.bias.", 3),
    Mistake("bias_subtracted", "The bias is subtracted.",
            "It would still train, with its sign flipped; but put in the numbers of nn.Linear and you get others.",
            "Write + self.bias.", 3),
    Mistake("bias_multiplied", "The bias is multiplied in, not added.",
            "A bias moves the output; multiplied it stretches it.", "Write + self.bias.", 3),
    Mistake("relu_inside", "What is below zero is cut off or bent: there is a ReLU in your layer.",
            "A linear layer alone must be able to give negative numbers; ReLU is a layer of its own.",
            "Return x @ weight + bias as it is.", 1),
    Mistake("softmax_inside", "The outputs of a row sum to 1: there is a softmax (lesson 7) in your layer.",
            "A linear layer gives raw scores; softmax (lesson 7) comes once, at the end of the model.",
            "Return x @ weight + bias as it is.", 1),
    Mistake("sigmoid_inside", "The outputs are squashed between 0 and 1, or -1 and 1.",
            "An activation is a layer of its own.", "Return x @ weight + bias as it is.", 1),
    Mistake("weight_unused", "The output does not change when the weight changes.",
            "The parameter that the optimizer trains is not the one that computes.",
            "Use self.weight in forward.", 1),
    Mistake("data_in_forward", "No gradient (lesson 8) arrives at {names}: .data, .detach() or no_grad stands in the way.",
            "The numbers are right, but this layer can never learn.",
            "Use self.weight and self.bias themselves in forward.", 2),
    Mistake("output_detached", "What comes out holds no record of how it was made.",
            "backward() would not find its way to the weights, so nothing could learn.",
            "Leave out .data, .detach() and no_grad in forward.", 2),
    Mistake("not_trained", "After three steps of SGD {names} is not where it should be.",
            "The output is right, and what training makes of it is not.", "Look for something besides x @ weight + bias.", 2),
)}


def _make(court: Court, attempt: type) -> Any:
    try:
        return court.call(attempt, {"n_in": N_IN, "n_out": N_OUT})
    except Raised as raised:
        error = str(raised.error)  # of super().__init__(n_in, n_out)
        if f"{attempt.__name__}.__init__() takes 1 positional" in error and not called_wrongly(raised.error):
            raise Found("no_super", error="it was called with arguments, and takes none") from None
        raise


def _tensors(layer: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Tensors in the attributes that are no parameters, and tensors inside lists and dictionaries there."""
    plain, listed = {}, {}
    for name, value in vars(layer).items():
        if name.startswith("_") and name in vars(nn.Module()):
            continue
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            plain[name] = value
        elif any(isinstance(part, Tensor) for part in inside):
            listed[name] = value
    return plain, listed


def _named(layer: Any) -> dict[str, nn.Parameter]:
    """The parameters that an optimizer would find, by name."""
    if isinstance(layer, nn.Module):
        return dict(layer.named_parameters())
    names = {id(value): name for name, value in vars(layer).items()}
    return {names.get(id(p), f"parameter {i}"): p for i, p in enumerate(layer.parameters())}


def _check_kept(layer: Any, named: dict[str, nn.Parameter]) -> None:
    plain, listed = _tensors(layer)
    large = {name for name, value in plain.items() if value.numel() in (N_IN * N_OUT, N_OUT) and value.is_floating_point()}
    if listed and len(named) < 2:
        raise Found("plain_list", names=" and ".join(f"self.{name}" for name in listed))
    if large and len(named) < 2:
        raise Found("plain_tensor", names=" and ".join(f"self.{name}" for name in sorted(large, reverse=True)))
    if isinstance(layer, nn.Module) and len(named) < 2 and (buffers := dict(layer.named_buffers())):
        raise Found("buffer", names=" and ".join(f"self.{name}" for name in buffers))
    _check_frozen(named)


def _check_frozen(named: dict[str, nn.Parameter]) -> None:
    frozen = [name for name, p in named.items() if not p.requires_grad]
    if frozen:
        raise Found("frozen", names=" and ".join(f"self.{name}" for name in frozen))


def _forward(court: Court, attempt: type, layer: Any, x: Tensor, keep: bool = False) -> Any:
    try:
        return court.call(layer, {"x": x}, name="MyLinear(n_in, n_out)", keep=("x",) if keep else ())
    except Raised as raised:
        found = court.translate(raised)
        if found.code in ("shapes", "index"):
            _explain_shapes(layer, found)
        raise


def _explain_shapes(layer: Any, found: Found) -> None:
    facts = {key: found.facts[key] for key in ("where", "error")}
    for p in _named(layer).values():
        shape = tuple(p.shape)
        if p.ndim == 2 and shape in ((784, 10), (10, 784)):
            raise Found("hard_coded", got=shape, n_in=N_IN, n_out=N_OUT) from None
        if p.ndim == 2 and shape in ((N_IN, N_OUT), (N_OUT, N_IN)):
            fits = [()] if "mat1 and mat2" not in facts["error"] else [(), (N_OUT, 1)]
            if bias := [q for q in _named(layer).values() if q is not p
                        and tuple(q.shape) not in (*fits, (1,), (N_OUT,), (1, N_OUT))]:
                raise Found("bias_shape", got=tuple(bias[0].shape), n_out=N_OUT) from None
            raise Found("transposed", got=shape, **facts) from None
        if p.ndim >= 2:
            raise Found("weight_shape", got=shape, wanted=(N_IN, N_OUT)) from None


def _fill(parameters: list[nn.Parameter]) -> None:
    """Give the parameters known random float64 numbers."""
    rng = torch.Generator().manual_seed(60)
    for p in parameters:
        p.data = torch.randn(p.shape, generator=rng, dtype=torch.float64)


def _weight_and_bias(named: dict[str, nn.Parameter]) -> tuple[str | None, str | None]:
    weights = [name for name, p in named.items() if p.numel() == N_IN * N_OUT]
    biases = [name for name, p in named.items() if p.numel() == N_OUT]
    return (weights[0] if weights else None), (biases[0] if biases else None)


def _examine(court: Court, attempt: Any) -> list[str]:
    if isinstance(attempt, (nn.Module, layers.Module)):
        raise Found("not_a_class", what=f"a finished layer, {shape_of(attempt)}")
    court.need_class(attempt)
    layer = _make(court, attempt)
    _check_structure(attempt, layer)
    named = _named(layer)
    x = torch.randn(BATCH, N_IN, generator=torch.Generator().manual_seed(61), dtype=torch.float64)
    plain, listed = _tensors(layer)
    if not (named or plain or listed or (isinstance(layer, nn.Module) and list(layer.buffers()))):
        first, second = (_forward(court, attempt, layer, x) for _ in range(2))
        kept = isinstance(first, Tensor) and isinstance(second, Tensor)
        raise Found("new_weights" if kept and not torch.equal(first, second) else "no_parameters")
    _check_kept(layer, named)
    begin = [p.detach().clone() for p in named.values()]
    again = _make(court, attempt)
    if {id(p) for p in named.values()} & {id(p) for p in _named(again).values()}:
        raise Found("shared")
    for p in named.values():
        p.data = p.data.double()
    first = _result(court, _forward(court, attempt, layer, x))
    second = _result(court, _forward(court, attempt, layer, x))
    if not torch.allclose(first.detach(), second.detach(), equal_nan=True) or (
            {id(p) for p in named.values()} != {id(p) for p in _named(layer).values()}):
        raise Found("new_weights", evidence=side_by_side(second.detach(), first.detach(), "the second output"))
    _check_frozen(named)
    _fill(list(named.values()))
    _check_output(court, attempt, layer, x, named)
    _check_begin(named, begin)
    return _notes(attempt, named)


def _check_structure(attempt: type, layer: Any) -> None:
    if not isinstance(layer, (nn.Module, layers.Module)):
        raise Found("not_a_module")
    if isinstance(layer, nn.Module) and "_parameters" not in vars(layer):
        raise Found("no_super", error="super().__init__() was not called")
    own = [cls for cls in attempt.__mro__ if cls not in (nn.Module, layers.Module, object)]
    if not any({"forward", "__call__"} & set(vars(cls)) for cls in own) and "forward" not in vars(layer):
        found = next((name for name in reading.methods(attempt) if name.strip("_").lower() in (
            "forwards", "foward", "foreward", "forwad", "forwrad", "fwd", "call", "apply", "predict", "run")), "")
        found = found or reading.misspelt(attempt, "forward")
        raise Found("forward_misspelt", found=found) if found else Found("no_forward")


def _result(court: Court, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise Found("not_numbers", call="MyLinear(n_in, n_out)(x)", what=shape_of(value), wanted="a tensor")
    return value


def _check_output(court: Court, attempt: type, layer: Any, x: Tensor, named: dict[str, nn.Parameter]) -> None:
    out = _result(court, _forward(court, attempt, layer, x))
    weight_name, bias_name = _weight_and_bias(named)
    one = torch.ones(BATCH, 1)
    fused = [p for p in named.values() if tuple(p.shape) in ((N_IN + 1, N_OUT), (N_OUT, N_IN + 1))]
    if weight_name is None and len(fused) == 1:  # weight and bias in one matrix, for x with a column of ones
        both = fused[0].detach() if fused[0].shape[1] == N_OUT else fused[0].detach().T
        rights = [torch.cat([x, one], 1) @ both, torch.cat([one, x], 1) @ both]
        right = next((r for r in rights if equal(to_tensor(out), r)), rights[0])
        _compare(court, out, right, [])
    elif weight_name is None:
        shapes = [tuple(p.shape) for p in named.values()]
        raise Found("weight_shape", got=shapes[0] if shapes else "no parameters", wanted=(N_IN, N_OUT))
    else:
        weight = named[weight_name].detach()
        weight = weight.T if weight.shape == (N_OUT, N_IN) else weight.reshape(N_IN, N_OUT)
        bias = named[bias_name].detach().reshape(N_OUT) if bias_name else None
        right = x @ weight + (0 if bias is None else bias)
        if out.requires_grad and not equal(to_tensor(out), right) and torch.autograd.grad(
                out.sum(), named[weight_name], retain_graph=True, allow_unused=True)[0] is None:
            raise Found("weight_unused")
        if bias is not None and equal(to_tensor(out), x.relu() @ weight + bias):
            raise Found("relu_inside")
        _compare_sum(court, out, x @ weight, bias, named, weight_name)
    if court.changed:
        raise Found("in_place", names=" and ".join(sorted(court.changed)))
    _check_gradients(court, attempt, layer, x, named)


def _compare_sum(court: Court, out: Tensor, product: Tensor, bias: Tensor | None, named: dict, weight_name: str) -> None:
    small = [p for name, p in named.items() if name != weight_name]
    if bias is None and equal(to_tensor(out), product) and not small:
        raise Found("bias_missing", evidence=f"parameters: {', '.join(named)}")
    if bias is None and small:
        raise Found("bias_shape", got=tuple(small[0].shape), n_out=N_OUT)
    if bias is None:
        bias, code = torch.zeros(N_OUT), "bias_missing"
        _compare(court, out, product + bias, _shapes_of_mistakes(product, bias))
        raise Found(code)
    _compare(court, out, product + bias, [("bias_unused", product), ("bias_subtracted", product - bias),
                                          ("bias_multiplied", product * bias),
                                          *_shapes_of_mistakes(product, bias)])


def _shapes_of_mistakes(product: Tensor, bias: Tensor) -> list[tuple[str, Tensor]]:
    out = product + bias
    return [("relu_inside", out.relu()), ("relu_inside", product.relu() + bias),
            ("softmax_inside", out.softmax(1)), ("softmax_inside", out.log_softmax(1)), ("softmax_inside", out.softmax(0)),
            ("sigmoid_inside", out.sigmoid()), ("sigmoid_inside", out.tanh())]


def _compare(court: Court, out: Tensor, right: Tensor, known: list[tuple[str, Tensor]]) -> None:
    yours = to_tensor(out)
    if equal(yours, right):
        return
    evidence = f"x {(BATCH, N_IN)}, with random numbers put into your parameters\n{side_by_side(yours, right, 'output')}"
    for code, numbers in known:
        if equal(yours, numbers):
            raise Found(code, evidence=evidence, expected=right, yours=yours)
    above = right > 0
    if yours.shape == right.shape and equal(yours[above], right[above]) and not equal(yours[~above], right[~above]):
        raise Found("relu_inside", evidence=evidence, expected=right, yours=yours)  # or a leaky one
    call = "MyLinear(n_in, n_out)(x)"
    if yours.shape != right.shape:
        raise Found("shape", call=call, got=tuple(yours.shape), wanted=tuple(right.shape), evidence=evidence,
                    inputs=f"x {(BATCH, N_IN)}", expected=right, yours=yours)
    code = "nan" if bool(yours.isnan().any()) else "unknown"
    raise Found(code, call=call, evidence=evidence, expected=right, yours=yours)


def _check_gradients(court: Court, attempt: type, layer: Any, x: Tensor, named: dict[str, nn.Parameter]) -> None:
    """Train three steps, and compare each parameter with what the formulas of the gradient give."""
    targets, lr = torch.ones(BATCH, N_OUT), 0.1
    for _ in range(3):
        out = _result(court, _forward(court, attempt, layer, x))
        if not out.requires_grad:
            raise Found("output_detached")
        for p in named.values():
            p.grad = None
        court.call(((out - targets) ** 2).sum().backward, name="backward", may_be_none=True)
        grad_out = 2 * (out.detach() - targets)
        lost = [f"self.{name}" for name, p in named.items() if p.grad is None]
        if lost:
            raise Found("data_in_forward", names=" and ".join(lost))
        for name, p in named.items():
            gather = torch.cat([x, torch.ones(BATCH, 1)], 1).T @ grad_out  # (n_in + 1, n_out): weight, then bias
            rights = {N_IN * N_OUT: [gather[:-1]], N_OUT: [gather[-1]],
                      gather.numel(): [gather, gather.roll(1, 0)]}.get(p.numel(), [])
            turned = [side.reshape(p.shape) for g in rights for side in (g, g.T) if g.numel() == p.numel()]
            if not any(equal(p.grad.double(), g) for g in turned):
                raise Found("not_trained", names=f"self.{name}")
        with torch.no_grad():
            for p in named.values():
                p -= lr * p.grad
    below = x.clone().requires_grad_()
    _result(court, _forward(court, attempt, layer, below, keep=True)).sum().backward()
    if below.grad is None:
        raise Found("data_in_forward", names="x, so none at the layers below this one")


def _check_begin(named: dict[str, nn.Parameter], begin: list[Tensor]) -> None:
    for p, first in zip(named.values(), begin, strict=True):
        if p.numel() > N_OUT and first.numel() > 1 and bool((first == first.flatten()[0]).all()):
            raise Found("zeros", value=f"{first.flatten()[0].item():g}")
        outputs = {(N_IN, N_OUT): first.T, (N_OUT, N_IN): first}.get(tuple(first.shape))
        if outputs is not None and torch.equal(outputs, outputs[:1].expand_as(outputs)):
            raise Found("zeros", value="the same numbers for every output")


def _notes(attempt: type, named: dict[str, nn.Parameter]) -> list[str]:
    shapes = [tuple(p.shape) for p in named.values()]
    notes = []
    if (N_IN, N_OUT) in shapes:
        notes.append("A note: you keep the weight as (n_in, n_out); PyTorch stores it as (out, in).")
    elif (N_OUT, N_IN) in shapes:
        notes.append("A note: you keep the weight as (n_out, n_in), as PyTorch does; ours is (n_in, n_out).")
    if issubclass(attempt, nn.Module) and "forward" not in vars(attempt) and "__call__" in vars(attempt):
        notes.append("A note: nn.Module brings its own __call__, which calls forward; forward is the usual place.")
    return notes


EXERCISES = {"my_linear": Exercise(_examine, MISTAKES, answers=(layers.Linear, nn.Linear, nn.LazyLinear))}
