"""Opening files that may be packed, broken, or not what their name says."""

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO

from lessonlib.files.errors import DataCorrupt

UNPACKING_FAILED = (EOFError, zlib.error, gzip.BadGzipFile)


def corrupt(path: Path, expected: str, got: str) -> DataCorrupt:
    """The error for a file that does not hold what it should."""
    error = DataCorrupt(f"{path} is not the file it should be: expected {expected}; got {got}. "
                        "It was left as it is. Remove it or put a good copy in its place; "
                        "`lessons data get` fetches one.")
    error.path, error.fault = path, f"expected {expected}; got {got}"
    return error


def shown(thing: object, most: int = 200) -> str:
    """A text from a file, fit to be printed: not too long, and without signs that move the cursor."""
    text = str(thing)
    return "".join(c if c.isprintable() else "?" for c in text[:most]) + ("…" if len(text) > most else "")


def open_packed(path: Path, most_bytes: int) -> BinaryIO:
    """Open a file to read its bytes, unpacked where its name ends in .gz. Raises `DataCorrupt` if it cannot be."""
    try:
        if path.suffix != ".gz":
            return path.open("rb")
        if path.stat().st_size > most_bytes + 2**16:
            raise corrupt(path, f"at most {most_bytes:,} bytes", f"a file of {path.stat().st_size:,}")
        with path.open("rb") as file:
            start = file.read(2)
        if start and start != b"\x1f\x8b":
            raise corrupt(path, "a whole gzip file", f"one that cannot be unpacked (it begins with {start.hex()}"
                          f"{hint(start)})")
        return gzip.open(path)
    except OSError as error:
        raise unreadable(path, error) from error


def read_bytes(path: Path, expected: int) -> bytes:
    """The bytes of a file, unpacked where its name ends in .gz; at most one more than expected."""
    try:
        with open_packed(path, expected) as file:
            return file.read(expected + 1)  # bounded, because a small gzip file can unpack to any size
    except UNPACKING_FAILED as error:
        raise corrupt(path, "a whole gzip file", f"one that cannot be unpacked ({error})") from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DataCorrupt:
    """The error for a file that is there and cannot be opened or read."""
    return corrupt(path, "a file that can be read", f"the error {error.strerror or error!r}")


def hint(start: bytes) -> str:
    """What a file seems to be, by its first bytes, in words to stand after them."""
    if start.lstrip().startswith(b"<"):
        return "; a web page, it seems, such as an error or a log-in"
    if start.startswith(b"\x1f\x8b"):
        return "; a packed file, whose name should end in .gz"
    if start.startswith(b"PK"):
        return "; a zip archive, which has to be unpacked first"
    return ""
