"""`lessons data`: where the digits are, fetching them, and whether they are whole."""

import argparse
import hashlib

from lessonlib.course.terminal import console, show_table
from lessonlib.files import DataError, download_folder, fetch_mnist, find_mnist, look_in, mnist_is_missing, places

# MD5 of the four files of MNIST when unpacked: the header, then the bytes. Source: torchvision.datasets.MNIST's
# files, unpacked.
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
FORMS = {"pickle": "mnist.pkl.gz", "idx": "four IDX files"}


def data_verb(options: argparse.Namespace) -> int:
    """`where`, `get` or `verify`."""
    return {"where": where, "get": get, "verify": verify}[options.what]()


def where() -> int:
    """Every place looked at, what is there, and which one is taken."""
    rows, taken = [], False
    for n, place in enumerate(places(), start=1):
        found = look_in(place.path)
        there = FORMS[found.form] + f" in {found.folder}" if found else (
            "no MNIST" if place.path.exists() else "does not exist")
        rows.append((str(n), place.why, str(place.path), there, "taken" if found and not taken else ""))
        taken = taken or found is not None
    show_table("Where MNIST is looked for, in this order", ("", "place", "path", "what is there", ""), rows)
    if not taken:
        console.print("MNIST is in none of them. `lessons data get` fetches it; until then the lessons use the "
                      "built-in digits.\nTo put it there by hand, copy mnist.pkl.gz or the four IDX files into "
                      f"{download_folder()}")
    return 0


def get() -> int:
    """Fetch MNIST, unless it is there."""
    if (found := find_mnist()) is not None:
        console.print(f"MNIST is there already: {FORMS[found.form]} in {found.folder}")
        return 0
    found = fetch_mnist(download_folder())
    console.print(f"MNIST is now in {found.folder}")
    return 0


def verify() -> int:
    """Read MNIST and compare its images and labels with the checksums of the originals."""
    found = find_mnist()
    if found is None:
        raise mnist_is_missing()
    parts = found.read()
    wrong = [name for name, md5 in fingerprints(parts).items() if md5 != MD5[name]]
    if wrong:
        raise DataError(f"the files in {found.folder} can be read, but {', '.join(wrong)} do not hold MNIST's bytes. "
                        "If they are not meant to be another data set, remove them and run `lessons data get`")
    console.print(f"{FORMS[found.form]} in {found.folder}: all 70,000 images and labels are those of MNIST")
    return 0


def fingerprints(parts) -> dict[str, str]:
    """The MD5 that each of the four original files would have, from the arrays in whatever form they came."""
    (train_x, train_y), (valid_x, valid_y), (test_x, test_y) = parts
    digests = {name: hashlib.md5(usedforsecurity=False) for name in MD5}
    for name, arrays in zip(MD5, ([train_x, valid_x], [train_y, valid_y], [test_x], [test_y]), strict=True):
        shape = (sum(len(a) for a in arrays), *arrays[0].shape[1:])
        digests[name].update(bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape))
        for array in arrays:
            digests[name].update(array.astype("uint8").tobytes())
    return {name: digest.hexdigest() for name, digest in digests.items()}


