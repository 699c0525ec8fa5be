"""What settings.ini says of the project, as the site needs it: its title, its words, and its addresses."""

import configparser
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lessonlib.course.terminal import CourseError

NEEDED = ("title", "description", "version", "copyright", "author", "doc_path", "doc_host", "doc_baseurl", "git_url", "branch")


@dataclass(frozen=True)
class About:
    """Title, words and addresses of the project."""

    title: str
    description: str
    version: str
    copyright: str
    author: str
    folder: str  # where the finished site goes, below the checkout
    home: str  # the address of the site, with a slash at its end
    repository: str  # the address of the source, without one
    branch: str

    def source(self, path: str, lines: tuple[int, int] | None = None) -> str:
        """The address of a file of the project, and of some of its lines."""
        marked = f"#L{lines[0]}-L{lines[1]}" if lines else ""
        return f"{self.repository}/blob/{self.branch}/{quote(path)}{marked}"

    def colab(self, path: str) -> str:
        """The address under which Google Colab opens a notebook of the project. It takes only what is on GitHub."""
        place = self.repository.partition("github.com/")[2]
        return f"https://colab.research.google.com/github/{place}/blob/{self.branch}/{quote(path)}"


def about(root: Path) -> About:
    """Read settings.ini. Raises `CourseError` where it lacks something."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(root / "settings.ini", encoding="utf-8")
    said = settings["DEFAULT"]
    if missing := [name for name in NEEDED if not said.get(name)]:
        raise CourseError(f"settings.ini lacks {', '.join(missing)}, which the site needs")
    home = f"{said['doc_host'].rstrip('/')}/{said['doc_baseurl'].strip('/')}".rstrip("/") + "/"
    return About(said["title"], said["description"], said["version"], said["copyright"], said["author"], said["doc_path"], home,
                 said["git_url"].rstrip("/"), said["branch"])
