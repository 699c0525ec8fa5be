"""The exercises in the notebooks, written from their files as the glossary is: task, stub, check, hints and solution.

Where an exercise stands, its author says by one code cell, `check("softmax", my_softmax)`. `lessons export` writes the
cells around it and marks each with a tag, `exercise:softmax:stub` say, which JupyterLab does not show; from then on they
are written anew whenever the file changes.
"""

import ast
import hashlib
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lessonlib.course.exercises.task_files import Exercise

TAG = "exercise:"
IMPORT = re.compile(r"^from lessonlib\.course\.exercises import .*\bcheck\b", re.MULTILINE)
CHECK = re.compile(r'^check\("(\w+)", *\w+\)$', re.MULTILINE)
# What is there in every cell of a task file, and what a notebook has to import for it.
IMPORTS = {"math": "import math", "np": "import numpy as np", "torch": "import torch", "nn": "from torch import nn",
           "F": "from torch.nn import functional as F"}
_NUMBERED = re.compile(r"^\*\*(?:Exercise )?(\d+)\b", re.MULTILINE)
_WIDTH = 115
Cell = dict[str, Any]


def _source(cell: Cell) -> str:
    return "".join(cell["source"])


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def part_of(cell: Cell) -> tuple[str, str] | None:
    """The exercise and the part ("task", "stub", "check", "help") that a cell was written for."""
    tag = next((tag for tag in cell.get("metadata", {}).get("tags", []) if tag.startswith(TAG)), None)
    if tag is None or tag.count(":") != 2:
        return None
    _, id, part = tag.split(":")
    return id, part


# --- what is written ----------------------------------------------------------------------------------------------


def _wrapped(text: str) -> str:
    return "\n\n".join(textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)
                       for paragraph in text.split("\n\n"))


def _folded(title: str, text: str, code: str = "") -> str:
    fence = f"\n\n```python\n{code.rstrip()}\n```" if code else ""
    return f"<details><summary>{title}</summary>\n\n{_wrapped(text)}{fence}\n\n</details>" if text else (
        f"<details><summary>{title}</summary>{fence}\n\n</details>")


def library_source(root: Path, dotted: str) -> str:
    """The text of a function or class of lessonlib, from its file; "" where it is not found."""
    module, _, name = dotted.rpartition(".")
    path = root / Path(*module.split(".")).with_suffix(".py")
    if not path.exists():
        return ""
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1:node.end_lineno])
    return ""


