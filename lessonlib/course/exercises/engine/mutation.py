"""Mistakes by mutation: from a right answer, the wrong ones that are one slip away from it. Standard library only.

A learner's numbers that are those of a mutant tell what was slipped: "Your numbers are those of the right answer with
`dim=0` in place of `dim=1`." The kinds of slips are in `slips`.
"""

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lessonlib.course.exercises.engine.slips import KINDS
from lessonlib.course.exercises.engine.syntax import Change, Code, text


@dataclass(frozen=True)
class Mutant:
    """A right answer with one mistake in it."""

    source: str  # the whole source; it defines the same names
    what: str  # the mistake: completes "the numbers of the right answer …"; begins with "with" or "without"
    code: str  # the kind of the mistake, as in `slips.KINDS`
    line: int = 0  # of the source, at which it is made; of several places, the first


def mutants(source: str) -> list[Mutant]:
    """All mutants of a right answer, likely mistakes first; each compiles, none is the answer itself, no two are the same.

    Where the same slip can be made in several places, one mutant has it everywhere.
    Raises `SyntaxError` where the source is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a slip may well look odd to Python
        return _mutants(Code(source))


def _mutants(code: Code) -> list[Mutant]:
    seen, found = {ast.unparse(code.tree)}, []  # one tree is written down in one way, so that texts can be compared
    for kind, changes in _by_kind(code):
        for change in changes:
            mutated = code.with_(change.swaps)
            if mutated not in seen and _compiles(mutated):
                seen.add(mutated)
                found.append((kind, change, mutated))
    words = _told_apart(code, [change for _, change, _ in found])
    return [Mutant(mutated, what, kind, code.line(change.at)) for (kind, change, mutated), what in zip(found, words, strict=True)]


def _by_kind(code: Code) -> Iterator[tuple[str, list[Change]]]:
    """Each kind with its changes: those in one place, then those in all places."""
    for kind, changes_of in KINDS.items():
        changes = [change for node in code.nodes for change in changes_of(code, node)]
        yield kind, [*changes, *_everywhere(code, changes)]


def _everywhere(code: Code, changes: Sequence[Change]) -> Iterator[Change]:
    """Changes by one rule, made in all places at once."""
    by_rule = defaultdict(list)
    for change in changes:
        if change.rule:
            by_rule[change.rule].append(change)
    for several in by_rule.values():
        places = {id(change.at): change for change in reversed(several)}  # the first change of each place
        together = list(places.values())[::-1]
        if len(together) < 2 or _overlap(code, together):
            continue
        alike = len({change.what for change in together}) == 1
        where = "in both places" if len(together) == 2 else "in all places"
        what = f"{together[0].what} {where}" if alike else f"{together[0].what}, and the same {where}"
        yield Change(what, tuple(swap for change in together for swap in change.swaps))


def _overlap(code: Code, changes: Sequence[Change]) -> bool:
    """Whether one of the places lies within another, so that the changes cannot be made together."""
    places = {id(change.at) for change in changes}
    return any(id(outer) in places for change in changes for outer in code.above(change.at))


def _compiles(source: str) -> bool:
    """Whether it is Python: a slip may leave a `return` outside of a function, say."""
    try:
        compile(source, "<mutant>", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _told_apart(code: Code, changes: Sequence[Change]) -> list[str]:
    """The words of each change; where several would say the same, what is around the place is added."""
    alike = defaultdict(list)
    for change in changes:
        alike[change.what].append(change)
    words = {}
    for what, several in alike.items():
        if len(several) == 1:
            words[id(several[0])] = what
            continue
        around = [_around(code, change) for change in several]
        for depth in range(max(map(len, around))):
            places = [texts[min(depth, len(texts) - 1)] for texts in around]
            if len(set(places)) == len(places):
                break
        else:
            places = [""] * len(several)
        for change, place in zip(several, places, strict=True):
            words[id(change)] = f"{what} in `{place}`" if place else what
    return [words[id(change)] for change in changes]


def _around(code: Code, change: Change) -> list[str]:
    """What is around a place, from the inside to the outside, as far as its line."""
    texts = []
    for piece in (change.at, *code.above(change.at)):
        if isinstance(piece, (ast.expr, ast.stmt)):
            texts.append(text(piece))
        if isinstance(piece, ast.stmt):
            break
    return texts or [""]
