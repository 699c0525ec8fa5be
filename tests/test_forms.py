"""The three forms of MNIST, every place they may be in, and every way in which a file can be broken."""

import gzip
import os
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from lessonlib import files
from lessonlib.data import DataCorrupt, DataError, DataNotFound, load_digits
from lessonlib.files import formats, pickles, tables, where

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
    assert files.FoundDigits("idx", Path(), {}).source(parts) == "mnist"
    assert capsys.readouterr().err == ""


# --- as browsers, archives and other libraries leave it -------------------------------------------------------


def rename(change) -> dict:
    """How the four files are called, and that they are what they were."""
    return {name: (change(name), bytes) for name in formats.IDX}


CONTAINERS = {
    "unpacked, still named .gz": {name: (f"{name}.gz", bytes) for name in formats.IDX},
    "packed, not named so": {name: (name, lambda whole: gzip.compress(whole, 1)) for name in formats.IDX},
    "packed by another gzip": {name: (f"{name}.gz", lambda whole: gzip.compress(whole[:9]) + gzip.compress(whole[9:], 1))
                               for name in formats.IDX},
    "packed twice": {name: (f"{name}.gz", lambda whole: gzip.compress(gzip.compress(whole, 1), 1)) for name in formats.IDX},
    "in capitals": rename(str.upper),
    "fetched twice by a browser": rename(lambda name: f"{name} (1)"),
    "with dots": rename(lambda name: name.replace("-idx", ".idx")),
    "in folders named as the files": rename(lambda name: f"{name.replace('-idx', '.idx')}/{name.replace('-idx', '.idx')}"),
    "one level deeper": rename(lambda name: f"archive/{name}"),
    "two levels deeper": rename(lambda name: f"archive/archive/{name}"),
    "beside what macOS adds": rename(lambda name: name) | {"._x": ("__MACOSX/._train-images-idx3-ubyte", bytes),
                                                           "ds": (".DS_Store", bytes)},
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_content_counts_and_not_the_container(tmp_path, idx_files, images, container):
    for name, (written, pack) in CONTAINERS[container].items():
        file = tmp_path / "given" / written
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pack(idx_files.get(name, b"clutter")))
    digits = load_digits("mnist", path=tmp_path / "given")
    assert np.array_equal(digits.train.x, images[0][:50_000])
    assert np.array_equal(digits.test.y, images[1][60_000:])


def test_one_of_the_four_files_stands_for_all(all_forms):
    assert files.find_mnist(all_forms["idx.gz"] / f"{LABELS}.gz").form == "idx"


KEYS = {"Keras": ("x_train", "y_train", "x_test", "y_test"),
        "images and labels": ("train_images", "train_labels", "test_images", "test_labels"),
        "in capitals": ("X_train", "Y_train", "X_test", "Y_test")}


@pytest.mark.parametrize("kind", [*KEYS, "rows", "fractions", "floats", "with a channel", "Fortran"])
def test_npz_archives_are_read(tmp_path, images, kind):
    x, y = images
    parts = [x[:60_000], y[:60_000], x[60_000:], y[60_000:]]
    change = {"rows": lambda x: x.reshape(-1, 784), "fractions": lambda x: (x / np.float32(255)),
              "floats": lambda x: x.astype(np.float32), "with a channel": lambda x: x[..., None],
              "Fortran": np.asfortranarray}.get(kind, lambda x: x)
    arrays = dict(zip(KEYS.get(kind, KEYS["Keras"]), (change(parts[0]), parts[1], change(parts[2]), parts[3]), strict=True))
    np.savez(tmp_path / "mnist.npz", **arrays)
    for path in (tmp_path, tmp_path / "mnist.npz"):
        digits = load_digits("mnist", path=path)
        assert digits.train.x.dtype == torch.uint8
        assert np.array_equal(digits.valid.x, x[50_000:60_000])
        assert np.array_equal(digits.train.y, y[:50_000])


def npz(path: Path, **changed) -> Path:
    arrays = {"x_train": np.zeros((9, 28, 28), np.uint8), "y_train": np.zeros(9, np.uint8),
              "x_test": np.zeros((3, 28, 28), np.uint8), "y_test": np.zeros(3, np.uint8), **changed}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


