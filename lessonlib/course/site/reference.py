"""One page for each module, from its text: what it is for, what it has, with shapes, errors and source.

Nothing is imported. What stands in a signature, with the comments that give shapes and units, stands on the page.
"""

import ast
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path

from lessonlib.course.home import plain_title
from lessonlib.course.notebooks import Lesson
from lessonlib.course.site.about import About
from lessonlib.course.site.written import described

# Written by hand, below the lessons: what no lesson explains, and every program may use.
BY_HAND = ("figures", "pad", "files", "preflight")
Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Name:
    """One public name of a module, and where it is defined."""

    name: str
    path: Path  # relative to the checkout
    node: ast.stmt
    lines: list[str]  # of the whole file

    @property
    def span(self) -> tuple[int, int]:
        """Its first and last line, counted from 1."""
        decorators = self.node.decorator_list if isinstance(self.node, (ast.FunctionDef, ast.ClassDef)) else []
        return min([self.node.lineno, *(d.lineno for d in decorators)]), self.node.end_lineno or self.node.lineno

    @property
    def source(self) -> str:
        return "\n".join(self.lines[self.span[0] - 1:self.span[1]])


def modules(lessons: Sequence[Lesson], root: Path) -> list[str]:
    """The modules that have a page: those of the lessons in their order, then those written by hand."""
    built = dict.fromkeys(name for lesson in lessons for name in lesson.modules)
    return [*built, *(name for name in BY_HAND if _path(name, root) is not None and name not in built)]


def index(names: Sequence[str], lessons: Sequence[Lesson], root: Path) -> str:
    """The page that lists all modules."""
    rows = [f"| [`lessonlib.{name}`]({name}.md) | {_purpose(name, root)} | {_lessons_of(name, lessons) or 'by hand'} |"
            for name in names]
    toctree = "\n".join(f"lessonlib.{name} <{name}>" for name in names)
    return (described("The modules that the lessons build, each with its functions, shapes, errors and source.")
            + "# The library\n\nWhat the lessons build is a package, `lessonlib`, that your own programs can use. Each module "
            "belongs to the lesson that explains it, line by line.\n\n"
            "| module | what it is for | explained in |\n|---|---|---|\n" + "\n".join(rows)
            + f"\n\n```{{toctree}}\n:hidden:\n\n{toctree}\n```\n")


def module_page(name: str, lessons: Sequence[Lesson], root: Path, about: About) -> str:
    """The page of one module."""
    path = _path(name, root)
    assert path is not None
    tree = _parsed(path.read_text(encoding="utf-8"))
    place = path.relative_to(root).as_posix()
    explained = _lessons_of(name, lessons, titles=True)
    where = f"Explained in {explained}." if explained else "Written by hand: no lesson explains it."
    parts = [f"# lessonlib.{name}", _text(ast.get_docstring(tree) or ""),
             f"{where} [Source on GitHub]({about.source(place)})"]
    parts += [_described(found, about) for found in _public(path, root)]
    purpose = _purpose(name, root).replace("`", "")
    return described(f"lessonlib.{name}: {purpose}") + "\n\n".join(part for part in parts if part) + "\n"


def _described(found: Name, about: About) -> str:
    """One name: its signature with shapes and units, its words, what a class can do, and its source, folded."""
    link = f"[{found.path.as_posix()}, line {found.span[0]}]({about.source(found.path.as_posix(), found.span)})"
    parts = [f"## {found.name}".replace("_", r"\_")]
    if isinstance(found.node, (ast.FunctionDef, ast.ClassDef)):
        parts.append(_code(_header(found.node, found.lines)))
        parts.append(_text(ast.get_docstring(found.node) or ""))
        if isinstance(found.node, ast.ClassDef):
            parts += list(_members(found.node, found.lines))
        parts.append(f"<details><summary>Its source</summary>\n\n{_code(found.source)}\n\n</details>")
    else:
        parts.append(_code(found.source))
    return "\n\n".join([*(part for part in parts if part), link])


def _members(node: ast.ClassDef, lines: list[str]) -> Iterator[str]:
    """The methods of a class that are for its users, each with its signature and its words."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and (member.name == "__init__" or not member.name.startswith("_")):
            yield _code(cleandoc(" " * member.col_offset + _header(member, lines)))
            if words := ast.get_docstring(member):
                yield _text(words)


def _header(node: Definition, lines: list[str]) -> str:
    """A definition up to its body, with the comments that give shapes and units."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    last = max(first, node.body[0].lineno - 1)
    if node.body[0].lineno == node.lineno:  # all on one line
        return lines[node.lineno - 1][:node.body[0].col_offset].rstrip()
    text = lines[first - 1:last]
    while text and (not text[-1].strip() or text[-1].lstrip().startswith("#")):
        text.pop()
    indent = len(text[0]) - len(text[0].lstrip())
    return "\n".join(line[indent:] for line in text)


@functools.lru_cache(maxsize=100)
def _parsed(text: str) -> ast.Module:
    """The tree of a file, which is asked for once for each name in it."""
    return ast.parse(text)


def _public(path: Path, root: Path) -> Iterator[Name]:
    """The names in `__all__`, in its order."""
    for name in _all(_parsed(path.read_text(encoding="utf-8"))):
        if (found := _defined(name, path, root)) is not None:
            yield found


def _defined(name: str, path: Path, root: Path) -> Name | None:
    """Where a name of a module is defined: in its file, or in the one that it is imported from."""
    text = path.read_text(encoding="utf-8")
    for node in _parsed(text).body:
        if name in _bound(node):
            return Name(name, path.relative_to(root), node, text.splitlines())
        if isinstance(node, ast.ImportFrom) and (node.level == 1 or str(node.module).startswith("lessonlib.")):
            origin = next((alias.name for alias in node.names if (alias.asname or alias.name) == name), None)
            other = _path(str(node.module).removeprefix("lessonlib."), root)
            if origin is not None and other is not None:
                return _defined(origin, other, root)
    return None


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return []


def _all(tree: ast.Module) -> list[str]:
    """The names in `__all__`."""
    return next((ast.literal_eval(node.value) for node in tree.body
                 if isinstance(node, ast.Assign) and _bound(node) == ["__all__"]), [])


def _path(name: str, root: Path) -> Path | None:
    """The file of a module, such as "layers" or "figures.ladder"."""
    place = root / "lessonlib" / Path(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _purpose(name: str, root: Path) -> str:
    """The first line of a module's docstring."""
    path = _path(name, root)
    words = ast.get_docstring(_parsed(path.read_text(encoding="utf-8"))) if path is not None else None
    return (words or "").partition("\n\n")[0].replace("\n", " ").replace("|", r"\|")


def _lessons_of(name: str, lessons: Sequence[Lesson], titles: bool = False) -> str:
    """The lessons that write to a module, as links."""
    found = [lesson for lesson in lessons if name in lesson.modules]
    return " and ".join(f"[lesson {lesson.number}{f', {plain_title(lesson.title)}' if titles else ''}]"
                        f"(../lessons/{lesson.path.name})" for lesson in found)


def _text(docstring: str) -> str:
    """A docstring as Markdown: it is that already, but no formula begins with its dollars, and no tag with its `<`."""
    parts = re.split(r"(`[^`]*`)", docstring)
    return "".join(part if part.startswith("`") else part.replace("$", r"\$").replace("<", "&lt;") for part in parts)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"
