"""Fetching MNIST from servers that are slow, broken or liars, with real HTTP on this machine's own address."""

import errno
import gzip
import hashlib
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from lessonlib import files
from lessonlib.course import cli
from lessonlib.files import DataCorrupt, DataError, DataNotFound, download, fetch_mnist, look_in, transfer, where
from lessonlib.files.idx import IDX, header_of

BYTES = random.Random(0).randbytes(300_000)  # a file for those tests that need only one
MD5 = hashlib.md5(BYTES).hexdigest()


# --- the server ----------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """`/way/name`: serves the file `name` in one of many ways."""

    def do_GET(self) -> None:
        _, way, name = unquote(self.path).split("/", 2)
        self.server.asked.append((way, name, self.headers.get("Range")))
        with suppress(BrokenPipeError, ConnectionResetError):  # the client hangs up, as it should
            getattr(self, f"serve_{way}")(self.server.files.get(name.split("?")[0], b""))

    def log_message(self, *_: object) -> None:
        pass

    def head(self, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def from_byte(self) -> int:
        return int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))

    def serve_good(self, content: bytes, most: int | None = None) -> None:
        start, etag = self.from_byte(), f'"{hashlib.md5(content).hexdigest()}"'
        if start and self.headers.get("If-Range", etag) != etag:
            start = 0
        if start and start >= len(content):
            return self.head(416, 0, Content_Range=f"bytes */{len(content)}")
        rest = content[start:]
        if start:
            self.head(206, len(rest), Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}", ETag=etag)
        else:
            self.head(200, len(rest), ETag=etag)
        self.wfile.write(rest[:most])

    def serve_cut(self, content: bytes) -> None:  # a third at a time
        self.serve_good(content, max(1, len(content) // 3))

    def serve_cut_at_once(self, content: bytes) -> None:
        self.serve_good(content, 0)

    def serve_no_ranges(self, content: bytes) -> None:
        self.head(200, len(content))
        self.wfile.write(content)

    def serve_no_length(self, content: bytes) -> None:
        self.head(200)
        self.wfile.write(content)

    def serve_other_range(self, content: bytes) -> None:
        if self.from_byte():
            self.head(206, len(content), Content_Range=f"bytes 0-{len(content) - 1}/{len(content)}")
        else:
            self.head(200, len(content))
        self.wfile.write(content)

    def serve_other_file(self, content: bytes) -> None:
        self.head(200, len(content))
        self.wfile.write(content[::-1])

    def serve_web_page(self, content: bytes) -> None:
        page = b"<!DOCTYPE html><html>Please log in to this network</html>"
        self.head(200, len(page), Content_Type="text/html")
        self.wfile.write(page)

    def serve_longer(self, content: bytes) -> None:
        self.head(200, len(content) + 1000)
        self.wfile.write(content)

    def serve_shorter(self, content: bytes) -> None:
        self.head(200, len(content) - 1000)
        self.wfile.write(content)

    def serve_huge(self, content: bytes) -> None:
        self.head(200, 10**12)
        self.wfile.write(content)

    def serve_endless(self, content: bytes) -> None:
        self.head(200)
        while True:
            self.wfile.write(bytes(100_000))

    def serve_404(self, content: bytes) -> None:
        self.send_error(404)

    def serve_500(self, content: bytes) -> None:
        self.send_error(500)

    def serve_redirect(self, content: bytes) -> None:
        self.head(302, 0, Location=self.path.replace("/redirect/", "/good/"))

    def serve_loop(self, content: bytes) -> None:
        self.head(302, 0, Location=self.path)

    def serve_to_ftp(self, content: bytes) -> None:
        self.head(302, 0, Location="ftp://127.0.0.1/file")

    def serve_to_disk(self, content: bytes) -> None:
        self.head(302, 0, Location="file:///etc/hostname")

    def serve_silent(self, content: bytes) -> None:
        self.server.over.wait(10)

    def serve_dripping(self, content: bytes) -> None:  # the answer itself, letter by letter
        for letter in b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 1000:
            self.wfile.write(bytes([letter]))
            if self.server.over.wait(0.05):
                return

    def serve_slow(self, content: bytes) -> None:
        self.head(200, len(content))
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(0.02):
                return

    def serve_stalled(self, content: bytes) -> None:
        self.serve_good(content, (len(content) - self.from_byte()) // 2)
        self.wfile.flush()
        self.server.over.wait(20)

    def serve_leisurely(self, content: bytes) -> None:
        time.sleep(0.2)
        self.serve_good(content)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.over = {"file": BYTES}, [], threading.Event()

    def url(self, way: str, name: str = "") -> str:
        return f"http://127.0.0.1:{self.server_port}/{way}/{name}"


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transfer, "SECONDS_TO_ANSWER", 1)
    monkeypatch.setattr(transfer, "SECONDS_TO_SPEED_UP", 0.3)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


# --- one file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["good", "cut", "no_ranges", "no_length", "redirect", "leisurely", "longer"])
def test_a_file_comes_whole(server, tmp_path, way):
    transfer.fetch(server.url(way, "file"), tmp_path / "file", 400_000, MD5)
    assert (tmp_path / "file").read_bytes() == BYTES
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert len(server.asked) == {"cut": 3, "redirect": 2}.get(way, 1)


REFUSED = {
    "404": "answers 404 Not Found",
    "500": "answers 500",
    "other_file": "the checksum differs",
    "web_page": "a web page",
    "shorter": "the checksum differs",
    "huge": "to be 1,000,000,000,000 bytes long, and the file has at most 400,000",
    "endless": "more than 400,000 bytes came",
    "loop": "302",
    "to_ftp": "sends us on to 'ftp://127.0.0.1/file'",
    "to_disk": "file:///etc/hostname",
    "silent": "no answer",
    "dripping": "no answer",
    "slow": "too slow",
    "cut_at_once": "cut after 0 of 300,000 bytes",
}


@pytest.mark.parametrize("way", REFUSED)
def test_a_file_that_does_not_come_is_no_file(server, tmp_path, way):
    start = time.monotonic()
    with pytest.raises(transfer.FetchError, match=REFUSED[way]):
        transfer.fetch(server.url(way, "file"), tmp_path / "file", 400_000, MD5)
    assert not (tmp_path / "file").exists()
    assert time.monotonic() - start < 15
    # And the next mirror is not led astray by what this one has left.
    transfer.fetch(server.url("good", "file"), tmp_path / "file", 400_000, MD5)
    assert (tmp_path / "file").read_bytes() == BYTES


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/file", "http://[/file"])
def test_an_address_that_leads_nowhere(tmp_path, url, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(transfer.FetchError, match="no answer"):
        transfer.fetch(url, tmp_path / "file", 1000, MD5)


@pytest.mark.parametrize("way", ["good", "no_ranges", "other_range"])
@pytest.mark.parametrize("left", ["the beginning", "something else", "all of it", "too much", "nothing"])
def test_what_an_earlier_attempt_left_is_used_or_replaced(server, tmp_path, way, left):
    begun = {"the beginning": BYTES[:100_000], "something else": bytes(100_000), "all of it": BYTES,
             "too much": BYTES + bytes(10), "nothing": b""}[left]
    (tmp_path / "file.part").write_bytes(begun)
    transfer.fetch(server.url(way, "file"), tmp_path / "file", 400_000, MD5)
    assert (tmp_path / "file").read_bytes() == BYTES
    if (way, left) == ("good", "the beginning"):
        assert server.asked == [("good", "file", "bytes=100000-")]
    if left == "all of it":
        assert server.asked == []


def test_without_a_checksum_only_the_same_version_is_gone_on_with(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "ATTEMPTS", 2)
    url, target = server.url("stalled", "file"), tmp_path / "file"
    with pytest.raises(transfer.FetchError, match="cut"):
        transfer.fetch(url, target, 400_000)
    assert (tmp_path / "file.part").stat().st_size == 225_000  # a half, and then the half of the other half
    server.asked.clear()
    server.files["file"] = BYTES[::-1]
    with pytest.raises(transfer.FetchError):
        transfer.fetch(url, target, 400_000)
    assert server.asked[0] == ("stalled", "file", "bytes=225000-")
    assert BYTES[::-1].startswith((tmp_path / "file.part").read_bytes())  # another version: all of it anew
    transfer.fetch(server.url("good", "file"), target, 400_000)  # another address: anew as well
    assert server.asked[-1] == ("good", "file", None)
    assert target.read_bytes() == BYTES[::-1]


def test_other_kinds_of_addresses_cannot_be_opened(tmp_path):
    for url in ("file:///etc/hostname", "ftp://127.0.0.1/file", "data:text/plain,x"):
        with pytest.raises(transfer.FetchError, match="no answer"):
            transfer.fetch(url, tmp_path / "file", 1000)


# --- all of MNIST --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """Files in MNIST's form: empty images but for the first 300, and labels in turn."""
    made = {name: np.zeros(shape, np.uint8) for name, shape in IDX.items()}
    made["train-images-idx3-ubyte"][:300] = np.random.default_rng(0).integers(0, 256, (300, 28, 28), dtype=np.uint8)
    for name in IDX:
        if "labels" in name:
            made[name][:] = np.arange(len(made[name])) % 10
    return made


@pytest.fixture(scope="module")
def packed(arrays) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(header_of(array.shape) + array.tobytes(), 1) for name, array in arrays.items()}


@pytest.fixture
def mirrors(server, packed, monkeypatch, tmp_path) -> Server:
    """The server in the place of torchvision's mirrors: the first is out of order, the second has the files."""
    server.files.update(packed)
    monkeypatch.setattr(transfer, "SECONDS_TO_ANSWER", 5)
    stub = types.ModuleType("torchvision.datasets")
    stub.MNIST = types.SimpleNamespace(mirrors=[server.url("404"), server.url("good")], resources=resources(packed))
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", stub)
    server.stub = stub.MNIST
    monkeypatch.delenv("LESSONLIB_DATA", raising=False)
    monkeypatch.setenv("LESSONLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(where, "checkout", lambda: None)
    return server


def resources(packed: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(name, hashlib.md5(content).hexdigest()) for name, content in packed.items()]


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def assert_whole(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    assert left_in(folder) == {"MNIST"}
    (train_x, train_y), (valid_x, valid_y), (test_x, test_y) = look_in(folder).read()
    images, labels, test_images, test_labels = arrays.values()
    assert np.array_equal(train_x, images[:50_000])
    assert np.array_equal(np.concatenate([train_y, valid_y]), labels)
    assert np.array_equal(valid_x, images[50_000:])
    assert np.array_equal(test_x, test_images)
    assert np.array_equal(test_y, test_labels)


@pytest.mark.parametrize("name", ["data", "täglich Brot/数字 [x]"])
def test_mnist_comes_from_the_first_mirror_that_has_it(mirrors, tmp_path, arrays, name):
    found = fetch_mnist(tmp_path / name)
    assert found.folder == tmp_path / name / "MNIST" / "raw"
    assert_whole(tmp_path / name, arrays)
    assert [way for way, _, _ in mirrors.asked] == ["404", "good", "good", "good", "good"]  # it learns whom to ask
    fetch_mnist(tmp_path / name)
    assert len(mirrors.asked) == 5  # it is there: nothing is asked for again


def test_when_no_mirror_has_it_the_error_names_each(mirrors, tmp_path):
    mirrors.stub.mirrors = [mirrors.url("404"), mirrors.url("web_page")]
    with pytest.raises(DataNotFound) as caught:
        fetch_mnist(tmp_path / "data")
    for words in ("/404/train-images-idx3-ubyte.gz: the server answers 404", "/web_page/", "a web page", "data get"):
        assert words in str(caught.value)
    assert look_in(tmp_path / "data") is None


def test_a_failure_is_remembered_for_an_hour(mirrors, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LESSONLIB_OFFLINE", "0")
    mirrors.stub.mirrors = [mirrors.url("500")]
    for _ in range(3):
        assert files.try_to_fetch() is None
    assert len(mirrors.asked) == 1
    assert "answers 500" in capsys.readouterr().err
    monkeypatch.setattr(download, "SECONDS_BEFORE_ASKING_AGAIN", -1)
    mirrors.stub.mirrors = [mirrors.url("good")]
    assert files.try_to_fetch().form == "idx"


def test_offline_nothing_is_asked(mirrors, monkeypatch):
    monkeypatch.setenv("LESSONLIB_OFFLINE", "1")
    assert files.try_to_fetch() is None
    assert mirrors.asked == []


def test_ctrl_c_leaves_nothing_that_is_taken_for_whole(mirrors, tmp_path, arrays, monkeypatch):
    whole = transfer._chunks

    def interrupted(response):
        yield next(whole(response))
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "_chunks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch_mnist(tmp_path / "data")
    assert look_in(tmp_path / "data") is None
    assert left_in(tmp_path / "data") == {".fetching-mnist"}
    monkeypatch.setattr(transfer, "_chunks", whole)
    fetch_mnist(tmp_path / "data")
    assert_whole(tmp_path / "data", arrays)
    assert mirrors.asked[2][2].startswith("bytes=")


PROGRAM = """
import json, sys, types
from pathlib import Path
folder, mirror, resources = json.loads(sys.argv[1])
stub = types.ModuleType("torchvision.datasets")
stub.MNIST = types.SimpleNamespace(mirrors=[mirror], resources=resources)
sys.modules["torchvision"], sys.modules["torchvision.datasets"] = types.ModuleType("torchvision"), stub
from lessonlib.files import fetch_mnist
print(fetch_mnist(Path(folder)).folder)
"""


def program(folder: Path, mirror: str, packed: dict[str, bytes]) -> subprocess.Popen:
    """Another process that fetches."""
    return subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps([str(folder), mirror, resources(packed)])],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_fetch_once(mirrors, tmp_path, arrays, packed):
    both = [program(tmp_path / "data", mirrors.url("leisurely"), packed) for _ in range(2)]
    for process in both:
        said, complained = process.communicate(timeout=60)
        assert process.returncode == 0, complained
        assert said.strip() == str(tmp_path / "data" / "MNIST" / "raw")
    assert sorted(name for _, name, _ in mirrors.asked) == sorted(packed)
    assert_whole(tmp_path / "data", arrays)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_process_killed_in_the_middle_is_gone_on_with(mirrors, tmp_path, arrays, packed):
    process = program(tmp_path / "data", mirrors.url("stalled"), packed)
    part = tmp_path / "data" / ".fetching-mnist" / "train-images-idx3-ubyte.gz.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert look_in(tmp_path / "data") is None
    n_bytes = part.stat().st_size
    assert 0 < n_bytes < len(packed["train-images-idx3-ubyte.gz"])
    mirrors.stub.mirrors = [mirrors.url("good")]
    fetch_mnist(tmp_path / "data")
    assert ("good", "train-images-idx3-ubyte.gz", f"bytes={n_bytes}-") in mirrors.asked
    assert_whole(tmp_path / "data", arrays)


def test_killed_while_moving_the_files_is_gone_on_with_too(mirrors, tmp_path, arrays, monkeypatch):
    def killed(handle):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(download.os, "fsync", killed)
        with pytest.raises(SystemExit):
            fetch_mnist(tmp_path / "data")
    ready = tmp_path / "data" / ".fetching-mnist" / "ready" / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    ready.replace(tmp_path / "data" / "MNIST" / "raw" / ready.name)  # as if it had come as far as this
    assert look_in(tmp_path / "data") is None
    n_asked = len(mirrors.asked)
    fetch_mnist(tmp_path / "data")
    assert len(mirrors.asked) == n_asked
    assert_whole(tmp_path / "data", arrays)


def test_a_full_disk_is_named_and_nothing_is_kept(mirrors, tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_keep_idx", no_room)
    with pytest.raises(DataNotFound, match="there is no room for MNIST"):
        fetch_mnist(tmp_path / "data")
    assert left_in(tmp_path / "data") == set()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has tmpfs")
@pytest.mark.parametrize("size", ["100k", "2m"])  # full while it downloads, and while it unpacks
def test_a_disk_that_is_really_full(mirrors, tmp_path, size):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(small)], check=False,
                             capture_output=True) if os.geteuid() == 0 else None
    if mounted is None or mounted.returncode:
        pytest.skip("a small disk can only be made by root")
    try:
        with pytest.raises(DataNotFound, match="there is no room for MNIST"):
            fetch_mnist(small)
        assert left_in(small) == set()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_cannot_be_written_is_one_error(mirrors, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("not a folder")
    with pytest.raises(DataNotFound, match="could not be put into"):
        fetch_mnist(tmp_path / "a file" / "data")
    # A checkout that is read-only sends the download to the cache folder.
    monkeypatch.setattr(where, "checkout", lambda: tmp_path)
    assert files.download_folder() == tmp_path / "data"
    monkeypatch.setattr(where.os, "access", lambda folder, mode: False)
    assert files.download_folder() == tmp_path / "cache"


def test_a_file_that_was_there_is_left_alone(mirrors, tmp_path):
    broken = tmp_path / "data" / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"mine")
    found = fetch_mnist(tmp_path / "data")
    assert broken.read_bytes() == b"mine"
    with pytest.raises(DataCorrupt, match="t10k-labels-idx1-ubyte"):
        found.read()


# --- from a server, a USB stick, a file ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def stick(tmp_path_factory, arrays, packed) -> Path:
    """A teacher's stick: the same digits in three forms."""
    stick = tmp_path_factory.mktemp("teacher's stick ä")
    for form in ("packed", "pickle"):
        (stick / form).mkdir()
    for name, content in packed.items():
        (stick / "packed" / name).write_bytes(content)
    parts = [(images.reshape(-1, 784) / np.float32(256), labels.astype(np.int64)) for images, labels in (
        (arrays["train-images-idx3-ubyte"][:50_000], arrays["train-labels-idx1-ubyte"][:50_000]),
        (arrays["train-images-idx3-ubyte"][50_000:], arrays["train-labels-idx1-ubyte"][50_000:]),
        (arrays["t10k-images-idx3-ubyte"], arrays["t10k-labels-idx1-ubyte"]))]
    with gzip.open(stick / "pickle" / "mnist.pkl.gz", "wb", 1) as file:
        pickle.dump(tuple(parts), file, protocol=4)
    return stick


@pytest.mark.parametrize("given", ["packed", "packed/t10k-labels-idx1-ubyte.gz", "pickle", "pickle/mnist.pkl.gz"])
def test_from_a_folder_or_a_file(mirrors, tmp_path, stick, arrays, given):
    found = fetch_mnist(tmp_path / "data", stick / given)
    if "packed" in given:
        assert_whole(tmp_path / "data", arrays)
    else:
        assert left_in(tmp_path / "data") == {"mnist.pkl.gz"}
        assert found.form == "pickle"
    assert mirrors.asked == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_from_a_teachers_server(mirrors, tmp_path, arrays, packed, slash):
    mirrors.files.update({f"eine Klasse/ä/{name}": content for name, content in packed.items()})
    fetch_mnist(tmp_path / "data", mirrors.url("good", f"eine Klasse/ä{slash}"))
    assert_whole(tmp_path / "data", arrays)


@pytest.mark.parametrize("way", ["good", "cut"])
def test_a_pickle_from_a_server(mirrors, tmp_path, stick, way):
    mirrors.files["mnist.pkl.gz"] = (stick / "pickle" / "mnist.pkl.gz").read_bytes()
    found = fetch_mnist(tmp_path / "data", mirrors.url(way, "mnist.pkl.gz?dl=1"))
    assert found.form == "pickle"
    assert left_in(tmp_path / "data") == {"mnist.pkl.gz"}


@pytest.mark.parametrize("way", ["shorter", "web_page", "other_file"])
def test_a_pickle_that_is_none_is_not_kept(mirrors, tmp_path, stick, way):
    mirrors.files["mnist.pkl.gz"] = (stick / "pickle" / "mnist.pkl.gz").read_bytes()
    with pytest.raises(DataCorrupt, match=r"is not MNIST: mnist\.pkl\.gz: expected a whole gzip file.*was kept"):
        fetch_mnist(tmp_path / "data", mirrors.url(way, "mnist.pkl.gz"))
    assert look_in(tmp_path / "data") is None


NOWHERE = {
    "no such folder": "it does not exist",
    ".": "there is no MNIST in it",
    "ftp://127.0.0.1/mnist/": "begins with http:// or https://",
    "file:///somewhere": "begins with http:// or https://",
    "http://[/": "begins with http:// or https://",
}


@pytest.mark.parametrize("source", NOWHERE)
def test_from_nowhere(mirrors, tmp_path, source, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataNotFound, match=NOWHERE[source]):
        fetch_mnist(tmp_path / "data", source)
    assert left_in(tmp_path / "data") == set()


def test_a_broken_file_on_the_stick_is_named(mirrors, tmp_path, packed):
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content[:-20])
    with pytest.raises(DataCorrupt, match=r"train-images-idx3-ubyte\.gz"):
        fetch_mnist(tmp_path / "data", tmp_path)
    assert look_in(tmp_path / "data") is None


# --- the command ---------------------------------------------------------------------------------------------


def test_the_command_fetches_and_shows(mirrors, tmp_path, stick, capsys, monkeypatch):
    monkeypatch.setattr("lessonlib.course.digits.console.width", 400)
    assert cli.main(["data", "get", "--from", str(tmp_path / "nothing")]) == 1
    assert "it does not exist" in capsys.readouterr().err
    assert cli.main(["data", "get", "--from", str(stick / "packed")]) == 0
    out, err = capsys.readouterr()
    assert "MNIST is fetched: four IDX files in" in " ".join(out.split())
    assert "they are not MNIST's" in err  # this server's digits are not
    assert cli.main(["data", "get"]) == 0
    assert "MNIST is there already" in capsys.readouterr().out
    assert cli.main(["data", "where"]) == 0
    assert "other digits than MNIST's" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["data", "verify"]) == 1


def test_where_shows_what_is_wrong_and_does_not_fail(mirrors, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lessonlib.course.digits.console.width", 400)
    given = tmp_path / "a [class]"
    given.mkdir()
    monkeypatch.setenv("LESSONLIB_DATA", str(given))

    def shown() -> str:
        assert cli.main(["data", "where"]) == 0
        return capsys.readouterr().out

    assert "MNIST is in none of them" in shown()
    assert "a [class]" in shown()
    (given / "t10k-labels-idx1-ubyte").write_bytes(b"")
    assert "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte missing" in shown()
    (given / "mnist.pkl.gz").write_bytes(b"<html>")
    assert "BROKEN: mnist.pkl.gz: expected a whole gzip file" in shown()
    monkeypatch.setenv("LESSONLIB_DATA", str(given / "t10k-labels-idx1-ubyte"))
    assert "does not end in" in shown()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows says this in another way")
def test_a_place_that_cannot_be_looked_into_is_passed_over(mirrors, tmp_path, stick, monkeypatch, capsys):
    monkeypatch.setattr("lessonlib.course.digits.console.width", 9000)
    monkeypatch.setenv("LESSONLIB_DATA", "x" * 5000)  # no system has names as long as that
    monkeypatch.setenv("LESSONLIB_CACHE", str(stick / "packed"))
    assert cli.main(["data", "where"]) == 0
    assert "cannot be looked into: File name too long" in capsys.readouterr().out
    assert files.find_mnist().folder == stick / "packed"
    assert "cannot be looked into (File name too long) and is passed over" in capsys.readouterr().err
    assert "cannot be looked into: File name too long" in str(files.mnist_is_missing())


def test_every_error_is_a_data_error():
    assert issubclass(DataCorrupt, DataError)
    assert issubclass(DataNotFound, DataError)
