"""Where data is looked for, and where what we fetch or draw is kept."""

import difflib
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import platformdirs

from lessonlib.files.errors import DataNotFound, shown
from lessonlib.files.reading import file_kind

MAX_ENTRIES = 10_000  # of a folder that are looked at


@dataclass(frozen=True)
class Place:
    """A folder (or a file) to look at, and why."""

    why: str
    path: Path


def as_path(text: str | os.PathLike) -> Path:
    r"""A path as people write it: `~`, variables, and quotes or spaces around it, where it does not exist as it stands.

    On Windows, `set NAME="C:\a folder"` makes the quotes a part of the value.
    """
    text = os.fsdecode(text)
    bare = text.strip().strip("\"'").strip()
    for written in (text, bare):
        expanded = Path(os.path.expandvars(os.path.expanduser(written)))  # noqa: PTH111 (pathlib's raises for ~nobody)
        if written and is_there(expanded):
            return expanded
    return Path(os.path.expandvars(os.path.expanduser(bare)))  # noqa: PTH111


def is_there(path: Path) -> bool:
    """Whether something lies there; where it cannot be looked at, it may."""
    try:
        return file_kind(path) != ""
    except OSError:
        return True


def cache_folder() -> Path:
    """The user's cache folder for this project; `LESSONLIB_CACHE` overrides it."""
    if not (chosen := os.environ.get("LESSONLIB_CACHE", "").strip()):
        return platformdirs.user_cache_path("lessonlib", appauthor=False)
    folder = as_path(chosen)
    if folder.parts[:1] and folder.parts[0].startswith("~"):
        raise DataNotFound(f"LESSONLIB_CACHE is {shown(chosen)}, and there is no user {shown(folder.parts[0][1:])}. "
                           "Set it to a folder that can be written, or unset it")
    return folder


def checkout() -> Path | None:
    """The folder of the checkout that this package is run from, or None where it was installed without one."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "settings.ini").is_file() and (folder / "nbs").is_dir() else None


def named_place(path: str | os.PathLike | None = None) -> Place | None:
    """The place that was asked for by name: the path that was given, else `LESSONLIB_DATA`, else None."""
    if path is not None:
        return Place("the path you gave", as_path(path))
    chosen = os.environ.get("LESSONLIB_DATA", "")
    return Place("$LESSONLIB_DATA", as_path(chosen)) if chosen.strip(" \t\r\n\"'") else None


def places(path: str | os.PathLike | None = None) -> list[Place]:
    """All places where MNIST may lie, in order. Where one is named, nothing is taken from those after it."""
    found = [place for place in (named_place(path) if path is not None else None, named_place()) if place is not None]
    if (here := checkout()) is not None:
        found.append(Place("data/, beside lessons.py", here / "data"))
    found.append(Place("the cache folder", cache_folder()))
    return found


def download_folder() -> Path:
    """Where a download is put: the folder that `LESSONLIB_DATA` names, else `data/` of the checkout.

    Where there is no checkout, or its folder is read-only, it is the cache folder.
    """
    if (named := named_place()) is not None and named.path.is_dir():
        return named.path
    here = checkout()
    return here / "data" if here is not None and can_be_written(here / "data") else cache_folder()


def can_be_written(folder: Path) -> bool:
    """Whether files can be put into this folder, which need not exist yet."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK)


def why_not_there(path: Path) -> str:
    """Where a path ends that leads nowhere, and what lies there under nearly the same name."""
    text = str(path)
    if "\0" in text:
        return "no path can have a NUL character in it"
    if "://" in text or text.startswith(("http:/", "https:/")):
        return "a web address; `lessons data get --from ADDRESS` fetches from one"
    if path.parts and path.parts[0].startswith("~"):
        return f"there is no user {path.parts[0][1:]}"
    if path.is_symlink():
        return f"a link to {path.readlink()}, which does not exist"
    parent = next(place for place in path.absolute().parents if file_kind(place))
    missing = path.absolute().relative_to(parent).parts[0]
    if file_kind(parent) != "a folder":
        return f"it does not exist ({parent} is {file_kind(parent)})"
    with os.scandir(parent) as entries:
        names = {entry.name.lower(): entry.name for entry in islice(entries, MAX_ENTRIES)}
    near = difflib.get_close_matches(missing.lower(), names, n=1, cutoff=0.7)
    return "it does not exist" + (f"; did you mean {parent / names[near[0]]}?" if near else "")
