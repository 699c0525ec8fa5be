"""Expected beside yours, as a picture."""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from lessonlib.figures import COLORS, Picture, picture

LARGEST = 400  # numbers; more than that cannot be read in a small picture


def beside(expected: object, yours: object) -> Picture | None:
    """Two tables of numbers next to each other, or two curves in one; None where there is nothing to draw."""
    if not isinstance(expected, Tensor) or not isinstance(yours, Tensor):
        return None
    if not all(1 < side.numel() <= LARGEST and 1 <= side.ndim <= 2 for side in (expected, yours)):
        return None
    expected, yours = (side.detach().double() for side in (expected, yours))
    if expected.ndim == 1 and yours.ndim == 1:
        return _curves(expected, yours)
    return _tables(torch.atleast_2d(expected), torch.atleast_2d(yours))


def loss_curves(expected: object, yours: object) -> Picture | None:
    """The losses of training with the reader's answer on those with ours; None where there are none."""
    if not isinstance(expected, Tensor) or not isinstance(yours, Tensor):
        return None
    if not all(side.ndim == 1 and len(side) > 1 for side in (expected, yours)):
        return None
    figure, ax = plt.subplots(figsize=(4.2, 2.2))
    for side, name, width, color in ((expected, "ours", 4.0, COLORS[0]), (yours, "yours", 1.2, COLORS[1])):
        ax.plot(range(1, len(side) + 1), side.tolist(), color=color, label=name, lw=width)
    ax.set(xlabel="batch", ylabel="loss")
    ax.legend(fontsize=8)
    ends = [f"from {side[:5].mean():.2f} to {side[-5:].mean():.2f}" for side in (yours, expected)]
    return picture(figure, f"Two curves, the loss of each of {len(yours)} batches: with your answer {ends[0]}, "
                   f"with ours {ends[1]}.")


def _tables(expected: Tensor, yours: Tensor) -> Picture:
    finite = torch.cat([side[side.isfinite()].flatten() for side in (expected, yours)])
    low, high = (finite.min().item(), finite.max().item()) if len(finite) else (0.0, 1.0)
    width = min(7.0, 1.6 + 0.5 * (expected.shape[1] + yours.shape[1]))
    figure, axes = plt.subplots(1, 2, figsize=(width, 0.9 + 0.32 * max(len(expected), len(yours))), squeeze=False)
    for ax, side, name in zip(axes[0], (expected, yours), ("expected", "yours"), strict=True):
        ax.imshow(side.nan_to_num(low, low, low).numpy(), cmap="Greys", vmin=low, vmax=high + 1e-9, aspect="auto")
        if side.numel() <= 60:
            for (i, j), value in ((index, side[index].item()) for index in _places(side)):
                dark = math.isfinite(value) and value - low > 0.5 * (high - low)
                ax.text(j, i, f"{value:.2g}", ha="center", va="center", fontsize=7, color="white" if dark else "black")
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{name} {tuple(side.shape)}", fontsize=9)
    return picture(figure, f"Two tables of numbers: expected, {_size(expected)}, and yours, {_size(yours)}; "
                   f"{_how_different(expected, yours)}.")


def _curves(expected: Tensor, yours: Tensor) -> Picture:
    figure, ax = plt.subplots(figsize=(4.2, 2.2))
    for side, name, style, color in ((expected, "expected", "o-", COLORS[0]), (yours, "yours", "s--", COLORS[1])):
        ax.plot(range(len(side)), side.tolist(), style, color=color, label=name, ms=4)
    ax.set(xlabel="place", ylabel="value")
    ax.legend(fontsize=8)
    return picture(figure, f"Two curves: {len(expected)} expected numbers, and {len(yours)} of yours; "
                   f"{_how_different(expected, yours)}.")


def _places(side: Tensor) -> list[tuple[int, int]]:
    return [(i, j) for i in range(side.shape[0]) for j in range(side.shape[1])]


def _size(side: Tensor) -> str:
    return f"{side.shape[0]} by {side.shape[1]}"


def _how_different(expected: Tensor, yours: Tensor) -> str:
    if expected.shape != yours.shape:
        return "their shapes differ"
    n = int((~torch.isclose(expected, yours, equal_nan=True)).sum())
    return f"{n} of {expected.numel()} numbers differ"
