"""Exercises: what is asked, a judge that finds which mistake was made, hints, and the solutions.

`check("softmax", my_softmax)` is what a lesson calls; `judge` is the same without display and without progress. The names
below are fetched when they are first used, so that `lessons list` can read the tasks without loading PyTorch.
"""

import importlib
from typing import Any

_HOMES = {
    "Exercise": "task_files", "Hint": "task_files", "EXERCISES": "api", "stub": "api", "solution": "api", "check": "api",
    "hint": "api", "Verdict": "engine.verdict", "judge": "engine.judging", "codes": "engine.judging"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
