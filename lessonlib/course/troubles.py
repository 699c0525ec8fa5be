"""What may be wrong with a machine, and what to do: the list behind `lessons doctor` and the site's page on troubles."""

from dataclasses import dataclass, field

NOTE, BAD = "note", "bad"
PYTHONS = (3, 10), (3, 14)
LEAST_FREE_GB = 2


@dataclass(frozen=True)
class Trouble:
    """One thing that may be wrong."""

    what: str  # what is looked at
    sign: str  # how a reader meets it
    verdict: str  # NOTE: the lessons run all the same; BAD: something does not
    advice: str  # what to do; {names} stand for what only the machine in question can tell
    elsewhere: dict[str, str] = field(default_factory=dict)  # what a page, which knows no machine, says for each of them

    @property
    def advice_anywhere(self) -> str:
        """The advice as a page gives it."""
        return self.advice.format(**self.elsewhere)


TROUBLES = {
    "python": Trouble("Python", "Python is older or newer than those that the lessons are tried with", NOTE,
                      f"the lessons are tried with Python {PYTHONS[0][0]}.{PYTHONS[0][1]} to {PYTHONS[1][0]}.{PYTHONS[1][1]}"),
    "no lessons": Trouble("lessons", "there are no lessons, only the library: it was installed with pip", NOTE,
                          "to work through them, clone the project and run `python lessons.py` in it"),
    "package": Trouble("packages", "a package that everything needs, such as torch, is not installed", BAD,
                       "run `python lessons.py` in the checkout"),
    "tool": Trouble("packages", "a package that only the notebooks need, such as jupyterlab, is not installed", NOTE,
                    "only needed to work through the notebooks: run `python lessons.py` in the checkout"),
    "torch": Trouble("device", "torch is installed and cannot be imported", BAD, "remove .venv and run `python lessons.py`"),
    "threads": Trouble("threads", "training is slow, and OMP_NUM_THREADS asks for several threads", NOTE,
                       "mini-batches of 64 are faster with one, the more so on a busy machine"),
    "digits": Trouble("digits", "the numbers differ from those in the text, and a notice says that the digits are the built-in "
                      "ones: MNIST is not here", NOTE, "`lessons data get` fetches it"),
    "cache": Trouble("cache folder", "something that was calculated once is calculated again at each start: the cache folder "
                     "cannot be written", NOTE,
                     "set LESSONLIB_CACHE to a folder that can be written; without it some things are calculated each time"),
    "no jupyter": Trouble("kernel", "notebooks do not open: Jupyter is not installed", NOTE,
                          "run `python lessons.py` in the checkout"),
    "no kernel": Trouble("kernel", "a notebook asks for a kernel, and there is none named python3", BAD,
                         "remove .venv and run `python lessons.py`"),
    "other kernel": Trouble("kernel", "a notebook does not find lessonlib, though it is installed: its kernel is another Python",
                            BAD, "it should start {python}: remove the folder {folder}",
                            {"python": "the Python in .venv", "folder": "that `lessons doctor` names"}),
    "disk": Trouble("free disk", "set-up stops, or data cannot be stored: the disk is nearly full", NOTE,
                    f"set-up and data want {LEAST_FREE_GB} GB or more"),
}
