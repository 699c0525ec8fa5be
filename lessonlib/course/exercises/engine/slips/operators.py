"""Slips with functions, signs, sides and comparisons: something else is calculated with the right things."""

import ast
import itertools

from lessonlib.course.exercises.engine.slips.places import (
    OPERATORS,
    Changes,
    instead,
    is_axis,
    is_measured,
    is_operand,
    is_returned,
    renamed,
    with_,
    without,
)
from lessonlib.course.exercises.engine.syntax import Change, Code, Node, call, called, text

OTHERS = {
    "mean": ("sum", "median", "amax"), "sum": ("mean", "prod", "amax", "cumsum"), "amax": ("amin", "mean", "max"),
    "amin": ("amax", "mean"), "max": ("min", "mean", "sum"), "min": ("max", "mean"), "argmax": ("argmin", "amax"),
    "argmin": ("argmax", "amin"), "std": ("var",), "var": ("std",), "prod": ("sum",), "any": ("all",), "all": ("any",),
    "cumsum": ("sum",), "argsort": ("sort",),
}
RELATED = {
    "exp": ("expm1", "exp2", "log"), "log": ("log2", "log10", "log1p", "exp"), "log2": ("log",),
    "sqrt": ("square", "abs"), "square": ("abs", "sqrt"), "abs": ("square",), "softmax": ("log_softmax", "sigmoid"),
    "log_softmax": ("softmax", "log", "sigmoid"), "sigmoid": ("tanh", "softmax"), "relu": ("abs", "sigmoid"),
    "tanh": ("sigmoid",),
    "cos": ("sin",), "sin": ("cos",), "zeros": ("ones", "randn"), "zeros_like": ("ones_like",), "ones": ("zeros",),
    "ones_like": ("zeros_like",), "randn": ("rand", "zeros", "ones"), "rand": ("randn", "zeros"),
    "randperm": ("arange",), "clamp_min": ("clamp_max",), "clamp_max": ("clamp_min",), "floor": ("ceil", "round"),
    "ceil": ("floor",), "float": ("long",), "long": ("float",), "int": ("round",), "split": ("chunk",),
    "chunk": ("split",), "stack": ("cat",), "cat": ("stack",), "append": ("extend",), "extend": ("append",),
    "step": ("zero_grad",), "zero_grad": ("step",), "eval": ("train",), "train": ("eval",),
    "cross_entropy": ("nll_loss",), "nll_loss": ("cross_entropy",), "unsqueeze": ("squeeze",), "eq": ("ne",),
}


def reduction(code: Code, node: Node) -> Changes:
    """`mean` for `sum` and the like; a deviation that divides by n instead of n - 1."""
    for new in OTHERS.get(called(node), ()):
        yield with_(node, renamed(node, new), f"`{new}` in place of `{called(node)}`", f"{called(node)} {new}")
    if called(node) in ("std", "var"):
        given = [keyword for keyword in node.keywords if keyword.arg in ("unbiased", "correction")]
        rest = [keyword for keyword in node.keywords if keyword not in given]
        if given:
            yield without(node, ast.Call(node.func, node.args, rest), f"`{text(given[0])}`", "correction")
        else:
            more = [*rest, ast.keyword("correction", ast.Constant(0))]
            yield with_(node, ast.Call(node.func, node.args, more), f"`correction=0` in `{called(node)}`", "correction")
    if called(node) == "len" and isinstance(code.parents.get(node), ast.BinOp):
        yield with_(node, call(node.args[0], "numel"), f"`{text(node.args[0])}.numel()` in place of `{text(node)}`", "numel")


def function(code: Code, node: Node) -> Changes:
    """A related function: the logarithm of another base, random numbers of another kind."""
    for new in RELATED.get(called(node), ()):
        yield with_(node, renamed(node, new), f"`{new}` in place of `{called(node)}`", f"{called(node)} {new}")


def sign(code: Code, node: Node) -> Changes:
    """A minus left out, added, or a plus."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield without(node, node.operand, f"the minus before `{text(node.operand)}`", "minus")
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, (ast.Add, ast.Sub)):
        new = ast.Add() if isinstance(node.op, ast.Sub) else ast.Sub()
        yield _operator(node, new, "sign")
    if is_returned(code, node) and not isinstance(node, ast.UnaryOp):
        yield with_(node, ast.UnaryOp(ast.USub(), node), "a minus before the result", "minus result")
    elif is_measured(code, node) or (isinstance(node, ast.Name) and code.names(node)[:1] == [node.id]
                                      and is_operand(code, node)):
        yield with_(node, ast.UnaryOp(ast.USub(), node), f"a minus before `{text(node)}`")


def _operator(node: ast.BinOp | ast.AugAssign, new: ast.operator, rule: str = "") -> Change:
    old_sign, new_sign = OPERATORS[type(node.op)], OPERATORS[type(new)]
    if isinstance(node, ast.AugAssign):
        return with_(node, ast.AugAssign(node.target, new, node.value), f"`{new_sign}=` in place of `{old_sign}=`")
    other = ast.BinOp(node.left, new, node.right)
    whole = len(ast.unparse(node)) <= 30
    words = f"`{text(other)}` in place of `{text(node)}`" if whole else f"`{new_sign}` in place of `{old_sign}`"
    return with_(node, other, words, f"{rule} {old_sign}" if rule else "")


def exchanged(code: Code, node: Node) -> Changes:
    """The two sides of an operator, two arguments, two results, or the two places of an index exchanged."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow, ast.FloorDiv, ast.Mod)):
        other = ast.BinOp(node.right, node.op, node.left)
        if len(ast.unparse(node)) <= 30:
            yield with_(node, other, f"`{text(other)}` in place of `{text(node)}`", "sides")
        else:
            yield with_(node, other, f"the two sides of `{OPERATORS[type(node.op)]}` exchanged", "sides")
    if isinstance(node, ast.Call) and len(node.args) > 1:
        for i in range(len(node.args) - 1):
            args = [*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2:]]
            if not any(isinstance(arg, ast.Starred) for arg in args):
                yield instead(code, node, ast.Call(node.func, args, node.keywords))
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and not is_axis(node) and len(node.elts) > 1:
        yield from _reordered(code, node)
    if isinstance(node, ast.FunctionDef):
        yield from _arguments_exchanged(code, node)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript):
        inner = node.value
        swapped = ast.Subscript(ast.Subscript(inner.value, node.slice, ast.Load()), inner.slice, node.ctx)
        yield instead(code, node, swapped, "indexes")


