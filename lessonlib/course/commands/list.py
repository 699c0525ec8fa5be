"""`lessons list`: the lessons, and how far the reader is."""

import argparse

from lessonlib.course.notebooks import lessons
from lessonlib.course.progress import progress_in_words, read_progress
from lessonlib.course.terminal import console, show_table


def list_verb(options: argparse.Namespace) -> int:
    """A table of the lessons, with the reader's progress."""
    records = read_progress()
    show_table("The lessons", ("", "lesson", "builds", "minutes", "exercises"),
               [(str(lesson.number), lesson.title, ", ".join(lesson.modules), lesson.minutes,
                 progress_in_words([task.id for task in lesson.exercises], records))
                for lesson in lessons()], right=("", "minutes"))
    console.print("`lessons open N` opens one, as your own copy in work/. "
                  "`lessons check N` runs your copy and tells what its checks find.")
    return 0