BROKEN_NPZ = {
    "another key": ({"x_train": None, "digits": np.zeros(3)}, "arrays named x_train, .*; got .*digits"),
    "another size": ({"x_train": np.zeros((8, 28, 28), np.uint8)}, r"x_train of shape .*; got uint8 of shape \(8, 28, 28\)"),
    "objects": ({"y_test": np.array([{}, {}, {}], dtype=object)}, "y_test of shape .*; got object"),
    "labels that are fractions": ({"y_test": np.zeros(3)}, "y_test .*; got float64"),
    "a label 10": ({"y_test": np.array([1, 10, 2])}, "a label 10"),
    "a pixel 256": ({"x_test": np.full((3, 28, 28), 256)}, "a pixel 256"),
    "a pixel -1": ({"x_test": np.full((3, 28, 28), -1)}, "a pixel -1"),
    "a pixel that is NaN": ({"x_test": np.full((3, 28, 28), np.nan)}, "a pixel nan"),
    "divided by 256": ({"x_test": np.full((3, 28, 28), 100 / 256)}, "a pixel 0.39"),
}


@pytest.mark.parametrize("fault", BROKEN_NPZ)
def test_a_wrong_npz_archive_is_named(tmp_path, fault):
    changed, words = BROKEN_NPZ[fault]
    with pytest.raises(DataCorrupt, match=words) as caught:
        tables.read_npz(npz(tmp_path / "mnist.npz", **changed), (9, 3))
    assert str(tmp_path / "mnist.npz") in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\3\4 and then nothing", b"PK\5\6" + bytes(18)])
