"""Too little and too much: a call, a term, a line left out, added or done twice."""

import ast
from collections.abc import Iterator

from lessonlib.course.exercises.engine.slips.operators import RELATED
from lessonlib.course.exercises.engine.slips.places import (
    OPERATORS,
    Changes,
    instead,
    is_measured,
    is_returned,
    with_,
    without,
)
from lessonlib.course.exercises.engine.syntax import Code, Node, assign, call, called, is_method, name, number, text


def left_out(code: Code, node: Node) -> Changes:
    """A call, a term, an index, a keyword or a whole line left out."""
    if is_method(node) and not isinstance(code.parents.get(node), ast.Expr):
        yield without(node, node.func.value, f"`.{node.func.attr}({', '.join(map(text, [*node.args, *node.keywords]))})`",
                      node.func.attr)
    elif _is_wrapper(node):
        yield without(node, node.args[0], f"`{ast.unparse(node.func)}`", called(node))
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg not in ("dim", "axis", "keepdim", "correction", "unbiased"):
                rest = [other for other in node.keywords if other is not keyword]
                yield without(node, ast.Call(node.func, node.args, rest), f"`{text(keyword)}`", "keyword")
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        sign = OPERATORS[type(node.op)]
        yield without(node, node.left, f"`{sign} {text(node.right)}`", f"term {sign}")
        yield without(node, node.right, f"`{text(node.left)} {sign}`")
    if isinstance(node, ast.Subscript):
        yield from _index_left_out(code, node)
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            tests = [other for other in node.ifs if other is not test]
            yield without(node, ast.comprehension(node.target, node.iter, tests, 0), f"`if {text(test)}`")
    yield from _line_left_out(code, node)


def _is_wrapper(node: Node) -> bool:
    """Whether this is a function called with something that could do without it: `softmax(x)`, `list(params)`."""
    return (isinstance(node, ast.Call) and not is_method(node) and called(node) not in ("range", "len", "super")
            and bool(node.args) and not isinstance(node.args[0], ast.Starred))


def _index_left_out(code: Code, node: ast.Subscript) -> Changes:
    """An index, or one of its two places, left out: `x[rows, columns]` as x, `x[rows]`, `x[:, columns]`."""
    if isinstance(node.ctx, ast.Load):
        yield without(node, node.value, f"the index `[{text(node.slice).strip('()')}]`", "index")
    if isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
        first, second = node.slice.elts
        for part in (first, second):
            yield instead(code, node, ast.Subscript(node.value, part, node.ctx), "index")
        if not any(isinstance(part, ast.Slice) for part in (first, second)):
            rows = ast.Tuple([ast.Slice(), second], ast.Load())
            yield instead(code, node, ast.Subscript(node.value, rows, node.ctx), "rows")


def _line_left_out(code: Code, node: Node) -> Changes:
    if isinstance(node, (ast.Expr, ast.AugAssign)) and not isinstance(getattr(node, "value", None), ast.Yield):
        yield without(node, [], f"the line `{text(node)}`")
    if isinstance(node, ast.Assign):
        made_before = isinstance(node.targets[0], ast.Name) and node.targets[0].id in code.params(node)
        if made_before or not isinstance(node.targets[0], (ast.Name, ast.Tuple)):
            yield without(node, [], f"the line `{text(node)}`")
        for target in node.targets if len(node.targets) > 1 else ():
            rest = [other for other in node.targets if other is not target]
            yield without(node, [assign(rest, node.value)], f"keeping it in `{text(target)}`")
    if isinstance(node, ast.With):
        yield without(node, node.body, f"`with {text(node.items[0])}`")
    if isinstance(node, ast.FunctionDef):
        for decorator in node.decorator_list:
            yield without(decorator, [], f"`@{text(decorator)}`")


def _added(node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """What may be calculated on top of something."""
    for method in ("abs", "square", "sqrt", "exp", "log", "relu", "sigmoid", "round"):
        yield call(node, method), f"`.{method}()`"
    yield call(node, "softmax", dim=number(-1)), "`.softmax(dim=-1)`"


def added(code: Code, node: Node) -> Changes:
    """Something too much at the end or before a reduction: an absolute value, a softmax, `1 -`, `100 *`, a division."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return
    if is_returned(code, node):
        for new, words in _added(node):
            yield with_(node, new, f"{words} at the end")
        for method in ("sum", "mean"):
            yield with_(node, call(node, method), f"`.{method}()` at the end")
        yield with_(node, ast.BinOp(number(1), ast.Sub(), node), "`1 -` before the result")
        for factor in (100, 2):
            yield with_(node, ast.BinOp(node, ast.Mult(), number(factor)), f"`* {factor}` at the end", f"times {factor}")
            yield with_(node, ast.BinOp(node, ast.Div(), number(factor)), f"`/ {factor}` at the end", f"over {factor}")
        for param in code.params(node)[:2]:
            count = ast.Call(name("len"), [name(param)], [])
            yield with_(node, ast.BinOp(node, ast.Div(), count), f"`/ len({param})` at the end", f"over len {param}")
            yield with_(node, ast.BinOp(node, ast.Mult(), count), f"`* len({param})` at the end", f"times len {param}")
    elif is_measured(code, node):
        for new, words in _added(node):
            yield with_(node, new, f"{words} after `{text(node)}`")
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in code.params(node)[:1]:
        for method in ("abs", "relu"):  # of the input, wherever it is read; in one place alone nobody would
            yield with_(node, call(node, method), f"`.{method}()` after `{node.id}`", f"{method} {node.id}")


def twice(code: Code, node: Node) -> Changes:
    """A line or a loop that runs twice, a function that is used twice."""
    if isinstance(node, (ast.AugAssign, ast.For)) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        words = f"the loop `{text(node)}` run twice" if isinstance(node, ast.For) else f"the line `{text(node)}` twice"
        yield with_(node, [node, node], words)
    last: Node = node.body[-1] if isinstance(node, ast.FunctionDef) else None
    if isinstance(last, ast.Return) and last.value is not None and len(node.args.args) == 1:
        once = assign([ast.Name(node.args.args[0].arg, ast.Store())], last.value)
        yield with_(last, [once, *node.body[:-1], last], "the whole calculation done twice")
    if isinstance(node, ast.Call) and called(node) in RELATED and not isinstance(code.parents.get(node), ast.Expr):
        if is_method(node):
            again = ast.Call(ast.Attribute(node, node.func.attr, ast.Load()), node.args, node.keywords)
            yield with_(node, again, f"`{called(node)}` used twice")
        elif node.args:
            yield with_(node, ast.Call(node.func, [node, *node.args[1:]], node.keywords), f"`{called(node)}` used twice")
