"""Which mistake gives exactly these numbers: the examples of the task's file, and the mutants of its solution."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from lessonlib.course.exercises.engine import sandbox
from lessonlib.course.exercises.engine.answers import NoEnd, make_answer
from lessonlib.course.exercises.engine.comparison import Failure, Outcome, Part, Result, close, equal
from lessonlib.course.exercises.engine.mutation import Mutant, mutants
from lessonlib.course.exercises.engine.repair import Changed, one_change_away, own_source
from lessonlib.course.exercises.task_files import Exercise

Outcomes = Sequence[Outcome]
Seen = TypeVar("Seen")
Observe = Callable[[Any], Outcomes]  # what an answer of ours gives in each case


@dataclass(frozen=True)
class Known:
    """A mistake, and what it gives in each case."""

    code: str
    outcomes: Outcomes
    what: str = ""  # of a mutant
    source: str = ""  # of an example

    def among(self, cases: Sequence[int]) -> Outcomes:
        """In these cases."""
        return _Among(self.outcomes, cases)


@dataclass(frozen=True)
class _Among(Sequence[Outcome]):
    """Outcomes in some cases, looked at when they are asked for."""

    outcomes: Outcomes
    cases: Sequence[int]

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, i: Any) -> Any:
        return self.outcomes[self.cases[i]]


class _Later(Sequence[Outcome]):
    """What a mutant gives: the first case is known, which rules most of them out; the others are computed when asked for."""

    def __init__(self, first: Outcome, n: int, compute: Callable[[], Outcomes | None]):
        self._first, self._n, self._compute = first, n, compute

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, i: Any) -> Any:
        return self._first if i == 0 else self._all[i]

    @cached_property
    def _all(self) -> Outcomes:
        return self._compute() or [Failure("cannot be made")] * self._n


@dataclass(frozen=True)
class Spot:
    """Where an attempt goes wrong."""

    where: str
    kind: str  # of the slip, as in `slips.KINDS`
    besides: str = ""  # the code of a mistake that is made as well


def same(yours: Outcomes, theirs: Outcomes) -> bool:
    """Whether the same comes out in all cases (an error counts as an error), and a number in at least one."""
    return (len(yours) == len(theirs) and all(a.same(b) for a, b in zip(yours, theirs, strict=True))
            and any(isinstance(b, Result) and _says_something(b) for b in theirs))


def _says_something(result: Result) -> bool:
    """Whether anything but nan came out: nan alone is the end of many mistakes."""
    return not result.tensors or any(tensor.numel() == 0 or not bool(tensor.isnan().all()) for tensor in result.tensors)


def changed(outcome: Outcome, change: Callable[[Tensor], Tensor]) -> Outcome:
    """An outcome with each of its tensors changed."""
    if isinstance(outcome, Failure):
        return outcome
    return Result(tuple(part if part.numbers is None else Part(part.sort, change(part.numbers), part.text)
                        for part in outcome.parts), outcome.packing)


def factor_between(yours: Outcomes, theirs: Outcomes) -> float | None:
    """The number by which all of theirs would have to be multiplied to give yours, if there is one for all cases."""
    if len(yours) > 1 and _first_rules_it_out(yours[0], theirs[0]):
        return None
    mine: list[Tensor] = []
    others: list[Tensor] = []
    for a, b in zip(yours, theirs, strict=True):
        if isinstance(a, Failure) or isinstance(b, Failure):
            if not a.same(b):
                return None
            continue
        if len(a.tensors) != len(b.tensors) or any(p.shape != q.shape for p, q in zip(a.tensors, b.tensors, strict=True)):
            return None
        mine += [part.flatten() for part in a.tensors]
        others += [part.flatten() for part in b.tensors]
    if not mine:
        return None
    left, right = torch.cat(mine), torch.cat(others)
    if len(left) < 3 or not bool(left.isfinite().all() & right.isfinite().all()):
        return None
    factor = (left @ right / (right @ right)).item()
    return factor if abs(factor) > 1e-9 and equal(left, factor * right) else None


def _first_rules_it_out(yours: Outcome, theirs: Outcome) -> bool:
    """Whether the numbers of one case are enough to say that no factor is between two answers."""
    if isinstance(yours, Failure) or isinstance(theirs, Failure):
        return not yours.same(theirs)
    numbers = [part.flatten() for part in theirs.tensors]
    enough = sum(map(len, numbers)) >= 3 and bool(torch.cat(numbers).count_nonzero())  # nought is a multiple of anything
    return enough and factor_between([yours], [theirs]) is None


# Slips that may come on top of a known mistake. Others change so much that they lead from nearly anything to some mistake.
_SMALL = frozenset({"axis", "keepdim", "sign", "comparison", "off_by_one", "constant", "start", "bracket", "order", "transposed",
                    "new_axis"})
SEEDS = (21, 22)  # of the cases in which it is confirmed that a change makes an attempt right: in a few it may be by chance
MOST_OTHERS = 4  # right answers besides the solution whose mutants are looked at


class Explanations:
    """All that is known of one exercise: computed when first needed, and kept while the process lives."""

    def __init__(self, task: Exercise, observe: Observe, first: Callable[[Any], Outcome],
                 elsewhere: Callable[[Any, int], Outcomes]):
        self.task, self._observe = task, observe
        self._elsewhere = elsewhere  # what it gives in ordinary cases of another seed
        self._first = first  # what it gives in the first case alone
        self._silent = False

    def know_nothing(self) -> None:
        """Explain no answer: for those who ask only whether one is right, which is much quicker."""
        self.examples, self.mutants, self._others = [], [], []
        self._silent = True

    def observe_source(self, source: str) -> Outcomes | None:
        """What the answer in a cell gives; None where the cell itself fails, or has no end."""
        sandbox.reseed()
        try:
            return self._observe(make_answer(source, self.task.name))
        except (NoEnd, Exception):
            return None

    @cached_property
    def right(self) -> list[Outcomes]:
        """What the solution gives, and each answer that the file calls right although its numbers differ."""
        return [outcomes for _, outcomes in self._rights]

    @cached_property
    def _right_sources(self) -> list[str]:
        return [source for source, _ in self._rights]

    @cached_property
    def _rights(self) -> list[tuple[str, Outcomes]]:
        sources = [self.task.solution, *(freedom.cell.source for freedom in self.task.freedoms)]
        found = [(source, self.observe_source(source)) for source in sources]
        return [(source, outcomes) for source, outcomes in found if outcomes is not None]

    def is_right(self, outcomes: Outcomes, among: Sequence[int] | None = None) -> bool:
        """Whether one of the right answers gives this, in all cases or in those given."""
        chosen = range(len(outcomes)) if among is None else among
        return any(same(outcomes, [right[i] for i in chosen]) for right in self.right)

    @cached_property
    def examples(self) -> list[Known]:
        """The mistakes with words that are found by their numbers. One that gives the right numbers is left out."""
        found = []
        for wrong in self.task.wrong:
            for cell in wrong.examples if wrong.mistake.by_numbers else ():
                outcomes = self.observe_source(cell.source)
                if outcomes is not None and not self.is_right(outcomes):
                    found.append(Known(wrong.code, outcomes, source=cell.source))
        return found

    @cached_property
    def mutants(self) -> list[Known]:
        """The mutants of the solution and of the other right answers; some are right as well, and explain nothing."""
        return self._observed_mutants([self.task.solution, *(freedom.cell.source for freedom in self.task.freedoms)])

    @cached_property
    def _others(self) -> list[Known]:
        """Mutants of some other right answers of the file: the same task in other words."""
        return self._observed_mutants([cell.source for cell in self.task.right[:MOST_OTHERS]])

    def _observed_mutants(self, sources: Sequence[str]) -> list[Known]:
        found = []
        for mutant in [mutant for source in sources for mutant in mutants(source)]:
            sandbox.reseed()
            try:
                first = self._first(make_answer(mutant.source, self.task.name))
            except (NoEnd, Exception):
                continue
            outcomes = _Later(first, len(self.right[0]), partial(self.observe_source, mutant.source))
            found.append(Known(f"slip_{mutant.code}", outcomes, mutant.what))
        return found

    def all_mutants(self) -> Iterator[Mutant]:
        """The mutants of the solution, whatever they give."""
        yield from mutants(self.task.solution)

    # --- searching. `yours` are the outcomes in the cases `among`.

    def example(self, yours: Outcomes, among: Sequence[int]) -> Known | None:
        """The first example that gives the same as yours."""
        return next((each for each in self.examples if same(yours, each.among(among))), None)

    def mutant(self, yours: Outcomes, among: Sequence[int]) -> Known | None:
        """The first wrong mutant that gives the same as yours."""
        return self._first_that_fits(self.mutants, yours, among)

    def mutant_of_others(self, yours: Outcomes, among: Sequence[int]) -> Known | None:
        """The first mutant of another right answer that gives the same as yours; looked for when nothing else is found."""
        return self._first_that_fits(self._others, yours, among)

    def _first_that_fits(self, known: Sequence[Known], yours: Outcomes, among: Sequence[int]) -> Known | None:
        return next((each for each in known if same(yours, each.among(among)) and not self.is_right(each.outcomes)), None)

    def place(self, answer: Any, among: Sequence[int], alone: bool = False,
              go_on: Callable[[], bool] = lambda: True) -> Spot | None:
        """The one place that keeps an attempt from being right; or, if not `alone`, a place and the known mistake besides."""
        own = None if self._silent else own_source(answer)
        if own is None:
            return None
        nearly: list[tuple[Changed, Known]] = []
        mine = _calmly(self._observe, answer)
        seen = [each for each in self.examples if mine is not None and not alone and _shows(mine, each.outcomes, self.right[0])]
        for changed in one_change_away(own):
            if not go_on():
                return None
            first = _calmly(self._first, changed.answer)
            if first is None:
                continue
            if any(first.same(right[0]) for right in self.right) and any(
                    self._alike(changed.answer, right, source, among) for right, source in zip(
                        self.right, self._right_sources, strict=True)):
                return Spot(own.place(changed.mutant), changed.mutant.code)
            if changed.mutant.code in _SMALL:
                nearly += [(changed, each) for each in seen if first.same(each.outcomes[0])]
        for changed, each in nearly:
            if self._alike(changed.answer, each.outcomes, each.source, among):
                return Spot(own.place(changed.mutant), changed.mutant.code, each.code)
        return None

    def _alike(self, answer: Any, outcomes: Outcomes, source: str, among: Sequence[int]) -> bool:
        """Whether an answer gives these outcomes in the judge's cases, and elsewhere what the source of theirs gives there."""
        here = _calmly(self._observe, answer)
        return here is not None and same([here[i] for i in among], [outcomes[i] for i in among]) and all(
            same(_calmly(self._seeded, answer, seed) or [], self._seeded(make_answer(source, self.task.name), seed))
            for seed in SEEDS)

    def _seeded(self, answer: Any, seed: int) -> Outcomes:
        sandbox.reseed()
        return self._elsewhere(answer, seed)

    def where_finite(self, yours: Outcomes, among: Sequence[int]) -> Known | None:
        """An example that gives the same wherever it gives a number at all: yours may be guarded against nan and inf."""
        for each in self.examples:
            theirs = each.among(among)
            if any(isinstance(outcome, Failure) for outcome in (*yours, *theirs)):
                continue
            pairs = [(a, b) for a, b in zip(yours, theirs, strict=True) if isinstance(b, Result) and b.finite]
            if 0 < len(pairs) < len(yours) and all(a.same(b) for a, b in pairs):
                return each
        return None

    @staticmethod
    def scaled(known: Sequence[Known], yours: Outcomes, among: Sequence[int]) -> tuple[Known, float] | None:
        """A mistake of which yours are a multiple, and the factor."""
        for each in known:
            factor = factor_between(yours, each.among(among))
            if factor is not None:
                return each, factor
        return None


