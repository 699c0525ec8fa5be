"""Reading a pickle from anywhere, without running anything that it asks for.

A pickle is a small program, so it has three fences to pass. `scan` looks at every instruction before one is followed,
and lets through only those that a file of arrays needs, with a limit on each size. `ArraysOnly` answers every name
with a stand-in of ours. And a stand-in only keeps what it is handed; arrays are built by us, after shape, type and
number of bytes were found to fit.
"""

import math
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lessonlib.files.errors import DataCorrupt
from lessonlib.files.idx import Part, checked_labels
from lessonlib.files.reading import UNPACKING_FAILED, corrupt, looks_like, open_packed, shown

SIZES = (50_000, 10_000, 10_000)  # images for training, validation, test
# One pixel takes 4 bytes in the usual pickle and 8 at the most; the labels and the layout are small beside that.
LARGEST_PICKLE = 70_000 * 784 * 8 + 2**25
MAX_INSTRUCTIONS = 10_000  # a pickle of MNIST has fewer than 300
LONGEST_FRAME = 2**20  # Python writes frames of about 64 KiB, and large arrays outside of them
LONGEST_NAME = 200
MAX_TEXT = 2**24  # in lines of text, the oldest form, in which the whole of MNIST would be too large anyway
PIXELS_AT_A_TIME = 1000 * 784

# --- first fence: the instructions -------------------------------------------------------------------------

_HARMLESS = {
    "PROTO", "FRAME", "STOP", "MARK", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST",
    "APPEND", "APPENDS", "NONE", "NEWTRUE", "NEWFALSE", "INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET",
    "LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
}
ALLOWED_OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes if opcode.name in _HARMLESS}
NAMES = {opcode.code.encode("latin1"): opcode.name for opcode in pickletools.opcodes}
BYTES_OF_LENGTH = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4,
                   pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}


def scan(file: BinaryIO) -> None:
    """Look at every instruction of a pickle, following none. Raises `UnpicklingError` at one that must not be there.

    Python's own reader sets no limits: it makes room for as many bytes as an instruction announces, whether they
    come or not.
    """
    n_bytes = n_text = 0
    for _ in range(MAX_INSTRUCTIONS):
        code = _take(file, 1)
        if code not in ALLOWED_OPCODES:
            raise pickle.UnpicklingError(f"it holds the instruction {NAMES.get(code, code.hex())}, "
                                         "which no plain array needs")
        name, argument = ALLOWED_OPCODES[code].name, ALLOWED_OPCODES[code].arg
        if name == "STOP":
            if file.read(1):  # reading to the end also lets gzip compare its checksum
                raise pickle.UnpicklingError("there is more behind its end")
            return
        if argument is None:
            continue
        if argument.n == pickletools.UP_TO_NEWLINE:
            n_text += _scan_line(file, name)
            if name == "GLOBAL":  # a line for the module, and one for the name in it
                n_text += _scan_line(file, name)
        elif argument.n >= 0:
            number = int.from_bytes(_take(file, argument.n), "little")
            if name == "FRAME" and number > LONGEST_FRAME:
                raise pickle.UnpicklingError(f"it announces a frame of {number:,} bytes")
            if name in ("LONG_BINPUT", "LONG_BINGET"):
                _check_memo(number)
        else:
            length = int.from_bytes(_take(file, BYTES_OF_LENGTH[argument.n]), "little")
            n_bytes += length
            if n_bytes > LARGEST_PICKLE:
                raise pickle.UnpicklingError(f"it announces {n_bytes:,} bytes, and MNIST has at most "
                                             f"{LARGEST_PICKLE:,} of them")
            _skip(file, length, is_text="UNICODE" in name)
        if n_text > MAX_TEXT:
            raise pickle.UnpicklingError("it holds too many lines of text")
    raise pickle.UnpicklingError(f"it has more than {MAX_INSTRUCTIONS:,} instructions")


def _take(file: BinaryIO, n: int) -> bytes:
    content = file.read(n)
    if len(content) != n:
        raise pickle.UnpicklingError("it ends in the middle")
    return content


def _skip(file: BinaryIO, n: int, is_text: bool) -> None:
    while n:
        chunk = _take(file, min(n, 2**20))
        # In UTF-8, letters after the 256 of latin-1 begin with a byte from C4; they would take up four times the room.
        if is_text and np.frombuffer(chunk, np.uint8).max() > 0xC3:
            raise pickle.UnpicklingError("it holds text that cannot be the bytes of an array")
        n -= len(chunk)


