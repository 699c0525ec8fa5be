"""`lessons ladder`: every rung on the same batches, and the table that compares them."""

import argparse
import json
import os

from lessonlib.course.terminal import console, show_table


def table_row(n: int, row: dict, n_batches: int) -> tuple[str, ...]:
    """One rung in words. A slow rung trains on its first batches only; it says how many, and its time is scaled up."""
    seen = len(row["losses"])
    whole = seen == n_batches
    accuracy = f"{row['valid_accuracy']:.2%}" if whole else f"– ({seen} batches)"
    difference = f"{row['max_loss_difference']:.1e}" if n > 1 else "–"
    return (f"{n} {row['name']}", row["removed"], row["borrowed"], str(row["lines"]), accuracy,
            f"{'' if whole else '≈ '}{row['seconds_per_epoch']:.2f}", difference)


def ladder_verb(options: argparse.Namespace) -> int:
    """Train all rungs, show the table, write what was asked for; 1 where a rung left the first one's losses."""
    import torch

    from lessonlib.bare import RUNGS_BELOW
    from lessonlib.data import load_digits
    from lessonlib.device import find_device
    from lessonlib.ladder import RUNGS, climb, ladder_figure, make_task

    device = find_device(options.device)
    if device.type == "mps" and options.dtype == "float64":
        raise ValueError("MPS has no float64; take --dtype float32 or --device cpu")
    if device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)  # batches of 64 are too small to be worth waking a second thread
    torch.set_float32_matmul_precision("highest")  # no TF32: it rounds to 11 bits, and here losses are compared
    digits = load_digits(options.source)
    task = make_task(digits, device, getattr(torch, options.dtype), options.epochs, n_hidden=options.hidden)
    ladder = climb(task, RUNGS + RUNGS_BELOW)
    model = f"a hidden layer of {task.n_hidden}" if task.n_hidden else "logistic regression"
    threads = f", {torch.get_num_threads()} thread(s)" if device.type == "cpu" else ""
    show_table(
        f"The ladder on {len(digits.train):,} digits ({digits.source}), {model}, "
        f"{options.epochs} epoch(s), {options.dtype} on {device.type}{threads}",
        ("rung", "taken away", "still borrowed", "own lines", "valid accuracy", "seconds an epoch",
         "largest difference of loss"),
        [table_row(n, row, len(ladder.rows[0]["losses"])) for n, row in enumerate(ladder.rows, start=1)],
        right=("own lines", "valid accuracy", "seconds an epoch", "largest difference of loss"))
    if options.json:
        from lessonlib.scale import machine_facts

        hidden = f" --hidden {task.n_hidden}" if task.n_hidden else ""
        command = (f"lessons ladder --source {task.source} --device {device} --dtype {options.dtype} "
                   f"--epochs {options.epochs}{hidden}")
        report = machine_facts(device, command) | ladder.to_dict()
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    if options.plot:
        ladder_figure(ladder).savefig(options.plot, bbox_inches="tight")
    n_batches = len(ladder.rows[0]["losses"])
    if lost := ladder.lost():
        console.print(f"[bold]Not the same losses[/bold]: {', '.join(lost)} differ(s) from rung 1 by more than "
                      f"{ladder.tolerance:g} over {n_batches:,} batches.")
        return 1
    console.print(f"The same losses on every rung: within {ladder.tolerance:g} over all {n_batches:,} batches "
                  "(or as many as the table says), and what each rung took away did not run.")
    return 0