def _calmly(look: Callable[..., Seen], *arguments: Any) -> Seen | None:
    """What is seen of a reader's code, which may raise anything at all; None where it does."""
    try:
        return look(*arguments)
    except BaseException:
        return None


def _shows(yours: Outcomes, theirs: Outcomes, right: Outcomes) -> bool:
    """Whether some number of yours is that of a mistake, and not the right one."""
    for a, b, c in zip(yours, theirs, right, strict=True):
        if isinstance(a, Result) and isinstance(b, Result) and isinstance(c, Result):
            for mine, wrong, expected in zip(a.tensors, b.tensors, c.tensors, strict=False):
                if mine.shape == wrong.shape == expected.shape and bool((close(mine, wrong) & ~close(wrong, expected)).any()):
                    return True
    return False


def part_by_part(yours: Outcomes, right: Outcomes, known: Sequence[Known]) -> list[Known]:
    """Where several things come out: a mistake for each part that is wrong, or an empty list."""
    given = [k for k, outcome in enumerate(yours) if isinstance(outcome, Result)]
    if not given:
        return []
    n_parts = len(_parts(right[given[0]]))
    found: list[Known] = []
    for i in range(n_parts if all(len(_parts(yours[k])) == n_parts for k in given) else 0):
        if all(_parts(yours[k])[i].same(_parts(right[k])[i]) for k in given):
            continue
        fitting = next((each for each in known if _explains_part(each, i, yours, right, given)), None)
        if fitting is None:
            return []
        found.append(fitting)
    raised = set(range(len(yours))) - set(given)
    explained = {k for each in found for k in raised if isinstance(each.outcomes[k], Failure)}
    return found if raised == explained else []


def _explains_part(known: Known, i: int, yours: Outcomes, right: Outcomes, given: Sequence[int]) -> bool:
    """Whether a mistake gives the same in part `i`, and is right in all others."""
    if not any(_says_something(Result((_parts(yours[k])[i],), "*")) for k in given):
        return False
    for k in given:
        theirs, rights = _parts(known.outcomes[k]), _parts(right[k])
        if len(theirs) != len(rights) or not theirs[i].same(_parts(yours[k])[i]):
            return False
        if not all(theirs[j].same(rights[j]) for j in range(len(rights)) if j != i):
            return False
    return True


def _parts(outcome: Outcome) -> tuple[Part, ...]:
    return outcome.parts if isinstance(outcome, Result) else ()


