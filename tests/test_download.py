"""Fetching MNIST from servers that are slow, broken or liars, with real HTTP on this machine's own address."""

import errno
import gzip
import hashlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from lessonlib import files
from lessonlib.course import cli
from lessonlib.course.commands.data import state
from lessonlib.files import DataCorrupt, DataError, DataNotFound, download, fetch_mnist, look_in, where
from lessonlib.files.idx import IDX, header_of

BYTES = np.random.default_rng(0).bytes(300_000)  # a file for those tests that need only one


# --- one file ------------------------------------------------------------------------------------------------


def slowly(n: int, piece: bytes):
    for _ in range(n):
        time.sleep(0.05)
        yield piece


ANSWERS = {
    "good": lambda: Response(BYTES),
    "no length": lambda: Response(piece for piece in (BYTES[:100_000], BYTES[100_000:])),
    "redirect": lambda: Response(status=302, headers={"Location": "/good"}),
    "404": lambda: Response("not here", 404),
    "500": lambda: Response("broken", 500),
    "endless": lambda: Response(bytes(100_000) for _ in range(10**6)),
    "loop": lambda: Response(status=302, headers={"Location": "/loop"}),
    "to ftp": lambda: Response(status=302, headers={"Location": "ftp://127.0.0.1/file"}),
    "to the disk": lambda: Response(status=302, headers={"Location": "file:///etc/hostname"}),
    "slow": lambda: Response(slowly(100, b"x")),
}
RAW = {  # what a server made for tests would put right
    "huge": b"HTTP/1.0 200 OK\r\nContent-Length: 1000000000000\r\n\r\nx",
    "cut": b"HTTP/1.0 200 OK\r\nContent-Length: 301000\r\n\r\n" + BYTES,
    "no number": b"HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\nx",
    "no HTTP": b"220 mail.example.org ESMTP\r\n",
}
REFUSED = {
    "404": "the server answers 404",
    "500": "the server answers 500",
    "endless": "more than 400,000 bytes came",
    "loop": "answers 302",
    "to ftp": "unknown url type: ftp",
    "to the disk": "answers 302",
    "slow": "too slow",
}


