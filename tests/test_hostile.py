"""Files that mean harm: pickles that would run something or take all memory, and good files damaged at random."""

import copyreg
import gzip
import importlib.util
import io
import os
import pickle
import struct
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lessonlib.files import DataCorrupt, look_in, pickles
from lessonlib.files.pickles import ArraysOnly, read_pickle
from lessonlib.files.reading import shown


def refused(folder: Path, content: bytes, words: str = "expected", packed: bool = False) -> None:
    """Assert that these bytes, in the place of MNIST's pickle, give one clear error, soon and without much memory."""
    path = folder / ("mnist.pkl.gz" if packed else "mnist.pkl")
    path.write_bytes(gzip.compress(content, 1, mtime=0) if packed else content)
    start = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(DataCorrupt, match=words) as caught:
            look_in(folder).read()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - start < 5
    assert peak < 8e6 + 4 * len(content)
    message = str(caught.value)
    assert str(path) in message
    assert len(message) < 1000
    assert message.isprintable()
    assert path.read_bytes() == (gzip.compress(content, 1, mtime=0) if packed else content)


# --- running something ---------------------------------------------------------------------------------------


class Call:
    """Pickled, this is an order to call a function."""

    def __init__(self, function: object, *arguments: object, state: object = None):
        self.order = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.order


def bombs(mark: Path) -> dict[str, object]:
    """Things that leave a mark when they are loaded by an ordinary reader."""
    system = Call(os.system, f'echo ran > "{mark}"')
    code = f"open({str(mark)!r}, 'w').close()"
    reconstruct = np.zeros(1).__reduce__()[0]
    return {
        "os.system": system,
        "eval": Call(eval, code),
        "exec": Call(exec, code),
        "a process": Call(subprocess.call, [sys.executable, "-c", code]),
        "opening a file": Call(open, str(mark), "w"),
        "numpy's fromfile": Call(np.ndarray.tofile, np.zeros(3), str(mark)),
        "numpy's savetxt": Call(np.savetxt, str(mark), [1]),
        "inside the arguments": Call(np.dtype, system),
        "inside the state of an array": Call(reconstruct, np.ndarray, (0,), b"b", state=(1, (1,), system, False, b"")),
        "in a list behind an array": [np.zeros(3), [[[system]]]],
        "the second of two": (Call(reconstruct, np.ndarray, (0,), b"b"), system),
    }


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", bombs(Path("mark")))
def test_a_bomb_does_not_go_off(tmp_path, name, protocol):
    mark = tmp_path / "mark"
    content = pickle.dumps(bombs(mark)[name], protocol)
    refused(tmp_path, content, "it asks for .*, and only plain arrays are let in")
    assert not mark.exists()


def test_the_bombs_are_real(tmp_path):
    for name in ("os.system", "numpy's savetxt"):
        mark = tmp_path / "mark"
        pickle.loads(pickle.dumps(bombs(mark)[name]))
        assert mark.exists(), name
        mark.unlink()


def text(content: str) -> bytes:
    """An instruction that lays a short text onto the pile."""
    return b"\x8c" + bytes([len(content)]) + content.encode()


