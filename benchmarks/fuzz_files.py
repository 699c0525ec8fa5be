"""Damage good files at random and look at what becomes of reading them.

Each try takes a small good file in one of the forms, damages it (bits, bytes, lengths, pieces that are cut out,
doubled, swapped or taken from another file), and reads it. Some packed files are damaged inside and packed again; they
count as unpacked ones. Four things may come of it:

    equal     the same digits as before
    refused   one `DataError`
    other     digits in the right shape and range, but not the same. Only files without a checksum of their own may
              give that (a changed pixel of an unpacked file is a pixel like any other); a packed file never
    lost      anything else: another error, a wrong shape, an answer that took more than five seconds

    python benchmarks/fuzz_files.py                    # 40,000 tries, two or three minutes
    python benchmarks/fuzz_files.py --tries 1000 --seed 7

Measured once with seed 0: of 40,000 tries 1,003 equal, 36,297 refused, 2,700 other, none lost; of the 5,366 packed
files 110 equal and 5,256 refused. The slowest answer took 0.36 s, and the whole run 67 MB of memory, 41 MB of it
before it began.
"""

import argparse
import csv
import gzip
import io
import os
import pickle
import random
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from lessonlib.files import DataError, cached_arrays
from lessonlib.files.idx import IDX, header_of, read_idx
from lessonlib.files.pickles import ALLOWED_OPCODES, NAMES, read_pickle
from lessonlib.files.pictures import read_csv, read_digit, read_folder
from lessonlib.files.tables import read_npz, read_pixels

SIZES = (6, 3, 3)  # images for training, validation, test; small, so that most damage is to the structure
IDX_SIZES = dict(zip(IDX, ((9, 28, 28), (9,), (3, 28, 28), (3,)), strict=True))
SLOWEST = 5.0  # seconds
HAS_CHECKSUM = ("pickle.gz", "idx.gz", "npz", "cache")


@dataclass
class Form:
    """One kind of good file and how it is read."""

    name: str
    file: Path  # the one that is damaged
    read: Callable[[], object]
    good: bytes = b""
    expected: list[np.ndarray] = field(default_factory=list)
    may_change: bool = False  # a cache is made again


def digits() -> list[tuple[np.ndarray, np.ndarray]]:
    """A few pictures for each part."""
    rng = np.random.default_rng(0)
    parts = [(np.zeros((n, 28, 28), np.uint8), rng.integers(0, 10, n)) for n in SIZES]
    for x, _ in parts:
        x[:, 4:24, 4:24] = rng.integers(0, 256, (len(x), 20, 20))
    return parts


