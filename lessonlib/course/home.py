"""What JupyterLab finds in `work/` is made when it is opened: a copy of a lesson, home with its map, the glossary.

The pages are Markdown, because JupyterLab opens the links of a Markdown page as its own documents. The classes in them are
styled by `jupyter/labextensions/lessonlib/static/lessons.css`; without it they are plain lists.
"""

import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from lessonlib.course.editions import LADDER
from lessonlib.course.notebooks import SOURCE, Lesson, lessons, pick, sources, write
from lessonlib.course.progress import Record, progress_in_words, read_progress
from lessonlib.course.terminal import CourseError, need_checkout
from lessonlib.course.workbooks import FOLDER, GLOSSARY, HOME, copy_of, hand_out, renamed_copies, what_became
from lessonlib.figures import LADDER as RUNGS

# In the file, since it is the reader's folder and somebody may want to write there.
MADE = "<!-- Made again whenever it is opened: what is written here is lost. -->"


def write_page(name: str) -> Path:
    """Make `work/home.md` or `work/glossary.md`; gives its path."""
    path = need_checkout() / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, home_page() if name == HOME else glossary_page())
    return path


def prepare(path: str, content: bool = True) -> None:
    """Before JupyterLab reads a path such as `work/08_loss.ipynb`: hand the lesson out, or make the page, that it names."""
    folder, _, name = path.strip("/").rpartition("/")
    if folder != FOLDER:
        return
    root = need_checkout()
    if name in (HOME, GLOSSARY) and (content or not (root / FOLDER / name).exists()):
        write_page(name)
    # Asked for each file that JupyterLab looks at, so no notebook is read before it is known that one is missing.
    elif re.fullmatch(r"\d\d_\w+\.ipynb", name) and (root / SOURCE / name).is_file() and not (root / FOLDER / name).exists():
        hand_out(pick([Path(name).stem])[0])


def glossary_page() -> str:
    """The glossary, with links to the reader's copies."""
    text = (need_checkout() / "docs" / GLOSSARY).read_text(encoding="utf-8")
    return f"{MADE}\n\n[All lessons]({HOME})\n\n{text.replace('](../nbs/', '](')}"


def home_page() -> str:
    """The lessons rung by rung, what is passed in each, and where to go on."""
    records = read_progress()
    readable, faults = [], []
    for lesson in lessons():
        try:
            readable.append((lesson, lesson.title))
        except CourseError as error:
            faults.append(str(error))
    here = last_opened([lesson for lesson, _ in readable])
    parts = [MADE, "", "# Your way down the ladder", "", go_on(here, readable, records), "", '<div class="ll-map">']
    for heading, on_rung in by_rung(readable):
        lit = here is not None and any(lesson is here for lesson, _ in on_rung)
        parts.append(f'<div class="ll-stage{" ll-lit" if lit else ""}">{heading}<ul class="ll-lessons">')
        parts += [entry(lesson, title, records, lesson is here) for lesson, title in on_rung]
        parts.append("</ul></div>")
    parts += ["</div>", "", f"[Glossary]({GLOSSARY}): every term, and the lesson that introduces it."]
    for line in [*what_became(renamed_copies()).splitlines(), *faults]:
        parts += ["", line]
    return "\n".join(parts) + "\n"


def last_opened(there: Iterable[Lesson]) -> Lesson | None:
    """The lesson whose copy was saved last."""
    copies = [(copy_of(lesson).stat().st_mtime, lesson.number, lesson) for lesson in there if copy_of(lesson).is_file()]
    return max(copies, key=lambda copy: copy[:2])[2] if copies else None


def go_on(here: Lesson | None, readable: list[tuple[Lesson, str]], records: dict[str, Record]) -> str:
    """One link: to where the reader stopped, or to the lesson after it when all its exercises are passed."""
    words = "Go on where you stopped"
    order = [lesson for lesson, _ in readable]
    if not order:
        return ""
    if here is None:
        here, words = order[0], "Begin here"
    elif here.exercises and all(records.get(task.id, Record()).passed for task in here.exercises) and here is not order[-1]:
        here, words = order[order.index(here) + 1], "Go on with the next lesson"
    title = next(title for lesson, title in readable if lesson is here)
    return f'<a class="ll-go" href="{here.path.name}">{words}: <b>{here.number} {escape(plain_title(title))}</b></a>'


def by_rung(readable: list[tuple[Lesson, str]]) -> list[tuple[str, list[tuple[Lesson, str]]]]:
    """The lessons by the rung that their ladder lights, each group with its heading, from the top of the ladder down."""
    groups: list[tuple[str, list[tuple[Lesson, str]]]] = []
    for lesson, title in readable:
        heading = rung_heading(lesson)
        if not groups or groups[-1][0] != heading:
            groups.append((heading, []))
        groups[-1][1].append((lesson, title))
    return groups


def rung_heading(lesson: Lesson) -> str:
    """The rung of a lesson as a heading. A lesson between two rungs is on its way to the lower one."""
    rung = rung_of(lesson)
    if rung is None:
        return heading("", "The start", "all rungs at once") if lesson.number == 0 else heading("", "Beside the ladder", "")
    if rung < 1:
        return heading("", "Before the first rung", "data, tensors, a baseline")
    number, name, removed = RUNGS[-int(-rung // 1) - 1]
    return heading(str(number), name, removed)


def rung_of(lesson: Lesson) -> float | None:
    """The rung that the ladder of a lesson lights: 0.5 is before the first, 2.5 on the way from 2 to 3; None is beside it."""
    found = next(filter(None, map(LADDER.search, sources(lesson.nb))), None)
    try:
        return float(found.group(1)) if found else None
    except ValueError:
        return None


def heading(number: str, name: str, removed: str) -> str:
    """The left end of a rung."""
    number = f'<span class="ll-number">{number}</span> ' if number else ""
    return (f'<div class="ll-rung">{number}<b>{escape(name)}</b> '
            f'<span class="ll-soft">{escape(removed)}</span></div>')


def entry(lesson: Lesson, title: str, records: dict[str, Record], is_here: bool) -> str:
    """One lesson: its link, its minutes, and what is passed."""
    ids = [task.id for task in lesson.exercises]
    passed = sum(records.get(id, Record()).passed for id in ids)
    state = "done" if ids and passed == len(ids) else "begun" if copy_of(lesson).is_file() else "new"
    minutes = f"{lesson.minutes} min" if lesson.minutes else ""
    notes = [minutes, progress_in_words(ids, records), "you are here" if is_here else ""]
    return (f'<li class="ll-lesson ll-{state}"><a href="{lesson.path.name}"><span class="ll-number">{lesson.number}</span> '
            f'<b>{escape(plain_title(title))}</b></a> <span class="ll-soft">{" · ".join(filter(None, notes))}</span></li>')


def plain_title(title: str) -> str:
    """A title without its question: `Our own module — "How do you …?"` is `Our own module`."""
    return title.split(" — ")[0].replace("`", "")
