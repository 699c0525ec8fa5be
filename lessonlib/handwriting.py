"""Digits that we draw ourselves: strokes, a shaky hand, and the distance from every pixel to every stroke."""
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from tqdm import tqdm

from lessonlib.files import cached_arrays, say

__all__ = ["SHAPES", "arc", "strokes_to_segments", "shaky", "render", "draw_digits", "handwritten"]

Point = tuple[float, float]  # x to the right, y downwards, both about 0 to 1
Stroke = list[Point]  # the pen goes from point to point


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 10) -> Stroke:
    """Points on an ellipse around (x, y), from angle `start` to `end` in degrees: 0 is right, 90 is down."""
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


# Ways to write each digit. Each way is a list of strokes.
SHAPES: list[list[list[Stroke]]] = [
    [  # 0: round, narrow, not quite closed
        [arc(.5, .5, .34, .48, -90, 270, 14)],
        [arc(.5, .5, .25, .48, -90, 270, 14)],
        [arc(.5, .5, .33, .46, -60, 280, 14)],
        [arc(.5, .5, .42, .44, -110, 255, 14)],
    ],
    [  # 1: a stroke, with an upstroke, with a foot
        [[(.5, .0), (.5, 1.)]],
        [[(.5, .0), (.5, 1.)]],
        [[(.5, .0), (.48, .5), (.5, 1.)]],
        [[(.36, .2), (.52, .0), (.52, 1.)]],
        [[(.34, .22), (.5, .0), (.5, 1.)], [(.3, 1.), (.7, 1.)]],
    ],
    [  # 2: with a straight base, with a loop, with a wave
        [arc(.5, .28, .3, .28, -170, 40, 7) + [(.2, 1.), (.84, .98)]],
        [arc(.48, .26, .32, .26, -160, 50, 7) + [(.36, .8), (.16, .98), (.5, .94), (.86, .98)]],
        [arc(.5, .28, .28, .28, -170, 50, 6) + [(.4, .78), (.22, .94), (.16, .82), (.3, .76), (.55, .92), (.9, .96)]],
        [arc(.46, .3, .34, .3, -150, 30, 7) + [(.5, .76), (.12, 1.), (.9, 1.)]],
    ],
    [  # 3: two bows, a flat top, a small upper bow
        [arc(.44, .26, .3, .26, -150, 90, 7) + arc(.44, .75, .34, .25, -90, 150, 7)],
        [[(.2, .02), (.76, .02), (.42, .4)] + arc(.42, .7, .34, .3, -80, 150, 8)],
        [arc(.46, .24, .26, .24, -160, 80, 6) + arc(.42, .72, .38, .28, -80, 160, 7)],
        [arc(.4, .24, .36, .22, -140, 70, 6) + [(.4, .46)] + arc(.42, .73, .32, .27, -70, 140, 7)],
    ],
    [  # 4: open, closed, with a bend
        [[(.2, .0), (.14, .54), (.82, .5)], [(.74, .04), (.68, 1.)]],
        [[(.66, .0), (.12, .66), (.9, .64)], [(.66, .0), (.64, 1.)]],
        [[(.16, .06), (.14, .42), (.3, .52), (.72, .44)], [(.8, .0), (.74, .44), (.66, 1.)]],
        [[(.24, .02), (.16, .36), (.24, .52), (.5, .52), (.76, .4)], [(.78, .06), (.78, .5), (.74, 1.)]],
    ],
    [  # 5: in two strokes, in one, flowing
        [[(.3, .02), (.24, .44)] + arc(.44, .7, .34, .3, -120, 140, 8), [(.3, .02), (.82, .0)]],
        [[(.84, .0), (.34, .04), (.26, .42), (.5, .4)] + arc(.46, .7, .34, .3, -70, 150, 7)],
        [[(.9, .06), (.5, .04), (.4, .36)] + arc(.42, .68, .28, .32, -70, 150, 7)],
        [[(.4, .0), (.32, .4)] + arc(.4, .68, .36, .28, -80, 140, 7), [(.4, .0), (.94, .04)]],
    ],
    [  # 6: a long back and a bowl, rounder, narrow
        [[(.66, .0), (.36, .3), (.2, .62)] + arc(.48, .74, .3, .26, 190, -160, 10)],
        [[(.56, .0), (.26, .36), (.16, .7)] + arc(.46, .76, .3, .24, 180, -150, 10)],
        [[(.74, .02), (.44, .16), (.24, .46), (.2, .72)] + arc(.5, .72, .3, .28, 170, -170, 9)],
        [[(.4, .0), (.28, .4), (.26, .74)] + arc(.48, .8, .22, .2, 180, -160, 9)],
    ],
    [  # 7: plain, with a serif, with a bar, bent
        [[(.12, .06), (.84, .02), (.44, 1.)]],
        [[(.14, .04), (.84, .04), (.6, .44), (.46, 1.)]],
        [[(.1, .2), (.14, .04), (.86, .02), (.5, .5), (.38, 1.)]],
        [[(.12, .04), (.86, .02), (.4, 1.)], [(.3, .5), (.82, .46)]],
        [[(.08, .1), (.5, .04), (.84, .1), (.72, .44), (.66, 1.)]],
    ],
    [  # 8: an S and back, two rings, narrow
        [arc(.5, .25, .27, .25, 60, -250, 8) + arc(.5, .75, .32, .25, -60, 250, 8)],
        [arc(.5, .24, .25, .24, 90, 450, 9), arc(.5, .74, .3, .26, -90, 270, 9)],
        [[(.76, .1), (.5, .0), (.28, .16), (.4, .4), (.66, .62), (.72, .84), (.48, 1.), (.26, .86), (.36, .6),
          (.64, .36), (.76, .1)]],
        [arc(.54, .24, .2, .24, 60, -250, 8) + arc(.46, .76, .24, .24, -60, 250, 8)],
    ],
    [  # 9: a ring and a straight leg, a bent leg, a curl
        [arc(.46, .28, .3, .27, -20, -350, 9) + [(.76, .2), (.72, 1.)]],
        [arc(.46, .27, .28, .26, -10, -350, 9) + [(.76, .2), (.7, .6), (.5, 1.)]],
        [arc(.48, .28, .28, .27, -20, -340, 9) + [(.76, .2), (.76, .7), (.6, .96), (.3, .96)]],
        [arc(.44, .3, .26, .2, -30, -350, 9) + [(.74, .16), (.66, .6), (.62, 1.)]],
    ],
]
# How often each digit stands among the 60,000 training images of MNIST.
EDITION = 1  # count up when the pixels change, so that no old cache is read
FREQUENCY = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)


