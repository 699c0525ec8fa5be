"""What can go wrong with data, in words that say what to do next."""

from pathlib import Path


class DataError(Exception):
    """Something is wrong with the data; the message says what was expected, what came, and what to do."""


class DataNotFound(DataError, FileNotFoundError):
    """The data is in none of the places that were looked at."""

    def __str__(self) -> str:
        return str(self.args[0])  # without this, FileNotFoundError puts its own words around ours


class DataCorrupt(DataError, ValueError):
    """A file is there, but it does not hold what it should."""

    path: Path | None = None  # the file
    fault: str = ""  # what was expected and what came, without the advice
