"""What the tests cost: processor time for each file, the slowest tests, and how much memory the workers hold.

    python benchmarks/suite.py -n 2            # all tests
    python benchmarks/suite.py tests/test_cli.py

Processor time is compared, not the time on the clock: a machine with other work to do changes it little. It counts the
worker and the processes that a test started and waited for. Memory is what the worker itself held at most, and what it
and its children held together, looked at five times a second. Linux only.
"""

import collections
import json
import os
import resource
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

NOTES = "LESSONLIB_SUITE_NOTES"  # the folder in which workers leave what they measured
LONGEST = 40


def processor_time() -> float:
    """Seconds of this process and of its children that have ended."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def own_peak() -> int:
    """Bytes that this process held at most since `forget_peak`."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Start again with what is held now (man 5 proc: clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


class Family:
    """The most that this process and its children held together, looked at five times a second."""

    def __init__(self):
        self.most = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            held = 0
            for process in [me := psutil.Process(), *me.children(recursive=True)]:
                try:
                    held += process.memory_info().rss
                except psutil.Error:
                    continue  # it ended meanwhile
            self.most = max(self.most, held)
            threading.Event().wait(0.2)


class Measuring:
    """The part that runs in the process that runs the tests."""

    def __init__(self):
        self.family = Family()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        start, self.family.most = processor_time(), 0
        forget_peak()
        given = yield
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        with Path(os.environ[NOTES], f"{worker}.jsonl").open("a") as file:
            file.write(json.dumps({"worker": worker, "file": item.path.name, "test": item.name, "peak": own_peak(),
                                   "family": self.family.most, "seconds": processor_time() - start}) + "\n")
        return given


def pytest_configure(config) -> None:
    """In the process that only deals out the tests there is nothing to measure."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.register(Measuring())


def pytest_terminal_summary(terminalreporter) -> None:
    """Print the tables."""
    notes = [json.loads(line) for path in Path(os.environ[NOTES]).glob("*.jsonl") for line in path.read_text().splitlines()]
    files = collections.defaultdict(list)
    for note in notes:
        files[note["file"]].append(note)
    say = terminalreporter.write_line
    say(f"{'file':32}{'tests':>6}{'CPU s':>8}{'worker MB':>11}{'with children MB':>18}")
    rows = {name: (len(of), sum(note["seconds"] for note in of), max(note["peak"] for note in of) / 1e6,
                   max(note["family"] for note in of) / 1e6) for name, of in files.items()}
    for name, (count, seconds, peak, family) in sorted(rows.items(), key=lambda row: -row[1][1]):
        say(f"{name:32}{count:6}{seconds:8.1f}{peak:11.0f}{family:18.0f}")
    say(f"{'all':32}{len(notes):6}{sum(row[1] for row in rows.values()):8.1f}{max(row[2] for row in rows.values()):11.0f}"
        f"{max(row[3] for row in rows.values()):18.0f}")
    say("")
    for note in sorted(notes, key=lambda note: -note["seconds"])[:LONGEST]:
        say(f"{note['seconds']:8.1f} s {note['peak'] / 1e6:6.0f} MB  {note['file']}::{note['test']}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ[NOTES] = folder
        sys.exit(pytest.main(["-q", "-p", Path(__file__).stem, *sys.argv[1:]]))
