"""The exercises as they stand in the lessons: task, skeleton, check, hints and solution, as the catalogue has them."""

import ast
import re

import pytest
import torch
from torch import nn

from lessonlib.course import notebooks
from lessonlib.course.exercises import EXERCISES, judge, solution, stub

LESSONS = {lesson.number: lesson for lesson in notebooks.lessons()}
CHECK = re.compile(r'^check\("(\w+)", (\w+)\)$', re.MULTILINE)
FOLDED = re.compile(r"<details><summary>(.*?)</summary>\n\n(.*?)\n\n</details>", re.DOTALL)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

each_exercise = pytest.mark.parametrize("task", EXERCISES.values(), ids=list(EXERCISES))


def cells(lesson: notebooks.Lesson) -> list[tuple[str, str]]:
    """(type, source) of each cell of the section Exercises."""
    pairs = [(cell["cell_type"], "".join(cell["source"])) for cell in lesson.nb["cells"]]
    starts = [n for n, (kind, source) in enumerate(pairs)
              if kind == "markdown" and re.search("^## Exercises$", source, re.MULTILINE)]
    ends = [n for n, (kind, source) in enumerate(pairs)
            if kind == "markdown" and re.search("^## Read on$", source, re.MULTILINE)]
    assert len(starts) == len(ends) == 1
    return pairs[starts[0]:ends[0] + 1]


def plain(text: str) -> str:
    """Without marks of code and with single spaces."""
    return " ".join(text.replace("`", "").split())


def same_code(one: str, other: str) -> bool:
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))


def attempt(task, cell: str):
    space = {"torch": torch, "nn": nn}
    exec(compile(cell, "<cell>", "exec"), space)
    return space[task.name]


def place(task) -> int:
    """Where in the section the check cell stands."""
    found = [n for n, (kind, source) in enumerate(cells(LESSONS[task.lesson]))
             if kind == "code" and source == f'check("{task.id}", {task.name})']
    assert len(found) == 1, "one check cell, with nothing else in it"
    return found[0]


@each_exercise
def test_it_stands_in_its_lesson_and_in_no_other(task):
    checked = [lesson.number for lesson in LESSONS.values() for source in notebooks.sources(lesson.nb)
               for id, _ in CHECK.findall(source) if id == task.id]
    assert checked == [task.lesson]


@each_exercise
def test_the_skeleton_is_that_of_the_catalogue(task):
    before = cells(LESSONS[task.lesson])[:place(task)]
    skeletons = [n for n, (kind, source) in enumerate(before) if kind == "code" and source == stub(task.id).rstrip("\n")]
    assert len(skeletons) == 1
    between = [source for kind, source in before[skeletons[0] + 1:] if kind == "code"]
    assert all("import check, hint" in source for source in between), "the check comes right after the skeleton"
    kind, words = before[skeletons[0] - 1]
    assert kind == "markdown"
    assert "(checked).**" in words.strip().split("\n\n")[-1]
    verdict = judge(task.id, attempt(task, before[skeletons[0]][1]))
    assert (verdict.status, verdict.code) == ("todo", "todo")


@each_exercise
def test_three_hints_and_the_solution_are_folded_below(task):
    kind, words = cells(LESSONS[task.lesson])[place(task) + 1]
    assert kind == "markdown"
    folded = FOLDED.findall(words)
    assert [title for title, _ in folded] == [
        *(f"Hint {n}: {hint.title}" for n, hint in enumerate(task.hints, start=1)), "The solution"]
    for (_, text), hint in zip(folded, task.hints, strict=False):
        assert plain(FENCE.sub("", text)) == plain(hint.text)
        assert "\n".join(FENCE.findall(text)).rstrip("\n") == hint.code
    (code,) = FENCE.findall(folded[-1][1])
    assert same_code(code, solution(task.id)), "the lesson exports something else by now"
    assert judge(task.id, attempt(task, code)).code == "ok"
    assert "**Go on with yours:**" in words.rpartition("</details>")[2]


@pytest.mark.parametrize("number", sorted({task.lesson for task in EXERCISES.values()}))
def test_a_lesson_imports_the_check_once_before_it_is_used(number):
    code = [source for kind, source in cells(LESSONS[number]) if kind == "code"]
    line = "from lessonlib.course.exercises import check, hint"
    imports = [n for n, source in enumerate(code) if line in source]
    checked = [n for n, source in enumerate(code) if CHECK.search(source)]
    assert len(imports) == 1
    assert checked[0] == imports[0] + 1


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=lambda lesson: lesson.path.stem)
def test_two_to_five_exercises_numbered_in_order(lesson):
    words = "\n\n".join(source for kind, source in cells(lesson) if kind == "markdown")
    numbers = [int(n) for n in re.findall(r"^\*\*(?:Exercise )?(\d+)\b", words, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert 2 <= len(numbers) <= 5


@each_exercise
def test_no_later_exercise_needs_the_name_that_the_skeleton_takes(task):
    """The name now belongs to the learner: until it is written, it gives None."""
    later = [source for kind, source in cells(LESSONS[task.lesson])[place(task) + 1:] if kind == "code"]
    ours = {stub(id).rstrip("\n") for id in EXERCISES} | {f'check("{it.id}", {it.name})' for it in EXERCISES.values()}
    for source in set(later) - ours:
        assert task.name not in {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
