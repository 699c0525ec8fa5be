"""The reader's own copies of the lessons, in `work/`: put there once, and never overwritten.

`work/.editions` keeps each lesson as it was when it was last handed out. That is how `lessons update` knows, whatever
the reader wrote into a copy, whether the course has a newer edition.
"""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

from lessonlib.course.editions import edition
from lessonlib.course.notebooks import RENAMED, Lesson, lessons, pick, read_notebook, write
from lessonlib.course.terminal import CourseError, need_checkout
from lessonlib.files import warn

FOLDER = "work"
EDITIONS = ".editions"
HOME, GLOSSARY = "home.md", "glossary.md"  # pages in work/ that are made again whenever they are opened


def copy_of(lesson: Lesson) -> Path:
    """Where the reader's copy of a lesson is, or will be."""
    return need_checkout() / FOLDER / lesson.path.name


def edition_of(lesson: Lesson) -> Path:
    """Where it is kept what the reader was handed last."""
    return copy_of(lesson).parent / EDITIONS / lesson.path.name


def hand_out(lesson: Lesson) -> bool:
    """Put a copy of the lesson into `work/`, unless there is one; gives whether it was put there."""
    if copy_of(lesson).exists():
        return False
    try:
        create_copy(copy_of(lesson), lesson)
    except FileExistsError:
        return False
    remember(lesson)
    return True


def create_copy(path: Path, lesson: Lesson) -> None:
    """Write the reader's edition of a lesson to a new file, and sign it."""
    text = edition(lesson)
    create(path, text.encode())
    sign_notebook(text)


def create(path: Path, content: bytes) -> None:
    """Write a new file. Raises `FileExistsError` where there is one, `CourseError` where there can be none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"your copies of the lessons go into the folder {path.parent}, and it cannot be made "
                          f"({error.strerror}); rename what is in its place, or clone the project into a folder "
                          "of your own") from None
    with path.open("xb") as file:
        try:
            file.write(content)
        except BaseException:
            file.close()
            path.unlink()  # half a notebook would stay for ever
            raise


def sign_notebook(text: str) -> None:
    """Tell Jupyter that the outputs of this notebook are ours: it runs no script of a stored output that is not signed."""
    try:
        import nbformat
        from nbformat.sign import NotebookNotary
    except ImportError:  # where there is no Jupyter, nothing is opened in it
        return
    notary = NotebookNotary()
    try:
        notary.sign(nbformat.reads(text, as_version=4))
    except OSError as error:
        warn(f"Jupyter's record of trusted notebooks cannot be written ({error}); steppers and the drawing pad work after "
               "you run their cells")
    finally:
        notary.store.close()


def remember(lesson: Lesson) -> None:
    """Keep what was handed out, to be compared with later editions."""
    kept = edition_of(lesson)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write(kept, edition(lesson))
    except OSError as error:
        warn(f"which edition you have cannot be written down in {path_in_words(kept)} ({error.strerror}); your copies are safe. "
               f"Rename what is in the place of the folder {FOLDER}/{EDITIONS}, or make it writable")


def cells_of(nb: dict) -> list[str]:
    """The cells of a notebook as texts, without outputs."""
    return [f"{cell['cell_type']}\n{''.join(cell['source'])}" for cell in nb["cells"]]


def cells_in(path: Path) -> list[str]:
    """The cells of a notebook that is a file; an empty list where it cannot be read."""
    try:
        return cells_of(read_notebook(path))
    except CourseError:
        return []


def cells_handed_out(lesson: Lesson) -> list[str]:
    """The cells of the reader's edition of a lesson as it is now."""
    return cells_of(json.loads(edition(lesson)))


def changes(lesson: Lesson) -> str:
    """What is new in this edition since the reader was handed one, in words; "" where nothing is."""
    before, now = cells_in(edition_of(lesson)) or cells_in(copy_of(lesson)), cells_handed_out(lesson)
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


def renamed_copies(lesson: Lesson | None = None) -> list[tuple[Path, tuple[str, ...]]]:
    """Copies under a lesson's old name, each with the lessons that it became; of one lesson, or all."""
    folder = need_checkout() / FOLDER
    return [(folder / f"{old}.ipynb", now) for old, now in RENAMED.items()
            if (folder / f"{old}.ipynb").is_file() and (lesson is None or lesson.path.stem in now)]


def successors(name: str) -> list[str]:
    """The lessons that a file name of the first edition stands for now, as paths in `work/`; none where it is not one."""
    there = {lesson.path.stem for lesson in lessons()}
    return [f"{FOLDER}/{stem}.ipynb" for stem in RENAMED.get(name.removesuffix(".ipynb"), ()) if stem in there]


def what_became(copies: Sequence[tuple[Path, tuple[str, ...]]]) -> str:
    """One line for each copy under an old name; "" where there are none."""
    return "\n".join(f"{path_in_words(path)} is your copy from the first edition, and stays as it is: the lesson is now "
                     f"{' and '.join(str(int(stem[:2])) for stem in now)}. Exercises that you passed still count; your answers "
                     "can be copied over." for path, now in copies)


def free_name(path: Path, word: str) -> Path:
    """A name beside `path` that no file has: with `word`, and a number where that is taken."""
    candidate, n = path.with_name(f"{path.stem}-{word}{path.suffix}"), 2
    while candidate.exists():
        candidate, n = path.with_name(f"{path.stem}-{word}-{n}{path.suffix}"), n + 1
    return candidate


def path_in_words(path: Path) -> str:
    """The path as seen from the checkout."""
    return path.relative_to(need_checkout()).as_posix()
