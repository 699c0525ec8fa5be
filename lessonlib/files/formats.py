"""The three forms in which MNIST is found: one pickle, four IDX files, torchvision's folder of them."""

import gzip
import io
import pickle
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lessonlib.files.errors import DataCorrupt

PICKLE = "mnist.pkl.gz"
IDX = {  # the four files and the sizes that their headers must give
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}
# One pixel takes 4 bytes in the usual pickle and 8 at the most; the labels and the layout are small beside that.
LARGEST_PICKLE = 70_000 * 784 * 8 + 2**24

Part = tuple[np.ndarray, np.ndarray]  # images uint8 (n, 28, 28), labels int64 (n,)


@dataclass(frozen=True)
class Found:
    """MNIST in one of its forms: the file of each name."""

    form: str  # "pickle" or "idx"
    folder: Path
    files: dict[str, Path]

    def read(self) -> tuple[Part, Part, Part]:
        """Training, validation and test part. Raises `DataCorrupt` naming the file that is broken."""
        return read_pickle(self.files[PICKLE]) if self.form == "pickle" else read_idx(self.files)


def look_in(path: Path) -> Found | None:
    """MNIST at `path` (a folder, or the pickle itself), or None. A `mnist/` folder may stand between."""
    if path.is_file() and path.name.endswith((".pkl.gz", ".pkl")):
        return Found("pickle", path.parent, {PICKLE: path})
    for folder in (path, path / "mnist"):
        for name in (PICKLE, PICKLE.removesuffix(".gz")):
            if (folder / name).is_file():
                return Found("pickle", folder, {PICKLE: folder / name})
        for raw in (folder, folder / "MNIST" / "raw", folder / "raw"):
            files = {name: found for name in IDX if (found := _idx_file(raw, name))}
            if len(files) == len(IDX):
                return Found("idx", raw, files)
    return None


def _idx_file(folder: Path, name: str) -> Path | None:
    # Some archives write a dot where the original has a dash: train-images.idx3-ubyte.
    names = (name, name.replace("-idx", ".idx"))
    return next((folder / (n + end) for n in names for end in ("", ".gz") if (folder / (n + end)).is_file()), None)


