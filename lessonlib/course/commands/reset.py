"""`lessons reset`: begin a lesson again; what was there is kept."""

import argparse
import os
from datetime import datetime

from lessonlib.course.editions import edition
from lessonlib.course.notebooks import pick
from lessonlib.course.terminal import console
from lessonlib.course.workbooks import copy_of, free_name, hand_out, path_in_words


def reset_verb(options: argparse.Namespace) -> int:
    """Begin a lesson again; what was there is kept under a dated name."""
    for lesson in pick(options.lessons):
        path = copy_of(lesson)
        if path.is_file() and path.read_bytes() == edition(lesson).encode():
            console.print(f"{path_in_words(path)} is as new already.")
            continue
        if os.path.lexists(path):
            kept = free_name(path, f"{datetime.now():%Y-%m-%d-%H%M%S}")
            path.rename(kept)
            console.print(f"What was in {path_in_words(path)} is kept in {path_in_words(kept)}.")
        hand_out(lesson)
        console.print(f"{path_in_words(path)} is new. Your progress stays as it was.")
    return 0
