"""The three forms of MNIST, every place they may be in, and every way in which a file can be broken."""

import gzip
import os
import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from lessonlib import files
from lessonlib.data import DataCorrupt, DataError, DataNotFound, load_digits
from lessonlib.files import formats, pickles, where

LABELS, IMAGES = "train-labels-idx1-ubyte", "train-images-idx3-ubyte"


class Python2Pickler(pickle._Pickler):
    """Writes the bytes of arrays as Python 2 did: as plain strings."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, content: bytes) -> None:
        self.write(b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(content)

    dispatch[bytes] = save_bytes


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    """70,000 images and labels of noise, in MNIST's shape and, like its digits, with a wide empty edge."""
    rng = np.random.default_rng(0)
    x = np.zeros((70_000, 28, 28), np.uint8)
    x[:, 8:20, 8:20] = np.tile(rng.integers(0, 256, (1000, 12, 12), dtype=np.uint8), (70, 1, 1))
    x[:, 0, 0] = np.arange(70_000) % 256  # no two parts are alike
    return x, rng.integers(0, 10, 70_000)


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", size) for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def idx_files(images) -> dict[str, bytes]:
    x, y = images
    arrays = (x[:60_000], y[:60_000], x[60_000:], y[60_000:])
    return {name: idx_bytes(array) for name, array in zip(formats.IDX, arrays, strict=True)}


@pytest.fixture(scope="module")
def pickled(images) -> tuple:
    x, y = images
    x = x.reshape(-1, 784).astype(np.float32) / 256
    return tuple((x[part], y[part]) for part in (slice(50_000), slice(50_000, 60_000), slice(60_000, None)))


@pytest.fixture(scope="module")
def all_forms(tmp_path_factory, idx_files, pickled) -> dict[str, Path]:
    """A folder of each form."""
    base = tmp_path_factory.mktemp("forms")
    folders = {name: base / name for name in ("idx", "idx.gz", "dotted", "torchvision", "pickle", "between")}
    raw = folders["torchvision"] / "MNIST" / "raw"
    for folder in (*folders.values(), raw):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in idx_files.items():
        (folders["idx"] / name).write_bytes(content)
        (folders["idx.gz"] / f"{name}.gz").write_bytes(gzip.compress(content, 1))
        os.link(folders["idx"] / name, raw / name)
        os.link(folders["idx"] / name, folders["dotted"] / name.replace("-idx", ".idx"))
    write_pickle(folders["pickle"] / "mnist.pkl.gz", pickled)
    (folders["between"] / "mnist").mkdir()
    os.link(folders["pickle"] / "mnist.pkl.gz", folders["between"] / "mnist" / "mnist.pkl.gz")
    return folders


