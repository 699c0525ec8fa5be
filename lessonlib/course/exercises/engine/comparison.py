"""Comparing what came out with what should have: to numbers, equal or not, and the first place where they part."""

import numbers as python_numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Right answers may round in float32 on the way or add a tiny number against log(0); mistakes are far larger than that.
RTOL, ATOL = 1e-5, 1e-6
MOST_NUMBERS = 2_000_000  # of a tensor that is compared; the inputs of all exercises are tiny
_DEEPEST = 12  # lists within lists
_LONGEST_INPUT = 60  # characters of a list that is shown


def listed(names: Sequence[str], singular: str = "is", plural: str = "are") -> str:
    """Names and their verb: "a is", "a and b are", "a, b and c are"."""
    *first, last = names
    return f"{', '.join(first)} and {last} {plural}" if first else f"{last} {singular}"


def shape_of(value: object) -> str:
    """A value in a few words: its shape if it has one, else its type."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array of shape {value.shape}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (tuple, list)):
        return _packed(value)
    if hasattr(value, "__next__"):
        return f"an iterator ({type(value).__name__})"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _packed(value: Sequence[object]) -> str:
    """A tuple or a list in a few words."""
    if type(value).__module__ == "torch.return_types":
        return f"a pair, (values, indices), as `{type(value).__name__}` with an axis makes it"
    kind = "tuple" if isinstance(value, tuple) else "list"
    if not value:
        return f"an empty {kind}"
    first = value[0]
    held = "list" if isinstance(first, (list, tuple)) else "tensor" if isinstance(first, Tensor) else (
        "number" if isinstance(first, (int, float)) else "thing")
    return f"a {kind} of {len(value)} {held}{'s' * (len(value) != 1)}"


def lengths_in_words(value: object) -> str:
    """How long a list is, and the lists in it, or which keys a dictionary has."""
    if isinstance(value, dict):
        return f"a dictionary with the keys {', '.join(map(repr, value)) or '(none)'}"
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, (list, tuple)) for each in value):
        lengths = ", ".join(str(len(each)) for each in value[:8])
        return f"{len(value)} list{'s' * (len(value) != 1)} of length {lengths}{', …' if len(value) > 8 else ''}"
    return shape_of(value)


def inputs_in_words(inputs: Mapping[str, object]) -> str:
    """The inputs of a call: a tensor by its shape, other things as they are, unless they are long."""
    words = []
    for name, value in inputs.items():
        if isinstance(value, (Tensor, np.ndarray)):
            words.append(f"{name} {tuple(value.shape)}")
        elif isinstance(value, (int, float, str)):
            words.append(f"{name} = {value!r}")
        elif isinstance(value, (list, tuple)) and _is_short(value):
            words.append(f"{name} = {_rounded(value)!r}")
    return ", ".join(words)


def _is_short(value: object) -> bool:
    """Whether a list or tuple holds numbers alone, and fits into a line."""
    def plain(each: object) -> bool:
        return all(map(plain, each)) if isinstance(each, (list, tuple)) else isinstance(each, (int, float))

    return plain(value) and len(repr(_rounded(value))) <= _LONGEST_INPUT


def _rounded(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_rounded, value))
    return float(f"{value:.4g}") if isinstance(value, float) else value


def to_tensor(value: object) -> Tensor | None:
    """A number, an array or a list of numbers as a float64 tensor without a graph; None where it is none of them."""
    if isinstance(value, Tensor):
        too_large = value.numel() > MOST_NUMBERS  # the copy would be larger still: expand() alone makes it as large as you like
        return None if value.is_complex() or too_large else value.detach().to("cpu", torch.float64).clone()
    if isinstance(value, (bool, python_numbers.Real, np.ndarray, np.generic)):
        if isinstance(value, np.ndarray) and value.size > MOST_NUMBERS:
            return None
        try:
            return torch.from_numpy(np.array(value, dtype=np.float64))
        except (TypeError, ValueError, OverflowError):  # no number at all, or too large for a float
            return None
    if isinstance(value, (list, tuple)) and value:
        rows = [to_tensor(row) for row in value]
        same = [row for row in rows if row is not None and rows[0] is not None and row.shape == rows[0].shape]
        return torch.stack(same) if len(same) == len(rows) else None
    return None


def equal(yours: Tensor, expected: Tensor) -> bool:
    """The same shape, and the same numbers up to rounding; nan is equal to nan."""
    return yours.shape == expected.shape and torch.allclose(yours, expected, rtol=RTOL, atol=ATOL, equal_nan=True)


def close(yours: Tensor, expected: Tensor) -> Tensor:
    """Of two tensors of one shape, in which places they are equal up to rounding."""
    return torch.isclose(yours, expected, rtol=RTOL, atol=ATOL, equal_nan=True)


def all_equal(yours: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """`equal` for each pair of several."""
    return len(yours) == len(expected) and all(equal(a, b) for a, b in zip(yours, expected, strict=True))


# --- results of any kind ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One piece of a result: its numbers, or its text where it is no number; and of what sort it was."""

    sort: str  # "floats", "whole numbers", "bytes", "truth values" of a tensor; "number", "truth value"; "array"; "other"
    numbers: Tensor | None
    text: str = ""

    def same(self, other: "Part") -> bool:
        """Equal up to rounding; whether it came as a tensor or as a number does not matter."""
        if self.numbers is None or other.numbers is None:
            return self.numbers is other.numbers and self.text == other.text
        return equal(self.numbers, other.numbers)


