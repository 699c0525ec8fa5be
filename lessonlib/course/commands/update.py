"""`lessons update`: newer editions are put beside the reader's copies."""

import argparse
from datetime import datetime

from lessonlib.course.terminal import console, show_table
from lessonlib.course.workbooks import cells_of, changes, copy_of, create, free_name, handed_out, remember, shown


def update_verb(options: argparse.Namespace) -> int:
    """Show which copies are of an older edition, and put the newer one beside each of them."""
    rows = []
    for lesson in handed_out(options.lessons):
        if not (what := changes(lesson)):
            continue
        if any(cells_of(path) == cells_of(lesson.path)
               for path in copy_of(lesson).parent.glob(f"{lesson.path.stem}-edition-*.ipynb")):
            remember(lesson)  # the record was lost, the edition was not
            continue
        beside = free_name(copy_of(lesson), f"edition-{datetime.now():%Y-%m-%d}")
        create(beside, lesson.path.read_bytes())
        remember(lesson)
        rows.append((str(lesson.number), what, shown(copy_of(lesson)), shown(beside)))
    if not rows:
        console.print("Each of your copies is of the newest edition, or has it beside it."
                      if handed_out() else "You have no copies yet; `lessons open 0` makes the first one.")
        return 0
    show_table("Newer editions", ("", "what is new", "your copy, as it was", "the newer edition"), rows, right=("",))
    console.print("Nothing of yours was changed. To go on in the newer edition, let `lessons reset N` put it in the place "
                  "of your copy, which is kept under another name; `lessons check` looks only there.")
    return 0
