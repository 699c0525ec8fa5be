"""`lessons open`: JupyterLab on a lesson, on this machine only, with its token."""

import argparse
import contextlib
import json
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

from lessonlib.course.notebooks import pick
from lessonlib.course.terminal import CourseError, console, need_checkout
from lessonlib.course.workbooks import changes, copy_of, hand_out, shown

PORTS_TRIED = 50
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
    port, token = choose_port(options.port), secrets.token_hex(16)
    command = lab_command(root, copy_of(lesson), options.no_browser, port)
    console.print(f"Opening {shown(copy_of(lesson))} in JupyterLab: your own copy, {'new' if new else 'as you left it'} …")
    with open_log(root, port) as log:
        server = subprocess.Popen(command, cwd=root, env={**environment(), "JUPYTER_TOKEN": token},
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        ready, ended = threading.Event(), threading.Event()
        address = f"http://127.0.0.1:{port}{page(root, copy_of(lesson))}?token={token}"
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
    """What JupyterLab and its kernels find set: our own kernel, and one thread unless the reader said otherwise."""
    return {"OMP_NUM_THREADS": "1", **os.environ, "JUPYTER_PREFER_ENV_PATH": "1"}


def page(root: Path, notebook: Path) -> str:
    """The path of a notebook in JupyterLab's addresses."""
    return f"/lab/tree/{notebook.relative_to(root).as_posix()}"


def lab_command(root: Path, notebook: Path, no_browser: bool = False, port: int | None = None) -> list[str]:
    """The command line of JupyterLab."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1",
               f"--LabApp.default_url={page(root, notebook)}", "--JupyterApp.answer_yes=True",  # Ctrl-C asks nothing
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
