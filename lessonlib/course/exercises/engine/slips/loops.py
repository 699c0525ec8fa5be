"""Slips with loops and state: what happens in each round, once, or in place."""

import ast

from lessonlib.course.exercises.engine.slips.places import Changes, instead, is_returned, renamed, with_, without
from lessonlib.course.exercises.engine.syntax import (
    Change,
    Code,
    Node,
    assign,
    call,
    called,
    is_method,
    name,
    number,
    reads,
    text,
    value_of,
)


def return_in_loop(code: Code, node: Node) -> Changes:
    """`return` indented too far, so that the loop ends in its first round; `return` for `yield`."""
    if isinstance(node, (ast.For, ast.While)):
        block = code.block(node)
        place = next(i for i, line in enumerate(block) if line is node)
        below = block[place + 1] if place + 1 < len(block) else None
        if isinstance(below, ast.Return):
            words = "`return` inside the loop"
            inner = _inner_loop(node)
            yield Change(f"with {words}", ((below, []), (node.body[-1], [node.body[-1], below])))
            if inner is not None:
                yield Change("with `return` inside the inner loop", ((below, []), (inner.body[-1], [inner.body[-1], below])))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield):
        yield with_(node, [ast.Return(node.value.value)], "`return` in place of `yield`")


def _inner_loop(node: ast.For | ast.While) -> ast.For | ast.While | None:
    return next((line for line in node.body if isinstance(line, (ast.For, ast.While))), None)


def after_loop(code: Code, node: Node) -> Changes:
    """The last lines of a loop not indented, so that they run once, after it."""
    if isinstance(node, ast.For):
        for i in range(1, len(node.body)):
            out = node.body[i:]
            words = f"`{text(out[0])}` after the loop" if len(out) == 1 else f"the lines from `{text(out[0])}` on after the loop"
            loop = ast.For(node.target, node.iter, node.body[:i], [], lineno=node.lineno)
            yield with_(node, [loop, *out], words)


def into_loop(code: Code, node: Node) -> Changes:
    """The line below a loop indented too far, so that it runs in every round."""
    if isinstance(node, (ast.For, ast.While)):
        block = code.block(node)
        place = next(i for i, line in enumerate(block) if line is node)
        below = block[place + 1] if place + 1 < len(block) else None
        if isinstance(below, (ast.Expr, ast.Assign, ast.AugAssign)):
            yield Change(f"with `{text(below)}` inside the loop", ((below, []), (node.body[-1], [node.body[-1], below])))


def start(code: Code, node: Node) -> Changes:
    """Another beginning: the first number for nothing at all, 0 for what every number is below or above."""
    if not isinstance(node, ast.expr) or not _begins(code, node):
        return
    infinite = ast.Call(name("float"), [ast.Constant("inf")], [])
    new: list[ast.expr] = [number(0), infinite, ast.UnaryOp(ast.USub(), infinite)]
    new += [ast.Subscript(name(param), number(0), ast.Load()) for param in code.params(node)[:2]]
    for other in new:
        if ast.unparse(other) != ast.unparse(node):
            yield instead(code, node, other)


def _begins(code: Code, node: ast.expr) -> bool:
    """Whether a name is given a first value here: a number, `float("inf")`, or the first of several."""
    line = code.parents.get(node)
    if isinstance(line, ast.Tuple):
        line = code.parents.get(line)
    first = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and value_of(node.slice) == 0
    plain = isinstance(value_of(node), (int, float)) and not isinstance(value_of(node), bool)
    infinite = "inf" in ast.unparse(node) and not isinstance(node, (ast.Tuple, ast.List))
    return isinstance(line, ast.Assign) and (first or plain or infinite)


