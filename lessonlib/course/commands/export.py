"""`lessons export`: clean the notebooks, write lessonlib/*.py from them, and the glossary."""

import argparse
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from lessonlib.course.exercise_cells import refreshed
from lessonlib.course.exercises.task_files import tasks
from lessonlib.course.notebooks import cleaned, lessons, write
from lessonlib.course.terminal import CourseError, console, need_checkout

GLOSSARY = Path("docs", "glossary.md")


def export(folder: Path) -> None:
    """Let nbdev write lessonlib/*.py from nbs/*.ipynb in `folder`, a checkout or a copy of one."""
    done = subprocess.run([sys.executable, "-c", "from nbdev.doclinks import nbdev_export; nbdev_export()"], cwd=folder,
                          capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        raise CourseError(f"the notebooks could not be exported:\n{done.stdout}{done.stderr}")
    for module in (folder / "lessonlib").glob("[!_]*.py"):
        write(module, tidy(module.read_text(encoding="utf-8")))


def tidy(module: str) -> str:
    """A module's text with a line end at its end, and its `__all__` on several lines where it is long.

    Where a second notebook adds to a module, nbdev leaves the line end out and writes `__all__` as one line.
    """
    indent = " " * len("__all__ = [")
    module = re.sub(r"^__all__ = \[.{110,}\]$", lambda line: textwrap.fill(line[0], 120, subsequent_indent=indent),
                    module, flags=re.MULTILINE)
    return module.rstrip("\n") + "\n"


def glossary() -> str:
    """All terms in alphabetical order, each with its definition and the lesson that introduces it."""
    entries = sorted(((term, definition, lesson) for lesson in lessons() for term, definition in lesson.words.items()),
                     key=lambda entry: entry[0].lower())
    lines = ["# Glossary", "", "<!-- Made by `lessons export` from the sections \"New words\" of the lessons. -->"]
    for term, definition, lesson in entries:
        lines += ["", f"### {term}", "", f"{definition} ([lesson {lesson.number}](../nbs/{lesson.path.name}))"]
    return "\n".join(lines) + "\n"


def export_verb(options: argparse.Namespace) -> int:
    """Clean all notebooks and write lessonlib/*.py from them."""
    changed = [lesson.path.name for lesson in lessons() if write(lesson.path, cleaned(lesson.nb))]
    root = need_checkout()
    export(root)  # before the exercises, which show what lessonlib has for them
    changed += [lesson.path.name for lesson in lessons()
                if write(lesson.path, cleaned(refreshed(lesson.nb, tasks(), root))) and lesson.path.name not in changed]
    write(root / GLOSSARY, glossary())
    console.print(f"{len(lessons())} notebooks exported, {len(changed)} of them changed"
                  f"{': ' + ', '.join(changed) if changed else ''}.")
    return 0