def _arguments_exchanged(code: Code, node: ast.FunctionDef) -> Changes:
    """Two arguments, each used where the other should be."""
    read = [piece for piece in code.within(node) if isinstance(piece, ast.Name)]
    params = [arg.arg for arg in node.args.args if arg.arg != "self"]
    for one, other in itertools.combinations(params, 2):
        swaps = tuple((piece, ast.Name(other if piece.id == one else one, piece.ctx))
                      for piece in read if piece.id in (one, other))
        if swaps:
            yield Change(f"with `{one}` and `{other}` exchanged", swaps)


def _reordered(code: Code, node: ast.Tuple) -> Changes:
    """A tuple with two neighbours exchanged, or, of a longer one, with one left out."""
    if len(node.elts) <= 3:
        orders = [list(elts) for elts in itertools.permutations(node.elts)]
    else:
        orders = [[*node.elts[:i], node.elts[i + 1], node.elts[i], *node.elts[i + 2:]] for i in range(len(node.elts) - 1)]
    for elts in orders:
        yield instead(code, node, ast.Tuple(elts, ast.Load()), "")
    if isinstance(code.parents.get(node), (ast.Return, ast.Yield)):
        for i, part in enumerate(node.elts):
            rest = [*node.elts[:i], *node.elts[i + 1:]]
            yield without(node, rest[0] if len(rest) == 1 else ast.Tuple(rest, ast.Load()), f"`{text(part)}` in the result")


OTHER_OPERATORS = {
    ast.Mult: (ast.MatMult, ast.Add, ast.Div, ast.Pow), ast.MatMult: (ast.Mult,), ast.Div: (ast.Mult, ast.Sub, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mod), ast.Mod: (ast.FloorDiv,), ast.Pow: (ast.Mult,), ast.Add: (ast.Mult,), ast.Sub: (ast.Div,),
}


def operator(code: Code, node: Node) -> Changes:
    """`*` for `@`, `/` for `//` and the like."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        for new in OTHER_OPERATORS.get(type(node.op), ()):
            yield _operator(node, new(), f"operator {OPERATORS[new]}")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.left, ast.BinOp) and isinstance(
            node.left.op, ast.Mult):  # a * b / c as a * (b // c)
        whole = ast.BinOp(node.left.right, ast.FloorDiv(), node.right)
        yield instead(code, node, ast.BinOp(node.left.left, ast.Mult(), whole))


COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
               ast.IsNot: "is not"}
OTHER_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}


def comparison(code: Code, node: Node) -> Changes:
    """`<` for `<=`, `>` for `<`, `and` for `or`, a `not` too many or too few."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for new in OTHER_COMPARISONS.get(type(node.ops[0]), ()):
            other: ast.expr = ast.Compare(node.left, [new()], node.comparators)
            words = f"`{COMPARISONS[new]}` in place of `{COMPARISONS[type(node.ops[0])]}`"
            yield with_(node, other, words, f"{new.__name__}")
    if isinstance(node, ast.BoolOp):
        both = isinstance(node.op, ast.And)
        other = ast.BoolOp(ast.Or() if both else ast.And(), node.values)
        yield with_(node, other, "`or` in place of `and`" if both else "`and` in place of `or`")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        yield without(node, node.operand, f"`{'not' if isinstance(node.op, ast.Not) else '~'}` before `{text(node.operand)}`")
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        both = isinstance(node.op, ast.BitAnd)
        other = ast.BinOp(node.left, ast.BitOr() if both else ast.BitAnd(), node.right)
        yield with_(node, other, "`|` in place of `&`" if both else "`&` in place of `|`")


def branch(code: Code, node: Node) -> Changes:
    """The two ways of a choice exchanged, or one of them taken always."""
    if isinstance(node, ast.IfExp):
        yield instead(code, node, ast.IfExp(node.test, node.orelse, node.body))
        yield instead(code, node, node.body)
        yield instead(code, node, node.orelse)
    if called(node) == "where" and len(node.args) == 3:
        for one in node.args[1:]:
            yield instead(code, node, one)
    if isinstance(node, ast.If):
        yield without(node, node.body, f"`if {text(node.test)}`")
        yield without(node, node.orelse, f"the line after `if {text(node.test)}`")
        if node.orelse and not isinstance(node.orelse[0], ast.If):
            yield with_(node, [ast.If(node.test, node.orelse, node.body)], f"the two ways of `if {text(node.test)}` exchanged")
            yield with_(node, node.orelse, f"the `else` of `if {text(node.test)}` always")
