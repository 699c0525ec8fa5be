"""The exercises as they stand in the lessons: written from their files, untouched stubs, nothing overwritten."""

import ast
import copy
import re

import pytest

from lessonlib.course import exercise_cells, notebooks
from lessonlib.course.exercises import EXERCISES
from lessonlib.course.exercises.task_files import Task

LESSONS = notebooks.lessons()
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)


def code(lesson: notebooks.Lesson) -> list[str]:
    return notebooks.sources(lesson.nb)


def cell(source: str, kind: str = "code", **metadata) -> dict:
    plain = {"cell_type": kind, "id": f"{abs(hash(source)) % 16**8:08x}", "metadata": metadata,
             "source": source.splitlines(keepends=True)}
    return plain | {"outputs": [], "execution_count": None} if kind == "code" else plain


def texts(nb: dict) -> list[str]:
    return ["".join(each["source"]) for each in nb["cells"]]


@each_lesson
def test_each_check_names_an_exercise_of_this_lesson(lesson):
    for source in code(lesson):
        for id in re.findall(r'\bcheck\("([^"]*)"', source):
            assert id in EXERCISES, f"check({id!r}): there is no such exercise"
            assert EXERCISES[id].lesson == lesson.number, f"{id} belongs to lesson {EXERCISES[id].lesson}"


def test_no_exercise_stands_in_two_lessons():
    ids = [task.id for lesson in LESSONS for task in lesson.exercises]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 15


@each_lesson
def test_the_cells_are_those_that_the_files_give(lesson, root):
    """Like the glossary: `lessons export` has been run."""
    again = exercise_cells.refreshed(lesson.nb, EXERCISES, root)
    assert texts(again) == texts(lesson.nb), "run `lessons export`"


@each_lesson
def test_a_lesson_imports_the_check_before_it_is_used(lesson):
    sources = code(lesson)
    checked = [n for n, source in enumerate(sources) if re.search(r'^check\("', source, re.MULTILINE)]
    imported = [n for n, source in enumerate(sources) if exercise_cells.IMPORT.search(source)]
    assert not checked or (imported and imported[0] <= checked[0])


@each_lesson
def test_no_stub_takes_a_name_that_the_lesson_uses(lesson):
    """After Run All with untouched stubs, every cell of the lesson can be run again."""
    stubs = {task.stub.rstrip("\n") for task in lesson.exercises}
    names = {task.name for task in lesson.exercises}
    theirs = "\n".join(source for source in code(lesson) if "# your code here" in source and source not in stubs)
    names -= {name for name in names if re.search(rf"^(class|def) {name}\b", theirs, re.MULTILINE)}  # the reader's anyway
    for source in code(lesson):
        if source in stubs or "# your code here" in source or re.search(r'^check\("', source, re.MULTILINE):
            continue
        tree = ast.parse("\n".join(line for line in source.splitlines() if not line.startswith(("%", "!"))))
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
            node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        assert not used & names, f"{used & names} in\n{source}"


@each_lesson
def test_exercises_are_numbered_in_order(lesson):
    section = re.search(r"^## Exercises$(.*?)^## Read on$", lesson.prose, re.MULTILINE | re.DOTALL)
    assert section, "a lesson has a section Exercises"
    numbers = [int(n) for n in re.findall(r"^\*\*(?:Exercise )?(\d+)\b", section[1], re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 2, "a lesson ends with two exercises or more"


# --- the cells ----------------------------------------------------------------------------------------------------


SOFTMAX: Task = EXERCISES["softmax"]
CHECK = 'check("softmax", my_softmax)'


def test_one_check_cell_is_enough_to_mark_the_place(root):
    nb = {"cells": [cell("## Exercises\n\n**1. By hand.** Think.", "markdown"), cell(CHECK), cell("## Read on", "markdown")]}
    written = exercise_cells.refreshed(nb, EXERCISES, root)
    assert [exercise_cells.part_of(each) for each in written["cells"]] == [
        None, *(("softmax", part) for part in ("task", "stub", "check", "help")), None]
    task, stub, check, folded = texts(written)[1:5]
    assert task.startswith("**2 (checked). Softmax.** Turn each row")
    assert stub == SOFTMAX.stub.rstrip("\n")
    assert check == f"from lessonlib.course.exercises import check, hint\n\n{CHECK}"
    assert folded.count("<details>") == 5
    assert SOFTMAX.solution.strip() in folded
    assert "How lessonlib writes it" in folded
    assert folded.endswith(SOFTMAX.go_on)
    assert exercise_cells.refreshed(written, EXERCISES, root) == written, "the second time nothing changes"


def test_what_the_author_wrote_around_it_stays(root):
    nb = {"cells": [cell("Some words.\n\n**1. Softmax (checked).** The old task.", "markdown"),
                    cell("def softmax(x):\n    ...  # your code here"), cell("A word on checks.", "markdown"),
                    cell("from lessonlib.course.exercises import check, hint\n\nhint(\"softmax\")"),
                    cell('check("softmax", softmax)'),
                    cell("<details><summary>Hint 1: old</summary>\n\nold\n\n</details>", "markdown"),
                    cell("x = 1")]}
    written = texts(exercise_cells.refreshed(copy.deepcopy(nb), EXERCISES, root))
    assert written[:3] == ["Some words.", "A word on checks.", "".join(nb["cells"][3]["source"])]
    assert written[3].startswith("**1 (checked). Softmax.**")
    assert written[5:] == [CHECK, written[6], "x = 1"]
    assert "old" not in " ".join(written)


def test_outputs_and_ids_of_unchanged_cells_stay(root):
    nb = exercise_cells.refreshed({"cells": [cell(CHECK)]}, EXERCISES, root)
    nb["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["kept"]}]
    assert exercise_cells.refreshed(nb, EXERCISES, root)["cells"][2]["outputs"] == nb["cells"][2]["outputs"]
    nb["cells"][1]["source"] = ["def my_softmax(x):\n", "    ...  # an older stub"]
    again = exercise_cells.refreshed(nb, EXERCISES, root)["cells"][1]
    assert "".join(again["source"]) == SOFTMAX.stub.rstrip("\n")
    assert again["id"] == nb["cells"][1]["id"]


def test_a_check_of_what_is_no_exercise_is_left_alone(root):
    nb = {"cells": [cell('check("clip", clip)')]}
    assert texts(exercise_cells.refreshed(nb, EXERCISES, root)) == ['check("clip", clip)']