def not_kept(code: Code, node: Node) -> Changes:
    """Something found and not kept: `if loss < best:` without `best = loss`, or one of two names not set anew."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
        sides = node.test.left, node.test.comparators[0]
        for kept, found in (sides, sides[::-1]):
            if isinstance(kept, (ast.Name, ast.Subscript)) and ast.unparse(kept) in _set_before(code, node):
                line = assign([_stored(kept)], found)
                if ast.unparse(line) not in map(ast.unparse, node.body):
                    yield with_(node.body[0], [line, node.body[0]], f"`{text(line)}` after `if {text(node.test)}`")
    if isinstance(node, ast.Assign) and _is_in_loop(code, node):
        pair = (node.targets[0], node.value)
        if all(isinstance(side, ast.Tuple) for side in pair) and len(pair[0].elts) == len(pair[1].elts) == 2:  # type: ignore[attr-defined]
            for goal, value in zip(pair[0].elts, pair[1].elts, strict=True):  # type: ignore[attr-defined]
                yield with_(node, [assign([goal], value)], f"`{text(goal)} = {text(value)}` alone in `{text(node)}`")
        elif len(code.block(node)) > 1 and ast.unparse(node.targets[0]) in _set_before(code, node):
            yield without(node, [], f"the line `{text(node)}`")


def _stored(node: ast.Name | ast.Subscript) -> ast.expr:
    return name(node.id) if isinstance(node, ast.Name) else ast.Subscript(node.value, node.slice, ast.Store())


def _set_before(code: Code, node: Node) -> set[str]:
    """The names that are set in lines of the same function before this one."""
    found: set[str] = set()
    function = code.function(node)
    for line in code.within(function) if function is not None else ():
        if line is node:
            break
        if isinstance(line, ast.Assign):
            goals = [each for goal in line.targets for each in (goal.elts if isinstance(goal, ast.Tuple) else [goal])]
            found.update(map(ast.unparse, goals))
    return found


def _is_in_loop(code: Code, node: Node) -> bool:
    return any(isinstance(piece, (ast.For, ast.While)) for piece in code.above(node))


def state_in_loop(code: Code, node: Node) -> Changes:
    """What is made once before a loop made in every round, or what is made in every round made once before it."""
    if not isinstance(node, (ast.For, ast.While)):
        return
    block = code.block(node)
    place = next(i for i, line in enumerate(block) if line is node)
    for line in block[:place]:
        if isinstance(line, ast.Assign):
            yield Change(f"with `{text(line)}` inside the loop", ((line, []), (node.body[0], [line, node.body[0]])))
    for line in node.body:
        if isinstance(line, ast.Assign) and len(node.body) > 1:
            yield Change(f"with `{text(line)}` before the loop", ((line, []), (node, [line, node])))


def pairing(code: Code, node: Node) -> Changes:
    """Pairs that do not belong together, a count that starts elsewhere, the wrong order, one object used many times."""
    if called(node) == "enumerate" and isinstance(node, ast.Call):
        yield instead(code, node, ast.Call(node.func, [*node.args[:1], number(1)], []))
    if called(node) == "zip" and isinstance(node, ast.Call) and len(node.args) >= 2:
        late = ast.Subscript(node.args[1], ast.Slice(lower=number(1)), ast.Load())
        yield instead(code, node, ast.Call(node.func, [node.args[0], late, *node.args[2:]], node.keywords))
    if isinstance(node, (ast.For, ast.comprehension)):
        if isinstance(node.target, ast.Tuple) and len(node.target.elts) == 2:
            other = ast.Tuple(node.target.elts[::-1], ast.Store())
            yield with_(node.target, other, f"`for {text(other)[1:-1]}` in place of `for {text(node.target)[1:-1]}`")
        if isinstance(node.iter, ast.Call) and called(node.iter) == "reversed":
            yield without(node.iter, node.iter.args[0], "`reversed`")
        else:
            backwards = ast.Call(name("reversed"), [ast.Call(name("list"), [node.iter], [])], [])
            yield with_(node.iter, backwards, f"`{text(node.iter)}` in the reverse order")
    if isinstance(node, ast.ListComp) and isinstance(node.elt, (ast.List, ast.ListComp, ast.BinOp)):
        rounds: Node = node.generators[0].iter
        if called(rounds) == "range" and not any(reads(code, node.elt, ast.unparse(g.target)) for g in node.generators):
            same = ast.BinOp(ast.List([node.elt], ast.Load()), ast.Mult(), rounds.args[0])
            yield with_(node, same, "the same row many times")


def used_again(code: Code, node: Node) -> Changes:
    """One list emptied and filled again, where a new one is needed each time: all places then hold the same."""
    if isinstance(node, ast.Expr) and called(node.value) == "clear" and is_method(node.value):
        emptied = node.value.func.value
        if isinstance(emptied, ast.Name):
            yield with_(node, [assign([ast.Name(emptied.id, ast.Store())], ast.List([], ast.Load()))],
                        f"`{emptied.id} = []` in place of `{text(node)}`")
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and ast.unparse(node.value) == "[]" and (
            _is_in_loop(code, node)):
        yield with_(node, [ast.Expr(call(name(node.targets[0].id), "clear"))],
                    f"`{node.targets[0].id}.clear()` in place of `{text(node)}`")
    if called(node) == "append" and is_method(node) and len(node.args) == 1 and isinstance(node.args[0], ast.Name):
        for copy in (ast.Call(name("list"), node.args, []), call(node.args[0], "clone")):
            yield with_(node.args[0], copy, f"`{text(copy)}` in place of `{text(node.args[0])}`")


HAS_TWIN_IN_PLACE = ("exp", "log", "sqrt", "square", "abs", "relu", "clamp", "clamp_min", "clamp_max")


def in_place(code: Code, node: Node) -> Changes:
    """An input changed in place, or a parameter that should be changed in place replaced by a new tensor."""
    if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Name) and node.left.id in code.params(node):
        method = {ast.Add: "add_", ast.Sub: "sub_", ast.Mult: "mul_", ast.Div: "div_", ast.Pow: "pow_"}.get(type(node.op))
        if method:
            yield with_(node, call(node.left, method, node.right), f"`{node.left.id}` changed in place")
    if is_method(node) and node.func.attr in HAS_TWIN_IN_PLACE:
        changed = node.func.value
        if isinstance(changed, ast.Name) and changed.id in code.params(node):
            yield with_(node, renamed(node, node.func.attr + "_"), f"`{changed.id}` changed in place")
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        new = assign([node.target], ast.BinOp(name(node.target.id), node.op, node.value))
        yield with_(node, [new], f"`{text(new)}` in place of `{text(node)}`")


def detached(code: Code, node: Node) -> Changes:
    """The record for the gradient cut too early: `.detach()`, `.item()`, `.data`."""
    if is_returned(code, node) or (isinstance(node, ast.expr) and isinstance(code.parents.get(node), ast.Assign)
                                    and isinstance(node, (ast.Call, ast.BinOp))):
        yield with_(node, call(node, "detach"), f"`.detach()` after `{text(node)}`")
        yield with_(node, call(node, "item"), f"`.item()` after `{text(node)}`", "item")
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
        if of_self and isinstance(code.parents.get(node), ast.BinOp):
            yield with_(node, ast.Attribute(node, "data", ast.Load()), f"`{text(node)}.data` in place of `{text(node)}`")
