"""The ladder that every lesson opens with, drawn as SVG: what each rung takes away is seen to fall."""

from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from lessonlib.figures.display import Picture

LADDER = (  # number, name, what it takes away
    (1, "Sequential", "everything borrowed"),
    (2, "Module", "no Sequential, Linear, LogSoftmax"),
    (3, "Loop", "no fit, DataLoader, NLLLoss"),
    (4, "SGD", "no torch.optim"),
    (5, "Matmul", "no matrix product"),
    (6, "Gradients", "no autograd"),
    (7, "Bare Python", "no torch"),
)
# What comes off at each rung, as it is written on the blocks, and what the reader writes in its place.
BLOCKS = {2: ("Sequential", "Linear", "LogSoftmax"), 3: ("fit", "DataLoader", "NLLLoss"), 4: ("torch.optim",), 5: ("@",),
          6: ("autograd",), 7: ("torch",)}
WRITTEN = {1: "all of it borrowed", 2: "your own layers", 3: "your own loss, batches, loop", 4: "your own update",
           5: "your own matrix product", 6: "your own gradients", 7: "lists, and math"}

WIDTH, HEIGHT = 760, 396
FIRST, APART = 52, 44  # the height of rung 1, and the distance from rung to rung
GROUND = FIRST + 7 * APART + 18
LEFT, RIGHT = 150, 392  # where the rails are
# One colour for each rung below the first, and the letters on it: a contrast of 4.5 to 1 or more.
BLOCK_COLORS = (("#0072B2", "#FFFFFF"), ("#E69F00", "#2A2935"), ("#16805F", "#FFFFFF"), ("#A8479A", "#FFFFFF"),
                ("#4470C4", "#FFFFFF"), ("#BF4F2B", "#FFFFFF"))

# Our own hand: the digits that stand on the ground and on the rung where the reader is, as strokes 20 wide, 28 high.
STROKES = {
    0: "M11 3C3 3 2 25 10 25S18 3 11 3",
    2: "M3 8C5 1 16 1 15 9C14 15 7 19 3 25C8 22 12 26 18 24",
    3: "M4 5C9 1 16 3 14 8C13 12 9 13 8 13C13 12 17 15 16 20C14 26 6 26 3 22",
    5: "M16 3L6 3L5 12C10 9 17 12 16 18C15 25 7 26 3 22",
    7: "M3 4L17 4C13 11 10 17 9 25M6 14L14 13",
    8: "M14 6C10 1 3 4 5 9C7 13 16 15 15 21C13 27 3 25 5 19C6 15 15 12 14 6",
}

STYLE = """
.card{fill:#FAF8F3;stroke:#DDD6C8}.ink{fill:#2A2935}.soft{fill:#6A665F}.rail{stroke:#A08F74}.rung{fill:#E9E2D4;stroke:#C6BBA5}
.ground{stroke:#A08F74}.lit{fill:#2B6CB0;stroke:#2B6CB0}.onlit{fill:#FFFFFF}.pen{stroke:#2A2935}.penlit{stroke:#2B6CB0}
.tag{fill:#2B6CB0}
@media (prefers-color-scheme:dark){.card{fill:#191D29;stroke:#2E3547}.ink{fill:#ECE9E2}.soft{fill:#A9A79F}.rail{stroke:#7A6E5C}
.rung{fill:#2C3345;stroke:#465070}.ground{stroke:#7A6E5C}.lit{fill:#F2B233;stroke:#F2B233}.onlit{fill:#191D29}.pen{stroke:#ECE9E2}
.penlit{stroke:#F2B233}.tag{fill:#F2B233}}
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
"""


def ladder_picture(
    here: float | None = None,  # the rung of this lesson; 2.5 is on the way from 2 to 3; None lights no rung
) -> Picture:
    """The ladder from the top, where everything is borrowed, down to the ground, with "you are here".

    What the rungs above `here` have taken away lies on the ground; what this rung takes away is falling.
    Raises `ValueError` where there is no such rung.
    """
    if here is not None and not 0 <= here <= len(LADDER):
        raise ValueError(f"expected a rung from 0 to {len(LADDER)}, or None; got {here!r}")
    return Picture(ladder_svg(here).encode(), _in_words(here), WIDTH, "svg+xml")


