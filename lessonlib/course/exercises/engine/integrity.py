"""Names of PyTorch, NumPy, Python and lessonlib that an attempt replaced: noticed, and put back.

An attempt that writes `torch.Tensor.sum = ...` would otherwise change every later cell of the reader, and the judge.
"""

import builtins
import math
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
            owners |= {f"{name}.{key}": value for key, value in list(vars(module).items())
                       if isinstance(value, type) and value.__module__ == name}
    return owners


class Originals:
    """How the names stood at one moment."""

    def __init__(self) -> None:
        self._kept = [(name, owner, dict(vars(owner))) for name, owner in _owners().items()]
        self._modules = len(sys.modules)

    def put_back(self, by_learner_only: bool = False) -> list[str]:
        """Give every changed name its old value; tells their dotted names. New names are left alone."""
        imported = len(sys.modules) != self._modules
        changed = []
        for prefix, owner, before in self._kept:
            if by_learner_only and prefix.startswith(_OURS):
                continue  # a reader may well put an answer in the place of ours, and go on with it
            now: Mapping[str, Any] = vars(owner)
            for name, value in before.items():
                if now.get(name, self) is value or (prefix, name) in _MOVING:
                    continue
                new = now.get(name)
                if (by_learner_only and (prefix == "" and name in _SESSIONS)) or (
                        (by_learner_only or imported) and _library_made(new)) or _is_plain_data(prefix, value):
                    continue
                try:
                    setattr(owner, name, value)
                except (AttributeError, TypeError):
                    continue  # a name that Python itself keeps from being set
                changed.append(f"{prefix}.{name}".lstrip("."))
        return changed


def _library_made(value: object) -> bool:
    """Whether a library put the value there itself, as some parts of PyTorch do when they are first imported."""
    module = value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", None) or "")
    return module.partition(".")[0] in ("torch", "numpy", "functools", _OURS)


def _is_plain_data(prefix: str, value: object) -> bool:
    """Whether a name of ours holds data, such as a cache or a setting, rather than code."""
    return prefix.startswith(_OURS) and not callable(value) and not isinstance(value, (ModuleType, property))


def in_words(names: Iterable[str]) -> str:
    """A sentence about what was put back."""
    told = [f"`{name}`" for name in names]
    verb = "was" if len(told) == 1 else "were"
    return f"{' and '.join(told)} had been replaced by your code, and {verb} put back: the rest of the notebook needs it."