def read_bytes(path: Path, expected: int) -> bytes:
    """The bytes of a file, unpacked where its name ends in .gz; at most one more than expected."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(expected + 1)  # bounded, because a small gzip file can unpack to any size
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _corrupt(path, "a whole gzip file", f"one that cannot be unpacked ({error})") from error


def _corrupt(path: Path, expected: str, got: str) -> DataCorrupt:
    return DataCorrupt(f"{path} is not the file it should be: expected {expected}; got {got}. "
                       "It was left as it is. Remove it or put a good copy in its place; "
                       "`lessons data get` fetches one.")


# --- IDX ---------------------------------------------------------------------------------------------------


def read_idx(files: dict[str, Path]) -> tuple[Part, Part, Part]:
    """The four IDX files; the last 10,000 of the 60,000 training images are the validation part."""
    train_x, train_y, test_x, test_y = (_read_idx_file(files[name], shape) for name, shape in IDX.items())
    for name, labels in (("train-labels-idx1-ubyte", train_y), ("t10k-labels-idx1-ubyte", test_y)):
        if labels.max() > 9:
            raise _corrupt(files[name], "labels from 0 to 9", f"a label {labels.max()}")
    train_y, test_y = train_y.astype(np.int64), test_y.astype(np.int64)
    return (train_x[:50_000], train_y[:50_000]), (train_x[50_000:], train_y[50_000:]), (test_x, test_y)


def _read_idx_file(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    # The header: two zero bytes, 8 for "unsigned bytes", the rank, then each size in four bytes, high byte first.
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    expected = f"an IDX file of {' x '.join(f'{size:,}' for size in shape)} bytes (header {header.hex(' ', 4)})"
    n_bytes = int(np.prod(shape))
    content = read_bytes(path, len(header) + n_bytes)
    if not content.startswith(header):
        raise _corrupt(path, expected, f"one that begins with {content[: len(header)].hex(' ', 4) or 'nothing'}")
    if len(content) != len(header) + n_bytes:
        got = f"{len(content) - len(header):,} bytes after it" if len(content) < len(header) + n_bytes else "more bytes"
        raise _corrupt(path, expected, got)
    return np.frombuffer(content, dtype=np.uint8, offset=len(header)).reshape(shape)


# --- the pickle --------------------------------------------------------------------------------------------


def read_pickle(path: Path) -> tuple[Part, Part, Part]:
    """((x, y), (x_valid, y_valid), (x_test, y_test)); x float rows of 784, each pixel / 256."""
    content = read_bytes(path, LARGEST_PICKLE)
    if len(content) > LARGEST_PICKLE:
        raise _corrupt(path, f"at most {LARGEST_PICKLE:,} bytes when unpacked", "more")
    try:
        loaded = ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a broken pickle can raise anything at all
        raise _corrupt(path, "a pickle of plain arrays", f"one that cannot be read ({error})") from error
    layout = "((x, y), (x_valid, y_valid), (x_test, y_test))"
    sizes = (50_000, 10_000, 10_000)
    if not isinstance(loaded, (tuple, list)) or len(loaded) != len(sizes):
        raise _corrupt(path, layout, _describe(loaded))
    return tuple(_pickled_part(path, part, n) for part, n in zip(loaded, sizes, strict=True))


def _pickled_part(path: Path, part: object, n: int) -> Part:
    expected = f"{n:,} images of 784 pixels from 0 to 255/256 with their labels from 0 to 9"
    if not (isinstance(part, (tuple, list)) and len(part) == 2 and all(hasattr(a, "array") for a in part)):
        raise _corrupt(path, expected, _describe(part))
    x, y = (item.array for item in part)
    if x.shape not in ((n, 784), (n, 28, 28)) or y.shape != (n,) or x.dtype.kind != "f" or y.dtype.kind not in "iu":
        raise _corrupt(path, expected, f"arrays of {x.dtype} {x.shape} and {y.dtype} {y.shape}")
    with np.errstate(invalid="ignore"):
        pixels = x * 256
        whole = np.abs(pixels - np.rint(pixels)) < 1e-3
    if not (whole & (pixels > -0.5) & (pixels < 255.5)).all():
        raise _corrupt(path, expected, f"pixels from {x.min()} to {x.max()}, not all of them a whole number / 256")
    if y.min() < 0 or y.max() > 9:
        raise _corrupt(path, expected, f"labels from {y.min()} to {y.max()}")
    return np.rint(pixels).astype(np.uint8).reshape(n, 28, 28), y.astype(np.int64)


def _describe(thing: object) -> str:
    return f"a {type(thing).__name__}" + (f" of {len(thing)}" if isinstance(thing, (tuple, list, dict)) else "")


class _PickledType:
    """Stands in for `numpy.dtype` while a pickle is read: a code such as "f4", then the order of its bytes."""

    def __init__(self, code: object, *flags: object):
        if not (isinstance(code, str) and code[:1] in tuple("fiu") and code[1:] in ("1", "2", "4", "8")):
            raise pickle.UnpicklingError(f"it holds an array of {code!r}, which is not a plain number")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _PickledArray:
    """Stands in for `numpy.ndarray`: a shape, a type and the bytes, put together by us and not by the pickle."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_fortran, content = state
        if isinstance(content, str):  # the bytes of a Python 2 pickle
            content = content.encode("latin1")
        flat = np.frombuffer(content, dtype=kind.dtype)
        self.array = flat.reshape(shape, order="F" if is_fortran else "C")


def _reconstruct(*_: object) -> _PickledArray:
    return _PickledArray()  # numpy starts with an empty array too, and fills it afterwards


def _frombuffer(content: object, kind: _PickledType, shape: tuple, order: str) -> _PickledArray:
    array = _PickledArray()
    array.__setstate__((1, shape, kind, order == "F", bytes(content)))
    return array


def _latin1(text: str, encoding: str) -> bytes:
    # Python 3 writes the bytes of an old-style pickle as text with this call around it.
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it holds text in the encoding {encoding!r}")
    return text.encode("latin1")


LET_IN = {
    ("numpy", "ndarray"): "ndarray",  # only ever named, never called
    ("numpy", "dtype"): _PickledType,
    ("_codecs", "encode"): _latin1,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,  # numpy 1
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,  # numpy 2
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
}


class ArraysOnly(pickle.Unpickler):
    """Reads pickles of plain numpy arrays and runs nothing else, although a pickle may name any function to call.

    Each of the few names that such a file needs is answered with a stand-in of ours; every other one is refused.
    See "Restricting Globals" in the documentation of Python's pickle module.
    """

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in LET_IN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only plain arrays are let in")
        return LET_IN[module, name]
