"""Run the checks with the lowest versions that pyproject.toml declares, or with the newest that there are.

    python tests/with_versions.py lowest
    python tests/with_versions.py newest style tests

The checks that follow are those of `lessons test`; none means all. constraints.txt is not heeded. The environment is
made in .tools/lowest or .tools/newest, beside .venv, which is left alone. The lowest versions are older than Python 3.13,
so take Python 3.10, 3.11 or 3.12 for them.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lessons

RESOLUTION = {"lowest": "lowest-direct", "newest": "highest"}


def main() -> int:
    """Make the environment, show the versions that were chosen, and run the checks in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", choices=RESOLUTION)
    parser.add_argument("checks", nargs="*", metavar="CHECK", help="as for `lessons test` (default: all)")
    options = parser.parse_args()
    folder = lessons.TOOLS / options.versions
    python = folder / lessons.BIN / f"python{lessons.EXE}"
    lessons.TOOLS.mkdir(exist_ok=True)
    try:
        uv = lessons.find_uv()
        lessons.run([uv, "venv", "--clear", "--no-project", "--python", lessons.base_python(), str(folder)],
                    "the environment was not made")
        backend = lessons.choose_torch(uv, os.environ.get("UV_TORCH_BACKEND"), python)
        lessons.run([uv, "pip", "install", "--python", str(python), "--resolution", RESOLUTION[options.versions], "-e", ".[dev]"],
                    "the packages could not be installed", UV_TORCH_BACKEND=backend)
    except lessons.SetupError as error:
        return lessons.complain(str(error))
    subprocess.run([uv, "pip", "list", "--python", str(python)], check=True)
    return subprocess.call([str(python), "-m", "lessonlib.course", "test", *options.checks], cwd=lessons.ROOT)


if __name__ == "__main__":
    sys.exit(main())
