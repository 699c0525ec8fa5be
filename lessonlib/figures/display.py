"""Finished figures: pixels or SVG, and one sentence that says what they show."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:  # who only loads digits need not wait for matplotlib
    from matplotlib.figure import Figure

# Blue, orange, green, purple, light grey: told apart by the colour-blind (after Okabe and Ito, "Color Universal
# Design", 2008), and by their lightness in grey print: 0.34, 0.64, 0.45, 0.20 and 0.77 of white.
COLORS = ("#0072B2", "#E69F00", "#1F9E77", "#4A2257", "#C4C4C4")
SHOWN_PIXELS_PER_INCH = 80
PIXELS_PER_INCH = (160, 120, 80)  # twice as many as are shown, crisp on dense screens; fewer where that makes a large file
LARGE = 40_000  # bytes
INK, FAINT = "#2A2935", "#8C8A93"
# In a dark theme of JupyterLab, VS Code or the site a figure turns dark, and its colours keep their hue; SVG pictures
# choose their own dark colours.
THEME = (
    "img.ll-pixels,img.ll-drawn,img.ll-photo{max-width:100%;height:auto}"
    '[data-jp-theme-light="false"] img.ll-pixels,.vscode-dark img.ll-pixels,[data-theme="dark"] img.ll-pixels'
    "{filter:invert(.93) hue-rotate(180deg)}"
    '[data-jp-theme-light="false"] img.ll-drawn,.vscode-dark img.ll-drawn,[data-theme="dark"] img.ll-drawn{color-scheme:dark}'
    '[data-jp-theme-light="true"] img.ll-drawn,[data-theme="light"] img.ll-drawn{color-scheme:light}'
)
STYLE = {
    "figure.figsize": (5.0, 2.8), "font.size": 9, "axes.titlesize": 9.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.labelsize": 9, "axes.labelcolor": INK, "text.color": INK, "axes.edgecolor": FAINT, "axes.linewidth": 0.8,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True,
    "grid.color": "#E6E4DE", "grid.linewidth": 0.7, "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "lines.linewidth": 1.8, "lines.solid_capstyle": "round", "legend.frameon": False,
    "legend.fontsize": 8.5, "image.cmap": "gray_r", "image.interpolation": "nearest",
}


def use_style() -> None:
    """Draw figures as all lessons do from now on: their colours, thin axes, quiet grid. It changes `plt.rcParams`."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    style: Any = {**STYLE, "axes.prop_cycle": cycler(color=COLORS)}
    plt.rcParams.update(style)


class Picture:
    """A finished figure: the bytes of a PNG, a GIF that moves or an SVG, and in one sentence what they show."""

    def __init__(self, content: bytes, alt: str, width: int, kind: str = "png", recolour: bool = True):
        self.content, self.alt, self.width, self.kind, self.recolour = content, alt, width, kind, recolour

    def tag(self) -> str:
        """The picture as an <img>, because that keeps its alt text in JupyterLab, in cleaned notebooks and in the docs."""
        data = base64.b64encode(self.content).decode()
        look = "ll-drawn" if self.kind == "svg+xml" else "ll-pixels" if self.recolour else "ll-photo"
        return f'<img class="{look}" alt="{escape(self.alt)}" width="{self.width}" src="data:image/{self.kind};base64,{data}"/>'

    def _repr_html_(self) -> str:
        return f"<style>{THEME}</style>{self.tag()}"

    def __repr__(self) -> str:
        return f"[picture: {self.alt}]"

    def save(self, path: str | Path) -> None:
        """Write the picture to `path`."""
        Path(path).write_bytes(self.content)


def picture(
    figure: Figure,  # a matplotlib figure; it is closed afterwards
    alt: str,  # one sentence that says what there is to see, for those who cannot see it
    recolour: bool = True,  # False: its colours are what it is about, and a dark theme leaves them as they are
) -> Picture:
    """Finish a figure. Raises `ValueError` where the sentence is missing."""
    need_words(alt)
    return paint(figure, alt, tight=True, recolour=recolour)


def moving_picture(
    figures: Iterable[Figure],  # the steps, all of one size; they are closed afterwards
    alt: str,  # one sentence that says what there is to see
    seconds: float = 1.5,  # for each step
) -> Picture:
    """Show figures one after another, again and again. Raises `ValueError` where the sentence or a figure is missing."""
    need_words(alt)
    images = []
    for figure in figures:
        with _finished(figure, tight=False):
            images.append(_pixels(figure, False, PIXELS_PER_INCH[1]))
    if not images:
        raise ValueError("expected at least one figure; got none")
    gif = io.BytesIO()
    images[0].save(gif, "gif", save_all=True, append_images=images[1:], duration=round(1000 * seconds), loop=0)
    return Picture(gif.getvalue(), alt, images[0].width * SHOWN_PIXELS_PER_INCH // PIXELS_PER_INCH[1], "gif")


_caption = ""  # written under every picture; see `set_caption`


def set_caption(words: str) -> None:
    """Write `words` under every picture from now on, such as whose digits they show; "" writes nothing."""
    global _caption
    _caption = words


def caption() -> str:
    """What is written under every picture now; see `set_caption`."""
    return _caption


def need_words(alt: str) -> None:
    """Raise `ValueError` where there is no sentence."""
    if len(alt.split()) < 3:
        raise ValueError(f"expected one sentence that says what the picture shows; got {alt!r}")


def paint(figure: Figure, alt: str, tight: bool, recolour: bool) -> Picture:
    """Draw and close a figure; `tight` cuts its empty border away, which frames of one size must keep."""
    with _finished(figure, tight):
        for dense in PIXELS_PER_INCH:
            image, small = _pixels(figure, tight, dense), io.BytesIO()
            image.save(small, "png", optimize=True)
            if small.tell() <= LARGE:
                break
    return Picture(small.getvalue(), alt, image.width * SHOWN_PIXELS_PER_INCH // dense, recolour=recolour)


@contextmanager
def _finished(figure: Figure, tight: bool) -> Iterator[None]:
    """Lay out and sign a figure that is about to be drawn, and close it afterwards."""
    import matplotlib.pyplot as plt

    if not tight and figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")  # the border stays, so labels must fit inside
    if _caption:
        lowest = figure.get_tightbbox().y0 / figure.get_figheight() - 0.01 if tight else 0  # below all that is drawn
        figure.text(0.5, lowest, _caption, ha="center", va="top" if tight else "bottom", fontsize=7, color="#555555")
    try:
        yield
    finally:
        plt.close(figure)


def _pixels(figure: Figure, tight: bool, dense: int) -> Image.Image:
    """Draw a figure. 64 colours are plenty for lines and digits, and keep a notebook small."""
    full = io.BytesIO()
    figure.savefig(full, format="png", dpi=dense, bbox_inches="tight" if tight else None, facecolor="white",
                   pil_kwargs={"compress_level": 0})  # it is read again at once
    image = Image.open(full).convert("RGB")
    return image.quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
