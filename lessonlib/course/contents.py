"""What JupyterLab shows as files: as ever, but the lessons' source is read-only, and links into `work/` find what they name."""

from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError
from traitlets import Bool

from lessonlib.course.home import prepare
from lessonlib.course.notebooks import SOURCE
from lessonlib.course.workbooks import FOLDER, successors


def clean_source(model: dict, path: str, **options: Any) -> None:
    """What Jupyter calls before it saves: an author's notebook becomes as clean as a committed one, a reader's stays as it is."""
    if is_source(path):
        from nbdev.clean import clean_jupyter

        clean_jupyter(path=path, model=model)


def is_source(path: str) -> bool:
    """Whether a path, as Jupyter writes it, is in the folder of the lessons' source."""
    return f"{path.strip('/')}/".startswith(f"{SOURCE}/")


class LessonContents(AsyncLargeFileManager):
    """Jupyter's own manager of files; "Next: lesson 7" in the reader's copy of lesson 6 leads to a copy of lesson 7."""

    authoring = Bool(False, help="Whether the source of the lessons may be changed.").tag(config=True)

    async def get(self, path: str, content: bool = True, *args: Any, **options: Any) -> Any:
        prepare(path, content)
        try:
            model = await super().get(path, content, *args, **options)
        except HTTPError as error:
            folder, _, name = path.strip("/").rpartition("/")
            if error.status_code == 404 and folder == FOLDER and (now := successors(name)):
                raise HTTPError(404, f"{path} was a lesson of the first edition; it is now {' and '.join(now)}") from None
            raise
        if is_source(path) and not self.authoring:
            model["writable"] = False
        return model

    async def save(self, model: dict, path: str = "") -> Any:
        self._refuse(path)
        return await super().save(model, path)

    async def delete_file(self, path: str) -> None:
        self._refuse(path)
        await super().delete_file(path)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        self._refuse(old_path)
        self._refuse(new_path)
        await super().rename_file(old_path, new_path)

    def _refuse(self, path: str) -> None:
        """Raise an error that says where to write instead, where the path is of the source."""
        if is_source(path) and not self.authoring:
            raise HTTPError(403, f"{SOURCE}/ holds the source of the lessons and is read-only here; write in your own copy in "
                                 f"{FOLDER}/. (Authors: `lessons open --author N`.)")
