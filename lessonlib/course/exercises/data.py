"""Data: normalising two parts, the distance to a picture, and mini-batches."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from lessonlib import baseline, loaders
from lessonlib.course.exercises.compare import shape_of
from lessonlib.course.exercises.court import Court, Exercise
from lessonlib.course.exercises.functions import Function, Inputs
from lessonlib.course.exercises.verdict import Found, Mistake


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- normalize ------------------------------------------------------------------------------------------------


def normalize(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Both parts with the training part's mean taken away, divided by its standard deviation."""
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (valid - mean) / std


Std = Callable[..., Tensor]  # x, and perhaps an axis, to its deviation


def _std(x: Tensor, *axis: int, keepdim: bool = False) -> Tensor:
    return x.std(*axis, keepdim=keepdim)


def _population_std(x: Tensor, *axis: int, keepdim: bool = False) -> Tensor:
    """As NumPy counts it: divided by n, where `_std` divides by n - 1."""
    return x.std(axis or None, correction=0, keepdim=keepdim)


def _with_population_std(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    mean, std = train.mean(), _population_std(train)
    return (train - mean) / std, (valid - mean) / std


def _parts() -> list[Inputs]:
    return [{"train": 0.3 * _random(6, 4, seed=40) + 0.7, "valid": 0.5 * _random(3, 4, seed=41) + 0.2},
            {"train": 40 * _random(5, 4, seed=42).abs() + 3, "valid": 40 * _random(4, 4, seed=43).abs()}]


Parts = Callable[[Tensor, Tensor, Std], tuple[Tensor, Tensor]]


def _either(*functions: Parts) -> tuple[Callable, tuple[Callable, ...]]:
    """The numbers of a mistake, and its variants: with either deviation, as both are right."""
    first, *others = [lambda t, v, function=function, std=std: function(t, v, std)
                      for function in functions for std in (_std, _population_std)]
    return first, tuple(others)


def _each(function: Callable[[Tensor, Tensor, Std], Tensor]) -> Parts:
    """A mistake that treats both parts in the same way: `function` takes a part and the training part."""
    return lambda train, valid, std: (function(train, train, std), function(valid, train, std))


def _own(function: Callable[[Tensor, Tensor, Std], Tensor]) -> Parts:
    """The same, with each part's own numbers."""
    return lambda train, valid, std: (function(train, train, std), function(valid, valid, std))


def _min_max(x: Tensor, of: Tensor, std: Std) -> Tensor:
    return (x - of.min()) / (of.max() - of.min())


def _together(train: Tensor, valid: Tensor, std: Std) -> tuple[Tensor, Tensor]:
    both = torch.cat([train, valid])
    return (train - both.mean()) / std(both), (valid - both.mean()) / std(both)


def _halfway(train: Tensor, valid: Tensor, std: Std) -> tuple[Tensor, Tensor]:
    mean, spread = (train.mean() + valid.mean()) / 2, (std(train) + std(valid)) / 2
    return (train - mean) / spread, (valid - mean) / spread


NORMALIZE = Function(_parts, [normalize, _with_population_std], (
    Mistake("own_statistics", "The validation part is normalised with its own mean and deviation.",
            "The same grey would then be one number in training and another in validation, and the model would be "
            "tested on pictures that it has not learned to read.",
            "Use the mean and the deviation of train for both.", 2,
            *_either(_own(lambda x, of, std: (x - of.mean()) / std(of)))),
    Mistake("own_mean", "The validation part is moved by its own mean.",
            "The same grey would be one number in training and another in validation.",
            "Use the mean of train for both.", 2,
            *_either(lambda t, v, std: ((t - t.mean()) / std(t), (v - v.mean()) / std(t)))),
    Mistake("own_std", "The validation part is divided by its own deviation.",
            "The same grey would be one number in training and another in validation.",
            "Use the deviation of train for both.", 2,
            *_either(lambda t, v, std: ((t - t.mean()) / std(t), (v - t.mean()) / std(v)))),
    Mistake("valid_untouched", "The validation part comes back as it went in.",
            "Either it was left out, or the mean and deviation were asked of train after it had been normalised: "
            "they are 0 and 1 by then.", "Compute mean and std first, keep them in two names, use them twice.", 2,
            *_either(lambda t, v, std: ((t - t.mean()) / std(t), v))),
    Mistake("train_untouched", "The training part comes back as it went in.",
            "The model is trained on it, so it needs it most.", "Normalise both parts.", 1,
            *_either(lambda t, v, std: (t, (v - t.mean()) / std(t)))),
    Mistake("untouched", "Both parts come back as they went in.",
            "The new numbers were perhaps written to names that nobody returns.", "Return the new tensors.", 1,
            lambda t, v: (t, v)),
    Mistake("no_std", "The mean is taken away, but nothing is divided by the deviation.",
            "The spread stays what it was, and the next data may have another.",
            "Divide both by the deviation of train.", 1, *_either(_each(lambda x, t, std: x - t.mean()))),
    Mistake("no_mean", "Divided by the deviation, but the mean is still in it.",
            "All inputs are then on one side of zero, and so all weights are pushed the same way.",
            "Subtract the mean of train first.", 1, *_either(_each(lambda x, t, std: x / std(t)))),
    Mistake("brackets", "Only the mean is divided by the deviation: x - mean / std.",
            "Python divides before it subtracts.", "Put x - mean in brackets.", 3,
            *_either(_each(lambda x, t, std: x - t.mean() / std(t)))),
    Mistake("variance", "Divided by the variance, the square of the deviation.",
            "The spread does not become 1.", "Use .std(), or the root of .var().", 2,
            *_either(_each(lambda x, t, std: (x - t.mean()) / std(t)**2))),
    Mistake("times_std", "Multiplied by the deviation, not divided.", "The spread becomes its square, not 1.",
            "Divide.", 3, *_either(_each(lambda x, t, std: (x - t.mean()) * std(t)))),
    Mistake("sign", "The mean is added, not taken away.", "The numbers move further from zero.",
            "Subtract it.", 1, *_either(_each(lambda x, t, std: (x + t.mean()) / std(t)))),
    Mistake("mean_minus_x", "The difference is the wrong way round: mean - x.",
            "Black becomes white: the pictures are turned into their negatives.", "Write x - mean.", 1,
            *_either(_each(lambda x, t, std: (t.mean() - x) / std(t)))),
    Mistake("leak", "Mean and deviation were taken over both parts together.",
            "The validation part is to stand for pictures that nobody has seen; nothing may be computed from it.",
            "Take them from train alone.", 2, *_either(_together, _halfway)),
    Mistake("valid_statistics", "Both parts are normalised with the numbers of valid.",
            "The validation part is to stand for pictures that nobody has seen; nothing may be computed from it.",
            "Take mean and deviation from train.", 2,
            *_either(lambda t, v, std: ((t - v.mean()) / std(v), (v - v.mean()) / std(v)))),
    Mistake("per_column", "Each column has a mean and a deviation of its own.",
            "In pictures some pixels are always white: their deviation is 0, and nothing can be divided by that.",
            "Take one mean and one deviation over all pixels: .mean() without an axis.", 2,
            *_either(_each(lambda x, t, std: (x - t.mean(0)) / std(t, 0)),
                     _own(lambda x, of, std: (x - of.mean(0)) / std(of, 0)))),
    Mistake("per_row", "Each picture has a mean and a deviation of its own.",
            "The same grey then becomes a different number in each picture.",
            "Take one mean and one deviation over all of train: .mean() without an axis.", 2,
            *_either(_each(lambda x, t, std: (x - x.mean(1, keepdim=True)) / std(x, 1, keepdim=True)))),
    Mistake("min_max", "You squeeze the numbers into the range from 0 to 1.",
            "That is another way of scaling; mean 0 and deviation 1 were asked for.",
            "Subtract the mean and divide by the deviation.", 1, *_either(
                _each(_min_max), _own(_min_max), _each(lambda x, t, std: x / t.max()), _own(lambda x, of, std: x / of.max()),
                _each(lambda x, t, std: x / 255))),
    Mistake("swapped", "The two parts come back in the wrong order.",
            "The caller unpacks them as train, valid, and would train on the small part.",
            "Return (train, valid).", 1, *_either(lambda t, v, std: ((v - t.mean()) / std(t), (t - t.mean()) / std(t)))),
), parts=("train", "valid"))


# --- L2 -------------------------------------------------------------------------------------------------------


def _pictures() -> list[Inputs]:
    return [{"a": _random(4, 3, 2, seed=50), "b": _random(3, 2, seed=51)},
            {"a": _random(3, 3, 3, seed=52), "b": _random(3, 3, seed=53)}]


def _per(function: Callable[[Tensor], Tensor]) -> Callable:
    """A mistake in what is done with the differences, (n, rows, columns)."""
    return lambda a, b: function(a - b)


L2 = Function(_pictures, [baseline.l2_distance], (
    Mistake("l1", "This is L1: the mean of the absolute differences. The root of a square is the number without "
            "its sign, if nothing happens between them.",
            "L2 punishes one large difference more than many small ones; L1 does not.",
            "Take the mean before the root: square, mean, root.", 3, _per(lambda d: d.abs().mean((-2, -1)))),
    Mistake("sum", "The squares are summed; their mean was asked for.",
            "A sum grows with the number of pixels, so pictures of different sizes could not be compared.",
            "Replace sum by mean, inside the root.", 3, _per(lambda d: (d**2).sum((-2, -1)).sqrt())),
    Mistake("mean_outside", "The squares are summed and rooted, and divided only then.",
            "The mean stands inside the root.", "Take .mean() of the squares, then .sqrt().", 3,
            _per(lambda d: (d**2).sum((-2, -1)).sqrt() / d[0].numel())),
    Mistake("no_root", "The root is missing: this is the mean of the squares.",
            "Without it the distance is in squared grey, and cannot be compared with L1.", "End with .sqrt().", 3,
            _per(lambda d: (d**2).mean((-2, -1)))),
    Mistake("no_mean", "There is still a number for each pixel: the mean is missing.",
            "One distance for each picture was asked for.", "Take the mean over rows and columns.", 2,
            _per(lambda d: (d**2).sqrt())),
    Mistake("over_all", "One number for all pictures together: the mean runs over the pictures too.",
            "Each picture has its own distance, or none could be the nearest.",
            "Give mean the axes: dim=(-2, -1).", 2, _per(lambda d: (d**2).mean().sqrt())),
    Mistake("wrong_axis", "The mean runs over the pictures; rows and columns are still there.",
            "One number for each picture was asked for.", "Give mean the axes: dim=(-2, -1).", 2,
            _per(lambda d: (d**2).mean(0).sqrt())),
    Mistake("one_axis", "The mean runs over one axis only; one of rows and columns is still there.",
            "One number for each picture was asked for.", "Give mean both axes: dim=(-2, -1).", 2,
            _per(lambda d: (d**2).mean(-1).sqrt())),
    Mistake("one_axis_rows", "The mean runs over one axis only; one of rows and columns is still there.",
            "One number for each picture was asked for.", "Give mean both axes: dim=(-2, -1).", 2,
            _per(lambda d: (d**2).mean(1).sqrt())),
    Mistake("square_of_mean", "The mean is taken before the square, so differences above and below cancel.",
            "Two very different pictures of the same brightness would have the distance 0.",
            "Square first.", 1, _per(lambda d: (d.mean((-2, -1)) ** 2).sqrt())),
    Mistake("no_square", "This is the plain mean of the differences; they are not squared.",
            "Differences above and below cancel.", "Square them first.", 1, _per(lambda d: d.mean((-2, -1)))),
    Mistake("plus", "You add the pictures; their difference was asked for.",
            "The distance of a picture from itself must be 0.", "Write a - b.", 1,
            lambda a, b: ((a + b) ** 2).mean((-2, -1)).sqrt()),
    Mistake("squares_apart", "You square each picture and then subtract: a² - b² is not (a - b)².",
            "The distance could become negative, and that has no root.", "Subtract first, then square.", 3,
            lambda a, b: (a**2 - b**2).mean((-2, -1)).sqrt()),
), twists={"no_root": lambda parts, _inputs: tuple(part**2 for part in parts)})


# --- batches --------------------------------------------------------------------------------------------------

N, SIZE = 26, 6
MOST = 200  # batches asked of an attempt before it counts as endless

BATCHES = {mistake.code: mistake for mistake in (
    Mistake("not_batches", "{what} came out; a series of pairs was expected.",
            "The loop that trains says `for xb, yb in batches(...)`.", "yield one pair (xb, yb) for each batch.", 1),
    Mistake("not_pairs", "The first thing that came out is {what}; a pair (xb, yb) was expected.",
            "The loop that trains unpacks two tensors: inputs and their targets.",
            "yield x[rows], y[rows] with the same rows in both.", 3),
    Mistake("indices", "Row numbers come out; the rows themselves were expected.",
            "The model needs the images, not their places.", "yield x[rows], y[rows].", 3),
    Mistake("swapped", "Targets come first, inputs second.", "The loop that trains unpacks xb, yb.",
            "yield x[rows], y[rows].", 3),
    Mistake("not_whole", "The rows themselves were changed: after the batch axis xb and yb have the shapes {got}; x and y "
            "have {wanted}.", "The model expects each row as it stands in the data.", "yield x[rows], y[rows] as they are.", 3),
    Mistake("endless_batches", "There is no end: after {n} batches more were still coming.",
            "One epoch is once over the data; the loop around it decides how often.",
            "Let the loop end when all rows were handed out.", 2),
    Mistake("nothing", "No batch came out at all.", "Nothing would be learned, and nobody would notice.",
            "Check the range of your loop, and whether there is a yield in it.", 1),
    Mistake("only_one", "Only the first batch came out.",
            "The rest of the data is never seen. `return` inside a loop ends the function.",
            "Use yield, which goes on afterwards.", 1),
    Mistake("last_dropped", "The last, smaller batch is missing: {got} of {n} rows came out.",
            "Rows that are never seen teach nothing; with 50,000 rows and 64 a batch these are 16 in every epoch.",
            "Go on to the end of the data; a slice that is too long is cut off by itself.", 2),
    Mistake("empty_batch", "An empty batch came out.", "The mean of nothing is nan, and spoils all weights.",
            "Stop where no rows are left: range(0, len(x), batch_size).", 2),
    Mistake("batch_size", "The batches hold {got} rows; {wanted} were asked for.",
            "Speed and the noise of the gradient depend on it.", "Take slices of batch_size rows.", 2),
    Mistake("repeats", "Some rows come twice and others not at all.",
            "In one epoch each row is to be seen exactly once.",
            "Draw an order without repetition: torch.randperm.", 2),
    Mistake("rows_missing", "{got} of {n} rows came out.", "In one epoch each row is to be seen exactly once.",
            "Check the ends of your slices.", 2),
    Mistake("pairs_broken", "Inputs and targets no longer belong together: they were shuffled differently.",
            "The model would be taught wrong answers.", "Draw one order, and use it for x and for y.", 1),
    Mistake("not_shuffled", "The rows come in a fixed order: as they stand, backwards, or with equal gaps.",
            "Data is often sorted; batches of one kind pull the weights to and fro.",
            "Draw an order with torch.randperm(len(x), generator=generator).", 2),
    Mistake("shuffled_inside", "Rows are shuffled within each batch only; the same ones meet in every epoch.",
            "Neighbours in the data stay together, so batches of one kind remain.",
            "Shuffle all rows, then cut.", 2),
    Mistake("only_batches_shuffled", "The batches come in random order, but the same rows always stay together.",
            "Neighbours in the data stay together, so batches of one kind remain.",
            "Shuffle all rows, then cut.", 2),
    Mistake("same_order", "The second epoch has the same order as the first.",
            "The same rows meet again in every batch, and the model learns their order as well. "
            "Either the order is kept from one epoch to the next, or something sets the seed anew each time.",
            "Draw the order from the generator that comes in, and do not seed it.", 2),
    Mistake("generator_ignored", "Two generators with the same seed give two different orders: yours is not used.",
            "The run could not be repeated.", "Give it to randperm: generator=generator.", 2),
)}


def _take(thing: Any) -> list:
    return list(itertools.islice(iter(thing), MOST))


def _rows(tensors: Iterable[Tensor]) -> list[int]:
    return [int(value) for tensor in tensors for value in tensor.reshape(len(tensor), -1)[:, 0].tolist()]


def _epoch(court: Court, attempt: Callable, n: int, generator: torch.Generator) -> tuple[list[list[int]], bool]:
    """The row numbers of each batch of one epoch, and whether it came as a list."""
    x, y = torch.arange(float(n))[:, None].repeat(1, 2), torch.arange(n) + 100  # row i holds i, its target 100 + i
    inputs = {"x": x, "y": y, "batch_size": SIZE, "generator": generator}
    as_list = []

    def whole(value: Any) -> Any:
        as_list.append(isinstance(value, (list, tuple)))
        return value if value is None or isinstance(value, (Tensor, dict, str)) or not _can_loop(value) else _take(value)

    got = court.call(attempt, inputs, whole=whole)
    if not isinstance(got, list):
        raise Found("not_batches", what=shape_of(got))
    if not got:
        raise Found("nothing")
    for pair in got:
        _check_pair(pair)
    if len(got) >= MOST:
        raise Found("endless_batches", n=MOST)
    xs, ys = [pair[0] for pair in got], [pair[1] for pair in got]
    if any(len(xb) == 0 for xb in xs):
        raise Found("empty_batch")
    if any(len(xb) != len(yb) for xb, yb in zip(xs, ys, strict=True)) or [i + 100 for i in _rows(xs)] != _rows(ys):
        if all(i >= 100 for i in _rows(xs)) and all(i < 100 for i in _rows(ys)):
            raise Found("swapped")
        raise Found("pairs_broken", evidence=_first_pairs(xs, ys))
    for whole_rows, parts in ((x, xs), (y, ys)):
        if any(not torch.equal(part, whole_rows[_rows([xb])].to(part)) for xb, part in zip(xs, parts, strict=True)):
            raise Found("not_whole", wanted=f"{tuple(x.shape[1:])} and {tuple(y.shape[1:])}",
                        got=f"{tuple(xs[0].shape[1:])} and {tuple(ys[0].shape[1:])}")
    return [_rows([xb]) for xb in xs], as_list[0]


def _can_loop(value: object) -> bool:
    return hasattr(value, "__iter__") or hasattr(value, "__getitem__")


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


def _sizes(epoch: list[list[int]], n: int) -> None:
    """Raise `Found` where the batches do not hold each row once, in batches of the right size."""
    rows, whole = [i for batch in epoch for i in batch], n // SIZE * SIZE
    evidence = f"{n} rows, batch_size {SIZE}; your batches: {[len(batch) for batch in epoch]}"
    if len(epoch) == 1 and len(rows) == SIZE:
        raise Found("only_one", evidence=evidence)
    if len(set(rows)) == len(rows) == whole < n:
        raise Found("last_dropped", got=whole, n=n, evidence=evidence)
    wrong = [len(batch) for batch in epoch[:-1] if len(batch) != SIZE] or [len(epoch[-1])] * (len(epoch[-1]) > SIZE)
    in_runs = all(list(range(batch[0], batch[0] + len(batch))) == batch for batch in epoch)
    if in_runs and len(epoch) < n == len(rows) == len(set(rows)):
        if rows == list(range(n)):
            raise Found("not_shuffled", evidence=f"your first rows: {rows[:10]}")
        raise Found("only_batches_shuffled", evidence=f"your first batch: {epoch[0]}")
    if wrong and len(set(rows)) == len(rows) == n:
        raise Found("batch_size", got=wrong[0], wanted=SIZE, evidence=evidence)
    if len(set(rows)) < len(rows):
        raise Found("repeats", evidence=f"{evidence}\nfirst rows: {rows[:12]}")
    if len(rows) < n:
        raise Found("rows_missing", got=len(rows), n=n, evidence=evidence)


def _examine_batches(court: Court, attempt: Any) -> list[str]:
    court.need_function(attempt)

    def generator(seed: int = 1) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    shared = generator()
    first, as_list = _epoch(court, attempt, N, shared)
    _sizes(first, N)
    even, _ = _epoch(court, attempt, 4 * SIZE, generator())
    _sizes(even, 4 * SIZE)
    rows = [i for batch in first for i in batch]
    gaps = [(after - before) % N for before, after in itertools.pairwise(rows)]
    if 2 * max(gaps.count(gap) for gap in gaps) > N:  # backwards, from the middle on, every fifth
        raise Found("not_shuffled", evidence=f"your first rows: {rows[:10]}")
    start = {i // SIZE for i in first[0]}
    if all(len({i // SIZE for i in batch}) == 1 for batch in first) and start == {0}:
        raise Found("shuffled_inside", evidence=f"your first batch: {first[0]}")
    second, _ = _epoch(court, attempt, N, shared)
    if second == first:
        raise Found("same_order", evidence=f"first epoch: {rows[:10]}, …\nsecond epoch: the same")
    again, _ = _epoch(court, attempt, N, generator())
    if again != first:
        raise Found("generator_ignored", evidence=f"seed 1: {rows[:8]}, …\nseed 1 again: {again[0][:8]}, …")
    if court.changed:
        raise Found("in_place", names=" and ".join(sorted(court.changed)))
    return ["A note: yours gives all batches at once, in a list. A generator (with yield) holds one at a time, which "
            "matters when the data is large."] if as_list else []


EXERCISES = {
    "normalize": NORMALIZE.exercise(),
    "l2_distance": L2.exercise((), (baseline.l2_distance,)),
    "batches": Exercise(_examine_batches, BATCHES, answers=(
        loaders.batches, loaders.BatchLoader, torch.utils.data.DataLoader)),
}
