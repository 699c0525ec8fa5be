"""`lessons new`: the notebook of a new lesson, or the file of a new exercise, with every section that it needs."""

import argparse
import hashlib
import re
import unicodedata
from collections.abc import Iterator

from lessonlib.course.exercises.task_files import FOLDER
from lessonlib.course.notebooks import SOURCE, Lesson, cleaned, lessons, write
from lessonlib.course.structure import QUESTIONS, TO_FILL_IN
from lessonlib.course.terminal import UsageError, console, need_checkout

_NEW = '''# {id}

lesson: 0
place: exercises
kind: function
name: {id}
title: What it is called in the notebook

## Inputs

x: floats(n, k)

## Task

What is asked, in two or three sentences; with the shapes.

## Stub

```python
def {id}(x):
    ...  # your code here: (n, k) to (n, k)
```

## Hint: I do not know how to begin

A question that leads to the first step.

## Hint: The symptom of the mistake that most will make

Shapes, or the name of a function.

## Hint: I need the shape of it

A skeleton with a blank.

```python
return x ____
```

## Solution

```python
def {id}(x):
    return x
```

## Go on

What can be done with a right answer.

## Right

```python
def {id}(x):
    return x * 1
```

## Mistake: sign

seen: What the numbers show.
why: Why it matters.
next: One thing to do.
hint: 2

```python
def {id}(x):
    return -x
```
'''


_TOP = """# {title} — "FILL IN: the question that this lesson answers?"

*FILL IN: what the reader has seen so far, and what is odd or missing about it. Two or three sentences.*

**You need:** FILL IN: what was learned before ([lesson {before}]({before_file})).

**Time:** 45 minutes."""

_MIDDLE = """## FILL IN: the first idea

FILL IN: why, in one or two sentences. **Predict** what the next cell gives, then run it."""

_END = """## What you know now

- FILL IN: what the reader can say after this lesson.

## New words

- [**FILL IN**](../docs/glossary.md#fill-in): FILL IN: one sentence; a term of one's own for each line.

## Questions

{questions}"""

_QUESTION = """<details><summary>{n}. FILL IN: a question that makes the reader think?</summary>

FILL IN: the answer.

</details>"""

_EXERCISES = """## Exercises

**1. FILL IN.** FILL IN: something to try; `lessons new exercise ID` makes one that is checked.

**2. FILL IN.** FILL IN: something to find out."""

_READ_ON = """## Read on

- FILL IN: a paper, a book or a page, and why.

**Next:** FILL IN: where the reader goes from here."""


def new_verb(options: argparse.Namespace) -> int:
    """Make a skeleton."""
    return new_lesson(options.number, options.title) if options.what == "lesson" else new_exercise(options.id)


def new_lesson(number: int, title: str) -> int:
    """Make the notebook of a new lesson. Raises `UsageError` where there is one of that number."""
    root, every = need_checkout(), lessons()
    for lesson in every:
        if lesson.number == number:
            free = next(n for n in range(100) if n not in {other.number for other in every})
            raise UsageError(f"lesson {number} is there already: {lesson.path.name}. Take another number, such as {free}")
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    if not words:
        raise UsageError(f"{title!r} has no letters; give the lesson a title, such as \"Forests\"")
    path = root / SOURCE / f"{number:02d}_{'_'.join(words[:3])}.ipynb"
    before = max((lesson for lesson in every if lesson.number < number), key=lambda lesson: lesson.number, default=every[0])
    nb = {"cells": list(_cells(title, before)), "nbformat": 4, "nbformat_minor": 5,
          "metadata": {"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}}
    write(path, cleaned(nb))
    row = f"| {number} | [{title}]({SOURCE}/{path.name}) | FILL IN: the question it answers? |  |  |"
    console.print(f"""{path}
1. lessons open {number} --author: write it, wherever {TO_FILL_IN} stands. CONTRIBUTING.md says how a lesson goes.
2. README.md: put this row into the table of lessons:
   {row}
3. lessons export, lessons run {number} --save
4. lessons test structure, and then: lessons test --quick""", soft_wrap=True, markup=False)
    return 0


def _cells(title: str, before: Lesson) -> Iterator[dict]:
    questions = "\n\n".join(_QUESTION.format(n=n) for n in range(1, QUESTIONS[0] + 1))
    for kind, source, *tags in (
        ("markdown", _TOP.format(title=title, before=before.number, before_file=before.path.name)),
        ("code", "from lessonlib.figures import ladder_picture\n\nladder_picture()"),
        ("markdown", _MIDDLE),
        ("code", "6 * 7  # FILL IN", "predict"),
        ("markdown", _END.format(questions=questions)),
        ("markdown", _EXERCISES),
        ("markdown", _READ_ON),
    ):
        more: dict = {"outputs": [], "execution_count": None} if kind == "code" else {}
        yield {"cell_type": kind, "id": hashlib.sha256(source.encode()).hexdigest()[:8],
               "metadata": {"tags": tags} if tags else {}, "source": source.splitlines(keepends=True), **more}


def new_exercise(id: str) -> int:
    """Make the file of a new exercise. Raises `UsageError` where there is one of that name."""
    need_checkout()
    path = FOLDER / f"{id}.md"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", id):
        raise UsageError(f"{id!r} cannot be the name of an exercise: small letters, digits and _ only, as in my_softmax")
    if path.exists():
        raise UsageError(f"there is an exercise {id!r} already, in {path}")
    path.write_text(_NEW.format(id=id), encoding="utf-8", newline="\n")
    console.print(f"""{path}
1. Fill it in (docs/exercises.md says how), with the number of its lesson; lessons exercises {id} judges its cells.
2. In the notebook, where the exercise belongs, a code cell with nothing but: check("{id}", {id})
3. lessons export writes task, stub, hints and solution around that cell; then lessons run N --save""",
                  soft_wrap=True, markup=False, highlight=False)
    return 0