def write_pickle(path: Path, content: object, protocol: int = 2) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        pickle.dump(content, file, protocol=protocol)


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch, tmp_path):
    """Let only the places that a test makes be looked at."""
    monkeypatch.delenv("LESSONLIB_DATA", raising=False)
    monkeypatch.setenv("LESSONLIB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.setattr(where, "checkout", lambda: None)


@pytest.mark.parametrize("form", ["idx", "idx.gz", "dotted", "torchvision", "pickle", "between"])
def test_all_forms_give_the_same_tensors(all_forms, images, form):
    digits = load_digits("mnist", path=all_forms[form])
    x, y = (torch.from_numpy(array) for array in images)
    for split, part in ((digits.train, slice(50_000)), (digits.valid, slice(50_000, 60_000)),
                        (digits.test, slice(60_000, 70_000))):
        assert split.x.dtype == torch.uint8
        assert split.y.dtype == torch.int64
        assert split.x.shape == (len(split), 28, 28)
        assert torch.equal(split.x, x[part])
        assert torch.equal(split.y, y[part])


def test_the_pickle_itself_may_be_the_path(all_forms):
    found = files.look_in(all_forms["pickle"] / "mnist.pkl.gz")
    assert found.form == "pickle"


def test_torchvision_reads_the_folder_that_we_read(all_forms, images):
    from torchvision.datasets import MNIST

    theirs = MNIST(all_forms["torchvision"], train=True)
    assert torch.equal(theirs.data, torch.from_numpy(images[0][:60_000]))
    assert torch.equal(theirs.targets, torch.from_numpy(images[1][:60_000]))


def test_torchvision_knows_the_files_that_we_fetch():
    from torchvision.datasets import MNIST

    assert {name for name, _ in MNIST.resources} == {f"{name}.gz" for name in formats.IDX}
    assert all(mirror.startswith(("https://", "http://")) and mirror.endswith("/") for mirror in MNIST.mirrors)


def test_only_mnist_is_called_mnist(all_forms, capsys):
    found = files.look_in(all_forms["idx"])
    assert found.source(found.read()) == "yours"
    assert "they are not MNIST's" in capsys.readouterr().err


def test_mnist_is_called_mnist(mnist, monkeypatch, capsys):
    parts = [(split.x.numpy(), split.y.numpy()) for split in (mnist.train, mnist.valid, mnist.test)]
    assert files.Found("idx", Path(), {}).source(parts) == "mnist"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("way", ["protocol 0", "protocol 2", "protocol 4", "protocol 5", "numpy 1", "python 2",
                                 "big-endian"])
def test_pickles_of_every_age_are_read(tmp_path, way):
    parts = ((np.arange(6, dtype=np.float32).reshape(2, 3) / 256, np.array([3, 250], dtype=np.int64)),)
    if way == "big-endian":
        parts = tuple((x.astype(">f4"), y.astype(">i8")) for x, y in parts)
    if way == "python 2":
        with (tmp_path / "file").open("wb") as file:
            Python2Pickler(file, protocol=2).dump(parts)
        content = (tmp_path / "file").read_bytes()
    else:
        content = pickle.dumps(parts, protocol=int(way[-1]) if way.startswith("protocol") else 2)
    if way in ("python 2", "numpy 1"):
        content = content.replace(b"numpy._core", b"numpy.core")
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file:
        ((x, y),) = formats.ArraysOnly(file, encoding="latin1").load()
    np.testing.assert_array_equal(x.array, parts[0][0])
    np.testing.assert_array_equal(y.array, parts[0][1])


def test_float64_pixels_are_read_too(tmp_path):
    x, y = small_part()
    np.testing.assert_array_equal(load_small(tmp_path / "part", (x.astype(np.float64), y))[0],
                                  load_small(tmp_path / "part", (x, y))[0])


# --- places --------------------------------------------------------------------------------------------------


def test_places_are_looked_at_in_order(all_forms, tmp_path, monkeypatch):
    checkout = tmp_path / "a checkout with späces"
    (checkout / "data").mkdir(parents=True)
    cache = tmp_path / "cache"
    monkeypatch.setattr(where, "checkout", lambda: checkout)
    monkeypatch.setenv("LESSONLIB_CACHE", str(cache))
    assert files.find_mnist() is None
    shutil.copytree(all_forms["idx"], cache, copy_function=os.link)
    assert files.find_mnist().folder == cache
    shutil.copytree(all_forms["torchvision"], checkout / "data", copy_function=os.link, dirs_exist_ok=True)
    assert files.find_mnist().folder == checkout / "data" / "MNIST" / "raw"
    monkeypatch.setenv("LESSONLIB_DATA", str(all_forms["between"]))
    assert files.find_mnist().folder == all_forms["between"] / "mnist"
    assert files.find_mnist(all_forms["idx.gz"]).folder == all_forms["idx.gz"]


def test_a_path_without_mnist_is_passed_over_with_a_word(all_forms, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LESSONLIB_DATA", str(all_forms["idx"]))
    assert load_digits(path=tmp_path).source != "handwriting"
    assert f"there is no MNIST in {tmp_path}" in capsys.readouterr().err


def test_not_found_names_every_place_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONLIB_DATA", str(tmp_path / "from the variable"))
    with pytest.raises(DataNotFound) as caught:
        load_digits("mnist", path=tmp_path / "given")
    message = str(caught.value)
    for part in ("given", "from the variable", "no-cache", "mnist.pkl.gz", "lessons data get", "handwriting"):
        assert part in message
    assert isinstance(caught.value, DataError)
    assert isinstance(caught.value, FileNotFoundError)


def test_without_mnist_the_built_in_digits_serve_and_say_so(monkeypatch, capsys):
    drawn = torch.zeros(70_000, 28, 28, dtype=torch.uint8), torch.arange(70_000) % 10
    monkeypatch.setattr("lessonlib.data.handwritten", lambda: drawn)
    for _ in range(2):  # every time, not only the first
        digits = load_digits()
        assert digits.source == "handwriting"
        assert (len(digits.train), len(digits.valid), len(digits.test)) == (50_000, 10_000, 10_000)
        assert "built-in digits" in capsys.readouterr().err
    load_digits("handwriting")
    assert capsys.readouterr().err == ""  # asked for by name: nothing stands in for anything


def test_an_unknown_source_is_refused():
    with pytest.raises(ValueError, match="expected a source out of auto, mnist, handwriting; got 'minst'"):
        load_digits("minst")


# --- broken files --------------------------------------------------------------------------------------------


@pytest.fixture
def idx_folder(all_forms, tmp_path) -> Path:
    """A folder of IDX files in which a test may replace one."""
    folder = tmp_path / "mnist"
    shutil.copytree(all_forms["idx"], folder, copy_function=os.link)
    return folder


BROKEN_IDX = {
    "empty": (LABELS, lambda whole: b"", "nothing"),
    "cut off": (LABELS, lambda whole: whole[:1000], "992 bytes after it"),
    "an HTML page": (LABELS, lambda whole: b"<!DOCTYPE html><html>404</html>", "a web page"),
    "a packed file": (LABELS, lambda whole: gzip.compress(whole, 1), "whose name should end in .gz"),
    "a zip archive": (LABELS, lambda whole: b"PK\3\4" + whole, "a zip archive"),
    "images and labels swapped": (IMAGES, lambda whole: idx_bytes(np.zeros(60_000)), f"beginning of {LABELS}"),
    "labels and images swapped": (LABELS, lambda whole: idx_bytes(np.zeros((60_000, 28, 28))), "are swapped"),
    "test for training": (LABELS, lambda whole: idx_bytes(np.zeros(10_000)), "beginning of t10k-labels-idx1-ubyte"),
    "another magic number": (LABELS, lambda whole: b"\0\0\x0d" + whole[3:], "begins with 00000d01"),
    "images for labels": (LABELS, lambda whole: idx_bytes(np.zeros((60_000, 2, 2))), "begins with"),
    "another count": (LABELS, lambda whole: idx_bytes(np.zeros(50_000)), "begins with"),
    "too long": (LABELS, lambda whole: whole + b"\0", "more bytes"),
    "a label 10": (LABELS, lambda whole: whole[:8] + bytes([10]) + whole[9:], "a label 10"),
}


@pytest.mark.parametrize("fault", BROKEN_IDX)
def test_a_broken_idx_file_is_named_and_left_alone(idx_folder, idx_files, fault):
    name, damage, words = BROKEN_IDX[fault]
    broken = idx_folder / name
    broken.unlink()
    broken.write_bytes(damage(idx_files[name]))
    before = broken.read_bytes()
    with pytest.raises(DataCorrupt) as caught:
        load_digits("mnist", idx_folder)
    for part in (str(broken), "expected", words, "lessons data get"):
        assert part in str(caught.value)
    assert broken.read_bytes() == before


@pytest.mark.parametrize("fault", ["empty", "cut off", "not gzip", "bytes changed"])
def test_a_broken_gzip_file_is_named(all_forms, tmp_path, fault):
    shutil.copytree(all_forms["idx.gz"], tmp_path, dirs_exist_ok=True)
    broken = tmp_path / f"{LABELS}.gz"
    whole = broken.read_bytes()
    middle = len(whole) // 2
    broken.write_bytes({"empty": b"", "cut off": whole[:middle], "not gzip": b"<html>403</html>",
                        "bytes changed": whole[:middle] + bytes(50) + whole[middle + 50:]}[fault])
    with pytest.raises(DataCorrupt, match=LABELS):
        load_digits("mnist", tmp_path)


def test_a_gzip_file_that_never_ends_is_bounded(all_forms, tmp_path):
    shutil.copytree(all_forms["idx.gz"], tmp_path, dirs_exist_ok=True)
    (tmp_path / f"{LABELS}.gz").write_bytes(gzip.compress(bytes(50_000_000)))
    with pytest.raises(DataCorrupt, match="begins with"):
        load_digits("mnist", tmp_path)


BROKEN_PICKLES = {  # what is done to a good part, and what is said about it
    "a part missing": (lambda x, y: (x,), "a tuple of 1"),
    "no arrays": (lambda x, y: ("x", "y"), "a tuple of 2"),
    "swapped": (lambda x, y: (y, x), "they are swapped"),
    "bytes for fractions": (lambda x, y: ((x * 256).astype(np.uint8), y), "uint8, so from 0 to 255"),
    "0 to 255": (lambda x, y: (x * 256, y), "on a scale from 0 to 255"),
    "0 to 255 in float64": (lambda x, y: (x * 256.0, y), "on a scale from 0 to 255"),
    "divided by 255": (lambda x, y: (x * np.float32(256 / 255), y), "divided by 255 instead"),
    "pixels that are no bytes": (lambda x, y: (x * np.float32(0.9), y), "not all of them a whole number / 256"),
    "below 0": (lambda x, y: (-x, y), "not all of them a whole number / 256, first in image 1"),
    "nan": (lambda x, y: (np.where(np.arange(20)[:, None] == 7, np.float32("nan"), x), y), "NaN.* in image 8"),
    "infinite": (lambda x, y: (np.where(x > 0.9, np.float32("inf"), x), y), "to inf"),
    "a label 10": (lambda x, y: (x, np.where(y == 3, 10, y)), r"a label 10 \(number 4 of 20; 2 like it\)"),
    "a label -1": (lambda x, y: (x, y - 1), "a label -1"),
    "labels of another length": (lambda x, y: (x, y[:-1]), r"\(19,\)"),
    "labels that are fractions": (lambda x, y: (x, y / 2), "float64"),
}


def small_part(n: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """What a part of the pickle looks like, with few images."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, 784))
    return pixels.astype(np.float32) / 256, np.arange(n) % 10


def load_small(path: Path, part: object, n: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Pickle a part and read it as `read_pickle` reads each."""
    path.write_bytes(pickle.dumps(part, protocol=2))
    with path.open("rb") as file:
        return pickles._pickled_part(path, formats.ArraysOnly(file, encoding="latin1").load(), n)


def test_a_small_part_is_read(tmp_path):
    x, y = load_small(tmp_path / "part.pkl", small_part())
    assert x.dtype == np.uint8
    assert x.shape == (20, 28, 28)
    np.testing.assert_array_equal(y, small_part()[1])


@pytest.mark.parametrize("fault", BROKEN_PICKLES)
def test_a_pickle_with_something_else_in_it_is_refused(tmp_path, fault):
    damage, words = BROKEN_PICKLES[fault]
    with pytest.raises(DataCorrupt, match=rf"part\.pkl is not the file it should be: expected 20 images .*{words}"):
        load_small(tmp_path / "part.pkl", damage(*small_part()))


@pytest.mark.parametrize("content", [[1, 2, 3], [1, 2], "text", {}])
def test_a_pickle_of_another_layout_is_refused(tmp_path, content):
    write_pickle(tmp_path / "mnist.pkl.gz", content)
    with pytest.raises(DataCorrupt, match=r"mnist\.pkl\.gz"):
        load_digits("mnist", tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04.", pickle.dumps([])[:-1]])
def test_a_pickle_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataCorrupt, match="cannot be read"):
        load_digits("mnist", tmp_path)


def test_arrays_of_python_objects_are_refused(tmp_path):
    objects = np.array([{}, []], dtype=object)
    write_pickle(tmp_path / "mnist.pkl.gz", ((objects, objects),) * 3)
    with pytest.raises(DataCorrupt, match="EMPTY_DICT, which no plain array needs"):
        load_digits("mnist", tmp_path)
