"""Arrays that are expensive to make, kept in the cache folder."""

import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from lessonlib.files.notices import notify, warn
from lessonlib.files.reading import file_kind, open_regular
from lessonlib.files.where import cache_folder

MAX_BYTES = 2**28  # of a cache file; the built-in digits take 55 MB
SECONDS_TO_WAIT = 300  # for another program that makes the same
CHECKSUM = hashlib.sha256


def cached_arrays(
    name: str,  # of the file, without .npz; a new name where the way of making changes
    make: Callable[[], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """The arrays that `make` gives, made only once. A cache that cannot be used is skipped with a notice.

    The file is an npz archive with its SHA-256 behind it. A file that is damaged in any way is made again.
    """
    arrays = None
    try:
        path = cache_folder() / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=SECONDS_TO_WAIT):  # two notebooks may ask at once
            arrays = _load(path)
            if arrays is None:
                arrays = make()
                _save(path, arrays)
    except (OSError, NotImplementedError) as error:  # the latter where a network drive has no locks
        warn(f"the cache folder cannot be used ({error}); set LESSONLIB_CACHE to a folder that can be written")
    return make() if arrays is None else arrays


def _load(path: Path) -> dict[str, np.ndarray] | None:
    if file_kind(path) == "" and not path.is_symlink():
        return None
    if file_kind(path) == "a file" and path.stat().st_size <= MAX_BYTES:
        with open_regular(path) as file:
            content = file.read()
        size = CHECKSUM().digest_size
        archive, checksum = memoryview(content)[:-size], content[-size:]
        if len(content) > size and CHECKSUM(archive).digest() == checksum:
            with np.load(io.BytesIO(archive), allow_pickle=False) as stored:
                return dict(stored)
    notify(f"{path} was damaged, or made by an older version, and is made again")
    return None


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    # Written under another name first, so that a file of the right name is always whole.
    archive = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(archive, **named)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".unfinished")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(archive.getbuffer())
            file.write(CHECKSUM(archive.getbuffer()).digest())
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink()
        raise
