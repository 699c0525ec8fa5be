"""The solutions: the very code that the lessons export, with what it needs to run on its own."""

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
    "my_linear": ("layers", "Linear", ("Module", "get_weights")),
    "softmax": ("layers", "softmax", ()),
    "cross_entropy": ("losses", "cross_entropy", ()),
    "binary_cross_entropy": ("losses", "binary_cross_entropy", ()),
    "batches": ("loaders", "batches", ()),
    "accuracy": ("training", "accuracy", ()),
    "train_epoch": ("training", "train_epoch", ()),
    "sgd": ("optim", "SGD", ()),
    "momentum": ("optim", "SGD", ()),
    "outer": ("course.exercises.broadcasting", "outer", ()),
    "matmul": ("matmul", "matmul_broadcast", ()),
    "linear_backward": ("autograd", "linear_backward", ()),
    "softmax_nll_grad": ("autograd", "softmax_nll_grad", ()),
}


def solution(exercise_id: str) -> str:
    """The source of a solution: the imports, its helpers, the code itself, and the name that the exercise asks for."""
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
