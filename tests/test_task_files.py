"""Files of exercises: what may stand in them, and that everything else is an error that says where."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lessonlib.course import cli
from lessonlib.course.commands import exercises as exercises_command
from lessonlib.course.commands import new
from lessonlib.course.exercises import EXERCISES, task_files
from lessonlib.course.exercises.task_files import TaskFileError, parse_task, read_mistakes, read_task

EXAMPLE = re.compile(r"^````markdown\n(.*?)^````$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def example(root) -> str:
    """The exercise that docs/exercises.md shows."""
    return EXAMPLE.search((root / "docs" / "exercises.md").read_text(encoding="utf-8"))[1]


PATH = Path("centre_columns.md")


def test_the_example_of_the_docs_is_an_exercise(example):
    task = parse_task(PATH, example)
    assert (task.id, task.lesson, task.kind, task.name) == ("centre_columns", 13, "function", "centre_columns")
    assert task.inputs == {"x": "floats(n, k)"}
    assert [(wrong.code, len(wrong.examples), len(wrong.also)) for wrong in task.wrong] == [("rows", 1, 1), ("in_place", 1, 0)]
    assert task.mistakes["rows"].by_numbers
    assert not task.mistakes["in_place"].by_numbers
    assert "____" in task.hints[2].code


def test_the_example_is_judged_as_it_says(example):
    from lessonlib.course.exercises.engine.answers import make_answer
    from lessonlib.course.exercises.engine.judging import judge_task

    task = parse_task(PATH, example)
    for source, wanted, _ in exercises_command.wanted_verdicts(task):
        assert judge_task(task, make_answer(source, task.name, "<cell>")).code == wanted
    unnamed = judge_task(task, make_answer("def centre_columns(x):\n    return x + x.mean(dim=0)", task.name, "<cell>"))
    assert unnamed.code.startswith("slip_")
    assert "right answer with" in unnamed.message


@pytest.mark.parametrize(("before", "after", "words"), [
    ("# centre_columns", "# center", "the name of the file"),
    ("lesson: 13", "lesson: thirteen", "`lesson` is a number"),
    ("lesson: 13\n", "", "`lesson: …` is missing"),
    ("kind: function", "kind: class", "one of function, module"),
    ("place: exercises", "place: end", "one of your turn, exercises"),
    ("learns: x", "learning: x", "no key 'learning'"),
    ("learns: x", "learns:", "has no value"),
    ("learns: x", "learns: x\nlearns: x", "twice"),
    ("x: floats(n, k)", "y: floats(n, k)", "the stub takes x"),
    ("x: floats(n, k)", "x: uniform(n, k)", "not by uniform"),
    ("x: floats(n, k)", "x: floats(n, k).T", "more than a file can say"),
    ("## Task", "## Tasks", "no section 'Tasks'"),
    ("## Go on\n\nCentre the rows instead. Which one word do you have to add?\n", "", "`## Go on` is missing"),
    ("def centre_columns(x):\n    ...", "def center(x):\n    ...", "must define 'centre_columns'"),
    ("    return x - x.mean(dim=0)\n```", "    return x - x.mean(dim=0\n```", "no Python"),
    ("why: A row is", "because: A row is", "no key 'because'"),
    ("hint: 2", "hint: 4", "1, 2 or 3"),
    ("seen: The mean", "seen: The {mean}", "unknown placeholder {mean}"),
    ("seen: The mean", "seen: The {name!r} mean", "a name alone"),
    ("seen: The mean", "seen: The { mean", "a brace itself is written twice"),
    ("## Mistake: in_place", "## Mistake: in_space", "give it words"),
    ("## Mistake: in_place", "## Mistake: dtype\n\n```python\nx = 1\n```\n\n## Mistake: dtype", "stands here twice"),
    ("## Mistake: rows", "## Mistake: Wrong rows", "small letters"),
    ("### Also", "### Too", "the only subheading"),
    ("```python\nreturn x - x.mean(dim=____)", "```py\nreturn x - x.mean(dim=____)", "begins with ```python"),
])
def test_what_is_not_understood_is_an_error_with_its_line(example, before, after, words):
    assert before in example
    changed = example.replace(before, after, 1)
    pairs = zip(example.splitlines(), changed.splitlines(), strict=False)
    line = next(n for n, (old, new) in enumerate(pairs, start=1) if old != new)
    with pytest.raises(TaskFileError) as caught:
        parse_task(PATH, changed)
    assert words in str(caught.value)
    told = int(re.match(r"centre_columns.md, line (\d+):", str(caught.value))[1])
    elsewhere = ("stands here twice", "no Python", "begins with ```python")  # a line or two away
    assert told == (1 if "is missing" in words else line) or words in elsewhere, caught.value
    assert abs(told - line) < 4 or told == 1


def test_a_cell_that_is_not_closed_is_told(example):
    with pytest.raises(TaskFileError, match="not closed"):
        parse_task(PATH, example.rstrip().removesuffix("```"))


def test_words_of_a_known_mistake_may_use_its_facts(example):
    words = "## Mistake: in_place\n\nseen: Look: {names} changed.\nwhy: It is.\nnext: Stop.\nhint: 1\n"
    task = parse_task(PATH, example.replace("## Mistake: in_place\n", words))
    assert task.mistakes["in_place"].seen == "Look: {names} changed."
    assert not task.mistakes["in_place"].by_numbers


def test_the_words_of_kinds_are_as_strict(tmp_path):
    path = tmp_path / "kind.md"
    path.write_text("# kind\n\n## Mistake: a\n\nseen: {x}\nwhy: b\nnext: c\nhint: 1\n", encoding="utf-8")
    with pytest.raises(TaskFileError, match=r"kind.md, line 5: unknown placeholder \{x\}"):
        read_mistakes(path)


def test_a_file_is_read_when_it_is_asked_for(monkeypatch):
    read, expected = [], list(EXERCISES)
    monkeypatch.setattr(task_files, "read_task", lambda path: read.append(path.stem) or read_task(path))
    found = task_files.Tasks(task_files.FOLDER)
    assert "softmax" in found
    assert found["softmax"] is found["softmax"]
    assert found.get("Softmax") is None
    assert read == ["softmax"]
    assert list(found) == expected
    assert sorted(read) == sorted(found)
    assert found["softmax"] is dict(found)["softmax"]


def test_files_are_read_without_torch():
    code = ("import sys; from lessonlib.course.exercises import EXERCISES, hint, stub; stub('softmax'); "
            "print(len(EXERCISES) >= 15, 'torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_a_new_exercise_is_a_file_that_can_be_read_and_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(task_files, "FOLDER", tmp_path)
    monkeypatch.setattr(new, "FOLDER", tmp_path)
    monkeypatch.setattr(exercises_command, "FOLDER", tmp_path)
    assert cli.main(["new", "exercise", "clip"]) == 0
    assert read_task(tmp_path / "clip.md").name == "clip"
    before = (tmp_path / "clip.md").read_text(encoding="utf-8")
    assert cli.main(["new", "exercise", "clip"]) == 2
    assert "already" in capsys.readouterr().err
    assert (tmp_path / "clip.md").read_text(encoding="utf-8") == before
    assert cli.main(["exercises", "clip"]) == 0
    assert "4 cells in 1 exercises; 0 judged otherwise" in capsys.readouterr().out
    assert cli.main(["new", "exercise", "Not a name"]) == 2
    assert cli.main(["exercises", "nothing"]) == 2


def test_a_cell_that_is_judged_otherwise_fails_the_command(tmp_path, monkeypatch, capsys, example):
    monkeypatch.setattr(exercises_command, "FOLDER", tmp_path)
    swapped = example.replace("return x - x.mean(1, keepdim=True)", "return x - x.mean(0, keepdim=True)")
    (tmp_path / "centre_columns.md").write_text(swapped, encoding="utf-8")
    assert cli.main(["exercises", "centre_columns"]) == 1
    assert "'rows' was expected, 'ok' came out" in capsys.readouterr().err