def _scan_line(file: BinaryIO, name: str) -> int:
    longest = MAX_TEXT if name in ("STRING", "UNICODE") else LONGEST_NAME
    line = file.readline(longest + 1)
    if not line.endswith(b"\n"):
        raise pickle.UnpicklingError("it ends in the middle of a line, or a line is too long")
    if name in ("PUT", "GET"):
        _check_memo(int(line))
    return len(line)


def _check_memo(number: int) -> None:
    if not 0 <= number <= MAX_INSTRUCTIONS:
        raise pickle.UnpicklingError(f"it keeps something under the number {number:,}")


# --- second fence: the names -------------------------------------------------------------------------------


class _Call:
    """A function that a pickle may call. The wrapping keeps the pickle from changing the function itself."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable):
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it tries to change a function")


class _PickledType:
    """Stands in for `numpy.dtype`: a code such as "f4", then the order of its bytes."""

    __slots__ = ("dtype",)

    def __init__(self, code: object, *flags: object):
        if not (isinstance(code, str) and code[:1] in tuple("fiu") and code[1:] in ("1", "2", "4", "8")):
            raise pickle.UnpicklingError(f"it holds an array of {shown(repr(code), 40)}, which is not a plain number")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "=", "|")):
            raise pickle.UnpicklingError("it holds a type of number that cannot be understood")
        self.dtype = self.dtype.newbyteorder(state[1])


class PickledArray:
    """Stands in for `numpy.ndarray`: a shape, a type and the bytes, put together by us and not by the pickle."""

    __slots__ = ("_content", "_order", "dtype", "shape")

    def __init__(self):
        self.shape, self.dtype, self._order, self._content = None, None, "C", b""  # numpy starts with none too

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_fortran, content = state
        if not (isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
                and isinstance(kind, _PickledType) and isinstance(content, (bytes, bytearray, str, _Latin1))):
            raise pickle.UnpicklingError("it holds an array whose parts do not fit together")
        self.shape, self.dtype, self._order, self._content = shape, kind.dtype, "F" if is_fortran else "C", content

    @property
    def array(self) -> np.ndarray:
        """The array itself. Nothing is copied where the pickle holds bytes. Raises `ValueError` if they do not fit."""
        content = self._content.text if isinstance(self._content, _Latin1) else self._content
        if isinstance(content, str):  # the bytes of a Python 2 pickle
            content = content.encode("latin1")
        if self.dtype is None or len(content) != math.prod(self.shape) * self.dtype.itemsize:
            raise ValueError(f"{len(content):,} bytes for an array of {self.dtype} {shown(self.shape)}")
        return np.frombuffer(content, dtype=self.dtype).reshape(self.shape, order=self._order)


class _Latin1:
    """Python 3 writes the bytes of an old-style pickle as text with a call of `codecs.encode` around it."""

    __slots__ = ("text",)

    def __init__(self, text: object, encoding: object):
        if not isinstance(text, str) or encoding != "latin1":
            raise pickle.UnpicklingError("it holds text in an encoding that no array needs")
        self.text = text  # encoded only when the array is asked for, so that no number of calls takes up memory


def _reconstruct(*_: object) -> PickledArray:
    return PickledArray()  # numpy starts with an empty array too, and fills it afterwards


def _frombuffer(content: object, kind: object, shape: object, order: object) -> PickledArray:
    array = PickledArray()
    array.__setstate__((1, shape, kind, order == "F", content))
    return array


ALLOWED_NAMES = {
    ("numpy", "ndarray"): "ndarray",  # only ever named, never called
    ("numpy", "dtype"): _Call(_PickledType),
    ("_codecs", "encode"): _Call(_Latin1),
    ("numpy.core.multiarray", "_reconstruct"): _Call(_reconstruct),  # numpy 1
    ("numpy._core.multiarray", "_reconstruct"): _Call(_reconstruct),  # numpy 2
    ("numpy.core.numeric", "_frombuffer"): _Call(_frombuffer),
    ("numpy._core.numeric", "_frombuffer"): _Call(_frombuffer),
}


class ArraysOnly(pickle.Unpickler):
    """Reads pickles of plain numpy arrays and runs nothing else, although a pickle may name any function to call.

    Each of the few names that such a file needs is answered with a stand-in of ours; every other one is refused.
    See "Restricting Globals" in the documentation of Python's pickle module.
    """

    def __init__(self, file: BinaryIO, encoding: str = "latin1"):
        super().__init__(file, encoding=encoding)
        self._file = file

    def load(self) -> object:
        """What the pickle holds. Reads the file twice: the first time to look at the instructions."""
        start = self._file.tell()
        scan(self._file)
        self._file.seek(start)
        return super().load()

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in ALLOWED_NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only plain arrays are let in")
        return ALLOWED_NAMES[module, name]


# --- third fence: the layout -------------------------------------------------------------------------------


def read_pickle(path: Path, sizes: tuple[int, int, int] = SIZES) -> tuple[Part, Part, Part]:
    """((x, y), (x_valid, y_valid), (x_test, y_test)); x float rows of 784, each pixel / 256.

    Raises `DataCorrupt`. At its peak it takes 300 to 430 MB of memory with float32 pixels, 600 to 780 MB with float64.
    """
    try:
        with open_packed(path, LARGEST_PICKLE) as file:
            if what_it_is := looks_like(file.peek(40)[:40]):
                raise corrupt(path, "a pickle of plain arrays", f"something else{what_it_is}")
            loaded = ArraysOnly(file).load()
    except DataCorrupt:
        raise
    except UNPACKING_FAILED as error:
        raise corrupt(path, "a whole gzip file", f"one that cannot be unpacked ({shown(error)})") from error
    except Exception as error:  # a broken pickle can raise anything at all
        raise corrupt(path, "a pickle of plain arrays", f"one that cannot be read ({shown(error)})") from error
    layout = "((x, y), (x_valid, y_valid), (x_test, y_test))"
    if not isinstance(loaded, (tuple, list)) or len(loaded) != len(sizes):
        raise corrupt(path, layout, _describe(loaded))
    train, valid, test = (_pickled_part(path, part, n) for part, n in zip(loaded, sizes, strict=True))
    return train, valid, test


def _pickled_part(path: Path, part: object, n: int) -> Part:
    expected = f"{n:,} images of 784 pixels from 0 to 255/256 with their labels from 0 to 9"
    if not (isinstance(part, (tuple, list)) and len(part) == 2 and all(isinstance(a, PickledArray) for a in part)):
        raise corrupt(path, expected, _describe(part))
    x, y = part
    images, labels = ((n, 784), (n, 28, 28)), ((n,),)
    if x.shape in labels and y.shape in images:
        raise corrupt(path, expected, "the labels first and then the images: they are swapped")
    if x.shape not in images or y.shape not in labels or y.dtype.kind not in "iu":
        raise corrupt(path, expected, f"arrays of {x.dtype} {shown(x.shape)} and {y.dtype} {shown(y.shape)}")
    if x.dtype.kind != "f":
        raise corrupt(path, expected, f"pixels of {x.dtype}, so from 0 to 255: they have to be divided by 256")
    try:
        x, y = x.array, y.array
    except ValueError as error:
        raise corrupt(path, expected, str(error)) from error
    return _as_bytes(path, expected, x.reshape(-1)).reshape(n, 28, 28), checked_labels(path, expected, y)


def _as_bytes(path: Path, expected: str, x: np.ndarray) -> np.ndarray:
    # A piece at a time, for the steps between would need several times the memory of the pixels.
    pixels = np.empty(x.shape, dtype=np.uint8)
    for start in range(0, len(x), PIXELS_AT_A_TIME):
        piece = x[start : start + PIXELS_AT_A_TIME]
        with np.errstate(all="ignore"):
            scaled = piece * 256
            whole = np.rint(scaled)
            fits = (np.abs(scaled - whole) < 1e-3) & (whole >= 0) & (whole <= 255)
        if not fits.all():
            raise corrupt(path, expected, _odd_pixel(piece, start, fits))
        pixels[start : start + len(piece)] = whole
    return pixels


def _odd_pixel(piece: np.ndarray, start: int, fits: np.ndarray) -> str:
    """What is the matter with pixels that are no whole number / 256."""
    lowest, highest, is_nan = piece.min(), piece.max(), np.isnan(piece)
    if is_nan.any():
        return f"a pixel that is NaN, not a number, in image {(start + np.argmax(is_nan)) // 784 + 1:,}"
    if lowest >= 0 and 1 < highest <= 255:
        return f"pixels from {lowest} to {highest}: they are on a scale from 0 to 255 and have to be divided by 256"
    in_255ths = lowest >= 0 and highest <= 1 and (np.abs(piece * 255 - np.rint(piece * 255)) < 1e-3).all()
    return (f"pixels from {lowest} to {highest}, not all of them a whole number / 256, first in image "
            f"{(start + np.argmin(fits)) // 784 + 1:,}" + ("; they were divided by 255 instead" if in_255ths else ""))


def _describe(thing: object) -> str:
    if isinstance(thing, PickledArray):
        return "an array"
    return f"a {type(thing).__name__}" + (f" of {len(thing)}" if isinstance(thing, (tuple, list)) else "")
