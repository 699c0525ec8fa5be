"""The syntax tree of a solution: walking through it, and writing it down again with a piece exchanged."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

LONGEST = 60  # characters of code that a sentence can hold

Node = Any  # a piece of the tree: of which class it is, and so which fields it has, is what a slip asks first
New = ast.AST | list[ast.stmt]  # what is put in the place of a piece; [] takes a line away


@dataclass(frozen=True)
class Change:
    """Pieces of a tree, what is put in their place, and the words for it: "with …" or "without …"."""

    what: str
    swaps: tuple[tuple[ast.AST, New], ...]
    rule: str = ""  # changes by one rule are tried all together as well; "" for none

    @property
    def at(self) -> ast.AST:
        """Where the change is made."""
        return self.swaps[0][0]


class Code:
    """A solution as a tree: its pieces in the order of the text, without annotations, docstrings and error checks."""

    def __init__(self, source: str):
        self.tree = ast.parse(source)
        self.parents: dict[ast.AST, Node] = {}
        self.nodes = tuple(self._walk(self.tree))
        self._whole = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}  # words, too

    def _walk(self, node: Node) -> Iterator[ast.AST]:
        yield node
        for child in _children(node):
            self.parents[child] = node
            yield from self._walk(child)

    def within(self, node: Node) -> Iterator[ast.AST]:
        """The piece itself and all that it is made of, in the order of the text."""
        yield node
        for child in _children(node):
            yield from self.within(child)

    def above(self, node: Node) -> Iterator[ast.AST]:
        """What the piece is a part of, from the inside to the outside."""
        while (node := self.parents.get(node)) is not None:
            yield node

    def line(self, node: Node) -> int:
        """The number of the line in which a piece stands; 0 where that is not known."""
        return next((piece.lineno for piece in (node, *self.above(node)) if hasattr(piece, "lineno")), 0)

    def function(self, node: Node) -> ast.FunctionDef | None:
        """The function around a piece."""
        return next((piece for piece in self.above(node) if isinstance(piece, ast.FunctionDef)), None)

    def params(self, node: Node) -> list[str]:
        """The arguments of the function around a piece, without `self`."""
        function = self.function(node)
        return [arg.arg for arg in function.args.args if arg.arg != "self"] if function else []

    def names(self, node: Node) -> list[str]:
        """The arguments and the names that the function around a piece makes, in the order of the text."""
        function = self.function(node)
        if function is None:
            return []
        made = [piece.id for piece in self.within(function)
                if isinstance(piece, ast.Name) and isinstance(piece.ctx, ast.Store)]
        return list(dict.fromkeys([*self.params(node), *made]))

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The lines of one depth among which a line stands."""
        parent = self.parents[statement]
        return next(lines for name, lines in ast.iter_fields(parent)
                    if isinstance(lines, list) and any(line is statement for line in lines))

    def with_(self, swaps: Sequence[tuple[ast.AST, New]]) -> str:
        """The source with pieces exchanged."""
        touched: set[ast.AST] = set()
        for old, _ in swaps:
            piece: ast.AST | None = old
            while piece is not None and piece not in touched:
                touched.add(piece)
                piece = self._whole.get(piece)
        return ast.unparse(rebuilt(self.tree, {id(old): new for old, new in swaps},
                                   lambda piece: piece in self._whole and piece not in touched))


def _is_guard(node: Node) -> bool:
    """An `if` that does nothing but raise an error."""
    return isinstance(node, ast.If) and not node.orelse and all(isinstance(line, ast.Raise) for line in node.body)


def _is_docstring(node: Node) -> bool:
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))


def _is_told(node: Node) -> bool:
    """What is about words, types or errors, so that a slip in it changes no number."""
    return (isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)) or _is_guard(node)
            or _is_docstring(node) or (isinstance(node, ast.FunctionDef) and node.name in ("__repr__", "__str__")))


def _children(node: Node) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "ctx", "op", "ops", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_told(child):
                yield child


def rebuilt(node: Node, swaps: Mapping[int, New], shared: Callable[[ast.AST], bool] = lambda piece: False) -> Node:
    """A copy of a tree in which each piece whose `id` is in `swaps` is exchanged; what may be shared is not copied."""
    left = dict(swaps)

    def copy(piece: ast.AST) -> ast.AST | list[ast.AST]:
        if id(piece) not in left:
            return inside(piece)
        new = left.pop(id(piece))  # only once: the new piece may well hold the old one
        return [inside(line) for line in new] if isinstance(new, list) else inside(new)

    def inside(piece: ast.AST) -> ast.AST:
        if shared(piece):
            return piece
        fields = {}
        for name, value in ast.iter_fields(piece):
            if isinstance(value, ast.AST):
                value = copy(value)
            elif isinstance(value, list):
                copies = [copy(item) if isinstance(item, ast.AST) else item for item in value]
                value = [item for part in copies for item in (part if isinstance(part, list) else [part])]
                if name == "body" and not value:
                    value = [ast.Pass()]
            fields[name] = value
        if isinstance(piece, ast.stmt):
            fields["lineno"] = getattr(piece, "lineno", 1)  # `unparse` asks each line for its number
        return type(piece)(**fields)

    return copy(node)


def text(node: Node | list[ast.AST]) -> str:
    """A piece of code as it can stand in a sentence: one line, not too long."""
    pieces = node if isinstance(node, list) else [node]
    whole = "; ".join(map(ast.unparse, pieces))
    first, *more = whole.strip().splitlines() or [""]
    short = first if len(first) <= LONGEST else first[:LONGEST - 1] + "…"
    return short + " …" * bool(more)


def assign(targets: list[ast.expr], value: ast.expr) -> ast.Assign:
    """The line that gives a value a name."""
    return ast.Assign(targets, value, lineno=1)


def name(id: str) -> ast.Name:
    """The piece that reads a name."""
    return ast.Name(id, ast.Load())


def number(value: float) -> ast.expr:
    """The piece that is a number; below zero it is a minus and a number, as Python reads it."""
    return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)


def value_of(node: Node) -> Any:
    """The number, text, … that stands in the code at this place; None where something is computed."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, (int, float)) else None
    return node.value if isinstance(node, ast.Constant) else None


def is_whole(node: Node | None) -> bool:
    """Whether a whole number stands here."""
    value = value_of(node)
    return isinstance(value, int) and not isinstance(value, bool)


def call(owner: ast.expr, method: str, *args: ast.expr, **named: ast.expr) -> ast.Call:
    """The piece `owner.method(args, named)`."""
    return ast.Call(ast.Attribute(owner, method, ast.Load()), list(args),
                    [ast.keyword(key, value) for key, value in named.items()])


def called(node: Node) -> str:
    """The last name of what is called here: "exp" for both `x.exp()` and `torch.exp(x)`; "" where nothing is called."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_library(node: Node) -> bool:
    """Whether this is the name of a library whose functions are called, so that `torch.exp(x)` is no method of x."""
    dotted = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
    return dotted in ("torch", "math", "np", "F", "nn", "functional", "nn.functional", "torch.nn.functional", "random")


def is_method(node: Node) -> TypeGuard[Any]:
    """Whether a method of a value is called here: `x.exp()`, but not `torch.exp(x)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not is_library(node.func.value)


def reads(code: Code, node: Node, wanted: str) -> bool:
    """Whether a name or attribute is read somewhere in a piece."""
    return any(isinstance(piece, (ast.Name, ast.Attribute)) and isinstance(piece.ctx, ast.Load)
               and ast.unparse(piece) == wanted for piece in code.within(node))
