"""`python lessons.py` before anything is installed."""

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lessonlib.course.cli import VERBS, this_machine
from lessonlib.course.commands import test as test_command

posix = pytest.mark.skipif(os.name == "nt", reason="programs are played by scripts with a first line of POSIX's")


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
        if command[1] == "venv":
            door.PYTHON.parent.mkdir(parents=True)
            door.PYTHON.write_text("", encoding="utf-8")

    monkeypatch.setattr(door, "run", run)
    monkeypatch.setattr(door, "find_uv", lambda folder=None: "uv")
    return recorded


def test_a_finished_set_up_is_recognised(door, steps):
    door.set_up()
    assert steps
    count = len(steps)
    door.set_up()
    assert len(steps) == count


@pytest.mark.parametrize("what", ["constraints", "python", "machine", "backend", "python gone", "broken mark"])
def test_a_change_that_matters_sets_up_again(door, steps, monkeypatch, what):
    door.set_up()
    count = len(steps)
    if what == "constraints":
        (door.ROOT / "constraints.txt").write_text("torch==1.0\n", encoding="utf-8")
    elif what == "python":
        monkeypatch.setattr(door.platform, "python_version", lambda: "3.99.0")
    elif what == "machine":
        monkeypatch.setattr(door.platform, "machine", lambda: "arm64")
    elif what == "backend":
        monkeypatch.setenv("UV_TORCH_BACKEND", "cu130")
    elif what == "python gone":
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


def test_a_chosen_build_is_kept_by_later_set_ups(door, steps, monkeypatch):
    monkeypatch.setenv("UV_TORCH_BACKEND", "cu130")
    door.set_up()
    monkeypatch.delenv("UV_TORCH_BACKEND")
    count = len(steps)
    door.set_up()
    assert len(steps) == count  # no wish is no reason to download another one
    (door.ROOT / "constraints.txt").write_text("torch==1.0\n", encoding="utf-8")
    door.set_up()
    assert next(extra for command, extra, _ in reversed(steps) if "-e" in command)["UV_TORCH_BACKEND"] == "cu130"


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


def extras_asked_for(steps) -> list[str]:
    return [command[command.index("-e") + 1] for command, _, _ in steps if "-e" in command]


def test_what_only_the_site_needs_is_added_when_it_is_asked_for_and_once(door, steps):
    """The first minute of a reader gets no longer, and what was there is not made again."""
    door.set_up()
    assert extras_asked_for(steps) == [".[dev]"]
    door.add_extra("docs", True)
    door.add_extra("docs", True)
    door.set_up()
    assert extras_asked_for(steps) == [".[dev]", ".[docs]"]
    door.READY.unlink()
    door.set_up()
    door.add_extra("docs", True)
    assert extras_asked_for(steps)[2:] == [".[dev]", ".[docs]"]


def test_the_checks_go_on_without_the_site(door, steps, capsys):
    """Where its packages cannot be had, such as in a class without a network; the site itself cannot be built there."""
    door.set_up()
    steps.fail = (".[docs]",)
    door.add_extra("docs", needed=False)
    assert "Going on without them: the packages of the extra 'docs' could not be installed" in capsys.readouterr().out
    with pytest.raises(door.SetupError, match="extra 'docs'"):
        door.add_extra("docs", needed=True)
    assert door.is_ready(door.fingerprint())


def test_verbs_that_need_more_are_there_and_so_are_their_extras(door, root):
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    for verb, (extra, _) in door.EXTRAS.items():
        assert verb in VERBS
        assert f"\n{extra} = [" in text


def test_constraints_hold_exact_versions_and_no_address(root):
    lines = [line for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
             if line and not line.lstrip().startswith("#")]
    assert all("==" in line and "://" not in line and "@" not in line for line in lines)
    for package in ("torch", "torchvision", "nbdev", "jupyterlab", "pytest", "ruff", "sphinx", "myst-nb"):
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
    """A copy of the front door, with nothing set up."""
    folder = tmp_path / "clone"
    (folder / "lessonlib" / "course").mkdir(parents=True)
    for name in ("__init__.py", "course/__init__.py", "course/cli.py"):  # what runs before anything is installed
        shutil.copy(root / "lessonlib" / name, folder / "lessonlib" / name)
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


