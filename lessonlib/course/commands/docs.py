"""`lessons docs`: build the course as a website from the notebooks and their stored outputs."""

import argparse

from lessonlib.course.site.build import build_site
from lessonlib.course.terminal import console, need_checkout


def docs_verb(options: argparse.Namespace) -> int:
    """Build the site, and say where it is."""
    console.print("Building the site …")
    built = build_site()
    page = (built.folder / "index.html").relative_to(need_checkout()).as_posix()
    console.print(f"{built.pages} pages, {built.size / 1e6:.1f} MB, in {built.seconds:.0f} s; files changed: {built.changed}. "
                  f"Open {page} in a browser; any server of files can show the folder.", markup=False, soft_wrap=True)
    return 0
