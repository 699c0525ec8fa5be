"""Frames to step through, with a slider, buttons and a pause: plain HTML that works in JupyterLab, on a page, offline.

Where no script runs (a notebook that is not trusted, a site that strips them), the frames that matter stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from lessonlib.figures.display import THEME, Picture, need_words, paint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOOKS = (
    ".ll-stepper{margin:.4em 0}.ll-frames{display:flex;flex-wrap:wrap;gap:8px}.ll-frame{margin:0}"
    ".ll-frame figcaption{font-size:.85em;text-align:center}.ll-moving figcaption{display:none}"
    ".ll-controls{display:flex;flex-wrap:wrap;align-items:center;gap:8px;margin-top:4px}.ll-controls[hidden],.ll-frame[hidden]"
    "{display:none}.ll-controls input{flex:1 1 120px;max-width:320px}.ll-controls button{font:inherit;padding:2px 10px}"
    ".ll-controls output{min-width:12em}"
)


class Stepper:
    """Frames to step through. A notebook shows it."""

    def __init__(self, frames: Sequence[Picture], labels: Sequence[str], title: str, keep: Sequence[int], seconds: float):
        self.frames, self.labels, self.title, self.keep, self.seconds = frames, labels, title, keep, seconds

    def _repr_html_(self) -> str:
        shown = "".join(
            f'<figure class="ll-frame" data-label="{escape(label)}"{"" if n in self.keep else " hidden"}>{frame.tag()}'
            f"<figcaption>{escape(label)}</figcaption></figure>"
            for n, (frame, label) in enumerate(zip(self.frames, self.labels, strict=True)))
        return ('<div class="ll-stepper" role="group" data-lm-suppress-shortcuts="true" '
                f'aria-label="{escape(self.title)}" data-pace="{round(1000 * self.seconds)}">'
                f"<style>{THEME}{_LOOKS}</style><div class=\"ll-frames\">{shown}</div>"
                '<div class="ll-controls" hidden><button type="button" aria-label="one step back">◀</button>'
                '<button type="button">▶ Play</button><button type="button" aria-label="one step forward">▶</button>'
                f'<input type="range" min="0" max="{len(self.frames) - 1}" value="0" step="1" aria-label="step"/>'
                f'<output aria-live="polite"></output></div><script>{_script()}</script></div>')

    def __repr__(self) -> str:
        return f"[{len(self.frames)} steps: {self.title}]"


def stepper(
    figures: Iterable[Figure],  # the frames, in order and all of one size; they are closed afterwards
    alts: Sequence[str],  # one sentence for each frame: what there is to see, for those who cannot see it
    title: str,  # what moves, in a few words
    labels: Sequence[str] | None = None,  # a few words for each frame, such as "after 10 batches"; None numbers them
    keep: Sequence[int] | None = None,  # the frames that stand side by side where no script runs; None: first, middle, last
    seconds: float = 1.2,  # for each frame while it plays
    recolour: bool = True,  # False: a dark theme leaves the colours as they are
) -> Stepper:
    """Put figures into one place, to be stepped through with mouse or keyboard.

    Raises `ValueError` where there are fewer than two figures, or not a sentence and a label for each of them.
    """
    figures = list(figures)
    if len(figures) < 2:
        raise ValueError(f"expected at least two figures to step through; got {len(figures)}")
    labels = [f"step {n + 1}" for n in range(len(figures))] if labels is None else list(labels)
    if not len(figures) == len(alts) == len(labels):
        raise ValueError(f"expected a sentence and a label for each of {len(figures)} figures; got {len(alts)} sentences "
                         f"and {len(labels)} labels")
    keep = sorted({0, len(figures) // 2, len(figures) - 1}) if keep is None else list(keep)
    if not keep or not all(0 <= n < len(figures) for n in keep):
        raise ValueError(f"expected numbers of frames from 0 to {len(figures) - 1} in keep; got {keep}")
    need_words(title)
    for alt in alts:
        need_words(alt)
    frames = [paint(figure, alt, tight=False, recolour=recolour) for figure, alt in zip(figures, alts, strict=True)]
    return Stepper(frames, labels, title, keep, seconds)


@cache
def _script() -> str:
    text = files("lessonlib.figures").joinpath("stepper.js").read_text(encoding="utf-8")
    return "".join(line.strip() + "\n" for line in text.splitlines() if not line.strip().startswith("//"))
