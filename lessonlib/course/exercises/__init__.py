"""Exercises: what is asked, a judge that finds which mistake was made, hints, and the solutions.

`check("softmax", softmax)` is what a lesson calls; `judge` is the same without display and without progress. The names
below are fetched when they are first used, so that `lessons list` can read the catalogue without loading PyTorch.
"""

import importlib

_HOMES = {
    "EXERCISES": "catalogue", "Task": "catalogue", "Hint": "catalogue", "stub": "catalogue",
    "Verdict": "verdict", "judge": "court", "codes": "court", "solution": "solutions", "check": "face", "hint": "face",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
