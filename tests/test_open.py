"""`lessons open`: what a reader sees in the terminal."""

import os
import re
import socket
import stat
import sys
import threading
from pathlib import Path

import pytest

from lessonlib.course.commands import open as open_command
from lessonlib.course.terminal import CourseError, console


@pytest.fixture
def taken():
    """A port on which somebody listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_is_told_before_jupyterlab_starts(taken, monkeypatch):
    with pytest.raises(CourseError, match=f"port {taken} cannot be used .* leave out --port"):
        open_command.choose_port(taken)
    free = open_command.choose_port(None)
    assert free >= 8888
    with socket.socket() as server:
        server.bind(("127.0.0.1", free))
        server.listen()
        assert open_command.choose_port(None) > free


def test_the_address_is_shown_once_it_answers(taken, monkeypatch, capsys):
    monkeypatch.setattr(console, "width", 60)
    ready = threading.Event()
    address = f"http://127.0.0.1:{taken}/lab/tree/work/00_start_with_a_long_name.ipynb?token=0123456789abcdef"
    open_command.announce(address, taken, "jupyterlab.log", ready, threading.Event())
    lines = capsys.readouterr().out.splitlines()
    assert ready.is_set()
    assert address in lines  # whole, to be copied
    assert len(lines) == 4
    assert "jupyterlab.log" in lines[3]


def test_nothing_is_shown_of_a_server_that_ended(capsys):
    ended = threading.Event()
    ended.set()
    open_command.announce("-", 9, "-", threading.Event(), ended)
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(os.name == "nt", reason="modes of files are POSIX's")
def test_the_log_has_the_token_and_is_for_the_reader_alone(tmp_path):
    with open_command.open_log(tmp_path, 8888) as log:
        assert Path(log.name) == tmp_path / ".tools" / "jupyterlab-8888.log"
        assert stat.S_IMODE(Path(log.name).stat().st_mode) == 0o600
    (tmp_path / "file").touch()
    with open_command.open_log(tmp_path / "file", 8888) as log:  # no folder can be made there
        assert re.search(r"jupyterlab-.*\.log$", log.name)
    Path(log.name).unlink()


def test_a_jupyterlab_that_does_not_start_is_told(tmp_path, monkeypatch):
    from lessonlib.course import cli

    lesson = type("Lesson", (), {"number": 0})
    copy = tmp_path / "work" / "00_start.ipynb"
    copy.parent.mkdir()
    copy.touch()
    for name, value in (("pick", lambda texts: [lesson]), ("need_checkout", lambda: tmp_path), ("copy_of", lambda lesson: copy),
                        ("hand_out", lambda lesson: True), ("path_in_words", str),
                        ("lab_command", lambda *arguments: [sys.executable, "-c", "import sys; sys.exit('it is odd')"])):
        monkeypatch.setattr(open_command, name, value)
    with pytest.raises(CourseError, match=r"did not start: it is odd \(all it said: .*jupyterlab-\d+\.log\)"):
        open_command.open_verb(cli.parse(["open", "0"]))
