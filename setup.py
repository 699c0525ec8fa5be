"""Packaging: pyproject.toml says nearly everything; this makes README's links whole for the page of a package registry."""

import configparser
import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent


def readme() -> str:
    """README.md, with its links to files of this folder as addresses; version and address are those of settings.ini."""
    settings = configparser.ConfigParser()
    settings.read(HERE / "settings.ini", encoding="utf-8")
    home, branch = settings["DEFAULT"]["git_url"], settings["DEFAULT"]["branch"]
    text = (HERE / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"(!\[[^\]]*\])\((?!https?:|#)([^)]+)\)", rf"\1({home}/raw/{branch}/\2)", text)
    return re.sub(r"(\[[^\]]*\])\((?!https?:|#)([^)]+)\)", rf"\1({home}/blob/{branch}/\2)", text)


setup(long_description=readme(), long_description_content_type="text/markdown")
