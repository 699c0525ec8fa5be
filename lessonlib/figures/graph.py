"""A computation drawn as boxes and arrows: values on the forward pass, what comes back on the backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lessonlib.figures import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Vertex", "draw_graph"]


class Vertex(NamedTuple):
    """A box: where it is drawn, what it does, what comes out of it, and the slope of the loss for that."""

    x: float
    y: float
    label: str
    value: float | None  # None: not known yet, so nothing is drawn
    slope: float | None


def draw_graph(
    ax: Axes,  # an empty plot; its limits are set
    nodes: Mapping[str, Vertex],  # each under a name of its own
    arrows: Iterable[tuple[str, str, str]],  # from which node, to which, and the factor on the way back (or "")
    back: str = "slope of the loss",  # what the lower numbers are
) -> None:
    """Draw nodes with their values above and their slopes below, and the arrows of the forward and the backward pass.

    An arrow back is drawn where it has a factor and both of its ends have a slope.
    """
    middle: dict[str, Any] = {"ha": "center", "va": "center"}
    for start, end, factor in arrows:
        a, b = nodes[start], nodes[end]
        style = {"arrowstyle": "-|>", "shrinkA": 20, "shrinkB": 22}
        ax.annotate("", (b.x, b.y), (a.x, a.y), arrowprops={**style, "color": "#777777"})
        if factor and a.slope is not None and b.slope is not None:
            ax.annotate("", (a.x, a.y - 0.34), (b.x, b.y - 0.34), arrowprops={**style, "color": COLORS[3], "lw": 0.9})
            ax.text((a.x + b.x) / 2, (a.y + b.y) / 2 - 0.36, factor, color=COLORS[3], size=8, **middle,
                    bbox={"fc": "white", "ec": "none", "pad": 0.6})
    for node in nodes.values():
        ax.text(node.x, node.y, node.label, size=9, bbox={"boxstyle": "round", "fc": "#E4E4E4", "ec": "#555555"}, **middle)
        if node.value is not None:
            ax.text(node.x, node.y + 0.62, f"{node.value:.4g}", color=COLORS[0], size=11, **middle)
        if node.slope is not None:
            ax.text(node.x, node.y - 0.72, f"{node.slope:.4g}", color=COLORS[3], size=11, weight="bold", **middle)
    first = min(nodes.values(), key=lambda node: node.x)
    ax.text(first.x - 0.55, first.y + 0.62, "value", color=COLORS[0], size=9, ha="right", va="center")
    ax.text(first.x - 0.55, first.y - 0.72, back, color=COLORS[3], size=9, ha="right", va="center")
    xs, ys = [node.x for node in nodes.values()], [node.y for node in nodes.values()]
    ax.set(xlim=(min(xs) - 2.4, max(xs) + 0.9), ylim=(min(ys) - 1.1, max(ys) + 1.0))
    ax.axis("off")
