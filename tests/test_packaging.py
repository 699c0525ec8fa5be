"""The wheel and the source archive: what is in them, and what their metadata say."""

import configparser
import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

KEEP_OUT = shutil.ignore_patterns(".git", ".venv", ".tools", "work", "build", "dist", "*.egg-info", "__pycache__", ".*_cache",
                                  ".hypothesis", "_docs", "_build", "mnist*")


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory) -> Path:
    """Both archives, built from a copy with the setuptools that is installed here, without a network."""
    setuptools = pytest.importorskip("setuptools", minversion="77")
    assert setuptools
    folder = tmp_path_factory.mktemp("packaging")
    shutil.copytree(root, folder / "copy", ignore=KEEP_OUT)
    code = ("from setuptools import build_meta\n"
            f"build_meta.build_sdist({str(folder)!r}); build_meta.build_wheel({str(folder)!r})")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder / "copy", env=environment, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_holds_the_package_with_all_that_it_reads(built, root):
    names = set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())
    here = {path.relative_to(root).as_posix() for path in (root / "lessonlib").rglob("*")
            if path.is_file() and path.suffix not in (".pyc", ".unfinished") and "__pycache__" not in path.parts}
    assert here - names == set()
    assert not {name for name in names if name.split("/")[0] in ("tests", "nbs", "benchmarks")}


def test_the_source_archive_holds_the_whole_project(built, root):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    copy = built / "copy"
    there = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    kept_out = (".", "lessonlib.egg-info", "build/")
    missing = {name for name in there - names if not name.startswith(kept_out) and ".gitignore" not in name}
    assert missing == set()


def test_the_metadata_are_those_of_settings_ini(built, root):
    wheel = zipfile.ZipFile(next(built.glob("*.whl")))
    metadata = email.message_from_bytes(wheel.read(next(name for name in wheel.namelist() if name.endswith("/METADATA"))))
    settings = configparser.ConfigParser()
    settings.read(root / "settings.ini", encoding="utf-8")
    said = settings["DEFAULT"]
    assert metadata["Version"] == said["version"]
    assert metadata["Summary"] == said["description"]
    assert metadata["Author-email"] == f"{said['author']} <{said['author_email']}>"
    assert set(" ".join(metadata["Keywords"].split(",")).split()) == set(said["keywords"].split())
    assert metadata["Requires-Python"] == f">={said['min_python']}"
    assert any(said["git_url"] in address for address in metadata.get_all("Project-URL"))
    text = metadata.get_payload()
    assert f"]({said['git_url']}/raw/{said['branch']}/docs/ladder.svg)" in text
    assert f"]({said['git_url']}/blob/{said['branch']}/nbs/00_start.ipynb)" in text
    assert "](nbs/" not in text
