"""Arrays that are dear to make, kept in the cache folder."""

import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock

from lessonlib.files.where import cache_folder


def say(notice: str) -> None:
    """Tell the reader something in a visible line, on stderr so that a program's output stays its own."""
    print(f"lessonlib: {notice}", file=sys.stderr)


def cached_arrays(
    name: str,  # of the file, without .npz; a new name where the way of making changes
    make: Callable[[], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """The arrays that `make` gives, made only once. A cache that cannot be written is skipped with a word."""
    path = cache_folder() / f"{name}.npz"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # two notebooks may ask at once
            arrays = _load(path)
            if arrays is None:
                arrays = make()
                _save(path, arrays)
            return arrays
    except OSError as error:
        say(f"{path.parent} cannot be used as a cache ({error}); set LESSONLIB_CACHE to a folder that can be written")
        return make()


def _load(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except FileNotFoundError:
        return None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        say(f"{path} was broken ({error}) and is made anew")
        return None


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    # Written under another name first, so that a file of the right name is always whole.
    handle, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".unfinished")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink()
        raise
