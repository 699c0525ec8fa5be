"""The first cell of every lesson: in Colab it installs the package, anywhere else it does nothing.

`lessons export` writes it into the notebooks, from this one place. A reader's copy in `work/` does without it.
"""

import copy
from typing import Any

TAG = "colab"
CELL = """\
# In Google Colab this installs lessonlib and lets the drawing pad draw. Anywhere else it does nothing.
import importlib.util
import subprocess
import sys

if "google.colab" in sys.modules:
    if importlib.util.find_spec("lessonlib") is None:
        wanted = "lessonlib[lessons] @ git+REPOSITORY"
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", wanted], check=True)
        importlib.invalidate_caches()
    from google.colab import output

    output.enable_custom_widget_manager()
"""


def colab_source(
    repository: str,  # the address that settings.ini gives
) -> str:
    """The text of the cell."""
    return CELL.replace("REPOSITORY", repository).rstrip("\n")


def is_colab(cell: dict[str, Any]) -> bool:
    """Whether a cell is the one for Colab."""
    return TAG in cell.get("metadata", {}).get("tags", [])


def with_colab(nb: dict[str, Any], repository: str) -> dict[str, Any]:
    """The notebook with the cell for Colab after its title; one that is there already stays as it is."""
    cells = [cell for cell in nb["cells"] if not is_colab(cell)]
    old = next(filter(is_colab, nb["cells"]), None)
    if old is None or "".join(old["source"]) != colab_source(repository):
        old = {"cell_type": "code", "execution_count": None, "id": "c01ab000", "metadata": {"tags": ["plumbing", TAG]},
               "outputs": [], "source": colab_source(repository).splitlines(keepends=True)}
    return {**nb, "cells": [*cells[:1], copy.deepcopy(old), *cells[1:]]}
