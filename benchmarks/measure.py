"""What `speed.py` measures, once the environment stands."""

import gc
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch
from contestants import BASELINE, CONTESTANTS, Race, make_race, our_epoch, our_fit
from peak import Peak
from torch import Tensor

from lessonlib.bare import RUNGS_BELOW
from lessonlib.course.terminal import console, show_table
from lessonlib.data import Digits, Split, load_digits
from lessonlib.device import Stopwatch, find_device, synchronize
from lessonlib.ladder import RUNGS, make_task
from lessonlib.layers import log_softmax
from lessonlib.losses import nll
from lessonlib.scale import machine_facts
from lessonlib.training import accuracy, evaluate

Times = dict[str, list[float]]


def report(sections: Sequence[str], runs: int, threads: int, device: str, file: Path | None, command: str) -> int:
    """Measure the sections, print a table each, and write all times to `file`."""
    torch.set_num_threads(threads)
    find_device(device)  # a device that is not there is told before anything is measured
    digits = load_digits()
    about = {**machine_facts(device, command), "digits": digits.source, "threads": threads, "runs": runs, "device": device}
    console.print(", ".join(f"{key} {value}" for key, value in about.items()))
    found = {}
    for section in sections:
        console.print()
        found[section] = globals()[f"{section}_section"](digits, runs, device)
        gc.collect()
    if file is not None:
        file.write_text(json.dumps({"about": about, **found}, indent=1), encoding="utf-8")
    return 0


def in_turns(contestants: dict[str, Callable[[], Any]], runs: int, device: str = "cpu",
             needed: str | None = None) -> tuple[Times, dict[str, Any]]:
    """Seconds of each, `runs` times, after one run that does not count; and what each gave in that one.

    Each turn begins with another one, so that nobody always comes first. For `needed` see `first_runs`.
    """
    results = first_runs(contestants, needed)
    times, names = {name: [] for name in results}, list(results)
    for turn in range(runs):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            with Stopwatch(device) as watch:
                contestants[name]()
            times[name].append(watch.seconds)
    return times, results


def first_runs(contestants: dict[str, Callable[[], Any]], needed: str | None = None) -> dict[str, Any]:
    """What each gives. With `needed`, any other that fails, since a package is missing say, is told and left out."""
    results = {}
    for name, run in contestants.items():
        try:
            results[name] = run()
        except RuntimeError as error:
            if needed in (None, name):
                raise
            console.print(f"left out: {error}", markup=False)
    return results


def show(title: str, times: Times, baseline: str, unit: str = "s", more: dict[str, dict[str, str]] | None = None) -> dict:
    """A table: median, spread, and the ratio to `baseline` turn by turn; gives all of it for the JSON file."""
    factor, more = {"s": 1, "ms": 1e3, "µs": 1e6}[unit], more or {}
    rows, kept = [], {}
    for name, seconds in times.items():
        ratios = [one / other for one, other in zip(seconds, times[baseline], strict=True)]
        digits = 2 if unit == "s" else 1
        rows.append((name, f"{median(seconds) * factor:.{digits}f}",
                     f"{min(seconds) * factor:.{digits}f} – {max(seconds) * factor:.{digits}f}",
                     f"{median(ratios):.2f}", f"{min(ratios):.2f} – {max(ratios):.2f}",
                     *(column.get(name, "") for column in more.values())))
        kept[name] = {"seconds": seconds, "ratio": median(ratios), **{key: c.get(name, "") for key, c in more.items()}}
    columns = ["", f"median {unit}", "spread", "ratio", "spread of it", *more]
    show_table(title, columns, rows, right=columns[1:])
    return kept


def training_section(digits: Digits, runs: int, device: str) -> dict:
    """One epoch of logistic regression: everybody's way, each in a process of its own.

    Importing Lightning makes PyTorch's optimizers slower for everybody in the same process.
    """
    workers = {name: Worker(name, device) for name in CONTESTANTS}
    try:
        times, right = in_turns(workers, runs, device, needed=BASELINE)
    finally:
        for worker in workers.values():
            worker.close()
    return show("One epoch of logistic regression, 50,000 images, mini-batches of 64", times, BASELINE,
                more={"valid accuracy": {name: f"{share:.2%}" for name, share in right.items()}})


