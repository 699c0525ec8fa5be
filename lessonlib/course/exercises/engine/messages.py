"""Errors that an attempt raised, and what was found, said in plain words."""

import re
import traceback
from collections.abc import Mapping

from lessonlib.course.exercises.engine.sandbox import is_theirs, line_in_words
from lessonlib.course.exercises.engine.verdict import Found, Verdict
from lessonlib.course.exercises.task_files import Mistake

_PATTERNS = (  # (types, a pattern in the message, code)
    ((AttributeError, TypeError), r"before Module\.__init__\(\) call|has no attribute '_(parameters|buffers|modules)'"
                                  r"|descriptor '__init__' of 'super' object", "no_super"),
    (AttributeError, r"'(builtin_function_or_method|method|function)' object has no attribute", "not_called"),
    (TypeError, r"'(builtin_function_or_method|method|function)'|must be Tensor, not (builtin_function|method)", "not_called"),
    (TypeError, r"return_types\.|type\(s\) for \S+: .*'(max|min|tuple)'", "max_pair"),
    ((TypeError, AttributeError), r"'?NoneType", "none_used"),
    ((RuntimeError, TypeError), r"bitwise_xor|for \^", "caret"),
    (RuntimeError, r"Boolean value of Tensor", "truth_of_tensor"),
    (RuntimeError, r"mean\(\): could not infer output dtype", "mean_of_whole_numbers"),
    ((RuntimeError, ValueError, TypeError), r"only (one|single).element tensors|cannot be converted to (a )?Scalar"
                                            r"|only .*arrays can be converted", "number_wanted"),
    ((RuntimeError, IndexError), r"(?i)same number of dimensions|too many indices|dimension out of range|indexing tensors"
                                 r"|must have the same number of dim|indices? .*dimensions|expected .*\d-?D", "shapes"),
    (RuntimeError, r"leaf (V|v)ariable that requires grad .*in-place|view of a leaf", "leaf_in_place"),
    (RuntimeError, r"does not require grad", "no_gradient"),
    (AttributeError, r"'(float|int)' object has no attribute '(backward|grad|requires_grad_?)'", "no_gradient"),
    (ZeroDivisionError, "", "zero_division"),
    ((OverflowError, ValueError), r"math (range|domain) error|expected a (positive|nonnegative) input", "math_range"),
    (TypeError, r"list indices must be|tuple indices must be", "list_indexing"),
    (TypeError, r"unsupported operand .*'(list|tuple)'|can't multiply sequence|can only concatenate (list|tuple)"
                r"|bad operand type for .*'(list|tuple)'", "list_arithmetic"),
    (TypeError, r"'(int|float)' object is not iterable|iteration over a 0-d tensor", "not_iterable"),
    (RuntimeError, r"modified by an inplace operation", "overwritten"),
    (RuntimeError, r"backward through the graph a second time", "graph_twice"),
    (RuntimeError, r"not enough memory|can't allocate memory|out of memory|Storage size calculation overflowed"
                   r"|invalid size|numel: integer multiplication overflow", "memory"),
    ((RuntimeError, IndexError, TypeError), r"(?i)expected .*(scalar type|dtype)|must have the same dtype"
                                            r"|tensors used as indices|index tensor|expected m1 and m2 to have", "dtype"),
    ((RuntimeError, ValueError), r"(?i)size|shape|dimension|broadcast", "shapes"),
)
_BY_TYPE = ((NameError, "name"), (RecursionError, "recursion"), (MemoryError, "memory"), (EOFError, "input"),
            (IndexError, "index"), (AttributeError, "attribute"), ((SystemExit, KeyboardInterrupt, GeneratorExit), "exit"))


def code_for(error: BaseException) -> str:
    """The code of the mistake that an error speaks of."""
    text = str(error)
    for types, pattern, code in _PATTERNS:
        if isinstance(error, types) and re.search(pattern, text):
            return code
    return next((code for types, code in _BY_TYPE if isinstance(error, types)), "error")


def where(error: BaseException) -> str:
    """The last line of the learner's own code that the error went through, ready to be put into a sentence."""
    theirs = [(frame, number) for frame, number in traceback.walk_tb(error.__traceback__) if is_theirs(frame.f_code.co_filename)]
    if not theirs:
        return ""
    frame, number = theirs[-1]
    return f" in {line_in_words(frame.f_code.co_filename, number)}"


def called_wrongly(error: BaseException) -> bool:
    """Whether a TypeError comes from the call itself: none of the learner's lines had begun."""
    pattern = r"positional argument|unexpected keyword|multiple values|takes no arguments|required (keyword|positional)"
    return (isinstance(error, TypeError) and re.search(pattern, str(error)) is not None
            and not any(is_theirs(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)))


def in_words(error: BaseException) -> str:
    """The message of an error in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:300]


class MissingFact(KeyError):
    """The words of a mistake ask for something that was not found out: a fault of ours."""


class _Facts(dict):
    def __missing__(self, key: str) -> str:
        raise MissingFact(key)


def put_into_words(found: Found, mistake: Mistake, printed: str, facts: Mapping[str, object]) -> Verdict:
    """The verdict on a mistake. Raises `MissingFact` where its words have a placeholder that nothing fills."""
    filled = _Facts({"printing": "", "comma": ""} | dict(facts) | found.facts)
    seen, why, then = (text.format_map(filled) for text in (mistake.seen, mistake.why, mistake.next))
    also = f" {found.also}" if found.also else ""
    ask = f" (If that does not help: hint(\"{facts['id']}\", {mistake.hint}).)" if facts.get("id") else ""
    return Verdict("fail", found.code, f"{seen}{also} {why}\nNext: {then}{ask}", evidence=found.evidence, printed=printed,
                   hint=mistake.hint, expected=found.expected, yours=found.yours)
