"""`lessons open`: JupyterLab on a lesson, on this machine only, with its token."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from lessonlib.course.notebooks import pick
from lessonlib.course.terminal import CourseError, console, need_checkout
from lessonlib.course.workbooks import changes, copy_of, hand_out, shown

# No pop-up that asks to fetch news, no question to anyone outside about newer versions.
SETTINGS = {"@jupyterlab/apputils-extension:notification":
            {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": False}}


def open_verb(options: argparse.Namespace) -> int:
    """Start JupyterLab on the reader's copy of a lesson and wait for it to end."""
    lesson = pick([options.lesson])[0]
    root = need_checkout()
    new = hand_out(lesson)
    if not copy_of(lesson).is_file():
        raise CourseError(f"{shown(copy_of(lesson))} should be your copy of the lesson, and is a folder or a link to "
                          f"nowhere; `lessons reset {lesson.number}` keeps it under another name and puts a new copy there")
    if not new and changes(lesson):
        console.print(f"There is a newer edition of this lesson: `lessons update {lesson.number}` puts it beside your "
                      "copy.")
    write_settings(Path(sys.prefix))
    command = lab_command(root, copy_of(lesson), options.no_browser, options.port)
    console.print(f"Opening {shown(copy_of(lesson))} in JupyterLab: your own copy, {'new' if new else 'as you left it'}. "
                  "To end it: Ctrl-C here.")
    server = subprocess.Popen(command, cwd=root, env=environment())
    before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())  # or it would go on without us
    try:
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:
                continue  # JupyterLab got it too: it asks whether to end, and ends on a second one
    finally:
        signal.signal(signal.SIGTERM, before)


def environment() -> dict[str, str]:
    """What JupyterLab and its kernels find set: our own kernel, and one thread unless the reader said otherwise."""
    return {"OMP_NUM_THREADS": "1", **os.environ, "JUPYTER_PREFER_ENV_PATH": "1"}


def lab_command(root: Path, notebook: Path, no_browser: bool = False, port: int | None = None) -> list[str]:
    """The command line of JupyterLab."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1",
               f"--LabApp.default_url=/lab/tree/{notebook.relative_to(root).as_posix()}",
               "--ServerApp.contents_manager_class=lessonlib.course.contents.LessonContents",
               # Saved notebooks are as clean as committed ones.
               "--ContentsManager.pre_save_hook=nbdev.clean.clean_jupyter"]
    if no_browser:
        command.append("--no-browser")
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # Jupyter wants to be told that this is meant
    return command


def write_settings(prefix: Path) -> None:
    """Put our JupyterLab settings into the environment, unless there are some."""
    path = prefix / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(SETTINGS, indent=1), encoding="utf-8")
