"""What JupyterLab shows as files: as ever, but a lesson is put into `work/` when its link there is first followed."""

from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from lessonlib.course.workbooks import hand_out_for


class LessonContents(AsyncLargeFileManager):
    """Jupyter's own manager of files; "Next: lesson 7" in the reader's copy of lesson 6 leads to a copy of lesson 7."""

    async def get(self, path: str, *args: Any, **options: Any) -> Any:
        hand_out_for(path)
        return await super().get(path, *args, **options)
