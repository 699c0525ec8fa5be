"""What yours and the right numbers have to do with each other, where no known mistake gives yours.

A learner whose result is the right one upside down, or one too large, or always the same, is told that: it leads to the
line at fault more directly than the first place where two tables part.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lessonlib.course.exercises.engine.comparison import Outcome, Result, as_table, equal

_Change = Callable[[Tensor], Tensor]


def _rounded(digits: int) -> _Change:
    return lambda t: torch.round(t, decimals=digits)


_ALIKE: Mapping[str, _Change] = {  # the right numbers, changed one by one
    "1 minus the right ones": lambda t: 1 - t,
    "the absolute values of the right ones": torch.abs,
    "the squares of the right ones": torch.square,
    "the roots of the right ones": torch.sqrt,
    "the logarithms of the right ones": torch.log,
    "e to the power of the right ones": torch.exp,
    "1 divided by the right ones": torch.reciprocal,
    "the right ones, rounded": torch.round,
    **{f"the right ones, rounded to {n} digit{'s' * (n > 1)} behind the point": _rounded(n) for n in (1, 2, 3)},
    "the right ones, rounded down": torch.floor,
    "the right ones, rounded up": torch.ceil,
    "the right ones, but nothing below 0": torch.relu,
}
_NEARLY = 0.01
_FEWEST = 3  # numbers that must agree before a relation is more than chance


@dataclass(frozen=True)
class Relation:
    """A code of `mistakes.md`, and what fills its words."""

    code: str
    facts: Mapping[str, object]


def relation(yours: Sequence[Outcome], right: Sequence[Outcome], inputs: Sequence[Mapping[str, Any]]) -> Relation | None:
    """How yours follow from the right results, or from the inputs, in all cases alike; None where nothing fits."""
    pairs = [(_table(a), _table(b)) for a, b in zip(yours, right, strict=True)]
    mine = [a for a, b in pairs if a is not None and b is not None]
    theirs = [b for a, b in pairs if a is not None and b is not None]
    if len(mine) < len(pairs) or not mine or not all(bool(tensor.isfinite().all()) for tensor in mine):
        return None
    return next(_found(mine, theirs, inputs), None)


def nearly(yours: Sequence[Outcome], right: Sequence[Outcome]) -> float | None:
    """By which share of the largest right number yours are off at most, where that is next to nothing in every case."""
    worst = 0.0
    for a, b in zip(yours, right, strict=True):
        mine, theirs = _table(a), _table(b)
        if mine is None or theirs is None or mine.shape != theirs.shape or not theirs.numel() or equal(theirs, theirs.round()):
            return None
        worst = max(worst, ((mine - theirs).abs().max() / theirs.abs().max()).item())
    return worst if 0 < worst <= _NEARLY else None


def _table(outcome: Outcome) -> Tensor | None:
    """The single thing that came out, as one tensor."""
    if not isinstance(outcome, Result):
        return None
    return outcome.tensors[0] if outcome.packing == "*" and outcome.tensors else as_table(outcome)


def _found(mine: Sequence[Tensor], theirs: Sequence[Tensor], inputs: Sequence[Mapping[str, Any]]) -> Iterator[Relation]:
    if first := _first_kept(mine, theirs):
        yield first
    if len(theirs) > 1 and not _all(lambda t: t, theirs, [theirs[0]] * len(theirs)):
        yield from _from_inputs(mine, inputs)
    if not _varied(theirs):
        return
    yield from _reordered(mine, theirs)
    for words, change in _ALIKE.items():
        if _all(change, theirs, mine):
            yield Relation("related", {"what": words})
    yield from _shifted(mine, theirs)
    yield from _places(mine, theirs)
    yield from _broken(mine, theirs)


def _all(change: _Change, before: Sequence[Tensor], after: Sequence[Tensor]) -> bool:
    """Whether the change makes one from the other in all cases."""
    return all(equal(a, change(b)) for a, b in zip(after, before, strict=True))


def _varied(tensors: Sequence[Tensor]) -> bool:
    """Whether there are enough different numbers for a relation to be no chance."""
    numbers = torch.cat([tensor.flatten() for tensor in tensors])
    return len(numbers.unique()) >= _FEWEST or (len(numbers) >= 4 * _FEWEST and len(numbers.unique()) == 2)


def _first_kept(mine: Sequence[Tensor], theirs: Sequence[Tensor]) -> Relation | None:
    """Right at first, and the same again whatever comes in."""
    again = len(mine) > 2 and equal(mine[0], theirs[0]) and all(equal(each, mine[0]) for each in mine[1:])
    return Relation("first_kept", {}) if again and mine[0].numel() >= _FEWEST else None


def _from_inputs(mine: Sequence[Tensor], inputs: Sequence[Mapping[str, Any]]) -> Iterator[Relation]:
    """The same number always, an input as it came, or the size of one."""
    if len(mine) > 1 and all(each.ndim == 0 for each in mine) and _all(lambda t: t, mine, [mine[0]] * len(mine)):
        yield Relation("always_the_same", {"number": f"{mine[0].item():g}"})
    for name in inputs[0]:
        values = [case.get(name) for case in inputs]
        tensors = [value.double() for value in values if isinstance(value, Tensor)]
        if len(tensors) == len(mine) and all(equal(a, value) for a, value in zip(mine, tensors, strict=True)):
            yield Relation("as_it_came", {"name": name})
        sizes = {f"len({name})": [_size(value, 0) for value in values],
                 f"{name}.shape[1]": [_size(value, 1) for value in values],
                 f"{name}.numel()": [value.numel() if isinstance(value, Tensor) else None for value in values]}
        for words, numbers in sizes.items():
            if len(set(numbers)) > 1 and all(a.ndim == 0 and number is not None and a.item() == number
                                             for a, number in zip(mine, numbers, strict=True)):
                yield Relation("a_size", {"size": words})


def _size(value: Any, axis: int) -> int | None:
    if isinstance(value, Tensor):
        return value.shape[axis] if value.ndim > axis else None
    return len(value) if axis == 0 and isinstance(value, (list, tuple)) else None


def _reordered(mine: Sequence[Tensor], theirs: Sequence[Tensor]) -> Iterator[Relation]:
    """The right numbers in another order, or in another shape."""
    if all(a.shape == b.shape for a, b in zip(mine, theirs, strict=True)):
        for axis, words in ((0, "the right ones in reverse order"), (-1, "the right ones, each row in reverse order")):
            if all(t.ndim > 0 for t in theirs) and _all(lambda t, axis=axis: t.flip(axis), theirs, mine):  # type: ignore[misc]
                yield Relation("related", {"what": words})
        if all(t.ndim > 0 for t in theirs) and _all(lambda t: t.sort(0).values, theirs, mine):
            yield Relation("related", {"what": "the right ones, sorted"})
        if all(_same_numbers(a, b) for a, b in zip(mine, theirs, strict=True)):
            yield Relation("other_order", {})
        return
    if all(_same_numbers(a, b) for a, b in zip(mine, theirs, strict=True)) and any(t.numel() > 1 for t in theirs):
        in_order = all(equal(a.flatten(), b.flatten()) for a, b in zip(mine, theirs, strict=True))
        got, wanted = next((tuple(a.shape), tuple(b.shape)) for a, b in zip(mine, theirs, strict=True) if a.shape != b.shape)
        order = "in the right order" if in_order else "in another order"
        yield Relation("other_shape", {"order": order, "got": got, "wanted": wanted})


def _same_numbers(a: Tensor, b: Tensor) -> bool:
    return a.numel() == b.numel() and equal(a.flatten().sort().values, b.flatten().sort().values)


def _shifted(mine: Sequence[Tensor], theirs: Sequence[Tensor]) -> Iterator[Relation]:
    """All larger or smaller by one number; or fractions where whole numbers are right."""
    if all(a.shape == b.shape for a, b in zip(mine, theirs, strict=True)):
        gaps = torch.cat([(a - b).flatten() for a, b in zip(mine, theirs, strict=True)])
        if len(gaps) >= _FEWEST and bool(gaps.isfinite().all()) and equal(gaps, gaps[:1].expand_as(gaps)):
            gap = gaps[0].item()
            yield Relation("shifted", {"amount": f"{abs(gap):g}", "side": "larger" if gap > 0 else "smaller"})
    broken = [a[~torch.isclose(a, a.round())] for a in mine if bool(a.isfinite().all())]
    if all(equal(t, t.round()) for t in theirs) and (numbers := [each for part in broken for each in part.tolist()]):
        yield Relation("fractions", {"number": f"{numbers[0]:g}"})


def _places(mine: Sequence[Tensor], theirs: Sequence[Tensor]) -> Iterator[Relation]:
    """The places of what is not 0 in a row of zeros and ones; one number too few or too many."""
    rows = all(t.ndim == 1 for t in (*mine, *theirs))
    marks = rows and all(bool(((t == 0) | (t == 1)).all()) for t in theirs)
    if marks and _all(lambda t: t.nonzero().flatten().to(t), theirs, mine):
        yield Relation("related", {"what": "the places where the right ones are True, or 1"})
    if rows and all(len(b) > 1 for b in theirs):
        for words, change in (("without the last one", lambda t: t[:-1]), ("without the first one", lambda t: t[1:])):
            if _all(change, theirs, mine):
                yield Relation("related", {"what": f"the right ones {words}"})
            if all(len(a) > 1 for a in mine) and _all(change, mine, theirs):
                yield Relation("one_more", {"where": "at the end" if "last" in words else "at the beginning"})


def _broken(mine: Sequence[Tensor], theirs: Sequence[Tensor]) -> Iterator[Relation]:
    """A table where a row is right: on its diagonal stands what was asked for; or a result that was summed up once more."""
    pairs = list(zip(mine, theirs, strict=True))
    square = all(b.ndim and a.ndim == b.ndim + 1 and a.shape[0] == a.shape[1] == len(b) for a, b in pairs)
    if square and _all(lambda t: t.diagonal(dim1=0, dim2=1).movedim(-1, 0), mine, theirs):
        yield Relation("table_for_row", {"got": tuple(mine[0].shape), "wanted": tuple(theirs[0].shape)})
    for words, change in (("sum", lambda t, axis: t.sum(axis)), ("mean", lambda t, axis: t.mean(axis)),
                          ("largest", lambda t, axis: t.amax(axis))):
        for axis in (0, -1):
            if all(t.ndim for t in theirs) and any(t.shape[axis] > 1 for t in theirs) and _all(
                    lambda t, axis=axis, change=change: change(t, axis), theirs, mine):  # type: ignore[misc]
                yield Relation("related", {"what": f"the right ones put together once more: their {words}"})
