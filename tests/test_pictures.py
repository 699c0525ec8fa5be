"""Pictures of your own: one digit from a photograph or a canvas, folders by class, csv files."""

import gzip
import importlib.util
import os
import struct
import sys
import tracemalloc
import unicodedata
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lessonlib.files import DataCorrupt, DataNotFound, find_mnist, pictures, where
from lessonlib.files.dealing import Entry, deal, label_of
from lessonlib.files.errors import MissingLibrary
from lessonlib.files.photos import read_digit
from lessonlib.files.pictures import read_csv, read_folder


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch, tmp_path):
    monkeypatch.delenv("LESSONLIB_DATA", raising=False)
    monkeypatch.setenv("LESSONLIB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.setattr(where, "checkout", lambda: None)


# --- one digit -----------------------------------------------------------------------------------------------


def seven(size: tuple[int, int] = (600, 600), at: tuple[int, int] = (150, 150), scale: float = 3) -> Image.Image:
    """A white 7 on black, 100 x 100 times the scale."""
    image = Image.new("L", size)
    points = [(at[0] + x * scale, at[1] + y * scale) for x, y in ((15, 5), (85, 5), (40, 95))]
    ImageDraw.Draw(image).line(points, fill=255, width=round(11 * scale), joint="curve")
    return image


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """1 for the same picture, 0 for no likeness; a pixel to the side does not count."""
    shifted = (np.roll(a, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1))
    return max(float(np.corrcoef(moved.ravel(), b.ravel())[0, 1]) for moved in shifted)


@pytest.fixture
def usual(tmp_path) -> np.ndarray:
    """The 7, read from a clean picture."""
    seven().save(tmp_path / "usual.png")
    return read_digit(tmp_path / "usual.png")


def test_a_digit_is_made_as_in_mnist(usual):
    assert usual.dtype == np.uint8
    assert usual.shape == (28, 28)
    assert usual.max() == 255
    rows, columns = np.flatnonzero(usual.any(axis=1)), np.flatnonzero(usual.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    weights = usual / usual.sum()
    for axis in (0, 1):
        assert abs((weights.sum(axis=1 - axis) * np.arange(28)).sum() - 14) <= 0.5


def test_mnists_own_digits_stay_what_they_are(mnist, tmp_path):
    """Blown up and read again, they are nearly the same: the makers of MNIST did what we do."""
    kept = []
    for picture in mnist.test.x[:40].numpy():
        Image.fromarray(picture).resize((280, 280), Image.Resampling.BICUBIC).save(tmp_path / "big.png")
        kept.append(likeness(read_digit(tmp_path / "big.png"), picture))
    assert np.median(kept) > 0.95
    assert min(kept) > 0.9


def photograph(tilt: float) -> Image.Image:
    """Dark ink on grey paper, lit from one side, with noise and a speck."""
    ink = np.asarray(seven((800, 600), (350, 120), 2.5)) / 255
    rows, columns = np.mgrid[-1:1:600j, -1:1:800j]
    light = 170 + tilt * columns - 0.6 * tilt * rows - 15 * (rows**2 + columns**2)
    picture = light * (1 - 0.6 * ink) + np.random.default_rng(0).normal(0, 6, light.shape)
    picture[40:52, 60:72] = 40
    return Image.fromarray(np.uint8(picture.clip(0, 255))).convert("RGB")


def transparent(colour: int) -> Image.Image:
    """A canvas on which only the ink is not transparent."""
    image = Image.new("LA", (600, 600), (colour, 0))
    image.putalpha(seven())
    return image.convert("RGBA")


SHAPES = {
    "dark on light": lambda: Image.eval(seven(), lambda v: 255 - v),
    "small": lambda: seven((60, 60), (10, 10), 0.4),
    "in a corner": lambda: seven((900, 500), (600, 180)),
    "wide": lambda: seven((1500, 320), (20, 10)),
    "grey on grey": lambda: Image.eval(seven(), lambda v: 150 - v // 4),
    "in colour": lambda: Image.merge("RGB", [Image.eval(seven(), lambda v, n=n: n + v // 3) for n in (10, 90, 160)]),
    "with a palette": lambda: Image.eval(seven(), lambda v: 255 - v).convert("P"),
    "one bit": lambda: seven().convert("1"),
    "16 bits": lambda: Image.fromarray(np.asarray(seven()).astype(np.uint16) * 257),
    "black on transparent": lambda: transparent(0),
    "white on transparent": lambda: transparent(255),
    "a photograph": lambda: photograph(0),
    "a photograph lit from the side": lambda: photograph(40),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_it_does_not_matter_how_it_was_drawn(tmp_path, usual, shape):
    SHAPES[shape]().save(tmp_path / "ein Bild ä.png")
    assert likeness(read_digit(tmp_path / "ein Bild ä.png"), usual) > 0.93


@pytest.mark.parametrize("ending", ["jpg", "bmp", "gif", "webp"])
def test_other_formats(tmp_path, usual, ending):
    seven().save(tmp_path / f"seven.{ending}")
    assert likeness(read_digit(str(tmp_path / f"seven.{ending}")), usual) > 0.97


def test_a_telephone_held_sideways(tmp_path, usual):
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me by 90 degrees"
    seven().transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif)
    assert likeness(read_digit(tmp_path / "turned.jpg"), usual) > 0.97


def png_of_size(side: int) -> bytes:
    """The beginning of a picture that says it is large."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum + bytes(3) + b"\x10IDAT"


UNUSABLE = {
    "nothing": (b"", "one that cannot be read"),
    "a web page": (b"<html>404</html>", "one that cannot be read"),
    "a bomb": (png_of_size(60_000), "at most 50 megapixels; got one of more than 178; make it smaller"),
    "a smaller bomb": (png_of_size(10_000), "at most 50 megapixels; got one of 100; make it smaller"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC or AVIF it seems, as telephones write; save it as JPEG"),
    "cut off": (lambda: whole_png()[:-400], "one that cannot be read"),
    "an empty page": (lambda: whole_png(Image.new("L", (300, 300), 255)), "an empty picture"),
    "only noise": (lambda: whole_png(Image.effect_noise((300, 300), 4)), "an empty picture"),
}


def whole_png(image: Image.Image | None = None) -> bytes:
    import io

    file = io.BytesIO()
    (image or seven()).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_is_no_digit_is_named(tmp_path, what):
    content, words = UNUSABLE[what]
    path = tmp_path / "digit.png"
    path.write_bytes(content() if callable(content) else content)
    before = path.read_bytes()
    with pytest.raises(DataCorrupt, match=words) as caught:
        read_digit(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_picture_that_is_not_there(tmp_path):
    seven().save(tmp_path / "sevem.png")
    with pytest.raises(DataNotFound, match=r"there is no picture .*seven\.png.*did you mean .*sevem\.png"):
        read_digit(tmp_path / "seven.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_only_files_are_pictures(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "circle.png").symlink_to("circle.png")
    for name, kind in (("circle", "a link that leads in a circle"), ("pipe", "a pipe"), ("zero", "a device"),
                       ("folder", "a folder")):
        with pytest.raises(DataCorrupt, match=f"expected a picture; got {kind}"):
            read_digit(tmp_path / f"{name}.png")


def test_a_large_photograph_is_made_small_while_it_is_unpacked(tmp_path, usual):
    """108 megapixels, as some telephones take them."""
    seven().resize((12_000, 9_000)).save(tmp_path / "huge.jpg", quality=60)
    tracemalloc.start()
    assert likeness(read_digit(tmp_path / "huge.jpg"), read_digit_of(seven().resize((1200, 900)), tmp_path)) > 0.97
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def read_digit_of(image: Image.Image, folder: Path) -> np.ndarray:
    image.save(folder / "of.png", compress_level=1)
    return read_digit(folder / "of.png")


def test_transparent_megapixels_take_little_memory(tmp_path, usual):
    Image.merge("RGBA", [Image.new("L", (3000, 3000))] * 3 + [seven().resize((3000, 3000))]).save(tmp_path / "a.png")
    tracemalloc.start()
    assert likeness(read_digit(tmp_path / "a.png"), usual) > 0.97
    assert tracemalloc.get_traced_memory()[1] < 40e6  # of NumPy; 4 bytes for each pixel would be 36 MB
    tracemalloc.stop()


def test_a_file_that_is_too_large_is_not_opened(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(3 * 10**9)  # takes no room on the disk
    with pytest.raises(DataCorrupt, match="at most 134,217,728 bytes; got 3,000,000,000"):
        read_digit(tmp_path / "a.png")


def test_without_scipy_it_is_told_what_to_install(tmp_path, monkeypatch):
    seven().save(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingLibrary, match=r"needs SciPy.*pip install"):
        read_digit(tmp_path / "a.png")
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 12:16] = 255
    assert np.array_equal(read_digit_of(Image.fromarray(digit), tmp_path), digit)  # needs none


# --- photographs under difficulties --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photographs(root):
    """benchmarks/photographs.py, which draws them and asks a trained network; here likeness must do."""
    spec = importlib.util.spec_from_file_location("photographs", root / "benchmarks" / "photographs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["photographs"] = module
    spec.loader.exec_module(module)
    return module


def scene(photographs, name: str, digit: int, seed: int) -> Image.Image:
    import torch

    return photographs.scenes(torch.Generator().manual_seed(seed), np.random.default_rng(seed))[name](digit)


READ = ("clean", "pen on grey paper", "thick pen", "noise", "light from one side", "hard shadow", "deep shadow",
        "dark table", "light table", "in a corner", "small", "lined paper", "squared paper", "chalk")


SEEDS = range(6)  # a digit and a hand for each


def digit_of(seed: int) -> int:
    return (3 * seed + 1) % 10


@pytest.fixture(scope="module")
def clean(photographs, tmp_path_factory) -> list[np.ndarray]:
    """For each seed what is read where the same strokes are drawn cleanly."""
    import torch

    masks = [photographs.digit_mask(digit_of(seed), torch.Generator().manual_seed(seed), 300, 0.08) for seed in SEEDS]
    folder = tmp_path_factory.mktemp("clean")
    return [read_digit_of(Image.fromarray(np.uint8(255 * (1 - photographs.middle(mask)))), folder) for mask in masks]


@pytest.mark.parametrize("name", READ)
def test_photographs_are_read_or_refused(photographs, clean, tmp_path, name):
    """The same digit by the same pen, once drawn cleanly and once under difficulties, gives nearly the same."""
    outcomes = []
    for seed in SEEDS:
        try:
            read = read_digit_of(scene(photographs, name, digit_of(seed), seed), tmp_path)
        except DataCorrupt:
            outcomes.append("refused")
            continue
        outcomes.append("like it" if likeness(read, clean[seed]) > 0.7 else "other")
    assert "other" not in outcomes
    assert outcomes.count("like it") >= 4


@pytest.mark.parametrize("name", ["two digits", "two digits, one over the other", "a page of digits", "only a shadow",
                                  "only a table", "only lines", "a blot"])
def test_what_is_not_one_digit_is_refused(photographs, tmp_path, name):
    for seed in range(5):
        with pytest.raises(DataCorrupt, match="expected one digit, clearly darker or lighter"):
            read_digit_of(scene(photographs, name, seed, seed), tmp_path)


@pytest.mark.parametrize("corner", [(0, 0), (0, 12), (11, 2), (9, 10)])
@pytest.mark.parametrize("invert", [False, True])
def test_small_drawings_in_a_corner_are_centred_as_mnist_is(tmp_path, corner, invert):
    picture = np.zeros((28, 28), np.uint8)
    drawn = np.asarray(seven((100, 100), (0, 0), 1).resize((16, 16), Image.Resampling.BOX))
    picture[corner[0] : corner[0] + 16, corner[1] : corner[1] + 16] = drawn
    read = read_digit_of(Image.fromarray(255 - picture if invert else picture), tmp_path).astype(float)
    centre = [(read.sum(axis=1 - axis) * np.arange(28)).sum() / read.sum() for axis in (0, 1)]
    assert np.abs(np.array(centre) - 14).max() <= 0.6
    rows = np.flatnonzero(read.any(axis=1))
    assert np.ptp(rows) + 1 == 20


# --- folders by class ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """60 pictures in MNIST's form: paper at the edge, and something of its own in the middle of each."""
    x = np.zeros((60, 28, 28), np.uint8)
    x[:, 4:24, 4:24] = np.random.default_rng(0).integers(0, 256, (60, 20, 20))
    x[:, 10, 10] = 255
    return x, np.arange(60) % 10


def write(folder: Path, digits: tuple[np.ndarray, np.ndarray], numbers: range) -> None:
    """Pictures by class, in files that are named by their number."""
    x, y = digits
    for n in numbers:
        (folder / str(y[n])).mkdir(parents=True, exist_ok=True)
        Image.fromarray(x[n]).save(folder / str(y[n]) / f"{n}.png")


def numbers_of(part: tuple[np.ndarray, np.ndarray], digits: tuple[np.ndarray, np.ndarray]) -> list[int]:
    """Which pictures these are; asserts that pixels and labels are right."""
    x, y = digits
    numbers = [int(np.flatnonzero((x == picture).all(axis=(1, 2)))[0]) for picture in part[0]]
    assert part[0].dtype == np.uint8
    assert part[1].dtype == np.int64
    np.testing.assert_array_equal(part[1], y[numbers])
    return numbers


def test_a_folder_by_class_is_split_by_a_fixed_rule(tmp_path, digits):
    write(tmp_path / "meine Ziffern", digits, range(60))
    (tmp_path / "meine Ziffern" / "3" / "Thumbs.db").write_bytes(b"no picture")
    (tmp_path / "meine Ziffern" / "3" / "._33.png").write_bytes(b"what macOS leaves on USB sticks")
    found = find_mnist(tmp_path / "meine Ziffern", yours=True)
    parts = found.read()
    assert found.source(parts) == "yours"
    train, valid, test = (numbers_of(part, digits) for part in parts)
    assert sorted(train + valid + test) == list(range(60))
    assert (len(train), len(valid), len(test)) == (42, 9, 9)
    assert (valid, test) == ([50, 31, 12, 43, 24, 6, 57, 18, 39], [30, 41, 52, 3, 25, 16, 17, 28, 9])  # for all time
    assert set(Counter(digits[1][train])) == set(range(10))


def test_parts_that_are_named_stay(tmp_path, digits):
    for name, numbers in (("training", range(30)), ("val", range(30, 45)), ("testing", range(45, 60))):
        write(tmp_path / name, digits, numbers)
    train, valid, test = (numbers_of(part, digits) for part in read_folder(tmp_path))
    assert (sorted(train), sorted(valid), sorted(test)) == ([*range(30)], [*range(30, 45)], [*range(45, 60)])


@pytest.mark.parametrize(("there", "dealt"), [("test", "valid"), ("valid", "test")])
def test_a_part_that_is_missing_is_dealt_from_training(tmp_path, digits, there, dealt):
    write(tmp_path / "train", digits, range(48))
    write(tmp_path / there, digits, range(48, 60))
    parts = dict(zip(("train", "valid", "test"), read_folder(tmp_path), strict=True))
    assert sorted(numbers_of(parts[there], digits)) == [*range(48, 60)]
    assert len(parts[dealt][1]) == 8
    assert sorted(numbers_of(parts["train"], digits) + numbers_of(parts[dealt], digits)) == [*range(48)]


def test_three_pictures_are_enough_and_two_are_not(tmp_path, digits):
    write(tmp_path, digits, range(3))
    assert [len(y) for _, y in read_folder(tmp_path)] == [1, 1, 1]
    (tmp_path / "0" / "0.png").unlink()
    with pytest.raises(DataCorrupt, match="2 pictures, none of them for test"):
        read_folder(tmp_path)


def test_dealing_does_not_depend_on_the_order(tmp_path):
    entries = [Entry(f"{n}.png", tmp_path, n % 3, None) for n in range(50)]
    assert {(e.name, part) for e, part in deal(entries)} == {(e.name, part) for e, part in deal(entries[::-1])}


def test_pictures_of_other_sizes_and_dark_ones_are_made_as_in_mnist(tmp_path, digits, usual):
    write(tmp_path, digits, range(20))
    SHAPES["a photograph"]().save(tmp_path / "7" / "a.jpg")
    Image.fromarray(255 - digits[0][21]).save(tmp_path / "1" / "dark on light.png")
    x = np.concatenate([part[0] for part in read_folder(tmp_path)])
    assert max(likeness(picture, usual) for picture in x) > 0.93
    assert any((picture == digits[0][21]).all() for picture in x)


NAMINGS = {
    "words": lambda digit: ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")[digit],
    "capital words": lambda digit: ("Zero", "One", "TWO", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")[digit],
    "two figures": lambda digit: f"{digit:02}",
    "digit_3": lambda digit: f"digit_{digit}",
    "Class 3": lambda digit: f"Class {digit}",
    "one level deeper": lambda digit: f"mnist_png/{digit}",
    "two levels deeper": lambda digit: f"archive/my digits/{digit}",
    "by writer": lambda digit: f"writer {'ab'[digit % 2]}/{digit}",
    "in folders inside": lambda digit: f"{digit}/{'ab'[digit % 2]}",
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_folders_may_be_named_in_many_ways(tmp_path, digits, naming):
    x, y = digits
    for n in range(60):
        folder = tmp_path / NAMINGS[naming](y[n])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x[n]).save(folder / f"{n}.PNG")
    for name in ("__MACOSX/0", ".hidden/1"):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(x[0]).save(tmp_path / name / "0.png")
    parts = find_mnist(tmp_path, yours=True).read()
    assert sorted(n for part in parts for n in numbers_of(part, digits)) == [*range(60)]


@pytest.mark.parametrize(("train", "test"), [("Train", "Test"), ("training", "testing"), ("TRAIN", "TEST"),
                                             ("trainingSet/trainingSet", "testingSet"), ("train_images", "test-images"),
                                             ("mnist/training", "mnist/validation")])
def test_parts_may_be_named_in_many_ways(tmp_path, digits, train, test):
    write(tmp_path / train, digits, range(48))
    write(tmp_path / test, digits, range(48, 60))
    parts = dict(zip(("train", "valid", "test"), read_folder(tmp_path), strict=True))
    assert sorted(numbers_of(parts["valid" if "valid" in test else "test"], digits)) == [*range(48, 60)]


def test_names_tell_digits_and_nothing_else():
    assert [label_of(name) for name in ("3", "03", "three", "Three", "digit_3", "class-3", "3_three", "number 3")] == [3] * 8
    assert {label_of(name) for name in ("10", "a", "", "3_four", "12", "train", "Sample003", "v3", "-")} == {None}


def test_what_is_left_out_is_counted_and_told(tmp_path, digits, capsys):
    write(tmp_path, digits, range(20))
    for name in ("a.HEIC", "b.heic", "c.svg", "d"):
        (tmp_path / "4" / name).write_bytes(b"x")
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini", "notes.txt"):
        (tmp_path / "4" / name).write_bytes(b"x")
    (tmp_path / "10").mkdir()
    for n in range(3):
        Image.fromarray(digits[0][n]).save(tmp_path / "10" / f"{n}.png")
    assert sum(len(y) for _, y in read_folder(tmp_path)) == 20
    told = capsys.readouterr().err
    assert "4 files are left out" in told
    assert "2 .heic, 1 .svg, 1 without an ending" in told
    assert "3 pictures are left out that no folder names by what they show" in told


def test_only_unreadable_pictures_is_an_error(tmp_path):
    for n in range(3):
        (tmp_path / str(n)).mkdir()
        (tmp_path / str(n) / "a.heic").write_bytes(b"x")
    with pytest.raises(DataCorrupt, match=r"got none; 3 files are left out.*3 \.heic.*save pictures as PNG or JPEG"):
        find_mnist(tmp_path, yours=True).read()


@pytest.mark.skipif(sys.platform != "linux", reason="only here may names be any bytes")
def test_names_that_are_not_in_utf8(tmp_path, digits):
    write(tmp_path, digits, range(20))
    for n in range(20, 40):
        name = os.fsencode(tmp_path / str(digits[1][n])) + b"/caf\xe9-%d.png" % n
        Image.fromarray(digits[0][n]).save(tmp_path / "x.png")
        (tmp_path / "x.png").rename(os.fsdecode(name))
    parts = find_mnist(tmp_path, yours=True).read()
    assert sorted(n for part in parts for n in numbers_of(part, digits)) == [*range(40)]


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_escape_codes_in_names_do_not_reach_the_terminal(tmp_path, digits, capsys):
    folder = tmp_path / "\x1b[31mred\x07"
    write(folder, digits, range(20))
    (folder / "1" / "\x1b[2J.heic").write_bytes(b"")
    read_folder(folder)
    told = capsys.readouterr()
    assert "?[31mred?" in told.err
    (folder / "1" / "\x1b]0;title\x07.png").write_bytes(b"")
    with pytest.raises(DataCorrupt) as caught:
        read_folder(folder)
    for text in (told.err, str(caught.value)):
        assert "\x1b" not in text
        assert "\x07" not in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_among_pictures_is_named(tmp_path, digits):
    write(tmp_path, digits, range(20))
    os.mkfifo(tmp_path / "4" / "pipe.png")
    with pytest.raises(DataCorrupt, match=r"pipe\.png cannot be used: expected a picture; got a pipe"):
        read_folder(tmp_path)


def test_the_same_name_is_dealt_alike_on_every_system(tmp_path):
    names = [f"Bl\u00e4tter/{n}\u00fc.png" for n in range(20)]
    dealt = []
    for form in ("NFC", "NFD"):
        entries = [Entry(unicodedata.normalize(form, name), tmp_path, 0, None) for name in names]
        dealt.append({unicodedata.normalize("NFC", entry.name): part for entry, part in deal(entries)})
    assert dealt[0] == dealt[1]


def test_a_broken_picture_is_named(tmp_path, digits):
    write(tmp_path, digits, range(20))
    (tmp_path / "4" / "broken.png").write_bytes(b"<html>")
    with pytest.raises(DataCorrupt, match=r"broken\.png cannot be used"):
        read_folder(tmp_path)


def test_pictures_are_only_taken_where_they_are_asked_for(tmp_path, digits):
    write(tmp_path, digits, range(20))
    with pytest.raises(DataNotFound, match="pictures; load_digits"):
        find_mnist(tmp_path)
    assert find_mnist(tmp_path, yours=True).form == "pictures"
    with pytest.raises(DataNotFound, match="2 pictures, but not in folders that are named by what they show"):
        find_mnist(tmp_path / "0", yours=True)
    (tmp_path / "mnist.pkl.gz").write_bytes(b"")
    assert find_mnist(tmp_path, yours=True).form == "pickle"


# --- csv -----------------------------------------------------------------------------------------------------


def write_csv(folder: Path, digits: tuple[np.ndarray, np.ndarray], line: str, head: str = "file,label") -> Path:
    """A csv file and its 21 pictures in a folder with a space."""
    (folder / "die Bilder").mkdir()
    for n in range(21):
        Image.fromarray(digits[0][n]).save(folder / "die Bilder" / f"ä{n}.png")
    lines = [head, *(line.format(n=n, label=digits[1][n], part=("train", "valid", "test")[n % 3]) for n in range(21))]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return folder / "labels.csv"


LINES = {
    "plain": ("die Bilder/ä{n}.png,{label}", "file,label"),
    "quoted": ('"die Bilder/ä{n}.png","{label}"', "file,label"),
    "from Windows": ("die Bilder\\ä{n}.png,{label}\r", "file,label\r"),
    "more columns": ("x,{label},y,./die Bilder/ä{n}.png", "a,label,b,file"),
    "with parts": ("die Bilder/ä{n}.png,{label},{part}", "file,label,part"),
    "with semicolons": ("die Bilder/ä{n}.png;{label}", "file;label"),
    "with tabs": ("die Bilder/ä{n}.png\t{label}", "file\tlabel"),
    "other names": ("{label},die Bilder/ä{n}.png", "Class,Filename"),
    "labels as floats": ("die Bilder/ä{n}.png,{label}.0", "file,label"),
}


@pytest.mark.parametrize("kind", LINES)
def test_a_csv_names_files_and_labels(tmp_path, digits, kind):
    found = find_mnist(write_csv(tmp_path, digits, *LINES[kind]), yours=True)
    parts = found.read()
    assert found.source(parts) == "yours"
    train, valid, test = (numbers_of(part, digits) for part in parts)
    assert sorted(train + valid + test) == list(range(21))
    if kind == "with parts":
        assert (train, valid, test) == ([*range(0, 21, 3)], [*range(1, 21, 3)], [*range(2, 21, 3)])
    else:
        assert [len(train), len(valid), len(test)] == [15, 3, 3]


WRONG = {
    "no such column": ("a,1", "name,label", "columns file,label; got name,label"),
    "empty": ("", "", "got nothing"),
    "a label of letters": ("die Bilder/ä1.png,seven", "file,label", "the label 'seven' in row 1"),
    "a label 10": ("die Bilder/ä1.png,10", "file,label", "labels from 0 to 9; got the label '10'"),
    "a digit of another script": ("die Bilder/ä1.png,٣", "file,label", "labels from 0 to 9"),
    "no label": ("die Bilder/ä1.png", "file,label", "the label '' in row 1"),
    "no file": (",1", "file,label", "in its own folder; got '' in row 1"),
    "another folder": ("../secret.png,1", "file,label", "in its own folder"),
    "a NUL in a name": ("die Bilder/\0.png,1", "file,label", "in its own folder|cannot be read"),
    "hidden in the middle": ("die Bilder/../../secret.png,1", "file,label", "in its own folder"),
    "from the root": ("/etc/hostname,1", "file,label", "in its own folder"),
    "a drive": ("C:\\secret.png,1", "file,label", "in its own folder"),
    "another computer": ("\\\\server\\share\\x.png,1", "file,label", "in its own folder"),
    "an unknown part": ("die Bilder/ä1.png,1,exam", "file,label,part", "train, valid or test; got 'exam'"),
    "too long a field": ("x" * 200_000 + ",1", "file,label", "one that cannot be read"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_csv_is_named(tmp_path, digits, fault):
    line, head, words = WRONG[fault]
    path = write_csv(tmp_path, digits, line, head)
    with pytest.raises(DataCorrupt, match=words.replace("(", r"\(")) as caught:
        read_csv(path)
    assert str(path) in str(caught.value)


def test_a_csv_ends_at_the_first_row_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PICTURES", 100)
    (tmp_path / "labels.csv").write_text("file,label\n" + "a.png,1\n" * 100_000, encoding="utf-8")
    rows = []
    whole = pictures._entry
    monkeypatch.setattr(pictures, "_entry", lambda *row: rows.append(row) or whole(*row))
    with pytest.raises(DataCorrupt, match="at most 100 pictures; got more"):
        read_csv(tmp_path / "labels.csv")
    assert len(rows) == 101


def test_a_csv_in_a_folder_or_packed_or_in_utf16_is_read(tmp_path, digits):
    path = write_csv(tmp_path, digits, *LINES["plain"])
    text = path.read_text(encoding="utf-8-sig")
    assert find_mnist(tmp_path, yours=True).form == "csv"
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "utf16.csv").write_text(text, encoding="utf-16")
    for name in ("packed.csv.gz", "utf16.csv"):
        assert sum(len(y) for _, y in find_mnist(tmp_path / name, yours=True).read()) == 21


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_pipes_in_and_behind_a_csv(tmp_path, digits):
    path = write_csv(tmp_path, digits, *LINES["plain"])
    (tmp_path / "die Bilder" / "ä3.png").unlink()
    os.mkfifo(tmp_path / "die Bilder" / "ä3.png")
    with pytest.raises(DataCorrupt, match=r"ä3\.png cannot be used: expected a picture; got a pipe"):
        read_csv(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataNotFound, match="a pipe"):
        find_mnist(path, yours=True)


def test_a_picture_missing_from_the_folder_is_named(tmp_path, digits):
    path = write_csv(tmp_path, digits, *LINES["plain"])
    (tmp_path / "die Bilder" / "ä5.png").unlink()
    with pytest.raises(DataNotFound, match=r"ä5\.png"):
        read_csv(path)


def test_a_picture_whose_name_no_system_has_is_named(tmp_path):
    (tmp_path / "labels.csv").write_text("file,label\n" + "".join(f"{'x' * 300}{n}.png,1\n" for n in range(9)))
    with pytest.raises((DataCorrupt, DataNotFound), match=r"can be opened; got the error|there is no picture"):
        read_csv(tmp_path / "labels.csv")


def test_a_csv_in_another_encoding_is_named(tmp_path):
    (tmp_path / "labels.csv").write_bytes("file,label\nä.png,1\n".encode("latin1"))
    with pytest.raises(DataCorrupt, match="a csv file in UTF-8"):
        read_csv(tmp_path / "labels.csv")


def test_load_digits_takes_pictures_of_yours(tmp_path):
    from lessonlib.data import load_digits

    for digit in (3, 7):
        (tmp_path / str(digit)).mkdir()
        for n in range(6):
            seven(at=(100 + 9 * n, 120)).save(tmp_path / str(digit) / f"{n}.png")
    digits = load_digits(path=tmp_path)
    assert digits.source == "yours"
    assert len(digits.train) + len(digits.valid) + len(digits.test) == 12
    assert set(digits.train.y.tolist()) == {3, 7}
    assert digits.train.x.shape[1:] == (28, 28)
    with pytest.raises(DataNotFound):
        load_digits("mnist", path=tmp_path)