@dataclass(frozen=True)
class Result:
    """What came out of a call: its parts, and how they were packed ("*" for a part, lists in brackets)."""

    parts: tuple[Part, ...]
    packing: str

    def same(self, other: "Outcome") -> bool:
        """The same numbers, packed in the same way."""
        return (isinstance(other, Result) and self.packing == other.packing and len(self.parts) == len(other.parts)
                and all(a.same(b) for a, b in zip(self.parts, other.parts, strict=True)))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The parts that are numbers."""
        return tuple(part.numbers for part in self.parts if part.numbers is not None)

    @property
    def finite(self) -> bool:
        return all(bool(tensor.isfinite().all()) for tensor in self.tensors)


def as_table(result: Result) -> Tensor | None:
    """A list of numbers, or of rows of one length, as one tensor to be shown; None for anything else."""
    numbers = [part.numbers for part in result.parts if part.numbers is not None and part.numbers.ndim == 0]
    if not numbers or len(numbers) < len(result.parts):
        return None
    rows = result.packing[1:-1].replace("],[", "] [").split()
    if result.packing == f"[{','.join('*' * len(numbers))}]":
        return torch.stack(numbers)
    if result.packing.startswith("[[") and len(set(rows)) == 1 and rows[0].count("[") == 1:
        return torch.stack(numbers).view(len(rows), -1)
    return None


@dataclass(frozen=True)
class Failure:
    """A call that ended in an error, of which only the kind counts when two are compared."""

    error: str

    def same(self, other: "Outcome") -> bool:
        """Whether the other failed as well."""
        return isinstance(other, Failure)


Outcome = Result | Failure


def read_result(value: Any) -> Result:
    """Any value as parts that can be compared; tensors are copied."""
    parts: list[Part] = []

    def pack(value: Any, around: tuple[int, ...] = ()) -> str:
        # A list may even hold itself, and more than once: it is not opened again inside itself.
        if len(around) == _DEEPEST or id(value) in around:
            parts.append(Part("other", None, "lists within lists without end"))
            return "*"
        if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            return f"[{','.join(pack(each, (*around, id(value))) for each in value)}]"
        if isinstance(value, dict):
            return f"{{{','.join(f'{key!r}:{pack(each, (*around, id(value)))}' for key, each in value.items())}}}"
        parts.append(_part(value))
        return "*"

    packing = pack(value)
    return Result(tuple(parts), packing)


def _part(value: Any) -> Part:
    if isinstance(value, Tensor):
        sort = ("floats" if value.is_floating_point() else "truth values" if value.dtype == torch.bool
                else "complex" if value.is_complex() else "bytes" if value.dtype == torch.uint8 else "whole numbers")
        numbers = to_tensor(value)
        text = "complex numbers" if sort == "complex" else shape_of(value) if numbers is None else ""
        return Part(sort, numbers, text)
    if isinstance(value, (bool, np.bool_)):
        return Part("truth value", to_tensor(bool(value)))
    if isinstance(value, (python_numbers.Real, np.number)) and not isinstance(value, np.ndarray):
        return Part("number", to_tensor(value))
    if isinstance(value, np.ndarray):
        return Part("array", to_tensor(value), "a NumPy array")
    if isinstance(value, torch.Size):
        return Part("other", None, repr(tuple(value)))
    return Part("other", None, repr(value) if isinstance(value, (str, bytes, type(None), complex)) else shape_of(value))


_IN_WORDS = {"floats": "a tensor of floats", "whole numbers": "a tensor of whole numbers", "bytes":
             "a tensor of bytes, uint8", "truth values":
             "a tensor of True and False", "number": "a number", "truth value": "True or False", "array": "a NumPy array",
             "complex": "a tensor of complex numbers"}


def sort_in_words(part: Part) -> str:
    """Of what sort a part is, ready for a sentence."""
    return _IN_WORDS.get(part.sort, part.text)


def fits(yours: Part, expected: Part) -> bool:
    """Whether a part is of the sort that is needed: what the next line of a lesson can calculate with."""
    single = expected.numbers is not None and expected.numbers.ndim == 0
    if expected.sort in ("number", "truth value") or single:
        truth = expected.sort.startswith("truth")
        return (yours.numbers is not None and yours.sort != "array" and (yours.numbers.ndim == 0 or not truth)
                and yours.sort.startswith("truth") == truth)
    if expected.sort == "other":
        return yours.sort == "other"
    return yours.sort == expected.sort or (yours.sort == "bytes" and expected.sort == "whole numbers")


def first_difference(yours: Tensor, expected: Tensor) -> tuple[int, ...] | None:
    """The first place where two tensors of one shape differ."""
    places = (~close(yours, expected)).nonzero()
    return tuple(places[0].tolist()) if len(places) else None


def _number(value: float, digits: int = 4) -> str:
    if abs(value) < 1e9 and value == int(value):
        return str(int(value))
    return f"{value:.{digits if abs(value) < 1000 else max(digits, 7)}g}"


def _pair(expected: float, yours: float) -> str:
    """Two different numbers, with as many digits as it takes to see that."""
    digits = next((n for n in (4, 6) if _number(expected, n) != _number(yours, n)), 9)
    return f"expected {_number(expected, digits)}, yours {_number(yours, digits)}"


def side_by_side(yours: Tensor, expected: Tensor, name: str = "result") -> str:
    """A few numbers, expected beside yours, from the first place where they part."""
    if yours.ndim == expected.ndim == 0:
        return f"{name}: {_pair(expected.item(), yours.item())}"
    lines = [f"{name}: expected shape {tuple(expected.shape)}, yours {tuple(yours.shape)}"]
    if yours.shape != expected.shape:
        for side, tensor in (("expected", expected), ("yours", yours)):
            first = ", ".join(_number(value) for value in tensor.flatten()[:6].tolist())
            lines.append(f"  {side:9}{first}{', …' if tensor.numel() > 6 else ''}")
        return "\n".join(lines)
    place = first_difference(yours, expected)
    if place is None:
        return lines[0]
    differ = ~close(yours, expected)
    at = f"{name}[{', '.join(map(str, place))}]"
    lines.append(f"  they part first at {at}: {_pair(expected[place].item(), yours[place].item())}; "
                 f"{int(differ.sum())} of {differ.numel()} differ")
    row = place[:-1]
    for side, tensor in (("expected", expected[row]), ("yours", yours[row])):
        shown = ", ".join(_number(value) for value in tensor[:8].tolist())
        lines.append(f"  {side:9}{shown}{', …' if len(tensor) > 8 else ''}")
    return "\n".join(lines)
