"""What the check of structure finds: it names lesson, cell and line, and says what to do.

The check itself looks at the lessons as they are (`lessons test structure`); here they are broken, and it must find that.
"""

import json
import re
import shutil

import pytest

from lessonlib.course import cli, notebooks, structure, terminal
from lessonlib.course.commands.export import GLOSSARY
from lessonlib.course.exercises import EXERCISES
from lessonlib.course.notebooks import Lesson
from lessonlib.course.structure import problems_of

LESSONS = notebooks.lessons()
INTRODUCED = structure.introduced(LESSONS)

@pytest.fixture(scope="module")
def readme(root) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_lessons_are_found_in_their_order():
    """Else the tests below would pass for want of lessons."""
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers == sorted(set(numbers))
    assert set(range(19)) <= set(numbers)


def test_each_term_is_in_the_glossary(root):
    glossary = (root / GLOSSARY).read_text(encoding="utf-8")
    for lesson in LESSONS:
        for term, definition in lesson.words.items():
            assert f"### {term}\n\n{definition} ([lesson {lesson.number}](../nbs/{lesson.path.name}))" in glossary


def test_the_words_that_everybody_needs_are_there():
    for term in ("activation", "parameter", "neural network", "gradient", "backpropagation", "gradient descent",
                 "epoch", "batch", "logit", "rank", "tensor", "loss", "metric", "learning rate", "broadcasting",
                 "softmax"):
        assert term in INTRODUCED, term


