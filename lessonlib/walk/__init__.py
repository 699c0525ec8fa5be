"""A batch on its way through a model: which layer is at work, what it was given and what it gave (for `interpret.summary`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from lessonlib.layers import Module

__all__ = ["LayerRow", "Walk", "table"]


@dataclass
class LayerRow:
    """One call of one layer: what went in, what came out, and what it can learn."""

    name: str  # where the layer is in the model, and what it is
    takes: str
    gives: str
    n_parameters: int


def table(rows: list[LayerRow]) -> str:
    """Rows as lines of text, in columns."""
    cells = [("layer", "takes", "gives", "parameters"), *((r.name, r.takes, r.gives, f"{r.n_parameters:,}") for r in rows)]
    widths = [max(len(cell[n]) for cell in cells) for n in range(3)]
    return "\n".join("  ".join([*(cell[n].ljust(widths[n]) for n in range(3)), cell[3].rjust(10)]) for cell in cells)


class Walk:
    """Takes notes while a batch goes through a model: which layer is at work, and what each was given and gave."""

    def __init__(self, model: Module | nn.Module):
        self.rows: list[LayerRow] = []
        self.at_work: list[tuple[str, object, tuple]] = []  # called and not yet done: name, layer, inputs
        self.undo: list[tuple[dict, dict]] = []  # for each module its attributes, and those that were replaced
        self.parameters: dict[int, Tensor] = {}  # all that were found
        self.counted: set[int] = set()  # those that a row has counted
        self.last, self.gave = "", ""  # the layer that was done last, and the shape that it gave
        self._attach(model, "")

    def _attach(self, module: Module | nn.Module, path: str) -> None:
        own, forward = vars(module), module.forward
        if getattr(forward, "walk", None) is self:  # the same layer, kept at a second place
            return
        self.undo.append((own, {key: own[key] for key in ("forward", "training", "layers") if key in own}))
        self.parameters |= {id(p): p for p in _own_parameters(module)}
        own["forward"] = self._noting(path, module, forward)
        own["training"] = False  # no dropout, and no running means that change
        for name, part in _parts(module):
            self._attach(part, f"{path}.{name}".strip("."))
        if isinstance(module, Module) and isinstance(own.get("layers"), list):  # our Sequential takes plain functions, too
            own["layers"] = [self._noting(f"{path}.layers.{n}".strip("."), each, each)
                             if callable(each) and not isinstance(each, (Module, nn.Module)) else each
                             for n, each in enumerate(own["layers"])]

    def _noting(self, path: str, layer: object, function: Callable) -> Callable:
        def noting(*args, **kwargs):
            self.at_work.append((f"{path} {_name(layer)}".strip(), layer, args))
            out = function(*args, **kwargs)
            name, *_ = self.at_work.pop()
            self._note(name, layer, args, out)
            return out

        noting.walk = self  # type: ignore[attr-defined]
        return noting

    def _note(self, name: str, layer: object, args: tuple, out: object) -> None:
        module = layer if isinstance(layer, (Module, nn.Module)) else None
        new = [p for p in (_own_parameters(module) if module is not None else []) if id(p) not in self.counted]
        self.counted |= {id(p) for p in new}
        if module is None or new or not any(_parts(module)):  # a chain that only hands on is no row
            self.rows.append(LayerRow(name, _described(args), _described(out), sum(p.numel() for p in new)))
        self.last, self.gave = name, _described(out)

    def detach(self) -> None:
        """Put back what was there before."""
        for own, kept in reversed(self.undo):
            for key in ("forward", "training"):
                own.pop(key, None)
            own.update(kept)
        self.undo = []

    def stopped(self, error: Exception) -> str:
        """Where the batch stopped, what came in, what was wanted, what to do."""
        name, layer, args = self.at_work[-1]
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if self.last and isinstance(layer, (Module, nn.Module)) and any(_parts(layer)):
            return f"the batch stopped inside {name}, after {self.last} gave {self.gave}\n  it says:  {said}"
        wants, advice = _wants(layer), _advice(layer, args[0] if args else None, self.last)
        lines = [f"the batch stopped at {name}",
                 f"  came in:  {_described(args, full=True)}, from {self.last or 'the batch itself'}",
                 f"  it wants: {wants}" if wants else "", f"  it says:  {said}", f"  so:       {advice}" if advice else ""]
        return "\n".join(line for line in lines if line)


def _described(value: object, full: bool = False) -> str:
    """The shape of a tensor, or of each in a tuple; with dtype and device where `full`."""
    if isinstance(value, (tuple, list)):
        return ", ".join(_described(part, full) for part in value) or "nothing"
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{tuple(value.shape)}" + (f" {str(value.dtype).removeprefix('torch.')} on {value.device}" if full else "")


def _parts(module: Module | nn.Module) -> Iterator[tuple[str, Module | nn.Module]]:
    """The modules that a module keeps, with their names there."""
    if isinstance(module, nn.Module):
        yield from module.named_children()
        return
    for name, value in vars(module).items():
        parts = {f"{name}.{n}": part for n, part in enumerate(value)} if isinstance(value, (list, tuple)) else {name: value}
        yield from ((path, part) for path, part in parts.items() if isinstance(part, (Module, nn.Module)))


def _own_parameters(module: Module | nn.Module) -> list[Tensor]:
    """The parameters that a module holds itself, without those of its parts."""
    if isinstance(module, nn.Module):
        return list(module.parameters(recurse=False))
    return [value for value in vars(module).values() if isinstance(value, nn.Parameter)]


def _name(layer: object) -> str:
    """What a layer is, in one short line."""
    text = repr(layer) if isinstance(layer, (Module, nn.Module)) else getattr(layer, "__name__", type(layer).__name__)
    return text if "\n" not in text and len(text) <= 60 else type(layer).__name__


def _n_in(layer: object) -> int | None:
    """How many numbers a linear layer, ours or PyTorch's, takes along the last axis; None for other layers."""
    sizes = (getattr(layer, name, None) for name in ("in_features", "n_in", "input_size"))
    return next((size for size in sizes if isinstance(size, int)), None)