def test_a_damaged_copy_in_uvs_cache_is_fetched_again(door, steps, monkeypatch):
    """uv links files from its cache, so that a file which is cut short in .venv is cut short in the next one, too."""
    site = door.VENV / "lib" / "python3" / "site-packages"
    recorded = door.run

    def run(command, *arguments, **options):
        recorded(command, *arguments, **options)
        if "-e" in command:
            (site / "rich-15.dist-info").mkdir(parents=True, exist_ok=True)
            (site / "rich-15.dist-info" / "RECORD").write_text('rich.py,sha256=x,3\n"a, b.py",,\n', encoding="utf-8")
            (site / "rich.py").write_text("abc" if "--reinstall-package=rich" in command else "", encoding="utf-8")

    monkeypatch.setattr(door, "run", run)
    door.set_up()
    assert ["cache", "clean", "rich"] in [command for command, _, _ in steps]
    assert door.cut_short() == []
    count = len(steps)
    door.set_up()
    assert len(steps) == count


# From here on, set-up is run as a reader runs it, with a uv that is played.

FAKE_UV = r"""
import os, pathlib, signal, sys, time
arguments, venv = sys.argv[1:], pathlib.Path(".venv").absolute()
packages = venv / "lib" / "python3" / "site-packages"
if arguments == ["--version"]:
    sys.exit(print(VERSION))
with open("calls.txt", "a") as calls:
    print(*arguments, *(f"{n}={v}" for n, v in os.environ.items() if n.startswith("UV_")), file=calls)
do = pathlib.Path("do.txt").read_text() if os.path.exists("do.txt") else ""
if arguments[0] == "venv":
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    (venv / "pyvenv.cfg").touch()
    (venv / "bin" / "python").write_text(f"#!{sys.executable}\nimport sys; print('handed over', *sys.argv[1:])\n")
    (venv / "bin" / "python").chmod(0o755)
elif "--dry-run" in arguments and (packages / "torch").exists():
    print("Would make no changes")  # as uv does: what is installed already is asked of no index
elif os.environ.get("UV_TORCH_BACKEND") == "cpu" or do == "no network":
    sys.exit("error: Failed to fetch: torch")
elif "--dry-run" not in arguments:
    for name in ("torch", "torch/nn", "torch-2.dist-info", "rich", "rich-15.dist-info"):
        (packages / name).mkdir(parents=True, exist_ok=True)
        (packages / name / "a.py").touch()
        (packages / name / "b.py").touch()
        if do == "kill" and name == "rich":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(1)  # and goes on writing, as uv does
        if do == "Ctrl-C" and name == "rich":
            os.kill(os.getppid(), signal.SIGINT)
            time.sleep(60)
        if do == "slow":
            while not os.path.exists("go on.txt"):
                time.sleep(0.05)
"""


