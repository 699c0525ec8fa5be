"""`lessons pack`: wheels made again from what is installed."""

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_front_door import base_python

from lessonlib.course import cli
from lessonlib.course.commands import pack
from lessonlib.course.terminal import CourseError
from lessonlib.files.formats import FoundDigits


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Pack four packages only: a plain one, one with a script, one with files in share/ and etc/, and setuptools."""
    names = ("platformdirs", "jsonpointer", "notebook_shim", "setuptools")
    monkeypatch.setattr(pack, "installed", lambda: [importlib.metadata.distribution(name) for name in names])
    (tmp_path / "uv").write_text("uv", encoding="utf-8")
    monkeypatch.setattr(pack, "find_uv", lambda root: tmp_path / "uv")
    return tmp_path


def test_a_pack_holds_what_set_up_needs(few, monkeypatch, capsys):
    (few / "mnist.pkl.gz").write_text("digits", encoding="utf-8")
    monkeypatch.setattr(pack, "find_mnist", lambda: FoundDigits("pickle", few, {"mnist.pkl.gz": few / "mnist.pkl.gz"}))
    (few / "stick" / cli.this_machine()).mkdir(parents=True)
    (few / "stick" / cli.this_machine() / "of an older pack.whl").touch()
    (few / "stick" / "Plan9-mips-python3.11").mkdir()
    assert cli.main(["pack", str(few / "stick")]) == 0
    place = few / "stick" / cli.this_machine()
    assert f"--from {few / 'stick'}" in capsys.readouterr().out
    assert {path.name.split("-")[0] for path in place.iterdir()} == {"platformdirs", "jsonpointer", "notebook_shim",
                                                                     "setuptools", f"uv{pack.EXE}"}
    assert (few / "stick" / "data" / "mnist.pkl.gz").read_text(encoding="utf-8") == "digits"
    assert {path.name for path in (few / "stick").iterdir()} == {cli.this_machine(), "Plan9-mips-python3.11", "data"}


def test_an_installer_takes_the_wheels(few, tmp_path):
    """A real one; what it installs is what was installed here."""
    if subprocess.run([base_python(), "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("the Python under .venv has no pip")
    wheels = [pack.wheel_of(package, tmp_path) for package in pack.installed()[:3]]
    target = tmp_path / "target"
    subprocess.run([base_python(), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile", "--prefix",
                    str(target), *map(str, wheels)], check=True, stdin=subprocess.DEVNULL)
    made = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    for package in pack.installed()[:3]:
        for file in package.files:
            if file.name in pack.OF_THIS_PLACE or file.suffix == ".pyc":
                continue
            here = Path(file.locate()).resolve()
            there = target / here.relative_to(Path(sys.prefix).resolve())
            assert there.relative_to(target).as_posix() in made
            if here.parent.name not in ("bin", "Scripts"):
                assert there.read_bytes() == here.read_bytes()
    [script] = target.glob("*/jsonpointer*")
    assert str(Path(base_python()).parent) in script.read_text(encoding="utf-8").splitlines()[0]


def test_scripts_lose_the_path_of_this_python():
    assert pack.as_before_installing(b"#!/home/me/.venv/bin/python\nimport a\n") == b"#!python\nimport a\n"
    long = b"#!/bin/sh\n'''exec' '/a path/bin/python' \"$0\" \"$@\"\n' '''\nimport a\n"
    assert pack.as_before_installing(long) == b"#!python\nimport a\n"
    for other in (b"#!/bin/sh\necho\n", b"\x7fELF\n\x00"):
        assert pack.as_before_installing(other) == other


def test_a_damaged_package_is_not_packed(few, tmp_path, monkeypatch):
    [package, *_] = pack.installed()
    monkeypatch.setattr(pack.Path, "is_file", lambda path: False)
    with pytest.raises(CourseError, match="platformdirs is damaged here"):
        pack.wheel_of(package, tmp_path)


def test_a_wheel_says_for_which_machines_it_is(few, tmp_path):
    [package, *_] = pack.installed()
    wheel = pack.wheel_of(package, tmp_path)
    assert wheel.name == f"platformdirs-{package.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        assert {line.split(",")[0] for line in archive.read(f"platformdirs-{package.version}.dist-info/RECORD").decode().split()
                } == set(archive.namelist())