def test_an_npz_archive_that_is_none_is_named(tmp_path, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(DataCorrupt, match=r"mnist\.npz"):
        load_digits("mnist", tmp_path)


def test_an_archive_that_announces_much_is_not_believed(tmp_path):
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w") as archive:
        for n in range(2000):
            archive.writestr(f"{n}.npy", b"")
    with pytest.raises(DataCorrupt, match="too many files in it"):
        tables.read_npz(tmp_path / "mnist.npz")
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in KEYS["Keras"]:
            shape = (9 if "train" in name else 3, *((28, 28) if "x" in name else ()))
            archive.writestr(f"{name}.npy", npz_header(shape) + bytes(10**7))
    with pytest.raises(DataCorrupt, match="more or fewer bytes"):
        tables.read_npz(tmp_path / "mnist.npz", (9, 3))


def npz_header(shape: tuple) -> bytes:
    import io

    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


# --- rows of pixels --------------------------------------------------------------------------------------------

PIXELS = [f"pixel{n}" for n in range(784)]


def write_rows(path: Path, x: np.ndarray, y: np.ndarray, header: list[str] | None, end: str = "\n", sep: str = ",",
               label_last: bool = False, encoding: str = "utf-8", number: str = "d") -> None:
    rows = [[format(n, number) for n in ([*row, label] if label_last else [label, *row])]
            for row, label in zip(x.reshape(-1, 784).tolist(), y.tolist(), strict=True)]
    text = end.join(sep.join(row) for row in ([header] if header else []) + rows) + end
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


TABLES = {
    "Kaggle": {"header": ["label", *PIXELS]},
    "1x1 to 28x28": {"header": ["label", *(f"{r}x{c}" for r in range(1, 29) for c in range(1, 29))]},
    "no header": {"header": None},
    "OpenML": {"header": [*(f"pixel{n}" for n in range(1, 785)), "class"], "label_last": True},
    "semicolons": {"header": ["label", *PIXELS], "sep": ";"},
    "tabs": {"header": ["label", *PIXELS], "sep": "\t"},
    "from Windows": {"header": ["label", *PIXELS], "end": "\r\n", "encoding": "utf-8-sig"},
    "from an old Mac": {"header": ["label", *PIXELS], "end": "\r"},
    "UTF-16": {"header": ["label", *PIXELS], "encoding": "utf-16"},
    "floats": {"header": ["Label", *PIXELS], "number": ".1f"},
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", TABLES)
def test_rows_of_pixels_are_read(tmp_path, images, kind, packed):
    x, y = images[0][:30], images[1][:30]
    path = tmp_path / f"train.csv{'.gz' if packed else ''}"
    write_rows(path, x, y, **TABLES[kind])
    for given in (path, tmp_path):
        found = files.find_mnist(given)
        assert found.form == "pixels"
        parts = found.read()
        pairs = [(picture.tobytes(), label) for part in parts for picture, label in zip(*part, strict=True)]
        assert sorted(pairs) == sorted((picture.tobytes(), label) for picture, label in zip(x, y, strict=True))
        assert [len(labels) for _, labels in parts] == [21, 5, 4]


def test_columns_that_were_sorted_as_words_are_put_in_order(tmp_path, images):
    x, y = images[0][:7].reshape(7, 784), images[1][:7]
    order = sorted(range(784), key=lambda n: PIXELS[n])
    write_rows(tmp_path / "a.csv", x[:, order], y, ["label", *(PIXELS[n] for n in order)])
    parts = files.find_mnist(tmp_path / "a.csv").read()
    assert {row.tobytes() for part in parts for row in part[0]} == {row.tobytes() for row in x}


def test_a_folder_from_kaggle_has_a_test_part_without_labels(tmp_path, images):
    x, y = images[0][:30], images[1][:30]
    write_rows(tmp_path / "train.csv", x, y, ["label", *PIXELS])
    text = "\n".join(",".join(map(str, row)) for row in [PIXELS, *x[:5].reshape(5, 784).tolist()])
    (tmp_path / "test.csv").write_text(text)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    assert [len(labels) for _, labels in load_digits_from(tmp_path)] == [21, 5, 4]
    with pytest.raises(DataCorrupt, match="got rows without a label"):
        load_digits("mnist", path=tmp_path / "test.csv")


def load_digits_from(path: Path) -> tuple:
    return files.find_mnist(path).read()


def test_two_tables_are_two_parts(tmp_path, images):
    x, y = images[0], images[1]
    write_rows(tmp_path / "mnist_train.csv", x[:12], y[:12], None)
    write_rows(tmp_path / "mnist_test.csv", x[12:17], y[12:17], None)
    train, valid, (test_x, test_y) = load_digits_from(tmp_path)
    assert np.array_equal(test_x, x[12:17])
    assert np.array_equal(test_y, y[12:17])
    assert (len(train[1]), len(valid[1])) == (10, 2)


def test_rows_in_mnists_numbers_are_split_as_the_four_files_are(monkeypatch, tmp_path, images):
    monkeypatch.setattr(tables, "IMAGES", 12)
    monkeypatch.setattr(tables, "TEST_IMAGES", 5)
    x, y = images[0][:17], images[1][:17]
    write_rows(tmp_path / "mnist_784.csv", x, y, None)
    parts = tables.read_pixels({"train": tmp_path / "mnist_784.csv"})
    assert np.array_equal(np.concatenate([part[0] for part in parts]), x)


WRONG_ROWS = {
    "a pixel 256": (3, "256", "a pixel 256"),
    "a pixel -1": (3, "-1", "a pixel -1"),
    "a fraction": (3, "0.5", "the number 0.5"),
    "nan": (3, "nan", "the number nan"),
    "a word": (3, "x", "something else after row 0"),
    "nothing": (3, "", "something else after row 0"),
    "a label 10": (0, "10", "a label 10"),
    "a label of letters": (0, "seven", "something else after row 0"),
}


@pytest.mark.parametrize("fault", WRONG_ROWS)
def test_wrong_rows_are_named(tmp_path, images, fault):
    column, cell, words = WRONG_ROWS[fault]
    row = ["1", *("0" for _ in range(784))]
    row[column] = cell
    text = "\n".join(",".join(line) for line in (["label", *PIXELS], ["1"] + ["0"] * 784, row))
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataCorrupt, match=words):
        load_digits(path=tmp_path / "a.csv")


def test_a_table_ends_at_the_first_row_too_many(tmp_path, images, monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROWS", 600)
    path = tmp_path / "a.csv"
    line = ",".join(["1"] + ["0"] * 784) + "\n"
    path.write_text(line * 1501)
    n_lines = []
    whole = np.loadtxt
    monkeypatch.setattr(tables.np, "loadtxt", lambda block, *a, **k: n_lines.append(len(block)) or whole(block, *a, **k))
    with pytest.raises(DataCorrupt, match="at most 600 rows"):
        load_digits(path=path)
    assert sum(n_lines) == 500  # and not all of them


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


# What is asked for by name and cannot be had is an error that names it, and what was found there.
NAMED = {
    "a typing error": (lambda base: base / "mnsit", r"mnsit.*does not exist; did you mean .*/mnist\?"),
    "a typing error in the middle": (lambda base: base / "mnsit" / "raw", r"did you mean .*/mnist\?"),
    "nothing like it": (lambda base: base / "xyz", "it does not exist"),
    "nobody's folder": (lambda base: "~nosuchuser/mnist", "there is no user nosuchuser"),
    "a NUL character": (lambda base: f"{base}/a\0b", "NUL character"),
    "an address": (lambda base: "https://example.org/mnist/", "a web address; `lessons data get --from"),
    "an empty folder": (lambda base: base / "empty", "an empty folder"),
    "other files": (lambda base: base / "others", "a folder with a.txt, b.txt"),
    "three of four files": (lambda base: base / "three", "train-labels-idx1-ubyte missing"),
    "a text": (lambda base: base / "others" / "a.txt", r"a file whose name does not end in \.pkl\.gz, \.npz or \.csv"),
    "a web page": (lambda base: base / "others" / "b.txt", "a web page"),
    "below a file": (lambda base: base / "others" / "a.txt" / "x", r"it does not exist \(.*a\.txt is a file\)"),
    "pictures in no classes": (lambda base: base / "pictures", "2 pictures, but not in folders that are named"),
    "escape codes": (lambda base: base / "\x1b[31mred", r"\?\[31mred"),
    "a lone surrogate": (lambda base: f"{base}/caf\udce9", r"caf\?"),
    "an empty name": (lambda base: "", "there are no digits at"),
}


@pytest.fixture
def around(tmp_path, monkeypatch) -> Path:
    """A folder with many things in it that are no MNIST; the working directory is empty."""
    for name in ("empty", "others", "three", "pictures", "mnist", "working"):
        (tmp_path / name).mkdir()
    (tmp_path / "others" / "a.txt").write_text("text")
    (tmp_path / "others" / "b.txt").write_text("<!DOCTYPE html>")
    for name in formats.IDX:
        if name != LABELS:
            (tmp_path / "three" / name).write_bytes(b"")
    for name in "ab":
        (tmp_path / "pictures" / f"{name}.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path / "working")
    return tmp_path


@pytest.mark.parametrize("way", ["path", "variable"])
@pytest.mark.parametrize("source", ["auto", "mnist"])
@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_and_is_not_there_is_an_error(around, monkeypatch, capsys, name, source, way):
    make, words = NAMED[name]
    given = make(around)
    if way == "variable" and (not str(given) or "\0" in str(given)):
        pytest.skip("no variable can hold it")
    if way == "variable":
        monkeypatch.setenv("LESSONLIB_DATA", str(given))
    with pytest.raises(DataNotFound, match=words) as caught:
        load_digits(source, path=given if way == "path" else None)
    message = str(caught.value)
    for part in ("LESSONLIB_DATA names it" if way == "variable" else "the path you gave", "mnist.pkl.gz", "mnist.npz"):
        assert part in message
    assert all(line.isprintable() for line in message.split("\n"))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("write", ["'{}'", '"{}"', " {} ", "{}\n", '"{}/"'])
def test_quotes_and_spaces_around_a_name_are_no_part_of_it(all_forms, monkeypatch, write):
    monkeypatch.setenv("LESSONLIB_DATA", write.format(all_forms["idx"]))
    assert files.find_mnist().folder == all_forms["idx"]


def test_variables_and_tilde_are_expanded(all_forms, monkeypatch):
    monkeypatch.setenv("CLASS", str(all_forms["idx"]))
    monkeypatch.setenv("HOME", str(all_forms["idx"].parent))
    monkeypatch.setenv("USERPROFILE", str(all_forms["idx"].parent))
    for text in ("$CLASS", "~/idx", "'~/idx'"):
        monkeypatch.setenv("LESSONLIB_DATA", text)
        assert files.find_mnist().folder == all_forms["idx"]


@pytest.mark.parametrize("text", ["", "  ", '""'])
def test_an_empty_variable_names_nothing(monkeypatch, text):
    monkeypatch.setenv("LESSONLIB_DATA", text)
    assert files.find_mnist() is None


def test_a_path_counts_before_the_variable(all_forms, monkeypatch, tmp_path):
    monkeypatch.setenv("LESSONLIB_DATA", str(tmp_path / "nowhere"))
    assert files.find_mnist(all_forms["idx"]).folder == all_forms["idx"]


def test_a_path_and_the_drawn_digits_exclude_each_other(tmp_path):
    with pytest.raises(ValueError, match="expected a path or the source 'handwriting'"):
        load_digits("handwriting", path=tmp_path)


def test_two_folders_with_digits_are_not_chosen_between(all_forms, tmp_path):
    for name in ("fashion", "letters"):
        shutil.copytree(all_forms["idx"], tmp_path / name, copy_function=os.link)
    with pytest.raises(DataNotFound, match=r"several folders \(fashion, letters\); name one of them"):
        files.find_mnist(tmp_path)
    shutil.copytree(all_forms["idx"], tmp_path / "MNIST", copy_function=os.link)
    assert files.find_mnist(tmp_path).folder == tmp_path / "MNIST"


def test_a_cache_folder_of_nobody_is_named(monkeypatch):
    monkeypatch.setenv("LESSONLIB_CACHE", "~nosuchuser/cache")
    with pytest.raises(DataNotFound, match="LESSONLIB_CACHE is ~nosuchuser/cache, and there is no user nosuchuser"):
        files.cache_folder()


def test_not_found_names_every_place_and_the_way_out():
    with pytest.raises(DataNotFound) as caught:
        load_digits("mnist")
    message = str(caught.value)
    for part in ("no-cache", "mnist.pkl.gz", "lessons data get", "handwriting"):
        assert part in message
    assert isinstance(caught.value, DataError)
    assert isinstance(caught.value, FileNotFoundError)


def test_without_mnist_the_built_in_digits_serve_and_say_so_once(monkeypatch, capsys):
    drawn = torch.zeros(70_000, 28, 28, dtype=torch.uint8), torch.arange(70_000) % 10
    monkeypatch.setattr("lessonlib.data.handwritten", lambda: drawn)
    monkeypatch.setattr(files.notices, "_told", set())
    said = []
    for _ in range(2):
        digits = load_digits()
        assert digits.source == "handwriting"
        assert (len(digits.train), len(digits.valid), len(digits.test)) == (50_000, 10_000, 10_000)
        said.append(capsys.readouterr())
    assert "built-in digits" in said[0].out
    assert "LESSONLIB_OFFLINE is set" in said[0].out
    assert said[0].err == ""  # nothing is wrong
    assert said[1] == ("", "")
    load_digits("handwriting")
    assert capsys.readouterr() == ("", "")  # asked for by name: nothing stands in for anything


def test_in_a_notebook_the_details_are_folded(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(files.notices, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    files.notify("a note <b>", "why\n\x1b[31mnot")
    assert shown[0]["text/plain"] == "lessonlib: a note <b>\n    why\n    ?[31mnot"
    assert shown[0]["text/html"] == ("<div>a note &lt;b&gt;</div><details><summary>details</summary>"
                                     "<pre>why\n?[31mnot</pre></details>")
    assert capsys.readouterr() == ("", "")


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


# --- files that never end --------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
@pytest.mark.parametrize("name", [LABELS, f"{LABELS}.gz", "mnist.pkl.gz", "mnist.npz", "train.csv"])
def test_a_pipe_does_not_keep_anyone_waiting(idx_folder, name):
    if name.startswith(LABELS):
        (idx_folder / LABELS).unlink()
        os.mkfifo(idx_folder / name)
        with pytest.raises(DataCorrupt, match="expected a file; got a pipe"):
            load_digits("mnist", idx_folder)
    else:
        os.mkfifo(idx_folder / name)
        assert files.find_mnist(idx_folder).form == "idx"  # passed over
        with pytest.raises(DataNotFound, match="a pipe"):
            load_digits(path=idx_folder / name)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no devices in folders")
def test_a_device_is_not_read(idx_folder):
    (idx_folder / LABELS).unlink()
    (idx_folder / LABELS).symlink_to("/dev/zero")
    with pytest.raises(DataCorrupt, match="expected a file; got a device"):
        load_digits("mnist", idx_folder)
    with pytest.raises(DataNotFound, match="a device"):
        load_digits(path="/dev/zero")


def test_two_million_pieces_of_nothing_are_not_unpacked(all_forms, tmp_path):
    shutil.copytree(all_forms["idx.gz"], tmp_path, dirs_exist_ok=True, copy_function=os.link)
    name = tmp_path / f"{IMAGES}.gz"
    name.unlink()
    name.write_bytes(gzip.compress(b"") * 2_000_000)
    with pytest.raises(DataCorrupt, match="more than 10,000 pieces"):
        load_digits("mnist", tmp_path)


# --- the cache -------------------------------------------------------------------------------------------------


def make() -> dict[str, np.ndarray]:
    return {"x": np.arange(5000, dtype=np.uint8), "y": np.arange(30)}


@pytest.fixture
def cached(monkeypatch, tmp_path) -> Path:
    """A cache file, as it is when all is well."""
    monkeypatch.setenv("LESSONLIB_CACHE", str(tmp_path / "cache"))
    files.cached_arrays("thing", make)
    return tmp_path / "cache" / "thing.npz"


def times_made() -> tuple[dict[str, np.ndarray], int]:
    made = []
    arrays = files.cached_arrays("thing", lambda: made.append(1) or make())
    assert arrays.keys() == make().keys()
    for name, array in make().items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    return arrays, len(made)


def test_a_cache_is_made_once_and_is_a_whole_archive(cached, capsys):
    assert times_made()[1] == 0
    assert capsys.readouterr() == ("", "")
    np.testing.assert_array_equal(np.load(cached)["x"], make()["x"])


def test_no_damage_to_a_cache_gives_anything_but_the_right_arrays(cached, capsys):
    whole = cached.read_bytes()
    rng = np.random.default_rng(0)
    for n in range(150):
        damaged = bytearray(whole)
        damaged[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        cached.write_bytes(damaged if n % 3 else whole[: int(rng.integers(len(whole)))])
        assert times_made()[1] == 1
        out, err = capsys.readouterr()
        assert err == ""
        assert out.count("\n") == 1
        assert "made again" in out
        assert cached.read_bytes()[-32:] == cached_checksum(cached)


def cached_checksum(path: Path) -> bytes:
    import hashlib

    return hashlib.sha256(path.read_bytes()[:-32]).digest()


def test_a_cache_of_an_older_version_is_made_again(cached, capsys):
    np.savez(cached, x=np.zeros(3), y=np.zeros(3))
    assert times_made()[1] == 1
    assert times_made()[1] == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
@pytest.mark.parametrize("put", [lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/zero"),
                                 lambda path: path.symlink_to("x"), Path.mkdir])
def test_other_things_in_the_place_of_a_cache(cached, put, capsys):
    cached.unlink()
    put(cached)
    assert times_made()[1] == 1  # and not twice, even where it cannot be written


def test_a_cache_that_cannot_be_written_is_told(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", "~nosuchuser"):
        monkeypatch.setenv("LESSONLIB_CACHE", str(folder))
        assert times_made()[1] == 1
        assert "set LESSONLIB_CACHE to a folder" in capsys.readouterr().err
