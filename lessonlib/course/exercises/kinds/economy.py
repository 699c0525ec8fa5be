"""What an answer costs: whether it loops in Python, how much it holds, and whether the library made the product."""

from collections.abc import Callable, Sequence
from typing import Any

from lessonlib.course.exercises.engine.attempt import Attempt, Raised
from lessonlib.course.exercises.engine.inputs import Inputs, draw, size_names
from lessonlib.course.exercises.engine.monitor import KernelCounter, Monitor
from lessonlib.course.exercises.engine.sandbox import LineClock
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.task_files import Exercise
from lessonlib.matmul import PRODUCTS, Guard, LibraryUsed

_WAYS_OUT = ("numpy", "array", "from_dlpack", "dlpack")
_ALLOWED_LOOPS = {"none": 0, "one": 1}


def no_products(attempt: Attempt, inputs: Inputs) -> None:
    """Raise `Found("forbidden")` where a product of the library runs, `Found("loops")` where numbers leave the tensor."""
    try:
        with Guard(PRODUCTS), Monitor(LineClock(), ["tolist"]) as monitor:
            attempt.call(attempt.answer, inputs)
    except Raised as raised:
        if isinstance(raised.error, LibraryUsed):
            name = str(raised.error).split(" ran, ")[0]
            out = name.split(".")[-1].strip("_") in _WAYS_OUT
            done = "what happens outside of PyTorch cannot be followed" if out else "the library made the product"
            raise Found("forbidden", used=name, done=done) from None
        return  # an error of another kind: the cases will see it again, and say more about it
    if monitor.forbidden_calls:
        raise Found("loops")


def _measured(call: Callable[[], Any]) -> KernelCounter:
    with KernelCounter() as kernels:
        call()
    return kernels


def _inputs(task: Exercise, sizes: Sequence[int]) -> Inputs:
    names = size_names(task.inputs)
    return draw(task.inputs, dict(zip(names, sizes, strict=True)), seed=1)


def check_economy(attempt: Attempt, solution: Callable) -> list[str]:
    """Raise `Found` for a loop too many, or for far more memory than the solution needs; gives notes."""
    task = attempt.task
    n = len(size_names(task.inputs))
    small = [3 + i for i in range(n)]

    def count(sizes: Sequence[int]) -> int:
        return _measured(lambda: attempt.call(attempt.answer, _inputs(task, sizes))).count

    few = count(small)
    growing = [axis for axis in range(n) if count([*small[:axis], 12, *small[axis + 1:]]) > few]
    if len(growing) > _ALLOWED_LOOPS[task.loops]:
        raise Found("loops")
    large = [20 + 3 * i for i in range(n)]
    yours = _measured(lambda: attempt.call(attempt.answer, _inputs(task, large))).largest
    enough = _measured(lambda: solution(*_inputs(task, large).values())).largest
    if yours > 2 * enough:
        raise Found("memory_blow_up", got=f"{yours:,}", wanted=f"{enough:,}")
    return ["A note: one loop is left. It saves memory; the full broadcast has none."] if growing else []
