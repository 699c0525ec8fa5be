"""Reading exercises from their files, `tasks/ID.md`. Standard library only: `lessons list` must not wait for PyTorch.

What may stand in a file, and what must, is described in docs/exercises.md. Whatever is not
understood is an error that names the file and the line.
"""

from __future__ import annotations

import ast
import functools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent / "tasks"
KINDS = ("function", "module", "linear", "optimizer", "loop", "loader")
PLACES = ("your turn", "exercises")
WORDS = ("seen", "why", "next")  # what a mistake needs to be told
# What an `## Inputs` line may ask for; the numbers are drawn by `engine/inputs.py`.
DRAWN = ("floats", "positive", "pixels", "uint8", "probs", "prob_rows", "classes", "zeros_and_ones", "bools", "integers",
         "list_of", "array_of", "iterator_of", "choice", "generator", "model", "batches", "loss", "optimizer")
ALWAYS_KNOWN = frozenset({"id", "name"})  # placeholders that any message may use


class TaskFileError(ValueError):
    """A file that does not say what an exercise needs."""

    def __init__(self, path: Path, line: int, message: str):
        super().__init__(f"{path.name}, line {line}: {message}")
        self.path, self.line = path, line


@dataclass(frozen=True)
class Hint:
    """One hint: the symptom it is for, some words, and perhaps code with a blank, `____`."""

    title: str
    text: str
    code: str = ""

    def __repr__(self) -> str:
        code = "".join(f"\n    {line}" for line in self.code.splitlines())
        return f"{self.title}\n{self.text}{code}"

    def _repr_html_(self) -> str:
        code = f"<pre>{escape(self.code)}</pre>" if self.code else ""
        return f"<p><strong>{escape(self.title)}</strong></p><p>{escape(self.text)}</p>{code}"


@dataclass(frozen=True)
class Cell:
    """A cell as a learner would write it, and the line of the file at which it begins."""

    source: str
    line: int


@dataclass(frozen=True)
class Mistake:
    """A mistake that can be told: what is seen, why it matters, what to do next, which hint helps.

    The three texts may hold {placeholders}: `facts` names those that the judge fills in, besides `ALWAYS_KNOWN`.
    `by_numbers` is for a mistake that is found by running an example of it and comparing the numbers.
    """

    code: str
    seen: str
    why: str
    next: str
    hint: int  # 1, 2 or 3
    facts: frozenset[str] = frozenset()
    by_numbers: bool = False
    replaces: str = ""  # a code that every exercise knows, and that means this here


@dataclass(frozen=True)
class WrongAnswers:
    """Cells that make one mistake. If it is found by its numbers, those above "Also" are run to know them."""

    code: str
    mistake: Mistake  # with the words of this file, or else of the kind or of every exercise
    examples: tuple[Cell, ...]
    also: tuple[Cell, ...]  # for tests only
    line: int


@dataclass(frozen=True)
class Extreme:
    """Inputs that are looked at once the ordinary ones are right, and the code for a wrong answer there."""

    code: str
    inputs: Mapping[str, str]
    line: int


@dataclass(frozen=True)
class Freedom:
    """An answer with other numbers than the solution's, which is right as well, and why."""

    why: str
    cell: Cell


@dataclass(frozen=True)
class Exercise:
    """One exercise, as its file has it."""

    id: str
    lesson: int
    place: str  # "your turn" (in the flow of the lesson) or "exercises" (at its end)
    kind: str
    name: str  # what the learner's function or class is called
    title: str
    task: str
    stub: str  # the skeleton cell
    hints: tuple[Hint, ...]  # three, or for "your turn" at least one
    solution: str  # a direct answer, in the exercise's own names
    go_on: str  # what the learner can do with a right answer
    right: tuple[Cell, ...]  # for tests only
    wrong: tuple[WrongAnswers, ...]
    inputs: Mapping[str, str]  # name: an expression, see DRAWN
    sizes: Mapping[str, int]  # the smallest that a size may be, where that is not 1
    extremes: tuple[Extreme, ...]
    freedoms: tuple[Freedom, ...]
    gives: tuple[str, ...]  # names for the parts of the result, where there are several
    learns: tuple[str, ...]  # inputs through which a gradient must flow
    loops: str  # "", or how many sizes a Python loop may run over: "none", "one"
    without: str  # "", or "products": nothing of the library that multiplies and sums
    refused: tuple[str, ...]  # functions that are the answer: names of torch functions, or dotted Python names
    library: str  # the dotted name of what lessonlib itself has for this, or ""
    path: Path

    @property
    def mistakes(self) -> dict[str, Mistake]:
        """The mistakes of which this file has a cell, by code."""
        return {wrong.code: wrong.mistake for wrong in self.wrong}


