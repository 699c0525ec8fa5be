"""Errors that an attempt raised, said in plain words; and the mistakes that any exercise can meet."""

import re
import traceback

from lessonlib.course.exercises.sandbox import is_theirs, line_in_words
from lessonlib.course.exercises.verdict import Mistake

COMMON = {mistake.code: mistake for mistake in (
    # --- what was handed in
    Mistake("not_callable", "You handed in {what}, not {asked}.",
            "The check has to call your code with inputs of its own.",
            "Hand in the name alone: check(\"{id}\", {name}), without parentheses behind it.", 1),
    Mistake("not_a_class", "You handed in {what}, not a class.",
            "The check makes objects of several sizes from your class.",
            "Hand in the class itself: check(\"{id}\", {name}), without parentheses behind it.", 1),
    Mistake("borrowed", "Your answer lets {lender} do the work.",
            "It does that well, but this exercise is about the lines inside it; you may borrow it again afterwards.",
            "Write out what it does with your own lines.", 1),
    Mistake("unfinished", "{parts} is still empty.", "The rest cannot be judged without it.",
            "Fill in {parts} and check again.", 3),
    # --- how it ended
    Mistake("endless", "Your code was still running after {seconds} s{where}, and was stopped.",
            "The inputs of the check are tiny: whatever takes this long has no end, or waits for something.",
            "Look for a loop whose condition never becomes false.{stuck}", 1),
    Mistake("interrupted", "You stopped the check before it was done.", "So it cannot say anything yet.",
            "Run the cell again.", 1),
    Mistake("exit", "Your code asked Python to end ({error}){where}.",
            "In a notebook that would end the whole session, and everything you computed with it.",
            "Take that line out; `return` is how a function ends.", 1),
    Mistake("memory", "Your code asked for more memory than there is{where}.",
            "The inputs of the check are tiny, so a size must have gone wrong.",
            "Print the shapes on the way; one of them is far too large.", 2),
    Mistake("recursion", "Your function called itself again and again{where}.",
            "Python gives up after a thousand calls inside each other.",
            "Look for your function's own name in its body: perhaps a name of the library was meant.", 1),
    Mistake("input", "Your code asks for something at the keyboard{where}.", "The check has no keyboard.",
            "Take input() out: what the function needs comes in through its arguments.", 1),
    # --- errors
    Mistake("arity", "{name} could not be called as {call}: {error}.",
            "The check, and the lesson's own code, call it with exactly these arguments.",
            "Compare the line that starts with `def` with the skeleton.", 1),
    Mistake("name", "Python does not know a name that you use: {error}{where}.",
            "A name exists only where it was made: inside one function, or in the cells above.",
            "Compare its spelling, and ask where it is made.", 1),
    Mistake("not_kept", "The name `{local}` belongs to the constructor, and is not known elsewhere{where}.",
            "Only what is written into `self` is still there when the next method runs.",
            "Write self.{local} = ... in __init__, and use self.{local} afterwards.", 3),
    Mistake("attribute", "Something was asked of an object that it does not have: {error}{where}.",
            "Either it is spelt differently, or the object is of another kind than you think.",
            "Print type(...) of it, and compare the spelling.", 2),
    Mistake("shapes", "Two shapes did not fit{where}: {error}.",
            "Operations on tensors need sizes that are equal, or 1.",
            "Print the .shape of both just before that line.{came_in}", 2),
    Mistake("index", "A place was asked for that does not exist{where}: {error}.",
            "Rows are counted by the batch, columns by the class; mixing them up leads outside.",
            "Check which index is for which axis.{came_in}", 2),
    Mistake("dtype", "Two kinds of numbers met that do not mix{where}: {error}.",
            "PyTorch multiplies matrices of one dtype only, and looks up places with whole numbers only.",
            "Make no tensor of a fixed dtype: let it have the dtype of what came in.", 2),
    Mistake("max_pair", "`max` with an axis gave back two things, the largest numbers and their places{where}.",
            "Such a pair cannot be calculated with.",
            "Write .amax(dim=..., keepdim=True) for the numbers alone, or .argmax(dim=...) for the places.", 2),
    Mistake("init_misspelt", "The constructor is called `{found}`; Python looks for `__init__`, with two underscores on "
            "each side.", "Your constructor never runs, so nothing is kept.", "Rename it to __init__.", 3),
    Mistake("no_super", "The constructor of nn.Module never ran: {error}.",
            "It makes the place where parameters are kept; without it nothing can be registered.",
            "Write super().__init__() as the first line of __init__.", 3),
    Mistake("leaf_in_place", "A parameter was changed in place while PyTorch was recording{where}.",
            "PyTorch keeps a record of all that is done to a parameter, and refuses to overwrite it within the record.",
            "Put the change inside `with torch.no_grad():`.", 2),
    Mistake("no_gradient", "backward() found nothing to go back through{where}: {error}.",
            "Somewhere between the parameters and the loss the record was cut: by no_grad, detach, .data or .item().",
            "Call backward() on the very tensor that the loss function gave.", 2),
    Mistake("graph_twice", "backward() ran twice through the same record{where}.",
            "After the first time PyTorch has thrown the record away.",
            "Compute the loss anew for each batch, and call backward() on it once.", 2),
    Mistake("overwritten", "backward() could not go back: a number that it needs was overwritten in place.",
            "PyTorch keeps intermediate results for the way back; exp_(), /= and the like write over them.",
            "Make new tensors on the way: y = y / s rather than y /= s.", 2),
    Mistake("none_used", "Something was None where a value was expected{where}: {error}.",
            "A method without return gives None, and so does .grad before the first backward().",
            "Print the values on that line to see which of them is None.", 2),
    Mistake("error", "Your code stopped with {kind}{where}: {error}.",
            "So no number came out that could be compared.", "Mend that line first, then check again.", 1),
    # --- what came out
    Mistake("no_return", "{call} gave None.{printing}",
            "What is computed inside a function is lost unless it is handed back.",
            "End it with a line that starts with `return`.", 1),
    Mistake("generator", "{call} gave a generator, not a finished result.",
            "A function with `yield` in it does nothing until somebody loops over it.",
            "Collect the results in a list, or in a tensor, and `return` that.", 1),
    Mistake("not_numbers", "{call} gave {what}, and {wanted} was expected.",
            "The next line of the lesson calculates with it as a tensor.",
            "Print type(...) of what you return.", 2),
    Mistake("count", "{call} gave {got} things, and {wanted} were expected.",
            "The caller unpacks them by their number.", "Compare your `return` with the task.", 1),
    Mistake("shape", "{call} gave the shape {got}, and {wanted} was expected.",
            "The shape says which axis was summed away or kept: it is the first thing to get right.",
            "Follow the shapes line by line from {inputs}.", 2),
    Mistake("nan", "{call} gave nan (not a number){place}.",
            "nan comes from 0/0, from infinity minus infinity, or from the log or root of something negative; "
            "everything after it becomes nan too.",
            "Print each intermediate result, and look for the first nan or inf.", 2),
    Mistake("in_place", "The numbers are right, but {names} was changed by your code.",
            "The caller still holds that very tensor and will use it again.",
            "Make a new tensor: a = a - b rather than a -= b, and no function whose name ends in _.", 2),
    Mistake("detached", "The numbers are right, but no gradient flows back through them.",
            "Without a gradient nothing before this can learn.",
            "Leave out detach(), .data, .item(), .tolist(), torch.tensor(...) and no_grad.", 2),
    Mistake("gradient", "The numbers are right, but the gradient that flows back is not.",
            "Training follows the gradient, so the result would differ from the first step on.",
            "Look for a part of the calculation that was detached or rounded.", 2),
    Mistake("scaled", "All your numbers are {factor} times the expected ones.",
            "So the calculation is right up to one factor, which is the same in all cases.",
            "Look for a number that you multiply or divide by, and ask where it comes from.", 2),
    Mistake("unknown", "Your numbers differ from the expected ones, and it is no mistake that this check knows.",
            "What it can show is the first place where they part.",
            "Work out that one number by hand, and print each intermediate result next to it.", 2),
    # --- ourselves
    Mistake("check_failed", "This check could not cope with your answer: {error}.",
            "That is the check's fault, and says nothing about whether you are right.",
            "Compare your answer with the solution, and please report this.", 3),
    Mistake("no_such_exercise", "There is no exercise {id!r}.", "So there is nothing to compare with.",
            "{suggestion}", 1),
)}

