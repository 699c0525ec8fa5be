"""The course as a website: what is made from the lessons, and how the finished pages behave in a browser.

Every page is opened once. `LESSONLIB_ALL_PAGES=1` lets axe-core look at every page, which takes minutes; without it, it looks
at one page of each kind. `LESSONLIB_SCREENSHOTS=FOLDER` keeps the screenshots.
"""

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from lessonlib.course import notebooks, progress
from lessonlib.course.home import plain_title
from lessonlib.course.site import build, reference
from lessonlib.course.site.about import about
from lessonlib.course.site.front import Filler
from lessonlib.course.site.lesson_pages import OF_A_MACHINE, lesson_page, lesson_to_download, question
from lessonlib.course.site.outputs import tidy_html
from lessonlib.course.site.written import glossary_for_site, with_links_here
from lessonlib.course.terminal import CourseError
from lessonlib.course.troubles import TROUBLES
from lessonlib.figures.display import THEME

try:
    import myst_nb  # noqa: F401
    import sphinx_book_theme  # noqa: F401
    SPHINX = True
except ImportError:
    SPHINX = False
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
need_sphinx = pytest.mark.skipif(not SPHINX, reason="what builds the site is not installed (`python lessons.py docs`)")
need_browser = [need_sphinx, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt install "
                                                "chromium)")]
SUB_PATH = "/some/where/"  # a site that only works at the root of a server would not work here
LARGEST_PAGE = 1_000_000  # bytes
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1366, "height": 900}
# One page of each kind for axe-core.
OF_EACH_KIND = ("index.html", "lessons/00_start.html", "lessons/03_pictures.html", "lessons/06_module.html",
                "lessons/23_forests.html", "glossary.html", "api/index.html", "api/figures.html", "troubleshooting.html",
                "teachers.html", "contributing.html", "search.html")
SIX = ("index.html", "lessons/06_module.html", "lessons/05_sequential.html", "glossary.html", "api/layers.html", "teachers.html")
# What axe-core finds in the theme itself and cannot be mended from here: rule, and why it does no harm.
OF_THE_THEME: dict[str, str] = {}


# --- what is made from the lessons, without Sphinx ------------------------------------------------------------------


