"""Digits as arrays in an npz archive (Keras's mnist.npz), or as rows of numbers in a csv file (Kaggle's and OpenML's)."""

import io
import math
import re
import zipfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO, TextIO

import numpy as np

from lessonlib.files.dealing import Entry, deal
from lessonlib.files.errors import DataCorrupt
from lessonlib.files.idx import Part, checked_labels
from lessonlib.files.notices import progress
from lessonlib.files.reading import UNPACKING_FAILED, corrupt, looks_like, open_packed, open_regular, shown, unreadable

IMAGES, TEST_IMAGES, VALID_IMAGES = 60_000, 10_000, 10_000  # of MNIST; the last of the training images are for validation
MAX_ROWS = 200_000
MAX_LINE = 20_000  # letters in a row of 785 numbers; Kaggle's have 3,000 at the most
MAX_CSV = 2**30  # bytes, packed or not; OpenML's 70,000 rows take 130 MB
MAX_DIRECTORY = 2**16  # bytes of an archive's list of its files; four files need 300
ROWS_AT_A_TIME = 500

# --- npz -----------------------------------------------------------------------------------------------------


def _names(part: tuple[str, ...], kind: tuple[str, ...]) -> tuple[str, ...]:
    """All ways to write it: x_train and train_x, x_training, train_images and so on."""
    return tuple(name for p in part for k in kind for name in (f"{k}_{p}", f"{p}_{k}"))


TRAIN, TEST = ("train", "training"), ("test", "testing")
X, Y = ("x", "images", "data"), ("y", "labels", "targets")
NAMES = (_names(TRAIN, X), _names(TRAIN, Y), _names(TEST, X), _names(TEST, Y))


def read_npz(path: Path, n_images: tuple[int, int] = (IMAGES, TEST_IMAGES)) -> tuple[Part, Part, Part]:
    """Keras's mnist.npz: x_train, y_train, x_test, y_test. Raises `DataCorrupt`. Nothing in it is run."""
    largest = sum(n_images) * 784 * 8 + 2**20
    try:
        with open_regular(path) as file:
            start = file.read(16)
            if start[:2] != b"PK":
                raise corrupt(path, "an npz archive", f"one that begins with {start.hex() or 'nothing'}{looks_like(start)}")
            if path.stat().st_size > largest:
                raise corrupt(path, f"at most {largest:,} bytes", f"{path.stat().st_size:,}")
            _check_directory(path, file)
            with zipfile.ZipFile(file) as archive:
                arrays = _arrays_of(path, archive, n_images)
    except DataCorrupt:
        raise
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # a broken archive can raise anything at all
        raise corrupt(path, "an npz archive", f"one that cannot be read ({shown(error)})") from error
    train_x, train_y, test_x, test_y = arrays
    return in_order(train_x, train_y, test_x, test_y, n_images[1])


def _check_directory(path: Path, file: BinaryIO) -> None:
    """Python's reader makes an object for each file that an archive announces, and it may announce millions."""
    file.seek(max(0, path.stat().st_size - 2**16 - 22))
    end = file.read()
    at = end.rfind(b"PK\5\6")
    if at < 0 or int.from_bytes(end[at + 12 : at + 16], "little") > MAX_DIRECTORY:
        raise corrupt(path, "an npz archive of four arrays", "one that is cut off, or has too many files in it")


def _arrays_of(path: Path, archive: zipfile.ZipFile, n_images: tuple[int, int]) -> list[np.ndarray]:
    members = {name.lower().removesuffix(".npy"): name for name in archive.namelist()}
    keys = [next((name for name in names if name in members), "") for names in NAMES]
    if not all(keys):
        raise corrupt(path, "arrays named x_train, y_train, x_test, y_test", shown(", ".join(members)) or "nothing")
    arrays = []
    for key, n in zip(keys, (n_images[0], n_images[0], n_images[1], n_images[1]), strict=True):
        is_x = key in (*NAMES[0], *NAMES[2])
        shapes = ((n, 28, 28), (n, 784), (n, 28, 28, 1)) if is_x else ((n,), (n, 1))
        expected = f"{key} of shape {' or '.join(map(str, shapes[:2] if is_x else shapes[:1]))}"
        with archive.open(members[key]) as stream:
            array = _read_npy(path, stream, expected, shapes)
        arrays.append(as_bytes(path, expected, array.reshape(n, 784)).reshape(n, 28, 28) if is_x
                      else checked_labels(path, expected, array.reshape(n)))
    return arrays


