"""Opening files that may be packed, broken, or not what their name says.

Whether a file is packed is told by its first bytes: browsers unpack what they fetch and keep the name, or the other
way round. Only regular files are opened, because a pipe or a device can keep a reader waiting for ever.
"""

import contextlib
import errno
import gzip
import io
import stat
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from lessonlib.files.errors import DataCorrupt, shown

__all__ = [
    "UNPACKING_FAILED",
    "corrupt",
    "file_kind",
    "looks_like",
    "open_packed",
    "open_regular",
    "read_bytes",
    "shown",
    "unreadable",
]

UNPACKING_FAILED = (EOFError, zlib.error, gzip.BadGzipFile)
GZIP = b"\x1f\x8b"
MAX_MEMBERS = 10_000  # of a gzip file; programs that pack in pieces of 64 KiB need 7,000 for the largest pickle
KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
         stat.S_IFBLK: "a device"}


def corrupt(path: Path, expected: str, got: str) -> DataCorrupt:
    """The error for a file that does not hold what it should."""
    error = DataCorrupt(f"{path} is not the file it should be: expected {expected}; got {got}. "
                        "It was left as it is. Remove it or put a good copy in its place; "
                        "`lessons data get` fetches one.")
    error.path, error.fault = path, f"expected {expected}; got {got}"
    return error


def unreadable(path: Path, error: OSError) -> DataCorrupt:
    """The error for a file that is there and cannot be opened or read."""
    return corrupt(path, "a file that can be read", f"the error {error.strerror or error!r}")


def file_kind(path: Path) -> str:
    """Say what lies there: "a file", "a folder", "a pipe" and so on, or "" where there is nothing."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return ""
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link that leads in a circle"
        raise
    return KINDS.get(stat.S_IFMT(mode), "a file" if stat.S_ISREG(mode) else "something that is no file")


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file to read its bytes. Raises `OSError`, or `DataCorrupt` where it is a pipe or a folder."""
    path.stat()  # raises where nothing is there
    if (kind := file_kind(path)) != "a file":
        raise corrupt(path, "a file", kind)
    return path.open("rb")


def open_packed(path: Path, max_bytes: int) -> io.BufferedReader:
    """Open a file to read its bytes, unpacked where it is packed with gzip. Raises `DataCorrupt` if it cannot be."""
    with contextlib.ExitStack() as opened:
        try:
            file = opened.enter_context(open_regular(path))
            for _ in range(2):  # some servers pack a packed file once more, and some browsers undo that only once
                if file.peek(2)[:2] == GZIP:
                    if path.stat().st_size > max_bytes + 2**16:
                        raise corrupt(path, f"at most {max_bytes:,} bytes", f"a file of {path.stat().st_size:,}")
                    file = io.BufferedReader(_Unpacked(file), 2**16)
        except UNPACKING_FAILED as error:
            raise corrupt(path, "a whole gzip file", f"one that cannot be unpacked ({error})") from error
        except OSError as error:
            raise unreadable(path, error) from error
        opened.pop_all()  # nothing went wrong, so it stays open
        return file


def read_bytes(path: Path, expected: int) -> bytes:
    """The bytes of a file, unpacked where it is packed; at most one more than expected."""
    try:
        with open_packed(path, expected) as file:
            return file.read(expected + 1)  # bounded, because a small gzip file can unpack to any size
    except UNPACKING_FAILED as error:
        raise corrupt(path, "a whole gzip file", f"one that cannot be unpacked ({error})") from error
    except OSError as error:
        raise unreadable(path, error) from error


class _Unpacked(io.RawIOBase):
    """The bytes in a gzip file. Unlike `gzip.GzipFile` it sets a limit to the pieces that the file consists of."""

    def __init__(self, packed: BinaryIO):
        self._packed = packed
        self._restart()

    def _restart(self) -> None:
        self._position, self._members, self._rest = 0, 0, b""
        self._unpacker: Any = None  # zlib's object for the member that is read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go back to the beginning; nothing else is needed."""
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("a packed file can only be read from its beginning")
        self._packed.seek(0)
        self._restart()
        return 0

    def readinto(self, buffer: Any) -> int:
        while True:
            packed = self._rest or self._packed.read(2**16)
            if self._unpacker is None:
                packed = self._next_member(packed)
                if not packed:
                    return 0
            unpacked = self._unpacker.decompress(packed, len(buffer))
            self._rest = self._unpacker.unconsumed_tail
            if self._unpacker.eof:
                self._rest, self._unpacker = self._unpacker.unused_data, None
            elif not packed and not unpacked:
                raise EOFError("it ends in the middle")
            if unpacked:
                buffer[: len(unpacked)] = unpacked
                self._position += len(unpacked)
                return len(unpacked)

    def _next_member(self, packed: bytes) -> bytes:
        """The beginning of the next member, if there is one; zeros may stand behind the last."""
        if self._members:
            while packed and not packed.strip(b"\0"):
                packed = self._packed.read(2**16)
            packed = packed.lstrip(b"\0")
        if packed:
            self._members += 1
            if self._members > MAX_MEMBERS:
                raise gzip.BadGzipFile(f"it consists of more than {MAX_MEMBERS:,} pieces")
            self._unpacker = zlib.decompressobj(31)  # 31: with gzip's header and checksum
        return packed

    def close(self) -> None:
        self._packed.close()
        super().close()


def looks_like(start: bytes) -> str:
    """What a file seems to be, by its first bytes, in words to stand after them."""
    if start.lstrip().startswith(b"<"):
        return "; a web page, it seems, such as an error or a log-in"
    if start.startswith(b"PK"):
        return "; a zip archive, which has to be unpacked first"
    if start.startswith((b"BZh", b"\xfd7zXZ", b"7z\xbc", b"Rar!")):
        return "; a packed file of a kind that has to be unpacked first"
    if start.startswith(b"version https://git-lfs"):
        return "; a pointer to a file that Git LFS has not fetched"
    return ""
