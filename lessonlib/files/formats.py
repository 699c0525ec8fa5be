"""The forms in which digits are found: see `EXPECTED`."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lessonlib.files.checksums import is_mnist
from lessonlib.files.errors import DataNotFound, shown
from lessonlib.files.idx import IDX, Part, read_idx
from lessonlib.files.notices import warn
from lessonlib.files.pickles import ArraysOnly, read_pickle
from lessonlib.files.pictures import class_folders, is_clutter, is_picture, names_pictures, read_csv, read_folder
from lessonlib.files.reading import file_kind, looks_like
from lessonlib.files.tables import pixel_columns, read_npz, read_pixels
from lessonlib.files.where import MAX_ENTRIES, why_not_there

__all__ = ["EXPECTED", "IDX", "PICKLE", "ArraysOnly", "FoundDigits", "Part", "idx_files", "look_for_pictures", "look_in",
           "subfolders", "why_missing"]

PICKLE = "mnist.pkl.gz"
EXPECTED = ("mnist.pkl.gz, the four IDX files (packed or not), torchvision's MNIST folder, Keras's mnist.npz, or a csv "
            "file of pixels such as Kaggle's")
PICTURES = "pictures of yours in folders named 0 to 9, or a csv file with the columns file,label"
FORMS = {"pickle": "a pickle", "idx": "four IDX files", "npz": "an npz archive", "pixels": "a csv file of pixels",
         "pictures": "pictures", "csv": "a csv file of pictures"}
MAX_FOLDERS = 200  # that are looked into, at each level below the one that was named


@dataclass(frozen=True)
class FoundDigits:
    """Digits in one of their forms: the file of each name."""

    form: str  # "pickle", "idx", "npz", "pixels" (a csv file of them), "pictures" or "csv" (which names pictures)
    folder: Path
    files: dict[str, Path]

    def read(self) -> tuple[Part, Part, Part]:
        """Training, validation and test part. Raises `DataCorrupt` naming the file that is broken."""
        return {"pickle": lambda: read_pickle(self.files[PICKLE]), "idx": lambda: read_idx(self.files),
                "npz": lambda: read_npz(self.files["npz"]), "pixels": lambda: read_pixels(self.files),
                "pictures": lambda: read_folder(self.folder), "csv": lambda: read_csv(self.files["csv"])}[self.form]()

    def source(self, parts: tuple[Part, Part, Part]) -> str:
        """Whose digits these are: "mnist" or "yours". Says so where files in MNIST's form hold other digits."""
        if self.form in ("pictures", "csv"):
            return "yours"
        if is_mnist(parts):
            return "mnist"
        warn(f"the digits in {self.folder} have MNIST's form, but they are not MNIST's, so numbers in the text will "
            'differ; their source is called "yours"')
        return "yours"


# --- looking for MNIST ---------------------------------------------------------------------------------------


def look_in(path: Path) -> FoundDigits | None:
    """MNIST at `path`, a folder or one of its files, or None. Folders may stand between, as archives make them.

    Raises `DataNotFound` where several folders below `path` hold digits, and `OSError` where it cannot be looked into.
    """
    kind = file_kind(path)
    if kind == "a file":
        return _look_at_file(path)
    if kind != "a folder":
        return None
    below = subfolders(path)
    usual = [folder for folder in below if folder.name.lower() == "mnist"]
    deeper = [folder for parent in below for folder in subfolders(parent)]
    for level in ([path], usual, below, deeper[:MAX_FOLDERS]):
        found = {folder: it for folder in level if (it := _look_in_folder(folder)) is not None}
        if len({it.folder for it in found.values()}) > 1:
            names = ", ".join(shown(folder.relative_to(path)) for folder in sorted(found))
            raise DataNotFound(f"{path} holds digits in several folders ({names}); name one of them")
        if found:
            return next(iter(found.values()))
    return None


