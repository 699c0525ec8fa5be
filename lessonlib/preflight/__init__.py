"""Before anything is trained: what cannot work, or would work on something else than was meant, is said in one sentence.

`check_params` is asked when parameters are handed to an optimizer, `check_training` when all the parts are handed to
`fit`. Both look once, so that the loop itself stays short and never waits for a GPU.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite, isnan
from numbers import Number
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader, TensorDataset

__all__ = ["check_losses", "check_params", "check_settings", "check_training", "metric_name", "stoppable"]


# --- for optimizers ------------------------------------------------------------------------------------------------


def check_params(
    params: Iterable[Tensor],  # what to train, as from `model.parameters()`
) -> list[Tensor]:  # each of them once
    """The parameters to train. Raises `TypeError` or `ValueError` for what would not be trained."""
    if isinstance(params, Tensor):
        raise TypeError(f"expected a list of parameters; got one tensor of shape {tuple(params.shape)}, whose rows are not "
                        "parameters. For a single one write [w]")
    if callable(getattr(params, "parameters", None)):
        raise TypeError(f"expected parameters; got a model ({type(params).__name__}): write model.parameters()")
    if callable(params):
        raise TypeError("expected parameters; got a function: call it, as in model.parameters()")
    if isinstance(params, Mapping):
        raise TypeError(f"expected a list of parameters; got a dict with the keys {_some(params)}: write "
                        "list(params.values())")
    if not isinstance(params, Iterable) or isinstance(params, str):
        raise TypeError(f"expected a list of parameters; got {_kind(params)}")
    found = list(params)
    if not found:
        raise ValueError("got no parameters to train; were they wrapped in nn.Parameter? "
                         "A generator can be used only once: call model.parameters() again")
    for place, p in enumerate(found):
        _check_param(place, p)
    by_hand = not torch.is_grad_enabled()  # who switches autograd off sets the gradients with p.grad = ...
    if not by_hand and not any(getattr(p, "requires_grad", True) for p in found):
        raise ValueError(f"none of the {len(found)} parameters takes a gradient, so nothing would be trained; "
                         "unfreeze some of them with p.requires_grad_()")
    return list({id(p): p for p in found}.values())


def _check_param(place: int, p: object) -> None:
    if isinstance(p, Mapping):
        raise TypeError("expected parameters; got dicts, groups of parameters with settings of their own. This optimizer "
                        "has one setting for all: make one for each group, or take one of torch.optim")
    if isinstance(p, tuple) and p and isinstance(p[0], str):
        raise TypeError(f"expected parameters; got pairs of a name and a parameter, such as {p[0]!r}: write "
                        "model.parameters(), not named_parameters()")
    if not isinstance(p, Tensor):
        if hasattr(p, "grad"):
            return  # a tensor of another kind, such as one on the tape of lesson 17
        raise TypeError(f"expected a tensor at place {place} of the parameters; got {_kind(p)}")
    shape = tuple(p.shape)
    if not p.is_leaf:
        raise ValueError(f"the tensor at place {place}, of shape {shape}, was calculated from another one, which gets the "
                         "gradient in its stead, so it would never change. Make it a parameter of its own: "
                         "nn.Parameter(tensor.detach())")
    by_hand = not torch.is_grad_enabled()
    if not by_hand and not p.requires_grad and not isinstance(p, nn.Parameter):  # those are frozen on purpose
        raise ValueError(f"the tensor at place {place}, of shape {shape}, takes no gradient, so it would never change; "
                         "wrap it in nn.Parameter, or call .requires_grad_() on it")


def check_settings(
    **settings: float,  # by name: a learning rate, a momentum, ...
) -> None:
    """Raise `TypeError` or `ValueError` unless each is a number of 0 or more; a `momentum` or `beta` is below 1."""
    for name, value in settings.items():
        if not isinstance(value, (Number, Tensor)) or isinstance(value, bool):
            raise TypeError(f"expected {name} to be a number; got {_kind(value)}")
        below_one = name.startswith("beta")
        if not (0 <= value < (1 if below_one else float("inf"))):  # also false for nan
            raise ValueError(f"expected {name} {'from 0 to below 1' if below_one else 'of 0 or more'}; got {value}")


# --- for fit -------------------------------------------------------------------------------------------------------


def check_training(
    model: Callable[[Tensor], Tensor],
    train: Iterable,  # pairs (xb, yb)
    valid: Iterable | None,  # the same
    loss_func: Callable[[Tensor, Tensor], Tensor],
    opt: object,  # with step() and zero_grad()
    epochs: int,
    metrics: Sequence[Callable],
) -> None:
    """Raise `TypeError` or `ValueError` for parts that do not work together. Nothing is changed and nothing used up.

    Two rows go through model, loss and metrics, in eval mode; all targets are looked at, where they are at hand.
    """
    _check_made(model, train, valid, loss_func, opt, epochs, metrics)
    _check_names(metrics)
    _check_trained(model, opt)
    for name, loader in (("train", train), ("valid", valid)):
        if loader is not None and (batch := _first_batch(name, loader)) is not None:
            x, y = _check_batch(name, batch)
            _check_home(name, model, x)
            _check_last_batch(name, model, loader)
            _try(name, model, loader, (x[:2], y[:2]), loss_func, metrics if valid is not None else ())


def metric_name(metric: Callable) -> str:
    """A function's name; for an object without one, such as a module, the name of its class."""
    return getattr(metric, "__name__", type(metric).__name__)


