"""The matrix product five times over, and a guard that proves which libraries stood still."""
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, resolve_name

__all__ = ["matmul_loops", "matmul_dot", "matmul_rows", "matmul_broadcast", "matmul_einsum", "MATMULS",
           "PRODUCTS", "LibraryUsed", "Guard"]


def _check(a: Tensor, b: Tensor) -> None:
    """Raise an error that says which sizes do not fit, and whether a transpose would."""
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"expected two matrices (rank 2); got shapes {tuple(a.shape)} and {tuple(b.shape)}")
    if a.shape[1] != b.shape[0]:
        hint = "; the transpose of the second fits" if a.shape[1] == b.shape[1] else ""
        raise ValueError(f"cannot multiply {tuple(a.shape)} by {tuple(b.shape)}: "
                         f"the inner sizes {a.shape[1]} and {b.shape[0]} differ{hint}")


def matmul_loops(a: Tensor, b: Tensor) -> Tensor:
    """Three loops."""
    _check(a, b)
    (n_rows, n_inner), n_cols = a.shape, b.shape[1]
    out = a.new_zeros(n_rows, n_cols)
    for i in range(n_rows):
        for j in range(n_cols):
            for k in range(n_inner):
                out[i, j] += a[i, k] * b[k, j]
    return out


def matmul_dot(a: Tensor, b: Tensor) -> Tensor:
    """Two loops: each entry is a row times a column, summed."""
    _check(a, b)
    out = a.new_zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = (a[i] * b[:, j]).sum()
    return out


def matmul_rows(a: Tensor, b: Tensor) -> Tensor:
    """One loop: a row of `a` as a column, times all of `b`, summed."""
    _check(a, b)
    return torch.stack([(row[:, None] * b).sum(dim=0) for row in a])


def matmul_broadcast(
    a: Tensor,  # (n, k)
    b: Tensor,  # (k, m)
) -> Tensor:  # (n, m)
    """No loop: (n, k, 1) times (k, m) is (n, k, m); summed over k. Needs n * k * m numbers of memory."""
    _check(a, b)
    return (a[:, :, None] * b).sum(dim=1)


def matmul_einsum(a: Tensor, b: Tensor) -> Tensor:
    """Einstein's way: name the axes, and sum over the name that is gone from the result."""
    _check(a, b)
    return torch.einsum("ik,kj->ij", a, b)


MATMULS = {"three loops": matmul_loops, "dot": matmul_dot, "row broadcast": matmul_rows,
           "full broadcast": matmul_broadcast, "einsum": matmul_einsum, "@": torch.matmul}

# What PyTorch calls its ways of multiplying matrices; names of methods stand without their underscores.
PRODUCTS = frozenset("matmul rmatmul imatmul mm bmm mv dot vdot inner addmm addmv addbmm baddbmm addr ger outer "
                     "chain_matmul linalg_multi_dot linalg_matmul linalg_vecdot einsum tensordot linear bilinear conv1d conv2d conv3d".split())


class LibraryUsed(RuntimeError):
    """A function ran that was said to be taken away."""


class Guard(TorchFunctionMode):
    """Within `with Guard(names):` each torch function of those names raises `LibraryUsed`."""

    def __init__(
        self,
        names: Iterable[str] = PRODUCTS,  # names of torch functions, such as "matmul"
    ):
        super().__init__()
        self.names = frozenset(names)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "").strip("_")
        if name in self.names:
            raise LibraryUsed(f"{resolve_name(function) or name} ran, although it was taken away")
        return function(*args, **(kwargs or {}))
