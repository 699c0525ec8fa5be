"""Slips with brackets and order: the right things are done, one of them too early or too late."""

import ast

from lessonlib.course.exercises.engine.slips.places import OPERATORS, Changes, with_
from lessonlib.course.exercises.engine.syntax import Change, Code, Node, is_method, text


def bracket(code: Code, node: Node) -> Changes:
    """A bracket that is missing, closes too early or too late: `a - b / c`, `x.sum() - m` for `(x - m).sum()`."""
    if isinstance(node, ast.BinOp):
        yield from _regrouped(node)
        yield from _method_reaches_further(node)
        yield from _call_reaches_further(node)
    if is_method(node) and isinstance(node.func.value, ast.BinOp):
        inner: Node = node.func.value  # (a - b).sum() -> a - b.sum()
        last = ast.Call(ast.Attribute(inner.right, node.func.attr, ast.Load()), node.args, node.keywords)
        yield _bracket(node, ast.BinOp(inner.left, inner.op, last))
    elif isinstance(node, ast.Call) and len(node.args) >= 1 and isinstance(node.args[0], ast.BinOp):
        inner = node.args[0]  # f(a - b) -> f(a) - b
        first = ast.Call(node.func, [inner.left, *node.args[1:]], node.keywords)
        yield _bracket(node, ast.BinOp(first, inner.op, inner.right))
    if isinstance(node, ast.UnaryOp) and is_method(node.operand):  # -x.exp() -> (-x).exp()
        method = node.operand
        inside: ast.expr = ast.UnaryOp(node.op, method.func.value)
        yield _bracket(node, ast.Call(ast.Attribute(inside, method.func.attr, ast.Load()), method.args, method.keywords))
    if is_method(node) and isinstance(node.func.value, ast.UnaryOp):  # (-x).exp() -> -x.exp()
        inner = node.func.value
        inside = ast.Call(ast.Attribute(inner.operand, node.func.attr, ast.Load()), node.args, node.keywords)
        yield _bracket(node, ast.UnaryOp(inner.op, inside))


def _bracket(old: ast.AST, new: ast.AST) -> Change:
    signs = [OPERATORS.get(type(piece.op), "") for piece in (old, new) if isinstance(piece, ast.BinOp)]
    return Change(f"with `{text(new)}` in place of `{text(old)}`", ((old, new),), f"bracket {' '.join(signs)}")


def _regrouped(node: ast.BinOp) -> Changes:
    """(a op b) op c as a op (b op c), and the other way round."""
    if isinstance(node.left, ast.BinOp):
        inner = node.left
        other = ast.BinOp(inner.left, inner.op, ast.BinOp(inner.right, node.op, node.right))
        if not _same_either_way(inner.op, node.op):
            yield _bracket(node, other)
    if isinstance(node.right, ast.BinOp):
        inner = node.right
        other = ast.BinOp(ast.BinOp(node.left, node.op, inner.left), inner.op, inner.right)
        if not _same_either_way(node.op, inner.op):
            yield _bracket(node, other)


def _same_either_way(first: ast.operator, second: ast.operator) -> bool:
    """Whether brackets make no difference: a + (b - c), a * (b / c), (a @ b) @ c."""
    return (type(first), type(second)) in {(ast.Add, ast.Add), (ast.Add, ast.Sub), (ast.Mult, ast.Mult),
                                           (ast.Mult, ast.Div), (ast.MatMult, ast.MatMult)}


def _method_reaches_further(node: ast.BinOp) -> Changes:
    """`a - b.sum()` as `(a - b).sum()`."""
    last = node.right
    if is_method(last):
        both = ast.BinOp(node.left, node.op, last.func.value)
        yield _bracket(node, ast.Call(ast.Attribute(both, last.func.attr, ast.Load()), last.args, last.keywords))


def _call_reaches_further(node: ast.BinOp) -> Changes:
    """`f(a) - b` as `f(a - b)`, `a.sum() - b` as `(a - b).sum()`."""
    first: Node = node.left
    if is_method(first):
        both = ast.BinOp(first.func.value, node.op, node.right)
        yield _bracket(node, ast.Call(ast.Attribute(both, first.func.attr, ast.Load()), first.args, first.keywords))
    elif isinstance(first, ast.Call) and first.args:
        both = ast.BinOp(first.args[0], node.op, node.right)
        yield _bracket(node, ast.Call(first.func, [both, *first.args[1:]], first.keywords))


def order(code: Code, node: Node) -> Changes:
    """Two steps done the wrong way round: `.sqrt().mean()` for `.mean().sqrt()`, or two lines exchanged."""
    if is_method(node) and is_method(node.func.value):
        inner = node.func.value
        first = ast.Call(ast.Attribute(inner.func.value, node.func.attr, ast.Load()), node.args, node.keywords)
        other = ast.Call(ast.Attribute(first, inner.func.attr, ast.Load()), inner.args, inner.keywords)
        yield with_(node, other, f"`.{node.func.attr}()` before `.{inner.func.attr}()`")
    elif is_method(node) and isinstance(node.func.value, ast.BinOp):
        yield from _method_before_operator(node)
    if isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign)):
        yield from _lines_exchanged(code, node)


def together(code: Code, node: Node) -> Changes:
    """Two reductions of two things for one of both: `a.sum() * b.sum()` for `(a * b).sum()`."""
    if not isinstance(node, ast.BinOp):
        return
    left: Node = node.left
    right: Node = node.right
    if is_method(left) and is_method(right) and ast.dump(_arguments(left)) == ast.dump(_arguments(right)):
        both = isinstance(left.func.value, ast.Compare) and isinstance(right.func.value, ast.Compare)
        for op in (ast.BitAnd(), ast.BitOr()) if both else (node.op,):
            inner = ast.BinOp(left.func.value, op, right.func.value)
            yield _bracket(node, ast.Call(ast.Attribute(inner, left.func.attr, ast.Load()), left.args, left.keywords))


def _arguments(node: ast.Call) -> ast.Call:
    """A call without what it is called on."""
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return ast.Call(ast.Name(method, ast.Load()), node.args, node.keywords)


def _method_before_operator(node: Node) -> Changes:
    """(a - b).mean() as a.mean() - b.mean(), (a ** 2).mean() as a.mean() ** 2."""
    inner = node.func.value
    left, right = (side if isinstance(side, ast.Constant) else
                   ast.Call(ast.Attribute(side, node.func.attr, ast.Load()), node.args, node.keywords)
                   for side in (inner.left, inner.right))
    yield with_(node, ast.BinOp(left, inner.op, right), f"`.{node.func.attr}()` before `{OPERATORS.get(type(inner.op), 'it')}`")


def _lines_exchanged(code: Code, line: ast.stmt) -> Changes:
    block = code.block(line)
    place = next(i for i, other in enumerate(block) if other is line)
    for below in block[place + 1:place + 3]:
        if isinstance(below, (ast.Expr, ast.Assign, ast.AugAssign)):
            yield Change(f"with the lines `{text(line)}` and `{text(below)}` exchanged", ((line, below), (below, line)))
