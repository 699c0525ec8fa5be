"""A lesson as a page of the site, and as a notebook to download.

The page is a notebook again, for myst-nb: predictions come before their answers, plumbing is folded, the checks of
exercises are shown without what they said to a skeleton, and every link ends on the site.
"""

import json
import re
from html import escape

from lessonlib.course.colab import is_colab
from lessonlib.course.editions import LADDER, PLUMBING, PREDICT, edition, ladder_first
from lessonlib.course.exercise_cells import part_of
from lessonlib.course.home import plain_title, rung_of
from lessonlib.course.notebooks import SOURCE, Lesson
from lessonlib.course.site.about import About
from lessonlib.course.site.outputs import for_the_page
from lessonlib.course.site.written import shortened
from lessonlib.figures import LADDER as RUNGS

DIRECTIVE = re.compile(r"^#\|.*\n?", re.MULTILINE)  # nbdev's, such as `#| export`
VERSIONS = re.compile(r"__version__|platform\.python_version")  # what differs from machine to machine is folded, too
OF_A_MACHINE = "of-a-machine"
TO_GLOSSARY = "](../docs/glossary.md"
IN_THE_COPY = re.compile(r"\]\((?P<page>\d\d_\w+)\.ipynb|\]\((?P<glossary>glossary)\.md")
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
QUESTION = re.compile(r' — ["“](.+)["”]$')


def lesson_page(lesson: Lesson, about: About) -> dict:
    """The lesson as myst-nb reads it. The same source always gives the same page."""
    first, *others = ladder_first(lesson.nb["cells"])
    title, _, rest = _source(first).partition("\n")
    if not title.startswith("# "):
        first, others, rest = {"cell_type": "markdown", "id": "opening", "metadata": {}}, lesson.nb["cells"], ""
    opening = "\n\n".join([headline(lesson), bar(lesson, about), rest.strip("\n")]).strip("\n")
    cells = [_cell({**first, "source": opening}), *map(_cell, others)]
    return {"cells": [cell for cell in cells if cell is not None],
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                         "language_info": {"name": "python", "pygments_lexer": "ipython3"},
                         "description": description(lesson)},
            "nbformat": 4, "nbformat_minor": 5}


def lesson_to_download(lesson: Lesson, about: About) -> str:
    """The reader's edition as a notebook that may lie anywhere: its links end on the site."""
    nb = json.loads(edition(lesson))
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown":
            text = IN_THE_COPY.sub(lambda link: f"]({about.home}{_place(link)}.html", _source(cell))
            cell["source"] = text.splitlines(keepends=True)
    return json.dumps(nb, ensure_ascii=False, indent=1) + "\n"


def _place(link: re.Match) -> str:
    return link["glossary"] or f"lessons/{link['page']}"


def question(lesson: Lesson) -> str:
    """The question that the lesson answers; "" where its title has none."""
    found = QUESTION.search(lesson.title)
    return found[1] if found else ""


def description(lesson: Lesson) -> str:
    """The lesson in one line, for search engines: its question, and the first sentences of its text."""
    paragraphs = [block for block in lesson.prose.split("\n\n") if re.match(r"[A-Z\"“]", block)]
    text = " ".join(LINK.sub(r"\1", paragraphs[0]).replace("`", "").replace("*", "").split()) if paragraphs else ""
    return shortened(f"{question(lesson)} {text}".replace("`", ""))


def headline(lesson: Lesson) -> str:
    """The title of the page, with the question below it."""
    asks = question(lesson)
    asked = f'\n\n<p class="ll-question">{escape(asks.replace("`", ""))}</p>' if asks else ""
    return f"# Lesson {lesson.number}: {plain_title(lesson.title)}{asked}"


def facts(lesson: Lesson) -> list[str]:
    """What one wants to know before reading: how long it takes, and where on the ladder it is."""
    rung = rung_of(lesson)
    on_a_rung = rung is not None and rung >= 1 and rung == int(rung)
    return [*([f"{lesson.minutes} minutes"] if lesson.minutes else []),
            *([f"rung {int(rung)} of {len(RUNGS)}"] if rung is not None and on_a_rung else [])]


def bar(lesson: Lesson, about: About) -> str:
    """The line below the title: facts, the modules that the lesson builds, and where else it can be had."""
    built = " and ".join(f'<a href="../api/{name}.html"><code>lessonlib.{name}</code></a>' for name in lesson.modules)
    items = [*facts(lesson), *([f"builds {built}"] if built else [])]
    name = lesson.path.name
    links = [f'<a href="{about.colab(f"{SOURCE}/{name}")}">Open in Colab</a>',
             f'<a href="../notebooks/{name}" download>Download</a>',
             f'<a href="{about.source(f"{SOURCE}/{name}")}">View source</a>']
    return '<ul class="ll-bar">' + "".join(f"<li>{item}</li>" for item in [*items, *links]) + "</ul>"


def _source(cell: dict) -> str:
    return "".join(cell["source"])


def _cell(cell: dict) -> dict | None:
    """One cell of the page; None for one that only says something to nbdev or to Colab."""
    source = _source(cell)
    if cell["cell_type"] != "code":
        return {"cell_type": cell["cell_type"], "id": cell["id"], "metadata": {},
                "source": source.replace(TO_GLOSSARY, "](../glossary.md")}
    source = DIRECTIVE.sub("", source).strip("\n")
    tags = cell["metadata"].get("tags", [])
    if not source or is_colab(cell):
        return None
    part = part_of(cell)
    is_check = part is not None and part[1] == "check"
    outputs = [] if is_check else [for_the_page(output) for output in cell["outputs"]]
    return {"cell_type": "code", "id": cell["id"], "execution_count": None, "metadata": {"tags": _folded(tags, source, outputs)},
            "source": source, "outputs": outputs}


def _folded(tags: list[str], source: str, outputs: list[dict]) -> list[str]:
    """What myst-nb is to fold or to leave out."""
    if LADDER.search(source):
        return ["remove-input"]
    if PREDICT in tags and outputs:
        fold = ["hide-output"]
    else:
        fold = ["hide-output", OF_A_MACHINE] if VERSIONS.search(source) and outputs else []
    return [*(["hide-input"] if PLUMBING in tags else []), *fold]
