"""`lessons check`: run the reader's copies and tell what the checks of their exercises find."""

import argparse
import json
import os
import re
import tempfile
from pathlib import Path

from lessonlib.course.notebooks import Lesson, execute, plain, quiet_kernels, read_notebook
from lessonlib.course.terminal import CourseError, complain, console, show_table
from lessonlib.course.workbooks import copy_of, handed_out, path_in_words

CHECK = re.compile(r'^[^#\n]*\bcheck\(\s*["\'](\w+)["\']', re.MULTILINE)
STATUS = {"ok": "right", "fail": "not yet", "todo": "not tried yet"}


def check_verb(options: argparse.Namespace) -> int:
    """Run the reader's copies in fresh kernels and tell what each check found; 0 where all are right."""
    chosen = [lesson for lesson in handed_out(options.lessons) if lesson.exercises or options.lessons]
    if not chosen:
        raise CourseError("there is no copy of a lesson with exercises yet; `lessons open 2` makes one")
    quiet_kernels()
    rows, remarks, unread = [], [], False
    for lesson in chosen:
        console.print(f"Running {path_in_words(copy_of(lesson))} …")
        try:
            found = verdicts(lesson, options.timeout)
        except CourseError as error:
            complain(str(error))
            unread = True
            continue
        rows += [(str(lesson.number), id, word) for id, (word, _) in found.items()]
        remarks += [(id, text) for id, (word, text) in found.items() if word != "right"]
        if not lesson.exercises:
            console.print(f"Lesson {lesson.number} has no checked exercises.")
    if not rows:
        return 1 if unread else 0
    for id, text in remarks:
        console.print(f"\n[bold]{id}[/bold]")
        console.print(text, markup=False)
    console.print()
    show_table("Exercises", ("", "exercise", "found"), rows, right=("",))
    return 1 if remarks or unread else 0


def verdicts(lesson: Lesson, timeout: int) -> dict[str, tuple[str, str]]:
    """Run the reader's copy; for each exercise of the lesson one word, and the text that says more."""
    import nbformat

    path = copy_of(lesson)
    advice = f"`lessons reset {lesson.number}` keeps it under another name and puts a new one there"
    try:
        nb = read_notebook(path)
        nbformat.reads(json.dumps(nb), as_version=4)
    except CourseError as error:
        raise CourseError(f"{error}; {advice}") from None
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise CourseError(f"{path} is not a notebook that can be read ({str(error).splitlines()[0]}); {advice}") from None
    found, first_error, cells = {}, "", []
    with tempfile.TemporaryDirectory() as folder:
        heard = Path(folder, "verdicts")
        os.environ["LESSONLIB_VERDICTS"] = str(heard)
        try:
            cells = execute(Lesson(path, nb), timeout, go_on=True)["cells"]
        except CourseError as error:  # the kernel died: what was heard before counts
            first_error = str(error)
        finally:
            del os.environ["LESSONLIB_VERDICTS"]
        for line in heard.read_text(encoding="utf-8").splitlines() if heard.exists() else ():
            id, status, text = json.loads(line)
            found[id] = STATUS[status], text
    died = bool(first_error)
    for cell in cells:
        source = "".join(cell["source"])
        failure = next((f"{output['ename']}: {plain(output['evalue'])}" for output in cell.get("outputs", [])
                      if output["output_type"] == "error"), "")
        for id in CHECK.findall(source) if cell["cell_type"] == "code" and failure else ():
            found.setdefault(id, ("the cell failed", f"The cell of this check failed ({failure})." + (
                f" The first cell that failed in this notebook: {first_error}" if first_error else "")))
        if failure and not first_error:
            first_line = next((line for line in source.splitlines() if line.strip()), "")
            first_error = f"`{first_line}` ({failure})."
    for task in lesson.exercises:
        if task.id not in found:
            found[task.id] = ("not reached", first_error) if died else (
                "no check seen", f'The copy ran no check("{task.id}", {task.name}); write one below your answer.')
    return found
