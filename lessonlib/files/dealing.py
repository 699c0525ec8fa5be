"""What names tell: which digit a folder shows, to which part it belongs; and how the rest is dealt out."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

PART_NAMES = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid",
              "dev": "valid", "test": "test", "testing": "test"}
DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FILLERS = {"digit", "digits", "class", "label", "number", "num", "no", "the"}
PART_FILLERS = {"set", "data", "images", "img", "digits", "mnist", "part", "split"}


@dataclass(frozen=True)
class Entry:
    """One picture of a collection."""

    name: str  # relative to the collection, with /
    file: Path
    label: int
    part: str | None  # "train", "valid", "test", or None where nobody said


def label_of(name: str) -> int | None:
    """The digit that a folder of this name shows: 3, 03, three, digit_3, "class 3", 3_three; None for any other."""
    words = [word for word in re.findall(r"[^\W\d_]+|[0-9]+", name.lower()) if word not in FILLERS]
    labels = {DIGIT_NAMES.index(word) if word in DIGIT_NAMES else int(word) if word.isdecimal() else -1
              for word in words}
    return labels.pop() if len(labels) == 1 and labels <= set(range(10)) else None


def named_part(name: str) -> str | None:
    """The part that a folder of this name holds: Train, training, trainingSet, test_images, …; None for any other."""
    words = [word.removesuffix("set") for word in re.findall(r"[a-z]+", name.lower())]
    parts = {PART_NAMES.get(word) for word in words if word and word not in PART_FILLERS}
    return parts.pop() if len(parts) == 1 else None


def deal(entries: list[Entry], there: Collection[str] = ()) -> Iterator[tuple[Entry, str]]:
    """Each picture and the part that it belongs to, the same on every machine and in every year.

    What names its part stays there. The others are sorted by label and, within a label, by the SHA-256 of their name
    (a shuffling that does not depend on any program's random numbers), and dealt out like cards: of each seven, the
    second goes to valid and the third to test, the others to train. Where one of these two parts is there already,
    among the entries or elsewhere, only the other is dealt; of each six, the second goes to it.
    """
    named = {entry.part for entry in entries} | set(there)
    others = [part for part in ("valid", "test") if part not in named]
    hand = ["train", *others, "train", "train", "train", "train"]
    free = [entry for entry in entries if entry.part is None or (entry.part == "train" and others)]
    free.sort(key=lambda entry: (entry.label, hashlib.sha256(_as_hashed(entry.name)).digest()))
    yield from ((entry, entry.part) for entry in entries if entry.part in ("valid", "test"))
    if others:
        yield from ((entry, hand[n % len(hand)]) for n, entry in enumerate(free))
    else:
        yield from ((entry, "train") for entry in entries if entry.part in ("train", None))


def _as_hashed(name: str) -> bytes:
    # macOS takes letters such as ä apart; and where a name is not in UTF-8, Python lets single bytes stand for it.
    return unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")
