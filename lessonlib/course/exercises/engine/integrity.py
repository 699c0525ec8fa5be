"""Names of PyTorch, NumPy, Python and lessonlib that an attempt replaced: noticed, and put back.

An attempt that writes `torch.Tensor.sum = ...` would otherwise change every later cell of the reader, and the judge.
"""

import builtins
import functools
import math
import operator
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

Owner = ModuleType | type
_OURS = "lessonlib"
_MOVING = frozenset({("", "input"), ("torch", "Storage")})  # the sandbox's own; and what follows the default dtype
_SESSIONS = frozenset({"input", "print", "open", "_", "exit", "quit", "display", "get_ipython"})  # Jupyter sets these


def _owners() -> dict[str, Owner]:
    owners: dict[str, Owner] = {
        "": builtins, "math": math, "torch": torch, "torch.Tensor": torch.Tensor, "torch.TensorBase": torch._C.TensorBase,
        "torch.nn": nn, "torch.nn.functional": functional, "torch.nn.Module": nn.Module, "torch.nn.Parameter": nn.Parameter,
        "torch.nn.Linear": nn.Linear, "torch.autograd": torch.autograd, "torch.Generator": torch.Generator, "numpy": np}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == _OURS and isinstance(module, ModuleType):
            owners[name] = module
            owners |= _classes(module, len(vars(module)))
    return owners


@functools.cache
def _classes(module: ModuleType, n_names: int) -> Mapping[str, type]:
    """The classes that a module of ours defines, once for each number of names: it is asked before every judgement."""
    return {f"{module.__name__}.{key}": value for key, value in list(vars(module).items())
            if isinstance(value, type) and value.__module__ == module.__name__}


class Originals:
    """How the names stood at one moment."""

    def __init__(self) -> None:
        self._kept = [(name, owner, dict(vars(owner))) for name, owner in _owners().items()]
        self._modules = len(sys.modules)

    def put_back(self, by_learner_only: bool = False) -> list[str]:
        """Give every changed name its old value, and take away those that hide an inherited one; tells dotted names.

        `by_learner_only` leaves alone what Jupyter sets, what a library put there, and what belongs to lessonlib: a
        reader may well put an answer in the place of ours, and go on with it.
        """
        leave_libraries = by_learner_only or len(sys.modules) != self._modules
        changed = []
        for prefix, owner, before in self._kept:
            if (by_learner_only and prefix.startswith(_OURS)) or _as_it_was(owner, before):
                continue
            for name, value in before.items():
                new = vars(owner).get(name, self)
                if new is value or (prefix, name) in _MOVING or _is_plain_data(prefix, value) or (
                        by_learner_only and prefix == "" and name in _SESSIONS) or (leave_libraries and _library_made(new)):
                    continue
                if _set(owner, name, value):
                    changed.append(f"{prefix}.{name}".lstrip("."))
            if isinstance(owner, type):
                changed += [f"{prefix}.{name}" for name in _hiding(owner, before) if _delete(owner, name)]
        return changed


# As they were when this module was loaded: an attempt may have replaced them by the time they are called.
_all, _any, _len, _map = all, any, len, map


def _as_it_was(owner: Owner, before: Mapping[str, Any]) -> bool:
    """Whether nothing has happened to an owner at all: the usual case, and this is asked after every call of an attempt."""
    now = vars(owner)
    return _len(now) == _len(before) and _all(_map(operator.is_, now.values(), before.values()))  # a dict keeps its order


def _set(owner: Owner, name: str, value: object) -> bool:
    try:
        setattr(owner, name, value)
    except (AttributeError, TypeError):
        return False  # a name that Python itself keeps from being set
    return True


def _delete(owner: type, name: str) -> bool:
    try:
        delattr(owner, name)
    except (AttributeError, TypeError):
        return False
    return True


def _hiding(owner: type, before: Mapping[str, Any]) -> list[str]:
    """New names of a class that hide an inherited one, such as `Tensor.sum`."""
    if _len(vars(owner)) == _len(before):
        return []
    return [name for name in vars(owner) if name not in before and _any(name in vars(base) for base in owner.__mro__[1:])]


def _library_made(value: object) -> bool:
    """Whether a library put the value there itself, as some parts of PyTorch do when they are first imported."""
    module = value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", None) or "")
    return module.partition(".")[0] in ("torch", "numpy", "functools", _OURS)


def _is_plain_data(prefix: str, value: object) -> bool:
    """Whether a name of ours holds data, such as a cache or a setting, rather than code."""
    return prefix.startswith(_OURS) and not callable(value) and not isinstance(value, (ModuleType, property))


def replaced_in_words(names: Iterable[str]) -> str:
    """A sentence about what was put back."""
    told = [f"`{name}`" for name in names]
    verb = "was" if len(told) == 1 else "were"
    return f"{' and '.join(told)} had been replaced by your code, and {verb} put back: the rest of the notebook needs it."
