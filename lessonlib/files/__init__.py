"""The ground floor: where data lives, how it is fetched, and how files from anywhere are read safely."""

import os

from lessonlib.files.cache import cached_arrays
from lessonlib.files.download import failed_recently, fetch_mnist, remember_failure
from lessonlib.files.errors import DataCorrupt, DataError, DataNotFound
from lessonlib.files.formats import EXPECTED, PICTURES, FoundDigits, describe, look_for_pictures, look_in, why_missing
from lessonlib.files.notices import notify, warn
from lessonlib.files.where import Place, cache_folder, checkout, download_folder, named_place, places

__all__ = ["DataCorrupt", "DataError", "DataNotFound", "FoundDigits", "Place", "cache_folder", "cached_arrays",
           "checkout", "download_folder", "fetch_mnist", "find_digits", "find_mnist", "look_in", "mnist_is_missing",
           "notify", "places", "try_to_fetch", "warn", "why_missing"]

STAND_IN = ("MNIST is not on this machine, so these are the built-in digits, drawn by lessonlib.handwriting. "
            "`lessons data get` fetches MNIST; numbers in the text are those of MNIST")


def find_digits(
    path: str | os.PathLike | None = None,  # nothing else is looked at
    source: str = "auto",  # or "mnist": then pictures of your own are not taken
) -> FoundDigits | None:
    """What `load_digits` is to read. None: nothing was asked for by name, and MNIST cannot be had.

    Raises `DataNotFound` where `path`, `LESSONLIB_DATA` or "mnist" was asked for and cannot be had, and where
    `LESSONLIB_NO_STAND_IN=1` says that no other digits will do.
    """
    if (found := find_mnist(path, yours=source == "auto")) is not None:
        return found
    if source == "mnist" or os.environ.get("LESSONLIB_NO_STAND_IN", "0") not in ("", "0"):
        raise mnist_is_missing()
    if (found := try_to_fetch()) is None:
        notify(STAND_IN, why_not_fetched() or "", once=True)
    return found


def find_mnist(path: str | os.PathLike | None = None, yours: bool = False) -> FoundDigits | None:
    """MNIST at `path`, else where `LESSONLIB_DATA` says, else in the first place that has it, or None.

    What is named must be there: `DataNotFound` is raised where it is not. With `yours`, pictures of your own are taken
    from a place that is named: a folder with folders 0 … 9 in it, or a csv file.
    """
    if (named := named_place(path)) is not None:
        return _look_in_named(named, yours)
    for place in places():
        try:
            found = look_in(place.path)
        except OSError as error:  # `DataNotFound` is one too
            warn(f"{place.path} cannot be looked into ({error.strerror or error}) and is passed over")
            continue
        if found is not None:
            return found
    return None


def _look_in_named(named: Place, yours: bool) -> FoundDigits:
    pictures, what_there_is = None, ""
    try:
        if (found := look_in(named.path)) is not None:
            return found
        pictures = look_for_pictures(named.path)
        what_there_is = describe(named.path)
    except DataNotFound:
        raise
    except OSError as error:
        what_there_is = f"it cannot be looked into: {error.strerror}"
    if pictures is not None and yours:
        return pictures
    if pictures is not None:
        what_there_is = 'pictures; load_digits(path=…) without "mnist" takes them'
    is_variable = named.why == "$LESSONLIB_DATA"
    how = "Correct LESSONLIB_DATA or unset it" if is_variable else "Correct the path or leave it out"
    raise DataNotFound(
        f"there are no digits at {named.path} ({'LESSONLIB_DATA names it' if is_variable else named.why}): "
        f"{what_there_is}{'' if what_there_is.endswith('?') else '.'}\n"
        f"Expected {EXPECTED}{f'; or {PICTURES}' if yours else ''}.\n"
        f"{how}, or fetch MNIST with the command `lessons data get` (11 MB). "
        'load_digits("handwriting") gives digits that we draw ourselves.')


def mnist_is_missing(path: str | os.PathLike | None = None) -> DataNotFound:
    """The error for MNIST that is nowhere: every place looked at, where to put the file, how to get it."""
    looked = "\n".join(f"  - {place.path}  ({place.why}{'; ' + why if (why := why_missing(place.path)) else ''})"
                       for place in places(path))
    return DataNotFound(
        f"MNIST was found in none of these places:\n{looked}\n"
        f"Put mnist.pkl.gz, the four IDX files or torchvision's MNIST folder into {download_folder()},\n"
        "or fetch it with the command `lessons data get` (11 MB). "
        'Without it, load_digits("handwriting") gives digits that we draw ourselves.')


def try_to_fetch() -> FoundDigits | None:
    """MNIST from the network, or None; `why_not_fetched` knows why.

    `LESSONLIB_OFFLINE=1` keeps it from asking; so does a failure an hour ago.
    """
    if why_not_fetched():
        return None
    folder = download_folder()
    notify(f"MNIST is not on this machine; fetching it (11 MB) into {folder}")
    try:
        return fetch_mnist(folder)
    except DataError as error:
        remember_failure(str(error))
        return None


def why_not_fetched() -> str | None:
    """Why `try_to_fetch` asks nobody, or None."""
    if os.environ.get("LESSONLIB_OFFLINE", "0") not in ("", "0"):
        return "LESSONLIB_OFFLINE is set, so the network was not asked."
    return failed_recently()
