"""Stored outputs as the pages show them: without styles that the site has, and with tables that can be read aloud."""

import re

from lessonlib.figures.display import THEME

EMPTY_STYLE = re.compile(r"<style>\s*</style>")
PANDAS_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)
TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
SHADED = re.compile(r"(background-color: #([0-9a-f]{6});\s*color: )#[0-9a-f]{6}")  # as pandas writes it
HEAD = re.compile(r"<thead.*?</thead>", re.DOTALL)


def for_the_page(output: dict) -> dict:
    """An output of a code cell as its page shows it."""
    html = output.get("data", {}).get("text/html")
    if html is None:
        return output
    text = tidy_html("".join(html))
    return {**output, "data": {"text/html": text}}


def tidy_html(html: str) -> str:
    """HTML of an output without what the site says once for all pages."""
    html = EMPTY_STYLE.sub("", html.replace(THEME, ""))
    html = SHADED.sub(lambda shaded: shaded[1] + readable_on(shaded[2]), html)
    return TABLE.sub(lambda table: f'<div class="ll-wide">{_table(table[0])}</div>', PANDAS_STYLE.sub("", html))


def readable_on(background: str) -> str:
    """Black or white, whichever is easier to read on a colour such as "7d7d7d" (WCAG 2.2, "relative luminance")."""
    shares = [int(background[n:n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def _table(html: str) -> str:
    """A table of pandas with headings that say which cells they are for; an empty one is no heading."""
    html = re.sub(r'<table border="1"', "<table", html)
    html = re.sub(r"<th([^>]*)>\s*(?:&nbsp;)?\s*</th>", r"<td\1></td>", html)
    html = HEAD.sub(lambda head: re.sub(r"<th(?=[ >])(?![^>]*scope=)", '<th scope="col"', head[0]), html)
    return re.sub(r"<th(?=[ >])(?![^>]*scope=)", '<th scope="row"', html)
