"""The one place at which an attempt goes wrong: its own code with one slip undone gives the right numbers.

Slips lead both ways. What makes a wrong answer of a right one, another bracket, another name, one more, makes a right one of
a wrong one, however differently from the solution it goes about its task. The place is told, and what it is about; not what
should stand there.
"""

import ast
import contextlib
import linecache
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from lessonlib.course.exercises.engine import inspection, sandbox
from lessonlib.course.exercises.engine.answers import NoEnd, make_answer
from lessonlib.course.exercises.engine.mutation import Mutant, mutants
from lessonlib.course.exercises.engine.sandbox import OutputCapture, line_in_words

MOST_LINES = 60  # of an attempt that is looked at
MOST_MUTANTS = 800
_MAKES_NOBODY_RIGHT = frozenset({"constant_size", "ignored"})
# What changes more than the result of a call is not called with other arguments than its author wrote.
_LEFT_ALONE = frozenset({"open", "os", "shutil", "subprocess", "exec", "eval", "unlink", "rmtree", "write_text", "write_bytes"})


@dataclass(frozen=True)
class Own:
    """The text of an attempt, and what it can see."""

    name: str
    source: str
    file: str
    first_line: int
    space: Mapping[str, Any]

    def place(self, mutant: Mutant) -> str:
        """The line at which a mutant differs, in words."""
        return line_in_words(self.file, self.first_line + mutant.line - 1)


@dataclass(frozen=True)
class Changed:
    """An attempt with one change."""

    mutant: Mutant
    answer: Any


def own_source(answer: Any) -> Own | None:
    """The text from which an answer was made, if it is known and still the same; it stands in a cell or file by itself."""
    codes = _codes(answer)
    if not codes or any(code.co_freevars not in ((), ("__class__",)) for code in codes.values()):
        return None
    file, name = next(iter(codes.values())).co_filename, getattr(answer, "__name__", "")
    lines = linecache.getlines(file)
    try:
        body = ast.parse("".join(lines)).body
    except SyntaxError:
        return None
    nodes = [node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name]
    for node in reversed(nodes):
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        source = "".join(lines[first - 1:node.end_lineno])
        if source.count("\n") <= MOST_LINES and _is_the_text_of(source, codes) and not _LEFT_ALONE & _words(node):
            return Own(name, source, file, first, _space(answer))
    return None


def _codes(answer: Any) -> dict[str, CodeType]:
    """The code of a function, or of each method of a class, by name."""
    if isinstance(answer, type):
        return {name: method.__code__ for name, method in inspection.methods(answer).items()}
    code = inspection.code_of(answer)
    return {} if code is None else {code.co_name: code}


def _space(answer: Any) -> Mapping[str, Any]:
    function = next(iter(inspection.methods(answer).values())) if isinstance(answer, type) else inspection.unwrapped(answer)
    return dict(function.__globals__)


def _words(node: ast.AST) -> set[str]:
    """The names and attributes that a piece reads."""
    return {piece.id if isinstance(piece, ast.Name) else piece.attr for piece in ast.walk(node)
            if isinstance(piece, (ast.Name, ast.Attribute))}


def _is_the_text_of(source: str, codes: Mapping[str, CodeType]) -> bool:
    """Whether compiling the text gives this code: a file may have been changed since it was read."""
    def inside(code: CodeType) -> Iterator[CodeType]:
        for each in code.co_consts:
            if isinstance(each, CodeType):
                yield each
                yield from inside(each)

    compiled = list(inside(compile(source, "<text>", "exec", dont_inherit=True)))
    return all(any(each.co_name == code.co_name and inspection.same_code(each, code) for each in compiled)
               for code in codes.values())


def one_change_away(own: Own) -> Iterator[Changed]:
    """The attempt with one slip, likely ones first; what it prints is dropped."""
    for mutant in [mutant for mutant in mutants(own.source) if mutant.code not in _MAKES_NOBODY_RIGHT][:MOST_MUTANTS]:
        sandbox.reseed()
        try:
            answer = make_answer(mutant.source, own.name, space=own.space)
        except (NoEnd, Exception):
            continue
        sink = OutputCapture()
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            yield Changed(mutant, answer)
