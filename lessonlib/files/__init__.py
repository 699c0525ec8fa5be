"""The ground floor: where data lives, how it is fetched, and how files from anywhere are read safely."""

import os

from lessonlib.files.cache import cached_arrays, say
from lessonlib.files.download import asked_in_vain_lately, fetch_mnist, remember_failure
from lessonlib.files.errors import DataCorrupt, DataError, DataNotFound
from lessonlib.files.formats import Found, look_for_pictures, look_in, trouble
from lessonlib.files.where import Place, cache_folder, checkout, download_folder, places

__all__ = ["DataCorrupt", "DataError", "DataNotFound", "Found", "Place", "cache_folder", "cached_arrays",
           "checkout", "download_folder", "fetch_mnist", "find_mnist", "look_in", "mnist_is_missing", "places", "say",
           "trouble", "try_to_fetch"]


def find_mnist(path: str | os.PathLike | None = None, yours: bool = False) -> Found | None:
    """MNIST in the first place that has it, or None. Says so where it is not the path that was given.

    With `yours`, pictures of your own at `path` are taken too: a folder with folders 0 … 9 in it, or a csv file.
    """
    for n, place in enumerate(places(path)):
        try:
            found = look_in(place.path)
            if found is None and yours and path is not None and n == 0:
                found = look_for_pictures(place.path)
        except OSError as error:
            say(f"{place.path} cannot be looked into ({error.strerror}) and is passed over")
            continue
        if found is not None:
            if path is not None and n > 0:
                say(f"there is no MNIST in {path}; reading it from {found.folder} ({place.why}) instead")
            return found
    return None


def mnist_is_missing(path: str | os.PathLike | None = None) -> DataNotFound:
    """The error for MNIST that is nowhere: every place looked at, where to put the file, how to get it."""
    looked = "\n".join(f"  - {place.path}  ({place.why}{'; ' + why if (why := trouble(place.path)) else ''})"
                       for place in places(path))
    return DataNotFound(
        f"MNIST was found in none of these places:\n{looked}\n"
        f"Put mnist.pkl.gz, the four IDX files or torchvision's MNIST folder into {download_folder()},\n"
        "or fetch it with the command `lessons data get` (11 MB). "
        'Without it, load_digits("handwriting") gives digits that we draw ourselves.')


def try_to_fetch() -> Found | None:
    """MNIST from the network, or None. `LESSONLIB_OFFLINE=1` keeps it from asking; so does a failure an hour ago."""
    if os.environ.get("LESSONLIB_OFFLINE", "0") not in ("", "0") or asked_in_vain_lately():
        return None
    folder = download_folder()
    say(f"MNIST is not on this machine; fetching it (11 MB) into {folder}")
    try:
        return fetch_mnist(folder)
    except DataError as error:
        remember_failure()
        say(str(error))
        return None
