"""The lessons as files: finding them, what they say of themselves, running them in fresh kernels."""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from lessonlib.course.colab import is_colab
from lessonlib.course.exercise_cells import exercises_in
from lessonlib.course.exercises.task_files import Exercise, tasks
from lessonlib.course.terminal import CourseError, UsageError, need_checkout

SOURCE = "nbs"  # the folder of the lessons
# Lessons that were renumbered, some of them cut in two: the name of a copy, and the lessons that it became.
RENAMED = {
    "02_pictures": ("03_pictures",), "03_baseline": ("04_baseline",), "04_sequential": ("05_sequential",),
    "05_module": ("06_module", "07_softmax"), "06_loss": ("08_loss",), "07_batches": ("09_batches",),
    "08_loop": ("10_loop",), "09_sgd": ("11_sgd", "12_optimizers"), "10_broadcasting": ("13_broadcasting",),
    "11_matmul": ("14_matmul",), "12_ladder": ("15_ladder",), "13_backprop": ("16_backprop", "17_tape", "18_python"),
    "19_handwriting": ("24_handwriting",),
}
SKIP = "skip-execution"  # nbclient's name for a cell that is passed over
STAMP = "outputs_of"  # in the notebook's metadata: a hash of the code that made the stored outputs
# nbdev's directives for cells that a plain test run passes over (settings.ini: tst_flags).
PASSED_OVER = re.compile(r"^#\|\s*(eval:\s*false|slow|gpu)\s*$", re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"
CONFLICT = re.compile(r"^(<{7}|>{7}) .*$", re.MULTILINE)  # what git writes into a file that it could not merge
SLOW = re.compile(r"^#\|\s*slow\s*$", re.MULTILINE)


class Lesson:
    """One notebook and what it says of itself. It is read when that is first asked for, so that a broken one stops no other."""

    def __init__(self, path: Path, nb: dict | None = None):
        self.path, self._nb = path, nb

    def __repr__(self) -> str:
        return f"Lesson({str(self.path)!r})"

    @property
    def nb(self) -> dict:
        """The notebook. Raises `CourseError`, with the name of the file, where it cannot be read."""
        if self._nb is None:
            self._nb = read_notebook(self.path)
        return self._nb

    @property
    def number(self) -> int:
        return int(self.path.stem[:2])

    @property
    def prose(self) -> str:
        return "\n".join("".join(cell["source"]) for cell in self.nb["cells"] if cell["cell_type"] == "markdown")

    @property
    def title(self) -> str:
        found = re.search(r"^# (.+)$", self.prose, re.MULTILINE)
        return found.group(1).strip() if found else self.path.stem

    @property
    def minutes(self) -> str:
        found = re.search(r"\*\*Time:?\*\*:?\s*(?:about\s+)?(\d+)", self.prose)
        return found.group(1) if found else ""

    @property
    def words(self) -> dict[str, str]:
        """The terms that the lesson introduces, each with its definition, from its section "New words"."""
        section = re.search(r"^## New words\n(.*?)(?=^## |\Z)", self.prose, re.MULTILINE | re.DOTALL)
        entries = re.findall(r"^- \[\*\*(.+?)\*\*\]\([^)]*\): (.+?)(?=^- |\Z)", section.group(1) if section else "",
                             re.MULTILINE | re.DOTALL)
        return {term: " ".join(definition.split()) for term, definition in entries}

    @property
    def exercises(self) -> list[Exercise]:
        """The exercises that are checked in it, in order."""
        return [tasks()[id] for id in dict.fromkeys(exercises_in(self.nb)) if id in tasks()]

    @property
    def module(self) -> str:
        """The module that the lesson begins (`#| default_exp data`), or ""."""
        found = re.search(r"^#\|\s*default_exp\s+(\S+)", "\n".join(sources(self.nb)), re.MULTILINE)
        return found.group(1) if found else ""

    @property
    def continues(self) -> list[str]:
        """The modules that an earlier or a later lesson begins and this one adds to (`#| export data`)."""
        named = re.findall(r"^#\|\s*export[is]?[ \t]+(\w+)[ \t]*$", "\n".join(sources(self.nb)), re.MULTILINE)
        return [name for name in dict.fromkeys(named) if name != self.module]

    @property
    def modules(self) -> list[str]:
        """All modules that the lesson writes to: its own first, then those that it continues."""
        return [*([self.module] if self.module else []), *self.continues]


def sources(nb: dict) -> list[str]:
    """The source of each code cell."""
    return ["".join(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "code"]


def code_hash(nb: dict) -> str:
    """A fingerprint of all code cells: when it changes, stored outputs are out of step. The one for Colab has none."""
    return text_hash("\0".join(sources({**nb, "cells": [cell for cell in nb["cells"] if not is_colab(cell)]})))


def text_hash(text: str) -> str:
    """A short fingerprint of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_notebook(path: Path) -> dict:
    """A notebook as JSON. Raises `CourseError` that says what is wrong with the file and what to do."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a byte order mark before it
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} cannot be read ({error}); `git checkout -- {path.name}` in its folder brings a lesson "
                          "back as it was") from None
    if marker := CONFLICT.search(text):
        line = text.count("\n", 0, marker.start()) + 1
        raise CourseError(f"{path} holds two versions of itself since a merge (line {line}: {marker.group().strip()[:40]}); "
                          f"choose one, with `git checkout --theirs` or `--ours` and the name of the file")
    try:
        nb = json.loads(text)
        cells = nb["cells"]
        if not all({"cell_type", "metadata", "source"} <= cell.keys() for cell in cells):
            raise ValueError("a cell of it has no type, no source or no metadata")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"no {error} in it" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise CourseError(f"{path} is not a notebook that can be read ({why})") from None
    return nb


