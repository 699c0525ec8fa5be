"""Pages that are written elsewhere in the project, with links that end on the site."""

import json
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby

from lessonlib.course.site.about import About

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)]*)?\)")
PAGES = {"docs/exercises.md": "exercises.md", "CONTRIBUTING.md": "contributing.md", "docs/glossary.md": "glossary.md"}
LONGEST_DESCRIPTION = 200  # search engines show about 160 characters
TERM = re.compile(r"^### ", re.MULTILINE)


def described(description: str) -> str:
    """What a page begins with, so that search engines know what it is about."""
    return f"---\ndescription: {json.dumps(shortened(description), ensure_ascii=False)}\n---\n\n"


def shortened(description: str) -> str:
    """As much of a description as is of use."""
    return textwrap.shorten(description, LONGEST_DESCRIPTION, placeholder=" …")


def contributing_page(text: str, about: About) -> str:
    """CONTRIBUTING.md as a page."""
    return described("How to change a lesson, and how to add one or an exercise.") + with_links_here(text, "", about)


def exercises_page(text: str, about: About) -> str:
    """docs/exercises.md as a page."""
    return (described("How an exercise is written: one text file with task, hints, solution, and the mistakes it knows.")
            + with_links_here(text, "docs/", about))


def with_links_here(text: str, folder: str, about: About) -> str:
    """A page of the project: links to other pages end on the site, and links to files end where the source is."""
    def one(link: re.Match) -> str:
        words, target, anchor = link[1], link[2], link[3] or ""
        path = target if not folder else re.sub(r"^[\w-]+/\.\./", "", folder + target)
        if path in PAGES:
            return f"[{words}]({PAGES[path]}{anchor})"
        if re.fullmatch(r"nbs/\d\d_\w+\.ipynb", path):
            return f"[{words}](lessons/{path.removeprefix('nbs/')}{anchor})"
        return f"[{words}]({about.source(path)}{anchor})"
    return LINK.sub(one, text)


def glossary_for_site(text: str) -> str:
    """docs/glossary.md as a page: by letters, and each term leads to the list of new words of its lesson."""
    head, *terms = TERM.split(text)
    intro = re.sub(r"<!--.*?-->", "", head, flags=re.DOTALL).strip()
    groups = [(letter, list(of_letter)) for letter, of_letter in groupby(terms, key=lambda term: _letter(term))]
    letters = " ".join(f'<a href="#letter-{letter.lower()}">{letter}</a>' for letter, _ in groups)
    jump = f'<p class="ll-letters" role="navigation" aria-label="Letters">{letters}</p>'
    head = described("Every term of the lessons about neural networks in plain sentences, and the lesson that explains each.")
    return head + "\n\n".join([intro, "Every term that the lessons introduce, and the lesson that does.", jump,
                        *_by_letter(groups)]) + "\n"


def _letter(term: str) -> str:
    return term[0].upper()


def _by_letter(groups: list[tuple[str, list[str]]]) -> Iterator[str]:
    for letter, terms in groups:
        yield f"(letter-{letter.lower()})=\n## {letter}"
        for term in terms:
            yield "### " + re.sub(r"\]\(\.\./nbs/(\d\d_\w+\.ipynb)\)", r"](lessons/\1#new-words)", term.strip())
