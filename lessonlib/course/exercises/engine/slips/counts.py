"""Slips with numbers: one too many, a size written in, another constant, another default."""

import ast
import math
from typing import Any

from lessonlib.course.exercises.engine.slips.places import (
    Changes,
    instead,
    is_axis_of,
    is_returned,
    renamed,
    with_,
    without,
)
from lessonlib.course.exercises.engine.syntax import (
    Code,
    Node,
    called,
    is_method,
    is_whole,
    name,
    number,
    text,
    value_of,
)


def off_by_one(code: Code, node: Node) -> Changes:
    """One too many or too few: in a number, a range, a slice, a count; and a loop without its first or last round."""
    if is_whole(node) and not is_whole(code.parents.get(node)) and not is_axis_of(code, node):
        value = value_of(node)
        for new in (value + 1, value - 1):
            yield instead(code, node, number(new), f"constant {value} {new}")
    is_index = isinstance(code.parents.get(node), ast.Subscript) and code.parents[node].slice is node
    if isinstance(node, (ast.Name, ast.Call)) and (is_returned(code, node) or (is_index and isinstance(node, ast.Name))):
        for more in (-1, 1):
            yield instead(code, node, _plus(node, more))
    if called(node) in ("len", "range") and isinstance(node, ast.Call) and node.args:
        yield from _counted_wrongly(code, node)
    if isinstance(node, ast.Slice):
        yield from _sliced_wrongly(code, node)
    if isinstance(node, (ast.For, ast.comprehension)) and called(node.iter) not in ("range", "enumerate"):
        yield from _rounds_left_out(code, node)


def _plus(node: ast.expr, more: int) -> ast.BinOp:
    return ast.BinOp(node, ast.Add() if more > 0 else ast.Sub(), ast.Constant(abs(more)))


def _counted_wrongly(code: Code, node: ast.Call) -> Changes:
    if called(node) == "len":
        yield instead(code, node, _plus(node, -1), "len")
        yield instead(code, node, _plus(node, 1))
        return
    args = node.args
    stop = min(len(args) - 1, 1)
    for more in (-1, 1):
        yield instead(code, node, ast.Call(node.func, [*args[:stop], _plus(args[stop], more), *args[stop + 1:]], []))
    if len(args) == 1:
        yield instead(code, node, ast.Call(node.func, [number(1), args[0]], []))
        yield instead(code, node, ast.Call(node.func, [number(1), _plus(args[0], 1)], []))
    if len(args) == 3:  # the last, shorter piece is left out; or the steps are left out
        whole = ast.BinOp(args[1], ast.Sub(), args[2])
        yield instead(code, node, ast.Call(node.func, [args[0], whole, args[2]], []))
        yield instead(code, node, ast.Call(node.func, [args[0], _plus(whole, 1), args[2]], []))
        yield instead(code, node, ast.Call(node.func, args[:2], []))


def _sliced_wrongly(code: Code, node: ast.Slice) -> Changes:
    for edge in ("lower", "upper", "step"):
        value = getattr(node, edge)
        if value is None:
            continue
        fields: dict[str, Any] = {"lower": node.lower, "upper": node.upper, "step": node.step}
        yield instead(code, node, ast.Slice(**{**fields, edge: None}))
        if not is_whole(value):
            for more in (-1, 1):
                yield instead(code, node, ast.Slice(**{**fields, edge: _plus(value, more)}), f"slice {edge} {more}")
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):  # x[start:size] for x[start:start + size]
            yield instead(code, node, ast.Slice(**{**fields, edge: value.right}), f"slice {edge} right")
            yield instead(code, node, ast.Slice(**{**fields, edge: value.left}), f"slice {edge} left")


def stride(code: Code, node: Node) -> Changes:
    """A window that moves on by one, not by its own length, `x[i:i + 2]` for `x[2 * i:2 * i + 2]`; or the other way round."""
    if not (isinstance(node, ast.Slice) and isinstance(node.upper, ast.BinOp) and isinstance(node.upper.op, ast.Add)
            and node.lower is not None and ast.unparse(node.upper.left) == ast.unparse(node.lower)):
        return
    length, lower = node.upper.right, node.lower
    if isinstance(lower, ast.Name):
        moved: ast.expr = ast.BinOp(length, ast.Mult(), lower)
    elif isinstance(lower, ast.BinOp) and isinstance(lower.op, ast.Mult):
        moved = lower.right if isinstance(lower.right, ast.Name) else lower.left
    else:
        return
    yield instead(code, node, ast.Slice(moved, ast.BinOp(moved, ast.Add(), length), node.step), f"stride {type(lower).__name__}")


