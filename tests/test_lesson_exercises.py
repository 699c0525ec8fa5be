"""The exercises as they stand in the lessons: written from their files, untouched stubs, nothing overwritten."""

import copy
from itertools import zip_longest

import pytest

from lessonlib.course import exercise_cells, notebooks
from lessonlib.course.exercises import EXERCISES
from lessonlib.course.exercises.task_files import Exercise

LESSONS = notebooks.lessons()
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)


def cell(source: str, kind: str = "code", **metadata) -> dict:
    plain = {"cell_type": kind, "id": f"{abs(hash(source)) % 16**8:08x}", "metadata": metadata,
             "source": source.splitlines(keepends=True)}
    return plain | {"outputs": [], "execution_count": None} if kind == "code" else plain


def texts(nb: dict) -> list[str]:
    return ["".join(each["source"]) for each in nb["cells"]]


@each_lesson
def test_the_cells_are_those_that_the_files_give(lesson, root):
    """Like the glossary: `lessons export` has been run."""
    again = exercise_cells.refreshed(lesson.nb, EXERCISES, root)
    stale = [f"nbs/{lesson.path.name}, cell {n}: {old.splitlines()[0]!r} is not what its file says. Run `lessons export`"
             for n, (old, new) in enumerate(zip_longest(texts(lesson.nb), texts(again), fillvalue="\n")) if old != new]
    if stale:
        pytest.fail(stale[0], pytrace=False)


# --- the cells ----------------------------------------------------------------------------------------------------


TASK: Exercise = EXERCISES["cross_entropy"]
CHECK = 'check("cross_entropy", my_cross_entropy)'
IMPORT = "from lessonlib.course.exercises import check, hint"


def test_one_check_cell_is_enough_to_mark_the_place(root):
    nb = {"cells": [cell("## Exercises\n\n**1. By hand.** Think.", "markdown"), cell(CHECK), cell("## Read on", "markdown")]}
    written = exercise_cells.refreshed(nb, EXERCISES, root)
    assert [exercise_cells.part_of(each) for each in written["cells"]] == [
        None, *(("cross_entropy", part) for part in ("task", "stub", "check", "help")), None]
    task, stub, check, folded = texts(written)[1:5]
    assert task.startswith("**2 (checked). Cross-entropy.** Logits")
    assert stub == f"import torch\n\n{TASK.stub.rstrip()}"
    assert check == f"{IMPORT}\n\n{CHECK}"
    assert folded.count("<details>") == 5
    assert TASK.solution.strip() in folded
    assert "How lessonlib writes it" in folded
    assert folded.endswith(TASK.go_on)
    assert exercise_cells.refreshed(written, EXERCISES, root) == written, "the second time nothing changes"


def run_alone(nb: dict, id: str) -> object:
    """What the check cell of an exercise gives where nothing but its own cells has run."""
    space: dict = {}
    for each in nb["cells"]:
        part = exercise_cells.part_of(each)
        if part == (id, "stub"):
            exec(compile("".join(each["source"]), "<stub>", "exec"), space)
        elif part == (id, "check"):
            head, _, call = "".join(each["source"]).rpartition("\n")
            exec(head, space)
            return eval(call, space)
    raise AssertionError(f"{id} stands in no cell")


@pytest.mark.parametrize("id", ["my_linear", "sgd", "softmax"])
def test_a_reader_who_comes_back_runs_two_cells_and_no_more(id):
    lesson = next(lesson for lesson in notebooks.lessons() if lesson.number == EXERCISES[id].lesson)
    assert run_alone(lesson.nb, id).status == "todo"


def test_a_title_that_asks_ends_in_its_question_mark(root):
    assert exercise_cells.parts(EXERCISES["how_sure"], root, 1)["task"][1].startswith(
        "**Your turn. How sure is a model?** `model`")


def test_what_the_author_wrote_around_it_stays(root):
    nb = {"cells": [cell("Some words.\n\n**1. Cross-entropy (checked).** The old task.", "markdown"),
                    cell("def loss(x):\n    ...  # your code here"), cell("A word on checks.", "markdown"),
                    cell("from lessonlib.course.exercises import check, hint\n\nhint(\"cross_entropy\")"),
                    cell('check("cross_entropy", loss)'),
                    cell("<details><summary>Hint 1: old</summary>\n\nold\n\n</details>", "markdown"),
                    cell("x = 1")]}
    written = texts(exercise_cells.refreshed(copy.deepcopy(nb), EXERCISES, root))
    assert written[:3] == ["Some words.", "A word on checks.", "".join(nb["cells"][3]["source"])]
    assert written[3].startswith("**1 (checked). Cross-entropy.**")
    assert written[5:] == [f"{IMPORT}\n\n{CHECK}", written[6], "x = 1"]
    assert "old" not in " ".join(written)


def test_outputs_and_ids_of_unchanged_cells_stay(root):
    nb = exercise_cells.refreshed({"cells": [cell(CHECK)]}, EXERCISES, root)
    nb["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["kept"]}]
    assert exercise_cells.refreshed(nb, EXERCISES, root)["cells"][2]["outputs"] == nb["cells"][2]["outputs"]
    nb["cells"][1]["source"] = ["def my_softmax(x):\n", "    ...  # an older stub"]
    again = exercise_cells.refreshed(nb, EXERCISES, root)["cells"][1]
    assert "".join(again["source"]) == f"import torch\n\n{TASK.stub.rstrip()}"
    assert again["id"] == nb["cells"][1]["id"]


def test_a_check_of_what_is_no_exercise_is_left_alone(root):
    nb = {"cells": [cell('check("clip", clip)')]}
    assert texts(exercise_cells.refreshed(nb, EXERCISES, root)) == ['check("clip", clip)']