@pytest.fixture
def server(httpserver: HTTPServer, monkeypatch) -> HTTPServer:
    """Answers /good, /404 and so on as `ANSWERS` says."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for way, answer in ANSWERS.items():
        httpserver.expect_request(f"/{way}").respond_with_handler(lambda request, answer=answer: answer())
    return httpserver


def fetch(url: str, target: Path) -> bytes:
    download._fetch(url.replace(" ", "%20"), target, 400_000)
    return target.read_bytes()


@pytest.mark.parametrize("way", ["good", "no length", "redirect"])
def test_a_file_comes_whole(server, tmp_path, way):
    assert fetch(server.url_for(f"/{way}"), tmp_path / "file") == BYTES


@pytest.mark.parametrize("way", REFUSED)
def test_a_file_that_does_not_come_is_told(server, tmp_path, way, monkeypatch):
    if way == "slow":
        monkeypatch.setattr(download, "SECONDS_FOR_A_FILE", 0.2)
    with pytest.raises(download.FetchError, match=REFUSED[way]):
        fetch(server.url_for(f"/{way}"), tmp_path / "file")


@pytest.mark.parametrize(("way", "words"), [
    ("huge", "to be 1,000,000,000,000 bytes long, and the file has at most 400,000"),
    ("cut", "cut after 300,000 of 301,000 bytes"), ("no number", "no answer"), ("no HTTP", "no answer")])
def test_an_answer_that_is_none_is_told(tmp_path, way, words, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(RAW[way])

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(download.FetchError, match=words):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/", tmp_path / "file")
        thread.join()


def test_a_server_that_says_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "SECONDS_TO_ANSWER", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(download.FetchError, match="timed out"):
        fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/", tmp_path / "file")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/file", "http://[/file", "file:///etc/hostname", "data:text/plain,x"])
def test_an_address_that_leads_nowhere(tmp_path, url, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(download.FetchError, match="no answer"):
        fetch(url, tmp_path / "file")


def test_a_certificate_that_is_not_trusted_gets_advice(tmp_path, monkeypatch):
    import ssl

    def refuse(*_, **__):
        error = ssl.SSLCertVerificationError("certificate verify failed")
        error.verify_message = "self-signed certificate"
        raise URLError(error)

    monkeypatch.setattr(download.request.OpenerDirector, "open", refuse)
    with pytest.raises(download.FetchError, match=r"not trusted \(self-signed certificate\).*SSL_CERT_FILE"):
        fetch("https://localhost/", tmp_path / "file")


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
def unpacked(arrays) -> dict[str, bytes]:
    return {name: header_of(array.shape) + array.tobytes() for name, array in arrays.items()}


@pytest.fixture(scope="module")
def packed(unpacked) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content, 1) for name, content in unpacked.items()}


def md5s(unpacked: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in unpacked.items()}


@pytest.fixture
def mirrors(server, packed, unpacked, monkeypatch, tmp_path) -> HTTPServer:
    """The server in the place of torchvision's mirrors: the first is out of order, the second has the files."""
    serve(server, "mnist", packed)
    stub = types.ModuleType("torchvision.datasets")
    stub.MNIST = types.SimpleNamespace(mirrors=[server.url_for("/404/"), server.url_for("/mnist/")])
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", stub)
    monkeypatch.setattr(download, "MD5", md5s(unpacked))
    server.stub = stub.MNIST
    monkeypatch.delenv("LESSONLIB_DATA", raising=False)
    monkeypatch.setenv("LESSONLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(where, "checkout", lambda: None)
    return server


def serve(server: HTTPServer, folder: str, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        server.expect_request(f"/{folder}/{name}").respond_with_data(content)


def asked(server: HTTPServer) -> list[str]:
    return [request.path for request, _ in server.log]


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
    assert asked(mirrors) == [f"/404/{next(iter(IDX))}.gz", *(f"/mnist/{name}.gz" for name in IDX)]
    fetch_mnist(tmp_path / name)
    assert len(asked(mirrors)) == 5  # it is there: nothing is asked for again


@pytest.mark.parametrize("pack", [lambda content: gzip.compress(content, 9), bytes,
                                  lambda content: gzip.compress(gzip.compress(content, 1), 1)],
                         ids=["another gzip", "unpacked on the way", "packed twice"])
def test_what_counts_is_what_is_in_it(mirrors, tmp_path, arrays, unpacked, pack):
    serve(mirrors, "packed otherwise", {f"{name}.gz": pack(content) for name, content in unpacked.items()})
    mirrors.stub.mirrors = [mirrors.url_for("/packed%20otherwise/")]
    fetch_mnist(tmp_path / "data")
    assert_whole(tmp_path / "data", arrays)


def test_a_mirror_with_other_digits_is_passed_over(mirrors, tmp_path, packed, unpacked):
    name = "t10k-labels-idx1-ubyte"
    changed = {**packed, f"{name}.gz": gzip.compress(unpacked[name][:-1] + b"\0", 1)}
    serve(mirrors, "changed", changed)
    mirrors.stub.mirrors = [mirrors.url_for("/changed/")]
    with pytest.raises(DataNotFound, match=f"/changed/: {name} do not hold MNIST's digits"):
        fetch_mnist(tmp_path / "data")
    assert left_in(tmp_path / "data") == set()
    mirrors.stub.mirrors.append(mirrors.url_for("/mnist/"))
    assert fetch_mnist(tmp_path / "data").form == "idx"


def test_when_no_mirror_has_it_the_error_names_each(mirrors, tmp_path):
    mirrors.expect_request(f"/page/{next(iter(IDX))}.gz").respond_with_data("<html>Please log in</html>")
    serve(mirrors, "page", {f"{name}.gz": b"<html>Please log in</html>" for name in IDX})
    mirrors.stub.mirrors = [mirrors.url_for("/404/"), mirrors.url_for("/page/")]
    with pytest.raises(DataNotFound) as caught:
        fetch_mnist(tmp_path / "data")
    for words in ("/404/: the server answers", "/page/", "a web page", "data get"):
        assert words in str(caught.value)
    assert left_in(tmp_path / "data") == set()


def test_a_failure_is_remembered_for_an_hour(mirrors, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LESSONLIB_OFFLINE", "0")
    mirrors.stub.mirrors = [mirrors.url_for("/500/")]
    for _ in range(3):
        assert files.try_to_fetch() is None
    assert len(asked(mirrors)) == 1
    out, err = capsys.readouterr()
    assert out.count("fetching it") == 1
    assert err == ""  # nothing is wrong with that
    assert "/500/: the server answers" in files.why_not_fetched()
    monkeypatch.setattr(download, "SECONDS_BEFORE_ASKING_AGAIN", -1)
    mirrors.stub.mirrors = [mirrors.url_for("/mnist/")]
    assert files.try_to_fetch().form == "idx"


def test_it_is_remembered_where_the_cache_cannot_be_written_too(mirrors, tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONLIB_OFFLINE", "0")
    (tmp_path / "cache").write_text("a file")
    mirrors.stub.mirrors = [mirrors.url_for("/500/")]
    monkeypatch.setattr("lessonlib.files.download_folder", lambda: tmp_path / "data")
    for _ in range(3):
        assert files.try_to_fetch() is None
    assert len(asked(mirrors)) == 1


def test_offline_nothing_is_asked(mirrors, monkeypatch):
    monkeypatch.setenv("LESSONLIB_OFFLINE", "1")
    assert files.try_to_fetch() is None
    assert "LESSONLIB_OFFLINE" in files.why_not_fetched()
    assert asked(mirrors) == []


def test_ctrl_c_leaves_nothing(mirrors, tmp_path, arrays, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch_mnist(tmp_path / "data")
    assert left_in(tmp_path / "data") == set()
    fetch_mnist(tmp_path / "data")
    assert_whole(tmp_path / "data", arrays)


PROGRAM = """
import json, sys, types
from pathlib import Path
folder, mirror, md5s = json.loads(sys.argv[1])
stub = types.ModuleType("torchvision.datasets")
stub.MNIST = types.SimpleNamespace(mirrors=[mirror])
sys.modules["torchvision"], sys.modules["torchvision.datasets"] = types.ModuleType("torchvision"), stub
from lessonlib.files import download, fetch_mnist
download.MD5 = md5s
print(fetch_mnist(Path(folder)).folder)
"""


def program(folder: Path, mirror: str, unpacked: dict[str, bytes]) -> subprocess.Popen:
    """Another process that fetches."""
    return subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps([str(folder), mirror, md5s(unpacked)])],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_fetch_once(mirrors, tmp_path, arrays, unpacked):
    both = [program(tmp_path / "data", mirrors.url_for("/mnist/"), unpacked) for _ in range(2)]
    for process in both:
        said, complained = process.communicate(timeout=600)
        assert process.returncode == 0, complained
        assert said.strip() == str(tmp_path / "data" / "MNIST" / "raw")
    assert sorted(asked(mirrors)) == sorted(f"/mnist/{name}.gz" for name in IDX)
    assert_whole(tmp_path / "data", arrays)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_what_a_killed_process_left_is_removed(mirrors, tmp_path, arrays, packed, unpacked):
    begun, over = threading.Event(), threading.Event()

    def stall(request):
        begun.set()
        over.wait(60)
        return Response(b"")

    name = next(iter(IDX))
    mirrors.expect_request(f"/stalled/{name}.gz").respond_with_handler(stall)
    process = program(tmp_path / "data", mirrors.url_for("/stalled/"), unpacked)
    assert begun.wait(120)
    process.kill()
    process.communicate()
    over.set()
    (tmp_path / "data" / ".fetching-mnist" / "ready").mkdir(parents=True)
    (tmp_path / "data" / ".fetching-mnist" / "ready" / name).write_bytes(b"half a file")
    assert look_in(tmp_path / "data") is None
    fetch_mnist(tmp_path / "data")
    assert_whole(tmp_path / "data", arrays)


def test_a_full_disk_is_named_and_nothing_is_kept(mirrors, tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_write", no_room)
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


def test_a_folder_that_is_named_gets_the_download(mirrors, tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONLIB_DATA", str(tmp_path))
    assert files.download_folder() == tmp_path
    monkeypatch.setenv("LESSONLIB_DATA", str(tmp_path / "nowhere"))
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
    for form in ("packed", "pickle", "keras"):
        (stick / form).mkdir()
    for name, content in packed.items():
        (stick / "packed" / name).write_bytes(content)
    images, labels, test_images, test_labels = arrays.values()
    parts = [(x.reshape(-1, 784) / np.float32(256), y.astype(np.int64)) for x, y in (
        (images[:50_000], labels[:50_000]), (images[50_000:], labels[50_000:]), (test_images, test_labels))]
    with gzip.open(stick / "pickle" / "mnist.pkl.gz", "wb", 1) as file:
        pickle.dump(tuple(parts), file, protocol=4)
    np.savez_compressed(stick / "keras" / "mnist.npz", x_train=images, y_train=labels, x_test=test_images,
                        y_test=test_labels)
    return stick


@pytest.mark.parametrize("given", ["packed", "packed/t10k-labels-idx1-ubyte.gz", "pickle", "pickle/mnist.pkl.gz",
                                   "keras", "keras/mnist.npz"])
def test_from_a_folder_or_a_file(mirrors, tmp_path, stick, arrays, given):
    fetch_mnist(tmp_path / "data", stick / given)
    assert_whole(tmp_path / "data", arrays)
    assert asked(mirrors) == []


@pytest.mark.parametrize("end", ["", "/", "/t10k-labels-idx1-ubyte.gz"])
def test_from_a_teachers_server(mirrors, tmp_path, arrays, packed, end):
    serve(mirrors, "eine Klasse/ä", packed)
    fetch_mnist(tmp_path / "data", mirrors.url_for("/") + f"eine Klasse/ä{end}")
    assert_whole(tmp_path / "data", arrays)


@pytest.mark.parametrize("file", ["pickle/mnist.pkl.gz", "keras/mnist.npz"])
def test_a_single_file_from_a_server(mirrors, tmp_path, stick, arrays, file):
    serve(mirrors, "x", {Path(file).name: (stick / file).read_bytes()})
    fetch_mnist(tmp_path / "data", mirrors.url_for(f"/x/{Path(file).name}") + "?dl=1")
    assert_whole(tmp_path / "data", arrays)


@pytest.mark.parametrize(("change", "words"), [(lambda whole: whole[:-1000], "a whole gzip file"),
                                               (lambda whole: b"<html>403</html>", "a web page")])
def test_a_pickle_that_is_none_is_not_kept(mirrors, tmp_path, stick, change, words):
    serve(mirrors, "x", {"mnist.pkl.gz": change((stick / "pickle" / "mnist.pkl.gz").read_bytes())})
    with pytest.raises(DataCorrupt, match=f"is not MNIST.*{words}.*was kept"):
        fetch_mnist(tmp_path / "data", mirrors.url_for("/x/mnist.pkl.gz"))
    assert left_in(tmp_path / "data") == set()


NOWHERE = {
    "no such folder": "it does not exist",
    ".": "an empty folder",
    "~nosuchuser/mnist": "there is no user nosuchuser",
    "ftp://127.0.0.1/mnist/": "begins with http:// or https://",
    "file:///somewhere": "begins with http:// or https://",
    "http://[/": "begins with http:// or https://",
    "http:///mnist": "begins with http:// or https://",
}


@pytest.mark.parametrize("source", NOWHERE)
def test_from_nowhere(mirrors, tmp_path, source, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
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
    monkeypatch.setattr("lessonlib.course.commands.data.console.width", 400)
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
    monkeypatch.setattr("lessonlib.course.commands.data.console.width", 400)
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
    assert "BROKEN: mnist.pkl.gz: expected a pickle of plain arrays; got something else; a web page" in shown()
    monkeypatch.setenv("LESSONLIB_DATA", str(given / "t10k-labels-idx1-ubyte"))
    assert "does not end in" in shown()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows says this in another way")
def test_a_place_that_cannot_be_looked_into_is_told(mirrors, tmp_path, stick, monkeypatch, capsys):
    monkeypatch.setattr("lessonlib.course.commands.data.console.width", 9000)
    monkeypatch.setenv("LESSONLIB_CACHE", "x" * 300)  # no system has names as long as that
    monkeypatch.setenv("LESSONLIB_DATA", str(stick / "packed"))
    assert cli.main(["data", "where"]) == 0
    assert "cannot be looked into: File name too long" in capsys.readouterr().out
    assert files.find_mnist().folder == stick / "packed"
    monkeypatch.delenv("LESSONLIB_DATA")
    assert files.find_mnist() is None  # nobody asked for this place by name
    assert "cannot be looked into (File name too long) and is passed over" in capsys.readouterr().err
    assert "cannot be looked into: File name too long" in str(files.mnist_is_missing())
    monkeypatch.setenv("LESSONLIB_DATA", "x" * 300)
    with pytest.raises(DataNotFound, match=r"LESSONLIB_DATA names it\): it cannot be looked into: File name too long"):
        files.find_mnist()


def test_every_error_is_a_data_error():
    assert issubclass(DataCorrupt, DataError)
    assert issubclass(DataNotFound, DataError)


def test_a_fault_without_a_file_is_told_in_short(tmp_path):
    """Not every broken thing is one file."""
    assert DataCorrupt("two files do not fit").in_short() == "two files do not fit"
    found = files.FoundDigits("idx", tmp_path, {})

    def broken(self):
        raise DataCorrupt("two files do not fit")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.FoundDigits, "read", broken)
        assert state(found) == "BROKEN: two files do not fit"


def test_what_disappears_once_it_was_fetched_is_an_error(tmp_path, monkeypatch):
    """As where another program tidies up; `fetch_mnist` never gives None."""
    monkeypatch.setattr(download, "_bring", lambda source, staging: None)
    monkeypatch.setattr(download, "_write", lambda parts, folder: folder.mkdir(parents=True))
    with pytest.raises(DataNotFound, match="it is not there any more"):
        download.fetch_mnist(tmp_path / "data")
