"""`lessons test`: every check of the project, what each found, and how to fix it."""

import argparse
import base64
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lessonlib.course.commands.export import GLOSSARY, export, glossary_text
from lessonlib.course.notebooks import STAMP, Lesson, cleaned, code_hash, lessons, quiet_kernels
from lessonlib.course.structure import structure_problems
from lessonlib.course.terminal import UsageError, console, need_checkout
from lessonlib.files import find_mnist

LARGEST_PICTURE = 40_000  # bytes
LARGEST_NOTEBOOK = 600_000
SECONDS_TO_END = 15
SECONDS_OF_SILENCE = 60
# What a contributor needs most: lessons, exercises as they stand in them, the README, and who may import whom. Code has
# tests named as it is, which its author runs alone.
QUICK_TESTS = ("test_words.py", "test_lesson_exercises.py", "test_task_files.py", "test_readme.py", "test_floors.py",
               "test_editions.py")


@dataclass(frozen=True)
class Check:
    """A named check: a function that gives the problems, one text each, or a command of Python that fails with them."""

    name: str
    what: str
    find: Callable[[], list[str]] | tuple[str, ...]
    fix: str  # what to do about the problems
    quick: tuple[str, ...] | None = ()  # with --quick: a shorter command in place of `find`; None leaves the check out


def modules_in_step() -> list[str]:
    """Export a copy of the notebooks and compare."""
    root = need_checkout()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copy(root / "settings.ini", copy)
        for name in ("nbs", "lessonlib"):
            shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb*"))
        for module in (copy / "lessonlib").glob("*.py"):
            if module.name != "__init__.py":
                module.unlink()  # so that a module whose notebook is gone is missed below
        export(copy)
        made = {path.name: path.read_text(encoding="utf-8") for path in (copy / "lessonlib").glob("*.py")}
    here = {path.name: path.read_text(encoding="utf-8") for path in (root / "lessonlib").glob("*.py")}
    stored = root / GLOSSARY
    out_of_date = not stored.exists() or stored.read_text(encoding="utf-8") != glossary_text()
    return ([f"{GLOSSARY.as_posix()} is not what the lessons say"] * out_of_date
            + [f"lessonlib/{name} is missing" for name in sorted(made.keys() - here.keys())]
            + [f"lessonlib/{name} is made by no notebook" for name in sorted(here.keys() - made.keys())]
            + [f"lessonlib/{name} differs from its notebook" for name in sorted(made.keys() & here.keys())
               if made[name] != here[name]])


def notebooks_clean() -> list[str]:
    """Compare each notebook with what nbdev's cleaning makes of it."""
    return [f"nbs/{lesson.path.name} is not clean" for lesson in lessons()
            if lesson.path.read_text(encoding="utf-8") != cleaned(lesson.nb)]


def outputs_in_step() -> list[str]:
    """Stored outputs belong to the code above them, hold no errors, and each picture says in words what it shows."""
    return [f"nbs/{lesson.path.name}: {problem}" for lesson in lessons() for problem in output_problems(lesson)]


def output_problems(lesson: Lesson) -> list[str]:
    """What is wrong with the stored outputs of one notebook."""
    problems = []
    if (stamp := lesson.nb["metadata"].get("lessonlib", {}).get(STAMP)) != code_hash(lesson.nb):
        problems.append("its code changed since its outputs were stored" if stamp else "its outputs were never stored")
    if (size := lesson.path.stat().st_size) > LARGEST_NOTEBOOK:
        problems.append(f"{size:,} bytes, and {LARGEST_NOTEBOOK:,} are the most")
    for n, cell in enumerate(lesson.nb["cells"]):
        for output in cell.get("outputs", []):
            problems += [f"cell {n}: {problem}" for problem in _picture_problems(output)]
            if output["output_type"] == "error":
                problems.append(f"cell {n}: a stored error ({output['ename']})")
    return problems


def _picture_problems(output: dict) -> list[str]:
    data = output.get("data", {})
    problems = ["a picture without alt text; show it with lessonlib.figures.picture"] if "image/png" in data else []
    for tag in re.findall(r"<img[^>]*>", "".join(data.get("text/html", ""))):
        if not re.search(r'alt="[^"]{10,}"', tag):
            problems.append("a picture without alt text; show it with lessonlib.figures.picture")
        found = re.search(r"base64,([A-Za-z0-9+/=]+)", tag)
        if found and (size := len(base64.b64decode(found.group(1)))) > LARGEST_PICTURE:
            problems.append(f"a picture of {size:,} bytes, and {LARGEST_PICTURE:,} are the most")
    return problems


