"""Digits of your own: one that you wrote or drew, a folder of pictures by class, or a csv file that names them.

All of them become what MNIST's are: 28 x 28 bytes, 0 for paper and 255 for full ink. A picture of a collection that
has this size already is taken as it is. Any other is made like MNIST's makers made theirs: cut out, fitted into
20 x 20 with its proportions kept, and laid so that its centre of mass is in the middle.
"""

import csv
import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from lessonlib.files.errors import DataCorrupt, DataNotFound
from lessonlib.files.idx import Part
from lessonlib.files.reading import shown

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
PART_NAMES = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid",
              "test": "test", "testing": "test"}
MOST_PICTURES = 200_000  # 160 MB of pixels
LARGEST_CSV = 2**25
WORKING_SIZE = 200  # pixels; a digit that fills a tenth of the picture's width still has 20
FAINTEST = 24  # of 255: how much darker than paper ink must be


def _unusable(path: Path, expected: str, got: str) -> DataCorrupt:
    error = DataCorrupt(f"{path} cannot be used: expected {expected}; got {got}. It was left as it is")
    error.path, error.fault = path, f"expected {expected}; got {got}"
    return error


# --- one digit ---------------------------------------------------------------------------------------------


def read_digit(
    path: str | Path,  # a photograph, a scan, or something drawn on a screen; PNG, JPEG, BMP, GIF or WebP
) -> np.ndarray:  # (28, 28) uint8: 0 is paper, 255 full ink
    """One handwritten digit, made as those of MNIST are. It may be dark on light or light on dark.

    A thick pen and a picture with nothing else on it serve best. Raises `DataNotFound` or `DataCorrupt`.
    """
    path = Path(path).expanduser()
    return as_in_mnist(_ink(path, _grey(path, WORKING_SIZE)))


def _grey(path: Path, most: int) -> np.ndarray:
    """The picture as (rows, columns) uint8, made smaller where a side has more than `most` pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # 90 million pixels or more
            image = Image.open(path, formats=FORMATS)
        with image:
            image.draft("L", (2 * most, 2 * most))  # lets a large JPEG be unpacked small at once
            grey = _without_colour(ImageOps.exif_transpose(image))
            grey.thumbnail((most, most), Image.Resampling.BOX)
            return np.asarray(grey)
    except DataCorrupt:
        raise
    except FileNotFoundError as error:
        raise DataNotFound(f"there is no picture {path}") from error
    except Exception as error:  # a broken picture can raise anything at all
        raise _unusable(path, f"a picture ({', '.join(FORMATS)})",
                        f"one that cannot be read ({shown(error)})") from error


def _without_colour(image: Image.Image) -> Image.Image:
    """Grey from 0 to 255. What is transparent becomes the opposite of what is drawn."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in image.info:
        return image.convert("L")
    grey, opaque = (np.asarray(band, dtype=np.float32) for band in image.convert("RGBA").convert("LA").split())
    drawn = float((grey * opaque).sum() / max(opaque.sum(), 1))
    behind = 255 if drawn < 128 else 0
    return Image.fromarray(np.uint8(np.rint(behind + (grey - behind) * (opaque / 255))))


def is_dark_on_light(grey: np.ndarray) -> bool:
    """Whether the paper, which is what most of the edge shows, is lighter than what is drawn on it."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(edge))
    return paper - float(grey.min()) > float(grey.max()) - paper


def _ink(path: Path, grey: np.ndarray) -> np.ndarray:
    """How much ink is on each pixel, from 0 to 1: paper, shadows, noise and specks taken away."""
    light = (255 - grey if is_dark_on_light(grey) else grey).astype(np.float64)
    above = light - _paper(light)
    threshold = _otsu(above)
    full = float(np.median(above[above > threshold])) if (above > threshold).any() else 0.0
    if full < FAINTEST:
        raise _unusable(path, "a digit, clearly darker or lighter than what is around it", "an empty picture")
    ink = np.clip((above - threshold / 2) / (full - threshold / 2), 0, 1)
    return ink * _largest_pieces(above > threshold)


def _paper(light: np.ndarray) -> np.ndarray:
    """The brightness of the paper, which changes slowly over a photograph: a curved surface through what is no ink."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, size) for size in light.shape), indexing="ij")
    terms = np.stack([np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2], axis=-1)
    paper = np.full_like(light, np.median(light))
    for _ in range(4):  # each time it is clearer what is ink
        above = light - paper
        is_paper = above <= _otsu(above)
        paper = terms @ np.linalg.lstsq(terms[is_paper], light[is_paper], rcond=None)[0]
    return paper


