"""The reader's own copies of the lessons, in `work/`: put there once, and never overwritten.

`work/.editions` keeps each lesson as it was when it was last handed out. That is how `lessons update` knows, whatever
the reader wrote into a copy, whether the course has a newer edition.
"""

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from lessonlib.course.notebooks import Lesson, pick, write
from lessonlib.course.terminal import CourseError, need_checkout
from lessonlib.files import say

FOLDER = "work"
EDITIONS = ".editions"


def copy_of(lesson: Lesson) -> Path:
    """Where the reader's copy of a lesson is, or will be."""
    return need_checkout() / FOLDER / lesson.path.name


def edition_of(lesson: Lesson) -> Path:
    """Where it is kept what the reader was handed last."""
    return copy_of(lesson).parent / EDITIONS / lesson.path.name


def hand_out(lesson: Lesson) -> bool:
    """Put a copy of the lesson into `work/`, unless there is one; gives whether it was put there."""
    try:
        create(copy_of(lesson), lesson.path.read_bytes())
    except FileExistsError:
        return False
    remember(lesson)
    return True


def create(path: Path, content: bytes) -> None:
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


def remember(lesson: Lesson) -> None:
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


def hand_out_for(path: str) -> None:
    """Hand out the lesson that a path such as `work/08_loss.ipynb` asks for, where it is one and is not there yet."""
    folder, _, name = path.strip("/").rpartition("/")
    root = need_checkout()
    # Asked for each file that JupyterLab looks at, so no notebook is read before it is known that one is missing.
    if folder == FOLDER and re.fullmatch(r"\d\d_\w+\.ipynb", name) and (root / "nbs" / name).is_file() and not (
            root / FOLDER / name).exists():
        hand_out(pick([Path(name).stem])[0])
