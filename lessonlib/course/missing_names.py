"""After a NameError, one sentence that says which cells to run: the kernel was restarted, or a cell was passed over.

An IPython extension. Only the kernels that `lessons open` starts load it, through `jupyter/kernels/python3/kernel.json`.
Jupyter tells a kernel in `JPY_SESSION_NAME` where its notebook is. Standard library only.
"""

import ast
import builtins
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

MOST_CELLS = 4  # more of them are better run from the menu
_WITH_LOCAL_NAMES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
                     ast.GeneratorExp)


def load_ipython_extension(shell: Any) -> None:
    """What IPython calls when it loads the extension."""
    def after(result: Any) -> None:
        error = result.error_in_exec
        if isinstance(error, NameError) and error.name and (notebook := os.environ.get("JPY_SESSION_NAME")):
            sentence = advice(error.name, result.info.raw_cell or "", code_cells(Path(notebook)), shell.user_ns)
            if sentence:
                print(sentence)

    shell.events.register("post_run_cell", after)


def code_cells(path: Path) -> list[str]:
    """The sources of the code cells as they were last saved; none where the file is no notebook."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def advice(
    missing: str,  # the name that is not defined
    failed: str,  # the cell in which it was asked for
    cells: list[str],  # all code cells of the notebook, in order
    known: Collection[str],  # the names that the kernel has
) -> str:
    """Which cells to run so that the name is there, and what they need in turn; "" where no cell makes it."""
    here = next((n for n, cell in enumerate(cells) if cell.strip() == failed.strip()), len(cells))
    names = [_names(cell) for cell in cells]
    wanted, to_run = [missing], set()
    while wanted:
        name = wanted.pop()
        makers = [n for n in range(here) if name in names[n][0]]
        if not makers:
            continue
        maker = makers[0] if name != missing else makers[-1]
        if maker not in to_run:
            to_run.add(maker)
            wanted += [other for other in names[maker][1] if other not in known and not hasattr(builtins, other)]
    if not to_run:
        return ""
    begin = [f"`{first_line(cells[n])}`" for n in sorted(to_run)]
    if len(begin) > MOST_CELLS:
        maker = max(n for n in to_run if missing in names[n][0])
        return (f"`{missing}` is made further up, in the cell that begins `{first_line(cells[maker])}`, which needs others "
                "before it: after a restart choose Run → Run All Above Selected Cell, then run this cell again.")
    which = f"the cell that begins {begin[0]}" if len(begin) == 1 else "the cells that begin " + ", then ".join(begin)
    return f"`{missing}` is made further up: after a restart run {which}, then this one again."


def _names(cell: str) -> tuple[set[str], list[str]]:
    """The names that a cell makes at its top level, and those that it uses, in order."""
    code = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in cell.splitlines())
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return set(), []
    made, used = set(), []
    inside = {id(node) for outer in ast.walk(tree) if isinstance(outer, _WITH_LOCAL_NAMES)
              for node in ast.walk(outer) if node is not outer}
    local = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used.append(node.id)
        elif id(node) in inside:
            local |= {node.id} if isinstance(node, ast.Name) else set()
        elif isinstance(node, ast.Name):
            made.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            made |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return made, [name for name in dict.fromkeys(used) if name not in local]


def first_line(cell: str) -> str:
    """The first line of a cell that says something."""
    lines = [line.strip() for line in cell.splitlines()]
    line = next((line for line in lines if line and not line.startswith("#")), lines[0] if lines else "")
    return line if len(line) <= 60 else f"{line[:57]}…"
