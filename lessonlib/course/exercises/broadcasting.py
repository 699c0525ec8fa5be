"""Products by broadcasting: the right numbers, no product of the library, no loop, no more memory than needed."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from lessonlib import matmul as ours
from lessonlib.course.exercises.court import Court, Raised
from lessonlib.course.exercises.functions import Function, Inputs
from lessonlib.course.exercises.verdict import Found, Mistake
from lessonlib.course.exercises.watch import Kernels, Watch
from lessonlib.matmul import PRODUCTS, Guard, LibraryUsed


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _guarded(court: Court, attempt: Callable, inputs: Inputs) -> Any:
    """Call under the guard: `Found("forbidden")` where a product of the library runs."""
    try:
        with Guard(PRODUCTS), Watch(["tolist"]) as watch:
            value = court.call(attempt, inputs)
    except Raised as raised:
        if isinstance(raised.error, LibraryUsed):
            name = str(raised.error).split(" ran, ")[0]
            out = name.split(".")[-1].strip("_") in _WAYS_OUT
            done = "what happens outside of PyTorch cannot be followed" if out else "the library made the product"
            raise Found("forbidden", used=name, done=done) from None
        raise
    if watch.borrowed:
        raise Found("loops")
    return value


def _no_library(court: Court, attempt: Callable, inputs: Inputs) -> None:
    try:
        _guarded(court, attempt, inputs)
    except Raised:
        return  # an error of another kind: the cases will see it again, and say more about it


def _measured(court: Court, attempt: Callable, inputs: Inputs) -> Kernels:
    with Kernels() as kernels:
        court.call(attempt, inputs)
    return kernels


def _growing(court: Court, attempt: Callable, make: Callable[..., Inputs], small: Sequence[int], large: int) -> list[int]:
    """Along which sizes the number of calls grows: each of them is a loop."""
    few = _measured(court, attempt, make(*small)).count
    sizes = ([*small[:axis], large, *small[axis + 1:]] for axis in range(len(small)))
    return [axis for axis, size in enumerate(sizes) if _measured(court, attempt, make(*size)).count > few]


_LOOPS = ("loops", "The number of operations grows with the size of the input: there is a Python loop in it.",
          "Each turn costs thousands of times more than one multiplication; on 784 inputs that is felt.")
_WAYS_OUT = ("numpy", "array", "from_dlpack", "dlpack")
_FORBIDDEN = ("forbidden", "{used} ran: {done}.",
              "It is what this exercise takes away, to see what is inside.")
_MEMORY = ("memory_blow_up", "One of your intermediate results holds {got:,} numbers, where {wanted:,} are enough.",
           "For a batch of 64 images this would not fit into memory.")

# --- outer ------------------------------------------------------------------------------------------------------


def outer(a: Tensor, b: Tensor) -> Tensor:
    """A column times a row: (n, 1) and (m,) meet as (n, m)."""
    return a[:, None] * b


def _vectors(n: int, m: int) -> Inputs:
    return {"a": _random(n, seed=90), "b": _random(m, seed=91)}


def _outer_economy(court: Court, attempt: Callable) -> list[str]:
    if _growing(court, attempt, _vectors, (4, 5), 12):
        raise Found("loops")
    largest, enough = _measured(court, attempt, _vectors(20, 30)).largest, 20 * 30
    if largest > 2 * enough:
        raise Found("memory_blow_up", got=largest, wanted=enough)
    return []


OUTER = Function(lambda: [_vectors(4, 3), _vectors(3, 3)], [outer], (
    Mistake(*_LOOPS, "Let a stand upright, a[:, None], and multiply once.", 2),
    Mistake(*_FORBIDDEN, "Write a[:, None] * b.", 2),
    Mistake(*_MEMORY, "Multiply (n, 1) by (m,) directly; nothing has to be copied first.", 2),
    Mistake("order", "Rows and columns are swapped: a runs along the top.",
            "Row i, column j was to hold a[i] * b[j]; for a square table nobody would notice.",
            "Let a stand upright, a[:, None], and b lie.", 1, lambda a, b: b[:, None] * a),
    Mistake("no_new_axis", "a * b multiplies number by number: it needs equal sizes, and gives no table.",
            "Only where one is upright do all pairs meet.", "Give a a new axis: a[:, None].", 2, lambda a, b: a * b,
            (lambda a, b: (a * b).sum(),)),
    Mistake("wrong_axis", "The new axis stands in front: a[None] is still a row.",
            "A row and a row meet number by number; a column and a row meet as a table.",
            "Put the None behind: a[:, None].", 2, lambda a, b: a[None] * b),
    Mistake("both_upright", "Both stand upright, so they meet number by number.",
            "A column and a row meet as a table.", "Leave b as it is.", 2, lambda a, b: a[:, None] * b[:, None]),
    Mistake("summed", "The products are added up to one number.", "The table of all products was asked for.",
            "Leave out the sum.", 1, lambda a, b: (a[:, None] * b).sum()),
    Mistake("summed_rows", "The table is summed over one axis.", "The table of all products was asked for.",
            "Leave out the sum.", 1, lambda a, b: (a[:, None] * b).sum(1)),
    Mistake("plus", "This is the outer plus: a[i] + b[j].", "The products were asked for.", "Replace + by *.", 1,
            lambda a, b: a[:, None] + b),
    Mistake("minus", "This is the outer minus: a[i] - b[j].", "The products were asked for.", "Replace - by *.", 1,
            lambda a, b: a[:, None] - b),
    Mistake("divided", "This is the outer quotient: a[i] / b[j].", "The products were asked for.", "Replace / by *.",
            1, lambda a, b: a[:, None] / b),
    Mistake("extra_axis", "The table has an axis of size 1 too many.", "(n, m) was asked for.",
            "One None is enough.", 2, lambda a, b: a[:, None, None] * b),
    Mistake("only_one", "Each number meets itself: b (or a) is not used.", "a[i] * b[j] was asked for.",
            "Use both.", 1, lambda a, b: a[:, None] * a, (lambda a, b: b[:, None] * b,)),
), learns=("a", "b"), before=_no_library, after=_outer_economy)

# --- matmul -----------------------------------------------------------------------------------------------------


def _matrices(n: int, k: int, m: int) -> Inputs:
    return {"a": _random(n, k, seed=92), "b": _random(k, m, seed=93)}


def _matmul_economy(court: Court, attempt: Callable) -> list[str]:
    growing = _growing(court, attempt, _matrices, (3, 4, 5), 12)
    if len(growing) > 1:
        raise Found("loops")
    largest, enough = _measured(court, attempt, _matrices(8, 9, 10)).largest, 8 * 9 * 10
    if largest > 2 * enough:
        raise Found("memory_blow_up", got=largest, wanted=enough)
    return ["A note: one loop is left. It saves memory; the full broadcast has none."] if growing else []


MATMUL = Function(lambda: [_matrices(2, 3, 4), _matrices(3, 3, 3)], [torch.matmul], (
    Mistake(*_LOOPS, "Let a stand in a third axis, a[:, :, None], multiply once, and sum.", 2),
    Mistake(*_FORBIDDEN, "Multiply by broadcasting, and sum.", 2),
    Mistake(*_MEMORY, "Make (n, k, m) and sum over k; no axis beyond these three is needed.", 2),
    Mistake("elementwise", "a * b multiplies number by number.",
            "The matrix product multiplies rows by columns and adds up.", "Make all products (n, k, m), sum over k.", 1,
            lambda a, b: a * b),
    Mistake("no_sum", "All products are there, (n, k, m), but they are not added up.",
            "Each entry of the result is the sum over k.", "Add .sum(dim=1).", 3, lambda a, b: a[:, :, None] * b),
    Mistake("sum_axis", "The sum runs over the wrong axis.",
            "The axis that disappears is the one that both have: k, in the middle.", "Sum over dim=1.", 3,
            lambda a, b: (a[:, :, None] * b).sum(2)),
    Mistake("sum_axis_first", "The sum runs over the rows of a.",
            "The axis that disappears is the one that both have: k, in the middle.", "Sum over dim=1.", 3,
            lambda a, b: (a[:, :, None] * b).sum(0)),
    Mistake("sum_all", "Everything is summed to one number.", "Only the axis k disappears.", "Sum over dim=1 only.", 3,
            lambda a, b: (a[:, :, None] * b).sum()),
    Mistake("mean", "A mean was taken over k; the sum was asked for.", "Each entry is too small by the factor k.",
            "Replace mean by sum.", 3, lambda a, b: (a[:, :, None] * b).mean(1)),
    Mistake("order", "This is b times a.", "The order matters: rows of the first meet columns of the second.",
            "Let a stand upright, and b lie.", 1, lambda a, b: torch.matmul(b, a)),
    Mistake("b_transposed", "Rows of a meet rows of b: this is a times b transposed.",
            "Columns of b were asked for; with a square b no error warns you.",
            "Put the new axis behind: a[:, :, None] * b.", 2, lambda a, b: torch.matmul(a, b.T)),
    Mistake("a_transposed", "Columns of a meet columns of b: this is a transposed times b.",
            "Rows of a were asked for; with a square a no error warns you.",
            "Take a[:, :, None], without transposing.", 2, lambda a, b: torch.matmul(a.T, b)),
    Mistake("result_transposed", "The result is transposed.", "Rows of the result belong to rows of a.",
            "Leave out the transpose, or sum over the other axis.", 1, lambda a, b: torch.matmul(a, b).T),
    Mistake("plus", "The numbers are added pair by pair, not multiplied.", "Each entry is a sum of products.",
            "Replace + by * before the sum.", 1, lambda a, b: (a[:, :, None] + b).sum(1)),
    Mistake("a_row_lying", "a was given a new axis in front or in the middle, so k of a meets m of b.",
            "The k of a must lie over the k of b.", "Put the new axis behind: a[:, :, None].", 2,
            lambda a, b: (a[:, None] * b).sum(1)),
), learns=("a", "b"), before=_no_library, after=_matmul_economy)

EXERCISES = {
    "outer": OUTER.exercise(),
    "matmul": MATMUL.exercise((), (ours.matmul_loops, ours.matmul_dot, ours.matmul_rows, ours.matmul_broadcast,
                                            ours.matmul_einsum)),
}
