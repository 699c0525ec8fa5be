"""The pad as a widget of Jupyter's; imported only where anywidget is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from lessonlib.pad.probabilities import ten_probs

if TYPE_CHECKING:
    from torch import Tensor


class Pad(anywidget.AnyWidget):
    """Sends what was drawn to `read`, and shows the ten probabilities that come back."""

    _esm = Path(__file__).with_name("pad.js")
    _css = Path(__file__).with_name("pad.css")
    example = traitlets.Bytes().tag(sync=True)
    pixels = traitlets.Bytes().tag(sync=True, from_json=lambda value, _pad: bytes(value))  # a memoryview comes in
    answer = traitlets.Dict().tag(sync=True)

    def __init__(self, read: Callable[[Tensor], Tensor], example: Tensor, probs: list[float]):
        self.read = read
        super().__init__(example=bytes(example.cpu().contiguous().numpy().tobytes()), answer={"probs": probs})
        self.observe(self._drawn, names="pixels")

    def _drawn(self, change: dict[str, Any]) -> None:
        """Answer a drawing; what goes wrong in `read` is told below the pad, because nobody sees a widget's errors."""
        import torch

        try:
            image = torch.frombuffer(bytearray(change["new"]), dtype=torch.uint8).reshape(28, 28)
            self.answer = {"probs": ten_probs(self.read(image))}
        except Exception as error:
            self.answer = {"error": f"{type(error).__name__}: {error}"}