_PATTERNS = (  # (types, a pattern in the message, code)
    ((AttributeError, TypeError), r"before Module\.__init__\(\) call|has no attribute '_(parameters|buffers|modules)'"
                                  r"|descriptor '__init__' of 'super' object", "no_super"),
    (TypeError, r"return_types\.|type\(s\) for \S+: .*'(max|min|tuple)'", "max_pair"),
    ((TypeError, AttributeError), r"'?NoneType", "none_used"),
    (RuntimeError, r"leaf (V|v)ariable that requires grad .*in-place|view of a leaf", "leaf_in_place"),
    (RuntimeError, r"does not require grad", "no_gradient"),
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
    theirs = [(frame, number) for frame, number in traceback.walk_tb(error.__traceback__) if is_theirs(frame)]
    if not theirs:
        return ""
    frame, number = theirs[-1]
    return f" in {line_in_words(frame.f_code.co_filename, number)}"


def called_wrongly(error: BaseException) -> bool:
    """Whether a TypeError comes from the call itself: none of the learner's lines had begun."""
    pattern = r"positional argument|unexpected keyword|multiple values|takes no arguments|required (keyword|positional)"
    return (isinstance(error, TypeError) and re.search(pattern, str(error)) is not None
            and not any(is_theirs(frame) for frame, _ in traceback.walk_tb(error.__traceback__)))


def in_words(error: BaseException) -> str:
    """The message of an error in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:300]
