"""Where data is looked for, and where what we fetch or draw is kept."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True)
class Place:
    """A folder (or a file) to look at, and why."""

    why: str
    path: Path


def cache_folder() -> Path:
    """The user's cache folder for this project; `LESSONLIB_CACHE` overrides it."""
    chosen = os.environ.get("LESSONLIB_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("lessonlib", appauthor=False)


def checkout() -> Path | None:
    """The folder of the checkout that this package is run from, or None where it was installed without one."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "settings.ini").is_file() and (folder / "nbs").is_dir() else None


def places(path: str | os.PathLike | None = None) -> list[Place]:
    """All places where MNIST is looked for, in order."""
    found = []
    if path is not None:
        found.append(Place("the path you gave", Path(path).expanduser()))
    if chosen := os.environ.get("LESSONLIB_DATA"):
        found.append(Place("$LESSONLIB_DATA", Path(chosen).expanduser()))
    if (here := checkout()) is not None:
        found.append(Place("data/ of the checkout", here / "data"))
    found.append(Place("the cache folder", cache_folder()))
    return found


def download_folder() -> Path:
    """Where a download is put: `data/` of the checkout, or the cache folder where there is none or it is read-only."""
    here = checkout()
    return here / "data" if here is not None and can_be_written(here / "data") else cache_folder()


def can_be_written(folder: Path) -> bool:
    """Whether files can be put into this folder, which need not exist yet."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK)
