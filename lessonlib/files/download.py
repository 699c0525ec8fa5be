"""Fetching MNIST: from the mirrors that torchvision knows, from a teacher's server, or from a USB stick.

All of it happens in a folder `.fetching-mnist` beside the place where the files belong. They are moved there one by one
only when all of them were read and found whole; then the folder is removed. What a broken attempt leaves in it is
never looked at by a lesson, and the next attempt goes on with it.
"""

import errno
import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from lessonlib.files.cache import say
from lessonlib.files.errors import DataCorrupt, DataError, DataNotFound
from lessonlib.files.formats import IDX, PICKLE, Found, look_in
from lessonlib.files.pickles import LARGEST_PICKLE
from lessonlib.files.reading import read_bytes
from lessonlib.files.transfer import FetchError, fetch
from lessonlib.files.where import cache_folder

SECONDS_BEFORE_ASKING_AGAIN = 3600
SECONDS_TO_WAIT_FOR_ANOTHER = 900
NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def fetch_mnist(folder: Path, source: str | os.PathLike | None = None) -> Found:
    """Get MNIST (11 MB) into `folder`, unless it is there, and give what is there then.

    `source` is a web address (of a folder with the four packed IDX files, or of a pickle), a folder or a file; without
    one, torchvision's mirrors are asked in turn. Raises `DataNotFound` if it cannot be had, `DataCorrupt` if what came
    is not in MNIST's form.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder):
            if (found := look_in(folder)) is not None:
                return found
            staging = folder / ".fetching-mnist"
            staging.mkdir(exist_ok=True)
            ready = staging / "ready"
            if ready.exists():
                shutil.rmtree(ready)  # from an attempt that was stopped, and perhaps from another source
            try:
                _bring(source, staging, ready)
                _check(ready, source)
                _move(ready, folder)
                shutil.rmtree(staging)
            finally:
                if staging.exists() and not any(staging.iterdir()):
                    staging.rmdir()
            return look_in(folder)
    except DataError:
        raise
    except OSError as error:
        if error.errno in NO_ROOM:
            shutil.rmtree(folder / ".fetching-mnist", ignore_errors=True)
            raise DataNotFound(f"there is no room for MNIST in {folder}; it takes 70 MB. Nothing was kept. Make room, "
                               "or set LESSONLIB_CACHE to a folder on another disk") from error
        raise DataNotFound(f"MNIST could not be put into {folder}: {error}") from error


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one program at a time fetch into this folder; two notebooks may ask at once."""
    lock = FileLock(folder / ".fetching-mnist.lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        say(f"another program is fetching MNIST into {folder}; waiting for it")
        try:
            lock.acquire(timeout=SECONDS_TO_WAIT_FOR_ANOTHER)
        except Timeout:
            raise DataNotFound(f"another program has been fetching MNIST into {folder} for "
                               f"{SECONDS_TO_WAIT_FOR_ANOTHER // 60} minutes; stop it and try again") from None
    try:
        yield
    finally:
        lock.release()


# --- bringing it here --------------------------------------------------------------------------------------


def _bring(source: str | os.PathLike | None, staging: Path, ready: Path) -> None:
    """Put MNIST into `ready`, in the form in which it is to be kept."""
    if source is None:
        from torchvision.datasets import MNIST  # takes seconds to import, and most readers never download

        _from_mirrors(MNIST.mirrors, staging, ready)
    elif "://" in str(source):
        _from_address(str(source), staging, ready)
    else:
        _from_disk(Path(source).expanduser(), ready)


def _from_address(url: str, staging: Path, ready: Path) -> None:
    try:
        scheme, path = urlsplit(url).scheme, urlsplit(url).path
    except ValueError:
        scheme = path = ""  # no address at all
    if scheme not in ("http", "https"):
        raise DataNotFound("expected a folder, a file, or an address that begins with http:// or https://; "
                           f"got {url}")
    if path.endswith((".pkl", ".pkl.gz")):
        _pickle_from(url, PICKLE if path.endswith(".gz") else PICKLE.removesuffix(".gz"), staging, ready)
    else:
        _from_mirrors([url.rstrip("/") + "/"], staging, ready)


def _from_mirrors(mirrors: list[str], staging: Path, ready: Path) -> None:
    from torchvision.datasets import MNIST

    mirrors = list(mirrors)
    for packed, md5 in MNIST.resources:
        name, failures = packed.removesuffix(".gz"), []
        for mirror in tuple(mirrors):
            try:
                fetch(mirror + packed, staging / packed, math.prod(IDX[name]) + 2**16, md5)
                break
            except FetchError as error:
                failures.append(f"  - {mirror}{packed}: {error}")
                mirrors.append(mirrors.pop(mirrors.index(mirror)))  # the next file is asked for elsewhere first
        else:
            tried = "\n".join(failures)
            raise DataNotFound(f"MNIST could not be fetched:\n{tried}\nTry `lessons data get` again when there is a "
                               "network (it goes on where it stopped), or copy mnist.pkl.gz or the four IDX files "
                               f"into {staging.parent}")
    for packed, _ in MNIST.resources:
        _keep_idx(packed.removesuffix(".gz"), staging / packed, ready)


def _pickle_from(url: str, name: str, staging: Path, ready: Path) -> None:
    try:
        fetch(url, staging / name, LARGEST_PICKLE)
    except FetchError as error:
        raise DataNotFound(f"{url} could not be fetched: {error}") from error
    ready.mkdir(exist_ok=True)
    (staging / name).replace(ready / name)


def _from_disk(source: Path, ready: Path) -> None:
    found = look_in(source) or (look_in(source.parent) if source.is_file() else None)
    if found is None:
        there = "there is no MNIST in it" if source.exists() else "it does not exist"
        raise DataNotFound(f"{source}: {there}. Expected mnist.pkl.gz, the four IDX files (packed or not) or "
                           "torchvision's MNIST folder")
    if found.form == "idx":
        for name, file in found.files.items():
            _keep_idx(name, file, ready)
    else:
        ready.mkdir(exist_ok=True)
        file = found.files[PICKLE]
        shutil.copyfile(file, ready / (PICKLE if file.suffix == ".gz" else PICKLE.removesuffix(".gz")))


def _keep_idx(name: str, file: Path, ready: Path) -> None:
    """Unpack an IDX file to where torchvision looks for it too."""
    target = ready / "MNIST" / "raw" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(read_bytes(file, math.prod(IDX[name]) + 16))


# --- checking, and putting it in place ---------------------------------------------------------------------


def _check(ready: Path, source: str | os.PathLike | None) -> None:
    found = look_in(ready)
    try:
        found.read()
    except DataCorrupt as error:
        shutil.rmtree(ready)
        raise DataCorrupt(f"what {source or 'the mirrors'} gave is not MNIST: {error.path.name}: {error.fault}. "
                          "Nothing was kept") from error


def _move(ready: Path, folder: Path) -> None:
    """Move each file to its place, and leave alone what is there already."""
    for file in sorted(ready.rglob("*")):
        target = folder / file.relative_to(ready)
        if file.is_dir():
            target.mkdir(exist_ok=True)
        elif not target.exists():
            with file.open("rb+") as written:
                os.fsync(written.fileno())  # so that not even a power cut leaves an empty file under this name
            file.replace(target)


# --- an attempt that failed --------------------------------------------------------------------------------


def asked_in_vain_lately() -> bool:
    """Whether a download failed within the last hour; nobody should wait for the same failure in each notebook."""
    mark = _asked_in_vain()
    return mark.is_file() and time.time() - mark.stat().st_mtime < SECONDS_BEFORE_ASKING_AGAIN


def remember_failure() -> None:
    """Let `asked_in_vain_lately` be true for an hour."""
    try:
        _asked_in_vain().parent.mkdir(parents=True, exist_ok=True)
        _asked_in_vain().touch()
    except OSError as error:
        say(f"{cache_folder()} cannot be written ({error.strerror}), so the next notebook will ask for MNIST again")


def _asked_in_vain() -> Path:
    return cache_folder() / "mnist-could-not-be-fetched"