# --- lines and sections -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Block:
    """A piece of a section: key-value lines, paragraphs, a cell, or a subheading."""

    sort: str  # "pair", "text", "cell", "subheading"
    value: str
    line: int
    key: str = ""


@dataclass(frozen=True)
class _Section:
    title: str
    line: int
    blocks: tuple[_Block, ...]

    @property
    def word(self) -> str:
        return self.title.partition(":")[0].strip()

    @property
    def label(self) -> str:
        return self.title.partition(":")[2].strip()

    def of(self, sort: str) -> list[_Block]:
        return [block for block in self.blocks if block.sort == sort]


_WITH_PAIRS = ("Inputs", "Mistake", "Extreme")  # and what stands above the first section
_PAIR = re.compile(r"([A-Za-z_]\w*):(?:\s+(.*))?$")


def _sections(path: Path, text: str) -> tuple[_Section, list[_Section]]:
    """What stands above the first `##`, under the heading `# ID`; and the sections."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith("# "):
        raise TaskFileError(path, 1, f"the first line must be `# {path.stem}`")
    starts: list[tuple[str, int]] = [(lines[0][2:].strip(), 1)]
    fenced = False
    for number, line in enumerate(lines, start=1):
        fenced ^= line.startswith("```")
        if not fenced and line.startswith("## "):
            starts.append((line[3:].strip(), number))
    ends = [number - 1 for _, number in starts[1:]] + [len(lines)]
    sections = [_Section(title, begin, tuple(_blocks(path, lines[begin:end], begin + 1, pairs=(
        begin == 1 or title.partition(":")[0].strip() in _WITH_PAIRS))))
        for (title, begin), end in zip(starts, ends, strict=True)]
    return sections[0], sections[1:]


def _blocks(path: Path, lines: Sequence[str], first: int, pairs: bool) -> Iterator[_Block]:
    """The blocks of a section, in order."""
    i = 0
    while i < len(lines):
        line, number = lines[i], first + i
        if line.startswith("```"):
            if line.strip() != "```python":
                raise TaskFileError(path, number, f"a cell begins with ```python, not with {line.strip()}")
            end = next((j for j in range(i + 1, len(lines)) if lines[j].strip() == "```"), None)
            if end is None:
                raise TaskFileError(path, number, "this cell is not closed: ``` is missing")
            yield _Block("cell", "\n".join(lines[i + 1:end]) + "\n", number + 1)
            i = end + 1
        elif line.startswith("### "):
            yield _Block("subheading", line[4:].strip(), number)
            i += 1
        elif not line.strip():
            i += 1
        elif pairs:
            match = _PAIR.match(line)
            if match is None:
                raise TaskFileError(path, number, f"`key: value` was expected, not {line.strip()!r} "
                                                  f"(a value that goes on is indented)")
            value, i = [(match[2] or "").strip()], i + 1
            while i < len(lines) and lines[i].startswith("  ") and lines[i].strip():
                value.append(lines[i].strip())
                i += 1
            yield _Block("pair", " ".join(value).strip(), number, match[1])
        else:
            paragraph = []
            while i < len(lines) and lines[i].strip() and not lines[i].startswith(("```", "### ")):
                paragraph.append(lines[i].strip())
                i += 1
            yield _Block("text", "\n".join(paragraph), number)


def _pairs(path: Path, section: _Section, known: Sequence[str] | None) -> dict[str, _Block]:
    """The `key: value` lines of a section; None allows any key."""
    found: dict[str, _Block] = {}
    for block in section.of("pair"):
        if known is not None and block.key not in known:
            raise TaskFileError(path, block.line, f"there is no key {block.key!r} here; there are {', '.join(known)}")
        if block.key in found:
            raise TaskFileError(path, block.line, f"{block.key!r} stands here twice")
        if not block.value:
            raise TaskFileError(path, block.line, f"{block.key!r} has no value")
        found[block.key] = block
    return found


def _only(path: Path, section: _Section, *sorts: str) -> None:
    for block in section.blocks:
        if block.sort not in sorts:
            raise TaskFileError(path, block.line, f"the section {section.title!r} cannot hold a {block.sort}")


def _text(path: Path, section: _Section) -> str:
    """Paragraphs, each in one line."""
    _only(path, section, "text")
    text = "\n\n".join(" ".join(block.value.split("\n")) for block in section.of("text"))
    if not text:
        raise TaskFileError(path, section.line, f"the section {section.title!r} is empty")
    return text


def _compiled(path: Path, block: _Block) -> Cell:
    try:
        compile(block.value, "<cell>", "exec")
    except SyntaxError as error:
        raise TaskFileError(path, block.line + (error.lineno or 1) - 1, f"this cell is no Python: {error.msg}") from None
    return Cell(block.value, block.line)


def _cells(path: Path, section: _Section) -> tuple[Cell, ...]:
    cells = tuple(_compiled(path, block) for block in section.of("cell"))
    if not cells:
        raise TaskFileError(path, section.line, f"the section {section.title!r} needs a cell")
    return cells


def _one_cell(path: Path, section: _Section) -> Cell:
    _only(path, section, "cell")
    cells = _cells(path, section)
    if len(cells) > 1:
        raise TaskFileError(path, cells[1].line, f"the section {section.title!r} holds one cell")
    return cells[0]


# --- mistakes -----------------------------------------------------------------------------------------------------


def placeholders(text: str) -> set[str]:
    """The names in {braces} of a message."""
    found = set()
    for _, name, form, conversion in string.Formatter().parse(text):
        if form or conversion:
            raise ValueError(f"a placeholder is a name alone, {{{name}}}")
        if name is not None:
            found.add(name)
    return found


def _mistake(path: Path, section: _Section, known: Mapping[str, Mistake] | None = None) -> Mistake | None:
    """The words of a section `Mistake: code`; None where it has none.

    In the file of a kind (where `known` is None) a mistake also says which facts it has, and how it is found.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", section.label):
        raise TaskFileError(path, section.line, "a mistake has a code of small letters: `## Mistake: wrong_axis`")
    pairs = _pairs(path, section, (*WORDS, "hint", "facts", "found") if known is None else (*WORDS, "hint", "replaces"))
    if not pairs:
        return None
    for key in (*WORDS, "hint"):
        if key not in pairs:
            raise TaskFileError(path, section.line, f"{key!r} is missing for the mistake {section.label!r}")
    if pairs["hint"].value not in ("1", "2", "3"):
        raise TaskFileError(path, pairs["hint"].line, "`hint` is 1, 2 or 3")
    if "found" in pairs and pairs["found"].value != "by its numbers":
        raise TaskFileError(path, pairs["found"].line, "the only value of `found` is `by its numbers`")
    replaces = ""
    if known is None:
        facts = frozenset(_names(path, pairs["facts"])) if "facts" in pairs else frozenset()
        by_numbers = "found" in pairs
    elif "replaces" in pairs:
        replaces = pairs["replaces"].value
        if replaces not in known:
            raise TaskFileError(path, pairs["replaces"].line, f"{replaces!r} is no mistake that every exercise knows")
        facts, by_numbers = known[replaces].facts, False
    elif section.label in known:
        facts, by_numbers = known[section.label].facts, known[section.label].by_numbers
    else:
        facts, by_numbers = frozenset(), True
    for key in WORDS:
        _check_placeholders(path, pairs[key], facts)
    return Mistake(section.label, pairs["seen"].value, pairs["why"].value, pairs["next"].value, int(pairs["hint"].value),
                   facts, by_numbers, replaces)