def _read_npy(path: Path, stream: IO[bytes], expected: str, shapes: tuple[tuple[int, ...], ...]) -> np.ndarray:
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = header(stream)
    if shape not in shapes or dtype.kind not in ("uif" if len(shape) > 2 or 784 in shape else "ui") or dtype.itemsize > 8:
        raise corrupt(path, expected, f"{shown(dtype)} of shape {shown(shape)}")
    n_bytes = math.prod(shape) * dtype.itemsize
    content = stream.read(n_bytes + 1)  # reading beyond the end lets the archive compare its checksum
    if len(content) != n_bytes:
        raise corrupt(path, expected, "more or fewer bytes than that")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")


def as_bytes(path: Path, expected: str, x: np.ndarray) -> np.ndarray:
    """Pixels from 0 to 255 as uint8; floats may also go from 0 to 1. Raises `DataCorrupt` for any others."""
    if x.dtype == np.uint8:
        return x
    pixels = np.empty(x.shape, np.uint8)
    scale = 255 if x.dtype.kind == "f" and x.max() <= 1 else 1
    for start in range(0, len(x), 1000):  # the steps between would need several times the memory of the pixels
        piece = x[start : start + 1000] * scale
        with np.errstate(invalid="ignore"):
            fits = (piece >= 0) & (piece <= 255) & (np.abs(piece - np.rint(piece)) < 2e-3)
        if not fits.all():
            odd = x[start : start + 1000][~fits][0]
            raise corrupt(path, f"{expected}, pixels from 0 to 255 or from 0 to 1 in steps of 1/255", f"a pixel {odd}")
        pixels[start : start + 1000] = np.rint(piece)
    return pixels


def in_order(train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray,
             n_valid: int = VALID_IMAGES) -> tuple[Part, Part, Part]:
    """As the four files of MNIST are split: the last of the training images are for validation."""
    n = len(train_y) - n_valid
    return (train_x[:n], train_y[:n]), (train_x[n:], train_y[n:]), (test_x, test_y)


# --- csv -----------------------------------------------------------------------------------------------------

LABEL_NAMES = ("label", "class", "digit", "target", "y", "labels")
ROW_NAMES = ("", "id", "index", "unnamed: 0")  # numbers of rows, which pandas likes to write


@dataclass(frozen=True)
class Columns:
    """Where a csv file has its label and its 784 pixels."""

    delimiter: str
    label: int | None  # None: it has none
    pixels: tuple[int, ...]
    has_header: bool


def open_text(path: Path, max_bytes: int = MAX_CSV) -> TextIO:
    """Open a csv file, packed or not, in UTF-8 or, where it says so, in UTF-16."""
    file = open_packed(path, max_bytes)
    encoding = "utf-16" if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return io.TextIOWrapper(file, encoding, newline=None)


def delimiter_of(line: str) -> str:
    """What stands between the columns: the most frequent of the usual signs."""
    return max(",;\t|", key=line.count)


def pixel_columns(path: Path) -> Columns | None:
    """How a csv file of pixels is laid out, or None where it is no such file."""
    try:
        with open_text(path) as file:
            line = file.readline(MAX_LINE).rstrip("\r\n")
    except (DataCorrupt, OSError, UnicodeError, *UNPACKING_FAILED):
        return None
    delimiter = delimiter_of(line)
    names = [name.strip().strip('"').lower() for name in line.split(delimiter)]
    if len(names) < 784:
        return None
    if all(re.fullmatch(r"\d+(\.\d*)?", name) for name in names):
        return Columns(delimiter, 0 if len(names) == 785 else None, tuple(range(len(names) - 784, len(names))), False)
    label = next((names.index(name) for name in LABEL_NAMES if name in names), None)
    pixels = [n for n, name in enumerate(names) if n != label and name not in ROW_NAMES]
    numbers = {n: tuple(int(number) for number in re.findall(r"\d+", names[n])) for n in pixels}
    if len(pixels) != 784 or len(set(numbers.values())) != 784:
        return None
    return Columns(delimiter, label, tuple(sorted(pixels, key=numbers.__getitem__)), True)  # pixel2 comes before pixel10