class Worker:
    """A contestant in a process of its own: calling it trains one epoch there and gives the accuracy."""

    def __init__(self, name: str, device: str):
        spawn = multiprocessing.get_context("spawn")
        self.connection, other_end = spawn.Pipe()
        self.process = spawn.Process(target=work, args=(other_end, name, device, torch.get_num_threads()), daemon=True)
        self.process.start()

    def __call__(self) -> float:
        self.connection.send("go")
        answer = self.connection.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def close(self) -> None:
        self.connection.send(None)
        self.process.join(10)
        self.process.terminate()


def work(connection: Connection, name: str, device: str, threads: int) -> None:
    """What a worker does: an epoch each time it is asked. The accuracy is found once, outside what is timed."""
    torch.set_num_threads(threads)
    race, share = make_race(load_digits(), device=device), None
    while connection.recv():
        try:
            torch.manual_seed(0)
            model = CONTESTANTS[name](race)
            synchronize(device)
            if share is None:
                share = evaluate(model.to(device) if hasattr(model, "to") else model,
                                 [(race.valid_x, race.valid_y)], accuracy)[0]
            connection.send(share)
        except Exception as error:  # told to the one who asked
            connection.send(f"{name}: {type(error).__name__}: {error}")


def rungs_section(digits: Digits, runs: int, device: str) -> dict:
    """The rungs of the ladder, but for bare Python, without the guard."""
    task = make_task(digits, device=device)
    rungs = [*RUNGS, *RUNGS_BELOW[:1]]
    times, climbs = in_turns({f"{n} {rung.name}": lambda rung=rung: rung.train(task)
                              for n, rung in enumerate(rungs, start=1)}, runs, device)
    first = climbs["1 Sequential"].losses
    apart = {name: f"{(climb.losses - first).abs().max().item():.1e}" for name, climb in climbs.items()}
    return show("The rungs, one epoch", times, "1 Sequential", more={"largest difference of loss": apart})


def layouts_section(digits: Digits, runs: int, device: str) -> dict:
    """Rung 5 on one mini-batch, forward and backward: how the weights lie, which axis is summed, compiled or not."""
    race = make_race(digits, device=device)
    x, y = race.x[:64].contiguous(), race.y[:64]
    by_rows = (torch.randn(784, 10) / 784).to(device).requires_grad_()
    by_columns = by_rows.detach().T.contiguous().T.requires_grad_()

    def step(product: Callable[[Tensor, Tensor], Tensor], weight: Tensor) -> Callable[[], None]:
        def many() -> None:
            for _ in range(100):
                nll(log_softmax(product(x, weight)), y).backward()
                weight.grad = None
        return many

    def middle(a: Tensor, b: Tensor) -> Tensor:
        return (a[:, :, None] * b).sum(dim=1)

    def last(a: Tensor, b: Tensor) -> Tensor:
        return (a[:, None, :] * b.T).sum(dim=2)

    ways = {"@": torch.matmul, "broadcast, sum over the middle axis": middle, "broadcast, sum over the last axis": last}
    contestants = {f"{name}; weights by {how}": step(product, weight) for name, product in ways.items()
                   for how, weight in (("rows", by_rows), ("columns", by_columns))}
    try:
        compiled = {f"{name}, compiled; weights by columns": step(torch.compile(product), by_columns)
                    for name, product in ways.items()}
        for run in compiled.values():
            run()
        contestants |= compiled
    except Exception as error:  # no C++ compiler, or a system that torch.compile does not know
        console.print(f"torch.compile does not work here: {type(error).__name__}")
    times, _ = in_turns(contestants, runs, device)
    held = {name: f"{64 * 784 * 10 * 4 / 1e6:.1f} MB" if "broadcast" in name and "compiled" not in name else ""
            for name in times}
    return show("100 mini-batches: product, log-softmax, loss and gradient", times, "@; weights by columns", "ms",
                {"largest tensor": held})


