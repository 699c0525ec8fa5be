"""What every lesson has, and in which words it may speak: each problem names lesson, cell, line and remedy.

`PARTS` is the list for authors: the check, CONTRIBUTING.md and the skeleton of `lessons new lesson` follow it.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lessonlib.course.colab import is_colab
from lessonlib.course.editions import PLUMBING, PREDICT
from lessonlib.course.exercise_cells import TAG
from lessonlib.course.exercises.task_files import Exercise, tasks
from lessonlib.course.notebooks import Lesson, lessons, sources
from lessonlib.course.terminal import need_checkout

TO_FILL_IN = "FILL IN"  # stands in a skeleton wherever the author writes
QUESTIONS = (5, 12)  # the fewest and the most
FEWEST_EXERCISES = 2
GLOSSARY_LINK = "../docs/glossary.md#"
# Terms that are plain English words, too: they are not looked for.
PLAIN = {"rank", "shape", "step", "batch", "view", "module", "guard", "rung", "layer", "model", "device", "seed",
         "target", "order", "baseline", "weight", "norm", "task", "head"}
BORROWED = {5: {"softmax", "argmax"}}  # lesson 5 uses them and says that they are explained later
_CHECK = re.compile(r'\bcheck\("([^"]*)"')
_AT_LINE_START = re.compile(r'^check\("', re.MULTILINE)
_QUESTION = re.compile(r"<details>\s*<summary>\s*\d+\.")
_EXERCISE = re.compile(r"^\*\*(?:Exercise )?(\d+)\b", re.MULTILINE)
_WITH_LINK = re.compile(r"[^.?!\n]*\[lesson \d+\][^.?!\n]*")  # a sentence that says where to read more
_NAMED = re.compile(r"[\w-]+ \(lesson \d+\)")  # a word and where it is introduced
_YOURS = "# your code here"
_DESCRIBED = re.compile(r"\b(picture|stepper)\(|\balts?=")  # what takes an alt text


# What a reader does not see as prose: folds, code, comments, tags, and where a link leads.
_UNSEEN = re.compile(r"<details>.*?</details>|^```.*?^```|<!--.*?-->|<[^>]+>|\]\([^)]*\)", re.DOTALL | re.MULTILINE)
MOST_WORDS, MOST_CELLS = 3500, 90


class Need(NamedTuple):
    """What must stand in a lesson, in this order or near it."""

    text: str  # as it stands in a cell
    what: str  # what belongs there: also the remedy where it is missing


PARTS = (
    Need("# ", "the title with the question that the lesson answers, as in `# Softmax — \"How do ten scores become one?\"`"),
    Need("**You need:**", "what a reader must know, with links to the lessons that teach it"),
    Need("**Time:**", "how long it takes, as in `**Time:** 45 minutes.`"),
    Need("ladder_picture(", "a code cell near the top that shows where on the ladder this lesson is, as in `ladder_picture(3)`"),
    Need("## What you know now", "a list: what the reader can do and say after this lesson"),
    Need("## New words", "the terms that the lesson introduces, each `- [**term**](../docs/glossary.md#term): One sentence.`"),
    Need("## Questions", f"{QUESTIONS[0]} to {QUESTIONS[1]} questions, `<details><summary>1. Why …?</summary>`, an empty line, "
         "the answer, an empty line, `</details>`"),
    Need("## Exercises", f"{FEWEST_EXERCISES} exercises or more, numbered `**1. Title.**`; `lessons new exercise ID` makes one "
         "that is checked"),
    Need("## Read on", "papers, books and pages, each with one phrase that says why"),
    Need("**Next:**", "the last line: where the reader goes from here"),
)


class Location(NamedTuple):
    """A line of a lesson."""

    lesson: Lesson
    cell: int  # counted from 0, as nbdev and the other checks do
    line: str

    def __str__(self) -> str:
        return f"nbs/{self.lesson.path.name}, cell {self.cell}, line {self.line.strip()[:90]!r}"


def structure_problems() -> list[str]:
    """What is wrong with the structure and the words of any lesson, and with the list of lessons in README.md."""
    every = lessons()
    readme = (need_checkout() / "README.md").read_text(encoding="utf-8")
    return [problem for lesson in every for problem in problems_of(lesson, every, readme)] + exercise_problems(every)


def problems_of(lesson: Lesson, every: Sequence[Lesson], readme: str) -> list[str]:
    """What is wrong with one lesson, among all of them."""
    return [*part_problems(lesson), *module_problems(lesson), *word_problems(lesson, every),
            *early_words(lesson, introduced(every)), *numbering_problems(lesson), *check_problems(lesson, tasks()),
            *stub_problems(lesson), *prediction_problems(lesson), *length_problems(lesson), *readme_problems(lesson, readme)]


def part_problems(lesson: Lesson) -> Iterator[str]:
    """Parts that are missing, and those that wait to be written."""
    text = "\n".join(line for _, line in _lines(lesson))
    for part in PARTS:
        if not re.search(rf"^{re.escape(part.text)}" if part.text.startswith("#") else re.escape(part.text), text, re.MULTILINE):
            yield f"nbs/{lesson.path.name}: `{part.text.strip()}` is missing. Add {part.what}"
    for place, line in _lines(lesson):
        if TO_FILL_IN in line:
            yield f"{place}: still to be written. Put your own words in its place"
    if "**Time:**" in text and not lesson.minutes:
        yield f"{_place_of(lesson, '**Time:**')}: no number of minutes. Write `**Time:** 45 minutes.`"
    n = len(_QUESTION.findall(section(lesson, "Questions")))
    if "## Questions" in text and not QUESTIONS[0] <= n <= QUESTIONS[1]:
        yield (f"{_place_of(lesson, '## Questions')}: {n} questions, and {QUESTIONS[0]} to {QUESTIONS[1]} are wanted. Each "
               "begins with `<details><summary>1. `")


def module_problems(lesson: Lesson) -> Iterator[str]:
    """A lesson that begins a module and does not say what it is for: nbdev makes that line the module's docstring."""
    first = next(("".join(cell["source"]) for cell in lesson.nb["cells"] if cell["cell_type"] == "markdown"), "")
    if lesson.module and not re.search(r"^> \S", first, re.MULTILINE):
        yield (f"{_place_of(lesson, '# ')}: the lesson makes lessonlib/{lesson.module}.py, and nothing says what that is for. "
               "Put a line `> What the module is for.` below the title, in the same cell")


