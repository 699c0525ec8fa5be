"""The reader's edition of a lesson: what `lessons open` puts into `work/`, made from the source in `nbs/`.

The source stays whole, with its stored outputs. In the reader's edition the ladder is on the first screen, predictions come
before their answers, plumbing is folded, and every link ends in `work/`.
"""

import copy
import json
import platform
import re

from lessonlib.course.colab import is_colab
from lessonlib.course.notebooks import Lesson, text_hash

PREDICT, PLUMBING = "predict", "plumbing"  # tags of cells
LADDER = re.compile(r"^ladder_picture\((.*)\)\s*$", re.MULTILINE)
DEFAULT_EXP = re.compile(r"^#\|\s*default_exp\b.*\n?", re.MULTILINE)
MODULE_LINE = re.compile(r"^(> .*(\n|$))+", re.MULTILINE)  # what the module is for: nbdev's, not the reader's
GLOSSARY_LINK = re.compile(r"\]\(\.\./docs/glossary\.md")
FIRST_SCREEN = 6  # cells; a ladder further down belongs to what is said there
# What JupyterLab would write into a notebook when its kernel starts, so that one that was only opened is not "changed".
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"codemirror_mode": {"name": "ipython", "version": 3}, "file_extension": ".py", "mimetype": "text/x-python",
            "name": "python", "nbconvert_exporter": "python", "pygments_lexer": "ipython3",
            "version": platform.python_version()}


def edition(lesson: Lesson) -> str:
    """The reader's edition as the text of a notebook. The same source always gives the same text."""
    nb = copy.deepcopy(lesson.nb)
    nb["cells"] = [cell for cell in map(_for_the_reader, ladder_first(nb["cells"])) if cell is not None]
    nb["metadata"] = {**nb["metadata"], "kernelspec": KERNEL, "language_info": LANGUAGE}
    return json.dumps(nb, ensure_ascii=False, indent=1) + "\n"


def _for_the_reader(cell: dict) -> dict | None:
    """One cell of the edition; None for a cell that only says to nbdev where the code goes, and for the one for Colab."""
    source = "".join(cell["source"])
    if is_colab(cell):
        return None
    if cell["cell_type"] != "code":
        return _with_source(cell, GLOSSARY_LINK.sub("](glossary.md", source))
    if DEFAULT_EXP.search(source):
        source = DEFAULT_EXP.sub("", source)
        if not source.strip():
            return None
        cell = _with_source(cell, source)
    tags = cell["metadata"].get("tags", [])
    if PREDICT in tags:
        cell["outputs"], cell["execution_count"] = [], None
    if PLUMBING in tags or _draws_ladder(cell):
        cell["metadata"]["jupyter"] = {**cell["metadata"].get("jupyter", {}), "source_hidden": True}
    return cell


def _with_source(cell: dict, source: str) -> dict:
    return {**cell, "source": source.splitlines(keepends=True)}


def ladder_first(cells: list[dict]) -> list[dict]:
    """The cells so that the ladder is on the first screen: the title, the ladder, then what the lesson says before it.

    Without the line that says what the module is for, which is not what the lesson is about.
    """
    place = next((n for n, cell in enumerate(cells[:FIRST_SCREEN]) if _draws_ladder(cell)), None)
    first = "".join(cells[0]["source"]) if cells else ""
    if place is None or not first.startswith("# "):
        return cells
    title, _, rest = first.partition("\n")
    rest = MODULE_LINE.sub("", rest, count=1)
    opening = [_with_source(cells[0], title), cells[place]]
    if rest.strip():
        second = {"cell_type": "markdown", "id": text_hash(f"{cells[0].get('id', '')} continued")[:8], "metadata": {}}
        opening.append(_with_source(second, rest.strip("\n")))
    return opening + cells[1:place] + cells[place + 1:]


def _draws_ladder(cell: dict) -> bool:
    return cell["cell_type"] == "code" and LADDER.search("".join(cell["source"])) is not None
