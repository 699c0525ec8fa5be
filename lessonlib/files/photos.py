"""One digit that you wrote or drew, from a photograph, a scan or a canvas.

It becomes what MNIST's digits are: 28 x 28 bytes, 0 for paper and 255 for full ink. A picture that is like that already
is taken as it is. Any other is made like MNIST's makers made theirs: cut out, fitted into 20 x 20 with its proportions
kept, and laid so that its centre of mass is in the middle.
"""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image, ImageChops

from lessonlib.files.errors import DataCorrupt, DataError, DataNotFound, MissingLibrary, shown
from lessonlib.files.reading import file_kind, looks_like
from lessonlib.files.where import as_path, why_not_there

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM")
MAX_BYTES = 2**27  # of a picture's file
MAX_PIXELS = 50_000_000  # in memory at once, four bytes each; a larger JPEG is made smaller while it is unpacked
WORKING_SIZE = 200  # pixels; a digit that fills a tenth of the picture's width still has 20
FAINTEST = 24  # of 255: how much darker than paper ink must be
SMALLEST = 0.06  # of the picture's longer side, for the longer side of a digit
UNEVEN = 8  # of 255: how much the paper of a drawing or a clean scan may vary
MAX_PIECES = 4
WIDEST = 1.6  # width of a digit, as a share of its height
THICKEST_PEN = 0.34  # as a share of the digit's longer side; in a photograph, what is thicker is a shadow
THICKEST_BLOT = 0.6  # what is thicker is no digit on any paper
TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
         5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}  # how a telephone was held, as its camera writes it down
ORIENTATION = 0x0112


def unusable(path: Path, expected: str, got: str) -> DataCorrupt:
    """The error for a picture, or for a list of them, that cannot be used."""
    error = DataCorrupt(f"{path} cannot be used: expected {expected}; got {got}. It was left as it is")
    error.path, error.fault = path, f"expected {expected}; got {got}"
    return error


def read_digit(
    path: str | os.PathLike,  # a photograph, a scan, or something drawn on a screen; PNG, JPEG, BMP, GIF, WebP or TIFF
) -> np.ndarray:  # (28, 28) uint8: 0 is paper, 255 full ink
    """One handwritten digit, made as those of MNIST are. It may be dark on light or light on dark.

    A thick pen and a picture with nothing else on it serve best. Raises `DataNotFound` or `DataCorrupt`.
    """
    path = as_path(path)
    grey = read_grey(path, WORKING_SIZE)
    if grey.shape == (28, 28) and is_as_in_mnist(light := 255 - grey if is_dark_on_light(grey) else grey):
        return light
    return as_in_mnist(_ink(path, grey))


# --- reading the file ----------------------------------------------------------------------------------------


def read_grey(path: Path, size: int) -> np.ndarray:
    """The picture as (rows, columns) uint8, made smaller where a side has more than `size` pixels."""
    try:
        kind = file_kind(path)
        if not kind:
            raise DataNotFound(f"there is no picture {path}: {why_not_there(path)}")
        if kind != "a file":
            raise unusable(path, "a picture", kind)
        if path.stat().st_size > MAX_BYTES:
            raise unusable(path, f"a picture of at most {MAX_BYTES:,} bytes", f"{path.stat().st_size:,}")
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is looked at below
            with Image.open(file, formats=FORMATS) as image:
                image.draft("L", (2 * size, 2 * size))  # lets a large JPEG be unpacked small at once
                if image.width * image.height > MAX_PIXELS:
                    raise _too_large(path, f"{image.width * image.height / 1e6:.0f}")
                turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
                grey = Image.fromarray(_without_colour(image, size))
                grey.thumbnail((size, size), Image.Resampling.BOX)
                return np.asarray(grey if turn is None else grey.transpose(turn))
    except DataError:
        raise
    except OSError as error:
        if error.errno is None:  # what Pillow finds wrong with a picture
            raise unusable(path, f"a picture ({', '.join(FORMATS)})", _what_it_is(path, error)) from error
        raise unusable(path, "a picture that can be opened", f"the error {error.strerror}") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, f"more than {2 * (Image.MAX_IMAGE_PIXELS or MAX_PIXELS) // 1_000_000}") from error
    except Exception as error:  # a broken picture can raise anything at all
        raise unusable(path, f"a picture ({', '.join(FORMATS)})", _what_it_is(path, error)) from error