def test_contributing_lists_the_parts_of_a_lesson(root):
    page = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(.*?)` \|", page, re.MULTILINE)[-len(structure.PARTS):] == [part.text for part in structure.PARTS]
    low, high = structure.QUESTIONS
    assert f"{low} to {high}, each folded" in page
    assert f"{structure.FEWEST_EXERCISES} or more, numbered" in page
    assert len(page.splitlines()) <= 75, "one page; what is longer goes into docs/"


# --- what is broken is found --------------------------------------------------------------------------------------


def changed(lesson: Lesson, old: str, new: str) -> Lesson:
    """The lesson with one text in it changed, in all cells where it stands."""
    nb = json.loads(json.dumps(lesson.nb))
    texts = ["".join(cell["source"]) for cell in nb["cells"]]
    assert any(old in text for text in texts), f"{lesson.path.name} has no {old!r} to change"
    for cell, text in zip(nb["cells"], texts, strict=True):
        cell["source"] = text.replace(old, new).splitlines(keepends=True)
    return Lesson(lesson.path, nb)


SOFTMAX_LESSON = next(lesson for lesson in LESSONS if "softmax" in {task.id for task in lesson.exercises})
FAULTS = {  # what is changed, into what: what is said
    "a part": ("## Read on", "## Read", r"`## Read on` is missing\. Add papers"),
    "the time": ("**Time:**", "**Time:** long;", "no number of minutes"),
    "a link to the glossary": ("../docs/glossary.md#", "../docs/words.md#", r"does not lead to the term\. Write"),
    "numbers of exercises": (" (checked).", "0 (checked).", r"numbered \[.*0.*\]\. Number them 1, 2, 3"),
    "an unknown exercise": ('check("softmax"', 'check("sofmax"', r"cell \d+, line 'check\(\"sofmax.*no exercise 'sofmax'"),
    "another lesson's exercise": ('check("softmax"', 'check("gini"', r"'gini' belongs to lesson 23"),
    "the reader's name": ("**Next:**", "**Next:** FILL IN", r"line '\*\*Next:\*\* FILL IN.*still to be written"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_where_it_is_and_the_remedy_is_told(fault, readme):
    old, new, words = FAULTS[fault]
    found = problems_of(changed(SOFTMAX_LESSON, old, new), LESSONS, readme)
    assert any(re.search(words, problem) for problem in found), found
    assert all(SOFTMAX_LESSON.path.name in problem or "README" in problem for problem in found)


def test_a_module_says_what_it_is_for(readme):
    lesson = next(lesson for lesson in LESSONS if lesson.module)
    [problem] = problems_of(changed(lesson, "\n> ", "\n"), LESSONS, readme)
    assert f"makes lessonlib/{lesson.module}.py, and nothing says what that is for. Put a line `> What" in problem


def test_too_few_questions_are_counted(readme):
    n = len(structure._QUESTION.findall(structure.section(SOFTMAX_LESSON, "Questions")))
    lesson = SOFTMAX_LESSON
    for k in range(4, n + 1):  # four fewer than 1 to 4 stay
        lesson = changed(lesson, f"<details><summary>{k}. ", "<details><summary>")
    [problem] = problems_of(lesson, LESSONS, readme)
    assert f"line '## Questions': 3 questions, and {structure.QUESTIONS[0]} to {structure.QUESTIONS[1]} are wanted" in problem


def test_a_word_of_a_later_lesson_is_found_in_a_question_and_passes_with_its_lesson(readme):
    last = max(INTRODUCED, key=lambda term: (INTRODUCED[term] if term not in structure.PLAIN else -1))
    number = INTRODUCED[last]
    lesson = changed(SOFTMAX_LESSON, "## Questions", f"## Questions\n\nWhat has it to do with {last}?")
    [problem] = problems_of(lesson, LESSONS, readme)
    assert re.search(rf"cell \d+, line 'What has it to do with {last}\?': '{last}' is introduced in lesson {number}\.", problem)
    lesson = changed(lesson, f"with {last}?", f"with {last} ([lesson {number}](x.ipynb))?")
    assert problems_of(lesson, LESSONS, readme) == []


def test_a_name_of_the_reader_s_answer_may_not_be_used(readme):
    name = EXERCISES["softmax"].name
    used = {"cell_type": "code", "id": "0", "metadata": {}, "source": [f"{name}(logits)"], "outputs": []}
    lesson = Lesson(SOFTMAX_LESSON.path, {**SOFTMAX_LESSON.nb, "cells": [*SOFTMAX_LESSON.nb["cells"], used]})
    [problem] = problems_of(lesson, LESSONS, readme)
    assert f"line '{name}(logits)': '{name}' is what an exercise calls the reader's answer. Use another name" in problem


@pytest.mark.parametrize(("tags", "found"), [(["predict"], 1), (["predict", "plumbing"], 0), ([], 0)])
def test_a_picture_to_be_guessed_does_not_show_what_it_shows(readme, tags, found):
    cell = {"cell_type": "code", "id": "0", "metadata": {"tags": tags}, "source": ["picture(figure, 'A blurred 7.')"],
            "outputs": []}
    lesson = Lesson(SOFTMAX_LESSON.path, {**SOFTMAX_LESSON.nb, "cells": [*SOFTMAX_LESSON.nb["cells"], cell]})
    problems = problems_of(lesson, LESSONS, readme)
    assert len(problems) == found
    assert all("the description of the picture answers the question" in problem for problem in problems)


def test_a_lesson_is_one_sitting(readme):
    lesson = changed(SOFTMAX_LESSON, "## Questions", "word " * structure.MOST_WORDS + "\n\n## Questions")
    [problem] = problems_of(lesson, LESSONS, readme)
    assert f"words of prose are in view, and {structure.MOST_WORDS:,} are the most" in problem
    folded = changed(SOFTMAX_LESSON, "## Questions", "<details>" + "word " * structure.MOST_WORDS + "</details>\n\n## Questions")
    assert problems_of(folded, LESSONS, readme) == []


def test_the_list_in_the_readme_is_compared(readme):
    row = next(line for line in readme.splitlines() if f"(nbs/{SOFTMAX_LESSON.path.name})" in line)
    [problem] = problems_of(SOFTMAX_LESSON, LESSONS, readme.replace(row + "\n", ""))
    assert f"| {SOFTMAX_LESSON.number} | [{SOFTMAX_LESSON.title.split(' — ')[0]}](nbs/{SOFTMAX_LESSON.path.name}) |" in problem
    [problem] = problems_of(SOFTMAX_LESSON, LESSONS, readme.replace(row, row.replace("`layers`", "`losses`")))
    assert re.search(r"README\.md, line \d+: the modules \['losses'\]", problem)


def test_a_term_of_two_lessons_and_an_exercise_in_two_are_found(readme):
    earlier = next(lesson for lesson in LESSONS if lesson.number < SOFTMAX_LESSON.number and lesson.words)
    term, own = next(iter(earlier.words)), next(iter(SOFTMAX_LESSON.words))
    lesson = changed(SOFTMAX_LESSON, f"[**{own}**](../docs/glossary.md#{structure.anchor(own)})",
                     f"[**{term}**](../docs/glossary.md#{structure.anchor(term)})")
    found = problems_of(lesson, LESSONS, readme)
    assert any(f"lesson {earlier.number} introduces {term!r} already" in problem for problem in found)
    twice = structure.exercise_problems([SOFTMAX_LESSON, SOFTMAX_LESSON])
    assert any(f"'softmax' stands in nbs/{SOFTMAX_LESSON.path.name} as well" in problem for problem in twice)


def test_an_exercise_that_stands_in_no_lesson_is_found():
    found = structure.exercise_problems([lesson for lesson in LESSONS if lesson is not SOFTMAX_LESSON])
    assert any(f'tasks/softmax.md: it is of lesson {SOFTMAX_LESSON.number}, and stands in none. Put a code cell '
               f'`check("softmax", {EXERCISES["softmax"].name})`' in problem for problem in found)
    assert not any("tasks/softmax.md" in problem for problem in structure.exercise_problems(LESSONS))


def test_what_waits_to_be_filled_in_is_no_term():
    terms = structure.introduced([changed(SOFTMAX_LESSON, "[**", "[**FILL IN ")])
    assert terms == {}


def test_a_message_of_an_exercise_in_a_later_word_is_found():
    task = EXERCISES["softmax"]
    [problem] = structure.early_words_of_task(task, {"picture-of-no-other-task": 99, **dict.fromkeys(task.task.split()[:1], 99)})
    assert f"exercises/tasks/softmax.md, Task, line '{task.task.splitlines()[0][:90]}" in problem


# --- lessons new lesson -------------------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch, root):
    """A checkout with one lesson."""
    (tmp_path / "nbs").mkdir()
    for name in ("settings.ini", "README.md"):
        shutil.copy(root / name, tmp_path)
    shutil.copy(SOFTMAX_LESSON.path, tmp_path / "nbs")
    monkeypatch.setattr(terminal, "checkout", lambda: tmp_path)
    return tmp_path


def test_a_new_lesson_has_every_part_and_says_what_to_fill_in(course, capsys):
    assert cli.main(["new", "lesson", "90", "Why it's überfit"]) == 0
    said = capsys.readouterr().out
    path = course / "nbs" / "90_why_it_s.ipynb"
    assert str(path) in said.replace("\n", "")
    assert f"| 90 | [Why it's überfit](nbs/{path.name}) |" in said
    lesson = Lesson(path)
    assert path.read_text(encoding="utf-8") == notebooks.cleaned(lesson.nb)
    assert len({cell["id"] for cell in lesson.nb["cells"]}) == len(lesson.nb["cells"])
    found = problems_of(lesson, notebooks.lessons(), said.replace("   |", "|"))  # what it says is the row for README.md
    assert found
    assert all("still to be written" in problem for problem in found), found
    for place, line in structure._lines(lesson):
        if structure.TO_FILL_IN in line:
            assert any(problem.startswith(str(place)) for problem in found)


def test_a_new_lesson_overwrites_none_and_needs_a_number_and_a_title(course, capsys):
    before = {path.name: path.read_bytes() for path in (course / "nbs").iterdir()}
    for arguments, words in ((["7", "Again"], "lesson 7 is there already: 07_softmax.ipynb. Take another number, such as 0"),
                             (["91", "…"], "'…' has no letters")):
        assert cli.main(["new", "lesson", *arguments]) == 2
        assert words in capsys.readouterr().err
    for number in ("-1", "100", "seven"):
        with pytest.raises(SystemExit):
            cli.main(["new", "lesson", number, "A title"])
        assert "0 to 99" in capsys.readouterr().err or number == "-1"
    assert {path.name: path.read_bytes() for path in (course / "nbs").iterdir()} == before
