"""Slips with axes and shapes: along which axis, which axis is kept, new or transposed, whose size is taken."""

import ast
import itertools
from typing import Any

from lessonlib.course.exercises.engine.slips.places import (
    REDUCTIONS,
    Changes,
    axis_places,
    instead,
    is_axis,
    is_operand,
    is_returned,
    with_,
    without,
)
from lessonlib.course.exercises.engine.syntax import (
    Change,
    Code,
    Node,
    call,
    called,
    is_method,
    name,
    number,
    text,
    value_of,
)


def _axes(old: object) -> list[object]:
    """Other axes that somebody might take."""
    if isinstance(old, tuple):
        return [*old, 0, *(pair for pair in ((0, 1), (0, 2), (1, 2), (-2, -1)) if pair != old)]
    return [axis for axis in (0, 1, 2, -1, -2) if axis != old]


def _axis(value: Any) -> ast.expr:
    return ast.Tuple([number(axis) for axis in value], ast.Load()) if isinstance(value, tuple) else number(value)


def axis(code: Code, node: Node) -> Changes:
    """Another axis, in the keyword `dim` or as an argument; or all of them."""
    for place in axis_places(node):
        old = tuple(map(value_of, place.elts)) if isinstance(place, ast.Tuple) else value_of(place)
        parent = code.parents[place]
        keyword = parent if isinstance(parent, ast.keyword) else None
        for new in _axes(old):
            yield (instead(code, place, _axis(new), f"axis {old} {new}") if keyword is None else
                   instead(code, keyword, ast.keyword(keyword.arg, _axis(new)), f"axis {old} {new}"))
    yield from _all_axes(node)
    if called(node) in ("softmax", "log_softmax") and len(node.args) == 1 and not node.keywords and not is_method(node):
        along = call(node.args[0], called(node), dim=number(0))  # the lesson's own function goes along the rows
        yield with_(node, along, f"`{called(node)}` along `dim=0`")


def _all_axes(node: Node) -> Changes:
    """A reduction that names an axis goes over all of them, or one that goes over all names an axis."""
    if called(node) not in REDUCTIONS or not is_method(node):
        return
    named = [keyword for keyword in node.keywords if keyword.arg in ("dim", "axis")]
    method = node.func.attr
    if named or (node.args and is_axis(node.args[0])):
        words = text(named[0]) if named else text(node.args[0])
        rest = [keyword for keyword in node.keywords if keyword.arg not in ("dim", "axis", "keepdim")]
        yield without(node, ast.Call(node.func, [], rest), f"`{words}` in `{method}`", "all axes")
    elif not node.args:
        for new in (0, 1, -1):
            arguments = [ast.keyword("dim", number(new)), *node.keywords]
            yield with_(node, ast.Call(node.func, [], arguments), f"`{method}(dim={new})` in place of `{method}()`",
                        f"an axis {new}")
        several = {"max": "amax", "min": "amin"}.get(method, method)
        for axes in ((1, 2), (-2, -1), (0, 2, 3)) if several not in ("argmax", "argmin", "prod", "norm") else ():
            arguments = [ast.keyword("dim", _axis(axes)), *node.keywords]
            yield with_(node, call(node.func.value, several, **{str(each.arg): each.value for each in arguments}),
                        f"`{several}(dim={axes})` in place of `{method}()`", f"axes {axes}")


def keepdim(code: Code, node: Node) -> Changes:
    """`keepdim=True` left out, or added where it does not belong."""
    if called(node) not in REDUCTIONS:
        return
    kept = [keyword for keyword in node.keywords if keyword.arg in ("keepdim", "keepdims")]
    others = [keyword for keyword in node.keywords if keyword not in kept]
    if kept:
        yield without(node, ast.Call(node.func, node.args, others), f"`{text(kept[0])}`", "keepdim")
    elif next(axis_places(node), None) is not None:
        more = ast.keyword("keepdim", ast.Constant(True))
        yield with_(node, ast.Call(node.func, node.args, [*others, more]), f"`keepdim=True` in `{called(node)}`", "keepdim")