def make_forms(folder: Path) -> list[Form]:
    """Good files of every form, each in a folder of its own."""
    forms = []

    def add(name: str, file: str, content: bytes, read: Callable[[Path], object]) -> Path:
        place = folder / f"{len(forms)}-{name}"
        place.mkdir()
        (place / file).write_bytes(content)
        forms.append(Form(name, place / file, lambda: read(place / file)))
        return place

    for protocol in range(6):
        for dtype in (np.float32, np.float64):
            parts = tuple((x.reshape(-1, 784).astype(dtype) / dtype(256), y) for x, y in digits())
            content = pickle.dumps(parts, protocol)
            old = content.replace(b"numpy._core", b"numpy.core")
            add("pickle", "mnist.pkl", old if protocol < 4 else content, lambda path: read_pickle(path, SIZES))
    add("pickle.gz", "mnist.pkl.gz", gzip.compress(content), lambda path: read_pickle(path, SIZES))

    (train_x, train_y), (valid_x, valid_y), test = digits()
    arrays = (np.concatenate([train_x, valid_x]), np.concatenate([train_y, valid_y]), *test)
    contents = {name: header_of(a.shape) + a.astype(np.uint8).tobytes() for name, a in zip(IDX, arrays, strict=True)}
    for end, pack in (("", bytes), (".gz", gzip.compress)):
        for damaged in IDX:
            place = add(f"idx{end}", damaged + end, pack(contents[damaged]), lambda path, end=end: read_idx(
                {name: path.parent / (name + end) for name in IDX}, IDX_SIZES))
            for name, content in contents.items():
                (place / (name + end)).write_bytes(pack(content))

    picture = Image.new("L", (84, 84), 200)
    ImageDraw.Draw(picture).line([(25, 20), (60, 20), (40, 65)], fill=30, width=6, joint="curve")
    for ending in ("png", "jpg", "bmp", "gif"):
        picture.save(folder / f"digit.{ending}")
        add("picture", f"digit.{ending}", (folder / f"digit.{ending}").read_bytes(), read_digit)
    place = add("csv", "labels.csv", b"", read_csv)
    with (place / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "label"), *((f"{n}.png", n % 10) for n in range(9))])
    for n in range(9):
        Image.fromarray(train_x[n % 6]).save(place / f"{n}.png")

    place = folder / "folder"  # pictures by class; one of them is damaged
    for n, picture in enumerate(train_x):
        (place / ("0", "one", "02")[n % 3]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / ("0", "one", "02")[n % 3] / f"{n}.png")
    forms.append(Form("folder", place / "0" / "0.png", lambda place=place: read_folder(place)))

    arrays = (np.concatenate([train_x, valid_x]), np.concatenate([train_y, valid_y]), *test)
    place = add("npz", "mnist.npz", b"", lambda path: read_npz(path, (9, 3)))
    np.savez_compressed(place / "mnist.npz", **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)))
    rows = [[n % 10, *picture.reshape(-1)] for n, picture in enumerate(arrays[0])]
    text = "\n".join(",".join(map(str, row)) for row in [["label", *(f"pixel{n}" for n in range(784))], *rows])
    add("pixels", "train.csv", text.encode(), lambda path: read_pixels({"train": path}))

    made = {"x": arrays[0], "y": arrays[1]}
    place = folder / "cache"
    os.environ["LESSONLIB_CACHE"] = str(place)  # only this program's
    cached_arrays("thing", lambda: made)
    forms.append(Form("cache", place / "thing.npz", may_change=True,
                      read=lambda: (tuple(cached_arrays("thing", lambda: made).values()),)))

    for form in forms:
        form.good, form.expected = form.file.read_bytes(), flat(form.read())
    return forms


def flat(answer: object) -> list[np.ndarray]:
    """All arrays of an answer, in order."""
    return [array for part in answer for array in part] if isinstance(answer, tuple) else [answer]


# --- damage ------------------------------------------------------------------------------------------------

NUMBERS = [n.to_bytes(size, order, signed=n < 0) for size in (1, 2, 4, 8) for order in ("little", "big")
           for n in (0, 1, -1, 127, 2 ** (8 * size - 1) - 1, -(2 ** (8 * size - 1)))]
WORDS = [b"os\nsystem\n", b"builtins\neval\n", b"numpy\nload\n", b"nan", b"-1", b"\n", b"<", b">", b",", b"../",
         b"0" * 40]


