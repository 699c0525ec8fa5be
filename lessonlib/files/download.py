"""Fetching MNIST from the mirrors that torchvision knows, checked, and put in place only when it is whole."""

import socket
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from lessonlib.files.errors import DataNotFound
from lessonlib.files.formats import Found, look_in
from lessonlib.files.where import cache_folder

SECONDS_TO_ANSWER = 10
SECONDS_BEFORE_ASKING_AGAIN = 3600


def fetch_mnist(folder: Path) -> Found:
    """Download MNIST (11 MB) into `folder`/MNIST/raw, unless it is there. Raises `DataNotFound` if it cannot be had."""
    from torchvision.datasets import MNIST  # takes seconds to import, and most readers never download

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".fetching-mnist.lock"):  # two notebooks may ask at once
        if (found := look_in(folder)) is not None:
            return found
        with tempfile.TemporaryDirectory(dir=folder, prefix=".mnist-") as unfinished, _time_limit():
            try:
                MNIST(unfinished, download=True)  # tries each mirror and compares checksums
            except (RuntimeError, OSError) as error:
                _asked_in_vain().parent.mkdir(parents=True, exist_ok=True)
                _asked_in_vain().touch()
                raise DataNotFound(
                    f"MNIST could not be fetched: {error}\nTry `lessons data get` again when there is a network, "
                    f"or copy mnist.pkl.gz or the four IDX files into {folder}") from error
            (Path(unfinished) / "MNIST").rename(folder / "MNIST")
    return look_in(folder)


def asked_in_vain_lately() -> bool:
    """Whether a download failed within the last hour; nobody should wait for the same failure in each notebook."""
    mark = _asked_in_vain()
    return mark.is_file() and time.time() - mark.stat().st_mtime < SECONDS_BEFORE_ASKING_AGAIN


def _asked_in_vain() -> Path:
    return cache_folder() / "mnist-could-not-be-fetched"


@contextmanager
def _time_limit():
    # torchvision sets no limit of its own, and a firewall that drops packets would keep it waiting for minutes.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_TO_ANSWER)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
