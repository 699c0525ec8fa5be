"""Whether digits are those of MNIST, whichever form they came in."""

import hashlib

import numpy as np

from lessonlib.files.idx import IDX, Part, header_of

# MD5 of the four files of MNIST when unpacked: the header, then the bytes. Source: torchvision.datasets.MNIST's
# files, unpacked.
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
QUICK = tuple(name for name in IDX if name != "train-images-idx3-ubyte")  # all labels and the test images


def fingerprints(parts: tuple[Part, Part, Part], names: tuple[str, ...] = tuple(IDX)) -> dict[str, str]:
    """The MD5 that each of the four original files would have, from the arrays in whatever form they came."""
    (train_x, train_y), (valid_x, valid_y), (test_x, test_y) = parts
    arrays = dict(zip(IDX, ([train_x, valid_x], [train_y, valid_y], [test_x], [test_y]), strict=True))
    return {name: _fingerprint(arrays[name]) for name in names}


def _fingerprint(arrays: list[np.ndarray]) -> str:
    digest = hashlib.md5(header_of((sum(len(a) for a in arrays), *arrays[0].shape[1:])), usedforsecurity=False)
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype=np.uint8).data)
    return digest.hexdigest()


def is_mnist(parts: tuple[Part, Part, Part]) -> bool:
    """Whether all labels and the test images are MNIST's, in MNIST's order.

    That tells MNIST from every other data set in a hundredth of a second; `lessons data verify` compares the rest too.
    """
    return all(md5 == MD5[name] for name, md5 in fingerprints(parts, QUICK).items())