def subfolders(folder: Path) -> list[Path]:
    """The folders in this one, in order, without what is hidden and without what macOS adds to archives."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MAX_ENTRIES) if not is_clutter(entry.name) and entry.is_dir()]
    except PermissionError:
        return []  # `_look_in_folder` says so, where it is the folder that was named
    return [folder / name for name in sorted(names)[:MAX_FOLDERS]]


def _look_in_folder(folder: Path) -> FoundDigits | None:
    for place in (folder, folder / "MNIST" / "raw", folder / "raw"):
        if file_kind(place) != "a folder":
            continue
        files = _files_by_name(place)
        for ending, form, key in (("pkl", "pickle", PICKLE), ("npz", "npz", "npz")):
            named = sorted(name for name in files if re.fullmatch(rf"mnist.*-{ending}", name))
            if named:  # the usual name comes first
                return FoundDigits(form, place, {key: files[named[0]]})
        if len(idx := _idx_of(files)) == len(IDX):
            return FoundDigits("idx", place, idx)
        if tables := _pixel_tables(files):
            return FoundDigits("pixels", place, tables)
    return None


def _look_at_file(path: Path) -> FoundDigits | None:
    name = _plain(path.name)
    if name.endswith(("-pkl", "-pickle")):
        return FoundDigits("pickle", path.parent, {PICKLE: path})
    if name.endswith("-npz"):
        return FoundDigits("npz", path.parent, {"npz": path})
    if name in IDX:  # one of the four stands for all of them
        files = idx_files(path.parent)
        return FoundDigits("idx", path.parent, files) if len(files) == len(IDX) else None
    if pixel_columns(path) is not None:
        return FoundDigits("pixels", path.parent, {"train": path})
    return None


def _files_by_name(folder: Path) -> dict[str, Path]:
    """The files in a folder by their plain names. Where two have the same, the one with the shorter name is taken.

    A folder that is named as the file in it, which is how Kaggle unpacks, stands for the file.
    """
    files = {}
    with os.scandir(folder) as entries:
        names = sorted((entry.name for entry in islice(entries, MAX_ENTRIES) if not is_clutter(entry.name)),
                       key=lambda name: (len(name), name))
    for name in names:
        path, plain = folder / name, _plain(name)
        if plain in IDX and file_kind(path) == "a folder":
            path = next((inner for inner in sorted(path.iterdir()) if _plain(inner.name) == plain), path)
        # What is no file stays in the list under a name of MNIST's, so that reading it says what it is.
        if plain not in files and (file_kind(path) == "a file" or (plain in IDX and file_kind(path) != "a folder")):
            files[plain] = path
    return files


def _plain(name: str) -> str:
    """A file's name as it was before browsers and archives changed it: train-images.idx3-ubyte (1).GZ and so on."""
    name = re.sub(r" ?\(\d+\)", "", name.lower())
    return re.sub(r"[ ._]", "-", name.removesuffix(".gz"))


def _idx_of(files: dict[str, Path]) -> dict[str, Path]:
    return {name: files[name] for name in IDX if name in files}


def idx_files(folder: Path) -> dict[str, Path]:
    """Those of the four IDX files that are in this folder."""
    return _idx_of(_files_by_name(folder))


def _pixel_tables(files: dict[str, Path]) -> dict[str, Path]:
    """The csv files of pixels with labels: "train" and perhaps "test", or a single one as "train"."""
    tables = {name: path for name, path in files.items()
              if name.endswith("-csv") and (columns := pixel_columns(path)) and columns.label is not None}
    if len(tables) == 1:
        return {"train": next(iter(tables.values()))}
    parts = {part: [path for name, path in tables.items() if part in name.split("-")] for part in ("train", "test")}
    return {part: paths[0] for part, paths in parts.items()} if all(len(p) == 1 for p in parts.values()) else {}


# --- looking for pictures ------------------------------------------------------------------------------------


def look_for_pictures(path: Path) -> FoundDigits | None:
    """Pictures of yours at `path`, or None: a csv file with columns file,label, or a folder with folders 0 … 9."""
    kind = file_kind(path)
    if kind == "a file":
        return FoundDigits("csv", path.parent, {"csv": path}) if _plain(path.name).endswith(("-csv", "-tsv")) else None
    if kind != "a folder":
        return None
    if class_folders(path):
        return FoundDigits("pictures", path, {})
    tables = [file for name, file in _files_by_name(path).items() if name.endswith(("-csv", "-tsv")) and names_pictures(file)]
    return FoundDigits("csv", path, {"csv": tables[0]}) if len(tables) == 1 else None


# --- nothing there -------------------------------------------------------------------------------------------


def why_missing(path: Path) -> str:
    """Why nothing was found at `path`, in a few words; nothing to say where it is a folder without MNIST."""
    try:
        kind = file_kind(path)
        if kind == "a folder":
            files = [idx_files(place) for place in _places_for_idx(path)]
            some = next((idx for idx in files if idx), None)
            return f"{', '.join(name for name in IDX if name not in some)} missing" if some else ""
        if kind == "a file":
            with path.open("rb") as file:
                start = file.read(40)
            return (f"a file whose name does not end in {PICKLE.removeprefix('mnist')}, .npz or .csv"
                    + (looks_like(start) or ("" if start else "; it is empty")))
        return kind or why_not_there(path)
    except OSError as error:
        return f"it cannot be looked into: {error.strerror}"


def _places_for_idx(path: Path) -> Iterator[Path]:
    for folder in (path, *subfolders(path)):
        for place in (folder, folder / "MNIST" / "raw", folder / "raw"):
            if file_kind(place) == "a folder":
                yield place


def describe(path: Path) -> str:
    """What was found at `path` instead of digits, in a few words."""
    if (why := why_missing(path)) or file_kind(path) != "a folder":
        return why
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in islice(entries, MAX_ENTRIES) if not is_clutter(entry.name))
    if not names:
        return "an empty folder"
    n_pictures = sum(is_picture(name) for name in names)
    some = ", ".join(shown(name, 40) for name in names[:5]) + (", …" if len(names) > 5 else "")
    return (f"a folder with {some}"
            + (f"; {n_pictures:,} pictures, but not in folders that are named by what they show" if n_pictures else ""))
