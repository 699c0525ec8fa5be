"""Build the site: write what Sphinx reads, let it build, and put the result in place when nothing was wrong."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lessonlib.course.notebooks import Lesson, lessons, plain, text_hash, write
from lessonlib.course.site.about import About, about
from lessonlib.course.site.card import draw_card
from lessonlib.course.site.front import Filler
from lessonlib.course.site.lesson_pages import lesson_page, lesson_to_download
from lessonlib.course.site.reference import index, module_page, modules
from lessonlib.course.site.written import contributing_page, exercises_page, glossary_for_site
from lessonlib.course.terminal import CourseError, need_checkout

BUILD = Path("_build", "site")  # everything on the way; git ignores it
SITE = Path("docs", "site")  # conf.py, templates, styles, and pages written by hand
CARD = "card.png"
# No page asks for these: docs/site/_templates/static/webpack-macros.html says why not for the largest.
NOT_PUBLISHED = (".buildinfo", ".buildinfo.bak", "_static/scripts/fontawesome.js")


@dataclass(frozen=True)
class Built:
    """What was built."""

    folder: Path
    pages: int
    changed: int  # files that differ from the last build
    size: int  # bytes
    seconds: float


def build_site(folder: Path | None = None, work: Path | None = None) -> Built:
    """Build the site into `folder`; what is done on the way is kept in `work` and makes the next build quick.

    Raises `CourseError` with every warning where there is one; the site that was there stays.
    """
    start = time.perf_counter()
    root = need_checkout()
    said = about(root)
    folder, work = folder or root / said.folder, work or root / BUILD
    write_sources(work, lessons(), said, root)
    warnings = run_sphinx(root / SITE, work)
    if warnings:
        raise CourseError(f"the site was not built, because of {len(warnings)} warning{'s' * (len(warnings) > 1)}:\n"
                          + "\n".join(line.replace(f"{work / 'source'}{os.sep}", "") for line in warnings))
    changed = mirror(work / "html", folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Built(folder, sum(path.suffix == ".html" for path in files), changed, sum(path.stat().st_size for path in files),
                 time.perf_counter() - start)


def write_sources(work: Path, there: list[Lesson], said: About, root: Path) -> None:
    """Write what Sphinx reads to `work`: only what has changed, so that nothing else is built again."""
    source, extra = work / "source", work / "extra"
    texts: dict[Path, str] = {}
    filler = Filler(there, said, root)
    for path in sorted((root / SITE / "pages").glob("*.md")):
        texts[source / path.name] = filler.fill(path.name, path.read_text(encoding="utf-8"))
    for lesson in there:
        texts[source / "lessons" / lesson.path.name] = json.dumps(lesson_page(lesson, said), ensure_ascii=False, indent=1) + "\n"
        texts[extra / "notebooks" / lesson.path.name] = lesson_to_download(lesson, said)
    names = modules(there, root)
    texts[source / "api" / "index.md"] = index(names, there, root)
    for name in names:
        texts[source / "api" / f"{name}.md"] = module_page(name, there, root, said)
    texts[source / "glossary.md"] = glossary_for_site((root / "docs" / "glossary.md").read_text(encoding="utf-8"))
    texts[source / "contributing.md"] = contributing_page((root / "CONTRIBUTING.md").read_text(encoding="utf-8"), said)
    texts[source / "exercises.md"] = exercises_page((root / "docs" / "exercises.md").read_text(encoding="utf-8"), said)
    texts[extra / ".nojekyll"] = ""  # GitHub Pages would leave out folders whose names begin with an underscore
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text)
    card, made_from = extra / "_static" / CARD, work / "card.made-from"
    key = text_hash(repr(said) + Path(draw_card.__code__.co_filename).read_text(encoding="utf-8"))
    if not card.is_file() or not made_from.is_file() or made_from.read_text(encoding="utf-8") != key:
        draw_card(card, said)
        write(made_from, key)
    remove_others((source, extra), {*texts, card})


def remove_others(folders: Iterable[Path], kept: set[Path]) -> None:
    """Remove the files below these folders that are not among `kept`, such as the page of a lesson that is gone."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and path not in kept:
                path.unlink()


def run_sphinx(configuration: Path, work: Path) -> list[str]:
    """Build the pages from `work`/source into `work`/html; gives the warnings, one text each."""
    if find_spec("sphinx") is None or find_spec("myst_nb") is None:
        raise CourseError("Sphinx, which builds the site, is not installed here; `python lessons.py docs` installs it "
                          "(it needs Python 3.11 or newer)")
    # In a process of its own, because Sphinx leaves traces in the modules of docutils.
    command = [sys.executable, "-m", "sphinx", "-q", "--no-color", "-b", "html", "-j", str(min(4, os.cpu_count() or 1)),
               "-c", str(configuration), "-d", str(work / "doctrees"), "-D", f"html_extra_path={work / 'extra'}",
               str(work / "source"), str(work / "html")]
    path = os.pathsep.join([str(configuration.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore", "PYTHONUTF8": "1",
                                        "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
                          stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False)
    said = [plain(line) for line in done.stderr.splitlines() if line.strip()]
    if said or done.returncode:
        shutil.rmtree(work / "doctrees", ignore_errors=True)  # Sphinx warns of what it reads: let it read all again next time
    if done.returncode:
        raise CourseError("the site was not built:\n" + "\n".join(said or done.stdout.splitlines()))
    return said


def mirror(source: Path, target: Path) -> int:
    """Make `target` hold exactly the files of `source`; gives how many had to be written or removed."""
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file() and not is_for_sphinx(path, source)}
    changed = 0
    for place in sorted(wanted):
        here, there = source / place, target / place
        if there.is_file() and there.stat().st_size == here.stat().st_size and there.read_bytes() == here.read_bytes():
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(here, there)
        changed += 1
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.relative_to(target) not in wanted:
            path.unlink()
            changed += 1
    return changed


def is_for_sphinx(path: Path, folder: Path) -> bool:
    """Whether a file of the output is of use to Sphinx and to the makers of its themes alone."""
    place = path.relative_to(folder)
    return (place.as_posix() in NOT_PUBLISHED or place.suffix == ".map" or place.parts[:2] == ("_static", "locales")
            or place.name.endswith("webpack-macros.html"))