def _wants(layer: object) -> str | None:
    """What a layer asks for, where that is known: shape, dtype, device."""
    if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        return f"whole numbers below {layer.num_embeddings} (int64), on {layer.weight.device}"
    shape = None
    if _n_in(layer) is not None:
        shape = f"(batch, {_n_in(layer)})"
    elif isinstance(layer, nn.modules.conv._ConvNd):
        sides = ("", ", length", ", rows, columns", ", depth, rows, columns")[len(layer.kernel_size)]
        shape = f"(batch, {layer.in_channels}{sides})"
    elif isinstance(layer, nn.modules.batchnorm._BatchNorm):
        shape = f"(batch, {layer.num_features}, …)"
    elif isinstance(layer, nn.LayerNorm):
        shape = f"(batch, …, {', '.join(map(str, layer.normalized_shape))})"
    first = next(iter(_own_parameters(layer)), None) if isinstance(layer, (Module, nn.Module)) else None
    kind = f"{str(first.dtype).removeprefix('torch.')} on {first.device}" if first is not None else None
    return " ".join(part for part in (shape, kind) if part) or None


def _advice(layer: object, came: object, giver: str) -> str | None:
    """What to change, where that is known. `giver` is the layer before; "" where the batch itself came in."""
    if not isinstance(came, Tensor):
        return None
    n_in, got = _n_in(layer), came.shape[-1] if came.ndim else None
    if n_in is not None and got != n_in:
        if came.ndim > 1 and came.flatten(1).shape[1] == n_in:
            return "put the rows of each example end to end first, with flatten(1)"
        change = f"let the layers before give {n_in} numbers" if giver else f"hand over rows of {n_in} numbers"
        return f"{change}, or let this layer take {got}"
    first = next(iter(_own_parameters(layer)), None) if isinstance(layer, (Module, nn.Module)) else None
    if first is not None and first.device != came.device:
        return f"put both on one device: batch.to({str(first.device)!r})"
    if first is not None and first.dtype != came.dtype and first.is_floating_point() and not isinstance(layer, nn.Embedding):
        return f"make the batch {first.dtype}: batch.to({first.dtype})"
    return None
