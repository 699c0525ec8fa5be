"""Reading an attempt without running it: is it still the skeleton, which of its parts are empty, what is misspelt."""

import difflib
import dis
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn

NOTHING = (None, Ellipsis, NotImplemented)
_EMPTY_OPCODES = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP", "CACHE", "COPY_FREE_VARS",
                  "LOAD_COMMON_CONSTANT", "NOT_TAKEN"}


def unwrapped(thing: Callable) -> Any:
    """The function below decorators."""
    return getattr(inspect.unwrap(thing), "__func__", inspect.unwrap(thing))


def code_of(thing: object) -> CodeType | None:
    """The code of a plain function or method, or None."""
    return getattr(unwrapped(thing), "__code__", None) if callable(thing) else None


def is_empty(code: CodeType) -> bool:
    """Whether a function does nothing: only `...`, `pass`, a docstring, or `return None`."""
    instructions = list(dis.get_instructions(code))
    loaded = [i.argval for i in instructions if i.opname in ("LOAD_CONST", "RETURN_CONST")]
    return (all(i.opname in _EMPTY_OPCODES for i in instructions) and all(value in NOTHING for value in loaded)
            and not code.co_flags & inspect.CO_GENERATOR)


def methods(cls: type) -> dict[str, FunctionType]:
    """The functions that a class defines itself."""
    return {name: inspect.unwrap(member) for name, member in vars(cls).items()
            if inspect.isfunction(inspect.unwrap(member) if callable(member) else member)}


@functools.lru_cache(maxsize=64)
def _stub_object(stub: str, name: str) -> object:
    space = {"torch": torch, "nn": nn}
    exec(compile(stub, "<skeleton>", "exec"), space)  # our own text
    return space[name]


def same_code(code: CodeType, other: CodeType) -> bool:
    """Whether two functions do the same in the same words, wherever they stand; only local names may differ."""
    return ((code.co_code, code.co_names, len(code.co_consts)) == (other.co_code, other.co_names, len(other.co_consts))
            and all(same_code(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else repr(a) == repr(b)
                    for a, b in zip(code.co_consts, other.co_consts, strict=True)))


def empty_parts(attempt: object, stub: str, name: str) -> tuple[list[str], list[str]]:
    """Of the parts that the skeleton asks for: those that do nothing or are as in the skeleton, whatever that holds; and all."""
    model = _stub_object(stub, name)
    if not isinstance(model, type):
        code, skeleton = code_of(attempt), code_of(model)
        untouched = code is not None and (is_empty(code) or (skeleton is not None and same_code(code, skeleton)))
        return ([name] if untouched else []), [name]
    asked = methods(model)
    if not isinstance(attempt, type):
        return [], list(asked)
    written = methods(attempt)
    empty = [part for part, skeleton in asked.items() if part in written
             and (is_empty(written[part].__code__) or same_code(written[part].__code__, skeleton.__code__))]
    return empty, list(asked)


def arguments(attempt: object) -> tuple[str, ...]:
    """The names that a function gives its arguments."""
    code = code_of(attempt)
    return () if code is None else code.co_varnames[:code.co_argcount]


def unused_arguments(attempt: object, wanted: Sequence[str]) -> list[str]:
    """Of a function with so many arguments, those that its code never reads, by the names that it gives them."""
    code = code_of(attempt)
    if code is None or code.co_argcount != len(wanted):
        return []
    read: set[str] = set(code.co_cellvars)  # read by a function within
    for instruction in dis.get_instructions(code):
        if "LOAD" in instruction.opname:
            names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            read.update(name for name in names if isinstance(name, str))
    return [name for name in arguments(attempt) if name not in read]


def misspelt_init(cls: type) -> str:
    """A method that was meant to be the constructor, or an empty text."""
    found = "" if "__init__" in vars(cls) else misspelt(cls, "__init__")
    return found if found in ("_init_", "__int__", "init", "__init", "_init__", "__init_", "__initt__", "__inti__") else ""


def lost_name(cls: type, error: str) -> str:
    """The name that an error misses, if the constructor had it as an argument, a local name, or in `self`."""
    missing = re.match(rf"name '(\w+)' is not defined|'{cls.__name__}' object has no attribute '(\w+)'", error)
    code = code_of(vars(cls).get("__init__"))
    if missing is None or code is None:
        return ""
    name = missing[1] or missing[2]
    kept = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_ATTR"}
    return name if name in code.co_varnames[1:] or (missing[1] and name in kept) else ""


def misspelt(cls: type, wanted: str) -> str:
    """A method of the class whose name is nearly the wanted one, or an empty text."""
    others = [name for name in methods(cls) if name != wanted]
    plain = {name.strip("_").lower(): name for name in others}
    close = difflib.get_close_matches(wanted.strip("_").lower(), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else ""
