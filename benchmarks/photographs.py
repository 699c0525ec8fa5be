"""How well `read_digit` reads photographs: drawn ones, so that the digit in each is known.

A digit is drawn large by the strokes of `lessonlib.handwriting`, put on paper and photographed under difficulties: hard
shadows, a dark table, lines, corners. A network trained on MNIST then says what it sees. Three things may come of a
picture: it is read right, it is refused in words, or it is misread. The last should never happen more often than to
the same digits drawn cleanly.

    python benchmarks/photographs.py                 # needs MNIST; about two minutes
    python benchmarks/photographs.py --each 100 --keep FOLDER
"""

import argparse
import functools
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from lessonlib import handwriting
from lessonlib.data import load_digits
from lessonlib.files import DataCorrupt
from lessonlib.files.pictures import read_digit

SIDE = 600  # pixels of a photograph


def digit_mask(digit: int, rng: torch.Generator, side: int = 320, pen: float = 0.06) -> np.ndarray:
    """One digit, (side, side) from 0 to 1, with a pen that is so wide as a share of the digit's height."""
    ways = handwriting.WAYS[digit]
    path = ways[int(torch.randint(len(ways), (1,), generator=rng))]
    points, pieces = handwriting.read_path(path)
    segments = handwriting.curve(handwriting.shake(points, 1, rng), pieces, steps=12)
    segments = handwriting.lean(handwriting.bend(segments, rng), rng)
    low, high = segments.amin(dim=(1, 2)), segments.amax(dim=(1, 2))
    width = pen * side
    segments = (segments - (low + high) / 2) * ((side - 2 * width) / (high - low).amax()) + side / 2
    # Two segments at a time: tables of all at once do not fit into the processor's fast memory, and take twice as long.
    nearest = functools.reduce(torch.minimum, (handwriting.distances(two, side) for two in segments.split(2, dim=1)))
    mask = handwriting.ink(nearest, torch.tensor([width]), fade=3.0)
    return mask[0].numpy() / 255


def put(mask: np.ndarray, at: tuple[int, int], side: int = SIDE) -> np.ndarray:
    """The mask at this place (row, column) of an empty picture."""
    picture = np.zeros((side, side))
    picture[at[0] : at[0] + mask.shape[0], at[1] : at[1] + mask.shape[1]] = mask
    return picture


