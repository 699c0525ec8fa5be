"""Progress: one readable JSON file that says which exercises were tried and passed, and which hints were read.

Standard library and a file lock only, so that `lessons list` stays quick. The file may be deleted at any time.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from functools import cache
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from lessonlib.files import warn
from lessonlib.files.where import checkout

VERSION = 1
SECONDS_TO_WAIT = 5


@dataclass
class Record:
    """What is known about one exercise."""

    passed: bool = False
    tries: int = 0  # checks of something else than the skeleton
    last_code: str = ""  # what the last check found
    hints: list[int] = field(default_factory=list)  # the hints that were read
    passed_on: str = ""  # when it was right for the first time


def progress_file() -> Path:
    """`work/progress.json` of the checkout, else in the user's data folder; `LESSONLIB_PROGRESS` overrides it."""
    if chosen := os.environ.get("LESSONLIB_PROGRESS"):
        path = Path(chosen).expanduser()
        return path / "progress.json" if path.is_dir() else path
    here = checkout()
    folder = here / "work" if here is not None else platformdirs.user_data_path("lessonlib", appauthor=False)
    return folder / "progress.json"


def read_progress() -> dict[str, Record]:
    """All records by the id of the exercise.

    A file that cannot be understood is set aside, with a notice. One that a newer version wrote is left alone, and
    nothing is read from it.
    """
    try:
        return _read()
    except _Newer as error:
        _warn_once(f"{error}, so your progress is not shown")
        return {}


def _read() -> dict[str, Record]:
    path = progress_file()
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a byte order mark before it
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        _set_aside(path, f"cannot be read ({error})")
        return {}
    try:
        return _understood(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        _set_aside(path, f"is broken ({error})")
        return {}


class _Newer(Exception):
    """The file was written by a newer version."""


@cache
def _warn_once(notice: str) -> None:
    warn(notice)


def _understood(content: object) -> dict[str, Record]:
    if not isinstance(content, dict) or not isinstance(content.get("version"), int):
        raise ValueError("no version in it")
    if content["version"] > VERSION:
        raise _Newer(f"{progress_file()} was written by a newer version of the course ({content['version']}; this one knows "
                     f"{VERSION}). It is left as it is")
    exercises = content.get("exercises")
    if not isinstance(exercises, dict) or not all(isinstance(entry, dict) for entry in exercises.values()):
        raise ValueError("no exercises in it")
    for id, entry in exercises.items():
        if unknown := entry.keys() - {known.name for known in fields(Record)}:
            raise ValueError(f"{id} holds {sorted(unknown)[0]!r}, which is not known here")
    records = {id: Record(**entry) for id, entry in exercises.items()}
    blank = Record()
    for id, record in records.items():
        for known in fields(Record):
            value = getattr(record, known.name)
            if type(value) is not type(getattr(blank, known.name)):
                raise ValueError(f"{known.name} of {id} is {value!r}")
        if not all(type(n) is int for n in record.hints):
            raise ValueError(f"hints of {id} is {record.hints!r}")
    return records


def _set_aside(path: Path, why: str) -> None:
    """Rename the file, so that nothing is lost and a new one can be begun. A folder is left where it is."""
    if path.is_dir():
        warn(f"{path} should be a file and is a folder; your progress is not kept. Rename the folder")
        return
    now = datetime.now().strftime("%Y-%m-%d-%H%M%S-%f")
    aside = path.with_name(f"{path.stem}-set-aside-{now}{path.suffix}")
    try:
        path.rename(aside)
    except OSError as error:
        warn(f"{path} {why}, and cannot be renamed ({error}); your progress is not kept")
        return
    warn(f"{path} {why}. It was renamed to {aside.name}, and a new one is begun")


def note_check(exercise_id: str, status: str, code: str) -> None:
    """Write down a check that found something; the untouched skeleton counts for nothing."""
    def change(record: Record) -> None:
        record.tries += 1
        record.last_code = code
        if status == "ok" and not record.passed:
            record.passed, record.passed_on = True, datetime.now().isoformat(timespec="seconds")

    if status != "todo":
        _change(exercise_id, change)


def note_hint(exercise_id: str, n: int) -> None:
    """Write down that a hint was read."""
    def change(record: Record) -> None:
        record.hints = sorted({*record.hints, n})

    _change(exercise_id, change)


def _change(exercise_id: str, change) -> None:
    """Read, change one record, write; two notebooks may do so at once. Says so where it cannot be written."""
    path = progress_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=SECONDS_TO_WAIT):
            records = _read()
            change(records.setdefault(exercise_id, Record()))
            _write(path, records)
    except _Newer as error:
        _warn_once(f"{error}, so your progress is not kept until you update this checkout")
    except (OSError, Timeout) as error:
        warn(f"your progress could not be written to {path} ({error})")


def _write(path: Path, records: dict[str, Record]) -> None:
    content = {"version": VERSION, "exercises": {id: asdict(records[id]) for id in sorted(records)}}
    for left in path.parent.glob(".progress-*.unfinished"):  # of a program that was killed; only one writes at a time
        left.unlink(missing_ok=True)
    # Written under another name first, so that a file of the right name is always whole.
    unfinished = path.with_name(f".progress-{os.getpid()}.unfinished")
    try:
        unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def progress_in_words(ids: Sequence[str], records: Mapping[str, Record]) -> str:
    """Such as "1 of 2 passed, 1 tried, 3 hints": the exercises of one lesson, as far as the reader got."""
    if not ids:
        return ""
    known = [records.get(id, Record()) for id in ids]
    passed, hints = sum(record.passed for record in known), sum(len(record.hints) for record in known)
    tried = sum(record.tries > 0 and not record.passed for record in known)
    parts = [f"{passed} of {len(ids)} passed"]
    if tried:
        parts.append(f"{tried} tried")
    if hints:
        parts.append("1 hint" if hints == 1 else f"{hints} hints")
    return ", ".join(parts)