def fake_uv(path: Path, version: str = "uv 99.0.0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable} -IS\nVERSION = {version!r}\n{FAKE_UV}", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def played(clone):
    """A clone in which uv is played, and set-up was done once."""
    fake_uv(clone / ".tools" / "bin" / "uv")
    done = start(clone)
    assert done.returncode == 0, done.stderr
    assert "handed over -m lessonlib.course list" in done.stdout
    return clone


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    return call(folder, "list", PATH=os.defpath, UV_TORCH_BACKEND="", **environment)


def change(folder: Path) -> None:
    """As a pull does that brings newer packages."""
    with (folder / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")


def calls(folder: Path) -> list[str]:
    return (folder / "calls.txt").read_text(encoding="utf-8").splitlines()


def one_line(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    [line] = done.stderr.strip().splitlines()
    return line


@posix
def test_set_up_over_an_environment_with_torch_where_pytorchs_index_is_dead(played):
    """A uv that finds torch installed does not ask the index, and once that was taken for an answer, for ever."""
    change(played)
    done = start(played)
    assert done.returncode == 0, done.stderr
    assert "handed over" in done.stdout


@posix
def test_pytorchs_index_may_die_between_the_question_and_the_download(played):
    fake = played / ".tools" / "bin" / "uv"
    fake.write_text(fake.read_text(encoding="utf-8").replace("(packages / \"torch\").exists()", "True"), encoding="utf-8")
    change(played)
    done = start(played)
    assert "handed over" in done.stdout, done.stderr


SITE = Path(".venv", "lib", "python3", "site-packages")
DAMAGE = {
    "a package": lambda folder: shutil.rmtree(folder / SITE / "rich"),
    "half a package": lambda folder: shutil.rmtree(folder / SITE / "torch" / "nn"),
    "one file": lambda folder: (folder / SITE / "torch" / "nn" / "a.py").unlink(),
    "its metadata": lambda folder: shutil.rmtree(folder / SITE / "rich-15.dist-info"),
    "Python": lambda folder: (folder / ".venv" / "bin" / "python").unlink(),
    "bin": lambda folder: shutil.rmtree(folder / ".venv" / "bin"),
    "its description": lambda folder: (folder / ".venv" / "pyvenv.cfg").unlink(),
}


@posix
def test_damage_is_noticed_and_a_new_environment_is_made(played):
    for what, do in DAMAGE.items():
        do(played)
        done = start(played)
        assert "handed over" in done.stdout, what + done.stderr
        assert "is damaged" in done.stdout, what
        assert (played / SITE / "torch" / "nn" / "a.py").exists(), what
    assert "Setting up" not in start(played).stdout


@posix
def test_the_site_is_added_to_a_set_up_that_was_there(played):
    before = len(calls(played))
    done = call(played, "docs", PATH=os.defpath, UV_TORCH_BACKEND="")
    assert "handed over -m lessonlib.course docs" in done.stdout, done.stderr
    [line] = calls(played)[before:]
    assert line.startswith("pip install")
    assert ".[docs] -c constraints.txt" in line
    assert "Setting up" not in start(played).stdout


@posix
def test_bytecode_may_come_and_go(played):
    (played / SITE / "rich" / "__pycache__").mkdir()
    (played / SITE / "rich" / "__pycache__" / "a.pyc").touch()
    assert "Setting up" not in start(played).stdout
    shutil.rmtree(played / SITE / "rich" / "__pycache__")
    assert "Setting up" not in start(played).stdout


@posix
def test_a_set_up_that_fails_changes_nothing(played):
    whole = (played / "constraints.txt").read_bytes()
    change(played)
    (played / "do.txt").write_text("no network", encoding="utf-8")
    assert "cannot be reached" in one_line(start(played))
    assert not (played / ".venv-before").exists()
    (played / "constraints.txt").write_bytes(whole)
    done = start(played)
    assert "handed over" in done.stdout
    assert "Setting up" not in done.stdout


@posix
@pytest.mark.parametrize("restored", [True, False])
def test_a_set_up_that_is_killed_does_no_harm(played, restored):
    whole = (played / "constraints.txt").read_bytes()
    change(played)
    (played / "do.txt").write_text("kill", encoding="utf-8")
    assert start(played).returncode < 0
    (played / "do.txt").unlink()
    if restored:
        (played / "constraints.txt").write_bytes(whole)
    done = start(played)
    assert "handed over" in done.stdout, done.stderr
    assert ("Setting up" in done.stdout) != restored
    assert "Setting up" not in start(played).stdout
    assert not list(played.glob(".venv-*"))


@posix
def test_a_set_up_that_is_stopped_with_ctrl_c_changes_nothing(played):
    whole = (played / "constraints.txt").read_bytes()
    change(played)
    (played / "do.txt").write_text("Ctrl-C", encoding="utf-8")
    done = start(played)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "set-up was stopped. Run the same command again" in done.stderr
    (played / "do.txt").unlink()
    (played / "constraints.txt").write_bytes(whole)
    assert "Setting up" not in start(played).stdout


@posix
def test_two_set_ups_at_once(played):
    """The second waits for the first, and finds everything done."""
    change(played)
    (played / "do.txt").write_text("slow", encoding="utf-8")
    before = len(calls(played))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(start, played)
        while not any("pip install" in line and "--dry-run" not in line for line in calls(played)[before:]):
            assert not first.done(), first.result().stderr
            time.sleep(0.05)
        second = pool.submit(start, played)
        time.sleep(1)
        (played / "go on.txt").touch()
    for done in (first.result(), second.result()):
        assert "handed over" in done.stdout, done.stderr
    assert "Set up." not in second.result().stdout
    assert sum("-e .[dev]" in line for line in calls(played)[before:]) == 1


@posix
def test_a_folder_that_was_moved_or_renamed_is_set_up_again(played):
    """The programs in .venv hold its old path; spaces and letters such as ä are no hindrance."""
    moved = played.rename(played.with_name("meine Übungen (neu)"))
    done = start(moved)
    assert "Setting up" in done.stdout
    assert "handed over" in done.stdout, done.stderr
    assert "Setting up" not in start(moved).stdout


@posix
def test_where_and_how_it_is_called_does_not_matter(played, tmp_path):
    """From elsewhere, by a link, without HOME, with places that are not there, or in Python 3.10's oldest locale."""
    (tmp_path / "link").symlink_to(played)
    for path in (played, tmp_path / "link"):
        kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "LANG", "LC_ALL")}
        done = subprocess.run([base_python(), str(path / "lessons.py"), "list"], cwd=tmp_path, capture_output=True, text=True,
                              env={**kept, "PATH": os.defpath, "TMPDIR": "/nowhere", "LC_ALL": "C", "CONDA_PREFIX": "/nowhere"},
                              check=False, timeout=300)
        assert "handed over" in done.stdout, done.stderr
        assert "Setting up" not in done.stdout


def test_a_python_that_is_too_old_is_told(root):
    """It must understand the whole file to get as far as its first lines."""
    source = (root / "lessons.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    begin = source[: source.index("if os.environ")]
    old = "import sys\nsys.version_info = (3, 9, 1)\n"
    done = subprocess.run([sys.executable, "-c", old + begin], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == ("lessons: Python 3.10 or newer is needed; this is Python 3.9. Get one from python.org and run "
                                   "this file with it.")


@posix
@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_a_venv_that_is_not_ours_is_kept(clone, what):
    fake_uv(clone / ".tools" / "bin" / "uv")
    (clone / "other").mkdir()
    (clone / "other" / "mine.txt").touch()
    if what == "folder":
        (clone / "other").rename(clone / ".venv")
    elif what == "link":
        (clone / ".venv").symlink_to(clone / "other")
    else:
        (clone / ".venv").write_text("mine", encoding="utf-8")
    done = start(clone)
    assert "handed over" in done.stdout, done.stderr
    assert ".venv-kept-1" in done.stdout
    kept = clone / ".venv-kept-1"
    assert kept.read_text(encoding="utf-8") == "mine" if what == "file" else (kept / "mine.txt").exists()


@posix
def test_packages_of_the_readers_own_are_told(played):
    (played / SITE / "seaborn-0.13.dist-info").mkdir()
    (played / SITE / "seaborn-0.13.dist-info" / "METADATA").touch()
    change(played)
    assert "not in the new one: seaborn-0.13" in start(played).stdout


@posix
def test_a_uv_that_is_too_old_is_passed_by(played):
    old = fake_uv(played / "elsewhere" / "uv", "uv 0.1.24")
    change(played)
    before = len(calls(played))
    done = call(played, "list", PATH=f"{old.parent}{os.pathsep}{os.defpath}")
    assert "too old (0.1.24)" in done.stdout
    assert "handed over" in done.stdout
    assert len(calls(played)) > before


@posix
def test_variables_that_say_what_and_where_to_install_are_not_heeded(played):
    change(played)
    before = len(calls(played))
    done = start(played, UV_RESOLUTION="lowest", UV_SYSTEM_PYTHON="1", UV_REQUIRE_HASHES="1", UV_INDEX_URL="http://127.0.0.1:9/",
                 VIRTUAL_ENV="/nowhere")
    assert "handed over" in done.stdout
    for line in calls(played)[before:]:
        assert "UV_INDEX_URL=" in line
        assert not any(name in line for name in ("UV_RESOLUTION", "UV_SYSTEM_PYTHON", "UV_REQUIRE_HASHES"))


@posix
def test_uv_is_fetched_whatever_pips_settings_say(clone):
    """The wheel comes from a folder here; pip is the real one."""
    if subprocess.run([base_python(), "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("the Python under .venv has no pip")
    script = fake_uv(clone / "fake").read_text(encoding="utf-8")
    info = "uv-99.0.0.dist-info"
    (clone / "wheels").mkdir()
    with zipfile.ZipFile(clone / "wheels" / "uv-99.0.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("uv-99.0.0.data/scripts/uv", script)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 99.0.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    done = start(clone, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(clone / "wheels"), PIP_CONFIG_FILE=os.devnull, PIP_USER="1",
                 PIP_PREFIX="/nowhere", PIP_TARGET="/nowhere", PIP_REQUIRE_VIRTUALENV="1", PIP_NO_BINARY=":all:")
    assert "handed over" in done.stdout, done.stdout + done.stderr


@posix
def test_what_lies_on_a_pythonpath_is_not_imported(played):
    (played / "path").mkdir()
    for name in ("rich", "json", "pathlib", "argparse"):
        (played / "path" / f"{name}.py").write_text("raise RuntimeError('not this one')", encoding="utf-8")
    assert "handed over" in start(played, PYTHONPATH=str(played / "path")).stdout
    assert "handed over" in start(played, PYTHONSAFEPATH="1").stdout


@posix
@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_an_old_terminal_gets_question_marks(played, encoding):
    change(played)
    done = start(played, PYTHONIOENCODING=encoding)
    assert "handed over" in done.stdout, done.stderr
    assert "?" in done.stdout


@posix
def test_a_folder_that_may_not_be_written(played, door):
    """Root may write everywhere, so the refusal is played; a folder that is set up already is not written to."""
    line = door.explain_os_error(PermissionError(13, "Permission denied", ".tools"))
    assert "Copy the whole folder" in line
    assert "\n" not in line
    before = {path: path.stat().st_mtime_ns for path in played.rglob("*") if "__pycache__" not in str(path)}
    start(played)
    assert {path: path.stat().st_mtime_ns for path in played.rglob("*") if "__pycache__" not in str(path)} == before
    shutil.rmtree(played / ".tools")
    shutil.rmtree(played / ".venv")
    (played / ".tools").touch()
    assert ".tools" in one_line(start(played))


@posix
def test_a_wrong_torch_build_is_one_line_that_names_the_variable(played):
    fake = played / ".tools" / "bin" / "uv"
    fake.write_text(fake.read_text(encoding="utf-8").replace(
        '== "cpu"', '== "junk"').replace("Failed to fetch: torch", "invalid value 'junk' for '--torch-backend <T>'"))
    line = one_line(call(played, "list", PATH=os.defpath, UV_TORCH_BACKEND="junk"))
    assert "UV_TORCH_BACKEND must be" in line
    assert "handed over" in start(played).stdout  # nothing was changed


@posix
def test_a_project_that_is_not_whole_is_one_line(played):
    (played / "lessonlib" / "course" / "cli.py").unlink()
    assert "Get the project once more" in one_line(start(played))


@posix
def test_from_a_folder(clone):
    """uv, wheels and digits come from there, and no index is asked."""
    stick = clone / "stick"
    fake_uv(stick / this_machine() / "uv").chmod(0o644)  # as on a stick that keeps no modes
    (stick / "data").mkdir()
    (stick / "data" / "mnist.pkl.gz").write_text("digits", encoding="utf-8")
    (clone / "data").mkdir()
    done = call(clone, "--from", "stick", "list", PATH=os.defpath)
    assert "handed over -m lessonlib.course list" in done.stdout, done.stderr
    assert (clone / "data" / "mnist.pkl.gz").read_text(encoding="utf-8") == "digits"
    [line] = [line for line in calls(clone) if "pip install" in line]
    assert f"--offline --no-index --find-links {stick.resolve() / this_machine()}" in line
    shutil.rmtree(clone / ".venv")
    (stick / this_machine()).rename(stick / "Plan9-mips-python3.11")
    line = one_line(call(clone, "--from=stick"))
    assert "Plan9-mips-python3.11" in line
    assert this_machine() in line


def test_explanations_go_by_what_went_wrong(door):
    """Not by a package that is named `networkx`."""
    before = "Downloading networkx (2.0MiB)"
    assert "the disk is full" in door.explain("-", [before, "error: No space left on device (os error 28)"])
    assert "error: it is odd" in door.explain("-", [before, "error: it is odd", "For more, try --help"])
    assert "cannot be reached" in door.explain("-", ["error: Failed to fetch: x", "  cause: dns error"])


def test_a_silent_step_is_broken_by_a_word(door, monkeypatch, capsys):
    monkeypatch.setattr(door, "SECONDS_OF_SILENCE", 0.1)
    code = "import time; print('Downloading torch (514.2MiB)', flush=True); time.sleep(1)"
    door.run([sys.executable, "-c", code], "it failed")
    assert "still at work after 0 min: downloading torch (514.2MiB)" in capsys.readouterr().out


def test_the_style_is_checked_without_git(tmp_path, root):
    """In a folder from a zip file nothing says what git ignores."""
    shutil.copy(root / "pyproject.toml", tmp_path)
    for folder in (".tools/uv", ".venv/lib", ".venv-kept-1/lib", "work"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text("import os", encoding="utf-8")
    command = next(check.find for check in test_command.CHECKS if check.name == "style")
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (tmp_path / "a.py").write_text("import os", encoding="utf-8")
    assert subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, check=False).returncode == 1
