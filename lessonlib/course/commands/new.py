"""`lessons new`: the file of a new exercise, with every section that it needs."""

import argparse
import re

from lessonlib.course.exercises.task_files import FOLDER
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


def new_verb(options: argparse.Namespace) -> int:
    """Make the file of a new exercise."""
    need_checkout()
    path = FOLDER / f"{options.id}.md"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", options.id):
        raise UsageError(f"{options.id!r} cannot be the name of an exercise: small letters, digits and _ only, as in my_softmax")
    if path.exists():
        raise UsageError(f"there is an exercise {options.id!r} already, in {path}")
    path.write_text(_NEW.format(id=options.id), encoding="utf-8")
    console.print(f"{path}\nFill it in (CONTRIBUTING.md says how); then: lessons exercises {options.id}", soft_wrap=True)
    return 0
