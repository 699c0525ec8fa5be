"""Digits of your own: a folder of pictures by class, or a csv file that names them."""

import csv
import os
import re
from collections import Counter
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from tqdm.auto import tqdm

from lessonlib.files.dealing import PART_NAMES, Entry, deal, label_of, named_part
from lessonlib.files.errors import DataCorrupt, shown
from lessonlib.files.idx import Part
from lessonlib.files.notices import progress, warn
from lessonlib.files.photos import FORMATS, read_digit, unusable
from lessonlib.files.reading import UNPACKING_FAILED
from lessonlib.files.tables import delimiter_of, open_text

ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm",
           ".pnm", ".pbm")
CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")  # what systems leave in folders, and everything with a dot before it
NO_PICTURES = (".txt", ".csv", ".tsv", ".md", ".json", ".xml", ".html", ".py", ".ipynb", ".npy", ".npz")
MAX_PICTURES = 200_000  # 160 MB of pixels
MAX_FILES = 2 * MAX_PICTURES  # looked at
MAX_CSV = 2**25
MAX_FOLDERS = 2000
MAX_DEPTH = 3  # folders above those that are named by what they show


def is_clutter(name: str) -> bool:
    """Whether this is a file or folder that nobody put there on purpose."""
    return name.startswith(".") or name.lower() in CLUTTER


def is_picture(name: str) -> bool:
    """Whether this is the name of a picture that can be read."""
    return name.lower().endswith(ENDINGS) and not is_clutter(name)


# --- folders -------------------------------------------------------------------------------------------------


def class_folders(folder: Path) -> list[tuple[Path, int, str | None]]:
    """The folders that are named by what they show, each with its digit and its part, at most three levels deep.

    They may be named 3, 03, three or digit_3, and stand in folders named train, Testing, validation and the like.
    """
    return _walk(folder, None, 0, Counter())


def _walk(folder: Path, part: str | None, depth: int, seen: Counter) -> list[tuple[Path, int, str | None]]:
    """As `class_folders`. Counts in `seen` the folders looked at, and the pictures outside of class folders."""
    found = []
    with os.scandir(folder) as entries:
        names = [(entry.name, entry.is_dir()) for entry in islice(entries, MAX_FILES) if not is_clutter(entry.name)]
    for name, is_folder in sorted(names):
        if not is_folder:
            seen["pictures"] += is_picture(name)
        elif (label := label_of(name)) is not None:
            found.append((folder / name, label, part))
        elif depth < MAX_DEPTH and seen["folders"] < MAX_FOLDERS:
            seen["folders"] += 1
            found += _walk(folder / name, named_part(name) or part, depth + 1, seen)
    return found


def read_folder(folder: Path) -> tuple[Part, Part, Part]:
    """Pictures in folders named by what they show, 0 … 9, either directly or inside train, valid and test.

    Where there is no valid or no test, `deal` takes it from the rest. Says what was left out. Raises `DataCorrupt`.
    """
    entries: list[Entry] = []
    seen: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    folders = _walk(folder, None, 0, seen)
    root = Path(os.path.commonpath([place.parent for place, _, _ in folders])) if folders else folder
    for place, label, part in folders:
        for file in _files_below(place):
            if is_picture(file.name):
                entries.append(Entry(file.relative_to(root).as_posix(), file, label, part))
            elif file.suffix.lower() not in NO_PICTURES:
                unread[file.suffix.lower() or "without an ending"] += 1
            if len(entries) + unread.total() > MAX_FILES:
                break
    left_out = _what_was_left_out(unread, seen["pictures"])
    if not entries:
        raise unusable(folder, f"pictures ({', '.join(FORMATS)}) in folders named by what they show",
                       f"none{'; ' + left_out if left_out else ''}")
    if left_out:
        warn(f"{folder}: {left_out}")
    return _read_all(folder, entries)


def _files_below(folder: Path) -> list[Path]:
    """All files of a class, also in folders inside of it, in an order that does not depend on the system."""
    files = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_clutter(name)]
        files += [Path(place, name) for name in names if not is_clutter(name)]
        if len(files) > MAX_FILES:
            break
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _what_was_left_out(unread: Counter, n_outside: int) -> str:
    parts = []
    if unread:
        kinds = ", ".join(f"{n:,} {shown(ending, 20)}" for ending, n in unread.most_common(5))
        parts.append(f"{unread.total():,} {'file is' if unread.total() == 1 else 'files are'} left out, because "
                     f"{'it is' if unread.total() == 1 else 'they are'} not in a format that can be read here ({kinds}); "
                     "save pictures as PNG or JPEG")
    if n_outside:
        parts.append(f"{n_outside:,} {'picture is' if n_outside == 1 else 'pictures are'} left out that no folder "
                     "names by what they show")
    return "; ".join(parts)


