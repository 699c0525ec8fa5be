"""The broadcasting rule, in a form that explains itself."""
from collections.abc import Sequence

from torch import Tensor

__all__ = ["broadcast_shape", "explain_broadcast"]


def _shape(a: Tensor | Sequence[int]) -> tuple[int, ...]:
    return tuple(a.shape) if hasattr(a, "shape") else tuple(a)


def broadcast_shape(
    a: Tensor | Sequence[int],  # a tensor or a shape
    b: Tensor | Sequence[int],  # a tensor or a shape
) -> tuple[int, ...]:  # the shape of `a + b`
    """Line the axes up from the last; two sizes fit where they are equal or one of them is 1."""
    a, b = _shape(a), _shape(b)
    rank = max(len(a), len(b))
    wide_a, wide_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    for axis, (m, n) in enumerate(zip(wide_a, wide_b, strict=True)):
        if m != n and 1 not in (m, n):
            raise ValueError(f"the shapes {a} and {b} do not fit: axis {axis - rank} is {m} in one and {n} in the "
                             "other; two sizes fit where they are equal or one of them is 1")
    return tuple(n if m == 1 else m for m, n in zip(wide_a, wide_b, strict=True))
