"""A pad to draw a digit on, and ten bars that answer: from whatever reads 28 × 28 pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lessonlib.figures import Picture, picture
from lessonlib.pad.probabilities import N_CLASSES, ten_probs

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["drawing_pad"]

NO_BROWSER = "LESSONLIB_NO_BROWSER"  # set where a notebook runs without anyone who could draw


def drawing_pad(
    read: Callable[[Tensor], Tensor],  # takes (28, 28) uint8, 0 is paper and 255 full ink; gives ten probabilities
    example: Tensor,  # (28, 28) uint8: the digit that is there at the start, and all there is where nobody can draw
) -> Any:  # a notebook shows it: a widget, or a picture of the example and its bars
    """Draw a digit with mouse, finger or keyboard, and see what `read` makes of it, centred as MNIST's digits are.

    Without a browser, or without the package anywidget, the example and its ten bars are drawn as a picture.
    Raises `ValueError` where `example` or what `read` gives for it does not fit.
    """
    if tuple(example.shape) != (28, 28) or str(example.dtype) != "torch.uint8":
        raise ValueError(f"expected an example of shape (28, 28) and dtype uint8; got {tuple(example.shape)}, {example.dtype}")
    probs = ten_probs(read(example))
    try:
        import anywidget  # noqa: F401
    except ModuleNotFoundError:
        return answered(example, probs)
    if os.environ.get(NO_BROWSER):
        return answered(example, probs)
    from lessonlib.pad.widget import Pad

    return Pad(read, example, probs)


def answered(example: Tensor, probs: list[float]) -> Picture:
    """The example and its ten bars, as a picture."""
    import matplotlib.pyplot as plt

    best = max(range(N_CLASSES), key=probs.__getitem__)
    figure, (left, right) = plt.subplots(1, 2, figsize=(4.6, 2.1), width_ratios=(1, 1.3))
    left.imshow(example.cpu(), cmap="gray_r", vmin=0, vmax=255)
    left.set(xticks=[], yticks=[])
    right.barh(range(N_CLASSES), probs, color=["#2B6CB0" if digit == best else "#8C8A93" for digit in range(N_CLASSES)])
    right.invert_yaxis()
    right.set(yticks=range(N_CLASSES), xlim=(0, 1), xlabel="probability")
    return picture(figure, f"A handwritten digit and ten bars, one for each digit; the longest, {100 * probs[best]:.0f} %, "
                           f"belongs to {best}.")