def _check_placeholders(path: Path, block: _Block, facts: frozenset[str]) -> None:
    try:
        used = placeholders(block.value)
    except ValueError as error:
        raise TaskFileError(path, block.line, f"{error} (a brace itself is written twice)") from None
    for name in sorted(used - facts - ALWAYS_KNOWN):
        known = ", ".join(sorted(facts | ALWAYS_KNOWN))
        raise TaskFileError(path, block.line, f"unknown placeholder {{{name}}}; known here: {known}")


@functools.cache
def read_mistakes(path: Path) -> Mapping[str, Mistake]:
    """A file that holds nothing but mistakes: those of a kind, or those of every exercise."""
    _, sections = _sections(path, path.read_text(encoding="utf-8"))
    found: dict[str, Mistake] = {}
    for section in sections:
        if section.word != "Mistake":
            raise TaskFileError(path, section.line, f"only sections `Mistake: code` were expected, not {section.title!r}")
        _only(path, section, "pair")
        mistake = _mistake(path, section)
        if mistake is None:
            raise TaskFileError(path, section.line, "this mistake has no words")
        if mistake.code in found:
            raise TaskFileError(path, section.line, f"the mistake {mistake.code!r} stands here twice")
        found[mistake.code] = mistake
    return found


def known_mistakes(kind: str) -> dict[str, Mistake]:
    """The mistakes that every exercise can meet, and those of a kind; by code."""
    here = Path(__file__).parent
    return {**read_mistakes(here / "engine" / "mistakes.md"), **read_mistakes(here / "kinds" / f"{kind}.md")}


