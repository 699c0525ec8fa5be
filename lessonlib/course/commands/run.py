"""`lessons run`: every lesson from top to bottom in a fresh kernel; with --save its outputs are stored."""

import argparse
import copy
import os
import time
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from lessonlib.course.notebooks import STAMP, Lesson, cleaned, code_hash, execute, pick, quiet_kernels, text_hash, write
from lessonlib.course.terminal import CourseError, complain, console

MEASURED = "measured"  # the tag of a cell whose output differs from run to run, such as a time


def run_verb(options: argparse.Namespace) -> int:
    """Run lessons; with --save, store what they print and draw."""
    chosen = pick(options.lessons)
    quiet_kernels()
    if options.save:
        # Stored outputs are made on real MNIST: without it, only lessons that load no digits get to their end.
        os.environ["LESSONLIB_NO_STAND_IN"] = "1"

    def one(lesson: Lesson) -> tuple[Lesson, float, dict | CourseError]:
        start = time.perf_counter()
        result: dict | CourseError
        try:
            result = execute(lesson, options.timeout, slow=options.save)  # what is stored was made by this very code
        except CourseError as error:
            result = error
        return lesson, time.perf_counter() - start, result

    failed = 0
    with ThreadPoolExecutor(options.workers) as pool:
        bar = tqdm(pool.map(one, chosen), total=len(chosen), desc="lessons", unit="notebook")
        for lesson, seconds, result in bar:
            if isinstance(result, CourseError):
                failed += 1
                tqdm.write(f"  failed  {lesson.path.name}  {seconds:5.1f} s")
                complain(str(result))
                continue
            saved = options.save and save(lesson, result)
            tqdm.write(f"  ran     {lesson.path.name}  {seconds:5.1f} s{'  outputs stored' if saved else ''}")
    console.print(f"{len(chosen) - failed} of {len(chosen)} lessons ran from top to bottom.")
    return 1 if failed else 0


def save(lesson: Lesson, executed: dict) -> bool:
    """Store the outputs of a run; gives whether the file changed.

    Cells tagged `measured` keep the output that is stored as long as their source is the same, so that a notebook
    in which nothing changed stays without a diff.
    """
    old = {cell["id"]: cell for cell in lesson.nb["cells"]}
    measured_before = lesson.nb["metadata"].get("lessonlib", {}).get(MEASURED, {})
    new, measured = copy.deepcopy(executed), {}
    for cell in new["cells"]:
        if MEASURED in cell["metadata"].get("tags", []):
            measured[cell["id"]] = text_hash("".join(cell["source"]))
            if measured_before.get(cell["id"]) == measured[cell["id"]]:
                cell["outputs"] = old[cell["id"]]["outputs"]
    new["metadata"]["lessonlib"] = {STAMP: code_hash(new), MEASURED: measured}
    return write(lesson.path, cleaned(new))