def _too_large(path: Path, megapixels: str) -> DataCorrupt:
    return unusable(path, f"a picture of at most {MAX_PIXELS // 1_000_000} megapixels", f"one of {megapixels}; "
                    "make it smaller, or cut out the digit")


def _what_it_is(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        start = file.read(32)
    if start[4:8] == b"ftyp":
        return "one in another format, HEIC or AVIF it seems, as telephones write; save it as JPEG"
    if not start:
        return "one that cannot be read (an empty file)"
    words = str(error).split(" <", 1)[0]  # without the name of the object that was read from
    return f"one that cannot be read ({shown(words)}{looks_like(start)})"


def _without_colour(image: Image.Image, size: int) -> np.ndarray:
    """Grey from 0 to 255, made smaller by a whole factor. What is transparent becomes the opposite of what is drawn."""
    factor = max(1, max(image.size) // (2 * size))
    n_rows = factor * max(1, 2**20 // (image.width * factor))  # a million pixels at a time, to save memory
    image.load()
    top = 255.0 if image.mode not in ("I", "F") and not image.mode.startswith("I;") else _brightest(image)
    bands = [_grey_and_opaque(image.crop((0, y, image.width, min(y + n_rows, image.height))), factor, top)
             for y in range(0, image.height, n_rows)]
    grey, opaque = (np.concatenate(arrays).astype(np.float32) for arrays in zip(*bands, strict=True))
    drawn = grey.sum() / max(opaque.sum() / 255, 1)
    behind = 255 if drawn < 128 else 0
    return np.rint(np.clip(grey + behind * (1 - opaque / 255), 0, 255)).astype(np.uint8)


def _brightest(image: Image.Image) -> float:
    """White, where pixels are larger numbers than bytes, or fractions."""
    lowest, highest = np.ravel(image.getextrema()).tolist()
    if not 0 <= lowest <= highest:
        raise ValueError(f"pixels from {lowest} to {highest}")
    return next((top for top in (1.0, 255.0, 65535.0) if highest <= top and (top > 1 or image.mode == "F")), highest)


def _grey_and_opaque(band: Image.Image, factor: int, top: float) -> tuple[np.ndarray, np.ndarray]:
    """Grey where it is opaque, 0 where it is not; and how opaque it is: from 0 to 255 each, made smaller."""
    if band.mode in ("I", "F") or band.mode.startswith("I;"):
        grey = Image.fromarray(np.uint8(np.asarray(band, dtype=np.float64) / top * 255))
        opaque = None
    elif band.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in band.info:
        grey, opaque = band.convert("RGBA").convert("LA").split()
        grey = ImageChops.multiply(grey, opaque)
    else:
        grey, opaque = band.convert("L"), None
    small = np.asarray(grey.reduce(factor))
    return small, np.full_like(small, 255) if opaque is None else np.asarray(opaque.reduce(factor))


# --- finding the digit in it ---------------------------------------------------------------------------------


def is_as_in_mnist(light: np.ndarray) -> bool:
    """Whether a digit of 28 x 28, light on dark, has MNIST's size and place."""
    ink = np.where(light > 64, light, 0).astype(np.float64)
    if not ink.any():
        return True  # an empty picture of a collection
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    centre = np.array([_middle(ink.sum(axis=1)), _middle(ink.sum(axis=0))])
    return bool(14 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 24 and (np.abs(centre - 14) < 2).all())


def is_dark_on_light(grey: np.ndarray) -> bool:
    """Whether the paper, which is what most of the edge shows, is lighter than what is drawn on it."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(edge))
    return paper - float(grey.min()) > float(grey.max()) - paper


def _ink(path: Path, grey: np.ndarray) -> np.ndarray:
    """How much ink is on each pixel, from 0 to 1: paper, shadows, table, noise and specks taken away.

    Raises `DataCorrupt` where no single digit stands out.
    """
    found, faults = [], []
    for dark_on_light in (True, False):
        try:
            found.append(_ink_in(grey.astype(np.float64), dark_on_light))
        except _NotOneDigit as fault:
            faults.append(fault)
    if not found:
        raise unusable(path, "one digit, clearly darker or lighter than what is around it",
                       str(max(faults, key=lambda fault: fault.weight)))
    return max(found, key=_extent)  # what a digit encloses may look like writing too, but it is smaller


def _extent(ink: np.ndarray) -> int:
    return int(np.ptp(np.flatnonzero(ink.any(axis=1))) * np.ptp(np.flatnonzero(ink.any(axis=0))))


class _NotOneDigit(Exception):
    """Why a picture does not show one digit. Of two reasons, the one of greater weight is told."""

    def __init__(self, why: str, weight: int):
        super().__init__(why)
        self.weight = weight


class _TooThick(_NotOneDigit):
    pass


def _ink_in(light: np.ndarray, dark_on_light: bool) -> np.ndarray:
    ndimage = _ndimage()
    if min(light.shape) > 60:
        light = ndimage.median_filter(light, 3)  # noise
    # Whatever is narrower than this is ink; what is wider is paper, table or shadow, each with a light of its own.
    window = int(0.36 * max(light.shape)) | 1
    if dark_on_light:
        paper = ndimage.grey_closing(light, (window, window), mode="nearest")
        above = (paper - light) / np.maximum(paper, 30)  # in a shadow, ink takes away the same share of the light
    else:
        above = (light - ndimage.grey_opening(light, (window, window), mode="nearest")) / 255
    threshold, full = _otsu(above), 0.0
    for _ in range(2):
        is_ink = above > threshold
        full = float(np.median(above[is_ink])) if is_ink.any() else 0.0
        if full < FAINTEST / 255:
            raise _NotOneDigit("an empty picture", 0)
        try:
            kept = _one_digit(light, is_ink, dark_on_light)
            break
        except _TooThick:  # a small shadow that touches the digit, perhaps: then ink is darker still
            threshold = _otsu(above[is_ink])
    else:
        raise _NotOneDigit("a blot, not a line of a pen", 2)
    ink = np.clip((above - threshold / 2) / (full - threshold / 2), 0, 1)
    return ink * ndimage.binary_dilation(kept, np.ones((3, 3)), 4 if min(light.shape) > 60 else 1)


def _one_digit(light: np.ndarray, is_ink: np.ndarray, dark_on_light: bool) -> np.ndarray:
    """The pieces of ink that are the digit, (rows, columns) bool. Raises `_NotOneDigit`."""
    ndimage = _ndimage()
    unevenness = float(np.percentile(np.abs(light - np.median(light[~is_ink]))[~is_ink], 75))
    numbers, _ = ndimage.label(is_ink, np.ones((3, 3)))
    pieces = [Piece(number + 1, place, int((numbers[place] == number + 1).sum()), light.shape)
              for number, place in enumerate(ndimage.find_objects(numbers))]
    inside = [piece for piece in pieces if not piece.at_edge]
    large = max((piece.side for piece in inside), default=0)
    if large < SMALLEST * max(light.shape):
        # A digit may fill a picture from edge to edge, but then there is nothing else in it: no shadow, no table.
        if unevenness > UNEVEN:
            raise _NotOneDigit("something dark or light that reaches the edge of the picture, such as a shadow or a "
                               "table; leave some paper around the digit", 1)
        inside = pieces
    largest = max(piece.n_pixels for piece in inside)
    pieces = sorted((piece for piece in inside if piece.n_pixels >= largest / 10), key=lambda piece: -piece.n_pixels)
    if len(pieces) > MAX_PIECES or any(_stand_apart(pieces[0], other) for other in pieces[1:]):
        raise _NotOneDigit("more than one thing; cut out a single digit", 3)
    kept = np.isin(numbers, [piece.number for piece in pieces])
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    if width > WIDEST * height:
        raise _NotOneDigit("something much wider than high, perhaps several digits; cut out a single one", 3)
    # No camera sees paper that is the same grey everywhere: that is a drawing, which has no shadows.
    # A sheet of paper with a digit on it is a blot too, with the holes in it filled.
    pen = THICKEST_BLOT if unevenness < 0.5 else THICKEST_PEN
    for thing, most in ((kept, pen), (ndimage.binary_fill_holes(kept), THICKEST_BLOT)):
        thickness = 2 * ndimage.distance_transform_edt(np.pad(thing, 1)).max()
        if kept.sum() > 0.7 * thing.sum() and thickness > most * max(height, width):
            raise _TooThick("a blot, not a line of a pen", 2)
    if not _is_on_paper(light, kept, (rows, columns), dark_on_light):
        raise _NotOneDigit("nothing written", 0)
    return kept


@dataclass(frozen=True)
class Piece:
    """Ink that hangs together."""

    number: int
    place: tuple[slice, slice]  # rows and columns
    n_pixels: int
    shape: tuple[int, int]  # of the picture

    @property
    def at_edge(self) -> bool:
        return any(extent.start == 0 or extent.stop == size for extent, size in zip(self.place, self.shape, strict=True))

    @property
    def height(self) -> int:
        return self.place[0].stop - self.place[0].start

    @property
    def side(self) -> int:
        """The longer one."""
        return max(extent.stop - extent.start for extent in self.place)


def _stand_apart(largest: Piece, other: Piece) -> bool:
    """Whether another piece is as high as a digit of its own, with a gap between. The bar of a 5 is not as high."""
    gap = max(max(a.start, b.start) - min(a.stop, b.stop) for a, b in zip(largest.place, other.place, strict=True))
    return gap > largest.side / 25 and other.height > largest.height / 2


def _is_on_paper(light: np.ndarray, kept: np.ndarray, extent: tuple[np.ndarray, np.ndarray], dark_on_light: bool) -> bool:
    """Whether what surrounds it is lighter, where it is dark. What a ring encloses is not: that is no ink."""
    margin = max(np.ptp(lines) for lines in extent) // 6 + 2
    ring = np.zeros_like(kept)
    outer, inner = (tuple(slice(max(lines[0] - grown, 0), lines[-1] + 1 + grown) for lines in extent) for grown in (margin, 1))
    ring[outer] = True
    ring[inner] = False
    if not ring.any():
        return True  # it fills the picture
    difference = float(np.median(light[ring]) - np.median(light[kept]))
    return (difference if dark_on_light else -difference) > FAINTEST / 2


def _ndimage() -> ModuleType:
    try:
        from scipy import ndimage
    except ImportError as error:
        raise MissingLibrary("reading photographs and drawings needs SciPy, which is not installed: "
                             'pip install "lessonlib[photos]", or pip install scipy') from error
    return ndimage


def _otsu(values: np.ndarray) -> float:
    """The threshold that parts values into two heaps, each as narrow as can be (Otsu, 1979)."""
    counts, edges = np.histogram(values, bins=128)
    centres = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below / total - sums) ** 2 / (below * (total - below))
    return float(edges[1:][np.nanargmax(between[:-1])]) if np.isfinite(between[:-1]).any() else float(edges[-1])


def as_in_mnist(
    ink: np.ndarray,  # (rows, columns), 0 where there is none
) -> np.ndarray:  # (28, 28) uint8
    """Cut out, fit into 20 x 20, and lay the centre of mass onto the middle, which in MNIST is (14, 14)."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = Image.fromarray(np.float32(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))
    scale = 20 / max(cut.size)
    width, height = (max(1, round(side * scale)) for side in cut.size)
    smooth = np.clip(np.asarray(cut.resize((width, height), Image.Resampling.BILINEAR)), 0, None)
    fitted = np.rint(smooth * (255 / smooth.max())).astype(np.uint8)
    digit = np.zeros((28, 28), dtype=np.uint8)
    top, left = (min(max(round(14 - _middle(fitted.sum(axis=1 - axis))), 0), 28 - fitted.shape[axis])
                 for axis in (0, 1))
    digit[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return digit


def _middle(weights: np.ndarray) -> float:
    return float((weights * np.arange(len(weights))).sum() / weights.sum())