def strokes_to_segments(strokes: list[Stroke]) -> Tensor:
    """All lines from point to point: (n_segments, 2 ends, 2 coordinates)."""
    return torch.tensor([pair for stroke in strokes for pair in zip(stroke, stroke[1:], strict=False)])


def all_segments() -> tuple[Tensor, Tensor]:
    """Every way to write every digit, filled up to one length: (n_ways, n_segments, 2, 2), and its digit (n_ways,)."""
    ways = [(strokes_to_segments(way), digit) for digit, ways in enumerate(SHAPES) for way in ways]
    longest = max(len(segments) for segments, _ in ways)
    # A segment that is there twice changes no distance, so the last one fills the rest.
    filled = [torch.cat([s, s[-1:].expand(longest - len(s), 2, 2)]) for s, _ in ways]
    return torch.stack(filled), torch.tensor([digit for _, digit in ways])


def shaky(
    segments: Tensor,  # (batch, n_segments, 2, 2)
    generator: torch.Generator,
) -> Tensor:  # the same shape, in pixels of a 28 x 28 image
    """Write each shape with another hand: bent, slanted, turned, wider or narrower; then fit it as MNIST does."""
    n = len(segments)

    def rand(*shape: int) -> Tensor:  # from -1 to 1
        return torch.rand(n, *shape, generator=generator) * 2 - 1

    p = segments - 0.5
    for wave in (3.0, 6.0):  # a smooth field moves neighbours together, so strokes stay in one piece
        phase = rand(1, 1, 2) * math.pi
        tilt = rand(1, 1, 2) * 0.5 + 1
        p = p + 0.2 / wave * rand(1, 1, 2) * torch.sin(wave * tilt * p.flip(-1) + phase)
    x, y = p.unbind(-1)
    x = x * (1 + 0.25 * rand(1, 1)) - (0.16 + 0.3 * rand(1, 1)) * y  # width; slant, mostly to the right
    angle = 0.12 * rand(1, 1)
    x, y = x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()
    p = torch.stack([x, y], dim=-1)
    low, high = p.amin(dim=(1, 2), keepdim=True), p.amax(dim=(1, 2), keepdim=True)
    p = p * (17.5 / (high - low).amax(dim=-1, keepdim=True))  # the longer side, and the pen adds some: 20 in all
    length = (p[:, :, 0] - p[:, :, 1]).norm(dim=-1, keepdim=True)  # (batch, n_segments, 1)
    centre = (p.mean(dim=2) * length).sum(dim=1) / length.sum(dim=1)  # of the ink: (batch, 2)
    return p - centre[:, None, None] + 13.5