def read_pixels(files: dict[str, Path]) -> tuple[Part, Part, Part]:
    """Rows of a label and 784 pixels: "train" and, where there is one, "test". Raises `DataCorrupt`.

    MNIST's 60,000 and 10,000 rows are split as the four files are; any other number of rows is dealt out by `deal`.
    """
    x, y = _read_rows(files["train"])
    test_x, test_y = _read_rows(files["test"]) if "test" in files else (x[IMAGES:], y[IMAGES:])
    if (len(y), len(test_y)) in ((IMAGES, TEST_IMAGES), (IMAGES + TEST_IMAGES, TEST_IMAGES)):
        return in_order(x[:IMAGES], y[:IMAGES], test_x, test_y)
    entries = [Entry(str(n), files["train"], int(label), None) for n, label in enumerate(y)]
    rows: dict[str, list[int]] = {part: [] for part in ("train", "valid", "test")}
    for entry, part in deal(entries, there=("test",) if "test" in files else ()):
        rows[part].append(int(entry.name))
    parts = {part: (x[chosen], y[chosen]) for part, chosen in rows.items()}
    if "test" in files:
        parts["test"] = test_x, test_y
    if empty := [part for part, (_, labels) in parts.items() if not len(labels)]:
        raise corrupt(files["train"], "at least one row for each of train, valid and test",
                      f"{len(y):,} rows, none of them for {' or '.join(empty)}")
    return parts["train"], parts["valid"], parts["test"]


def _read_rows(path: Path) -> Part:
    expected = "rows of a label from 0 to 9 and 784 pixels from 0 to 255"
    columns = pixel_columns(path)
    if columns is None or columns.label is None:
        raise corrupt(path, expected, "rows without a label" if columns else "other columns")
    images, labels, n = [], [], 0
    try:
        with open_text(path) as file, progress(None, f"reading {shown(path.name, 40)}", " rows") as bar:
            if columns.has_header:
                file.readline(MAX_LINE)
            while block := list(islice(iter(lambda: file.readline(MAX_LINE), ""), ROWS_AT_A_TIME)):
                if n + len(block) > MAX_ROWS:
                    raise corrupt(path, f"at most {MAX_ROWS:,} rows", "more")
                rows = np.loadtxt(block, np.float32, comments=None, delimiter=columns.delimiter, quotechar='"', ndmin=2)
                if not rows.size:
                    continue  # empty lines at the end
                images.append(as_bytes(path, expected, _whole(path, expected, rows[:, columns.pixels])))
                labels.append(_whole(path, expected, rows[:, columns.label]))
                n += len(rows)
                bar.update(len(rows))
    except UNPACKING_FAILED as error:
        raise corrupt(path, "a whole gzip file", f"one that cannot be unpacked ({shown(error)})") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, IndexError) as error:
        if isinstance(error, DataCorrupt):
            raise
        raise corrupt(path, expected, f"something else after row {n:,} ({shown(error)})") from error
    if not n:
        raise corrupt(path, expected, "none")
    y = np.concatenate(labels)
    return np.concatenate(images).reshape(n, 28, 28), checked_labels(path, expected, y.astype(np.int64))


def _whole(path: Path, expected: str, numbers: np.ndarray) -> np.ndarray:
    """Numbers as they are. Raises `DataCorrupt` where they are not whole."""
    if not (numbers == np.rint(numbers)).all():
        raise corrupt(path, expected, f"the number {numbers[numbers != np.rint(numbers)][0]}")
    return numbers.astype(np.int16) if np.abs(numbers).max(initial=0) < 2**15 else numbers
