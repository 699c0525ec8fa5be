"""The README says what is so."""

import re
import subprocess
import sys

import pytest

from lessonlib.bare import RUNGS_BELOW
from lessonlib.course import cli, notebooks
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


def test_every_lesson_is_listed_with_its_modules(readme):
    for lesson in notebooks.lessons():
        [row] = re.findall(rf"^\|.*\(nbs/{lesson.path.name}\).*$", readme, re.MULTILINE)
        builds = row.split("|")[4]
        assert re.findall(r"`(\w+)`", builds) == lesson.modules
    linked = set(re.findall(r"\((nbs/[^)]+)\)", readme))
    assert linked == {f"nbs/{lesson.path.name}" for lesson in notebooks.lessons()}


def test_every_verb_is_named(readme):
    for verb in cli.VERBS:
        assert f"`lessons {verb}" in readme


def test_the_ladder_table_is_that_of_the_code(readme):
    """Names, what is taken away and own lines; the measured columns are from the command under the table."""
    written = ()
    for n, rung in enumerate(RUNGS + RUNGS_BELOW, start=1):
        written += rung.wrote
        [row] = re.findall(rf"^\| {n} {rung.name} \|.*$", readme, re.MULTILINE)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1].replace("`", "") == rung.removed
        assert int(cells[2]) == count_lines(*written)
        assert cells[3] == "–" or 90.5 <= float(cells[3].rstrip(" %")) <= 91.5


def test_files_and_folders_that_are_named_are_there(readme, root):
    for target in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (root / target).exists(), target


def test_ci_and_the_workflow_call_the_test_command(root):
    for name in (".ci/run", ".github/workflows/test.yaml"):
        assert "lessons.py test" in (root / name).read_text(encoding="utf-8")