def new_axis(code: Code, node: Node) -> Changes:
    """`[:, None]` left out, added, or the other way round."""
    whole, none = ast.Slice(), ast.Constant(None)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and any(
            isinstance(part, ast.Constant) and part.value is None for part in node.slice.elts):
        yield without(node, node.value, f"`[{text(node.slice)}]`")
        parts = node.slice.elts
        for i, part in enumerate(parts):
            if isinstance(part, ast.Constant) and part.value is None:
                rest = ast.Tuple([*parts[:i], *parts[i + 1:]], ast.Load())
                yield instead(code, node, ast.Subscript(node.value, rest, ast.Load()))
        for i in range(len(parts)):
            for k in range(i + 1, len(parts)):
                if ast.dump(parts[i]) != ast.dump(parts[k]):
                    order = [*parts[:i], parts[k], *parts[i + 1:k], parts[i], *parts[k + 1:]]
                    yield instead(code, node, ast.Subscript(node.value, ast.Tuple(order, ast.Load()), ast.Load()))
    elif isinstance(node, ast.Name) and is_operand(code, node):
        for places in ([whole, none], [none, whole]):
            yield instead(code, node, ast.Subscript(node, ast.Tuple(places, ast.Load()), ast.Load()))


def layout(code: Code, node: Node) -> Changes:
    """The parts of two axes put in another order: `x.reshape(n, a, b, 2, 2)` for `x.reshape(n, a, 2, b, 2)`."""
    if called(node) not in REDUCTIONS or not is_method(node) or called(node.func.value) not in ("reshape", "view"):
        return
    cut, place = node.func.value, next(axis_places(node), None)
    axes = [value_of(each) for each in place.elts] if isinstance(place, ast.Tuple) else []
    sizes = cut.args
    if place is None or not axes or not all(isinstance(axis, int) and 0 < axis < len(sizes) for axis in axes):
        return
    for one, other in itertools.combinations(range(1, len(sizes)), 2):
        if (one in axes) == (other in axes):
            continue
        order = [{one: other, other: one}.get(i, i) for i in range(len(sizes))]
        new = ast.Call(cut.func, [sizes[i] for i in order], cut.keywords)
        along = sorted({one: other, other: one}.get(axis, axis) for axis in axes)
        yield Change(f"with `{text(new)}` in place of `{text(cut)}`", ((cut, new), (place, _axis(tuple(along)))))


def transposed(code: Code, node: Node) -> Changes:
    """`.T` left out or added."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield without(node, node.value, f"`.{node.attr}`", "T")
        return
    parent = code.parents.get(node)
    around_product = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.MatMult)
    if around_product and isinstance(node, (ast.Name, ast.Attribute)):
        yield instead(code, node, ast.Attribute(node, "T", ast.Load()), "T")
    elif is_operand(code, node) and node.id in code.params(node):
        yield instead(code, node, ast.Attribute(node, "T", ast.Load()))


def size(code: Code, node: Node) -> Changes:
    """The size of another axis, or the number of all elements."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        for new in (0, 1, -1):
            if new != value_of(node.slice):
                yield instead(code, node, ast.Subscript(node.value, number(new), ast.Load()), "shape")
        yield instead(code, node, call(node.value.value, "numel"), "numel")
    if called(node) == "len" and isinstance(node, ast.Call):
        rows = ast.Subscript(ast.Attribute(node.args[0], "shape", ast.Load()), number(-1), ast.Load())
        yield instead(code, node, rows, "len shape")
        for counted in dict.fromkeys([ast.unparse(node.args[0]), *code.params(node)]):
            yield instead(code, node, call(name(counted), "numel"), f"len {counted}.numel")


def kind(code: Code, node: Node) -> Changes:
    """The right numbers as something else: squeezed, flattened, transposed, rounded to whole numbers, in a tuple, as a list."""
    if not is_returned(code, node):
        return
    for method in ("squeeze", "flatten", "long", "float", "tolist"):
        yield with_(node, call(node, method), f"`.{method}()` at the end", method)
    yield with_(node, ast.Attribute(node, "T", ast.Load()), "`.T` at the end", "T")
    yield with_(node, call(node, "unsqueeze", number(-1)), "`.unsqueeze(-1)` at the end", "unsqueeze")
    yield with_(node, ast.Subscript(node, number(0), ast.Load()), "`[0]` at the end", "first")
    if isinstance(code.parents[node], ast.Return):
        yield with_(node, ast.Tuple([node], ast.Load()), "the result in a tuple")
