"""Stored outputs as the pages show them: without styles that the site has, and with tables that can be read aloud."""

import re

from lessonlib.figures.display import THEME

EMPTY_STYLE = re.compile(r"<style>\s*</style>")
PANDAS_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)
TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
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
    return TABLE.sub(lambda table: f'<div class="ll-wide">{_table(table[0])}</div>', PANDAS_STYLE.sub("", html))


def _table(html: str) -> str:
    """A table of pandas with headings that say which cells they are for; an empty one is no heading."""
    html = re.sub(r'<table border="1"', "<table", html)
    html = re.sub(r"<th([^>]*)>\s*(?:&nbsp;)?\s*</th>", r"<td\1></td>", html)
    html = HEAD.sub(lambda head: re.sub(r"<th(?=[ >])(?![^>]*scope=)", '<th scope="col"', head[0]), html)
    return re.sub(r"<th(?=[ >])(?![^>]*scope=)", '<th scope="row"', html)
