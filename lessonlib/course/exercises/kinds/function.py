"""Functions: several cases, the right numbers, and the numbers that each known mistake would give."""

import functools
import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from lessonlib.course.exercises.engine import inspection
from lessonlib.course.exercises.engine.attempt import Attempt, Raised
from lessonlib.course.exercises.engine.comparison import (
    Failure,
    Outcome,
    Part,
    Result,
    as_table,
    equal,
    first_difference,
    fits,
    inputs_in_words,
    lengths_in_words,
    listed,
    read_result,
    shape_of,
    side_by_side,
    sort_in_words,
)
from lessonlib.course.exercises.engine.explanation import (
    Explanations,
    Known,
    Outcomes,
    changed,
    factor_between,
    part_by_part,
    same,
)
from lessonlib.course.exercises.engine.inputs import Case, Inputs, Supply, copied, drawn_cases, extreme_cases
from lessonlib.course.exercises.engine.relations import nearly, relation
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.kinds import economy
from lessonlib.course.exercises.kinds.kind import JUDGES_SEED, Kind, outcome_of


class Function(Kind):
    """A function that gives numbers for its inputs."""

    @cached_property
    def cases(self) -> list[Case]:
        """Ordinary cases first, then special ones, then extremes. Where the solution gives no number, none is asked for."""
        cases = [*self.drawn(JUDGES_SEED), *extreme_cases(self.task)]
        return [case for case in cases if case.ordinary or _finite(self._outcome(self.solution, case))]

    def drawn(self, seed: int) -> list[Case]:
        """Cases without the extremes."""
        if self.extra is not None and hasattr(self.extra, "cases"):
            return Supply(functools.partial(self.extra.cases, seed)).cases()
        return drawn_cases(self.task, seed)

    @cached_property
    def names(self) -> list[str]:
        """What the inputs are called."""
        return list(self.cases[0].make())

    @property
    def call(self) -> str:
        """A call of the function, to be told."""
        return f"{self.task.name}({', '.join(self.names)})"

    def _outcome(self, answer: Callable, case: Case) -> Outcome:
        """What an answer of ours gives for a case; an error where it gives None or a generator."""
        inputs = case.make()
        return outcome_of(lambda: self._value(answer, inputs))

    def _value(self, answer: Callable, inputs: Inputs) -> Any:
        value = answer(*(copied(each) for each in inputs.values()))
        if value is None or inspect.isgenerator(value):
            raise TypeError("no result")
        return self.as_numbers(value, inputs)

    def as_numbers(self, value: Any, inputs: Inputs) -> Any:
        """What the module beside the file makes of a value, where it makes something of it."""
        if self.extra is None or not hasattr(self.extra, "as_numbers"):
            return value
        try:
            return self.extra.as_numbers(value, inputs)
        except Exception:  # whatever came out is nothing that it can read: then it is compared as it is
            return value

    def observe(self, answer: Any) -> Outcomes:
        return [self._outcome(answer, case) for case in self.cases]

    def observe_first(self, answer: Any) -> Outcome:
        return self._outcome(answer, self.cases[0])

    def observe_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        return [self._outcome(answer, case) for case in self.drawn(seed)]

    def observe_ordinary_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        return [self._outcome(answer, case) for case in self.drawn(seed) if case.ordinary]

    @property
    def ordinary(self) -> Sequence[int]:
        return [i for i, case in enumerate(self.cases) if case.ordinary]

    # --- an attempt

    def examine(self, attempt: Attempt) -> Sequence[str]:
        attempt.need_function()
        cases = self.cases
        if self.task.without == "products":
            economy.no_products(attempt, cases[0].make())
        seen = _Seen(self, attempt, cases)
        ordinary = self.ordinary
        if not self.explanations.is_right(seen.outcomes(ordinary), ordinary):
            raise seen.explain(ordinary)
        for i in ordinary:
            seen.check_sorts(i)
        special = [i for i, case in enumerate(cases) if not case.ordinary and not case.code]
        if not self.explanations.is_right(seen.outcomes([*ordinary, *special]), [*ordinary, *special]):
            raise seen.explain_special(ordinary, special)
        for i, case in enumerate(cases):
            if case.code and not self.explanations.is_right(seen.outcomes([*ordinary, i]), [*ordinary, i]):
                raise seen.explain_extreme(ordinary, i)
        if attempt.changed:
            raise Found("in_place", names=listed(sorted(attempt.changed), "was", "were"))
        seen.check_second_call()
        notes = economy.check_economy(attempt, self.solution) if self.task.loops else []
        if self.task.learns:
            self._check_gradient(attempt, cases[0].make())
        if self.extra is not None and hasattr(self.extra, "notes"):
            notes += self.extra.notes(lambda *inputs: _quiet(attempt, inputs))
        return notes

    def _check_gradient(self, attempt: Attempt, case: Inputs) -> None:
        """Whether the gradient that flows back through a right answer is right as well."""
        weights: Tensor | None = None
        gradients = []
        for function in (self.solution, attempt.answer):
            inputs = {name: value.clone().requires_grad_() if name in self.task.learns else value
                      for name, value in case.items()}
            ours = function is self.solution
            result = function(*inputs.values()) if ours else attempt.call(function, inputs, keep=tuple(inputs))
            if not isinstance(result, Tensor) or not result.requires_grad:
                raise Found("detached")
            if weights is None:
                weights = torch.linspace(1, 2, result.numel()).view(result.shape)
            weighted = (result.double() * weights.view(result.shape)).sum()
            attempt.call(weighted.backward, name="backward", may_be_none=True)
            gradients.append([inputs[name].grad for name in self.task.learns])
        for expected, yours in zip(*gradients, strict=True):
            if yours is None:
                raise Found("detached")
            if not equal(yours.double(), expected):
                raise Found("gradient", evidence=side_by_side(yours.double(), expected, "gradient"),
                            expected=expected, yours=yours.double())


