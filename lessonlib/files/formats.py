"""The forms in which digits are found: one pickle, four IDX files, torchvision's folder of them, pictures of yours."""

import os
from dataclasses import dataclass
from pathlib import Path

from lessonlib.files.cache import say
from lessonlib.files.checksums import is_mnist
from lessonlib.files.idx import IDX, Part, read_idx
from lessonlib.files.pickles import ArraysOnly, read_pickle
from lessonlib.files.pictures import class_folders, read_csv, read_folder

__all__ = ["IDX", "PICKLE", "ArraysOnly", "Found", "Part", "idx_files", "look_for_pictures", "look_in", "trouble"]

PICKLE = "mnist.pkl.gz"


@dataclass(frozen=True)
class Found:
    """Digits in one of their forms: the file of each name."""

    form: str  # "pickle", "idx", "pictures" or "csv"
    folder: Path
    files: dict[str, Path]

    def read(self) -> tuple[Part, Part, Part]:
        """Training, validation and test part. Raises `DataCorrupt` naming the file that is broken."""
        if self.form == "pickle":
            return read_pickle(self.files[PICKLE])
        if self.form == "idx":
            return read_idx(self.files)
        return read_folder(self.folder) if self.form == "pictures" else read_csv(self.files["csv"])

    def source(self, parts: tuple[Part, Part, Part]) -> str:
        """Whose digits these are: "mnist" or "yours". Says so where files in MNIST's form hold other digits."""
        if self.form in ("pictures", "csv"):
            return "yours"
        if is_mnist(parts):
            return "mnist"
        say(f"the digits in {self.folder} have MNIST's form, but they are not MNIST's, so numbers in the text will "
            'differ; their source is called "yours"')
        return "yours"


def look_in(path: Path) -> Found | None:
    """MNIST at `path` (a folder, or the pickle itself), or None. A `mnist/` folder may stand between."""
    if path.is_file() and path.name.endswith((".pkl.gz", ".pkl")):
        return Found("pickle", path.parent, {PICKLE: path})
    for folder in (path, path / "mnist"):
        for name in (PICKLE, PICKLE.removesuffix(".gz")):
            if (folder / name).is_file():
                return Found("pickle", folder, {PICKLE: folder / name})
        for raw in _idx_folders(folder):
            if len(files := idx_files(raw)) == len(IDX):
                return Found("idx", raw, files)
    return None


def look_for_pictures(path: Path) -> Found | None:
    """Pictures of yours at `path`, or None: a csv file with columns file,label, or a folder with folders 0 … 9."""
    if path.is_file() and path.suffix.lower() == ".csv":
        return Found("csv", path.parent, {"csv": path})
    return Found("pictures", path, {}) if class_folders(path) else None


def _idx_folders(folder: Path) -> tuple[Path, ...]:
    return folder, folder / "MNIST" / "raw", folder / "raw"


def idx_files(folder: Path) -> dict[str, Path]:
    """Those of the four IDX files that are in this folder."""
    return {name: found for name in IDX if (found := _idx_file(folder, name))}


def _idx_file(folder: Path, name: str) -> Path | None:
    # Some archives write a dot where the original has a dash: train-images.idx3-ubyte.
    names = (name, name.replace("-idx", ".idx"))
    return next((folder / (n + end) for n in names for end in ("", ".gz") if (folder / (n + end)).is_file()), None)


def trouble(path: Path) -> str:
    """Why nothing was found at `path`, in a few words; nothing to say where it is a folder without MNIST."""
    try:
        if path.is_dir():
            with os.scandir(path):  # fails where the folder may not be read
                pass
            some = next((files for folder in (path, path / "mnist") for raw in _idx_folders(folder)
                         if (files := idx_files(raw))), None)
            return f"{', '.join(name for name in IDX if name not in some)} missing" if some else ""
        path.stat()
        return f"a file whose name does not end in {PICKLE.removeprefix('mnist')}"
    except (FileNotFoundError, NotADirectoryError):
        return "it does not exist"
    except OSError as error:
        return f"it cannot be looked into: {error.strerror}"
