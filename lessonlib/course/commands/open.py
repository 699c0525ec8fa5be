"""`lessons open`: JupyterLab on a lesson, on this machine only, with its token."""

import argparse
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

import lessonlib.course
from lessonlib.course.home import write_page
from lessonlib.course.notebooks import Lesson, pick
from lessonlib.course.terminal import CourseError, console, need_checkout
from lessonlib.course.workbooks import (
    HOME,
    changes,
    copy_of,
    hand_out,
    handed_out,
    path_in_words,
    renamed_copies,
    what_became,
)

PORTS_TRIED = 50
# What JupyterLab finds there: settings (labconfig/), our look (labextensions/), and the kernel that names the cells to run
# after a restart (kernels/). What the reader chooses in JupyterLab wins, and nothing outside the checkout is written.
JUPYTER = Path(lessonlib.course.__file__).parent / "jupyter"


def open_verb(options: argparse.Namespace) -> int:
    """Start JupyterLab on the home page or on a lesson, and wait for it to end."""
    root = need_checkout()
    if options.lesson is None and not options.author and handed_out():
        notebook, what = write_page(HOME), "the lessons and how far you are"
    else:
        notebook, what = open_lesson(pick([options.lesson or "0"])[0], options.author)
    port, token = choose_port(options.port), secrets.token_hex(16)
    command = lab_command(root, notebook, options.no_browser, port, options.author)
    console.print(f"Opening {path_in_words(notebook)} in JupyterLab: {what} …")
    with open_log(root, port) as log:
        server = subprocess.Popen(command, cwd=root, env={**environment(), "JUPYTER_TOKEN": token},
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        ready, ended = threading.Event(), threading.Event()
        address = f"http://127.0.0.1:{port}{page_address(root, notebook)}?token={token}"
        threading.Thread(target=announce, args=(address, port, log.name, ready, ended), daemon=True).start()
        code = wait_for(server)
        ended.set()
    if code > 0 and not ready.is_set():
        said = Path(log.name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise CourseError(f"JupyterLab did not start: {said[-1] if said else 'it said nothing'} (all it said: {log.name})")
    return code


def wait_for(server: subprocess.Popen) -> int:
    """Wait for JupyterLab to end; gives its exit code."""
    before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())  # or it would go on without us
    try:
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:
                console.print("\nEnding JupyterLab …")  # it got Ctrl-C too, and ends by itself
    finally:
        signal.signal(signal.SIGTERM, before)


def open_lesson(lesson: Lesson, author: bool) -> tuple[Path, str]:
    """The notebook to open, and in words what it is: the reader's copy, which is made if there is none, or the source."""
    if author:
        return lesson.path, "the source"
    new = hand_out(lesson)
    if not copy_of(lesson).is_file():
        raise CourseError(f"{path_in_words(copy_of(lesson))} should be your copy of the lesson, and is a folder or a link to "
                          f"nowhere; `lessons reset {lesson.number}` keeps it under another name and puts a new copy there")
    if not new and changes(lesson):
        console.print(f"There is a newer edition of this lesson: `lessons update {lesson.number}` puts it beside your "
                      "copy.")
    if old := renamed_copies(lesson):
        console.print(what_became(old), markup=False)
    return copy_of(lesson), f"your own copy, {'new' if new else 'as you left it'}"


def choose_port(wanted: int | None) -> int:
    """The port that is wanted, else the first free one from 8888. Raises `CourseError` where it is taken."""
    for port in [wanted] if wanted is not None else range(8888, 8888 + PORTS_TRIED):
        with socket.socket() as trial:
            if os.name != "nt":  # as JupyterLab does: a port that was used a moment ago is free
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
                return port
            except OSError as error:
                refused = error
    if wanted is None:
        raise CourseError(f"none of the ports from 8888 to {8887 + PORTS_TRIED} can be used ({refused.strerror}); choose another "
                          "with --port")
    raise CourseError(f"port {wanted} cannot be used ({refused.strerror}). If JupyterLab runs in another terminal, end it there; "
                      "or choose another port, or leave out --port: then the first free one from 8888 is taken")


def open_log(root: Path, port: int) -> IO[str]:
    """The file for what JupyterLab says, for the reader's eyes only since the token is in it; in .tools, if it can be there."""
    folder = root / ".tools"
    try:
        folder.mkdir(exist_ok=True)
        return open(folder / f"jupyterlab-{port}.log", "w", encoding="utf-8",
                    opener=lambda path, flags: os.open(path, flags, 0o600))
    except OSError:  # a checkout that is read-only
        return tempfile.NamedTemporaryFile("w", prefix="jupyterlab-", suffix=".log", delete=False)


def announce(address: str, port: int, log: str, ready: threading.Event, ended: threading.Event) -> None:
    """Show the address as soon as JupyterLab answers there."""
    while not ended.wait(0.2):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            ready.set()
            console.rule("JupyterLab is ready")
            console.print(address, soft_wrap=True, markup=False)
            console.rule()
            console.print(f"To end it: Ctrl-C here. Its log: {log}", soft_wrap=True, markup=False)
            return


def environment() -> dict[str, str]:
    """What JupyterLab and its kernels find set: what is ours, and one thread unless the reader said otherwise."""
    ours = {name: os.pathsep.join([str(JUPYTER), *filter(None, [os.environ.get(name)])])
            for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH")}
    return {"OMP_NUM_THREADS": "1", **os.environ, "JUPYTER_PREFER_ENV_PATH": "1", **ours}


def page_address(root: Path, notebook: Path) -> str:
    """The path of a notebook in JupyterLab's addresses."""
    return f"/lab/tree/{notebook.relative_to(root).as_posix()}"


def lab_command(root: Path, notebook: Path, no_browser: bool = False, port: int | None = None,
                author: bool = False) -> list[str]:
    """The command line of JupyterLab."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1",
               f"--LabApp.default_url={page_address(root, notebook)}", "--JupyterApp.answer_yes=True",  # Ctrl-C asks nothing
               "--ServerApp.contents_manager_class=lessonlib.course.contents.LessonContents",
               "--ContentsManager.pre_save_hook=lessonlib.course.contents.clean_source"]
    if author:
        command.append("--LessonContents.authoring=True")
    if no_browser:
        command.append("--no-browser")
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # Jupyter wants to be told that this is meant
    return command