def word_problems(lesson: Lesson, every: Sequence[Lesson]) -> Iterator[str]:
    """Terms that are not linked to the glossary, or that an earlier lesson introduces as well."""
    if "## New words" in lesson.prose and not lesson.words:
        yield (f"{_place_of(lesson, '## New words')}: no term is found below it. Write "
               f"`- [**term**]({GLOSSARY_LINK}term): One sentence.`")
    for term in lesson.words:
        link = f"[**{term}**]({GLOSSARY_LINK}{anchor(term)})"
        if link not in lesson.prose:
            yield f"{_place_of(lesson, f'[**{term}**]')}: the link does not lead to the term. Write `- {link}: …`"
        for other in every:
            if other.number < lesson.number and term.lower() in map(str.lower, other.words):
                yield (f"{_place_of(lesson, f'[**{term}**]')}: lesson {other.number} introduces {term!r} already. Take it out "
                       "here, or there")


def early_words(lesson: Lesson, terms: Mapping[str, int]) -> Iterator[str]:
    """Terms that its questions and exercises use although a later lesson introduces them."""
    later = {term: n for term, n in terms.items() if n > lesson.number and term not in PLAIN}
    fenced = False  # a folded solution shows what the library says, word for word
    for place, line in _lines(lesson, "Questions", "Exercises"):
        fenced = fenced != line.startswith("```")
        for term, number in _used("" if fenced else _NAMED.sub("", _WITH_LINK.sub("", line)), later):
            yield (f"{place}: {term!r} is introduced in lesson {number}. Use other words, or put `([lesson {number}](…))` into "
                   "the sentence")


def numbering_problems(lesson: Lesson) -> Iterator[str]:
    """Exercises that are not numbered 1, 2, 3 …, or too few of them."""
    if not re.search(r"^## Exercises$", lesson.prose, re.MULTILINE):
        return  # told as a missing part
    numbers = [int(n) for n in _EXERCISE.findall(section(lesson, "Exercises", code=False))]
    place = _place_of(lesson, "## Exercises")
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{place}: the exercises are numbered {numbers}. Number them 1, 2, 3 …; each begins with `**1. Title.**`"
    if len(numbers) < FEWEST_EXERCISES:
        yield f"{place}: {len(numbers)} exercises, and {FEWEST_EXERCISES} or more are wanted. Each begins with `**1. Title.**`"


