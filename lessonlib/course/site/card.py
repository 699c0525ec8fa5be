"""The picture that stands beside a link to the site: the ladder, the title, and what it is about."""

import textwrap
from pathlib import Path

from lessonlib.course.site.about import About
from lessonlib.figures.ladder import BLOCK_COLORS, BLOCKS, LADDER

PIXELS = 1200, 630  # what most services show whole
PAPER, INK, SOFT, RAIL, RUNG, EDGE = "#FAF8F3", "#2A2935", "#5F5B54", "#A08F74", "#E9E2D4", "#C6BBA5"
LEFT, RIGHT, TOP, APART = 700, 930, 70, 76  # where the rails are, and the rungs


def draw_card(path: Path, about: About) -> None:
    """Write the picture to `path`. It needs matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    width, height = PIXELS
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")

    def box(x: float, y: float, w: float, h: float, face: str, edge: str) -> None:
        axes.add_patch(FancyBboxPatch((x, y), w, h, boxstyle="round,pad=0,rounding_size=8", facecolor=face, edgecolor=edge))

    axes.text(70, 120, about.title, fontsize=26, fontweight="bold", color="#2B6CB0", va="center")
    question, _, idea = about.description.partition(": ")
    axes.text(70, 180, textwrap.fill(question, 18), fontsize=36, fontweight="bold", color=INK, va="top", linespacing=1.25)
    axes.text(70, 440, textwrap.fill(idea.capitalize(), 30), fontsize=19, color=SOFT, va="top", linespacing=1.4)
    for x in (LEFT, RIGHT):
        axes.plot([x, x], [30, 600], color=RAIL, linewidth=7, solid_capstyle="round", zorder=0)
    for n, (number, name, _) in enumerate(LADDER):
        y = TOP + n * APART
        box(LEFT - 18, y - 24, RIGHT - LEFT + 36, 48, RUNG, EDGE)
        axes.text(LEFT + 4, y, str(number), fontsize=16, fontweight="bold", color=INK, va="center")
        axes.text(LEFT + 34, y, name, fontsize=16, fontweight="bold", color=INK, va="center")
        if number in BLOCKS:
            face, letters = BLOCK_COLORS[number - 2]
            word = BLOCKS[number][0]
            box(RIGHT + 50, y - 18, 26 + 12 * len(word), 36, face, face)
            axes.text(RIGHT + 63 + 6 * len(word), y, word, fontsize=13, family="monospace", color=letters, ha="center",
                      va="center")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, metadata={"Software": None})