def threads_section(digits: Digits, runs: int, device: str) -> dict:
    """One thread against all cores, small batches against large ones."""
    before, cores = torch.get_num_threads(), os.cpu_count() or 1
    race = make_race(digits)
    races = {size: replace(race, batch_size=size) for size in (64, 4096)}

    def with_threads(n: int, race: Race) -> Callable[[], None]:
        def run() -> None:
            torch.set_num_threads(n)
            our_fit(race)
            torch.set_num_threads(before)
        return run

    found = {}
    for size, race in races.items():
        contestants = {f"{n} thread{'s' * (n > 1)}": with_threads(n, race) for n in sorted({1, 2, cores})}
        times, _ = in_turns(contestants, runs)
        found[str(size)] = show(f"Threads, mini-batches of {size}, one epoch", times, "1 thread")
    return found


def batches_section(digits: Digits, runs: int, device: str) -> dict:
    """From mini-batches of 16 to 4,096."""
    race = make_race(digits, device=device)
    times, _ = in_turns({f"{size:,}": lambda size=size: our_fit(replace(race, batch_size=size))
                         for size in (16, 64, 256, 1024, 4096)}, runs, device)
    return show("Size of the mini-batches, one epoch of our fit", times, "64")


def growth_section(digits: Digits, runs: int, device: str) -> dict:
    """A tenth of the data, all of it, and ten times as much."""
    small = Digits(*(Split(s.x[: len(s) // 10], s.y[: len(s) // 10]) for s in (digits.train, digits.valid, digits.test)),
                   source=digits.source)
    large = Digits(Split(digits.train.x.repeat(10, 1, 1), digits.train.y.repeat(10)), digits.valid, digits.test,
                   source=digits.source)
    races, memory, process = {}, {}, psutil.Process()
    for data in (small, digits, large):
        gc.collect()
        before = process.memory_info().rss
        name = f"{len(data.train):,} images"
        races[name] = make_race(data)
        kept = process.memory_info().rss - before
        with Peak() as peak:
            our_epoch(races[name])
        memory[name] = f"{kept / len(data.train):,.0f} + {peak.more / len(data.train):,.0f}"
    times, _ = in_turns({name: lambda race=race: our_epoch(race) for name, race in races.items()}, runs)
    an_image = {name: [one / len(races[name].x) for one in seconds] for name, seconds in times.items()}
    return show("Time an image, one epoch without validation", an_image, list(races)[1], "µs",
                {"bytes an image: kept + while training": memory})


def reading_section(digits: Digits, runs: int, device: str) -> dict:
    """From the file to normalised tensors, each time in a process of its own, and the most memory it held."""
    once = str(Path(__file__).with_name("read_once.py"))
    sources = (["mnist"] if digits.source == "mnist" else []) + ["handwriting"]
    times, memory = {}, {}
    for source in sources:
        said = [[float(n) for n in _run([sys.executable, once, source]).split()[-4:]] for _ in range(runs)]
        times[f"{source}: file to bytes"] = [one[0] for one in said]
        times[f"{source}: file to normalised floats"] = [one[1] for one in said]
        memory[f"{source}: file to bytes"] = f"{median(one[2] for one in said):.0f} MB"
        memory[f"{source}: file to normalised floats"] = f"{median(one[3] for one in said):.0f} MB"
    console.print(f"The floats of all 70,000 images are {70_000 * 784 * 4 / 2**20:.0f} MB, their bytes "
                  f"{70_000 * 784 / 2**20:.0f} MB. handwriting is read from the cache.")
    return show("Reading", times, next(iter(times)), "ms", {"more memory at the peak": memory})


def start_section(digits: Digits, runs: int, device: str) -> dict:
    """From the command line to an answer."""
    python = sys.executable
    commands = {"python -c pass": [python, "-c", "pass"], "import lessonlib": [python, "-c", "import lessonlib"],
                "lessons --help": [python, "-m", "lessonlib.course", "--help"],
                "lessons list": [python, "-m", "lessonlib.course", "list"],
                "import torch": [python, "-c", "import torch"],
                "import lessonlib.ladder": [python, "-c", "import lessonlib.ladder"]}
    times, _ = in_turns({name: lambda command=command: _run(command) for name, command in commands.items()}, runs)
    return show("Start", times, "python -c pass", "ms")


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8", cwd=tempfile.gettempdir(),
                          env={**os.environ, "PYTHONIOENCODING": "utf-8"}).stdout
