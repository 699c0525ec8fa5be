"""What a check answers, and how it is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import Any

STYLES = {  # mark, words, colour
    "ok": ("✓", "Right", "#1F9E77"), "fail": ("✗", "Not yet", "#E69F00"), "todo": ("…", "Not tried yet", "#0072B2")}


class Found(Exception):
    """The search is over: a mistake was found. The facts fill the placeholders of its words."""

    def __init__(self, code: str, *, evidence: str = "", expected: Any = None, yours: Any = None, also: str = "",
                 **facts: object):
        super().__init__(code)
        self.code, self.evidence, self.expected, self.yours, self.also = code, evidence, expected, yours, also
        self.facts = facts


@dataclass(frozen=True, repr=False)
class Verdict:
    """The answer of a check: "todo", "ok" or "fail", the code of the mistake, and words."""

    status: str
    code: str
    message: str  # what was seen, why it matters, and one next thing to do
    evidence: str = ""  # numbers: expected beside yours
    printed: str = ""  # what the attempt printed
    hint: int = 0  # the number of the hint that helps
    expected: Any = field(default=None, compare=False)  # a small tensor to draw, or None
    yours: Any = field(default=None, compare=False)


    @property
    def heading(self) -> str:
        mark, words, _ = STYLES[self.status]
        return f"{mark} {words}"

    def __repr__(self) -> str:
        parts = [f"{self.heading}. {self.message}" if self.message else self.heading]
        if self.evidence:
            parts.append(_indent(self.evidence))
        if self.printed:
            parts.append("Your code printed:\n" + _indent(self.printed))
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        from lessonlib.course.exercises.engine.comparison_plot import (  # pyplot takes a second to load
            beside,
            loss_curves,
        )

        paragraphs = "".join(f"<p>{code_in_html(line)}</p>" for line in self.message.splitlines() if line)
        evidence = f"<pre>{escape(self.evidence)}</pre>" if self.evidence else ""
        draw = {"fail": beside, "ok": loss_curves}.get(self.status) if self.yours is not None else None
        picture = draw(self.expected, self.yours) if draw is not None else None
        printed = (f"<details><summary>What your code printed</summary><pre>{escape(self.printed)}</pre></details>"
                   if self.printed else "")
        return (f'<div role="status" style="border-left: 5px solid {STYLES[self.status][2]}; padding-left: 0.8em">'
                f"<p><strong>{self.heading}</strong></p>{paragraphs}{evidence}"
                f"{picture._repr_html_() if picture is not None else ''}{printed}</div>")


def code_in_html(text: str) -> str:
    """Text for a notebook, where `code` between backticks looks like code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