ENCODE = b"c_codecs\nencode\n"
NAMES = {
    "a name in a name": b"\x80\x04" + text("numpy") + text("ndarray.__class__") + b"\x93.",
    "builtins through numpy": b"\x80\x04" + text("numpy") + text("ndarray.__init__.__globals__") + b"\x93.",
    "a name from our own module": b"clessonlib.files.pickles\nArraysOnly\n.",
    "the name on the pile is no text": b"\x80\x04K\x01K\x02\x93.",
    "kept, and called later": b"cos\nsystem\nq\x00(X\x04\x00\x00\x00truetR.",
    "called through the memo": (b"\x80\x04" + text("os") + b"\x94" + text("system") + b"\x94h\x00h\x01\x93"
                                + text("x") + b"\x85R."),
    "a module that would be imported": b"cantigravity\nfly\n.",
    "another encoding": ENCODE + b"(X\x01\x00\x00\x00xX\x05\x00\x00\x00utf-7tR.",
    "an array called": b"cnumpy\nndarray\n(K\x01tR.",
    "letters that move the cursor": b"c\x1b[2J\x1b[31mos\nsystem\x07\n.",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_compared_whole(tmp_path, name):
    refused(tmp_path, NAMES[name], "cannot be read")
    assert "antigravity" not in sys.modules


INSTRUCTIONS = {
    "INST": b"(S'true'\nios\nsystem\n.",
    "OBJ": b"(cnumpy\ndtype\nX\x02\x00\x00\x00f4o.",
    "NEWOBJ": b"\x80\x02cnumpy\ndtype\n)\x81.",
    "NEWOBJ_EX": b"\x80\x04cnumpy\ndtype\n)K\x01\x92.",
    "EXT1": b"\x80\x02\x82\x7b)R.",
    "EXT2": b"\x80\x02\x83\x7b\x00)R.",
    "EXT4": b"\x80\x02\x84\x7b\x00\x00\x00)R.",
    "PERSID": b"Pname\n.",
    "BINPERSID": b"K\x01Q.",
    "EMPTY_DICT": b"}.",
    "EMPTY_SET": b"\x80\x04\x8f.",
    "LONG4": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "DUP": b"]2.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "ff": b"\xff.",
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instructions_that_no_array_needs_are_refused(tmp_path, name):
    refused(tmp_path, INSTRUCTIONS[name], f"the instruction {name}, which no plain array needs")


def test_registered_extensions_are_not_called_either(tmp_path):
    copyreg.add_extension("os", "getpid", 0x7B)
    try:
        assert pickle.loads(INSTRUCTIONS["EXT1"]) == os.getpid()  # no name is asked for, so no find_class is called
        refused(tmp_path, INSTRUCTIONS["EXT1"], "EXT1")
    finally:
        copyreg.remove_extension("os", "getpid", 0x7B)


FUNCTIONS = {name: f"c{name[0]}\n{name[1]}\n".encode() for name in pickles.ALLOWED_NAMES if name[1] != "ndarray"}
STATES = {  # for BUILD: "give this thing that state"
    "defaults": b"(N}X\x0c\x00\x00\x00__defaults__K\x01\x85st",
    "dictionary": b"}X\x01\x00\x00\x00aK\x01s",
    "number": b"K\x01",
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", FUNCTIONS, ids=".".join)
def test_our_own_functions_cannot_be_changed(tmp_path, name, state):
    content = FUNCTIONS[name] + STATES[state] + b"b."
    refused(tmp_path, content, "cannot be read")
    without_the_first_fence = super(ArraysOnly, ArraysOnly(io.BytesIO(content))).load
    with pytest.raises(pickle.UnpicklingError, match="it tries to change a function"):
        without_the_first_fence()


@pytest.mark.parametrize("state", STATES)
def test_nor_can_our_types(state):
    for made in (b"cnumpy\ndtype\n(X\x02\x00\x00\x00f4tR", b"cnumpy.core.multiarray\n_reconstruct\n)R"):
        content = made + STATES[state] + b"b."
        with pytest.raises((pickle.UnpicklingError, TypeError, ValueError)):
            super(ArraysOnly, ArraysOnly(io.BytesIO(content))).load()


# --- taking all memory, or all time --------------------------------------------------------------------------

GREEDY = {
    "bytes that never come": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
    "more bytes than there are numbers for": b"\x80\x04\x8e" + struct.pack("<Q", 2**64 - 1) + b"x.",
    "bytes, a little more than come": b"B" + struct.pack("<I", 2**28) + b"x.",
    "a text that never comes": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.",
    "a bytearray that never comes": b"\x80\x05\x96" + struct.pack("<Q", 2**45) + b"x.",
    "a negative length": b"T" + struct.pack("<i", -5) + b"x.",
    "a frame that never ends": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"K\x01.",
    "a high number in the memo": b"K\x01r" + struct.pack("<I", 2**31) + b".",
    "the same in letters": b"K\x01p99999999999\n.",
    "a negative one": b"K\x01p-1\n.",
    "a number of many digits": b"L" + b"9" * 1_000_000 + b"L\n.",
    "a name without end": b"c" + b"n" * 1_000_000,
    "a line without end": b"S'" + b"n" * 1_000_000,
    "many instructions": b"(" + b"N" * 1_000_000 + b"t.",
    "many marks": b"(" * 1_000_000 + b".",
    "nested lists": b"]" * 5000 + b"a" * 4999 + b".",
    "nested tuples": b"K\x01" + b"\x85" * 9000 + b".",
    "a list in itself": b"]q\x00h\x00a.",
    "a tower of lists": b"]q\x00" + b"".join(b"]q" + bytes([n]) + b"(" + b"h" + bytes([n - 1]) + b"h" + bytes([n - 1])
                                            + b"e" for n in range(1, 100)) + b".",
    "nothing": b"",
    "only an end": b".",
    "no end": b"\x80\x04K\x01",
    "things behind the end": b"K\x01.K\x02.",
    "text that grows": b"X" + struct.pack("<I", 100_004) + b"a" * 100_000 + "😀".encode() + b".",
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", GREEDY)
def test_what_is_announced_is_not_believed(tmp_path, name, packed):
    refused(tmp_path, GREEDY[name], packed=packed)


def array(shape: tuple, code: str, content: bytes, order: str = "<") -> Call:
    """An order to make an array, whether its parts fit or not."""
    class Kind:
        def __reduce__(self):
            return np.dtype, (code, False, True), (3, order, None, None, None, -1, -1, 0)

    return Call(np.zeros(1).__reduce__()[0], np.ndarray, (0,), b"b", state=(1, shape, Kind(), False, content))


def as_mnist(thing: object) -> bytes:
    """A pickle of it in the place of the training images."""
    labels = np.zeros(50_000, np.int64)
    return pickle.dumps(((thing, labels), (thing, labels), (thing, labels)), 4)


ARRAYS = {
    "a huge shape": (array((10**6, 10**6), "f4", bytes(16)), "arrays of float32"),
    "the right shape, too few bytes": (array((50_000, 784), "f4", bytes(16)), "16 bytes for an array"),
    "a negative size": (array((-1, 784), "f4", bytes(16)), "do not fit together"),
    "a size that is true": (array((True,), "f4", bytes(4)), "do not fit together"),
    "a shape that is a list": (array([50_000, 784], "f4", bytes(16)), "do not fit together"),
    "a shape that is very long": (array((10**100,) * 1000, "f4", bytes(16)), "arrays of float32"),
    "bytes that are a list": (array((2,), "f4", [1, 2]), "do not fit together"),
    "objects": (array((2,), "O", bytes(16)), "'O', which is not a plain number"),
    "objects in disguise": (array((2,), "O8", bytes(16)), "not a plain number"),
    "records": (array((2,), "V8", bytes(16)), "not a plain number"),
    "another order": (array((2,), "f4", bytes(8), "x"), "cannot be understood"),
    "no array at all": (Call(np.dtype, "f4"), "a tuple of 2"),
    "an array without contents": (Call(np.zeros(1).__reduce__()[0], np.ndarray, (0,), b"b"), "arrays of None"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_do_not_fit_together_are_refused(tmp_path, name):
    thing, words = ARRAYS[name]
    refused(tmp_path, as_mnist(thing), words)


def test_calls_do_not_multiply_memory(tmp_path):
    """One text of a megabyte, encoded two thousand times, and kept each time."""
    one = b"X" + struct.pack("<I", 2**20) + b"a" * 2**20 + b"q\x000"
    one = one[:-1]  # it stays on the pile
    encoded = ENCODE + b"q\x010"[:-1]
    call = b"h\x01(h\x00X\x06\x00\x00\x00latin1tR"
    refused(tmp_path, b"(" + one + encoded + call * 1400 + b"t.", "a tuple of 1402")


def test_a_packed_file_that_unpacks_without_end_is_bounded(tmp_path):
    path = tmp_path / "mnist.pkl.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(50):
            file.write(b"B" + struct.pack("<I", 10_000_000) + bytes(10_000_000))  # 500 MB in 2 MB
    tracemalloc.start()
    try:
        with pytest.raises(DataCorrupt, match="it announces 480,000,000 bytes"):
            read_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_text_from_a_file_is_made_fit_to_print():
    assert shown("a\x1b[2Jb\n") == "a?[2Jb?"
    assert len(shown("x" * 10_000)) == 201


def test_good_pickles_pass_all_fences():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    for order in ("C", "F"):
        for protocol in range(6):
            (read,) = ArraysOnly(io.BytesIO(pickle.dumps([np.asarray(x, order=order)], protocol))).load()
            np.testing.assert_array_equal(read.array, x)


# --- damage at random ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fuzzer(root):
    """benchmarks/fuzz_files.py, which does the same with as many files as you like."""
    spec = importlib.util.spec_from_file_location("fuzz_files", root / "benchmarks" / "fuzz_files.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_files"] = module
    spec.loader.exec_module(module)
    return module


def test_damaged_files_are_refused_or_read(fuzzer, tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONLIB_CACHE", "")  # the fuzzer has one of its own
    counts, lost, slowest = fuzzer.fuzz(700, seed=0, folder=tmp_path)
    assert lost == []
    assert slowest < fuzzer.SLOWEST
    assert sum(n for (_, result), n in counts.items() if result == "refused") > 400


def test_the_fuzzer_sees_what_is_lost(fuzzer, tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONLIB_CACHE", "")
    form = fuzzer.make_forms(tmp_path)[0]
    assert fuzzer.outcome(form) == "equal"
    parts = form.read()
    x, y = parts[0]
    for read, words in ((lambda: ((x[:, :5], y), *parts[1:]), "a wrong shape"),
                        (lambda: ((x, y + 10), *parts[1:]), "a wrong label"),
                        (lambda: ((x[1:], y[1:]), *parts[1:]), "another number of pictures"),
                        (lambda: 1 / 0, "ZeroDivisionError")):
        form.read = read
        assert words in fuzzer.outcome(form)
    form.read = lambda: ((255 - x, y), *parts[1:])
    assert fuzzer.outcome(form) == "other"
    form.name = "pickle.gz"
    assert "in spite of the checksum" in fuzzer.outcome(form)
    monkeypatch.setattr(fuzzer, "SLOWEST", 0)
    form.read, form.name = (lambda: parts), "pickle"
    assert "took" in fuzzer.outcome(form)
