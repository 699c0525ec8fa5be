"""Keep what a model has learned: its weights in a file, and back again. The one way to do it, for modules of either kind."""

from __future__ import annotations

import os
import tempfile
from os import PathLike
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

__all__ = ["load_weights", "save_weights"]

_MARK = "lessonlib weights 1"


def save_weights(
    model: nn.Module,  # a module, ours or PyTorch's
    path: str | PathLike,  # of the file; one that is there is replaced in one step
) -> Path:  # the file
    """Write all parameters of `model`, and what its layers keep besides (such as BatchNorm's means), to a file."""
    path = Path(path)
    tensors = [tensor.detach().cpu() for tensor in _tensors(model)]
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        torch.save({"format": _MARK, "tensors": tensors}, file)
    Path(file.name).replace(path)
    return path


@torch.no_grad()
def load_weights(
    model: nn.Module,  # built as the one whose weights were saved
    path: str | PathLike,  # of a file from `save_weights`
) -> None:
    """Put the weights of a file into `model`, which stays on its device and keeps its precision.

    Raises `ValueError` for a file that holds something else, or weights of other shapes; then nothing is changed.
    Only numbers are read from the file, no program in it can run.
    """
    try:
        kept = torch.load(os.fspath(path), map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{os.fspath(path)} is not a file of weights, or it is damaged") from error
    if not isinstance(kept, dict) or kept.get("format") != _MARK:
        raise ValueError(f"expected a file from save_weights; {os.fspath(path)} holds something else")
    own = _tensors(model)
    there, here = ([tuple(t.shape) for t in tensors] for tensors in (kept["tensors"], own))
    if there != here:
        raise ValueError(f"these are the weights of another model: the file holds the shapes {_some(there)}, the model has "
                         f"{_some(here)}")
    for mine, saved in zip(own, kept["tensors"], strict=True):
        mine.copy_(saved)


def _tensors(model: nn.Module) -> list[Tensor]:
    """The parameters, then what layers of PyTorch's keep besides them, each once."""
    found: dict[int, Tensor] = {id(p): p for p in model.parameters()}
    waiting, seen = [model], set[int]()
    while waiting:
        part = waiting.pop(0)
        if id(part) not in seen:
            seen.add(id(part))
            found |= {id(b): b for b in part.buffers()} if isinstance(part, nn.Module) else {}
            waiting += part.children()
    return list(found.values())


def _some(shapes: list[tuple]) -> str:
    return ", ".join(map(str, shapes[:4])) + (f" and {len(shapes) - 4} more" if len(shapes) > 4 else "")
