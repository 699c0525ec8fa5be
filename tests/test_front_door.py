"""`python lessons.py` before anything is installed."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def door(root, tmp_path, monkeypatch):
    """lessons.py as a module, in a copy of what set-up looks at."""
    for name in ("lessons.py", "pyproject.toml", "constraints.txt", "settings.ini"):
        shutil.copy(root / name, tmp_path)
    spec = importlib.util.spec_from_file_location("front_door", tmp_path / "lessons.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.TOOLS.mkdir()
    monkeypatch.delenv("UV_TORCH_BACKEND", raising=False)
    return module


@pytest.fixture
def steps(door, monkeypatch):
    """Record the steps of the set-up instead of running them; `steps.fail` names those that fail."""
    class Steps(list):
        fail = ()

    recorded = Steps()

    def run(command, what_failed, seconds=None, quiet=False, **extra):
        recorded.append((command[1:], {k: v for k, v in extra.items() if v is not None}, seconds))
        if any(word in command for word in recorded.fail):
            raise door.SetupError(what_failed)

    monkeypatch.setattr(door, "run", run)
    monkeypatch.setattr(door, "find_uv", lambda: "uv")
    door.PYTHON.parent.mkdir(parents=True)
    door.PYTHON.write_text("", encoding="utf-8")
    return recorded


def test_a_finished_set_up_is_recognised(door, steps):
    door.set_up()
    assert steps
    count = len(steps)
    door.set_up()
    assert len(steps) == count


@pytest.mark.parametrize("what", ["constraints", "python", "backend", "folder", "broken mark"])
def test_a_change_that_matters_sets_up_again(door, steps, monkeypatch, what):
    door.set_up()
    count = len(steps)
    if what == "constraints":
        (door.ROOT / "constraints.txt").write_text("torch==1.0\n", encoding="utf-8")
    elif what == "python":
        monkeypatch.setattr(door.platform, "python_version", lambda: "3.99.0")
    elif what == "backend":
        monkeypatch.setenv("UV_TORCH_BACKEND", "cu130")
    elif what == "folder":
        door.PYTHON.unlink()
    else:
        door.READY.write_text("{", encoding="utf-8")
    door.set_up()
    assert len(steps) > count


def test_an_interrupted_set_up_is_not_taken_for_a_finished_one(door, steps):
    steps.fail = ("-e",)
    with pytest.raises(door.SetupError):
        door.set_up()
    assert not door.READY.exists()
    steps.fail = ()
    door.set_up()
    assert door.READY.exists()


@pytest.mark.parametrize(("system", "driver", "reachable", "expected"), [
    ("Linux", False, True, "cpu"), ("Linux", False, False, None), ("Linux", True, True, None),
    ("Darwin", False, True, None), ("Windows", False, True, None)])
def test_the_small_build_is_tried_first_where_it_makes_sense(door, steps, monkeypatch, system, driver, reachable,
                                                             expected, capsys):
    monkeypatch.setattr(door.platform, "system", lambda: system)
    monkeypatch.setattr(door, "has_nvidia_driver", lambda: driver)
    steps.fail = () if reachable else ("--dry-run",)
    door.set_up()
    install = next(extra for command, extra, _ in steps if "-e" in command)
    assert install.get("UV_TORCH_BACKEND") == expected
    assert json.loads(door.READY.read_text(encoding="utf-8"))["torch"] == (expected or "registry")
    asked = [seconds for command, _, seconds in steps if "--dry-run" in command]
    assert len(asked) == (system == "Linux" and not driver)
    assert all(seconds and seconds <= 30 for seconds in asked)
    if asked:
        assert "CPU build" in capsys.readouterr().out  # it says which one was taken


def test_a_chosen_build_is_obeyed(door, steps, monkeypatch):
    monkeypatch.setenv("UV_TORCH_BACKEND", "cu130")
    door.set_up()
    assert not any("--dry-run" in command for command, _, _ in steps)
    assert next(extra for command, extra, _ in steps if "-e" in command)["UV_TORCH_BACKEND"] == "cu130"


def test_constraints_hold_exact_versions_and_no_address(root):
    lines = [line for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
             if line and not line.lstrip().startswith("#")]
    assert all("==" in line and "://" not in line and "@" not in line for line in lines)
    for package in ("torch", "torchvision", "nbdev", "jupyterlab", "pytest", "ruff"):
        assert any(line.startswith(f"{package}==") for line in lines)


def base_python() -> str:
    """The Python that .venv was made from, as a reader would call it: unlike .venv's own it has pip."""
    base = Path(sys.base_prefix, "python.exe" if os.name == "nt" else "bin/python3")
    return str(base) if base.exists() else sys.executable


def call(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([base_python(), "lessons.py", *arguments], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, **environment}, check=False, timeout=300)


@pytest.fixture
def clone(root, tmp_path):
    """A copy of the front door and of the package, with nothing set up."""
    folder = tmp_path / "clone"
    shutil.copytree(root / "lessonlib", folder / "lessonlib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("lessons.py", "pyproject.toml", "constraints.txt", "settings.ini"):
        shutil.copy(root / name, folder)
    return folder


def test_help_and_complaints_need_no_set_up(clone):
    assert "ladder" in call(clone, "--help").stdout
    wrong = call(clone, "clmb")
    assert wrong.returncode == 2
    assert len(wrong.stderr.strip().splitlines()) == 1
    assert not (clone / ".venv").exists()


def test_no_network_is_one_clear_line(clone):
    """Nothing answers on port 9 of this machine, as on a machine without a network."""
    if subprocess.run([base_python(), "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("the Python under .venv has no pip")
    dead = "http://127.0.0.1:9/"  # made up, and nobody listens there
    done = call(clone, "doctor", PIP_INDEX_URL=dead, PIP_EXTRA_INDEX_URL="", PIP_FIND_LINKS="", PIP_RETRIES="0",
                PIP_CONFIG_FILE=os.devnull, UV_DEFAULT_INDEX=dead, UV_HTTP_RETRIES="0", UV_HTTP_TIMEOUT="2",
                UV_CACHE_DIR=str(clone / "cache"), UV_TORCH_BACKEND="cpu")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_step_that_hangs_is_stopped(door):
    with pytest.raises(door.SetupError, match="no answer within 1 seconds"):
        door.run([sys.executable, "-c", "import time; time.sleep(60)"], "the step failed", seconds=1)


def test_a_step_that_fails_is_explained(door):
    with pytest.raises(door.SetupError, match="the step failed: the disk is full"):
        door.run([sys.executable, "-c", "import sys; sys.exit('the disk is full')"], "the step failed")
    with pytest.raises(door.SetupError, match="no pip"):
        door.run([sys.executable, "-c", "import sys; sys.exit('No module named pip')"], "uv was not fetched")
    assert "the disk is full" in door.LOG.read_text(encoding="utf-8")