def stub_with_imports(task: Exercise) -> str:
    """The skeleton below what an answer may need, so that a reader who comes back runs this cell and the check, no more."""
    names = {node.id for text in (task.stub, task.solution) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    needed = [line for name, line in IMPORTS.items() if name in names]
    head = "\n".join(needed) + "\n\n" if needed else ""
    return head + task.stub.rstrip("\n")


def parts(task: Exercise, root: Path, number: int) -> dict[str, tuple[str, str]]:
    """The type and the source of each cell of an exercise."""
    kind = "Your turn" if task.place == "your turn" else f"{number} (checked)"
    hints = [_folded(f"Hint {n}: {hint.title}", hint.text, hint.code) for n, hint in enumerate(task.hints, start=1)]
    ours = library_source(root, task.library) if task.library else ""
    folded = [*hints, _folded("The solution", "", task.solution),
              *([_folded("How lessonlib writes it", "", ours)] if ours else [])]
    title = task.title if task.title.endswith(("?", "!")) else f"{task.title}."
    return {"task": ("markdown", _wrapped(f"**{kind}. {title}** {task.task}")),
            "stub": ("code", stub_with_imports(task)),
            "check": ("code", f'from lessonlib.course.exercises import check, hint\n\ncheck("{task.id}", {task.name})'),
            "help": ("markdown", "\n\n".join([*folded, _wrapped(f"**Go on with yours:** {task.go_on}")]))}


# --- where it is written ------------------------------------------------------------------------------------------


def refreshed(nb: dict, tasks: Mapping[str, Exercise], root: Path) -> dict:
    """The notebook with the cells of its exercises as their files have them; everything else stays as it is."""
    cells = _adopted([dict(cell) for cell in nb["cells"]], tasks)
    old = {part: cell for cell in cells if (part := part_of(cell)) is not None}
    written: list[Cell] = []
    for cell in cells:
        found = part_of(cell)
        if found is None or found[0] not in tasks:
            written.append(cell)
        elif found[1] == "check":
            task = tasks[found[0]]
            number = 1 + _last_number(written)
            for name, (kind, source) in parts(task, root, number).items():
                written.append(_cell(old.get((task.id, name)), task.id, name, kind, source))
    return {**nb, "cells": written}


def _last_number(cells: list[Cell]) -> int:
    """The number of the last exercise so far in the section "Exercises"; 0 where there is none yet."""
    prose = "\n\n".join(_source(cell) for cell in cells if cell["cell_type"] == "markdown")
    section = re.split(r"^## Exercises$", prose, flags=re.MULTILINE)[1:]
    return max((int(n) for n in _NUMBERED.findall(section[-1])), default=0) if section else 0


def _cell(old: Cell | None, id: str, part: str, kind: str, source: str) -> Cell:
    """A cell with this source: the old one, with its outputs, where it is the same."""
    if old is not None and old["cell_type"] == kind and _source(old) == source:
        return old
    fresh = hashlib.sha256(f"{id}:{part}".encode()).hexdigest()[:8]
    tags = [tag for tag in (old or {}).get("metadata", {}).get("tags", []) if not tag.startswith(TAG)]
    cell: Cell = {"cell_type": kind, "id": (old or {}).get("id", fresh), "metadata": {"tags": [*tags, f"{TAG}{id}:{part}"]},
                  "source": _lines(source)}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell


def _adopted(cells: list[Cell], tasks: Mapping[str, Exercise]) -> list[Cell]:
    """The cells, with tags for exercises that have none yet: those around a cell `check("ID", name)` of its own."""
    for check in list(cells):
        found = CHECK.search(_source(check)) if check["cell_type"] == "code" else None
        if found is None or found[1] not in tasks or part_of(check) is not None:
            continue
        cells = _adopt(cells, next(n for n, cell in enumerate(cells) if cell is check), tasks[found[1]])
    return cells


def _adopt(cells: list[Cell], at: int, task: Exercise) -> list[Cell]:
    """The cells with those of one exercise tagged, and its task, where it is written by hand, taken out of the prose."""
    stub = _stub_before(cells, at)
    if stub is not None:
        _tag(cells[stub], task.id, "stub")
        _take_task(cells, stub, task.id)
    _tag(cells[at], task.id, "check")
    after = cells[at + 1] if at + 1 < len(cells) else None
    if after is not None and after["cell_type"] == "markdown" and "<details><summary>Hint 1" in _source(after):
        _tag(after, task.id, "help")
    return [cell for cell in cells if cell["cell_type"] == "code" or _source(cell).strip()]


def _stub_before(cells: list[Cell], at: int) -> int | None:
    """The skeleton: the last code cell before the check in which the reader's code is missing, within a few cells."""
    for n in range(at - 1, max(-1, at - 5), -1):
        if cells[n]["cell_type"] == "code" and part_of(cells[n]) is None and "# your code here" in _source(cells[n]):
            return n
    return None


def _take_task(cells: list[Cell], stub: int, id: str) -> None:
    """Take the last paragraph before the skeleton away: it is written from the file from now on."""
    if stub > 0 and cells[stub - 1]["cell_type"] == "markdown" and part_of(cells[stub - 1]) is None:
        paragraphs = _source(cells[stub - 1]).strip().split("\n\n")
        if paragraphs[-1].startswith("**"):
            cells[stub - 1]["source"] = _lines("\n\n".join(paragraphs[:-1]))


def _tag(cell: Cell, id: str, part: str) -> None:
    metadata = dict(cell.get("metadata", {}))
    metadata["tags"] = [*metadata.get("tags", []), f"{TAG}{id}:{part}"]
    cell["metadata"] = metadata


def exercises_in(nb: dict) -> Iterator[str]:
    """The ids of the exercises that a notebook checks, in order."""
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            yield from CHECK.findall(_source(cell))