def middle(mask: np.ndarray, side: int = SIDE) -> np.ndarray:
    """The mask in the middle of an empty picture."""
    return put(mask, ((side - mask.shape[0]) // 2,) * 2, side)


def develop(light: np.ndarray, rng: np.random.Generator, noise: float = 4, blur: float = 1) -> Image.Image:
    """A photograph of this light, 0 to 255: blurred a little and with noise."""
    image = Image.fromarray(np.uint8(np.clip(light, 0, 255))).filter(ImageFilter.GaussianBlur(blur))
    noisy = np.asarray(image) + rng.normal(0, noise, light.shape)
    return Image.fromarray(np.uint8(np.clip(noisy, 0, 255)))


def half_plane(rng: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """True on one side of a line that passes near the middle."""
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.25, 0.25) * side
    rows, columns = np.mgrid[:side, :side] - side / 2
    return rows * np.sin(angle) + columns * np.cos(angle) > offset


def written(mask: np.ndarray, paper: float | np.ndarray = 215, ink: float = 0.25) -> np.ndarray:
    """Light from the paper, and from the ink, which leaves so much of it."""
    return paper * (1 - (1 - ink) * mask)


def sheet(light: np.ndarray, table: float, rng: np.random.Generator, most_turn: float) -> np.ndarray:
    """The same as a sheet of paper that lies on a table, turned."""
    turn, size = rng.uniform(-most_turn, most_turn), int(SIDE * rng.uniform(0.62, 0.72))
    paper = Image.fromarray(np.uint8(np.clip(light, 0, 255))).resize((size, int(size * rng.uniform(0.85, 1))))
    whole = Image.new("L", paper.size, 255).rotate(turn, expand=True, resample=Image.Resampling.BILINEAR)
    turned = paper.rotate(turn, expand=True, resample=Image.Resampling.BILINEAR)
    board = table + 8 * np.sin(np.arange(SIDE) / 17)[:, None] + rng.normal(0, 5, (SIDE, SIDE))
    image = Image.fromarray(np.uint8(np.clip(board, 0, 255)))
    room = [SIDE - side for side in turned.size]
    image.paste(turned, tuple(int(rng.uniform(0.1, 0.9) * max(space, 0)) for space in room), whole)
    return np.asarray(image, dtype=float)


def lined(step: int, both: bool, rng: np.random.Generator, tone: float = 0.8) -> np.ndarray:
    """Paper with lines, or with squares."""
    paper, first = np.full((SIDE, SIDE), 225.0), int(rng.integers(step))
    paper[first::step] *= tone
    paper[first + 1 :: step] *= tone
    if both:
        paper[:, first::step] *= tone
        paper[:, first + 1 :: step] *= tone
    return paper


def slope(rng: np.random.Generator, darkest: float) -> np.ndarray:
    """Light that falls from one side."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return 1 - (1 - darkest) * (rows * np.sin(angle) + columns * np.cos(angle) + 1.42) / 2.84


def shadow_of_a_hand(rng: np.random.Generator) -> np.ndarray:
    """A dark shape that reaches into the picture from its edge."""
    image = Image.new("L", (SIDE, SIDE), 255)
    start, tip = rng.uniform(0, SIDE), rng.uniform(0.25, 0.6) * SIDE
    ImageDraw.Draw(image).line([(start, SIDE + 90), (start + rng.uniform(-100, 100), SIDE - tip)], fill=120, width=170)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(2))) / 255


def scenes(torch_rng: torch.Generator, rng: np.random.Generator) -> dict[str, Callable[[int], Image.Image]]:
    """How a digit may come to us; each gives a picture of the digit that it is asked for."""
    def mask(digit: int, side: int = 300, pen: float | None = None) -> np.ndarray:
        return digit_mask(digit, torch_rng, side, pen or rng.uniform(0.035, 0.1))

    def corner(digit: int) -> np.ndarray:
        at = rng.choice([12, SIDE - 172], 2)
        return put(mask(digit, 160), tuple(at))

    return {
        "clean": lambda d: develop(255 * (1 - middle(mask(d))), rng, 0, 0.5),
        "pen on grey paper": lambda d: develop(written(middle(mask(d)), 180, 0.45), rng, 5),
        "thick pen": lambda d: develop(written(middle(mask(d, 380, 0.14))), rng),
        "out of focus": lambda d: develop(written(middle(mask(d))), rng, 3, 6),
        "noise": lambda d: develop(written(middle(mask(d))), rng, 22),
        "light from one side": lambda d: develop(written(middle(mask(d)), 230 * slope(rng, 0.3)), rng),
        "hard shadow": lambda d: develop(written(middle(mask(d)), 220 * np.where(half_plane(rng), 1, 0.5)), rng),
        "deep shadow": lambda d: develop(written(middle(mask(d)), 230 * np.where(half_plane(rng), 1, 0.3)), rng),
        "shadow of a hand": lambda d: develop(written(middle(mask(d)), 220 * shadow_of_a_hand(rng)), rng),
        "dark table": lambda d: develop(sheet(written(middle(mask(d, 330))), 60, rng, 4), rng),
        "dark table, turned": lambda d: develop(sheet(written(middle(mask(d, 330))), 50, rng, 12), rng),
        "light table": lambda d: develop(sheet(written(middle(mask(d, 330)), 235), 175, rng, 10), rng),
        "in a corner": lambda d: develop(written(corner(d)), rng),
        "small": lambda d: develop(written(put(mask(d, 90), (200, 330))), rng),
        "lined paper": lambda d: develop(written(middle(mask(d)), lined(46, False, rng)), rng),
        "squared paper": lambda d: develop(written(middle(mask(d)), lined(30, True, rng)), rng),
        "chalk": lambda d: develop(45 * slope(rng, 0.6) + 170 * middle(mask(d)), rng, 6),
        "28 x 28 in a corner": lambda d: Image.fromarray(np.uint8(255 * (1 - put(mask(d, 140), (0, 84), 224)))).resize(
            (28, 28), Image.Resampling.BOX),
        "two digits": lambda d: develop(written(np.maximum(
            put(mask(d, 220), (190, 60)), put(mask(int(rng.integers(10)), 220), (180, 320)))), rng),
        "two digits, one over the other": lambda d: develop(written(np.maximum(
            put(mask(d, 220), (60, 180)), put(mask(int(rng.integers(10)), 220), (320, 190)))), rng),
        "a page of digits": lambda d: develop(written(np.max([put(mask(int(rng.integers(10)), 120), (60 + 170 * r, 60 + 170 * c))
                                                           for r in range(3) for c in range(3)], axis=0)), rng),
        "only a shadow": lambda d: develop(220 * np.where(half_plane(rng), 1, 0.5), rng),
        "only a table": lambda d: develop(sheet(np.full((SIDE, SIDE), 215.0), 60, rng, 10), rng),
        "only lines": lambda d: develop(lined(46, False, rng), rng),
        "a blot": lambda d: develop(written(np.float64(np.hypot(*(np.mgrid[:SIDE, :SIDE] - 300)) < 90)), rng),
    }


NO_DIGIT = ("two digits", "two digits, one over the other", "a page of digits", "only a shadow", "only a table",
            "only lines", "a blot")


def trained() -> torch.nn.Module:
    """A small convolutional network after two epochs of MNIST."""
    torch.manual_seed(0)
    digits = load_digits("mnist")
    nn = torch.nn
    model = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5, padding=2),
                          nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(1568, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(2):
        for batch in torch.randperm(50_000).split(128):
            loss = nn.functional.cross_entropy(model(digits.train.x[batch, None] / 255), digits.train.y[batch])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


def main() -> None:
    """Draw, read, ask the network, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=50, help="pictures of each scene")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only scenes with this in their names")
    parser.add_argument("--model", type=Path, help="where the trained network is kept")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the pictures that were misread into it")
    options = parser.parse_args()
    if options.model and options.model.exists():
        model = torch.load(options.model, weights_only=False)
    else:
        model = trained()
        if options.model:
            torch.save(model, options.model)
    print(f"{'':32} {'right':>6} {'refused':>8} {'misread':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name in scenes(torch.Generator(), np.random.default_rng()):
            if options.only and options.only not in name:
                continue
            # Each scene begins with the same random numbers, so that a change to one leaves the others as they are.
            scene = scenes(torch.Generator().manual_seed(options.seed), np.random.default_rng(options.seed))[name]
            counts = Counter()
            for n in range(options.each):
                image, digit = scene(n % 10), n % 10
                path = Path(folder, f"{name}-{n}.png")
                image.save(path)
                try:
                    x = read_digit(path)
                except DataCorrupt as error:
                    result, words = "refused", str(error)
                else:
                    seen = int(model(torch.from_numpy(np.array(x))[None, None] / 255).argmax())
                    result, words = "right" if seen == digit and name not in NO_DIGIT else "misread", f"seen as {seen}"
                counts[result] += 1
                if options.keep and result != "right":
                    path.rename(options.keep / f"{result}-{path.name}")
                    if result == "misread":
                        Image.fromarray(x).resize((140, 140)).save(options.keep / f"{result}-{path.stem}-read-{seen}.png")
                    print("   ", path.name, words[-150:]) if result == "refused" and name not in NO_DIGIT else None
            print(f"{name:32} {counts['right']:6} {counts['refused']:8} {counts['misread']:8}", flush=True)


if __name__ == "__main__":
    main()
