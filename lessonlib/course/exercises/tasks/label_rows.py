"""Names of files in folders of classes, in the order in which `sorted` finds them."""

import random
from typing import Any


def cases(seed: int) -> list[dict[str, Any]]:
    """Numbers of one, two and three digits, in folders 0 to 9; one file alone."""
    rng = random.Random(seed)
    found = []
    for numbers in (range(8, 13), range(97, 103), (5, 40, 300, 7), (12,)):
        files = [f"train/{rng.randrange(10)}/{number}.png" for number in numbers]
        found.append({"files": sorted(files)})
    found[0]["files"] = ["train/3/10.png", "train/3/9.png", "train/5/11.png", "train/0/8.png"]
    return found
