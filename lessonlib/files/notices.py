"""Words to the reader: calm ones where all is in order, on stderr where something is wrong."""

import html
import sys

from tqdm.auto import tqdm

from lessonlib.files.errors import shown

_told: set[str] = set()  # in this session, so in this kernel or program


def warn(notice: str) -> None:
    """Tell the reader of something that is wrong, on stderr so that a program's output stays its own."""
    print(f"lessonlib: {_lines(notice)}", file=sys.stderr)


def notify(notice: str, details: str = "", once: bool = False) -> None:
    """Tell the reader something that is in order: one line, in a notebook with the details folded under it.

    With `once` it is told the first time in a session only.
    """
    if once:
        if notice in _told:
            return
        _told.add(notice)
    notice, details = _lines(notice), _lines(details)
    plain = f"lessonlib: {notice}" + "".join(f"\n    {line}" for line in details.splitlines())
    if not _in_notebook():
        print(plain)
        return
    from IPython.display import display

    folded = f"<details><summary>details</summary><pre>{html.escape(details)}</pre></details>" if details else ""
    display({"text/plain": plain, "text/html": f"<div>{html.escape(notice)}</div>{folded}"}, raw=True)


def progress(total: int | None, what: str, unit: str = "it") -> tqdm:
    """A bar for what takes longer than a second; it disappears when it is done."""
    return tqdm(total=total, desc=what, unit=unit, unit_scale=unit == "B", delay=1, leave=False,
                file=sys.stdout if _in_notebook() else sys.stderr)  # a notebook shows stderr as an alarm


def _lines(text: str) -> str:
    return "\n".join(shown(line, 5000) for line in text.split("\n"))


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")
