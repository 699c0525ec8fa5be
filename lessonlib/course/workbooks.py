"""The reader's own copies of the lessons, in `work/`: put there once, and never overwritten.

`work/.editions` keeps each lesson as it was when it was last handed out. That is how `lessons update` knows, whatever
the reader wrote into a copy, whether the course has a newer edition.
"""

import argparse
import difflib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lessonlib.course.notebooks import Lesson, execute, pick, plain, quiet_kernels, write
from lessonlib.course.terminal import CourseError, complain, console, need_checkout, show_table
from lessonlib.files import say

FOLDER = "work"
EDITIONS = ".editions"
CHECK = re.compile(r'^[^#\n]*\bcheck\(\s*["\'](\w+)["\']', re.MULTILINE)
STATUS = {"ok": "right", "fail": "not yet", "todo": "not tried yet"}


def copy_of(lesson: Lesson) -> Path:
    """Where the reader's copy of a lesson is, or will be."""
    return need_checkout() / FOLDER / lesson.path.name


def edition_of(lesson: Lesson) -> Path:
    """Where it is kept what the reader was handed last."""
    return copy_of(lesson).parent / EDITIONS / lesson.path.name


def hand_out(lesson: Lesson) -> bool:
    """Put a copy of the lesson into `work/`, unless there is one; gives whether it was put there."""
    try:
        _create(copy_of(lesson), lesson.path.read_bytes())
    except FileExistsError:
        return False
    _remember(lesson)
    return True


def _create(path: Path, content: bytes) -> None:
    """Write a new file. Raises `FileExistsError` where there is one, `CourseError` where there can be none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"your copies of the lessons go into the folder {path.parent}, and it cannot be made "
                          f"({error.strerror}); rename what stands in its place, or clone the project into a folder "
                          "of your own") from None
    with path.open("xb") as file:
        try:
            file.write(content)
        except BaseException:
            file.close()
            path.unlink()  # half a notebook would stay for ever
            raise


def _remember(lesson: Lesson) -> None:
    """Keep what was handed out, to be compared with later editions."""
    kept = edition_of(lesson)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write(kept, lesson.path.read_text(encoding="utf-8"))
    except OSError as error:
        say(f"which edition you have cannot be written down in {shown(kept)} ({error.strerror}); your copies are safe. "
            f"Rename what stands in the place of the folder {FOLDER}/{EDITIONS}, or make it writable")


def cells_of(path: Path) -> list[str]:
    """The cells of a notebook as texts, without outputs; an empty list where it cannot be read."""
    try:
        nb = json.loads(path.read_text(encoding="utf-8"))
        return [f"{cell['cell_type']}\n{''.join(cell['source'])}" for cell in nb["cells"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def changes(lesson: Lesson) -> str:
    """What is new in this edition since the reader was handed one, in words; "" where nothing is."""
    before, now = cells_of(edition_of(lesson)) or cells_of(copy_of(lesson)), cells_of(lesson.path)
    matcher = difflib.SequenceMatcher(None, before, now, autojunk=False)
    gone = new = changed = 0
    for what, i, j, k, m in matcher.get_opcodes():
        if what != "equal":
            both = min(j - i, m - k)
            changed, gone, new = changed + both, gone + j - i - both, new + m - k - both
    return ", ".join(f"{n} cell{'s' * (n > 1)} {word}" for n, word in ((changed, "changed"), (new, "new"), (gone, "gone"))
                     if n)


def handed_out(wanted: Sequence[str] = ()) -> list[Lesson]:
    """The lessons, of those asked for, that the reader has a copy of. Raises `CourseError` for one without."""
    found = []
    for lesson in pick(wanted):
        if copy_of(lesson).exists():
            found.append(lesson)
        elif wanted:
            raise CourseError(f"there is no copy of lesson {lesson.number} in {FOLDER}/ yet; "
                              f"`lessons open {lesson.number}` makes one")
    return found


def free_name(path: Path, word: str) -> Path:
    """A name beside `path` that no file has: with `word`, and a number where that is taken."""
    candidate, n = path.with_name(f"{path.stem}-{word}{path.suffix}"), 2
    while candidate.exists():
        candidate, n = path.with_name(f"{path.stem}-{word}-{n}{path.suffix}"), n + 1
    return candidate


def shown(path: Path) -> str:
    """The path as seen from the checkout."""
    return path.relative_to(need_checkout()).as_posix()


def update_verb(options: argparse.Namespace) -> int:
    """Show which copies are of an older edition, and put the newer one beside each of them."""
    rows = []
    for lesson in handed_out(options.lessons):
        if not (what := changes(lesson)):
            continue
        if any(cells_of(path) == cells_of(lesson.path)
               for path in copy_of(lesson).parent.glob(f"{lesson.path.stem}-edition-*.ipynb")):
            _remember(lesson)  # the record was lost, the edition was not
            continue
        beside = free_name(copy_of(lesson), f"edition-{datetime.now():%Y-%m-%d}")
        _create(beside, lesson.path.read_bytes())
        _remember(lesson)
        rows.append((str(lesson.number), what, shown(copy_of(lesson)), shown(beside)))
    if not rows:
        console.print("Each of your copies is of the newest edition, or has it beside it."
                      if handed_out() else "You have no copies yet; `lessons open 0` makes the first one.")
        return 0
    show_table("Newer editions", ("", "what is new", "your copy, as it was", "the newer edition"), rows, right=("",))
    console.print("Nothing of yours was changed. To go on in the newer edition, let `lessons reset N` put it in the place "
                  "of your copy, which is kept under another name; `lessons check` looks only there.")
    return 0


def reset_verb(options: argparse.Namespace) -> int:
    """Begin a lesson anew; what was there is kept under a dated name."""
    for lesson in pick(options.lessons):
        path = copy_of(lesson)
        if path.is_file() and path.read_bytes() == lesson.path.read_bytes():
            console.print(f"{shown(path)} is as new already.")
            continue
        if os.path.lexists(path):
            kept = free_name(path, f"{datetime.now():%Y-%m-%d-%H%M%S}")
            path.rename(kept)
            console.print(f"What was in {shown(path)} is kept in {shown(kept)}.")
        hand_out(lesson)
        console.print(f"{shown(path)} is new. Your progress stays as it was.")
    return 0


def check_verb(options: argparse.Namespace) -> int:
    """Run the reader's copies in fresh kernels and tell what each check found; 0 where all are right."""
    chosen = [lesson for lesson in handed_out(options.lessons) if lesson.exercises or options.lessons]
    if not chosen:
        raise CourseError("there is no copy of a lesson with exercises yet; `lessons open 2` makes one")
    quiet_kernels()
    rows, remarks, unread = [], [], False
    for lesson in chosen:
        console.print(f"Running {shown(copy_of(lesson))} …")
        try:
            found = verdicts(lesson, options.timeout)
        except CourseError as error:
            complain(str(error))
            unread = True
            continue
        rows += [(str(lesson.number), id, word) for id, (word, _) in found.items()]
        remarks += [(id, text) for id, (word, text) in found.items() if word != "right"]
        if not lesson.exercises:
            console.print(f"Lesson {lesson.number} has no checked exercises.")
    if not rows:
        return 1 if unread else 0
    for id, text in remarks:
        console.print(f"\n[bold]{id}[/bold]")
        console.print(text, markup=False)
    console.print()
    show_table("Exercises", ("", "exercise", "found"), rows, right=("",))
    return 1 if remarks or unread else 0