def a_lesson(*cells: dict, name: str = "06_module") -> notebooks.Lesson:
    """A lesson with these cells."""
    whole = [{"id": f"cell{n}", "metadata": {}, **cell} for n, cell in enumerate(cells)]
    return notebooks.Lesson(Path(f"{name}.ipynb"), {"cells": whole, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def code(source: str, *tags: str, output: str | None = None) -> dict:
    outputs = [] if output is None else [{"output_type": "execute_result", "metadata": {}, "execution_count": None,
                                          "data": {"text/plain": output}}]
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "outputs": outputs, "execution_count": None}


def text(source: str) -> dict:
    return {"cell_type": "markdown", "source": source}


@pytest.fixture(scope="module")
def said(root):
    return about(root)


def test_a_prediction_is_asked_before_its_answer_and_plumbing_is_folded(said):
    made = lesson_page(a_lesson(text("# Title"), code("1 + 1", "predict", output="2"),
                                code("draw()", "plumbing", output="[picture]"),
                                code("2 + 2", "predict", "plumbing", output="4"), code("3 + 3", output="6"),
                                code("torch.__version__", output="2.15")), said)
    assert [cell["metadata"].get("tags") for cell in made["cells"][1:]] == [
        ["hide-output"], ["hide-input"], ["hide-input", "hide-output"], [], ["hide-output", OF_A_MACHINE]]
    assert made["cells"][1]["outputs"][0]["data"]["text/plain"] == "2"


def test_what_a_check_said_to_the_skeleton_is_left_out(said):
    check = code('check("x", y)', "exercise:x:check", output="Not tried yet")
    [_, cell] = lesson_page(a_lesson(text("# Title"), check), said)["cells"]
    assert cell["source"] == 'check("x", y)'
    assert cell["outputs"] == []


def test_nothing_of_nbdev_is_on_a_page(said):
    made = lesson_page(a_lesson(text("# Title"), code("#| default_exp layers"), code("#| export\ndef f(): ...")), said)
    assert [cell["source"] for cell in made["cells"][1:]] == ["def f(): ..."]


def test_the_head_of_a_page_says_how_long_and_where_else(said):
    made = lesson_page(a_lesson(text('# Our own module — "How do you write `nn.Linear`?"\n\n**Time:** 50 minutes.'),
                         code("ladder_picture(2)"), code("#| default_exp layers\nx = 1")), said)
    head = made["cells"][0]["source"]
    assert head.startswith('# Lesson 6: Our own module\n\n<p class="ll-question">How do you write nn.Linear?</p>')
    for part in ("50 minutes", "rung 2 of 7", 'href="../api/layers.html"', "colab.research.google.com/github/",
                 'href="../notebooks/06_module.ipynb" download', said.source("nbs/06_module.ipynb")):
        assert part in head
    assert made["cells"][1]["metadata"]["tags"] == ["remove-input"]  # the ladder, before the text
    assert "**Time:** 50 minutes." in made["cells"][2]["source"]


def test_a_notebook_that_is_downloaded_leads_to_the_site(said):
    lesson = a_lesson(text("# Title\n\n[lesson 7](07_softmax.ipynb), [logit](../docs/glossary.md#logit)"),
                      code("1", "predict", output="1"))
    nb = json.loads(lesson_to_download(lesson, said))
    words = "".join(nb["cells"][0]["source"])
    assert f"({said.home}lessons/07_softmax.html)" in words
    assert f"({said.home}glossary.html#logit)" in words
    assert nb["cells"][1]["outputs"] == []  # it is the reader's edition


def test_tables_of_outputs_can_be_read_aloud():
    html = tidy_html(f'<style>{THEME}</style><table border="1" class="dataframe"><thead><tr><th></th><th>loss</th></tr></thead>'
                "<tbody><tr><th>1</th><td>0.5</td></tr></tbody></table>")
    assert html == ('<div class="ll-wide"><table class="dataframe"><thead><tr><td></td><th scope="col">loss</th></tr></thead>'
                    '<tbody><tr><th scope="row">1</th><td>0.5</td></tr></tbody></table></div>')


def test_numbers_on_a_shaded_table_can_be_read():
    """Pandas writes nearly white on a middle grey: 3.6 to 1, where 4.5 is asked for."""
    html = tidy_html("<style>#a {\n  background-color: #7d7d7d;\n  color: #f1f1f1;\n}\n"
                     "#b {background-color: #000000; color: #f1f1f1;}</style>")
    assert "background-color: #7d7d7d;\n  color: #000000;" in html
    assert "background-color: #000000; color: #ffffff;" in html


def test_links_of_pages_written_elsewhere_end_on_the_site(said):
    there = with_links_here("[a](docs/exercises.md) [b](nbs/06_module.ipynb#x) [c](LICENSE) [d](https://python.org) [e](#f)", "",
                            said)
    assert there == (f"[a](exercises.md) [b](lessons/06_module.ipynb#x) [c]({said.source('LICENSE')}) [d](https://python.org) "
                     "[e](#f)")
    assert with_links_here("[a](../nbs/06_module.ipynb)", "docs/", said) == "[a](lessons/06_module.ipynb)"


def test_the_glossary_goes_by_letters_and_leads_to_the_new_words():
    stored = "# Glossary\n\n<!-- made -->\n\n### axis\n\nA. ([lesson 2](../nbs/02_tensors.ipynb))\n\n### batch\n\nB.\n"
    made = glossary_for_site(stored)
    assert "<!--" not in made
    assert "## A\n\n### axis\n\nA. ([lesson 2](lessons/02_tensors.ipynb#new-words))" in made
    assert made.index("## B") < made.index("### batch")


@pytest.mark.parametrize("left", ["[[nonsense]]", "[[minutes 99]]", "[[lessons x]]", "[[source bare.nonsense]]"])
def test_what_nobody_can_fill_names_the_page(left, said, root):
    with pytest.raises(CourseError, match=r"docs/site/pages/a\.md: "):
        Filler(notebooks.lessons(), said, root).fill("a.md", f"before {left} after")


def test_settings_that_are_missing_are_named(tmp_path):
    (tmp_path / "settings.ini").write_text("[DEFAULT]\ntitle = x\n", encoding="utf-8")
    with pytest.raises(CourseError, match=r"settings\.ini lacks description, version"):
        about(tmp_path)


def test_every_public_name_has_its_place_in_the_reference(root, said):
    """With the comments that give shapes; `__all__` of the imported module is the judge."""
    import importlib

    lessons = notebooks.lessons()
    names = reference.modules(lessons, root)
    assert names[:3] == ["data", "device", "plots"]
    for name in names:
        made = reference.module_page(name, lessons, root, said)
        headings = re.findall(r"^## (.+)$", made, re.MULTILINE)
        assert [heading.replace("\\", "") for heading in headings] == importlib.import_module(f"lessonlib.{name}").__all__, name
    assert "# (batch, n_in)" in reference.module_page("layers", lessons, root, said)


def test_only_what_changed_is_written_to_the_finished_site(tmp_path):
    made, put = tmp_path / "made", tmp_path / "put"
    for name in ("a.html", "b.html", "_static/x.map"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name, encoding="utf-8")
    assert build.mirror(made, put) == 2
    assert build.mirror(made, put) == 0
    (made / "a.html").write_text("new", encoding="utf-8")
    (made / "b.html").unlink()
    assert build.mirror(made, put) == 2
    assert [path.name for path in put.rglob("*") if path.is_file()] == ["a.html"]


def test_the_teachers_table_is_made_from_real_progress_files(root, tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONLIB_PROGRESS", str(tmp_path / "progress" / "anna.json"))
    progress.note_check("softmax", "fail", "wrong axis")
    progress.note_check("softmax", "ok", "ok")
    progress.note_check("relu", "fail", "sign")
    [example] = re.findall(r"```python\n(.*?)```", (root / build.SITE / "pages" / "teachers.md").read_text(encoding="utf-8"),
                           re.DOTALL)
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["anna", "softmax", "2"]


# --- the finished site ----------------------------------------------------------------------------------------------


@dataclass
class Page:
    """What a page links to, and what can be linked to."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)  # what a reader may follow
    loads: list[str] = field(default_factory=list)  # what a browser fetches by itself
    pictures: list[dict] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    title: str = ""
    canonical: str = ""


class Reader(HTMLParser):
    """Reads one page."""

    def __init__(self) -> None:
        super().__init__()
        self.page, self.in_title = Page(), False

    def handle_starttag(self, tag: str, attributes) -> None:
        here = dict(attributes)
        if here.get("id"):
            self.page.ids.add(here["id"])
        if tag == "a" and here.get("href") is not None:
            self.page.links.append(here["href"])
        if tag == "link" and here.get("rel") == "canonical":
            self.page.canonical = here["href"]
        elif tag == "link" and here.get("rel") not in ("search", "next", "prev", "author", "index", "copyright", "top"):
            self.page.loads.append(here["href"])
        if tag in ("script", "img", "iframe", "source", "video") and here.get("src"):
            self.page.loads.append(here["src"])
        if tag == "img":
            self.page.pictures.append(here)
        if tag == "meta" and (name := here.get("name") or here.get("property")):
            self.page.meta[name] = here.get("content") or ""
        self.in_title = tag == "title" and not self.page.title

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.page.title += data


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built from nothing and without a warning: one would be an error."""
    folder = tmp_path_factory.mktemp("site")
    build.build_site(folder / "site", folder / "work")
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site) -> dict[str, Page]:
    found = {}
    for path in sorted(site.rglob("*.html")):
        reader = Reader()
        reader.feed(path.read_text(encoding="utf-8"))
        found[path.relative_to(site).as_posix()] = reader.page
    return found


@need_sphinx
def test_every_lesson_module_and_page_is_there(pages, root):
    lessons = notebooks.lessons()
    expected = {f"lessons/{lesson.path.stem}.html" for lesson in lessons} | {
        f"api/{name}.html" for name in reference.modules(lessons, root)} | {
        f"{name}.html" for name in ("index", "glossary", "api/index", "troubleshooting", "teachers", "contributing", "exercises",
                                    "search")}
    assert set(pages) == expected


@need_sphinx
def test_every_link_and_anchor_within_the_site_leads_somewhere(pages, site):
    wrong = []
    for name, here in pages.items():
        for link in [*here.links, *here.loads]:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            if link.startswith("/"):
                wrong.append(f"{name}: {link} starts at the root of the server")
            target = unquote(urljoin(name, parts.path)) if parts.path else name
            anchor = unquote(parts.fragment)
            if not (site / target).is_file():
                wrong.append(f"{name}: there is no {target}")
            elif anchor and target in pages and anchor not in pages[target].ids:
                wrong.append(f"{name}: {target} has no {anchor}")
    assert not wrong, "\n".join(wrong)


@need_sphinx
def test_nothing_is_fetched_from_another_host(pages, site):
    foreign = [f"{name}: {link}" for name, here in pages.items() for link in here.loads
               if urlsplit(link).scheme not in ("", "data") or link.startswith("//")]
    for style in site.rglob("*.css"):
        foreign += [f"{style.name}: {address}" for address in
                    re.findall(r"(?:url\(|@import )['\"]?(https?:[^'\")]+)", style.read_text(encoding="utf-8"))]
    assert not foreign, "\n".join(foreign)


@need_sphinx
def test_no_link_leads_to_the_source_of_a_lesson_but_where_it_is_named_so(pages):
    """A reader goes from page to page; `nbs/` is for authors, and for Colab, which takes only what is on GitHub."""
    for name, here in pages.items():
        raw = [link for link in here.links if "nbs/" in link]
        assert len(raw) == (2 if name.startswith("lessons/") else 0) or name in ("contributing.html",), (name, raw)


@need_sphinx
def test_pages_are_small(site, pages):
    large = {name: (site / name).stat().st_size for name in pages if (site / name).stat().st_size > LARGEST_PAGE}
    assert not large


@need_sphinx
def test_title_description_address_and_card(pages, site, said):
    from PIL import Image

    for name, here in pages.items():
        if name == "search.html":
            continue
        address = said.home + name
        assert here.canonical == address, name
        assert here.meta["og:url"] in (address, said.home), name
        assert said.title in here.title, name
        assert 20 <= len(here.meta["description"]) <= 200, (name, here.meta["description"])
        assert here.meta["og:image"] == f"{said.home}_static/{build.CARD}"
    descriptions = [here.meta["description"] for name, here in pages.items() if name.startswith("lessons/")]
    assert len(set(descriptions)) == len(descriptions)
    with Image.open(site / "_static" / build.CARD) as card:
        assert card.size == (1200, 630)


@need_sphinx
def test_every_picture_says_what_it_shows(pages):
    silent = [name for name, here in pages.items() for picture in here.pictures if len((picture.get("alt") or "").split()) < 3]
    assert not silent, silent


@need_sphinx
def test_from_lesson_to_module_and_back_and_from_term_to_lesson_and_back(pages):
    for lesson in notebooks.lessons():
        here = pages[f"lessons/{lesson.path.stem}.html"]
        for module in lesson.modules:
            assert f"../api/{module}.html" in here.links
            assert f"../lessons/{lesson.path.stem}.html" in pages[f"api/{module}.html"].links
        if lesson.words:
            assert f"lessons/{lesson.path.stem}.html#new-words" in pages["glossary.html"].links
            assert [link for link in here.links if link.startswith("../glossary.html#")]


@need_sphinx
def test_the_front_page_leads_to_every_lesson_with_its_question(pages, site):
    words = re.sub(r"<[^>]+>", " ", (site / "index.html").read_text(encoding="utf-8"))
    words = " ".join(words.replace("&#39;", "'").replace("&#x27;", "'").replace("&amp;", "&").split())
    for lesson in notebooks.lessons():
        assert f"lessons/{lesson.path.stem}.html" in pages["index.html"].links
        assert plain_title(lesson.title) in words
        assert question(lesson).replace("`", "") in words


@need_sphinx
def test_what_the_doctor_looks_for_is_on_the_page_of_troubles(site):
    words = re.sub(r"<[^>]+>", "", (site / "troubleshooting.html").read_text(encoding="utf-8"))
    words = " ".join(words.split()).lower()
    for trouble in TROUBLES.values():
        assert trouble.advice_anywhere.replace("`", "").lower() in words
        assert trouble.sign.lower() in words


@need_sphinx
def test_answers_hints_and_solutions_are_folded(site):
    lesson = next(lesson for lesson in notebooks.lessons() if lesson.number == 6)
    html = (site / "lessons" / "06_module.html").read_text(encoding="utf-8")
    predicts = sum("predict" in cell["metadata"].get("tags", []) and bool(cell.get("outputs")) for cell in lesson.nb["cells"])
    assert predicts
    assert html.count("<summary>Show the answer</summary>") == predicts
    assert html.count("<summary>The solution</summary>") == len(lesson.exercises)
    assert "<details open" not in html
    assert "Not tried yet" not in html


@need_sphinx
def test_formulas_are_there_without_a_script(site):
    html = (site / "lessons" / "24_handwriting.html").read_text(encoding="utf-8")
    assert "<math" in html
    assert not re.search("<script[^>]*(mathjax|katex)", html, re.IGNORECASE)
    assert "$p_0" not in html


@need_sphinx
def test_a_second_build_builds_nothing_and_a_change_builds_its_page(site, root):
    """The folder of the first build is used again."""
    work = site.parent / "work"
    assert build.build_site(site, work).changed == 0
    source, before = work / "source" / "teachers.md", {path: path.stat().st_mtime_ns for path in (work / "html").rglob("*.html")}
    source.write_text(source.read_text(encoding="utf-8") + "\nOne more sentence.\n", encoding="utf-8")
    assert build.run_sphinx(root / build.SITE, work) == []
    again = {path.name for path, when in before.items() if path.stat().st_mtime_ns != when}
    assert "teachers.html" in again
    assert not {name for name in again if name[:2].isdecimal() or name == "glossary.html"}
    assert build.build_site(site, work).changed == 0  # what stood there for a moment never reached the finished site


@pytest.fixture
def one_page(root, tmp_path):
    """Build a site of one page; gives the warnings and the page."""
    def make(text: str) -> tuple[list[str], str]:
        for name in ("source", "extra"):
            (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / "source" / "index.md").write_text(text, encoding="utf-8")
        warnings = build.run_sphinx(root / build.SITE, tmp_path)
        return warnings, (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    return make


@need_sphinx
def test_what_is_wrong_with_a_page_is_said_again_until_it_is_mended(one_page):
    broken = "# A page\n\n[nowhere](nowhere.md), [no anchor](#nothing), $\\nonsense{1}$, $\\Big(x^2\\Big)$\n"
    for _ in range(2):
        warnings, _ = one_page(broken)
        assert len(warnings) == 3, warnings
        assert all("index.md" in warning for warning in warnings)
    assert [warning for warning in warnings if "formula" in warning and "nonsense" in warning]


def test_without_sphinx_it_is_said_how_to_get_it(root, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match=r"python lessons\.py docs"):
        build.run_sphinx(root / build.SITE, tmp_path)


@need_sphinx
def test_a_site_with_warnings_does_not_take_the_place_of_one_without(root, tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("as it was", encoding="utf-8")
    monkeypatch.setattr(build, "run_sphinx", lambda configuration, work: ["a.md:1: WARNING: one", "b.md:2: WARNING: two"])
    with pytest.raises(CourseError, match=r"2 warnings:\na\.md:1: WARNING: one\nb\.md:2"):
        build.build_site(tmp_path / "site", tmp_path / "work")
    assert (tmp_path / "site" / "index.html").read_text(encoding="utf-8") == "as it was"


# --- in a browser ---------------------------------------------------------------------------------------------------

# Of paragraphs: how many characters are on a line, counted where each line ends: on average, and at most (a line of narrow
# letters holds a few more). The last line of a paragraph is not full, and one of two or three lines has no average.
LONGEST_LINES = """() => [...document.querySelectorAll(".bd-article :is(p, li)")].filter(p => p.textContent.length > 80
    && !p.querySelector("p, li, pre, table, math, details") && !p.closest("table, .ll-map, .ll-bar, nav") && p.offsetParent
    ).map(p => {
      const lines = new Map(), range = document.createRange();
      const texts = document.createTreeWalker(p, NodeFilter.SHOW_TEXT);
      for (let t = texts.nextNode(); t; t = texts.nextNode()) {
        for (const word of t.data.matchAll(/\\S+\\s*/g)) {
          range.setStart(t, word.index); range.setEnd(t, word.index + 1);
          const place = Math.round(range.getBoundingClientRect().bottom / 8);
          lines.set(place, (lines.get(place) || 0) + word[0].replace(/\\s+/g, " ").length);
        }
      }
      const counts = [...lines.values()].map(count => count - 1), full = counts.slice(0, -1);
      const average = full.length > 2 ? full.reduce((a, b) => a + b, 0) / full.length : 0;
      return [average, Math.max(...counts), p.textContent.slice(0, 60)];
    }).filter(([average, most]) => average > 75 || most > 82)"""
# What makes a page wider than the screen, though it does not scroll in a box of its own.
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll(".bd-article *")].filter(
        e => e.getBoundingClientRect().right > innerWidth && !e.closest("pre, .ll-wide")
    ).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).concat([`the page is ${document.documentElement.scrollWidth} wide`])"""
# Of all the pieces of code that are coloured alike one is enough: looking at each takes half a minute a page.
ONE_OF_EACH_COLOUR = """() => { const seen = new Set(); document.querySelectorAll(".highlight pre").forEach(pre => {
    pre.querySelectorAll("span").forEach(span => { seen.has(span.className) ? span.replaceWith(...span.childNodes)
                                                                            : seen.add(span.className); });
    pre.normalize(); }); }"""
RUN_AXE = """async only => {
    const rules = only.length ? {runOnly: only} : {};
    const {violations} = await axe.run(document, {resultTypes: ["violations"], preload: false, ...rules});
    return violations.map(({id, impact, nodes}) => `${id} (${impact}), ${nodes.length} times, such as `
                                                   + `${nodes[0].html.slice(0, 150)}: ${nodes[0].failureSummary.slice(0, 300)}`);
}"""
OPEN_ALL = "() => document.querySelectorAll('details').forEach(fold => { fold.open = true; })"


@dataclass
class Visit:
    """What a browser told of one page."""

    wide: list[str]
    wide_unfolded: list[str]
    long_lines: list
    problems: list[str]


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    """The site, served below a path, as a static host does."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_) -> None: ...

        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix(SUB_PATH.rstrip("/"))) if path.startswith(SUB_PATH) else "nowhere"

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{SUB_PATH}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser():
    if not SPHINX or CHROMIUM is None:
        pytest.skip("no Sphinx, or no Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def network() -> list[str]:
    """The log of everything that any page asked for."""
    return []


@pytest.fixture(scope="module")
def opened(browser, address, network):
    """Open a page at a width, with a theme; the network is logged, and has nothing but this site."""
    contexts = []

    def open_page(name: str, size: dict = DESK, theme: str = "light"):
        context = browser.new_context(viewport=size)
        contexts.append(context)
        context.add_init_script(f"localStorage.setItem('mode', {theme!r}); localStorage.setItem('theme', {theme!r})")
        tab = context.new_page()
        tab.on("request", lambda request: network.append(request.url))
        tab.goto(address + name)
        return tab

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def visits(opened, pages, address) -> dict[str, Visit]:
    """Every page, seen once on a phone and once on a desk."""
    tab, found, said = opened("index.html"), {}, []
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    for name in pages:
        said.clear()
        tab.set_viewport_size(PHONE)
        tab.goto(address + name)
        wide = tab.evaluate(TOO_WIDE)
        tab.evaluate(OPEN_ALL)
        unfolded = tab.evaluate(TOO_WIDE)
        tab.set_viewport_size(DESK)
        found[name] = Visit(wide, unfolded, tab.evaluate(LONGEST_LINES), list(said))
    return found


def told(visits: dict[str, Visit], what: str) -> list[str]:
    return [f"{name}: {seen}" for name, visit in visits.items() for seen in getattr(visit, what)]


class TestInABrowser:
    pytestmark = need_browser

    def test_pages_fit_on_a_phone(self, visits):
        assert told(visits, "wide") == []
        assert told(visits, "wide_unfolded") == []

    def test_lines_are_short_enough_to_read(self, visits):
        assert told(visits, "long_lines") == []

    def test_no_script_fails(self, visits):
        assert told(visits, "problems") == []

    def test_no_request_leaves_the_site(self, visits, network, address, opened):
        tab = opened("search.html?q=softmax")
        tab.wait_for_selector("#search-results li")
        assert len(network) > len(visits)
        assert {url for url in network if not url.startswith((address, "data:"))} == set()

    @pytest.mark.parametrize("name", OF_EACH_KIND)
    def test_axe_finds_nothing(self, name, opened):
        self.judge(opened, name)

    @pytest.mark.skipif(not os.environ.get("LESSONLIB_ALL_PAGES"), reason="takes minutes: set LESSONLIB_ALL_PAGES=1; "
                        "the workflow that publishes the site does")
    def test_axe_finds_nothing_on_any_page(self, pages, opened):
        for name in pages:
            self.judge(opened, name)

    @staticmethod
    def judge(opened, name: str) -> None:
        axe_core = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed (`python lessons.py docs`)")
        tab = opened(name)
        tab.evaluate(OPEN_ALL)
        tab.evaluate(ONE_OF_EACH_COLOUR)
        tab.add_style_tag(content="* { transition: none !important; }")  # a colour on its way is neither of the two
        tab.evaluate(Path(axe_core.__file__).with_name("axe.min.js").read_text(encoding="utf-8"))
        found = tab.evaluate(RUN_AXE, [])
        tab.evaluate("document.documentElement.dataset.theme = 'dark'")
        found += [f"dark: {problem}" for problem in tab.evaluate(RUN_AXE, ["color-contrast", "link-in-text-block"])]
        tab.context.close()
        assert [problem for problem in found if problem.removeprefix("dark: ").split()[0] not in OF_THE_THEME] == [], name

    def test_everything_can_be_done_with_the_keyboard(self, opened):
        tab = opened("lessons/06_module.html")
        focus = "() => document.activeElement.textContent.trim()"
        tab.keyboard.press("Tab")
        assert tab.evaluate(focus) == "Skip to main content"
        tab.keyboard.press("Enter")
        assert tab.evaluate("location.hash") == "#main-content"
        tab.locator("summary", has_text="Hint 1").first.focus()
        tab.keyboard.press("Enter")
        assert tab.evaluate("() => document.activeElement.parentElement.open")
        tab.keyboard.press("Tab")
        assert tab.evaluate("() => document.activeElement.tagName") in ("SUMMARY", "A", "PRE", "DIV", "BUTTON")
        tab.keyboard.press("Control+k")
        tab.keyboard.type("softmax")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#search-results li")

    def test_a_stepper_moves_with_mouse_and_keyboard(self, opened):
        tab = opened("lessons/05_sequential.html")
        tab.evaluate(OPEN_ALL)
        box = tab.locator(".ll-stepper").first
        place = box.locator("output")
        first = place.inner_text()
        box.get_by_role("button", name="one step forward").click()
        second = place.inner_text()
        assert (first[:4], second[:4]) == ("1 of", "2 of")
        tab.keyboard.press("ArrowLeft")
        assert place.inner_text() == first
        assert box.locator(".ll-frame:visible").count() == 1

    def test_a_link_into_a_fold_opens_it(self, opened):
        tab = opened("lessons/06_module.html")
        tab.evaluate("() => { const fold = document.querySelector('details'); fold.lastElementChild.id = 'inside'; }")
        tab.evaluate("location.hash = '#inside'")
        tab.wait_for_function("document.querySelector('details').open")

    def test_it_prints_without_bars_and_buttons(self, opened):
        tab = opened("lessons/06_module.html")
        tab.emulate_media(media="print")
        shown = "s => [...document.querySelectorAll(s)].some(e => e.getBoundingClientRect().height > 0)"
        assert tab.evaluate(shown, "article h2")
        for bar in (".bd-sidebar-primary", ".bd-header-article", ".ll-bar", ".ll-controls", ".prev-next-footer"):
            assert not tab.evaluate(shown, bar), bar

    def test_the_ladder_follows_light_and_dark(self, opened):
        light, dark = (opened("index.html", theme=theme).evaluate(
            "() => getComputedStyle(document.querySelector('.ll-ladder img')).colorScheme") for theme in ("light", "dark"))
        assert (light, dark) == ("light", "dark")

    @pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
    @pytest.mark.parametrize("name", SIX)
    def test_the_first_screen_shows_what_the_page_is(self, name, size, opened, tmp_path):
        """The screenshots are for people to look at; what a machine can see of them is the title, whole and not covered."""
        tab = opened(name, size)
        folder = Path(os.environ.get("LESSONLIB_SCREENSHOTS") or tmp_path)
        folder.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=folder / f"{name.replace('/', '-').removesuffix('.html')}-{size['width']}.png")
        box = tab.locator("article h1").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size["width"]
        assert 0 <= box["y"] <= 200
        on_top = tab.evaluate("b => document.elementFromPoint(b.x + 10, b.y + b.height / 2).closest('h1') !== null", box)
        tab.context.close()
        assert on_top
