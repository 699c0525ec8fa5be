"""No concept before it is taught: what the questions and exercises of a lesson may speak of."""

import re

import pytest

from lessonlib.course import notebooks
from lessonlib.course.commands.export import GLOSSARY
from lessonlib.course.exercises import EXERCISES

LESSONS = notebooks.lessons()
# The table: concept -> number of the lesson that introduces it (in its section "New words").
INTRODUCED = {term: lesson.number for lesson in reversed(LESSONS) for term in lesson.words}
# Lesson 0 is a map and lesson 5 a list of promises: both may name what they say is explained later.
# Words that are also plain English are not looked for.
PLAIN = {"rank", "shape", "step", "batch", "view", "module", "guard", "rung", "layer", "model", "device", "seed",
         "target", "order", "baseline", "weight", "norm", "task"}


def section(lesson: notebooks.Lesson, *titles: str) -> str:
    """The text of the sections with these titles, code included, without links to other lessons."""
    text = "\n".join("".join(cell["source"]) for cell in lesson.nb["cells"])
    found = [part for title in titles for part in re.findall(rf"^## {title}\b.*?(?=^## |\Z)", text, re.M | re.S)]
    return re.sub(r"[^.?!\n]*\[lesson \d+\][^.?!\n]*", "", "\n".join(found))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_questions_and_exercises_use_only_what_was_introduced(lesson):
    text = section(lesson, "Questions", "Exercises")
    assert text, "a lesson ends with questions and exercises"
    early = {term: number for term, number in INTRODUCED.items() if number > lesson.number and term not in PLAIN
             and re.search(rf"\b{re.escape(term)}(s|es)?\b", text, re.IGNORECASE)}
    assert not early, f"used before the lesson that introduces it: {early}"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_every_lesson_has_its_parts(lesson):
    text = "\n".join("".join(cell["source"]) for cell in lesson.nb["cells"])
    for part in ("## What you know now", "## Questions", "## Exercises", "## Read on", "**Next:**", "**You need:**",
                 "**Time:**", "ladder_picture("):
        assert part in text, f"{part} is missing"
    questions = re.findall(r"<details>\s*<summary>\s*\d+\.", section(lesson, "Questions"))
    assert 5 <= len(questions) <= 12
    assert lesson.minutes
    assert lesson.words, 'no section "New words"'


def test_each_term_is_introduced_once_and_linked_both_ways(root):
    terms = [term for lesson in LESSONS for term in lesson.words]
    assert len(terms) == len({term.lower() for term in terms})
    glossary = (root / GLOSSARY).read_text(encoding="utf-8")
    for lesson in LESSONS:
        for term, definition in lesson.words.items():
            anchor = re.sub(r"[^\w -]", "", term.lower()).replace(" ", "-")
            assert f"[**{term}**](../docs/glossary.md#{anchor})" in lesson.prose
            assert f"### {term}\n\n{definition} ([lesson {lesson.number}](../nbs/{lesson.path.name}))" in glossary


def test_the_words_that_everybody_needs_are_there():
    for term in ("activation", "parameter", "neural network", "gradient", "backpropagation", "gradient descent",
                 "epoch", "batch", "logit", "rank", "tensor", "loss", "metric", "learning rate", "broadcasting",
                 "softmax"):
        assert term in INTRODUCED, term


@pytest.mark.parametrize("task", EXERCISES.values(), ids=list(EXERCISES))
def test_the_answers_of_a_check_use_only_what_was_introduced(task):
    """What stands in its own messages; a later word may be used where it is followed by its lesson in brackets."""
    messages = {code: f"{mistake.seen} {mistake.why} {mistake.next}" for code, mistake in task.mistakes.items()
                if mistake.by_numbers}
    hints = {f"hint {n}": f"{hint.title} {hint.text}" for n, hint in enumerate(task.hints, start=1)}
    early = {}
    promised = PLAIN | ({"softmax", "argmax"} if task.lesson == 5 else set())  # borrowed there, explained later
    for code, message in {**messages, **hints, "task": task.task, "go_on": task.go_on}.items():
        text = re.sub(r"[\w-]+ \(lesson \d+\)", "", message)
        early |= {(code, term): number for term, number in INTRODUCED.items() if number > task.lesson
                  and term not in promised and re.search(rf"\b{re.escape(term)}(s|es)?\b", text, re.IGNORECASE)}
    assert not early, f"used before the lesson that introduces it: {early}"
