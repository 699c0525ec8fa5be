"""The first cell of every lesson: it installs the package in Colab and does nothing elsewhere."""

import builtins
import importlib.util
import json
import subprocess
import sys
import types
from types import SimpleNamespace

import pytest

from lessonlib.course.colab import colab_source, is_colab, with_colab
from lessonlib.course.editions import edition
from lessonlib.course.notebooks import code_hash, lessons
from lessonlib.course.site.about import about
from lessonlib.course.terminal import need_checkout

LESSONS = lessons()
REPOSITORY = about(need_checkout()).repository
CELL = colab_source(REPOSITORY)


@pytest.fixture
def installed(monkeypatch):
    """What pip was asked for; nothing is installed."""
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    return commands


@pytest.fixture
def colab(monkeypatch):
    """A pretended google.colab; gives the calls of its widget manager."""
    calls = []
    output = SimpleNamespace(enable_custom_widget_manager=lambda: calls.append("widgets"))
    package = types.ModuleType("google")
    package.colab = types.ModuleType("google.colab")
    package.colab.output = output
    monkeypatch.setitem(sys.modules, "google", package)
    monkeypatch.setitem(sys.modules, "google.colab", package.colab)
    return calls


def run_cell():
    exec(compile(CELL, "the first cell", "exec"), {"__builtins__": builtins})


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_it_is_the_first_code_cell_of_each_lesson_and_not_in_the_readers_copy(lesson):
    code = [cell for cell in lesson.nb["cells"] if cell["cell_type"] == "code"]
    assert is_colab(code[0])
    assert "".join(code[0]["source"]) == CELL, "run `lessons export`"
    assert not any(map(is_colab, code[1:]))
    assert not any(map(is_colab, json.loads(edition(lesson))["cells"]))


def test_elsewhere_it_does_nothing(installed, monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    run_cell()
    assert installed == []


def test_in_colab_it_installs_the_package_with_what_lessons_need(installed, colab, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    run_cell()
    [command] = installed
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[-1].startswith("lessonlib[lessons] @ git+https://")
    assert colab == ["widgets"]


def test_in_colab_it_installs_once(installed, colab):
    run_cell()
    assert installed == []
    assert colab == ["widgets"]


def test_writing_it_again_changes_nothing_and_an_old_one_is_replaced():
    nb = LESSONS[0].nb
    without = {**nb, "cells": [cell for cell in nb["cells"] if not is_colab(cell)]}
    written = with_colab(without, REPOSITORY)
    assert [is_colab(cell) for cell in written["cells"]].index(True) == 1
    assert with_colab(written, REPOSITORY) == written
    old = with_colab(without, REPOSITORY)
    old["cells"][1]["source"] = ["print('an older one')"]
    assert with_colab(old, REPOSITORY)["cells"] == written["cells"]
    assert code_hash(old) == code_hash(without), "no output depends on it"
