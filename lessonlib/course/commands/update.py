"""`lessons update`: newer editions are put beside the reader's copies."""

import argparse
from datetime import datetime

from lessonlib.course.notebooks import Lesson
from lessonlib.course.terminal import CourseError, complain, console, show_table
from lessonlib.course.workbooks import (
    cells_handed_out,
    cells_in,
    changes,
    copy_of,
    create_copy,
    free_name,
    handed_out,
    path_in_words,
    remember,
    renamed_copies,
    what_became,
)


def update_verb(options: argparse.Namespace) -> int:
    """Show which copies are of an older edition, and put the newer one beside each of them."""
    rows, unread = [], False
    for lesson in handed_out(options.lessons):
        try:
            rows += newer(lesson)
        except CourseError as error:
            complain(str(error))
            unread = True
    if rows:
        show_table("Newer editions", ("", "what is new", "your copy, as it was", "the newer edition"), rows, right=("",))
        console.print("Nothing of yours was changed. To go on in the newer edition, let `lessons reset N` put it in the place "
                      "of your copy, which is kept under another name; `lessons check` looks only there.")
    elif not unread:
        console.print("Each of your copies is of the newest edition, or has it beside it."
                      if handed_out() else "You have no copies yet; `lessons open 0` makes the first one.")
    if old := renamed_copies():
        console.print(what_became(old), markup=False)
    return 1 if unread else 0


def newer(lesson: Lesson) -> list[tuple[str, ...]]:
    """Put a newer edition beside the copy, if there is one that is not there yet; gives its row of the table."""
    if not (what := changes(lesson)):
        return []
    now = cells_handed_out(lesson)
    if any(cells_in(path) == now for path in copy_of(lesson).parent.glob(f"{lesson.path.stem}-edition-*.ipynb")):
        remember(lesson)  # the record was lost, the edition was not
        return []
    beside = free_name(copy_of(lesson), f"edition-{datetime.now():%Y-%m-%d}")
    create_copy(beside, lesson)
    remember(lesson)
    return [(str(lesson.number), what, path_in_words(copy_of(lesson)), path_in_words(beside))]
