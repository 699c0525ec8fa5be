"""`lessons data`: where the digits are, fetching them, and whether they are whole."""

import argparse

from rich.markup import escape

from lessonlib.course.terminal import console, show_table
from lessonlib.files import (
    DataCorrupt,
    FoundDigits,
    download_folder,
    fetch_mnist,
    find_mnist,
    look_in,
    mnist_is_missing,
    places,
    why_missing,
)
from lessonlib.files.checksums import MD5, fingerprints, is_mnist
from lessonlib.files.errors import shown
from lessonlib.files.formats import FORMS


def data_verb(options: argparse.Namespace) -> int:
    """`where`, `get` or `verify`."""
    if options.what == "get":
        return get(options.source)
    return {"where": show_places, "verify": verify}[options.what]()


def show_places() -> int:
    """Every place looked at, what is there, what is wrong with it, and which one is taken."""
    rows, taken = [], None
    for n, place in enumerate(places(), start=1):
        try:
            found = look_in(place.path)
        except OSError:
            found = None  # `why_missing` says why
        is_taken = found is not None and taken is None
        taken = found if is_taken else taken
        there = state(found) if found else f"no MNIST{'; ' + why if (why := why_missing(place.path)) else ''}"
        rows.append((str(n), place.why, escape(shown(place.path, 5000)), escape(there), "taken" if is_taken else ""))
    show_table("Where MNIST is looked for, in this order", ("", "place", "path", "what is there", ""), rows)
    if taken is None:
        console.print("MNIST is in none of them. `lessons data get` fetches it; until then the lessons use the "
                      "built-in digits.\nTo put it there by hand, copy mnist.pkl.gz or the four IDX files into "
                      f"{download_folder()}", markup=False)
    return 0


def state(found: FoundDigits) -> str:
    """What was found, whether it can be read, and whether it is MNIST."""
    try:
        parts = found.read()
    except DataCorrupt as error:
        return shown(f"BROKEN: {error.in_short()}", 5000)
    return f"{FORMS[found.form]} in {shown(found.folder, 5000)}" + ("" if is_mnist(parts) else "; other digits than MNIST's")


def get(source: str | None = None) -> int:
    """Fetch MNIST, unless it is there. A source that is named is taken, even where MNIST lies in another place."""
    found = find_mnist() if source is None else look_in(download_folder())
    said = "MNIST is there already"
    if found is None:
        found, said = fetch_mnist(download_folder(), source), "MNIST is fetched"
    found.source(found.read())  # raises if it is broken, and says a word if it is another data set
    console.print(f"{said}: {FORMS[found.form]} in {shown(found.folder, 5000)}", markup=False)
    return 0


def verify() -> int:
    """Read MNIST and compare its images and labels with the checksums of the originals."""
    found = find_mnist()
    if found is None:
        raise mnist_is_missing()
    wrong = [name for name, md5 in fingerprints(found.read()).items() if md5 != MD5[name]]
    if wrong:
        raise DataCorrupt(f"the files in {found.folder} can be read, but {', '.join(wrong)} do not hold MNIST's bytes. "
                          "If they are not meant to be another data set, remove them and run `lessons data get`")
    console.print(f"{FORMS[found.form]} in {shown(found.folder, 5000)}: all 70,000 images and labels are those of MNIST")
    return 0