def ladder_svg(here: float | None = None) -> str:
    """The picture as SVG text; it follows the light or dark preference of whoever looks at it."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
             f"<style>{STYLE.strip()}</style>",
             f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="14"/>']
    for x in (LEFT, RIGHT):
        parts.append(f'<path class="rail" d="M{x} 22V{GROUND}" stroke-width="7" stroke-linecap="round"/>')
    parts += [part for number, name, _ in LADDER for part in _rung(number, name, number == here)]
    parts.append(f'<path class="ground" d="M26 {GROUND}H{WIDTH - 26}" stroke-width="3" stroke-linecap="round"/>')
    parts += [_digit(digit, 34 + 27 * place, GROUND - 32, "pen") for place, digit in enumerate((7, 2, 0))]
    if here is not None:
        parts += _marker(here)
    parts += [block.svg() for block in _blocks(here)]
    return "\n".join([*parts, "</svg>"])


def _height(here: float) -> float:
    return FIRST + (here - 1) * APART


def _rung(number: int, name: str, lit: bool) -> list[str]:
    y, on = _height(number), "onlit" if lit else "ink"
    return [f'<rect class="{"lit" if lit else "rung"}" x="{LEFT - 10}" y="{y - 15}" width="{RIGHT - LEFT + 20}" '
            'height="30" rx="7"/>',
            f'<text class="{on}" x="{LEFT + 8}" y="{y + 5}" font-size="15" font-weight="600">{number}</text>',
            f'<text class="{on}" x="{LEFT + 28}" y="{y + 5}" font-size="15" font-weight="600">{name}</text>',
            f'<text class="{"onlit" if lit else "soft"}" x="{RIGHT - 6}" y="{y + 5}" font-size="11.5" text-anchor="end">'
            f"{WRITTEN[number]}</text>"]


def _digit(digit: int, x: float, y: float, pen: str) -> str:
    return (f'<path class="{pen}" transform="translate({x} {y})" d="{STROKES[digit]}" fill="none" stroke-width="3" '
            'stroke-linecap="round" stroke-linejoin="round"/>')


def _marker(here: float) -> list[str]:
    """A digit that stands where the reader is, with a word."""
    y = _height(max(here, 0.35))
    return [_digit(3, LEFT - 44, y - 15, "penlit"),
            f'<text class="tag" x="{LEFT - 50}" y="{y + 4}" font-size="12" font-weight="600" '
            'text-anchor="end">you are here</text>']


@dataclass(frozen=True)
class _Block:
    """One thing that was borrowed, somewhere between its rung and the ground."""

    words: str
    rung: int
    x: float  # its left edge
    y: float  # its middle
    angle: float = 0
    size: float = 12  # of the letters

    @property
    def width(self) -> float:
        return self.size * (0.61 * len(self.words) + 1.3)

    @property
    def height(self) -> float:
        return 1.8 * self.size

    def svg(self) -> str:
        color, letters = BLOCK_COLORS[self.rung - 2]
        turn = f' transform="rotate({self.angle} {self.x + self.width / 2:.1f} {self.y})"' if self.angle else ""
        middle = self.x + self.width / 2
        return (f'<g{turn}><rect x="{self.x:.1f}" y="{self.y - self.height / 2:.1f}" width="{self.width:.1f}" '
                f'height="{self.height:.1f}" rx="{self.size * 0.4:.1f}" fill="{color}"/>'
                f'<text class="mono" x="{middle:.1f}" y="{self.y + self.size / 3:.1f}" font-size="{self.size}" '
                f'fill="{letters}" '
                f'text-anchor="middle">{escape(self.words)}</text></g>')


def _blocks(here: float | None) -> list[_Block]:
    """Every block: at its rung where that is still to come, falling from the rung of today, fallen from those above."""
    blocks, fallen = [], []
    for rung, words in BLOCKS.items():
        x = RIGHT + 26.0
        for n, word in enumerate(words):
            block = _Block(word, rung, x, _height(rung))
            if here is not None and rung < here:
                fallen.append(block)
            elif here == rung:
                blocks.append(_Block(word, rung, x + 8, block.y + 9 + 2 * n, (7, -5, 6)[n]))
            else:
                blocks.append(block)
            x += block.width + 8
    return blocks + _heap(fallen)


def _heap(fallen: list[_Block]) -> list[_Block]:
    """Lay the blocks on the ground, smaller, in rows as wide as the room between the ladder and the edge."""
    placed, x, row = [], RIGHT + 26.0, 0
    for block in fallen:
        block = replace(block, size=9.5)
        if x + block.width > WIDTH - 24:
            row += 1
            x = RIGHT + 26.0 + 14 * row
        placed.append(replace(block, x=x, y=GROUND - 2 - (row + 0.5) * (block.height + 2)))
        x += block.width + 4
    return placed


def _in_words(here: float | None) -> str:
    words = "A ladder of seven rungs, from the top down: " + ", ".join(
        f"{number} {name} ({removed})" for number, name, removed in LADDER) + "."
    if here is None:
        return words
    if here < 1:
        return words + " You stand before the first rung."
    if here == int(here):
        return words + f" You are on rung {int(here)}."
    return words + f" You are on the way from rung {int(here)} to rung {int(here) + 1}."