def check_problems(lesson: Lesson, known: Mapping[str, Exercise]) -> Iterator[str]:
    """Checks of exercises that there are not, or that belong to another lesson."""
    for n, cell in enumerate(lesson.nb["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        for line in source.splitlines():
            place = Location(lesson, n, line)
            for id in _CHECK.findall(line):
                if id not in known:
                    yield f"{place}: there is no exercise {id!r}. `lessons new exercise {id}` makes its file"
                elif known[id].lesson != lesson.number:
                    yield (f"{place}: {id!r} belongs to lesson {known[id].lesson}. Correct `lesson:` in "
                           f"exercises/tasks/{id}.md, or take the cell away")


def stub_problems(lesson: Lesson) -> Iterator[str]:
    """Cells that use a name which an untouched stub takes: after Run All they could not be run again."""
    stubs = {task.stub.rstrip("\n") for task in lesson.exercises}
    theirs = "\n".join(source for source in sources(lesson.nb) if _YOURS in source and source not in stubs)
    names = {task.name for task in lesson.exercises}
    names -= {name for name in names if re.search(rf"^(class|def) {name}\b", theirs, re.MULTILINE)}  # the reader's anyway
    for n, cell in enumerate(lesson.nb["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or source in stubs or _YOURS in source or _AT_LINE_START.search(source):
            continue
        lines = ["" if line.startswith(("%", "!")) else line for line in source.splitlines()]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if not isinstance(node, (ast.Name, ast.FunctionDef, ast.ClassDef)):
                continue
            if (name := node.id if isinstance(node, ast.Name) else node.name) in names:
                yield (f"{Location(lesson, n, lines[node.lineno - 1])}: {name!r} is what an exercise calls the reader's answer. "
                       f"Use another name in one of the two, such as `my_{name}` in the exercise")


def prediction_problems(lesson: Lesson) -> Iterator[str]:
    """Cells that ask for a guess and show their alt text, which tells what there is to see."""
    for n, cell in enumerate(lesson.nb["cells"]):
        tags = cell["metadata"].get("tags", [])
        if PREDICT not in tags or PLUMBING in tags:
            continue
        for line in "".join(cell["source"]).splitlines():
            if _DESCRIBED.search(line):
                yield (f"{Location(lesson, n, line)}: the description of the picture answers the question. Tag the cell "
                       "`plumbing` as well, which folds its code")
                break


def length_problems(lesson: Lesson) -> Iterator[str]:
    """Lessons of more than one sitting."""
    if (n := words_in_view(lesson)) > MOST_WORDS:
        yield (f"{_place_of(lesson, '# ')}: {n:,} words of prose are in view, and {MOST_WORDS:,} are the most. Cut what is told "
               "twice, or fold what the idea does not need")
    if (n := cells_in_view(lesson)) > MOST_CELLS:
        yield f"{_place_of(lesson, '# ')}: {n} cells of code are in view, and {MOST_CELLS} are the most"


def words_in_view(lesson: Lesson) -> int:
    """Words of prose outside of folds and exercises."""
    texts = ["".join(cell["source"]) for cell in lesson.nb["cells"]
             if cell["cell_type"] == "markdown" and not any(tag.startswith(TAG) for tag in cell["metadata"].get("tags", []))]
    return len(_UNSEEN.sub("", "\n".join(texts)).split())


def cells_in_view(lesson: Lesson) -> int:
    """Cells of code that a reader's copy does not fold."""
    return sum(cell["cell_type"] == "code" and not is_colab(cell) and PLUMBING not in cell["metadata"].get("tags", [])
               for cell in lesson.nb["cells"])


def readme_problems(lesson: Lesson, readme: str) -> Iterator[str]:
    """A lesson that README.md does not list, or lists with other modules than it writes."""
    rows = re.findall(rf"^\|.*\(nbs/{re.escape(lesson.path.name)}\).*$", readme, re.MULTILINE)
    modules = ", ".join(f"`{module}`{'' if module == lesson.module else ' continued'}" for module in lesson.modules)
    row = (f"| {lesson.number} | [{lesson.title.split(' — ')[0]}](nbs/{lesson.path.name}) | The question it answers? | "
           f"{modules} |  |")
    if len(rows) != 1:
        yield f"README.md lists nbs/{lesson.path.name} {len(rows)} times. Have one row in its table of lessons:\n    {row}"
    elif (listed := re.findall(r"`(\w+)`", rows[0].split("|")[4])) != lesson.modules:
        line = readme[: readme.index(rows[0])].count("\n") + 1
        yield (f"README.md, line {line}: the modules {listed}, and nbs/{lesson.path.name} writes {lesson.modules}. Correct the "
               "row, or `#| default_exp` and `#| export` in the notebook")


def exercise_problems(every: Sequence[Lesson]) -> list[str]:
    """Exercises that stand in two lessons or in none, and messages of exercises in words of later lessons."""
    found, seen, terms = [], dict[str, Lesson](), introduced(every)
    for lesson in every:
        for task in lesson.exercises:
            if task.id in seen:
                found.append(f"{_place_of(lesson, task.id)}: the exercise {task.id!r} stands in nbs/{seen[task.id].path.name} as "
                             "well. Take it out of one of the two")
            seen[task.id] = lesson
    for task in tasks().values():
        if task.id not in seen:
            found.append(f"exercises/tasks/{task.id}.md: it is of lesson {task.lesson}, and stands in none. Put a code cell "
                         f"`check(\"{task.id}\", {task.name})` into its notebook, where it belongs, and run `lessons export`")
        found += early_words_of_task(task, terms)
    return found


def early_words_of_task(task: Exercise, terms: Mapping[str, int]) -> Iterator[str]:
    """Words in the messages of an exercise that a later lesson introduces; "(lesson 8)" after one lets it pass."""
    later = {term: n for term, n in terms.items()
             if n > task.lesson and term not in PLAIN | BORROWED.get(task.lesson, set())}
    messages = {f"mistake {code}": f"{mistake.seen}\n{mistake.why}\n{mistake.next}" for code, mistake in task.mistakes.items()
                if mistake.by_numbers}
    messages |= {f"hint {n}": f"{hint.title}\n{hint.text}" for n, hint in enumerate(task.hints, start=1)}
    for where, message in {**messages, "Task": task.task, "Go on": task.go_on}.items():
        for line in message.splitlines():
            for term, number in _used(_NAMED.sub("", line), later):
                yield (f"exercises/tasks/{task.id}.md, {where}, line {line.strip()[:90]!r}: {term!r} is introduced in lesson "
                       f"{number}. Use other words, or write `{term} (lesson {number})`")


def introduced(every: Iterable[Lesson]) -> dict[str, int]:
    """Each term and the number of the lesson that introduces it first."""
    return {term: lesson.number for lesson in sorted(every, key=lambda lesson: -lesson.number) for term in lesson.words
            if TO_FILL_IN not in term}


def anchor(term: str) -> str:
    """What comes after # in a link to a heading."""
    return re.sub(r"[^\w -]", "", term.lower()).replace(" ", "-")


def section(lesson: Lesson, title: str, code: bool = True) -> str:
    """The text of the section with this title."""
    return "\n".join(line for place, line in _lines(lesson, title)
                     if code or lesson.nb["cells"][place.cell]["cell_type"] == "markdown")


def _used(text: str, terms: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(term, number) for term, number in terms.items()
            if re.search(rf"\b{re.escape(term)}(s|es)?\b", text, re.IGNORECASE)]


def _lines(lesson: Lesson, *titles: str) -> Iterator[tuple[Location, str]]:
    """The lines of all cells, or of the sections with these titles."""
    inside = not titles
    for n, cell in enumerate(lesson.nb["cells"]):
        for line in "".join(cell["source"]).splitlines():
            if titles and cell["cell_type"] == "markdown" and line.startswith("## "):
                inside = any(re.match(rf"{re.escape(title)}\b", line[3:]) for title in titles)
            if inside:
                yield Location(lesson, n, line), line


def _place_of(lesson: Lesson, text: str) -> Location | Path:
    """The first line in which this text stands."""
    return next((place for place, line in _lines(lesson) if text in line), Path("nbs", lesson.path.name))
