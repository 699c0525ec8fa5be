"""`lessons passport`: runs of the ladder on many machines in one table, compared with the CPU in float64."""

import argparse
import json
from pathlib import Path

from lessonlib.course.terminal import CourseError, console, show_table

NEEDED = "device", "dtype", "rungs"


def read_run(path: Path) -> dict:
    """A file that `lessons ladder --json` or `python -m lessonlib.scale --json` wrote."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CourseError(f"{path} is no JSON file: {error}") from error
    if not isinstance(run, dict) or any(key not in run for key in NEEDED):
        raise CourseError(f"{path} is no run of the ladder; `lessons ladder --json FILE` writes one")
    return run


def passport_verb(options: argparse.Namespace) -> int:
    """Show the table, write it where asked to; 1 where a run has other losses than rounding explains."""
    from lessonlib.scale import passport_rows

    rows = passport_rows([read_run(path) for path in options.files])
    show_table("The same losses everywhere: largest difference from rung 1 on the CPU in float64",
               ("where", "machine", "numbers", "processes", "batches", "difference", "because"),
               [(row["where"], row["machine"], row["dtype"], f"{row['processes']} {row['all_reduce']}".strip(),
                 str(row["batches"]), f"{row['difference']:.1e}", row["because"]) for row in rows],
               right=("batches", "difference"))
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1), encoding="utf-8")
    if lost := [row for row in rows if not row["difference"] <= row["tolerance"]]:
        console.print("[bold]Not the same losses[/bold]: " + ", ".join(
            f"{row['where']} in {row['dtype']} ({row['of']}, {row['difference']:.1e}; rounding explains {row['tolerance']:g})"
            for row in lost) + ".")
        return 1
    console.print("All within what rounding explains: 1e-12 in float64, 1e-05 in float32.")
    return 0
