"""Judging a function: several cases, the right numbers, and the numbers that each known mistake would give."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lessonlib.course.exercises.compare import (
    all_equal,
    equal,
    first_difference,
    inputs_in_words,
    shape_of,
    side_by_side,
    to_tensor,
)
from lessonlib.course.exercises.court import Court, Exercise, Raised
from lessonlib.course.exercises.verdict import Found, Mistake

Inputs = Mapping[str, Any]
Numbers = tuple[Tensor, ...]


def _factor(yours: Sequence[Numbers], expected: Sequence[Numbers]) -> float | None:
    """The number by which everything expected would have to be multiplied, if there is one for all cases."""
    mine, theirs = (torch.cat([part.flatten() for parts in side for part in parts]) for side in (yours, expected))
    factor = (mine @ theirs / (theirs @ theirs)).item()
    return factor if abs(factor) > 1e-9 and equal(mine, factor * theirs) else None


@dataclass(frozen=True)
class Function:
    """What a function exercise compares."""

    cases: Callable[[], Sequence[Inputs]]  # the last should be square, where silent mistakes of shape show
    right: Sequence[Callable[..., Any]]  # each of them is a right answer
    mistakes: Sequence[Mistake]
    extremes: Callable[[], Sequence[Inputs]] = tuple  # looked at once the cases are right
    at_extremes: str = "nan"  # the code for something wrong there that no mistake explains
    finite_at_extremes: str = ""  # the same, where a number came out
    twists: Mapping[str, Callable[[Numbers, Inputs], Numbers]] = field(default_factory=dict)  # mistakes on top of others
    parts: tuple[str, ...] = ("result",)  # several for a function that gives a tuple
    learns: tuple[str, ...] = ()  # inputs through which a gradient must flow
    wants: str = "a tensor"
    before: Callable[[Court, Callable, Inputs], None] | None = None  # what else to look at first
    after: Callable[[Court, Callable], Sequence[str]] | None = None  # what else to look at last; gives notes

    def exercise(self, refused: Sequence[str] = (), answers: Sequence[Callable | type] = (), **more: Any) -> Exercise:
        """As an exercise for the judge."""
        return Exercise(self.examine, {mistake.code: mistake for mistake in self.mistakes}, frozenset(refused),
                        tuple(answers), **more)

    def examine(self, court: Court, attempt: Any) -> Sequence[str]:
        """Raise `Found` for a mistake, or give notes for a right answer."""
        court.need_function(attempt)
        cases = self.cases()
        if self.before is not None:
            self.before(court, attempt, cases[0])
        yours = [self.outcome(court, attempt, case) for case in cases]
        if not self.is_right(yours, cases):
            raise self.explain(court, yours, cases, self.mistakes)
        quiet = [mistake for mistake in self.mistakes if mistake.simulate is not None
                 and self.is_right([self.simulated(mistake.simulate, case) or () for case in cases], cases)]
        for extreme in self.extremes():
            outcome = [self.outcome(court, attempt, extreme)]
            if not self.is_right(outcome, [extreme]):
                finite = isinstance(outcome[0], tuple) and all(bool(part.isfinite().all()) for part in outcome[0])
                otherwise = (finite and self.finite_at_extremes) or self.at_extremes
                raise self.explain(court, outcome, [extreme], quiet, otherwise=otherwise)
        if court.changed:
            raise Found("in_place", names=" and ".join(sorted(court.changed)))
        notes = self.after(court, attempt) if self.after is not None else ()
        if self.learns:
            self.check_gradient(court, attempt, cases[0])
        return notes

    def outcome(self, court: Court, attempt: Callable, inputs: Inputs) -> Numbers | Raised:
        """What the attempt gives for a case, as numbers, or the error that it raises."""
        try:
            value = court.call(attempt, inputs)
        except Raised as raised:
            return raised
        call = f"{court.task.name}({', '.join(inputs)})"
        if inspect.isgenerator(value):
            raise Found("generator", call=call)
        values = (value,)
        if len(self.parts) > 1:
            if not isinstance(value, (tuple, list)):
                raise Found("count", call=call, got=f"one thing ({shape_of(value)}) instead of several",
                            wanted=f"{len(self.parts)}: {', '.join(self.parts)}")
            if len(value) != len(self.parts):
                raise Found("count", call=call, got=len(value), wanted=f"{len(self.parts)}: {', '.join(self.parts)}")
            values = tuple(value)
        numbers = tuple(to_tensor(part) for part in values)
        for part, number in zip(values, numbers, strict=True):
            if number is None or (isinstance(part, (list, tuple)) and self.wants == "a tensor"):
                raise Found("not_numbers", call=call, what=shape_of(part), wanted=self.wants)
        return numbers

    def is_right(self, yours: Sequence[Numbers | Raised], cases: Sequence[Inputs]) -> bool:
        """Whether one of the right answers is met in all cases."""
        return any(self.meets(yours, [self.simulated(right, case) for case in cases]) for right in self.right)

    @staticmethod
    def meets(yours: Sequence[Numbers | Raised], theirs: Sequence[Numbers | None]) -> bool:
        """Whether the same comes out in all cases (an error counts as an error), and a number in at least one."""
        pairs = list(zip(yours, theirs, strict=True))
        return (all(b is None if isinstance(a, Raised) else b is not None and all_equal(a, b) for a, b in pairs)
                and any(b is not None for _, b in pairs))

    def simulated(self, function: Callable, inputs: Inputs) -> Numbers | None:
        """What one of our own functions gives for copies of the inputs; None where the shapes do not fit."""
        copies = [value.clone() if isinstance(value, Tensor) else value for value in inputs.values()]
        try:
            value = function(*copies)
        except (RuntimeError, IndexError):
            return None
        values = value if len(self.parts) > 1 else (value,)
        return tuple(to_tensor(part) for part in values)

    def explain(self, court: Court, yours: Sequence[Numbers | Raised], cases: Sequence[Inputs],
                mistakes: Sequence[Mistake], otherwise: str = "") -> Found:
        """The mistake that gives exactly these numbers; else what can be said without knowing it."""
        simulated = {mistake.code: [self.simulated(mistake.simulate, case) for case in cases]
                     for mistake in mistakes if mistake.simulate is not None}
        for code, theirs in simulated.items():
            if self.meets(yours, theirs):
                return self.found(code, yours, cases)
        by_code = {mistake.code: mistake for mistake in mistakes}
        for mistake in mistakes:
            if any(self.meets(yours, [self.simulated(variant, case) for case in cases]) for variant in mistake.variants):
                return self.found(mistake.code, yours, cases)
        for code, theirs in simulated.items():
            for twist, apply in self.twists.items():
                both = [None if part is None else apply(part, case) for part, case in zip(theirs, cases, strict=True)]
                if twist != code and self.meets(yours, both):
                    return self.found(code, yours, cases, also=by_code[twist].seen)
        for code, theirs in simulated.items():
            if self.meets_where_finite(yours, theirs):
                return self.found(code, yours, cases)
        if codes := self.part_by_part(yours, cases, simulated):
            return self.found(codes[0], yours, cases, also=" ".join(by_code[code].seen for code in codes[1:]))
        for outcome in yours:
            if isinstance(outcome, Raised):
                return court.translate(outcome)
        return self.unexplained(court, yours, cases, otherwise)

    @staticmethod
    def meets_where_finite(yours: Sequence[Numbers | Raised], theirs: Sequence[Numbers | None]) -> bool:
        """Whether the same comes out wherever a mistake that gives nan or inf gives a number: yours may be guarded."""
        if any(isinstance(a, Raised) or b is None for a, b in zip(yours, theirs, strict=True)):
            return False
        pairs = [(a, b) for a, b in zip(yours, theirs, strict=True) if all(bool(part.isfinite().all()) for part in b)]
        return 0 < len(pairs) < len(yours) and all(all_equal(a, b) for a, b in pairs)

    def part_by_part(self, yours: Sequence[Numbers | Raised], cases: Sequence[Inputs],
                     simulated: Mapping[str, Sequence[Numbers | None]]) -> list[str]:
        """Where several things come out: a mistake for each part that is wrong, or an empty list."""
        right, found = [self.simulated(self.right[0], case) for case in cases], []
        given = [k for k, outcome in enumerate(yours) if not isinstance(outcome, Raised)]
        for i in range(len(self.parts) if given else 0):
            if all(equal(yours[k][i], right[k][i]) for k in given):
                continue
            code = next((code for code, theirs in simulated.items() if all(
                theirs[k] is not None and equal(theirs[k][i], yours[k][i]) and all(
                    equal(theirs[k][j], right[k][j]) for j in range(len(self.parts)) if j != i) for k in given)), None)
            if code is None:
                return []
            found.append(code)
        raised = set(range(len(cases))) - set(given)
        explained = {k for code in found for k in raised if simulated[code][k] is None}
        return found if raised == explained else []

    def found(self, code: str, yours: Sequence[Numbers | Raised], cases: Sequence[Inputs], **more: Any) -> Found:
        """A mistake with the numbers of the first case in which they part."""
        for outcome, case in zip(yours, cases, strict=True):
            if isinstance(outcome, Raised):
                continue
            for name, mine, expected in zip(self.parts, outcome, self.simulated(self.right[0], case), strict=True):
                if not equal(mine, expected):
                    evidence = f"called with {inputs_in_words(case)}\n{side_by_side(mine, expected, name)}"
                    return Found(code, evidence=evidence, expected=expected, yours=mine, **more)
        return Found(code, **more)

    def unexplained(self, court: Court, yours: Sequence[Numbers], cases: Sequence[Inputs], otherwise: str) -> Found:
        """No known mistake: a wrong shape, nan, or other numbers."""
        call = f"{court.task.name}({', '.join(cases[0])})"
        for outcome, case in zip(yours, cases, strict=True):
            for name, mine, expected in zip(self.parts, outcome, self.simulated(self.right[0], case), strict=True):
                if mine.shape != expected.shape:
                    return self.found("shape", [outcome], [case], call=call if len(self.parts) == 1 else name,
                                      got=tuple(mine.shape), wanted=tuple(expected.shape), inputs=inputs_in_words(case))
                if not equal(mine, expected) and bool(mine.isnan().any()) and not otherwise:
                    place = first_difference(mine.nan_to_num(1e300), mine.nan_to_num(-1e300))
                    return self.found("nan", [outcome], [case], call=call, place=f" at {list(place)}" if place else "")
        expected = [self.simulated(self.right[0], case) for case in cases]
        if not otherwise and (factor := _factor(yours, expected)):
            return self.found("scaled", yours, cases, factor=f"{factor:g}")
        for twist, apply in self.twists.items():
            both = [apply(part, case) for part, case in zip(expected, cases, strict=True)]
            if not otherwise and (factor := _factor(yours, both)):
                return self.found(twist, yours, cases, also=f"And all is multiplied by {factor:g}.")
        return self.found(otherwise or "unknown", yours, cases, call=call)

    def check_gradient(self, court: Court, attempt: Callable, case: Inputs) -> None:
        """Whether the gradient that flows back through a right answer is right as well."""
        weights = None
        gradients = []
        for function in (self.right[0], attempt):
            inputs = {name: value.clone().requires_grad_() if name in self.learns else value
                      for name, value in case.items()}
            result = function(*inputs.values()) if function is self.right[0] else court.call(
                function, inputs, keep=tuple(inputs))
            if not isinstance(result, Tensor) or not result.requires_grad:
                raise Found("detached")
            if weights is None:
                weights = torch.linspace(1, 2, result.numel()).view(result.shape)
            weighted = (result.double() * weights.view(result.shape)).sum()
            court.call(weighted.backward, name="backward", may_be_none=True)
            gradients.append([inputs[name].grad for name in self.learns])
        for expected, yours in zip(*gradients, strict=True):
            if yours is None:
                raise Found("detached")
            if not equal(yours.double(), expected):
                raise Found("gradient", evidence=side_by_side(yours.double(), expected, "gradient"),
                            expected=expected, yours=yours.double())
