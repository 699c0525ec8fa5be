"""What pages written by hand leave open, as in `[[minutes 0 1 2]]`: the ladder, the lessons, times, troubles."""

import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from lessonlib.course.exercise_cells import library_source
from lessonlib.course.home import by_rung, plain_title
from lessonlib.course.notebooks import Lesson
from lessonlib.course.site.about import About
from lessonlib.course.site.lesson_pages import facts, question
from lessonlib.course.terminal import CourseError
from lessonlib.course.troubles import TROUBLES
from lessonlib.figures import ladder_picture

OPEN = re.compile(r"\[\[(\w+)((?: [\w/.:-]+)*)\]\]")


class Filler:
    """Fills what a page leaves open, from the lessons and from settings.ini."""

    def __init__(self, lessons: Sequence[Lesson], about: About, root: Path):
        self.lessons, self.about, self.root = {lesson.number: lesson for lesson in lessons}, about, root
        self.makers: dict[str, Callable[..., str]] = {
            "ladder": self.ladder, "rungs": self.rungs, "lessons": self.titles, "minutes": self.minutes, "hours": self.hours,
            "troubles": self.troubles, "repository": self.repository, "site": self.site, "count": self.count,
            "toctree": self.toctree, "source": self.source}

    def fill(self, page: str, text: str) -> str:
        """The text of a page with everything filled in. Raises `CourseError` for what nobody can fill."""
        def one(found: re.Match) -> str:
            if found[1] not in self.makers:
                raise CourseError(f"docs/site/pages/{page}: nobody fills {found[0]}; known are {', '.join(sorted(self.makers))}")
            try:
                return self.makers[found[1]](*found[2].split())
            except (KeyError, TypeError, ValueError) as error:
                raise CourseError(f"docs/site/pages/{page}: {found[0]} cannot be filled ({error})") from None
        return OPEN.sub(one, text)

    def ladder(self) -> str:
        """The ladder with no rung lit."""
        return f'<p class="ll-ladder">{ladder_picture().tag()}</p>'

    def rungs(self) -> str:
        """All lessons, rung by rung, from the top of the ladder down."""
        parts = ['<div class="ll-map">']
        for heading, on_rung in by_rung([(lesson, lesson.title) for lesson in self.lessons.values()]):
            parts.append(f'<div class="ll-stage">{heading}<ol class="ll-lessons" start="{on_rung[0][0].number}">')
            parts += [self._entry(lesson) for lesson, _ in on_rung]
            parts.append("</ol></div>")
        return "\n".join([*parts, "</div>"])

    @staticmethod
    def _entry(lesson: Lesson) -> str:
        asks = question(lesson).replace("`", "")
        return (f'<li class="ll-lesson" value="{lesson.number}"><a href="lessons/{lesson.path.stem}.html">'
                f'{escape(plain_title(lesson.title))}</a> <span class="ll-asks">{escape(asks)}</span> '
                f'<span class="ll-soft">{escape(", ".join(facts(lesson)[:1]))}</span></li>')

    def titles(self, *numbers: str) -> str:
        """The lessons of these numbers, as links."""
        found = [self.lessons[int(number)] for number in numbers]
        return ", ".join(f"[{lesson.number} {plain_title(lesson.title)}](lessons/{lesson.path.name})" for lesson in found)

    def minutes(self, *numbers: str) -> str:
        """How long these lessons take together."""
        return str(sum(int(self.lessons[int(number)].minutes) for number in numbers))

    def hours(self) -> str:
        """How long all lessons take together, in whole hours."""
        return str(round(sum(int(lesson.minutes) for lesson in self.lessons.values()) / 60))

    def count(self) -> str:
        """How many lessons there are."""
        return str(len(self.lessons))

    def troubles(self) -> str:
        """What `lessons doctor` looks for, each with how it shows and what to do."""
        rows = [f"| {trouble.what} | {_sentence(trouble.sign)} | {_sentence(trouble.advice_anywhere)} |"
                for trouble in TROUBLES.values()]
        return "\n".join(["| what | how it shows | what to do |", "|---|---|---|", *rows])

    def source(self, *names: str) -> str:
        """Functions of lessonlib, such as bare.list_matmul, as they stand in it."""
        texts = {name: library_source(self.root, f"lessonlib.{name}") for name in names}
        if gone := [name for name, text in texts.items() if not text]:
            raise ValueError(f"lessonlib has no {', '.join(gone)}")
        return "```python\n" + "\n\n\n".join(texts.values()) + "\n```"

    def repository(self, path: str = "") -> str:
        """The address of the source, or of one of its files."""
        return self.about.source(path) if path else self.about.repository

    def site(self) -> str:
        """The address of the site."""
        return self.about.home

    def toctree(self) -> str:
        """The lessons for the bar at the side."""
        entries = [f"{lesson.number} {plain_title(lesson.title)} <lessons/{lesson.path.stem}>"
                   for lesson in self.lessons.values()]
        return "```{toctree}\n:hidden:\n:caption: The lessons\n\n" + "\n".join(entries) + "\n```"


def _sentence(words: str) -> str:
    """A phrase that begins with a capital letter, unless it begins with code."""
    return words[:1].upper() + words[1:]