def _rounds_left_out(code: Code, node: ast.For | ast.comprehension) -> Changes:
    items = ast.Call(name("list"), [node.iter], [])
    for part, words in ((ast.Slice(upper=number(-1)), "the last"), (ast.Slice(lower=number(1)), "the first"),
                        (ast.Slice(upper=number(1)), "all but the first")):
        yield without(node.iter, ast.Subscript(items, part, ast.Load()), f"{words} of `{text(node.iter)}`")


SIZES = (784, 10, 64, 50000)
_USUAL = {"n_in": 784, "n_out": 10, "n_classes": 10, "batch_size": 64}  # the likely one: it is told where several give the same


def constant_size(code: Code, node: Node) -> Changes:
    """A size of the digits (784 pixels, 10 classes, 64 rows, 50,000 images) written in where a size must be computed."""
    is_size = called(node) in ("len", "size", "numel") or (
        isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape") or (
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in code.names(node)
        and node.id in ("n_in", "n_out", "n_hidden", "n_classes", "batch_size", "n", "m", "k"))
    if called(node) == "mean" and is_method(node):
        for size in SIZES:
            other = ast.BinOp(renamed(node, "sum"), ast.Div(), number(size))
            yield with_(node, other, f"a sum divided by {size} in place of the mean")
    if is_size:
        for size in sorted(SIZES[:3] if _makes_room(code, node) else SIZES, key=lambda size: size != _USUAL.get(text(node))):
            yield with_(node, ast.Constant(size), f"`{size}` in place of `{text(node)}`", f"size {text(node)} {size}")


def _makes_room(code: Code, node: Node) -> bool:
    """Whether memory, or rounds of a loop, are as many as this size says: 50,000 of them would take gigabytes, or seconds."""
    makers = ("zeros", "ones", "empty", "full", "randn", "rand", "range")
    parent = code.parents.get(node)
    multiplied = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult)  # perhaps a list
    return multiplied or any(called(piece) in makers for piece in code.above(node))


def constant(code: Code, node: Node) -> Changes:
    """Another number: ten times as large or small, or its sign changed."""
    value = value_of(node)
    if isinstance(code.parents.get(node), ast.UnaryOp) or isinstance(value, bool):
        return
    if isinstance(value, float):
        for new in (value * 10, value / 10, 1 - value, -value):
            if new != value:
                yield instead(code, node, number(round(new, 12)), f"constant {value} {new}")
    elif is_whole(node) and not is_axis_of(code, node):
        for new in {0: (2,), 1: (-1,), 2: (0.5,), 100: (10,)}.get(value, (-value,)):
            yield instead(code, node, number(new), f"constant {value} {new}")
    yield from _rounded(code, node)


_EXACT = {"e": math.e, "pi": math.pi}


def _rounded(code: Code, node: Node) -> Changes:
    """`math.e` or `math.pi` as a number with a few digits, or a few digits for the number."""
    value = value_of(node)
    for attr, exact in _EXACT.items():
        if isinstance(value, float) and 0 < abs(value - exact) < 0.01:
            yield instead(code, node, number(exact), f"exact {attr}")
        if isinstance(node, ast.Attribute) and node.attr == attr:
            for digits in (2, 3):
                yield instead(code, node, number(round(exact, digits)), f"{attr} {digits}")


def factor(code: Code, node: Node) -> Changes:
    """An input counted twice, or halved."""
    parent = code.parents.get(node)
    calculated = isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Mult, ast.Div, ast.Add, ast.Sub))
    is_pi = isinstance(node, ast.Attribute) and node.attr == "pi"
    is_param = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in code.params(node)
    if calculated and (is_pi or is_param):
        for new in (ast.BinOp(number(2), ast.Mult(), node), ast.BinOp(node, ast.Div(), number(2))):
            yield with_(node, new, f"`{text(new)}` in place of `{text(node)}`", f"factor {text(new)}")


def default(code: Code, node: Node) -> Changes:
    """Another value in the line with `def`: an argument that is left out counts as something else."""
    if not isinstance(node, ast.FunctionDef):
        return
    args = node.args.args[len(node.args.args) - len(node.args.defaults):]
    for arg, old in zip(args, node.args.defaults, strict=True):
        value = value_of(old)
        others = {bool: (not value,), float: (0.9, 0.1, 1.0, 0.0), int: (0, 1)}.get(type(value), ())
        for new in others:
            if new != value:
                yield with_(old, ast.Constant(new), f"`{arg.arg}={new}` in place of `{arg.arg}={text(old)}`")
