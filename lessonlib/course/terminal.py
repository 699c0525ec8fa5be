"""What all verbs share: talking to the terminal, and finding the checkout."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lessonlib.files.where import checkout


class CourseError(RuntimeError):
    """Something cannot be done; the message says what to do next."""


class UsageError(CourseError):
    """What was asked for does not exist."""


console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)


def complain(message: str) -> None:
    """One message on stderr."""
    print(f"lessons: {message}", file=sys.stderr)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table; the columns named in `right` hold numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def need_checkout() -> Path:
    """The folder of the checkout. Raises `CourseError` where lessonlib was installed without one."""
    folder = checkout()
    if folder is None:
        raise CourseError("this needs the notebooks, and lessonlib is installed here without them; "
                          "clone the project and run `python lessons.py` in it")
    return folder