def lessons() -> list[Lesson]:
    """All lessons in order."""
    return [Lesson(path) for path in sorted((need_checkout() / SOURCE).glob("[0-9][0-9]_*.ipynb"))]


def pick(wanted: Sequence[str]) -> list[Lesson]:
    """The lessons of the given numbers (`6`, `06` or `06_module`); all of them where none is given."""
    there = lessons()
    picked = []
    for text in wanted:
        found = [lesson for lesson in there
                 if text == lesson.path.stem or (text.isdecimal() and int(text) == lesson.number)]
        if not found and (now := RENAMED.get(text)):
            raise UsageError(f"{text} was a lesson of the first edition; now it is "
                             f"{' and '.join(str(int(stem[:2])) for stem in now)} (see `lessons list`)")
        if not found:
            raise UsageError(f"there is no lesson {text!r}; the lessons are "
                             f"{', '.join(str(lesson.number) for lesson in there)} (see `lessons list`)")
        picked += found
    return picked or there


def execute(lesson: Lesson, timeout: int, go_on: bool = False, slow: bool = False) -> dict:
    """Run a copy of the notebook in a fresh kernel of this very Python; gives the copy with its outputs.

    Raises `CourseError` with the cell and the error where a cell fails or takes longer than `timeout` seconds. With
    `go_on`, such a cell is interrupted, its error is one of its outputs, and the next cell runs. With `slow`, cells
    marked so run too.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    nb = nbformat.reads(json.dumps(lesson.nb), as_version=4)
    for cell in nb.cells:
        if cell.cell_type == "code" and PASSED_OVER.search(cell.source) and not (slow and SLOW.search(cell.source)):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), SKIP]
    begun = []
    client = NotebookClient(nb, on_cell_execute=lambda cell, cell_index: begun.append(cell), timeout=timeout,
                            kernel_name="python3", coalesce_streams=True, skip_cells_with_tag=SKIP,
                            extra_arguments=["--log-level=ERROR"], allow_errors=go_on, interrupt_on_timeout=go_on,
                            shutdown_kernel="immediate",  # with torch in it, a kernel takes 2 s to take its leave
                            resources={"metadata": {"path": str(lesson.path.parent)}})
    try:
        try:
            client.execute()
        except (AssertionError, DeadKernelError):
            if getattr(client, "_async_cleanup_kernel_future", None) is not None:
                raise KeyboardInterrupt from None  # Ctrl-C: nbclient ends the kernel and then stumbles over its end
            raise
    except CellTimeoutError as error:
        raise CourseError(f"{lesson.path.name}: a cell took longer than {timeout} seconds (--timeout): "
                          f"{str(error).splitlines()[-1]}") from error
    except DeadKernelError as error:
        line = next((line for line in begun[-1].source.splitlines() if line.strip()), "") if begun else ""
        raise CourseError(f"{lesson.path.name}: the kernel died in the cell `{line}`; look in what it runs for "
                          "os._exit, for a crash in a library, or for too much memory") from error
    except CellExecutionError as error:
        raise CourseError(f"{lesson.path.name} failed:\n{plain(str(error))}") from error
    for cell, before in zip(nb.cells, lesson.nb["cells"], strict=True):
        cell.metadata = nbformat.from_dict(before["metadata"])
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    nb.metadata.pop("widgets", None)  # what is left of progress bars, which come only where a machine is slow
    return json.loads(nbformat.writes(nb))  # with texts as lists of lines, as in the file


def plain(text: str) -> str:
    """Text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def quiet_kernels() -> None:
    """Set, for the kernels started from here, what makes runs alike: one thread, no progress bars, no network."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("LESSONLIB_OFFLINE", "1")
    os.environ["LESSONLIB_NO_BROWSER"] = "1"  # nobody can draw; see lessonlib.pad
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not one in the home folder
    os.environ["PYTHONUTF8"] = "1"  # the same bytes on every system
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # keeps a warning of the debugger out of the outputs


def cleaned(nb: dict) -> str:
    """The notebook as text after nbdev's cleaning: no execution counts, no metadata but what settings.ini allows."""
    from execnb.nbio import dict2nb, nb2str
    from nbdev.clean import clean_nb
    from nbdev.config import get_config

    config = get_config(path=need_checkout())
    nb = dict2nb(json.loads(json.dumps(nb)))
    clean_nb(nb, allowed_metadata_keys=config.allowed_metadata_keys.split(),
             allowed_cell_metadata_keys=config.allowed_cell_metadata_keys.split(), clean_ids=config.clean_ids)
    return nb2str(nb)


def write(path: Path, text: str) -> bool:
    """Replace a file in one step, and only where its content changes; gives whether it did."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(path)
    return True