def _quiet(attempt: Attempt, inputs: Sequence[Any]) -> Any:
    """What the attempt gives, or None for an error."""
    try:
        return attempt.call(attempt.answer, {f"input {i}": value for i, value in enumerate(inputs)})
    except Raised:
        return None


def _finite(outcome: Outcome) -> bool:
    return isinstance(outcome, Result) and outcome.finite


class _Seen:
    """What an attempt gave in each case: computed when asked for, and explained."""

    def __init__(self, kind: Function, attempt: Attempt, cases: Sequence[Case]):
        self.kind, self.attempt, self.cases = kind, attempt, cases
        self.explanations: Explanations = kind.explanations
        self._outcomes: dict[int, Outcome] = {}
        self._raised: dict[int, Raised] = {}
        self._values: dict[int, Any] = {}  # what came out, before anything was made of it

    def outcomes(self, among: Sequence[int]) -> list[Outcome]:
        """In these cases."""
        return [self.outcome(i) for i in among]

    def outcome(self, i: int) -> Outcome:
        if i not in self._outcomes:
            try:
                self._outcomes[i] = self._read(i)
            except Raised as raised:
                self._raised[i] = raised
                self._outcomes[i] = Failure(type(raised.error).__name__)
        return self._outcomes[i]

    def _read(self, i: int) -> Result:
        task, call, inputs = self.kind.task, self.kind.call, self.cases[i].make()
        value = self.attempt.call(self.attempt.answer, inputs)
        if hasattr(value, "__next__"):
            raise Found("generator", call=call, what=shape_of(value))
        if isinstance(value, complex) or (isinstance(value, Tensor) and value.is_complex()):
            raise Found("complex_result", call=call)
        if task.gives:
            wanted = f"{len(task.gives)} ({', '.join(task.gives)})"
            if not isinstance(value, (tuple, list)):
                raise Found("count", call=call, got=f"one thing, {shape_of(value)}", wanted=wanted)
            if len(value) != len(task.gives):
                raise Found("count", call=call, got=f"{len(value)} things", wanted=wanted)
        self._values[i] = value
        return read_result(self.kind.as_numbers(value, inputs))

    def right(self, i: int) -> Outcome:
        """What the solution gives in case `i`."""
        return self.explanations.right[0][i]

    def _name(self, part: int) -> str:
        if part < len(self.kind.task.gives):
            return self.kind.task.gives[part]
        return getattr(self.kind.extra, "SHOWN_AS", "result")  # what `as_numbers` makes of it

    # --- right numbers, wrong sort

    def check_sorts(self, i: int) -> None:
        """Raise `Found` where the numbers are right and come as something that the lesson cannot go on with."""
        yours, expected = self.outcome(i), self.right(i)
        if not isinstance(yours, Result) or not isinstance(expected, Result):
            return
        for mine, theirs in zip(yours.parts, expected.parts, strict=True):
            if not fits(mine, theirs):
                raise self._wrong_sort(mine, theirs, i)

    def _wrong_sort(self, mine: Part, theirs: Part, i: int) -> Found:
        what = self._what_came(i) if mine.numbers is None else sort_in_words(mine)
        return Found("not_numbers", call=self.kind.call, what=what, wanted=self._wanted(theirs, i))

    def _what_came(self, i: int) -> str:
        """The value itself in words, whatever `as_numbers` made of it."""
        value = self._values[i]
        return repr(value) if isinstance(value, (str, bytes)) and len(value) <= 40 else shape_of(value)

    def right_value(self, i: int) -> Any:
        """What the solution gives in case `i`, as it comes."""
        return self.kind.solution(*(copied(each) for each in self.cases[i].make().values()))

    def _wanted(self, part: Part, i: int) -> str:
        """Of what sort the right result is, in words."""
        if hasattr(self.kind.extra, "as_numbers"):  # which made numbers of it
            return shape_of(self.right_value(i))
        return sort_in_words(part)

    def check_second_call(self) -> None:
        """Raise `Found` where the first case, tried again, gives something else."""
        first = self.outcome(0)
        self._outcomes.pop(0)
        if not self.outcome(0).same(first):
            raise Found("state_kept")

    # --- wrong numbers

    def explain(self, among: Sequence[int]) -> Found:
        """The mistake that gives exactly these numbers; else what can be said without knowing it."""
        known, yours = self.explanations, self.outcomes(among)
        right = [known.right[0][i] for i in among]
        if packed := self._wrongly_packed(among):
            return packed
        if found := known.example(yours, among):
            return self.found(found.code, among)
        if twisted := self._twisted(yours, among):
            return twisted
        everywhere = [i for i, case in enumerate(self.cases) if not case.code]
        if found := known.where_finite(self.outcomes(everywhere), everywhere):
            return self.found(found.code, among)
        if several := part_by_part(yours, right, [_only(each, among) for each in known.examples]):
            return self._several(several, among)
        factor = factor_between(yours, right)
        if factor is not None:
            return self.found("scaled", among, factor=f"{factor:g}")
        told = self._related(among)
        if told is not None and told.code == "always_the_same" and self._unused():
            return told  # one number, whatever comes in, is what many mutants give
        if found := known.mutant(yours, among):
            return self.found(found.code, among, what=found.what)
        if several := part_by_part(yours, right, [_only(each, among) for each in (*known.examples, *known.mutants)]):
            return self._several(several, among)
        if multiple := known.scaled((*known.examples, *known.mutants), yours, among):
            return self.found(multiple[0].code, among, what=multiple[0].what,
                              also=f"And all is multiplied by {multiple[1]:g}.")
        for i in among:
            if i in self._raised:
                return self._with_unused(self.attempt.translate(self._raised[i]))
        if told is not None:
            return told
        if found := known.mutant_of_others(yours, among):
            return self.found(found.code, among, what=found.what)
        share = nearly(yours, right)
        if share is not None:
            return self.found("nearly", among, share=f"{100 * share:.1g} %")
        return self._unexplained(among)

    def _related(self, among: Sequence[int]) -> Found | None:
        """Yours as something that was made of the right result, or of the input."""
        told = relation(self.outcomes(among), [self.right(i) for i in among], [self.cases[i].make() for i in among])
        return None if told is None else self._with_unused(self.found(told.code, among, **told.facts))

    def _unused(self) -> list[str]:
        """Arguments that the solution reads and the attempt does not."""
        answers = self.kind.solution, self.attempt.answer
        ours, theirs = (inspection.unused_arguments(answer, self.kind.names) for answer in answers)
        pairs = zip(inspection.arguments(self.attempt.answer), inspection.arguments(self.kind.solution), strict=False)
        return [given for given, name in pairs if given in theirs and name not in ours]

    def _with_unused(self, found: Found) -> Found:
        """A mistake, and the arguments that are not used, which may be why."""
        if unused := self._unused():
            found.also = f"{found.also} And {listed([f'`{name}`' for name in unused])} never used.".strip()
        return found

    def _wrongly_packed(self, among: Sequence[int]) -> Found | None:
        """A tuple or a list where a tensor is wanted, and the like; or something that is no number at all."""
        for i in among:
            yours, expected = self.outcome(i), self.right(i)
            if not isinstance(yours, Result) or not isinstance(expected, Result):
                continue
            if yours.packing != expected.packing and (yours.packing == "*") != (expected.packing == "*"):
                wanted = self._wanted(expected.parts[0], i) if expected.packing == "*" else "a list or a tuple"
                alone = isinstance(self._values[i], tuple) and len(self._values[i]) == 1
                return Found("not_numbers", call=self.kind.call, what=self._what_came(i), wanted=wanted,
                             comma=" A comma at the end of a line makes a tuple." if alone else "")
            for mine, theirs in zip(yours.parts, expected.parts, strict=False):
                if mine.numbers is None and theirs.numbers is not None:
                    return self._wrong_sort(mine, theirs, i)
        return None

    def _twisted(self, yours: Outcomes, among: Sequence[int]) -> Found | None:
        """A mistake with words, and on top of it another sign, or a sum in place of a mean."""
        words = self.kind.task.mistakes
        known: dict[str, Callable[[Tensor, int], Tensor]] = {
            "sign": lambda numbers, _n: -numbers, "sum": lambda numbers, n: numbers * n}
        twists = {twist: change for twist, change in known.items() if twist in words}
        if not twists:
            return None
        lengths = [next((len(value) for value in self.cases[i].make().values() if isinstance(value, Tensor) and value.ndim), 1)
                   for i in among]
        for each in self.explanations.examples:
            for twist, change in twists.items():
                both = [changed(outcome, lambda t, change=change, n=n: change(t, n))  # type: ignore[misc]
                        for outcome, n in zip(each.among(among), lengths, strict=True)]
                if twist != each.code and same(yours, both):
                    return self.found(each.code, among, also=words[twist].seen)
        right = [self.explanations.right[0][i] for i in among]
        for twist, change in twists.items():
            both = [changed(outcome, lambda t, change=change, n=n: change(t, n))  # type: ignore[misc]
                    for outcome, n in zip(right, lengths, strict=True)]
            factor = factor_between(yours, both)
            if factor is not None and factor_between(yours, right) is None:
                return self.found(twist, among, also=f"And all is multiplied by {factor:g}.")
        return None

    def _several(self, several: Sequence[Known], among: Sequence[int]) -> Found:
        """One mistake for each part that is wrong; the words of the others go along."""
        words = self.kind.task.mistakes
        also = [words[each.code].seen if each.code in words else f"And your other numbers are those of the right answer "
                f"{each.what}." for each in several[1:]]
        return self.found(several[0].code, among, what=several[0].what, also=" ".join(dict.fromkeys(also)))

    def explain_special(self, ordinary: Sequence[int], special: Sequence[int]) -> Found:
        """Right for ordinary inputs, and wrong where a size is 1, or for numbers of one sign, or for large ones."""
        among = [*ordinary, *special]
        yours = self.outcomes(among)
        if found := self.explanations.example(yours, among):
            return self.found(found.code, special)
        if found := self.explanations.mutant(yours, among):
            return self.found(found.code, special, what=found.what)
        for i in special:
            if self.explanations.is_right([*self.outcomes(ordinary), self.outcome(i)], [*ordinary, i]):
                continue
            inputs = inputs_in_words(self.cases[i].make())
            mine, expected = self.outcome(i), self.right(i)
            if i in self._raised:
                translated = self.attempt.translate(self._raised[i])
                translated.also = f"That is for {inputs}; for ordinary inputs it is right."
                return translated
            if isinstance(mine, Result) and isinstance(expected, Result):
                for a, b in zip(mine.tensors, expected.tensors, strict=False):
                    if a.shape != b.shape:
                        return self.found("axis_of_one", [i], inputs=inputs, got=tuple(a.shape), wanted=tuple(b.shape))
            sort = {"negative": "numbers below 0", "positive": "numbers above 0", "wide": "large numbers"}
            return self.found("some_inputs", [i], inputs=sort.get(self.cases[i].special, inputs))
        return self._unexplained(special)

    def explain_extreme(self, ordinary: Sequence[int], i: int) -> Found:
        """Right everywhere else: an example that is right for ordinary inputs, too, or the words that the file names."""
        quiet = [each for each in self.explanations.examples if self.explanations.is_right(each.among(ordinary), ordinary)]
        mine = self.outcome(i)
        fitting = next((each for each in quiet if mine.same(each.outcomes[i])), None)  # an error counts as an error
        if fitting is not None:
            return self.found(fitting.code, [i])
        if isinstance(mine, Failure):
            return self.attempt.translate(self._raised[i])
        quiet = [each for each in self.explanations.mutants if self.explanations.is_right(each.among(ordinary), ordinary)]
        fitting = next((each for each in quiet if same([mine], each.among([i]))), None)
        if fitting is not None and not _nothing_but_nan(mine):
            return self.found(fitting.code, [i], what=fitting.what)
        mistakes = self.kind.task.mistakes
        finite = _finite(mine) and "log_of_softmax" in mistakes
        return self.found("log_of_softmax" if finite else self.cases[i].code, [i])

    # --- words

    def found(self, code: str, among: Sequence[int], **more: Any) -> Found:
        """A mistake with the numbers of the first case in which they part."""
        for i in among:
            yours, expected = self.outcome(i), self.right(i)
            if not isinstance(yours, Result) or not isinstance(expected, Result):
                continue
            tables = (as_table(yours), as_table(expected)) if not self.kind.task.gives else (None, None)
            if tables[0] is not None and tables[1] is not None:
                yours, expected = read_result(tables[0]), read_result(tables[1])
            for part, (mine, theirs) in enumerate(zip(yours.parts, expected.parts, strict=False)):
                if mine.numbers is not None and theirs.numbers is not None and not equal(mine.numbers, theirs.numbers):
                    inputs = inputs_in_words(self.cases[i].make())
                    evidence = ((f"called with {inputs}\n" if inputs else "")
                                + side_by_side(mine.numbers, theirs.numbers, self._name(part)))
                    return Found(code, evidence=evidence, expected=theirs.numbers, yours=mine.numbers, **more)
                if mine.text != theirs.text:
                    return Found(code, evidence=f"expected {theirs.text}, yours {mine.text}", **more)
        return Found(code, **more)

    def _unexplained(self, among: Sequence[int]) -> Found:
        """No known mistake: a wrong shape, nan, or other numbers."""
        task, call = self.kind.task, self.kind.call
        for i in among:
            yours, expected = self.outcome(i), self.right(i)
            if not isinstance(yours, Result) or not isinstance(expected, Result):
                continue
            if yours.packing != expected.packing:
                lists = self.right_value(i), self._values[i]
                return self.found("lengths", [i], call=call, wanted=lengths_in_words(lists[0]), got=lengths_in_words(lists[1]))
            for part, (mine, theirs) in enumerate(zip(yours.tensors, expected.tensors, strict=True)):
                what = self._name(part) if task.gives else call
                if mine.shape != theirs.shape:
                    return self.found("shape", [i], call=what, got=tuple(mine.shape), wanted=tuple(theirs.shape),
                                      inputs=inputs_in_words(self.cases[i].make()))
                if bool(mine.isnan().any()) and not equal(mine, theirs):
                    place = first_difference(mine.nan_to_num(1e300), mine.nan_to_num(-1e300))
                    return self.found("nan", [i], call=what, place=f" at {list(place)}" if place else "")
        if unused := self._unused():
            return self.found("argument_unused", among, names=listed([f"`{name}`" for name in unused]))
        return self.found("unknown", among)


def _nothing_but_nan(outcome: Outcome) -> bool:
    return isinstance(outcome, Result) and any(bool(tensor.isnan().any()) for tensor in outcome.tensors)


def _only(known: Known, among: Sequence[int]) -> Known:
    return Known(known.code, known.among(among), known.what)