def render(
    segments: Tensor,  # (batch, n_segments, 2, 2) in pixels
    width: Tensor,  # (batch,) of the pen, in pixels
    size: int = 28,
) -> Tensor:  # (batch, size, size) uint8
    """Ink every pixel by its distance from the nearest segment: full inside the pen, fading over one pixel."""
    start, along = segments[:, :, 0], segments[:, :, 1] - segments[:, :, 0]  # (batch, n_segments, 2)
    grid = torch.arange(size, dtype=torch.float32)
    # Where on each segment is the nearest point? 0 is its start, 1 its end.
    dx = grid[None, None, None, :] - start[:, :, 0, None, None]  # (batch, n_segments, 1, size)
    dy = grid[None, None, :, None] - start[:, :, 1, None, None]  # (batch, n_segments, size, 1)
    ax, ay = along[:, :, 0, None, None], along[:, :, 1, None, None]
    share = (dx * ax + dy * ay).div_(ax**2 + ay**2 + 1e-9).clamp_(0, 1)  # (batch, n_segments, size, size)
    squared = (dx - share * ax).square_().add_((dy - share * ay).square_())
    distance = squared.amin(dim=1).sqrt()  # (batch, size, size)
    ink = (width[:, None, None] / 2 - distance + 0.5).clamp(0, 1)
    return (ink * 255).round().to(torch.uint8)


def draw_digits(
    n: int,  # how many
    seed: int = 0,
) -> tuple[Tensor, Tensor]:  # images uint8 (n, 28, 28) and digits int64 (n,)
    """Draw `n` digits, as often each as in MNIST. The same seed draws the same digits."""
    rng = torch.Generator().manual_seed(seed)
    segments, digit_of = all_segments()
    chance = torch.tensor(FREQUENCY, dtype=torch.float64)[digit_of] / torch.bincount(digit_of)[digit_of]
    ways = torch.multinomial(chance, n, replacement=True, generator=rng)
    images = torch.empty(n, 28, 28, dtype=torch.uint8)
    size = 64  # small enough for the intermediate results to stay in the processor's cache
    for first in tqdm(range(0, n, size), desc="drawing digits", delay=2, leave=False):
        chosen = ways[first : first + size]
        width = 2.4 + 0.7 * torch.randn(len(chosen), generator=rng).clamp(-2, 2)
        images[first : first + size] = render(shaky(segments[chosen], rng), width)
    return images, digit_of[ways]


def handwritten() -> tuple[Tensor, Tensor]:
    """The built-in data set: 70,000 images uint8 (70000, 28, 28) and their digits int64 (70000,), drawn once and kept."""
    def make() -> dict:
        say("drawing 70,000 digits; this takes some seconds, and only the first time")
        x, y = draw_digits(70_000)
        return {"x": x.numpy(), "y": y.numpy()}

    arrays = cached_arrays(f"handwriting-{EDITION}", make)
    return torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])