# --- csv -----------------------------------------------------------------------------------------------------

FILE_COLUMNS, LABEL_COLUMNS, PART_COLUMNS = ("file", "filename", "image", "path"), ("label", "class", "digit"), ("part", "split")


def names_pictures(path: Path) -> bool:
    """Whether this is a csv file with columns for the names of files and for their labels."""
    try:
        with open_text(path, MAX_CSV) as file:
            line = file.readline(1000)
    except (DataCorrupt, OSError, UnicodeError, *UNPACKING_FAILED):
        return False
    names = next(csv.reader([line], delimiter=delimiter_of(line)), [])
    return _column(names, FILE_COLUMNS) is not None and _column(names, LABEL_COLUMNS) is not None


def _column(names: list[str], wanted: tuple[str, ...]) -> str | None:
    return next((name for want in wanted for name in names if name.strip().lower() == want), None)


def read_csv(path: Path) -> tuple[Part, Part, Part]:
    """Pictures named in a csv file with the columns file,label and, if you like, part (train, valid or test).

    The names are relative to the csv file's folder, and do not lead out of it. Raises `DataCorrupt`.
    """
    try:
        if path.stat().st_size > MAX_CSV:
            raise unusable(path, f"at most {MAX_CSV:,} bytes", f"{path.stat().st_size:,}")
        with open_text(path, MAX_CSV) as file:
            first = file.readline(2**16)
            header = next(csv.reader([first], delimiter=delimiter_of(first)), [])
            columns = [_column(header, wanted) for wanted in (FILE_COLUMNS, LABEL_COLUMNS, PART_COLUMNS)]
            if None in columns[:2]:
                raise unusable(path, "a first line with the columns file,label", shown(",".join(header)) or "nothing")
            table = csv.DictReader(file, header, delimiter=delimiter_of(first))
            entries = [_entry(path, number, [row.get(column) if column else None for column in columns])
                       for number, row in enumerate(islice(table, MAX_PICTURES + 1), start=1)]
    except (OSError, UnicodeError, csv.Error, *UNPACKING_FAILED) as error:
        raise unusable(path, "a csv file in UTF-8", f"one that cannot be read ({shown(error)})") from error
    return _read_all(path, entries)


def _entry(path: Path, number: int, row: list[str | None]) -> Entry:
    name, label, part = (str(cell or "").strip() for cell in row)
    if not re.fullmatch(r"[0-9](\.0*)?", label):
        raise unusable(path, "labels from 0 to 9", f"the label {shown(repr(label), 40)} in row {number:,}")
    if part and part.lower() not in PART_NAMES:
        raise unusable(path, "parts named train, valid or test", f"{shown(repr(part), 40)} in row {number:,}")
    inside = PurePosixPath(name.replace("\\", "/"))
    if not name or inside.is_absolute() or PureWindowsPath(name).drive or ".." in inside.parts or "\0" in name:
        raise unusable(path, "names of files in its own folder", f"{shown(repr(name))} in row {number:,}")
    return Entry(str(inside), path.parent / inside, int(label[0]), PART_NAMES.get(part.lower()))


# --- reading them --------------------------------------------------------------------------------------------


def _read_all(where: Path, entries: list[Entry]) -> tuple[Part, Part, Part]:
    if len(entries) > MAX_PICTURES:
        raise unusable(where, f"at most {MAX_PICTURES:,} pictures", "more")
    parts: dict[str, list[Entry]] = {"train": [], "valid": [], "test": []}
    for entry, part in deal(entries):
        parts[part].append(entry)
    if empty := [name for name, members in parts.items() if not members]:
        raise unusable(where, "at least one picture for each of train, valid and test",
                       f"{len(entries):,} pictures, none of them for {' or '.join(empty)}")
    with progress(len(entries), "reading pictures") as bar:
        train, valid, test = (_read_part(members, bar) for members in parts.values())
    return train, valid, test


def _read_part(entries: list[Entry], bar: tqdm) -> Part:
    x = np.empty((len(entries), 28, 28), dtype=np.uint8)
    for n, entry in enumerate(entries):
        x[n] = read_digit(entry.file)
        bar.update()
    return x, np.array([entry.label for entry in entries], dtype=np.int64)
