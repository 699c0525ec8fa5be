"""Fetching MNIST: from the mirrors that torchvision knows, from a teacher's server, or from a USB stick.

All of it happens in a folder `.fetching-mnist` beside the place where the files belong. Whatever form the digits came
in, they are kept as the four IDX files where torchvision looks for them too. The files are moved there only when all
digits were read and found whole; then the folder is removed. What a broken attempt leaves in it is never looked at by a
lesson, and the next attempt begins by removing it.
"""

import errno
import http.client
import math
import os
import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib import request
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit

import numpy as np
from filelock import FileLock, Timeout

from lessonlib.files.checksums import MD5, fingerprints
from lessonlib.files.errors import DataCorrupt, DataError, DataNotFound, shown
from lessonlib.files.formats import EXPECTED, IDX, FoundDigits, Part, describe, look_in
from lessonlib.files.idx import header_of
from lessonlib.files.notices import progress, warn
from lessonlib.files.tables import MAX_CSV
from lessonlib.files.where import as_path, cache_folder

SECONDS_TO_ANSWER = 10  # to connect, and between two pieces of a file
SECONDS_FOR_A_FILE = 600
SECONDS_BEFORE_ASKING_AGAIN = 3600
SECONDS_TO_WAIT_FOR_ANOTHER = 900
NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
SINGLE_FILES = (".pkl", ".pkl.gz", ".pickle", ".npz", ".csv", ".csv.gz")  # that hold all digits


def fetch_mnist(folder: Path, source: str | os.PathLike | None = None) -> FoundDigits:
    """Get MNIST (11 MB) into `folder`, unless it is there, and give what is there then.

    `source` is a web address (of a folder with the four packed IDX files, or of a single file), a folder or a file;
    without one, torchvision's mirrors are asked in turn. Raises `DataNotFound` if it cannot be had, `DataCorrupt` if
    what came is not in MNIST's form.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder):
            if (found := look_in(folder)) is not None:
                return found
            staging = folder / ".fetching-mnist"
            shutil.rmtree(staging, ignore_errors=True)
            try:
                parts = _bring(source, staging)
                _write(parts, staging / "ready")
                _move(staging / "ready", folder / "MNIST" / "raw")
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            if (found := look_in(folder)) is None:
                raise DataNotFound(f"MNIST was put into {folder}, and it is not there any more; does another program tidy up "
                                   "there? Set LESSONLIB_DATA to another folder and fetch it again")
            return found
    except DataError:
        raise
    except OSError as error:
        if error.errno in NO_ROOM:
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
        warn(f"another program is fetching MNIST into {folder}; waiting for it")
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


def _bring(source: str | os.PathLike | None, staging: Path) -> tuple[Part, Part, Part]:
    """Read the digits from wherever they are, over `staging` where they come from the network."""
    if source is None:
        from torchvision.datasets import MNIST  # takes seconds to import, and most readers never download

        return _from_servers(MNIST.mirrors, staging)
    if "://" not in os.fsdecode(source):
        return _read(as_path(source), f"there is no MNIST at {as_path(source)}: {{}}")
    url = _checked_address(os.fsdecode(source))
    name = shown(PurePosixPath(unquote(urlsplit(url).path)).name)
    if name.lower().endswith(SINGLE_FILES):
        file = staging / f"from-the-network{''.join(PurePosixPath(name.lower()).suffixes[-2:])}"
        try:
            _fetch(url, file, MAX_CSV)
        except FetchError as error:
            raise DataNotFound(f"{url} could not be fetched: {error}") from error
        return _read(file, f"what {url} gave is not MNIST: {{}}. Nothing was kept")
    if name.lower().replace(".gz", "") in IDX:  # one of the four stands for all of them
        url = url[: url.rindex("/")]
    return _from_servers([url.rstrip("/") + "/"], staging, must_be_mnist=False)


def _checked_address(url: str) -> str:
    try:
        is_address = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise DataNotFound("expected a folder, a file, or an address that begins with http:// or https://; "
                           f"got {url}")
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]")


def _from_servers(servers: list[str], staging: Path, must_be_mnist: bool = True) -> tuple[Part, Part, Part]:
    """The four packed IDX files from the first server whose files are whole and, where they must be, MNIST's."""
    failures = []
    for number, server in enumerate(servers):
        folder = staging / f"server-{number}"
        try:
            for name, shape in IDX.items():
                _fetch(f"{server}{name}.gz", folder / f"{name}.gz", math.prod(shape) + 2**16)
            parts = _read(folder, "{}")
            wrong = [name for name, md5 in fingerprints(parts).items() if md5 != MD5[name]] if must_be_mnist else []
            if not wrong:
                return parts
            failures.append(f"  - {server}: {', '.join(wrong)} do not hold MNIST's digits")
        except (FetchError, DataCorrupt) as error:
            failures.append(f"  - {server}: {error}")
    tried = "\n".join(failures)
    raise DataNotFound(f"MNIST could not be fetched:\n{tried}\nTry `lessons data get` again when there is a network, or "
                       f"copy mnist.pkl.gz or the four IDX files into {staging.parent}")