@contextlib.contextmanager
def started(chosen: Iterable[Check]) -> Iterator[dict[str, Callable[[], list[str]]]]:
    """Start all commands at once, side by side; gives for each check the function that finds (or waits for) its problems."""
    find, processes = {}, []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            for check in chosen:
                if callable(check.find):
                    find[check.name] = check.find
                    continue
                # In a session of its own, so that Ctrl-C reaches it once, through `_end`.
                with (output := Path(folder, check.name)).open("wb") as file:
                    process = subprocess.Popen([sys.executable, *check.find], cwd=need_checkout(), stdin=subprocess.DEVNULL,
                                               stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
                processes.append(process)
                find[check.name] = partial(_problems, process, output)
            yield find
        finally:
            _end(processes)


def _problems(process: subprocess.Popen, output: Path) -> list[str]:
    """Wait for a command, and show once a minute how far it is; its output is the problem where it fails."""
    start = time.monotonic()
    while True:
        try:
            code = process.wait(SECONDS_OF_SILENCE)
            break
        except subprocess.TimeoutExpired:
            last = output.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2]
            console.print(f"    {time.monotonic() - start:.0f} s … {last[-100:]}", markup=False)
    text = output.read_text(encoding="utf-8", errors="replace")
    if code:
        return [text]
    lines = [line for line in text.splitlines() if line.strip()]
    for line in [*(line for line in lines if line.startswith("SKIPPED")), *lines[-1:]]:
        console.print(f"    {line.strip('= ')}", markup=False)
    return []


def _end(processes: list[subprocess.Popen]) -> None:
    """End what still runs when the checks are left, by Ctrl-C say: first ask, since tests close what they opened."""
    running = [process for process in processes if process.poll() is None]
    if running:
        console.print("\nEnding what still runs …")
    for process in running:
        _signal(process, "SIGINT")
    deadline = time.monotonic() + SECONDS_TO_END
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal(process, "SIGKILL")
            process.wait()


def _signal(process: subprocess.Popen, name: str) -> None:
    """Send a signal to a command and all that it started. Windows has none; there Ctrl-C has reached them already."""
    if os.name != "nt":
        os.killpg(process.pid, getattr(signal, name))
    elif name == "SIGKILL":
        process.kill()


# nbdev_test runs notebooks in its own process, and what they leave behind stays until that ends: all of them together
# took 9 GB. So a few at a time, each in a process of its own.
NOTEBOOKS_IN_TURNS = """
import subprocess, sys
from pathlib import Path
some = "from nbdev.test import nbdev_test; nbdev_test(file_glob={!r}, n_workers=1, do_print=False)"
globs = "0*.ipynb", "1[0-4]*.ipynb", "1[5-9]*.ipynb", "2*.ipynb", "[!012]*.ipynb"
found = [glob for glob in globs if any(Path("nbs").glob(glob))]
sys.exit(int(any([subprocess.call([sys.executable, "-c", some.format(glob)]) for glob in found])))
"""

CHECKS = (
    Check("modules", "lessonlib/*.py and the glossary are what the notebooks say", modules_in_step,
          "run `lessons export` and commit what it writes (edit the notebook, not the module)"),
    Check("clean", "notebooks hold no stray metadata", notebooks_clean, "run `lessons export`"),
    Check("outputs", "stored outputs belong to the code", outputs_in_step, "run `lessons run --save`"),
    # What git ignores is named, since there may be no git; the reader's own files in work/ are theirs (pyproject.toml).
    Check("structure", "every lesson has its parts, in words that were introduced", structure_problems,
          "each line above names lesson, cell and remedy; CONTRIBUTING.md lists the parts"),
    Check("style", "ruff finds nothing",
          ("-m", "ruff", "check", "--quiet", "--extend-exclude", ".tools,.venv*,_proc,_docs,_build", "."),
          "run `ruff check --fix`, and fix by hand what is left"),
    Check("types", "mypy finds nothing", ("-m", "mypy"),
          "run `mypy`, and mend what it names: the code where it is wrong, else the hint"),
    Check("notebooks", "every lesson runs (nbdev_test)",
          ("-c", NOTEBOOKS_IN_TURNS),
          "open the lesson that is named and run it to the cell that fails", quick=None),
    Check("tests", "pytest", ("-m", "pytest", "-q", "-n", "2"),
          "run `pytest` on the test that is named, and fix the code or, where it is wrong, the test",
          quick=("-m", "pytest", "-q", "-n", "2", *(f"tests/{name}" for name in QUICK_TESTS))),
)


def test_verb(options: argparse.Namespace) -> int:
    """Run the checks; 1 where one of them found something."""
    known = {check.name: check for check in CHECKS}
    if unknown := [name for name in options.checks if name not in known]:
        raise UsageError(f"there is no check {unknown[0]!r}; the checks are {', '.join(known)}")
    need_checkout()
    quiet_kernels()
    os.environ["MPLBACKEND"] = "agg"
    found = find_mnist()
    console.print(f"Digits: {f'MNIST in {found.folder}' if found else 'the built-in ones; MNIST is not here'}")
    failed, start = [], time.perf_counter()
    chosen = [known[name] for name in options.checks] or list(CHECKS)
    if options.quick:
        chosen = [replace(check, find=check.quick or check.find) for check in chosen if check.quick is not None]
    with started(chosen) as find:
        for check in chosen:
            console.print(f"[bold]{check.name}[/bold]: {check.what} …")
            problems = find[check.name]()
            for problem in problems:
                console.print(problem, markup=False)
            if problems:
                failed.append(check)
                console.print(f"  [bold red]failed[/bold red]. To fix it: {check.fix}")
            else:
                console.print(f"  passed ({time.perf_counter() - start:.1f} s after the start)")
    console.print()
    for check in failed:
        console.print(f"[bold red]{check.name}[/bold red] failed. To fix it: {check.fix}")
    console.print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0
