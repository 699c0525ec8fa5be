"""After a restart: the sentence below a NameError that says which cells to run."""

import json
import os
import sys

import pytest

from lessonlib.course.commands.open import JUPYTER
from lessonlib.course.missing_names import advice, code_cells, first_line

CELLS = [
    "import torch\nfrom torch import nn",
    "# first the data\ndigits = load()\nmean = digits.mean()",
    "def row(x, n=3):\n    y = x * n\n    return y",
    "class LogReg(nn.Module):\n    size = 3",
    "model = LogReg()",
    "model(digits)",
]


def test_the_cell_that_makes_the_name_and_those_it_needs():
    said = advice("model", CELLS[5], CELLS, known={"digits", "load"})
    assert said == ("`model` is made further up: after a restart run the cells that begin `import torch`, then "
                    "`class LogReg(nn.Module):`, then `model = LogReg()`, then this one again.")
    assert advice("model", CELLS[5], CELLS, known={"LogReg"}).endswith(
        "run the cell that begins `model = LogReg()`, then this one again.")
    assert "`digits = load()`" in advice("mean", "mean + 1", CELLS, known=())  # a cell that is not saved yet


def test_names_inside_a_function_are_its_own():
    assert advice("row", "row(2)", [*CELLS, "x = 1"], known=()) == (
        "`row` is made further up: after a restart run the cell that begins `def row(x, n=3):`, then this one again.")


def test_a_slip_of_the_pen_gets_no_advice():
    assert advice("modle", "modle(x)", CELLS, known=()) == ""
    assert advice("y", "y", CELLS, known=()) == ""  # only within a function
    assert advice("model", CELLS[4], CELLS, known=()) == ""  # nothing before this cell makes it


def test_many_cells_are_better_run_from_the_menu():
    cells = [f"a{n + 1} = a{n}" for n in range(9)]
    said = advice("a9", "a9", cells, known={"a0"})
    assert "Run All Above Selected Cell" in said
    assert "`a9 = a8`" in said


def test_what_is_no_python_or_no_notebook_does_no_harm(tmp_path):
    cells = ["%matplotlib inline\nimport torch", "!ls", "def broken(:", ""]
    assert "`%matplotlib inline`" in advice("torch", "torch.ones(2)", cells, known=())
    assert first_line("# only words") == "# only words"
    assert first_line("") == ""
    assert len(first_line("x = " + "1" * 100)) <= 60
    (tmp_path / "x.ipynb").write_text("{", encoding="utf-8")
    assert code_cells(tmp_path / "x.ipynb") == code_cells(tmp_path / "none.ipynb") == []


@pytest.mark.skipif(sys.platform == "win32", reason="the kernel's name is looked up in the way of POSIX")
def test_a_kernel_of_lessons_open_says_it(tmp_path):
    """A real kernel, started as JupyterLab starts it, for a notebook of which no cell was run."""
    from jupyter_client.manager import start_new_kernel

    notebook = tmp_path / "mine.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": ["weight = 3"]}]}), encoding="utf-8")
    before = dict(os.environ)
    os.environ.update(JUPYTER_PATH=str(JUPYTER), JPY_SESSION_NAME=str(notebook), IPYTHONDIR=str(tmp_path))
    try:
        manager, client = start_new_kernel(kernel_name="python3", startup_timeout=600)
    finally:
        os.environ.clear()
        os.environ.update(before)
    heard = []
    try:
        reply = client.execute_interactive("weight + 1", timeout=600, store_history=False,
                                           output_hook=lambda message: heard.append(message["content"]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["ename"] == "NameError"
    text = "".join(content.get("text", "") for content in heard)
    assert text == ("`weight` is made further up: after a restart run the cell that begins `weight = 3`, then this one again.\n")