def _read(path: Path, words: str) -> tuple[Part, Part, Part]:
    """The digits at `path`, in any form. The errors are put into `words`."""
    found = look_in(path)
    if found is None:
        raise DataNotFound(words.format(describe(path) or "it is not there") + f". Expected {EXPECTED}")
    try:
        parts = found.read()
    except DataCorrupt as error:
        raise DataCorrupt(words.format(error.in_short())) from error
    if [len(labels) for _, labels in parts] != [50_000, 10_000, 10_000]:
        raise DataCorrupt(words.format("it does not hold MNIST's 70,000 digits") + ". Give it to "
                          "load_digits(path=…) instead")
    return parts


# --- one file over the network -----------------------------------------------------------------------------


class FetchError(Exception):
    """A server did not give the file; the message says why."""


def _fetch(url: str, target: Path, max_bytes: int) -> None:
    """One file over HTTP: bounded in time and in size, of which the server is asked first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    deadline, n_bytes = time.monotonic() + SECONDS_FOR_A_FILE, 0
    try:
        asked = request.Request(url, headers={"User-Agent": "lessonlib", "Accept-Encoding": "identity"})
        with _opener().open(asked, timeout=SECONDS_TO_ANSWER) as response, target.open("wb") as file:
            length = int(response.headers.get("Content-Length") or 0)
            if length > max_bytes:
                raise FetchError(f"it is to be {length:,} bytes long, and the file has at most {max_bytes:,}")
            with progress(length or None, target.name, "B") as bar:
                while chunk := response.read1(2**16):
                    n_bytes += len(chunk)
                    if n_bytes > max_bytes:
                        raise FetchError(f"more than {max_bytes:,} bytes came, and the file has at most that many")
                    if time.monotonic() > deadline:
                        raise FetchError(f"too slow: {n_bytes:,} bytes in {SECONDS_FOR_A_FILE:,} seconds")
                    file.write(chunk)
                    bar.update(len(chunk))
    except HTTPError as error:
        error.close()
        raise FetchError(f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = getattr(error, "reason", error)
        if getattr(error, "errno", None) in NO_ROOM:
            raise
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise FetchError(f"the server's certificate is not trusted ({cause.verify_message}); where a school or a "
                             "company reads all traffic, set SSL_CERT_FILE to the file of its certificate") from error
        raise FetchError(f"no answer ({cause or type(error).__name__})") from error
    if n_bytes < length:
        raise FetchError(f"the connection was cut after {n_bytes:,} of {length:,} bytes")


def _opener() -> request.OpenerDirector:
    """Opens http and https addresses, through the proxy that the environment names, and nothing else."""
    opener = request.OpenerDirector()
    for handler in (request.ProxyHandler, request.UnknownHandler, request.HTTPHandler, request.HTTPSHandler,
                    request.HTTPRedirectHandler, request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor):
        opener.add_handler(handler())
    return opener


# --- putting it in place -----------------------------------------------------------------------------------


def _write(parts: tuple[Part, Part, Part], folder: Path) -> None:
    """The four IDX files, unpacked: they are read ten times as fast as packed ones."""
    folder.mkdir(parents=True)
    (train_x, train_y), (valid_x, valid_y), (test_x, test_y) = parts
    for name, arrays in zip(IDX, ((train_x, valid_x), (train_y, valid_y), (test_x,), (test_y,)), strict=True):
        with (folder / name).open("wb") as file:
            file.write(header_of(IDX[name]))
            for array in arrays:
                file.write(np.ascontiguousarray(array, dtype=np.uint8).data)
            file.flush()
            os.fsync(file.fileno())  # so that not even a power cut leaves an empty file under this name


def _move(ready: Path, folder: Path) -> None:
    """Move each file to its place, and leave alone what is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(ready.iterdir()):
        if not (folder / file.name).exists():
            file.replace(folder / file.name)


# --- an attempt that failed --------------------------------------------------------------------------------


_failures: dict[Path, tuple[float, str]] = {}  # of this session, where the cache folder cannot be written


def failed_recently() -> str | None:
    """Why a download failed within the last hour; nobody should wait for the same failure in each notebook."""
    mark = _failure_mark()
    when, why = _failures.get(mark, (0.0, ""))
    try:
        if mark.is_file() and mark.stat().st_mtime > when:
            when, why = mark.stat().st_mtime, mark.read_text(encoding="utf-8", errors="replace")[:2000]
    except OSError as error:
        warn(f"{mark} cannot be read ({error.strerror})")
    return why if time.time() - when < SECONDS_BEFORE_ASKING_AGAIN else None


def remember_failure(why: str) -> None:
    """Let `failed_recently` give this answer for an hour."""
    mark = _failure_mark()
    _failures[mark] = time.time(), why
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(why, encoding="utf-8")
    except OSError as error:
        warn(f"{mark.parent} cannot be written ({error.strerror}), so the next notebook will ask for MNIST again")


def _failure_mark() -> Path:
    return cache_folder() / "mnist-could-not-be-fetched"
