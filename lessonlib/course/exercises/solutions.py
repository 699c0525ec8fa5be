"""The solutions: the very code that the lessons export, with what it needs to run on its own.

Where what a lesson exports does more than the exercise asks for, the answer is a text of its own.
"""

import ast
import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

from lessonlib.course.exercises.catalogue import EXERCISES

# id: (module, name, names that an earlier part of the course has built and that are imported)
_WHERE = {
    "normalize": ("course.exercises.data", "normalize", ()),
    "l2_distance": ("baseline", "l2_distance", ()),
    "softmax": ("layers", "softmax", ()),
    "cross_entropy": ("losses", "cross_entropy", ()),
    "binary_cross_entropy": ("losses", "binary_cross_entropy", ()),
    "batches": ("loaders", "batches", ()),
    "accuracy": ("training", "accuracy", ()),
    "train_epoch": ("training", "train_epoch", ()),
    "outer": ("course.exercises.broadcasting", "outer", ()),
    "matmul": ("matmul", "matmul_broadcast", ()),
    "linear_backward": ("gradients", "linear_backward", ()),
    "softmax_nll_grad": ("gradients", "softmax_nll_grad", ()),
}

# The answers that are written out.
_WRITTEN = {
    "my_linear": """
import torch
from torch import nn


class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias
""",
    "sgd": """
import torch


class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr

    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * p.grad

    def zero_grad(self):
        for p in self.params:
            p.grad = None
""",
    "momentum": """
import torch


class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.velocity = [torch.zeros_like(p) for p in self.params]

    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                if p.grad is not None:
                    self.velocity[i] = self.momentum * self.velocity[i] + p.grad
                    p -= self.lr * self.velocity[i]

    def zero_grad(self):
        for p in self.params:
            p.grad = None
""",
}


def solution(exercise_id: str) -> str:
    """The source of a solution: the imports, its helpers, the code itself, and the name that the exercise asks for."""
    if exercise_id in _WRITTEN:
        return _WRITTEN[exercise_id].removeprefix("\n")
    module_name, name, built = _WHERE[exercise_id]
    module = importlib.import_module(f"lessonlib.{module_name}")
    imports, pieces = _gather(module, name, built)
    asked = EXERCISES[exercise_id].name
    alias = [f"{asked} = {name}"] if asked != name else []
    return "\n".join(imports) + "\n\n\n" + "\n\n".join([*pieces, *alias]).rstrip() + "\n"


def _gather(module: ModuleType, name: str, built: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Lines of import, and the sources of `name` and of what it needs from its own module, helpers first."""
    imports, pieces, seen = set(), [], set()

    def visit(wanted: str) -> None:
        if wanted in seen or not hasattr(module, wanted):
            return
        seen.add(wanted)
        value = getattr(module, wanted)
        if getattr(value, "__module__", None) != module.__name__ or wanted in built:
            imports.add(_import_line(module, wanted, value))
            return
        source = inspect.getsource(value)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Name):
                visit(node.id)
        pieces.append(source)

    visit(name)
    return sorted(imports), pieces


def _import_line(module: ModuleType, name: str, value: Any) -> str:
    if inspect.ismodule(value):
        return f"import {name}" if value.__name__ == name else f"import {value.__name__} as {name}"
    home = getattr(value, "__module__", None)
    if home is None or not hasattr(sys.modules.get(home), name):
        home = module.__name__
    return f"from {home} import {name}"
