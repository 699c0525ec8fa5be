"""The README says what is so."""

import re
import subprocess
import sys

import pytest

from lessonlib.bare import RUNGS_BELOW
from lessonlib.course import cli, notebooks
from lessonlib.course.notebooks import CONFLICT
from lessonlib.ladder import RUNGS, count_lines


@pytest.fixture(scope="module")
def readme(root) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_and_has_five_lines(readme, root):
    [example] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(example.strip().splitlines()) == 5
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr
    assert "torch.Size([10000, 10])" in done.stdout


def the_row(readme: str, begins: str) -> str:
    """The one line of a table that begins so."""
    rows = [line for line in readme.splitlines() if line.startswith(begins)]
    if len(rows) != 1:
        pytest.fail(f"README.md: expected one row that begins with {begins!r}; there are {len(rows)}", pytrace=False)
    return rows[0]


def test_no_lesson_is_listed_that_is_not_there(readme):
    """Each lesson and its modules are compared in test_words.py."""
    listed, there = set(re.findall(r"\((nbs/[^)]+)\)", readme)), {f"nbs/{lesson.path.name}" for lesson in notebooks.lessons()}
    assert listed == there, f"README.md: take out the rows of {sorted(listed - there)}; add rows for {sorted(there - listed)}"


def test_every_verb_is_named(readme):
    missing = [verb for verb in cli.VERBS if f"`lessons {verb}" not in readme]
    assert not missing, f"README.md: add a row for each of {missing} to the table of commands"


def test_the_ladder_table_is_that_of_the_code(readme):
    """Names, what is taken away and own lines; the measured columns are from the command under the table."""
    written = ()
    for n, rung in enumerate(RUNGS + RUNGS_BELOW, start=1):
        written += rung.wrote
        row = the_row(readme, f"| {n} {rung.name} |")
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1].replace("`", "") == rung.removed, f"README.md, {row!r}: taken away is {rung.removed}"
        assert int(cells[2]) == count_lines(*written), f"README.md, {row!r}: the lines are {count_lines(*written)}"
        assert cells[3] == "–" or 90.5 <= float(cells[3].rstrip(" %")) <= 91.5, f"README.md, {row!r}: measure it again"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_files_and_folders_that_are_named_are_there(page, root):
    targets = re.findall(r"\]\(([^)#:]+)\)", (root / page).read_text(encoding="utf-8"))
    assert targets
    gone = [target for target in targets if not (root / target).exists()]
    assert not gone, f"{page} links to {gone}: correct the links"


def test_ci_and_the_workflow_call_the_test_command(root):
    for name in (".ci/run", ".github/workflows/test.yaml"):
        assert "lessons.py test" in (root / name).read_text(encoding="utf-8")


def test_no_file_holds_two_versions_of_itself(root):
    """What git writes into a file that it could not merge was committed once."""
    places = ("*", "docs/*.md", "tests/*.py", "benchmarks/*.py", "lessonlib/**/*.*", ".github/**/*.*")
    texts = (".md", ".py", ".toml", ".ini", ".txt", ".yaml", ".yml", ".css", ".js")
    files = [path for place in places for path in root.glob(place) if path.suffix in texts]
    assert {"README.md", "cli.py", "test_readme.py", "test.yaml"} <= {path.name for path in files}
    assert not [path for path in files if CONFLICT.search(path.read_text(encoding="utf-8"))]