def _wrong(path: Path, section: _Section, known: Mapping[str, Mistake]) -> WrongAnswers:
    _only(path, section, "pair", "cell", "subheading")
    code = section.label
    mistake = _mistake(path, section, known) or known.get(code)
    if mistake is None:
        raise TaskFileError(path, section.line, f"{code!r} is no mistake that every exercise of this kind knows: "
                                                "give it words (seen, why, next, hint)")
    examples: list[Cell] = []
    also: list[Cell] = []
    into = examples
    for block in section.blocks:
        if block.sort == "subheading":
            if block.value != "Also":
                raise TaskFileError(path, block.line, f"the only subheading is `### Also`, not {block.value!r}")
            into = also
        elif block.sort == "cell":
            into.append(_compiled(path, block))
    if not examples:
        raise TaskFileError(path, section.line, f"the mistake {code!r} needs a cell that makes it")
    return WrongAnswers(code, mistake, tuple(examples), tuple(also), section.line)


# --- a whole file -------------------------------------------------------------------------------------------------

_KEYS = ("lesson", "place", "kind", "name", "title", "gives", "learns", "sizes", "loops", "without", "refused", "library")
_NEEDED_KEYS = ("lesson", "place", "kind", "name", "title")
_ONCE = ("Task", "Stub", "Solution", "Go on", "Inputs", "Right")
_OFTEN = ("Hint", "Mistake", "Extreme", "Freedom")
_NEEDED = ("Task", "Stub", "Hint", "Solution", "Go on", "Right")


def _names(path: Path, block: _Block, dotted: bool = False) -> tuple[str, ...]:
    names = tuple(part.strip() for part in block.value.split(","))
    for name in names:
        if not all(part.isidentifier() for part in (name.split(".") if dotted else [name])):
            raise TaskFileError(path, block.line, f"{block.key!r} is a list of names, with commas between; {name!r} is none")
    return names


def _sizes(path: Path, block: _Block | None) -> dict[str, int]:
    if block is None:
        return {}
    found = {}
    for part in block.value.split(","):
        match = re.fullmatch(r"\s*([a-z]\w*)\s*>=\s*(\d+)\s*", part)
        if match is None:
            raise TaskFileError(path, block.line, f"`sizes` is written as `n >= 2, k >= 3`, not {part.strip()!r}")
        found[match[1]] = int(match[2])
    return found


