"""What can go wrong with data, in words that say what to do next."""

from pathlib import Path


def shown(thing: object, max_length: int = 200) -> str:
    """A text from a file, or a file's name, fit to be printed: not too long, and without signs that move the cursor."""
    text = str(thing)
    return "".join(c if c.isprintable() else "?" for c in text[:max_length]) + ("…" if len(text) > max_length else "")


class DataError(Exception):
    """Something is wrong with the data; the message says what was expected, what came, and what to do."""

    def __str__(self) -> str:
        # Names of files and folders stand in every message, and a name may hold anything.
        return "\n".join(shown(line, 5000) for line in str(self.args[0]).split("\n"))


class DataNotFound(DataError, FileNotFoundError):
    """The data is in none of the places that were looked at."""


class DataCorrupt(DataError, ValueError):
    """A file is there, but it does not hold what it should."""

    path: Path | None = None  # the file
    fault: str = ""  # what was expected and what came, without the advice

    def in_short(self) -> str:
        """The file and its fault, without the advice; the whole message where no file is at fault alone."""
        return f"{self.path.name}: {self.fault}" if self.path is not None else str(self)


class MissingLibrary(DataError, ImportError):
    """What was asked for needs a library that is not installed."""
