"""One file over HTTP: bounded in time and in size, and going on where an earlier attempt stopped.

What has come so far lies in a file named `….part`. It gets its own name only when it is whole and its checksum is
right, so whatever happens in between (Ctrl-C, a power cut, a server that lies), no half file is ever taken for whole.
"""

import contextlib
import hashlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib import request
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit

from tqdm import tqdm

from lessonlib.files.reading import hint

SECONDS_TO_ANSWER = 10  # to connect, to answer, and between two pieces of the file
SECONDS_TO_SPEED_UP = 20
SLOWEST = 10_000  # bytes a second on average, after that
ATTEMPTS = 20  # to go on after the connection was cut, as long as each brings something new


class FetchError(Exception):
    """A server did not give the file; the message says why."""


class _CutOff(FetchError):
    """Not all has come; what has come is kept, and can be gone on with."""


class _StartAgain(FetchError):
    """What has come is of no use."""


def fetch(url: str, target: Path, most_bytes: int, md5: str | None = None) -> None:
    """Fetch `url` into `target`, going on with what an earlier attempt left.

    Without a checksum it goes on only where the server says that the file is still the same. Raises `FetchError`, or
    `OSError` where the disk is the trouble.
    """
    if md5 and target.exists() and _has(target, md5):
        return
    part = target.with_name(target.name + ".part")
    for _ in range(ATTEMPTS):
        before = _size(part)
        if not (before and md5 and _has(part, md5)):  # else it was stopped after the last byte
            try:
                _go_on(url, part, most_bytes, md5)
            except _CutOff:
                if _size(part) <= before:
                    raise
                continue
            except _StartAgain:
                part.unlink(missing_ok=True)
                if not before:
                    raise
                continue
        if _has(part, md5):
            part.replace(target)
            _note(part).unlink(missing_ok=True)
            return
        with part.open("rb") as file:
            start = file.read(16)
        part.unlink()
        if not before:  # else an old beginning did not fit a new end: once more, all of it
            raise FetchError("it is not the right file: the checksum differs "
                             f"(it begins with {start.hex() or 'nothing'}{hint(start)})")
    raise FetchError(f"the connection was cut {ATTEMPTS} times")


def _go_on(url: str, part: Path, most_bytes: int, md5: str | None) -> None:
    start, validator = _size(part), _validator(part, url)
    if not (md5 or validator):
        start = 0
    headers = {"User-Agent": "lessonlib", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    with _ask(url, headers) as response:
        start = _first_byte(response, start)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isascii() and length.isdecimal() else None
        if (total or 0) > most_bytes:
            raise FetchError(f"it is to be {total:,} bytes long, and the file has at most {most_bytes:,}")
        if not start:
            _remember(part, url, response)
        with part.open("ab" if start else "wb") as file, tqdm(
            desc=part.name.removesuffix(".part"), total=total, initial=start, unit="B", unit_scale=True, leave=False,
        ) as bar:
            for chunk in _chunks(response):
                if file.tell() + len(chunk) > most_bytes:
                    raise _StartAgain(f"more than {most_bytes:,} bytes came, and the file has at most that many")
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and _size(part) < total:
        raise _CutOff(f"the connection was cut after {_size(part):,} of {total:,} bytes")


def _ask(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    try:
        return _opener().open(request.Request(quote(url, safe="%/:=&?~#+!$,;'@()*[]"), headers=headers),
                              timeout=SECONDS_TO_ANSWER)
    except HTTPError as error:
        error.close()
        if error.code == 416:  # "range not satisfiable": there is nothing behind what we have
            raise _StartAgain("the server has no more than what came before, and that is not the file") from error
        raise FetchError(f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(f"no answer ({getattr(error, 'reason', None) or error or type(error).__name__})") from error


def _first_byte(response: http.client.HTTPResponse, asked: int) -> int:
    """With which byte of the file the answer begins. A server may send all of it, whatever we ask."""
    if response.status == 206:
        given = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if not given or int(given[1]) != asked:
            raise _StartAgain("the server sends another piece of the file than was asked for")
        return asked
    if response.status != 200:
        raise FetchError(f"the server answers {response.status} {response.reason}")
    return 0


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    began, n_bytes = time.monotonic(), 0
    while True:
        try:
            chunk = response.read1(2**16)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _CutOff(f"the connection was cut ({error or type(error).__name__})") from error
        if not chunk:
            return
        yield chunk
        n_bytes, seconds = n_bytes + len(chunk), time.monotonic() - began
        if seconds > SECONDS_TO_SPEED_UP and n_bytes < SLOWEST * seconds:
            raise FetchError(f"too slow: {n_bytes:,} bytes in {seconds:.0f} seconds")


# --- what has come so far ----------------------------------------------------------------------------------


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _has(path: Path, md5: str | None) -> bool:
    if md5 is None:
        return True
    with path.open("rb") as file:
        digest = hashlib.md5(usedforsecurity=False)
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest() == md5


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _remember(part: Path, url: str, response: http.client.HTTPResponse) -> None:
    """Write down which version of the file this is: the server's ETag, or the time of its last change."""
    part.unlink(missing_ok=True)  # a note must never stand beside another file's bytes
    etag = response.headers.get("ETag", "")
    version = etag if etag.startswith('"') else response.headers.get("Last-Modified")  # W/"…" means: nearly the same
    _note(part).write_text(json.dumps({"url": url, "version": version}), encoding="utf-8")


def _validator(part: Path, url: str) -> str | None:
    try:
        note = json.loads(_note(part).read_text(encoding="utf-8"))
        return note["version"] if note["url"] == url else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # killed while it was written


# --- asking ------------------------------------------------------------------------------------------------


class _Impatient:
    """A connection that is closed when the server takes too long to say what it will send.

    The time limit of a socket begins anew with every byte, so a server that sends a byte now and then could keep us
    waiting for days.
    """

    def getresponse(self) -> http.client.HTTPResponse:
        given_up = threading.Event()

        def hang_up() -> None:
            given_up.set()
            with contextlib.suppress(OSError, AttributeError):  # where it is closed already
                self.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(2 * SECONDS_TO_ANSWER, hang_up)
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        finally:
            timer.cancel()
        if given_up.is_set():
            response.close()
            raise TimeoutError("timed out")
        return response


class _HTTPConnection(_Impatient, http.client.HTTPConnection):
    pass


class _HTTPSConnection(_Impatient, http.client.HTTPSConnection):
    pass


class _HTTP(request.HTTPHandler):
    def http_open(self, asked: request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPConnection, asked)


class _HTTPS(request.HTTPSHandler):
    def https_open(self, asked: request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPSConnection, asked)


class _Redirects(request.HTTPRedirectHandler):
    def redirect_request(self, asked, file, code, message, headers, new_url):
        if urlsplit(new_url).scheme not in ("http", "https"):
            raise FetchError(f"the server sends us on to {new_url!r}")
        return super().redirect_request(asked, file, code, message, headers, new_url)


def _opener() -> request.OpenerDirector:
    """Opens http and https addresses, through the proxy that the environment names, and nothing else."""
    opener = request.OpenerDirector()
    for handler in (request.ProxyHandler, request.UnknownHandler, _HTTP, _HTTPS, _Redirects,
                    request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor):
        opener.add_handler(handler())
    return opener
