"""Short pieces of Python as text, with blank lines and comments in places where one may count them by mistake."""

import random
from typing import Any

_CODE = ("x = 1", "    return x", "def f(x):", "y = x  # doubled", 'print("# no comment")', "else:", "    y += 1")
_OTHER = ("", "   ", "# a comment", "    # why: because")


def cases(seed: int) -> list[dict[str, Any]]:
    """Blank lines first, last and in between; a comment behind code; a # within quotes; nothing at all."""
    rng = random.Random(seed)
    fixed = ["", "\n\n", "x = 1", "# nothing\n", "\n".join([*_CODE, *_OTHER]) + "\n"]
    drawn = []
    for length in (3, 6, 9, 12):
        lines = [rng.choice(_CODE), rng.choice(_OTHER), *(rng.choice(_CODE + _OTHER) for _ in range(length))]
        rng.shuffle(lines)
        drawn.append("\n".join(lines))
    return [{"text": text} for text in [*drawn, *fixed]]
