"""How Sphinx builds the site. `lessons docs` calls it, and writes the pages first; settings.ini says the words and addresses."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lessonlib.course.site.about import about  # noqa: E402

said = about(HERE.parents[1])
project, author, copyright, release = said.title, said.author, said.copyright, said.version
language = "en"

extensions = ["myst_nb", "lessons_extension"]
nb_execution_mode = "off"  # stored outputs are shown, and nothing runs
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "fieldlist"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
highlight_language = "none"  # a block of code says itself what it is; a listing of files is nothing of the kind
html_math_renderer = "mathml"  # lessons_extension.py; no script and no font are needed for it
nitpicky = True

html_theme = "sphinx_book_theme"
html_title = said.title
html_baseurl = said.home
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_domain_indices = False
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is, until a reader chooses
html_theme_options = {
    "repository_url": said.repository, "repository_branch": said.branch,
    "use_repository_button": True, "use_download_button": False, "use_fullscreen_button": False,
    "home_page_in_toc": False, "show_toc_level": 1, "show_navbar_depth": 1, "max_navbar_depth": 1,
    "navigation_with_keys": False,  # arrow keys step through pictures
    "pygments_light_style": "a11y-high-contrast-light", "pygments_dark_style": "a11y-high-contrast-dark",
}
