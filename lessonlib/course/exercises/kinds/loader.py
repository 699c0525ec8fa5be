"""Loaders: a function, a generator or a class that gives mini-batches; freedom is in the order, not in what is in them."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from lessonlib.course.exercises.engine.answers import NoEnd, call_ours
from lessonlib.course.exercises.engine.attempt import Attempt
from lessonlib.course.exercises.engine.comparison import Failure, Outcome, listed, read_result, shape_of
from lessonlib.course.exercises.engine.explanation import Outcomes
from lessonlib.course.exercises.engine.inputs import draw
from lessonlib.course.exercises.engine.training_run import BATCH, LR, linear_model, pictures, train
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.kinds.kind import JUDGES_SEED, Kind
from lessonlib.course.exercises.task_files import parameters

N, SIZE = 26, 6  # rows; rows in a batch
MOST = 200  # batches asked of an attempt before it counts as endless
LONGEST_RUN = 8  # rows that follow upwards or downwards in an order that counts as drawn
Epoch = list[list[int]]  # the row numbers of each batch


def _data(n: int) -> tuple[Tensor, Tensor]:
    """Row i of x holds i twice, and its target is 100 + i."""
    return torch.arange(float(n), dtype=torch.float64)[:, None].repeat(1, 2), torch.arange(n) + 100


def _take(thing: Any) -> list:
    return list(itertools.islice(iter(thing), MOST))


def _can_loop(value: object) -> bool:
    return hasattr(value, "__iter__") or hasattr(value, "__getitem__")


def _rows(tensors: Iterable[Tensor]) -> list[int]:
    """The first number of each row; -1 for what is no number."""
    firsts = [tensor.reshape(len(tensor), -1)[:, 0].double() for tensor in tensors if tensor.numel()]
    return [int(value) for first in firsts for value in first.nan_to_num(-1, -1, -1).tolist()]


class Loader(Kind):
    """Gives pairs (xb, yb) from x, y, batch_size and perhaps a generator."""

    @cached_property
    def _asked(self) -> tuple[str, ...]:
        names = parameters(self.task.stub, self.task.name)
        return tuple(dict.fromkeys(names))

    @property
    def shuffles(self) -> bool:
        """Whether an order is to be drawn."""
        return "generator" in self._asked

    def inputs(self, n: int, generator: torch.Generator, size: int = SIZE, ints: bool = False) -> dict[str, Any]:
        """What the attempt is called with."""
        x, y = _data(n)
        others = draw(self.task.inputs, {}, JUDGES_SEED)
        fixed: Mapping[str, Any] = {"x": x.long() if ints else x, "y": y, "batch_size": size, "generator": generator}
        return {name: others[name] if name in others else fixed[name] for name in self._asked}

    def _outcome(self, answer: Any, n: int, seed: int, size: int) -> Outcome:
        """Two epochs, from one generator."""
        generator = torch.Generator().manual_seed(seed)
        try:
            epochs = [call_ours(lambda: _take(answer(*self.inputs(n, generator, size).values()))) for _ in range(2)]
            return read_result([[[part, str(part.dtype)] for part in pair] for epoch in epochs for pair in epoch])
        except (NoEnd, Exception, SystemExit) as error:
            return Failure(type(error).__name__)

    def observe(self, answer: Any) -> Outcomes:
        return [self._outcome(answer, n, 1, SIZE) for n in (N, 4 * SIZE, N - 1, SIZE - 2)]

    def observe_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        """Not the order, which is free, but what every order has in common."""
        outcomes: list[Outcome] = []
        for n, size in ((40 + seed, 7), (3, 5), (21, 4)):
            outcomes.append(self._facts(answer, n, size, seed))
        return outcomes

    def _facts(self, answer: Any, n: int, size: int, seed: int) -> Outcome:
        def epoch(generator: torch.Generator) -> list:
            return call_ours(lambda: _take(answer(*self.inputs(n, generator, size).values())))

        try:
            shared = torch.Generator().manual_seed(seed)
            first, second, again = epoch(shared), epoch(shared), epoch(torch.Generator().manual_seed(seed))
            rows, later, same = ([_rows([xb]) for xb, _ in each] for each in (first, second, again))
            paired = all([i + 100 for i in _rows([xb])] == _rows([yb]) for xb, yb in first)
            whole = all(xb.shape[1:] == (2,) and yb.ndim == 1 and xb.dtype == torch.float64 and yb.dtype == torch.int64
                        and bool((xb[:, 0] == xb[:, 1]).all()) for xb, yb in first)
            flat = [i for batch in rows for i in batch]
            drawn = n < 10 or (rows != later and _longest_run(flat) < LONGEST_RUN and not _fixed_gaps(flat, n))
            return read_result([sorted(len(batch) for batch in rows), sorted(flat), paired, whole, rows == same, drawn])
        except (NoEnd, Exception, SystemExit) as error:
            return Failure(type(error).__name__)

    @property
    def call(self) -> str:
        return f"{self.task.name}({', '.join(self._asked)})"

    def training_run(self, answer: Any) -> Tensor | None:
        if self._asked != ("x", "y", "batch_size", "generator"):
            return None
        model = linear_model()
        return train(model, torch.optim.SGD(model.parameters(), lr=LR), list(answer(*pictures(), BATCH, _generator())))

    # --- an attempt

    def examine(self, attempt: Attempt) -> Sequence[str]:
        if not isinstance(attempt.answer, type):
            attempt.need_function()
        shared = _generator()
        first, as_list = self._epoch(attempt, N, shared)
        try:
            self._check_epochs(attempt, first, shared)
        except Found as found:
            if found.code in ("repeats", "rows_missing", "pairs_broken", "batch_size"):
                raise self._slip(attempt) or found from None
            raise
        if attempt.changed:
            raise Found("in_place", names=listed(sorted(attempt.changed), "was", "were"))
        return ["A note: yours gives all batches at once, in a list. A generator (with yield) holds one at a time, which "
                "matters when the data is large."] if as_list else []

    def _slip(self, attempt: Attempt) -> Found | None:
        generator = torch.Generator().manual_seed(1)
        epochs = [attempt.call(attempt.answer, self.inputs(N, generator), keep=("generator",), whole=_take) for _ in range(2)]
        try:
            yours = read_result([[[part, str(part.dtype)] for part in pair] for epoch in epochs for pair in epoch])
        except (AttributeError, TypeError):
            return None
        mutant = self.explanations.mutant([yours], [0])
        return Found(mutant.code, what=mutant.what) if mutant is not None else None

    def _check_epochs(self, attempt: Attempt, first: Epoch, shared: torch.Generator) -> None:
        _check_sizes(first, N, self.shuffles)
        for n in (4 * SIZE, N - 1, SIZE - 2, 1):
            epoch, _ = self._epoch(attempt, n, _generator())
            _check_sizes(epoch, n, self.shuffles)
        self._epoch(attempt, N, _generator(), ints=True)
        rows = [i for batch in first for i in batch]
        if not self.shuffles:
            if rows != list(range(N)):
                raise Found("shuffled", evidence=f"your first rows: {rows[:10]}")
            return
        if _fixed_gaps(rows, N):
            raise Found("not_shuffled", evidence=f"your first rows: {rows[:10]}")
        if all(len({i // SIZE for i in batch}) == 1 for batch in first) and {i // SIZE for i in first[0]} == {0}:
            raise Found("shuffled_inside", evidence=f"your first batch: {first[0]}")
        second, _ = self._epoch(attempt, N, shared)
        if second == first:
            raise Found("same_order", evidence=f"first epoch: {rows[:10]}, …\nsecond epoch: the same")
        again, _ = self._epoch(attempt, N, _generator())
        if again != first:
            raise Found("generator_ignored", evidence=f"seed 1: {rows[:8]}, …\nseed 1 again: {again[0][:8]}, …")
        later = [i for batch in second for i in batch]
        if _longest_run(rows) >= LONGEST_RUN and _longest_run(later) >= LONGEST_RUN:
            raise Found("partly_sorted", evidence=f"your rows: {rows}")

    def _epoch(self, attempt: Attempt, n: int, generator: torch.Generator, ints: bool = False) -> tuple[Epoch, bool]:
        """The row numbers of each batch of one epoch, and whether it came as a list."""
        inputs = self.inputs(n, generator, ints=ints)
        as_list = []

        def whole(value: Any) -> Any:
            as_list.append(isinstance(value, (list, tuple)))
            if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, Tensor) for part in value):
                if value[0].ndim and len(value[0]) < n:
                    raise Found("only_one")
                raise Found("not_batches", what="one pair of tensors")
            return value if value is None or isinstance(value, (Tensor, dict, str)) or not _can_loop(value) else _take(value)

        got = attempt.call(attempt.answer, inputs, keep=("generator",), whole=whole)
        if not isinstance(got, list):
            raise Found("not_batches", what=shape_of(got))
        if not got:
            raise Found("nothing")
        for pair in got:
            _check_pair(pair)
        if len(got) >= MOST:
            raise Found("endless_batches", n=MOST)
        _check_content(inputs["x"], inputs["y"], [pair[0] for pair in got], [pair[1] for pair in got])
        return [_rows([pair[0]]) for pair in got], as_list[0]


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _check_content(x: Tensor, y: Tensor, xs: Sequence[Tensor], ys: Sequence[Tensor]) -> None:
    """Raise `Found` where the rows are not those of the data."""
    if any(len(xb) == 0 for xb in xs):
        raise Found("empty_batch")
    if any(xb.shape[1:] != x.shape[1:] for xb in xs) and not all(i >= 100 for i in _rows(xs)):
        raise _not_whole(x, xs, ys)
    if any(len(xb) != len(yb) for xb, yb in zip(xs, ys, strict=True)) or [i + 100 for i in _rows(xs)] != _rows(ys):
        if all(i >= 100 for i in _rows(xs)) and all(i < 100 for i in _rows(ys)):
            raise Found("swapped")
        raise Found("pairs_broken", evidence=_first_pairs(xs, ys))
    for data, parts in ((x, xs), (y, ys)):
        if any(part.shape[1:] != data.shape[1:] or not torch.equal(part.to(data), data[_rows([xb])])
               for xb, part in zip(xs, parts, strict=True)):
            raise _not_whole(x, xs, ys)
    for name, data, parts in (("xb", x, xs), ("yb", y, ys)):
        wrong = next((part for part in parts if part.dtype != data.dtype), None)
        if wrong is not None:
            raise Found("other_dtype", part=name, got=str(wrong.dtype), wanted=str(data.dtype))


def _not_whole(x: Tensor, xs: Sequence[Tensor], ys: Sequence[Tensor]) -> Found:
    return Found("not_whole", wanted=f"{tuple(x.shape[1:])} and ()", got=f"{tuple(xs[0].shape[1:])} and {tuple(ys[0].shape[1:])}")


def _check_pair(pair: Any) -> None:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(part, Tensor) for part in pair):
        if isinstance(pair, Tensor) and pair.dtype == torch.int64 and pair.ndim == 1 and int(pair.max()) < 100:
            raise Found("indices")
        what = shape_of(pair) if not isinstance(pair, (tuple, list)) else (
            f"{len(pair)} things, the first {shape_of(pair[0])}" if pair else "empty")
        raise Found("not_pairs", what=what)
    xb, yb = pair
    if xb.dtype == yb.dtype == torch.int64 and xb.ndim == 1 and torch.equal(xb, yb):
        raise Found("indices")
    if 0 in (xb.ndim, yb.ndim):
        raise Found("not_pairs", what="a pair of single rows, without a batch axis")


def _first_pairs(xs: Sequence[Tensor], ys: Sequence[Tensor]) -> str:
    return (f"row i of x holds i, and its target is 100 + i. Your first batch:\n  x rows   {_rows(xs[:1])}\n"
            f"  targets  {_rows(ys[:1])}")


def _fixed_gaps(rows: Sequence[int], n: int) -> bool:
    """As they stand, backwards, from the middle on, every fifth."""
    gaps = [(after - before) % n for before, after in itertools.pairwise(rows)]
    return bool(gaps) and 2 * max(gaps.count(gap) for gap in gaps) > n


def _longest_run(rows: Sequence[int]) -> int:
    """How many rows follow each other upwards, or downwards, at most."""
    longest = up = down = 1
    for before, after in itertools.pairwise(rows):
        up, down = (up + 1, 1) if after > before else (1, down + 1)
        longest = max(longest, up, down)
    return longest


def _check_sizes(epoch: Epoch, n: int, shuffles: bool) -> None:
    """Raise `Found` where the batches do not hold each row once, in batches of the right size."""
    rows, whole = [i for batch in epoch for i in batch], n // SIZE * SIZE
    evidence = f"{n} rows, batch_size {SIZE}; your batches: {[len(batch) for batch in epoch]}"
    if len(epoch) == 1 and len(rows) == SIZE < n:
        raise Found("only_one", evidence=evidence)
    if len(set(rows)) == len(rows) == whole < n:
        raise Found("last_dropped", got=whole, n=n, evidence=evidence)
    wrong = [len(batch) for batch in epoch[:-1] if len(batch) != SIZE]
    if not wrong and len(epoch[-1]) > SIZE:
        wrong = [len(epoch[-1])]
    in_runs = shuffles and all(list(range(batch[0], batch[0] + len(batch))) == batch for batch in epoch)
    if in_runs and 1 < len(epoch) < n == len(rows) == len(set(rows)):
        if rows == list(range(n)):
            raise Found("not_shuffled", evidence=f"your first rows: {rows[:10]}")
        raise Found("only_batches_shuffled", evidence=f"your first batch: {epoch[0]}")
    if wrong and len(set(rows)) == len(rows) == n:
        raise Found("batch_size", got=wrong[0], wanted=SIZE, evidence=evidence)
    if len(set(rows)) < len(rows):
        raise Found("repeats", evidence=f"{evidence}\nfirst rows: {rows[:12]}")
    if len(rows) < n:
        raise Found("rows_missing", got=len(rows), n=n, evidence=evidence)
