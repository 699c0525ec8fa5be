"""Comparing what came out with what should have: to numbers, equal or not, and the first place where they part."""

import numbers as python_numbers
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

# Right answers may round in float32 on the way or add a tiny number against log(0); mistakes are far larger than that.
RTOL, ATOL = 1e-5, 1e-6


def shape_of(value: object) -> str:
    """A value in a few words: its shape if it has one, else its type."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def inputs_in_words(inputs: Mapping[str, object]) -> str:
    """The inputs of a call: a tensor by its shape, other things as they are."""
    return ", ".join(f"{name} {tuple(value.shape)}" if isinstance(value, Tensor) else f"{name} {value!r}"
                     for name, value in inputs.items() if isinstance(value, (Tensor, int, float)))


def to_tensor(value: object) -> Tensor | None:
    """A number, an array or a list of numbers as a float64 tensor without a graph; None where it is none of them."""
    if isinstance(value, Tensor):
        return None if value.is_complex() else value.detach().to("cpu", torch.float64).clone()
    if isinstance(value, (bool, python_numbers.Real, np.ndarray, np.generic)):
        try:
            return torch.from_numpy(np.array(value, dtype=np.float64))
        except (TypeError, ValueError):
            return None
    if isinstance(value, (list, tuple)) and value:
        rows = [to_tensor(row) for row in value]
        if all(row is not None for row in rows) and len({row.shape for row in rows}) == 1:
            return torch.stack(rows)
    return None


def equal(yours: Tensor, expected: Tensor) -> bool:
    """The same shape, and the same numbers up to rounding; nan is equal to nan."""
    return yours.shape == expected.shape and torch.allclose(yours, expected, rtol=RTOL, atol=ATOL, equal_nan=True)


def all_equal(yours: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """`equal` for each pair of several."""
    return len(yours) == len(expected) and all(equal(a, b) for a, b in zip(yours, expected, strict=True))


def first_difference(yours: Tensor, expected: Tensor) -> tuple[int, ...] | None:
    """The first place where two tensors of one shape differ."""
    close = torch.isclose(yours, expected, rtol=RTOL, atol=ATOL, equal_nan=True)
    places = (~close).nonzero()
    return tuple(places[0].tolist()) if len(places) else None


def _number(value: float) -> str:
    return f"{value:.6g}"


def side_by_side(yours: Tensor, expected: Tensor, name: str = "result") -> str:
    """A few numbers, expected beside yours, from the first place where they part."""
    lines = [f"{name}: expected shape {tuple(expected.shape)}, yours {tuple(yours.shape)}"]
    if yours.shape != expected.shape:
        for side, tensor in (("expected", expected), ("yours", yours)):
            first = ", ".join(_number(value) for value in tensor.flatten()[:6].tolist())
            lines.append(f"  {side:9}{first}{', …' if tensor.numel() > 6 else ''}")
        return "\n".join(lines)
    place = first_difference(yours, expected)
    if place is None:
        return lines[0]
    close = torch.isclose(yours, expected, rtol=RTOL, atol=ATOL, equal_nan=True)
    at = f"[{', '.join(map(str, place))}]" if place else ""
    lines.append(f"  they part first at {name}{at}: expected {_number(expected[place].item())}, "
                 f"yours {_number(yours[place].item())}; {int((~close).sum())} of {close.numel()} differ")
    if yours.ndim:
        row = place[:-1]
        for side, tensor in (("expected", expected[row]), ("yours", yours[row])):
            shown = ", ".join(_number(value) for value in tensor[:8].tolist())
            lines.append(f"  {side:9}{shown}{', …' if len(tensor) > 8 else ''}")
    return "\n".join(lines)
