"""What the slips have in common: the words of a change, and the places in the code where slips are made."""

import ast
import builtins
from collections.abc import Callable, Iterator

from lessonlib.course.exercises.engine.syntax import (
    Change,
    Code,
    Node,
    call,
    called,
    is_library,
    is_method,
    is_whole,
    name,
    rebuilt,
    text,
)

Changes = Iterator[Change]
Kind = Callable[[Code, Node], Changes]
REDUCTIONS = ("sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "std", "var", "prod", "any", "all", "norm")
MEASURES = (*REDUCTIONS, "log", "exp", "softmax", "log_softmax")
ALONG_AXIS = (*REDUCTIONS, "softmax", "log_softmax", "logsumexp", "cumsum", "sort", "argsort", "unsqueeze", "squeeze",
              "flatten", "size", "stack", "cat", "concat")
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**",
             ast.FloorDiv: "//", ast.Mod: "%"}


def _shown(code: Code, node: Node) -> ast.AST:
    """What to show of a change: of a number or a slice, the expression in which it stands."""
    shown = node
    while isinstance(shown, (ast.Constant, ast.Slice, ast.UnaryOp, ast.comprehension)) or (
            isinstance(shown, ast.Tuple) and isinstance(code.parents.get(shown), ast.Subscript)):
        shown = code.parents.get(shown)
    return shown if isinstance(shown, (ast.expr, ast.keyword)) and len(ast.unparse(shown)) <= 40 else node


def instead(code: Code, old: ast.AST, new: ast.AST, rule: str = "") -> Change:
    """The change of one piece for another."""
    shown = _shown(code, old)
    after = rebuilt(shown, {id(old): new})
    return Change(f"with `{text(after)}` in place of `{text(shown)}`", ((old, new),), rule)


def without(old: ast.AST, new: ast.AST | list, words: str, rule: str = "") -> Change:
    """The change that leaves something out."""
    return Change(f"without {words}", ((old, new),), rule)


def with_(old: ast.AST, new: ast.AST | list, words: str, rule: str = "") -> Change:
    """A change in words of its own."""
    return Change(f"with {words}", ((old, new),), rule)


def is_axis(node: Node) -> bool:
    """Whether an axis, or a tuple of axes, is written here."""
    return is_whole(node) or (isinstance(node, ast.Tuple) and all(map(is_whole, node.elts)))


def axis_places(node: Node) -> Iterator[ast.expr]:
    """The arguments of a call that say along which axis it goes."""
    if called(node) in ALONG_AXIS:
        first = 0 if is_method(node) else 1
        if len(node.args) > first and is_axis(node.args[first]):
            yield node.args[first]
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg in ("dim", "axis", "start_dim") and is_axis(keyword.value):
                yield keyword.value


def is_axis_of(code: Code, node: Node) -> bool:
    """Whether this number says along which axis something goes."""
    around = next((piece for piece in code.above(node) if isinstance(piece, ast.Call)), None)
    return around is not None and any(node in code.within(place) for place in axis_places(around))


def is_operand(code: Code, node: Node) -> bool:
    """Whether a name is calculated with: one side of an operator or a comparison."""
    return (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
            and isinstance(code.parents.get(node), (ast.BinOp, ast.Compare)))


def is_returned(code: Code, node: Node) -> bool:
    """Whether this is what a function hands back, or one of several things."""
    if not isinstance(node, ast.expr) or isinstance(node, ast.Tuple):
        return False
    parent = code.parents.get(node)
    if isinstance(parent, ast.Tuple):
        parent = code.parents.get(parent)
    return isinstance(parent, (ast.Return, ast.Yield))


def is_measured(code: Code, node: Node) -> bool:
    """Whether a reduction, a comparison with the right answers, or a loss is made of this."""
    parent = code.parents.get(node)
    if isinstance(parent, ast.Attribute):
        around = code.parents.get(parent)
        return isinstance(around, ast.Call) and around.func is parent and called(around) in MEASURES
    return (isinstance(parent, ast.Call) and parent.args[:1] == [node] and called(parent) in MEASURES
            and not is_library(node))


def renamed(node: ast.Call, new: str) -> ast.Call:
    """The call of another function; one that the lesson has written itself, `log_softmax(x)`, becomes a method of x."""
    if isinstance(node.func, ast.Attribute):
        return ast.Call(ast.Attribute(node.func.value, new, ast.Load()), node.args, node.keywords)
    if new in dir(builtins) or not node.args:
        return ast.Call(name(new), node.args, node.keywords)
    return call(node.args[0], new, *node.args[1:], **{keyword.arg: keyword.value for keyword in node.keywords if keyword.arg})