def parameters(stub: str, name: str) -> tuple[str, ...]:
    """The parameters of a function, or those of the constructor and of forward or __call__ of a class, without self."""
    for node in ast.parse(stub).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _arguments(node)
        if isinstance(node, ast.ClassDef) and node.name == name:
            methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
            asked = [methods[each] for each in ("__init__", "forward", "__call__") if each in methods]
            return tuple(argument for method in asked for argument in _arguments(method)[1:])
    return ()


def _arguments(node: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))


def _check_expression(path: Path, line: int, text: str, what: str) -> None:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise TaskFileError(path, line, f"{what} is no expression: {error.msg}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in DRAWN):
            raise TaskFileError(path, line, f"{what} can be drawn by {', '.join(DRAWN)}, not by {ast.unparse(node.func)}")
        if isinstance(node, (ast.Attribute, ast.Lambda, ast.Subscript, ast.ListComp, ast.GeneratorExp)):
            raise TaskFileError(path, line, f"{what}: `{ast.unparse(node)}` is more than a file can say")


def _inputs(path: Path, section: _Section, allowed: Sequence[str]) -> dict[str, str]:
    _only(path, section, "pair")
    pairs = _pairs(path, section, None)
    for key, block in pairs.items():
        if key not in allowed:
            raise TaskFileError(path, block.line, f"the stub takes {', '.join(allowed) or 'nothing'}, not {key!r}")
        _check_expression(path, block.line, block.value, key)
    return {key: block.value for key, block in pairs.items()}


def _stub(path: Path, section: _Section, name: str) -> str:
    cell = _one_cell(path, section)
    defined = [node for node in ast.parse(cell.source).body
               if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name]
    if len(defined) != 1:
        raise TaskFileError(path, cell.line, f"the stub must define {name!r}, as a function or a class")
    return cell.source


def _hint(path: Path, section: _Section) -> Hint:
    _only(path, section, "text", "cell")
    cells = section.of("cell")
    text = " ".join(" ".join(block.value.split("\n")) for block in section.of("text"))
    if not section.label or not text or len(cells) > 1:
        raise TaskFileError(path, section.line, "a hint has a title (`## Hint: the symptom`), words, and at most one cell")
    return Hint(section.label, text, cells[0].value.rstrip("\n") if cells else "")


def _group(path: Path, sections: Sequence[_Section]) -> dict[str, list[_Section]]:
    found: dict[str, list[_Section]] = {}
    for section in sections:
        if section.word not in (*_ONCE, *_OFTEN) or (section.word in _ONCE and ":" in section.title):
            raise TaskFileError(path, section.line, f"there is no section {section.title!r}; there are "
                                                    f"{', '.join((*_ONCE, *(f'{word}: …' for word in _OFTEN)))}")
        if section.word in _ONCE and section.word in found:
            raise TaskFileError(path, section.line, f"the section {section.word!r} stands here twice")
        found.setdefault(section.word, []).append(section)
    for word in _NEEDED:
        if word not in found:
            raise TaskFileError(path, 1, f"the section `## {word}` is missing")
    return found


def parse_task(path: Path, text: str) -> Exercise:
    """The exercise that `text` describes, as if it stood in the file `path`; raises `TaskFileError`."""
    head, sections = _sections(path, text)
    if head.title != path.stem or not path.stem.isidentifier():
        raise TaskFileError(path, 1, f"the first line must be `# {path.stem}`, the name of the file, and a Python name")
    _only(path, head, "pair")
    keys = _pairs(path, head, _KEYS)
    for key in _NEEDED_KEYS:
        if key not in keys:
            raise TaskFileError(path, 1, f"the line `{key}: …` is missing")
    for key, known in (("kind", KINDS), ("place", PLACES), ("loops", ("none", "one")), ("without", ("products",))):
        if key in keys and keys[key].value not in known:
            raise TaskFileError(path, keys[key].line, f"{key!r} is one of {', '.join(known)}, not {keys[key].value!r}")
    if not keys["lesson"].value.isdecimal():
        raise TaskFileError(path, keys["lesson"].line, "`lesson` is a number")
    name, kind, place = keys["name"].value, keys["kind"].value, keys["place"].value
    if not name.isidentifier():
        raise TaskFileError(path, keys["name"].line, f"{name!r} cannot be the name of a function or a class")
    grouped = _group(path, sections)
    known_codes = known_mistakes(kind)
    stub = _stub(path, grouped["Stub"][0], name)
    asked = parameters(stub, name)
    hints = tuple(_hint(path, section) for section in grouped["Hint"])
    if len(hints) > 3 or (place == "exercises" and len(hints) != 3):
        raise TaskFileError(path, grouped["Hint"][0].line, "an exercise has three hints; in the flow, one to three")
    wrong = tuple(_wrong(path, section, known_codes) for section in grouped.get("Mistake", ()))
    codes = [each.code for each in wrong]
    for each in wrong:
        if codes.count(each.code) > 1:
            raise TaskFileError(path, each.line, f"the mistake {each.code!r} stands here twice")
        if each.code not in known_codes and each.mistake.hint > len(hints):
            raise TaskFileError(path, each.line, f"there is no hint {each.mistake.hint}")
    extremes = []
    for section in grouped.get("Extreme", ()):
        if section.label not in {*codes, *known_codes}:
            raise TaskFileError(path, section.line, f"{section.label!r} is no mistake that this exercise knows")
        extremes.append(Extreme(section.label, _inputs(path, section, asked), section.line))
    freedoms = []
    for section in grouped.get("Freedom", ()):
        if not section.label:
            raise TaskFileError(path, section.line, "say in the heading what is free: `## Freedom: either deviation will do`")
        freedoms.append(Freedom(section.label, _one_cell(path, section)))
    _only(path, grouped["Right"][0], "cell")
    return Exercise(
        id=path.stem, lesson=int(keys["lesson"].value), place=place, kind=kind, name=name, title=keys["title"].value,
        task=_text(path, grouped["Task"][0]), stub=stub, hints=hints,
        solution=_one_cell(path, grouped["Solution"][0]).source, go_on=_text(path, grouped["Go on"][0]),
        right=_cells(path, grouped["Right"][0]), wrong=wrong,
        inputs=_inputs(path, grouped["Inputs"][0], asked) if "Inputs" in grouped else {},
        sizes=_sizes(path, keys.get("sizes")), extremes=tuple(extremes), freedoms=tuple(freedoms),
        gives=_names(path, keys["gives"]) if "gives" in keys else (),
        learns=_names(path, keys["learns"]) if "learns" in keys else (),
        loops=keys["loops"].value if "loops" in keys else "", without=keys["without"].value if "without" in keys else "",
        refused=_names(path, keys["refused"], dotted=True) if "refused" in keys else (),
        library=_names(path, keys["library"], dotted=True)[0] if "library" in keys else "", path=path)


def read_task(path: Path) -> Exercise:
    """The exercise in a file; raises `TaskFileError`."""
    return parse_task(path, path.read_text(encoding="utf-8"))


def _place(task: Exercise) -> tuple[int, bool, str]:
    return task.lesson, task.place != "your turn", task.id


class Tasks(Mapping[str, Exercise]):
    """The exercises of a folder by id, in the order of the lessons; each file is read once, and only when it is asked for."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._read: dict[str, Exercise] = {}

    def __getitem__(self, id: str) -> Exercise:
        if id not in self._read:
            self._read[id] = read_task(self._paths[id])
        return self._read[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)

    @functools.cached_property
    def _paths(self) -> dict[str, Path]:
        return {path.stem: path for path in sorted(self._folder.glob("*.md"))}

    @functools.cached_property
    def _order(self) -> list[str]:
        return [task.id for task in sorted((self[id] for id in self._paths), key=_place)]


@functools.cache
def tasks() -> Tasks:
    """The exercises of the course."""
    return Tasks(FOLDER)
