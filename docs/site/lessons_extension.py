"""What Sphinx does not do by itself: formulas without a script, folds that say what is in them, and words for search engines."""

import re
from html import escape, unescape
from urllib.parse import urljoin

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from myst_nb.sphinx_ import HideCodeCellNode
from myst_nb.sphinx_ext import add_global_html_resources
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

from lessonlib.course.site.build import CARD
from lessonlib.course.site.lesson_pages import OF_A_MACHINE

FOLDED = {"above-input": "Show the code", "below-input": "Show the answer", "above-output": "Show the answer"}
GROWS_BY_ITSELF = re.compile(r"\\[bB]igg?[lmr]?(?![a-zA-Z])")  # TeX is told how large a bracket is; MathML finds it out
ONE_DIGIT_EACH = re.compile(r"\\[dt]?frac\s*(\d)(\d)")  # \frac12 is a half; the converter would take 12 for one number
logger = getLogger(__name__)
CARD_SIZE = 1200, 630


def setup(app: Sphinx) -> dict:
    """What Sphinx calls first."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart_fold))
    app.connect("builder-inited", styles_first)
    app.connect("doctree-read", name_first_columns)
    app.connect("html-page-context", add_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def styles_first(app: Sphinx) -> None:
    """Put the styles of notebooks in place before pages name them with their checksum.

    myst-nb does so afterwards, and a first build would give other pages than the second.
    """
    (app.outdir / "_static").mkdir(parents=True, exist_ok=True)
    add_global_html_resources(app, None)


def name_first_columns(app: Sphinx, doctree: nodes.document) -> None:
    """Give a heading without words, over the column that names the rows, one that is heard and not seen."""
    for head in doctree.findall(nodes.thead):
        for entry in head.findall(nodes.entry):
            if not entry.astext().strip():
                entry.children = []
                entry += nodes.paragraph("", "", nodes.inline("", "row", classes=["ll-heard"]))


def visit_math(writer, node: nodes.math) -> None:
    """A formula in a line of text, as MathML."""
    writer.body.append(mathml(node, as_block=False))
    raise nodes.SkipNode


def visit_math_block(writer, node: nodes.math_block) -> None:
    """A formula on lines of its own."""
    writer.body.append(f'<div class="math">{mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def mathml(node: nodes.math | nodes.math_block, as_block: bool) -> str:
    """A formula as MathML, which browsers draw by themselves; what cannot be converted is a warning."""
    formula = ONE_DIGIT_EACH.sub(r"\\frac{\1}{\2}", GROWS_BY_ITSELF.sub("", node.astext()))
    try:
        return tex2mathml(formula, as_block=as_block)
    except MathError as error:
        logger.warning("the formula %r is not understood: %s", formula, error, location=node)
        return f"<code>{escape(formula)}</code>"


def visit_fold(writer, node: HideCodeCellNode) -> None:
    """Folded code or a folded answer."""
    kind = next((name for name in node["classes"] if name in FOLDED), "above-input")
    words = "Show what it gave" if f"tag_{OF_A_MACHINE}" in node.parent["classes"] and kind != "above-input" else FOLDED[kind]
    writer.body.append(f'<details class="ll-fold ll-{kind}"><summary>{words}</summary>\n')


def depart_fold(writer, node: HideCodeCellNode) -> None:
    """Its end."""
    writer.body.append("</details>\n")


def add_words(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """What search engines, and services that show a link, want to know of a page."""
    title = "lessonlib" if page == "index" else f"{without_tags(context.get('title', ''))} – {app.config.project}"
    description = (context.get("meta") or {}).get("description") or app.config.html_context.get("description", "")
    address = urljoin(app.config.html_baseurl, "" if page == "index" else f"{page}.html")
    tags = {"og:type": "website", "og:site_name": app.config.project, "og:title": title, "og:description": description,
            "og:url": address, "og:image": urljoin(app.config.html_baseurl, f"_static/{CARD}"),
            "og:image:width": CARD_SIZE[0], "og:image:height": CARD_SIZE[1],
            "og:image:alt": "A ladder of seven rungs, from Sequential down to Bare Python"}
    lines = [f'<meta name="description" content="{escape(description)}"/>',
             '<meta name="twitter:card" content="summary_large_image"/>',
             *(f'<meta property="{name}" content="{escape(str(value))}"/>' for name, value in tags.items())]
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])


def without_tags(html: str) -> str:
    """A title as plain text."""
    return unescape(re.sub(r"<[^>]+>", "", html))