def _otsu(values: np.ndarray) -> float:
    """The threshold that parts values into two heaps, each as narrow as can be (Otsu, 1979)."""
    counts, edges = np.histogram(values, bins=128)
    centres = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below / total - sums) ** 2 / (below * (total - below))
    return float(edges[1:][np.nanargmax(between[:-1])]) if np.isfinite(between[:-1]).any() else float(edges[-1])


def _largest_pieces(mask: np.ndarray) -> np.ndarray:
    """The pieces that hang together, as far as they have at least a tenth of the largest one's pixels; a bit wider."""
    rows, columns = mask.shape
    blocks = np.pad(mask, ((0, rows % 2), (0, columns % 2))).reshape(-(-rows // 2), 2, -(-columns // 2), 2)
    blocks = blocks.any(axis=(1, 3))  # four pixels are one block, because the search below takes long
    numbers = np.where(blocks, np.arange(1, blocks.size + 1).reshape(blocks.shape), 0)
    while True:  # each block takes the highest number around it, until each piece has one number
        spread = np.where(blocks, _highest_around(numbers), 0)
        if (spread == numbers).all():
            break
        numbers = spread
    names, sizes = np.unique(numbers[blocks], return_counts=True)
    kept = _highest_around(np.isin(numbers, names[sizes >= sizes.max() / 10]))
    return kept.repeat(2, axis=0).repeat(2, axis=1)[:rows, :columns]


def _highest_around(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, 1)  # with 0
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def as_in_mnist(
    ink: np.ndarray,  # (rows, columns), 0 where there is none
) -> np.ndarray:  # (28, 28) uint8
    """Cut out, fit into 20 x 20, and lay the centre of mass onto the middle, which in MNIST is (14, 14)."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = Image.fromarray(np.float32(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))
    scale = 20 / max(cut.size)
    size = tuple(max(1, round(side * scale)) for side in cut.size)
    fitted = np.clip(np.asarray(cut.resize(size, Image.Resampling.BILINEAR)), 0, None)
    fitted = np.uint8(np.rint(fitted * (255 / fitted.max())))
    digit = np.zeros((28, 28), dtype=np.uint8)
    top, left = (min(max(round(14 - _middle(fitted.sum(axis=1 - axis))), 0), 28 - fitted.shape[axis])
                 for axis in (0, 1))
    digit[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return digit


def _middle(weights: np.ndarray) -> float:
    return float((weights * np.arange(len(weights))).sum() / weights.sum())


# --- many digits -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One picture of a collection."""

    name: str  # relative to the collection, with /
    file: Path
    label: int
    part: str | None  # "train", "valid", "test", or None where nobody said


def class_folders(folder: Path) -> dict[str, Path]:
    """The folders named 0 to 9, here or in folders named train, valid, test: their names from here, with /."""
    if not folder.is_dir():
        return {}
    above = {"": folder} | {f"{name}/": folder / name for name in PART_NAMES}
    return {f"{prefix}{digit}": place / str(digit) for prefix, place in above.items() for digit in range(10)
            if (place / str(digit)).is_dir()}


def read_folder(folder: Path) -> tuple[Part, Part, Part]:
    """Pictures in folders named by what they show, 0 … 9, either directly or inside train, valid and test.

    Where there is no valid or no test, `deal` takes it from the rest. Raises `DataCorrupt`.
    """
    entries = []
    for name, place in class_folders(folder).items():
        first, _, last = name.rpartition("/")
        for file in sorted(place.iterdir()):
            if file.suffix.lower() in ENDINGS and not file.name.startswith("."):
                entries.append(Entry(f"{name}/{file.name}", file, int(last), PART_NAMES.get(first)))
    return _read_all(folder, entries)


def read_csv(path: Path) -> tuple[Part, Part, Part]:
    """Pictures named in a csv file with the columns file,label and, if you like, part (train, valid or test).

    The names are relative to the csv file's folder, and do not lead out of it. Raises `DataCorrupt`.
    """
    try:
        if path.stat().st_size > LARGEST_CSV:
            raise _unusable(path, f"at most {LARGEST_CSV:,} bytes", f"{path.stat().st_size:,}")
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            if not {"file", "label"} <= set(table.fieldnames or ()):
                raise _unusable(path, "a first line with the columns file,label",
                                shown(",".join(table.fieldnames or ())) or "nothing")
            entries = [_entry(path, number, row) for number, row in enumerate(table, start=1)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unusable(path, "a csv file in UTF-8", f"one that cannot be read ({shown(error)})") from error
    return _read_all(path, entries)


def _entry(path: Path, number: int, row: dict[str, str]) -> Entry:
    name, label, part = (str(row.get(column) or "").strip() for column in ("file", "label", "part"))
    if not (len(label) == 1 and label in "0123456789"):
        raise _unusable(path, "labels from 0 to 9", f"the label {shown(repr(label), 40)} in row {number:,}")
    if part and part not in PART_NAMES:
        raise _unusable(path, "parts named train, valid or test", f"{shown(repr(part), 40)} in row {number:,}")
    inside = PurePosixPath(name.replace("\\", "/"))
    if not name or inside.is_absolute() or PureWindowsPath(name).drive or ".." in inside.parts:
        raise _unusable(path, "names of files in its own folder", f"{shown(repr(name))} in row {number:,}")
    return Entry(str(inside), path.parent / inside, int(label), PART_NAMES.get(part))


def deal(entries: list[Entry]) -> Iterator[tuple[Entry, str]]:
    """Each picture and the part that it belongs to, the same on every machine and in every year.

    What names its part stays there. The others are sorted by label and, within a label, by the SHA-256 of their name
    (a shuffling that does not depend on any program's random numbers), and dealt out like cards: of each seven, the
    second goes to valid and the third to test, the others to train. Where one of these two parts is there already,
    only the other is dealt; of each six, the second goes to it.
    """
    named = {entry.part for entry in entries}
    others = [part for part in ("valid", "test") if part not in named]
    hand = ["train", *others, "train", "train", "train", "train"]
    free = [entry for entry in entries if entry.part is None or (entry.part == "train" and others)]
    free.sort(key=lambda entry: (entry.label, hashlib.sha256(entry.name.encode()).digest()))
    yield from ((entry, entry.part) for entry in entries if entry.part in ("valid", "test"))
    if others:
        yield from ((entry, hand[n % len(hand)]) for n, entry in enumerate(free))
    else:
        yield from ((entry, "train") for entry in entries if entry.part in ("train", None))


def _read_all(where: Path, entries: list[Entry]) -> tuple[Part, Part, Part]:
    if len(entries) > MOST_PICTURES:
        raise _unusable(where, f"at most {MOST_PICTURES:,} pictures", f"{len(entries):,}")
    parts = {"train": [], "valid": [], "test": []}
    for entry, part in deal(entries):
        parts[part].append(entry)
    if empty := [name for name, members in parts.items() if not members]:
        raise _unusable(where, "at least one picture for each of train, valid and test",
                        f"{len(entries):,} pictures, none of them for {' or '.join(empty)}")
    with tqdm(total=len(entries), desc="reading pictures", delay=1, leave=False) as bar:
        return tuple(_read_part(members, bar) for members in parts.values())


def _read_part(entries: list[Entry], bar: tqdm) -> Part:
    x = np.empty((len(entries), 28, 28), dtype=np.uint8)
    for n, entry in enumerate(entries):
        x[n] = _read_one(entry.file)
        bar.update()
    return x, np.array([entry.label for entry in entries], dtype=np.int64)


def _read_one(file: Path) -> np.ndarray:
    grey = _grey(file, WORKING_SIZE)
    if grey.shape != (28, 28):
        return as_in_mnist(_ink(file, grey))
    return 255 - grey if is_dark_on_light(grey) else grey
