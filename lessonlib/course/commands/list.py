"""`lessons list`: the lessons, and how far the reader is."""

import argparse

from lessonlib.course.notebooks import lessons
from lessonlib.course.progress import progress_in_words, read_progress
from lessonlib.course.terminal import CourseError, complain, console, show_table
from lessonlib.course.workbooks import renamed_copies, what_became


def list_verb(options: argparse.Namespace) -> int:
    """A table of the lessons, with the reader's progress; 1 where a lesson cannot be read."""
    records, rows, faults = read_progress(), [], []
    for lesson in lessons():
        try:
            exercises = progress_in_words([task.id for task in lesson.exercises], records)
            rows.append((str(lesson.number), lesson.title, ", ".join(lesson.modules), lesson.minutes, exercises))
        except CourseError as error:
            faults.append(str(error))
            rows.append((str(lesson.number), f"{lesson.path.name} cannot be read", "", "", ""))
    show_table("The lessons", ("", "lesson", "builds", "minutes", "exercises"), rows, right=("", "minutes"))
    console.print("`lessons open N` opens one, as your own copy in work/. "
                  "`lessons check N` runs your copy and tells what its checks find.")
    if old := renamed_copies():
        console.print(what_became(old), markup=False)
    for fault in faults:
        complain(fault)
    return 1 if faults else 0
