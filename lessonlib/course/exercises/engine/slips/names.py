"""Slips with names: another variable, another result, an input that is not used, an attribute that is not kept."""

import ast

from lessonlib.course.exercises.engine.slips.places import Changes, instead, is_returned, with_, without
from lessonlib.course.exercises.engine.syntax import Change, Code, Node, assign, name, reads, rebuilt, text


def variable(code: Code, node: Node) -> Changes:
    """Another name of the same function, or another attribute of the same object."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not isinstance(code.parents.get(node), ast.Attribute):
        names = code.names(node)
        if node.id in names:
            for other in names:
                if other != node.id:
                    yield instead(code, node, name(other), f"{node.id} {other}")
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and isinstance(code.parents.get(node), ast.Attribute):
        for other in code.names(node) if node.id in code.names(node) else ():
            if other != node.id:
                yield instead(code, node, name(other), f"{node.id} {other}")


def returned(code: Code, node: Node) -> Changes:
    """Another thing handed back: what was changed on the way instead of what was asked for."""
    if isinstance(node, ast.Return) and node.value is not None:
        for other in code.names(node):
            if text(node.value) != other:
                yield with_(node.value, name(other), f"`return {other}`")
    if is_returned(code, node) and not isinstance(node, ast.Name):
        for piece in code.within(node):
            if isinstance(piece, ast.Name) and piece.id in code.names(node):
                yield with_(node, name(piece.id), f"`{piece.id}` alone in the result")


def recomputed(code: Code, node: Node) -> Changes:
    """A number that belongs to one input computed again from another: the mean of the validation part for its own."""
    function = code.function(node)
    if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and function is not None):
        return
    formula = _formula(code, function, node.id)
    params = [param for param in code.params(node) if reads(code, _part(code, node), param)]
    read = [piece for piece in code.within(formula) if isinstance(piece, ast.Name)] if formula is not None else []
    for old in {piece.id: piece for piece in read if piece.id in code.params(node)}:
        for new in params:
            if new != old and not any(piece.id == new for piece in read):
                other = rebuilt(formula, {id(piece): name(new) for piece in read if piece.id == old})
                yield instead(code, node, other, f"{old} {new}")


def _part(code: Code, node: Node) -> ast.AST:
    """The whole expression that a piece is part of; of several that stand in a tuple, one."""
    part = node
    for above in code.above(node):
        if not isinstance(above, ast.expr) or isinstance(above, ast.Tuple):
            break
        part = above
    return part


def _formula(code: Code, function: ast.FunctionDef, made: str) -> ast.expr | None:
    """How a name is computed, where it is computed once."""
    found = []
    for line in code.within(function):
        if isinstance(line, ast.Assign):
            for target in line.targets:
                pairs = (zip(target.elts, line.value.elts, strict=False) if isinstance(target, ast.Tuple)
                         and isinstance(line.value, ast.Tuple) else [(target, line.value)])
                found += [value for goal, value in pairs if isinstance(goal, ast.Name) and goal.id == made]
    return found[0] if len(found) == 1 else None


def ignored(code: Code, node: Node) -> Changes:
    """Ones in the place of an input, as if it did not matter."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in code.params(node) and (
            isinstance(code.parents.get(node), ast.BinOp) or (
                isinstance(code.parents.get(node), ast.Attribute) and code.parents[node].attr in ("T", "sum", "mean"))):
        ones = ast.Call(ast.Attribute(node, "new_ones", ast.Load()), [ast.Attribute(node, "shape", ast.Load())], [])
        yield with_(node, ones, f"ones in place of `{node.id}`", f"ones {node.id}")


def attribute(code: Code, node: Node) -> Changes:
    """`self.` forgotten where something must be kept, a state made in every call, or shared by all objects."""
    if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)
            and isinstance(node.targets[0].value, ast.Name) and node.targets[0].value.id == "self"):
        return
    target, function = node.targets[0], code.function(node)
    yield without(node, [assign([name(target.attr)], node.value)], f"`self.` in `{text(node)}`")
    owner = code.parents.get(function) if function is not None else None
    if function is None or not isinstance(owner, ast.ClassDef) or function.name != "__init__":
        return
    read = f"self.{target.attr}"
    for other in owner.body:
        if isinstance(other, ast.FunctionDef) and other is not function and reads(code, other, read):
            yield Change(f"with `{read}` made in `{other.name}` rather than in `__init__`",
                         ((node, []), (other.body[0], [node, other.body[0]])))
    if isinstance(node.value, (ast.List, ast.ListComp, ast.Dict, ast.BinOp)):
        shared = assign([name(target.attr)], ast.List([], ast.Load()))
        grown = ast.AugAssign(target, ast.Add(), node.value)
        yield Change(f"with `{target.attr}` shared by all objects of the class",
                     ((node, [grown]), (owner.body[0], [shared, owner.body[0]])))