def _check_made(model, train, valid, loss_func, opt, epochs, metrics) -> None:
    """That each part is what it is called, and not the class of it."""
    if callable(metrics) or not isinstance(metrics, Sequence) or isinstance(metrics, str):
        raise TypeError(f"expected metrics to be a list of functions; got {_kind(metrics)}: write metrics=[...]")
    parts = {"model": model, "loss_func": loss_func, "opt": opt, **{f"metrics[{i}]": m for i, m in enumerate(metrics)}}
    for name, part in parts.items():
        if isinstance(part, type):
            raise TypeError(f"expected {name} to be an object; got the class {part.__name__}: make one, as in "
                            f"{part.__name__}()")
        if name != "opt" and not callable(part):
            raise TypeError(f"expected {name} to be a function or a module; got {_kind(part)}")
    if not all(callable(getattr(opt, method, None)) for method in ("step", "zero_grad")):
        raise TypeError(f"expected opt to be an optimizer, with step() and zero_grad(); got {_kind(opt)}")
    for name, loader in (("train", train), ("valid", valid)):
        if loader is None and name == "valid":
            continue
        if isinstance(loader, Tensor) or not (hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")):
            raise TypeError(f"expected {name} to be a loader of batches; got {_kind(loader)}")
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 0:
        raise ValueError(f"expected epochs to be a whole number of 0 or more; got {epochs!r}")


def _check_names(metrics: Sequence[Callable]) -> None:
    """That no column of the history would take the place of another."""
    taken = Counter(["epoch", "train_loss", "valid_loss", "seconds", *map(metric_name, metrics)])
    for name, times in taken.items():
        if times > 1:
            raise ValueError(f"two columns of the history would be called {name!r}, and one of them would be lost; give "
                             "each metric a name of its own, with def")


def _check_trained(model: Any, opt: object) -> None:
    """That the optimizer changes the parameters of this model, and misses none that waits to be trained."""
    groups = getattr(opt, "param_groups", None) or [{"params": getattr(opt, "params", [])}]
    known = {id(p) for group in groups for p in group["params"]}
    own = list(model.parameters()) if callable(getattr(model, "parameters", None)) else []
    if own and known and not any(id(p) in known for p in own):
        raise ValueError("the optimizer knows none of the model's parameters, so the model would learn nothing; make it "
                         "with model.parameters(), after the model")
    if own and not any(p.requires_grad for p in own):
        raise ValueError("none of the model's parameters takes a gradient, so nothing would be trained; unfreeze some of "
                         "them with p.requires_grad_()")
    known |= {id(p) for p in own}
    for part in _modules(model):
        for name, value in vars(part).items():
            _check_found(f"{type(part).__name__}.{name}", value, known)


def _check_found(name: str, value: Any, known: set[int]) -> None:
    """That what takes a gradient is among the parameters, wherever it is kept."""
    if isinstance(value, (list, tuple, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            _check_found(name, part, known)
    elif isinstance(value, Tensor):
        if value.requires_grad and value.is_leaf and id(value) not in known:
            raise ValueError(f"the tensor {name} takes a gradient and is not among the model's parameters, so it would "
                             "never change; wrap it in nn.Parameter (in a list: nn.ParameterList)")
    elif callable(getattr(value, "parameters", None)) and not isinstance(value, type) and any(
            isinstance(p, Tensor) and p.requires_grad and id(p) not in known for p in value.parameters()):
        raise ValueError(f"the model does not find the parameters of {name} ({type(value).__name__}), so they would never "
                         "change; keep PyTorch's layers in nn.ModuleList or nn.ModuleDict, and modules of ours in a "
                         "module of ours")


def _modules(model: Any) -> list:
    """The model and all modules inside it, ours or PyTorch's, each once; nothing for a plain function."""
    found, waiting = {}, [model] if callable(getattr(model, "children", None)) else []
    while waiting:
        part = waiting.pop()
        if id(part) not in found:
            found[id(part)] = part
            waiting += part.children()
    return list(found.values())


def _first_batch(name: str, loader: Any) -> object | None:
    """The first batch, without using it up; None where that cannot be done."""
    x, y = (getattr(loader, key, None) for key in "xy")
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return x[:2], y[:2]
    if isinstance(loader, Sequence):
        if not loader:
            return None  # told by fit: no batches
        if isinstance(loader[0], Tensor):
            raise TypeError(f"expected {name} to be a loader of batches; got a {type(loader).__name__} of tensors: write "
                            "BatchLoader(x, y)")
        return loader[0]
    plain = isinstance(loader, DataLoader) and loader.collate_fn is torch.utils.data.default_collate
    if plain and isinstance(loader.dataset, TensorDataset):
        return tuple(t[:2] for t in loader.dataset.tensors)
    with _random_numbers_kept(loader):
        batches = iter(loader)
        return None if batches is loader else next(batches, None)  # a generator: what is looked at would be gone


@contextmanager
def _random_numbers_kept(*owners: object) -> Iterator[None]:
    """Within this block random numbers may be drawn; after it they come as if none had been."""
    parts = [part for owner in owners for part in (owner, *(getattr(owner, key, None) for key in ("sampler", "dataset")))]
    own = {id(g): g for part in parts for g in getattr(part, "__dict__", {}).values() if isinstance(g, torch.Generator)}
    states = [(generator, generator.get_state()) for generator in own.values()]
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for generator, state in states:
                generator.set_state(state)


def _check_batch(name: str, batch: object) -> tuple[Tensor, Tensor]:
    if isinstance(batch, Mapping):
        raise TypeError(f"expected each batch of {name} to be a pair (xb, yb); got a dict with the keys {_some(batch)}")
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        got = f"{len(batch)} things" if isinstance(batch, (tuple, list)) else _kind(batch)
        raise TypeError(f"expected each batch of {name} to be a pair (xb, yb); got {got}")
    for thing, what in zip(batch, ("inputs", "targets"), strict=True):
        if not isinstance(thing, Tensor):
            hint = ": torch.from_numpy makes one" if type(thing).__module__ == "numpy" else ""
            raise TypeError(f"expected the {what} in {name} to be a tensor; got {_kind(thing)}{hint}")
    x, y = batch
    if not x.ndim or not y.ndim or len(x) != len(y):
        raise ValueError(f"expected one target for each input in {name}; got {tuple(x.shape)} and {tuple(y.shape)}")
    if not len(x):
        raise ValueError(f"expected batches with at least one row in {name}; got none")
    return x, y


def _check_home(name: str, model: Any, x: Tensor) -> None:
    """That model and data live on one device and are of one precision."""
    p = next(iter(model.parameters()), None) if callable(getattr(model, "parameters", None)) else None
    if p is None:
        return
    if p.device.type != x.device.type:
        raise ValueError(f"the model is on {p.device.type} and {name} on {x.device.type}; put both on one device: "
                         "model.to(device), x.to(device), y.to(device)")
    if x.dtype == torch.uint8 and p.is_floating_point():
        raise TypeError(f"the model takes {p.dtype} and {name} holds bytes (uint8): as_rows turns pictures into floats")
    if x.is_floating_point() and p.is_floating_point() and x.dtype != p.dtype:
        raise TypeError(f"the model takes {p.dtype} and {name} holds {x.dtype}; make them one: x.to({p.dtype})")


def _check_last_batch(name: str, model: Callable, loader: Iterable) -> None:
    """That a layer which compares the rows of a batch never gets a batch of one."""
    if name != "train" or not any(isinstance(part, _BatchNorm) for part in _modules(model)):
        return
    if isinstance(loader, Sequence):
        smallest = min(len(batch[0]) for batch in loader)
    else:
        x = getattr(loader, "x", getattr(loader, "dataset", None))
        size = getattr(loader, "batch_size", None)
        if x is None or not size or getattr(loader, "drop_last", False):
            return
        smallest = len(x) % size or size
    if smallest == 1:
        raise ValueError("the last batch of an epoch holds one row, and BatchNorm needs two to compare; take another batch "
                         "size, leave a row out, or drop that batch (DataLoader(..., drop_last=True))")


def _try(name: str, model: Callable, loader: Iterable, pair: tuple[Tensor, Tensor], loss_func: Callable,
         metrics: Sequence[Callable]) -> None:
    """Send two rows through, without training; look at all targets before a GPU could fail on one."""
    x, y = pair
    modes = [(part, part.training) for part in _modules(model) if hasattr(part, "training")]
    for part, _ in modes:
        part.training = False
    try:
        with _random_numbers_kept():
            output = model(x)
            if isinstance(output, Tensor):
                _check_values(name, loader, output, x, y, loss_func)
            loss = _call("loss_func", loss_func, output, y)
            _check_loss(loss_func, loss)
            with torch.no_grad():
                for metric in metrics:
                    value = _call(f"the metric {metric_name(metric)}", metric, output, y)
                    if not isinstance(value, Number) and not (isinstance(value, Tensor) and value.ndim == 0):
                        got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else _kind(value)
                        raise TypeError(f"expected one number from the metric {metric_name(metric)}; got {got}")
    finally:
        for part, mode in modes:
            part.training = mode


def _call(what: str, function: Callable, output: Tensor, y: Tensor) -> object:
    """The function's answer; where it fails, what it was given is said as well."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Using a target size")  # (n, 1) and (n,) make (n, n)
            return function(output, y)
    except Exception as error:
        given = [f"{tuple(t.shape)} of {t.dtype}" if isinstance(t, Tensor) else _kind(t) for t in (output, y)]
        hint = " For numbers instead of classes pass metrics=()." if what.startswith("the metric") and (
            isinstance(y, Tensor) and y.is_floating_point()) else ""
        raise ValueError(f"{what} failed on outputs {given[0]} and targets {given[1]}: {str(error).splitlines()[0]}.{hint}"
                         if str(error) else f"{what} failed: {type(error).__name__}.{hint}") from error


def _check_loss(loss_func: Callable, loss: object) -> None:
    if not isinstance(loss, Tensor) or loss.ndim:
        got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else _kind(loss)
        raise TypeError(f"expected one number, as a tensor, from loss_func; got {got}")
    if not loss.requires_grad:
        raise ValueError(f"the loss from {metric_name(loss_func)} does not lead back to any parameter, so nothing would be "
                         "trained: do the parameters take a gradient, and is the loss one that has slopes?")


def _check_values(name: str, loader: Iterable, output: Tensor, x: Tensor, y: Tensor, loss_func: Callable) -> None:
    """That all targets, where they are at hand, are classes that the model knows, and that nothing is nan."""
    targets = _all_targets(loader)
    targets = y if targets is None else targets
    for what, values in (("inputs", x), ("targets", targets)):
        if values.is_floating_point() and values.isnan().any():
            raise ValueError(f"the {what} in {name} hold nan (not a number)")
    if targets.dtype != torch.int64 or targets.ndim != 1 or output.ndim != 2 or output.shape[1] < 2:
        return
    ignored = getattr(loss_func, "ignore_index", None)
    kept = targets if ignored is None else targets[targets != ignored]
    low, high = kept.aminmax() if len(kept) else (0, 0)
    if low < 0 or high >= output.shape[1]:
        raise ValueError(f"expected class numbers from 0 to {output.shape[1] - 1}, one for each of the model's "
                         f"{output.shape[1]} outputs; the targets in {name} go from {int(low)} to {int(high)}")


def _all_targets(loader: Any) -> Tensor | None:
    """All targets of a loader; None where they are not at hand."""
    if isinstance(getattr(loader, "y", None), Tensor):
        return loader.y
    if isinstance(loader, DataLoader) and isinstance(loader.dataset, TensorDataset):
        return loader.dataset.tensors[1]
    if isinstance(loader, Sequence) and all(
            isinstance(batch, (tuple, list)) and len(batch) == 2 and isinstance(batch[1], Tensor) for batch in loader):
        return torch.cat([batch[1].flatten() if batch[1].ndim != 1 else batch[1] for batch in loader])
    return None


# --- while it trains -----------------------------------------------------------------------------------------------


def check_losses(
    losses: Sequence[float],  # of one epoch
) -> None:
    """Warn where the losses of an epoch cannot be what was meant: nan, infinite, or below zero."""
    broken = next((place for place, loss in enumerate(losses) if not isfinite(loss)), None)
    if broken is not None:
        what = "nan (not a number)" if isnan(losses[broken]) else "infinite"
        warnings.warn(f"the loss is {what} from batch {broken} of this epoch on, and nothing is learned any more: is the "
                      "learning rate too large, or is there a nan in the data, or the log of a 0 in the loss?", stacklevel=3)
    elif losses and sum(losses) < 0:
        warnings.warn("the loss is below zero: does it get what it expects? nll takes log-probabilities (the last layer is "
                      "log_softmax), cross_entropy takes logits, binary_cross_entropy takes probabilities and targets "
                      "from 0 to 1", stacklevel=3)


@contextmanager
def stoppable(
    history: Any,  # with a list `rows`, one for each epoch that is over
) -> Iterator[None]:
    """Within this block Ctrl-C (in a notebook: Interrupt) ends the training, and what was written down is kept.

    In the first epoch there is nothing to keep: there it is the usual `KeyboardInterrupt`.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not history.rows:
            raise
        n = len(history.rows)
        print(f"Stopped in epoch {n + 1}; the history holds the {n} before it, and the model keeps what it has learned.")


def _kind(thing: object) -> str:
    name = type(thing).__name__
    return "None" if thing is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _some(keys: Iterable) -> str:
    shown = [repr(key) for key in list(keys)[:4]]
    return ", ".join(shown)