def damage(rng: random.Random, content: bytes, other: bytes) -> bytes:
    """One to eight pieces of damage."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        content = damage_once(rng, content or b"\0", other)
    return content


def damage_once(rng: random.Random, content: bytes, other: bytes) -> bytes:
    """One piece of damage; half of the time near the beginning or the end, where the structure is."""
    n = len(content)
    at = rng.choice((rng.randrange(n), rng.randrange(n), rng.randrange(min(n, 80)), n - 1 - rng.randrange(min(n, 200))))
    to = min(n, at + rng.choice((1, 2, 4, 8, 30, 300)))
    there = rng.randrange(n)
    before, piece, after = content[:at], content[at:to], content[to:]
    return rng.choice((
        lambda: before + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :],
        lambda: before + rng.randbytes(len(piece)) + after,
        lambda: before + rng.choice(NUMBERS) + after,
        lambda: before + rng.choice(list(NAMES)) + content[at + 1 :],
        lambda: before + rng.choice(list(ALLOWED_OPCODES)) + content[at:],
        lambda: before + rng.choice(WORDS) + content[at:],
        lambda: before,
        lambda: before + after,
        lambda: before + piece * rng.choice((2, 3, 100)) + after,
        lambda: content[:there] + piece + content[there:],
        lambda: before + other[at:to] + after,
        lambda: before + other[there:],
    ))()


# --- reading -----------------------------------------------------------------------------------------------


def outcome(form: Form) -> str:
    """What becomes of reading the damaged file, in one word and, where it is lost, some more."""
    start = time.perf_counter()
    try:
        with redirect_stdout(io.StringIO()) as told:  # a cache that is made again says so
            arrays = flat(form.read())
    except DataError:
        result = "refused"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"lost: {type(error).__name__}: {error}"
    else:
        if any(a.dtype != b.dtype or a.shape[1:] != b.shape[1:] for a, b in zip(arrays, form.expected, strict=True)):
            return "lost: a wrong shape"
        if any(a.dtype == np.int64 and not ((a >= 0) & (a <= 9)).all() for a in arrays):
            return "lost: a wrong label"
        if form.name == "cache" and told.getvalue().count("\n") > 1:
            return f"lost: more than one line: {told.getvalue()}"
        same = all(np.array_equal(a, b) for a, b in zip(arrays, form.expected, strict=True))
        result = "equal" if same else "other"
        if result == "other" and form.name in HAS_CHECKSUM:
            return "lost: other digits in spite of the checksum"
        counted = form.name not in ("csv", "pixels")  # a line that is missing cannot be told from one that never was
        if result == "other" and counted and [len(a) for a in arrays] != [len(a) for a in form.expected]:
            return "lost: another number of pictures"
    seconds = time.perf_counter() - start
    return result if seconds <= SLOWEST else f"lost: took {seconds:.1f} s"


def fuzz(tries: int, seed: int, folder: Path) -> tuple[Counter, list[tuple[str, bytes, str]], float]:
    """How often each (form, outcome) came, what was lost, and the seconds that the slowest took."""
    rng, forms = random.Random(seed), make_forms(folder)
    counts, lost, slowest = Counter(), [], 0.0
    for n in tqdm(range(tries), desc="damaged files", delay=2, leave=False):
        form = forms[n % len(forms)]
        if form.name.endswith(".gz") and rng.random() < 0.3:  # damage it inside, and pack it again
            content = gzip.compress(damage(rng, gzip.decompress(form.good), rng.choice(forms).good), 1)
            name = form.name.removesuffix(".gz")
        else:
            content, name = damage(rng, form.good, rng.choice(forms).good), form.name
        form.file.write_bytes(content)
        start = time.perf_counter()
        result = outcome(Form(name, form.file, form.read, form.good, form.expected))
        slowest = max(slowest, time.perf_counter() - start)
        if form.file.read_bytes() != content and not form.may_change:
            result = "lost: the file was changed"
        if result.startswith("lost"):
            lost.append((name, content, result))
        counts[name, result.split(":")[0]] += 1
        form.file.write_bytes(form.good)
    return counts, lost, slowest


def peak_memory() -> str:
    """The most memory that this process has had."""
    if sys.platform == "win32":
        return "unknown"
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / (2**20 if sys.platform == 'darwin' else 2**10):.0f} MB"


def main() -> None:
    """Damage, read, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the damaged files that were lost into it")
    options = parser.parse_args()
    start, before = time.perf_counter(), peak_memory()
    with tempfile.TemporaryDirectory() as folder:
        counts, lost, slowest = fuzz(options.tries, options.seed, Path(folder))
    print(f"{'':10} {'tried':>7} {'equal':>7} {'refused':>8} {'other':>6} {'lost':>5}")
    for name in [*dict.fromkeys(name for name, _ in sorted(counts)), "all"]:
        row = [sum(n for (form, result), n in counts.items() if name in (form, "all") and result == wanted)
               for wanted in ("equal", "refused", "other", "lost")]
        print(f"{name:10} {sum(row):7,} {row[0]:7,} {row[1]:8,} {row[2]:6,} {row[3]:5,}")
    print(f"seed {options.seed}: {time.perf_counter() - start:.0f} s; the slowest answer took {slowest:.2f} s; "
          f"most memory {peak_memory()} ({before} before)")
    for name, content, result in lost[:20]:
        print(f"{name}, {len(content):,} bytes, crc {zlib.crc32(content):08x}: {result[:200]}")
        if options.keep:
            (options.keep / f"{name}-{zlib.crc32(content):08x}").write_bytes(content)
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
