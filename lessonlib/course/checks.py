"""`lessons test`: every check of the project, what each found, and how to mend it."""

import argparse
import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lessonlib.course.notebooks import (
    GLOSSARY,
    STAMP,
    Lesson,
    cleaned,
    code_hash,
    export,
    glossary,
    lessons,
    quiet_kernels,
)
from lessonlib.course.terminal import UsageError, console, need_checkout
from lessonlib.files import find_mnist

LARGEST_PICTURE = 40_000  # bytes
LARGEST_NOTEBOOK = 600_000
WORKERS = 2


@dataclass(frozen=True)
class Check:
    """A named check: `find` gives the problems, one text each; `mend` says what to do about them."""

    name: str
    what: str
    find: Callable[[], list[str]]
    mend: str


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
    out_of_date = not stored.exists() or stored.read_text(encoding="utf-8") != glossary()
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


def _command(*command: str) -> list[str]:
    """Run a command in the checkout; its output is the problem where it fails."""
    done = subprocess.run([sys.executable, *command], cwd=need_checkout(), stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    if done.returncode == 0:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        for line in [*(line for line in lines if line.startswith("SKIPPED")), *lines[-1:]]:
            console.print(f"    {line.strip('= ')}", markup=False)
        return []
    return [done.stdout]


def notebooks_run() -> list[str]:
    """nbdev_test: every notebook from top to bottom, with the tests that stand in it."""
    return _command("-c", f"from nbdev.test import nbdev_test; nbdev_test(n_workers={WORKERS}, do_print=False)")


CHECKS = (
    Check("modules", "lessonlib/*.py and the glossary are what the notebooks say", modules_in_step,
          "run `lessons export` and commit what it writes (edit the notebook, not the module)"),
    Check("clean", "notebooks hold no stray metadata", notebooks_clean, "run `lessons export`"),
    Check("outputs", "stored outputs belong to the code", outputs_in_step, "run `lessons run --save`"),
    Check("style", "ruff finds nothing", lambda: _command("-m", "ruff", "check", "--quiet", "."),
          "run `ruff check --fix`, and mend by hand what is left"),
    Check("notebooks", "every lesson runs (nbdev_test)", notebooks_run,
          "open the lesson that is named and run it to the cell that fails"),
    Check("tests", "pytest", lambda: _command("-m", "pytest", "-q", "-n", str(WORKERS)),
          "run `pytest` on the test that is named, and mend the code or, where it is wrong, the test"),
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
    failed = []
    chosen = [known[name] for name in options.checks] or list(CHECKS)
    for check in chosen:
        console.print(f"[bold]{check.name}[/bold]: {check.what} …")
        start = time.perf_counter()
        problems = check.find()
        seconds = time.perf_counter() - start
        for problem in problems:
            console.print(problem, markup=False)
        if problems:
            failed.append(check)
            console.print(f"  [bold red]failed[/bold red] ({seconds:.1f} s). To mend it: {check.mend}")
        else:
            console.print(f"  passed ({seconds:.1f} s)")
    console.print()
    for check in failed:
        console.print(f"[bold red]{check.name}[/bold red] failed. To mend it: {check.mend}")
    console.print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0
