"""Folders that hold a file of a name, or none of them does; and what a sentence says of them."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SHOWN_AS = "what your sentence names"
_ROOM = tempfile.TemporaryDirectory()  # removed when Python ends


def cases(seed: int) -> list[dict[str, Any]]:
    """The file in the second, in two of three, in the first, in none of the folders."""
    name = "mnist.pkl.gz"
    found = []
    for number, holders in enumerate(((1,), (1, 2), (0, 2), (), (2,))):
        folders = [Path(_ROOM.name) / f"{seed}_{number}" / folder for folder in ("data", "cache", "shared")]
        for place, folder in enumerate(folders):
            for file in ("notes.txt", name) if place in holders else ("notes.txt",):
                if not (folder / file).exists():  # cases are made anew for each answer; these files may stay
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / file).write_text("nothing to be read", encoding="utf-8")
        found.append({"name": name, "folders": folders})
    return found


def as_numbers(value: Any, inputs: Mapping[str, Any]) -> Tensor | None:
    """For each folder, 1 where the sentence names it, or where it names the file in it if there is one; else 0."""
    if not isinstance(value, (str, Path)):
        return None
    name, folders = inputs["name"], inputs["folders"]
    there = any((folder / name).exists() for folder in folders)
    wanted = [folder / name if there else folder for folder in folders]
    return torch.tensor([float(str(path) in str(value)) for path in wanted])