def verdicts(lesson: Lesson, timeout: int) -> dict[str, tuple[str, str]]:
    """Run the reader's copy; for each exercise of the lesson one word, and the text that says more."""
    import nbformat

    path = copy_of(lesson)
    try:
        nb = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(nb.get("cells"), list):
            raise ValueError("no cells in it")
        if not all(isinstance(cell, dict) and {"cell_type", "metadata", "source"} <= cell.keys() for cell in nb["cells"]):
            raise ValueError("a cell of it has no type, no source or no metadata")
        nbformat.reads(json.dumps(nb), as_version=4)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError, nbformat.ValidationError) as error:
        why = str(error).splitlines()[0]
        raise CourseError(f"{shown(path)} is not a notebook that can be read ({why}); `lessons reset {lesson.number}` "
                          "keeps it under another name and puts a new one there") from None
    found, first_error, cells = {}, "", []
    with tempfile.TemporaryDirectory() as folder:
        heard = Path(folder, "verdicts")
        os.environ["LESSONLIB_VERDICTS"] = str(heard)
        try:
            cells = execute(replace(lesson, path=path, nb=nb), timeout, go_on=True)["cells"]
        except CourseError as error:  # the kernel died: what was heard before counts
            first_error = str(error)
        finally:
            del os.environ["LESSONLIB_VERDICTS"]
        for line in heard.read_text(encoding="utf-8").splitlines() if heard.exists() else ():
            id, status, text = json.loads(line)
            found[id] = STATUS[status], text
    died = bool(first_error)
    for cell in cells:
        source = "".join(cell["source"])
        error = next((f"{output['ename']}: {plain(output['evalue'])}" for output in cell.get("outputs", [])
                      if output["output_type"] == "error"), "")
        for id in CHECK.findall(source) if cell["cell_type"] == "code" and error else ():
            found.setdefault(id, ("the cell failed", f"The cell of this check failed ({error})." + (
                f" The first cell that failed in this notebook: {first_error}" if first_error else "")))
        if error and not first_error:
            first_line = next((line for line in source.splitlines() if line.strip()), "")
            first_error = f"`{first_line}` ({error})."
    for task in lesson.exercises:
        if task.id not in found:
            found[task.id] = ("not reached", first_error) if died else (
                "no check seen", f'The copy ran no check("{task.id}", {task.name}); write one below your answer.')
    return found


def hand_out_for(path: str) -> None:
    """Hand out the lesson that a path such as `work/08_loss.ipynb` asks for, where it is one and is not there yet."""
    folder, _, name = path.strip("/").rpartition("/")
    root = need_checkout()
    # Asked for each file that JupyterLab looks at, so no notebook is read before it is known that one is missing.
    if folder == FOLDER and re.fullmatch(r"\d\d_\w+\.ipynb", name) and (root / "nbs" / name).is_file() and not (
            root / FOLDER / name).exists():
        hand_out(pick([Path(name).stem])[0])
