"""Pictures with a sentence that says what they show, and the ladder that every lesson opens with."""

import base64
import io
from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["COLORS", "LADDER", "Picture", "ladder_picture", "moving_picture", "picture", "sign_pictures"]

# Blue, orange, green, purple, light grey: told apart by the colour-blind (after Okabe and Ito, "Color Universal
# Design", 2008), and by their lightness in grey print: 0.34, 0.64, 0.45, 0.20 and 0.77 of white.
COLORS = ("#0072B2", "#E69F00", "#1F9E77", "#4A2257", "#C4C4C4")
PIXELS_PER_INCH = 130
SHOWN_PIXELS_PER_INCH = 80


class Picture:
    """A finished figure: the bytes of a PNG (or of a GIF that moves), and in one sentence what they show."""

    def __init__(self, content: bytes, alt: str, width: int, kind: str = "png"):
        self.content, self.alt, self.width, self.kind = content, alt, width, kind

    def _repr_html_(self) -> str:
        # An <img> in HTML, because that keeps its alt text in JupyterLab, in cleaned notebooks and in the docs.
        data = base64.b64encode(self.content).decode()
        alt = self.alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        return f'<img alt="{alt}" width="{self.width}" src="data:image/{self.kind};base64,{data}"/>'

    def __repr__(self) -> str:
        return f"[picture: {self.alt}]"

    def save(self, path: str | Path) -> None:
        """Write the picture to `path`."""
        Path(path).write_bytes(self.content)


def picture(
    figure: Figure,  # a matplotlib figure; it is closed afterwards
    alt: str,  # one sentence that says what there is to see, for those who cannot see it
) -> Picture:
    """Finish a figure. Raises `ValueError` where the sentence is missing."""
    _need_words(alt)
    image, small = _paint(figure, tight=True), io.BytesIO()
    image.save(small, "png", optimize=True)
    return Picture(small.getvalue(), alt, image.width * SHOWN_PIXELS_PER_INCH // PIXELS_PER_INCH)


def moving_picture(
    figures: Iterable[Figure],  # the steps, all of one size; they are closed afterwards
    alt: str,  # one sentence that says what there is to see
    seconds: float = 1.5,  # for each step
) -> Picture:
    """Show figures one after another, again and again. Raises `ValueError` where the sentence or a figure is missing."""
    _need_words(alt)
    images = [_paint(figure, tight=False) for figure in figures]
    if not images:
        raise ValueError("expected at least one figure; got none")
    gif = io.BytesIO()
    images[0].save(gif, "gif", save_all=True, append_images=images[1:], duration=round(1000 * seconds), loop=0)
    return Picture(gif.getvalue(), alt, images[0].width * SHOWN_PIXELS_PER_INCH // PIXELS_PER_INCH, "gif")


_signature = ""  # written under every picture; see `sign_pictures`


def sign_pictures(words: str) -> None:
    """Write `words` under every picture from now on, such as whose digits they show; "" writes nothing."""
    global _signature
    _signature = words


def _need_words(alt: str) -> None:
    if len(alt.split()) < 3:
        raise ValueError(f"expected one sentence that says what the picture shows; got {alt!r}")


def _paint(figure: Figure, tight: bool) -> Image.Image:
    """Draw and close a figure. 64 colours are plenty for lines and digits, and keep a notebook small."""
    if _signature:
        lowest = figure.get_tightbbox().y0 / figure.get_figheight() - 0.01 if tight else 0  # below all that is drawn
        figure.text(0.5, lowest, _signature, ha="center", va="top" if tight else "bottom", fontsize=7, color="#555555")
    full = io.BytesIO()
    figure.savefig(full, format="png", dpi=PIXELS_PER_INCH, bbox_inches="tight" if tight else None, facecolor="white")
    plt.close(figure)
    image = Image.open(full).convert("RGB")
    return image.quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


LADDER = (  # number, name, what it takes away
    (1, "Sequential", "everything borrowed"),
    (2, "Module", "no Sequential, Linear, LogSoftmax"),
    (3, "Loop", "no fit, DataLoader, NLLLoss"),
    (4, "SGD", "no torch.optim"),
    (5, "Matmul", "no matrix product"),
    (6, "Gradients", "no autograd"),
    (7, "Bare Python", "no torch"),
)


def ladder_picture(
    here: float | None = None,  # the rung of this lesson; 2.5 is on the way from 2 to 3; None lights no rung
) -> Picture:
    """The ladder from the top, where everything is borrowed, down to the ground, with "you are here"."""
    if here is not None and not 0 <= here <= len(LADDER):
        raise ValueError(f"expected a rung from 0 to {len(LADDER)}, or None; got {here!r}")
    figure, ax = plt.subplots(figsize=(6.4, 2.6))
    for x in (0.0, 2.6):
        ax.plot([x, x], [-0.4, -len(LADDER) - 0.9], color="#555555", lw=4, solid_capstyle="round")
    for number, name, removed in LADDER:
        lit = number == here
        ax.barh(-number, 2.6, height=0.62, color=COLORS[0] if lit else "#E4E4E4", edgecolor="#555555", lw=0.6)
        ax.text(0.12, -number, f"{number}  {name}", va="center", color="white" if lit else "black",
                weight="bold" if lit else "normal", fontsize=9)
        ax.text(2.85, -number, removed, va="center", fontsize=9, color="black" if lit else "#555555")
    if here is not None:
        ax.annotate("you are here", xy=(-0.08, -here), xytext=(-0.5, -here), ha="right", va="center", fontsize=9,
                    weight="bold", color=COLORS[0], arrowprops={"arrowstyle": "-|>", "color": COLORS[0], "lw": 1.5})
    ax.plot([-1.8, 6.4], [-len(LADDER) - 0.9] * 2, color="#555555", lw=1)
    ax.set(xlim=(-1.8, 6.4), ylim=(-len(LADDER) - 1.1, -0.1))
    ax.axis("off")
    return picture(figure, _ladder_in_words(here))


def _ladder_in_words(here: float | None) -> str:
    words = "A ladder of seven rungs, from the top down: " + ", ".join(
        f"{number} {name} ({removed})" for number, name, removed in LADDER) + "."
    if here is None:
        return words
    if here < 1:
        return words + " You stand before the first rung."
    if here == int(here):
        return words + f" You are on rung {int(here)}."
    return words + f" You are on the way from rung {int(here)} to rung {int(here) + 1}."
