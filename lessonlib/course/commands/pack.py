"""`lessons pack FOLDER`: what set-up needs, for machines without a network.

What is installed here is packed into wheels again, so that the class gets exactly what was tried, whichever index it
came from, and packing itself needs no network. `python lessons.py --from FOLDER` sets up from it.
"""

import argparse
import csv
import importlib.metadata
import io
import re
import shutil
import sys
import zipfile
from importlib.metadata import Distribution, PackagePath
from pathlib import Path, PurePosixPath

from lessonlib.course.cli import this_machine
from lessonlib.course.terminal import CourseError, console, need_checkout
from lessonlib.files import find_mnist

EXE = ".exe" if sys.platform == "win32" else ""
OF_THIS_PLACE = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")  # written when it was installed


def pack_verb(options: argparse.Namespace) -> int:
    """Fill the folder: uv and the wheels in a folder for this kind of machine, the digits in data/."""
    root, place = need_checkout(), options.folder.expanduser() / this_machine()
    uv = find_uv(root)
    packages = installed()
    if not any(package.name == "setuptools" for package in packages):
        raise CourseError("setuptools, which set-up builds this project with, is not installed here; run `python lessons.py` "
                          "first")
    unfinished = place.with_name(f"{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    console.print(f"Packing {len(packages)} packages for {this_machine()} …")
    for n, package in enumerate(packages, start=1):
        wheel = wheel_of(package, unfinished)
        if wheel.stat().st_size > 20e6 or n == len(packages):
            console.print(f"  {n}: {package.name} {package.version} ({wheel.stat().st_size / 1e6:.0f} MB)", markup=False)
    shutil.copy(uv, unfinished / f"uv{EXE}")
    shutil.rmtree(place, ignore_errors=True)
    unfinished.rename(place)
    digits = pack_digits(options.folder.expanduser() / "data")
    size = sum(path.stat().st_size for path in place.iterdir()) / 1e9
    console.print(f"{place}: {size:.1f} GB; {digits}.\nOn a machine of this kind, in its own copy of the project: "
                  f"`python lessons.py --from {options.folder}`", markup=False, soft_wrap=True)
    return 0


def find_uv(root: Path) -> Path:
    """The uv that set up this checkout."""
    own = root / ".tools" / "bin" / f"uv{EXE}"
    uv = own if own.is_file() else shutil.which("uv")
    if uv is None:
        raise CourseError("there is no uv in .tools or on the PATH; run `python lessons.py` first, and then this again")
    return Path(uv).resolve()


def installed() -> list[Distribution]:
    """All packages of this environment but our own, which the other machine has as source."""
    return sorted((package for package in importlib.metadata.distributions(path=[site_packages()])
                   if package.name != "lessonlib"), key=lambda package: package.name.lower())


def site_packages() -> str:
    """The folder of this environment in which packages are installed."""
    return str(Path(str(importlib.metadata.distribution("rich").locate_file(""))).resolve())


def pack_digits(folder: Path) -> str:
    """Copy MNIST, where it is found; gives one phrase that says what was done."""
    found = find_mnist()
    if found is None:
        return "MNIST is not here (`lessons data get`), so the built-in digits serve"
    folder.mkdir(exist_ok=True)
    for path in found.files.values():
        shutil.copy(path, folder)
    return f"MNIST in {folder}"


def wheel_of(package: Distribution, folder: Path) -> Path:
    """Pack an installed package into a wheel again (the format: packaging.python.org, "Binary distribution format")."""
    name = re.sub(r"[-_.]+", "_", package.name).lower()
    stem = f"{name}-{package.version}"
    target = folder / f"{stem}-{tags(package)}.whl"
    generated = {entry.name for entry in package.entry_points if entry.group in ("console_scripts", "gui_scripts")}
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as wheel:  # a large stick is cheaper than a class's time
        for file in package.files or ():
            inside = place_in_wheel(file, stem, generated)
            if inside is None:
                continue
            source = Path(file.locate())
            if not source.is_file() or file.size not in (None, source.stat().st_size):
                raise CourseError(f"{package.name} is damaged here: {source} is missing or cut short. Remove .venv, run "
                                  "`python lessons.py`, and then this again")
            if ".data/scripts/" in inside:
                wheel.writestr(inside, as_before_installing(source.read_bytes()))
            else:
                wheel.write(source, inside)
            rows.writerow((inside, "", ""))
        rows.writerow((f"{stem}.dist-info/RECORD", "", ""))
        wheel.writestr(f"{stem}.dist-info/RECORD", record.getvalue())
    return target


def tags(package: Distribution) -> str:
    """The end of a wheel's name, such as cp311-cp311-manylinux_2_28_x86_64, from the tags in its file WHEEL."""
    found = re.findall(r"^Tag: *(\S+)-(\S+)-(\S+)$", package.read_text("WHEEL") or "", re.MULTILINE)
    if not found:
        raise CourseError(f"{package.name} was not installed from a wheel, so it cannot be packed")
    return "-".join(".".join(dict.fromkeys(column)) for column in zip(*found, strict=True))


def place_in_wheel(file: PackagePath, stem: str, generated: set[str]) -> str | None:
    """Where an installed file lies in its wheel; None for what installing makes again."""
    source = Path(file.locate()).resolve()
    site = Path(site_packages())
    if source.suffix == ".pyc" or (source.parent.suffix == ".dist-info" and source.name in OF_THIS_PLACE):
        return None
    if source.is_relative_to(site):
        parts = source.relative_to(site).parts
        parent = f"{stem}.dist-info" if parts[0].endswith(".dist-info") else parts[0]
        return PurePosixPath(parent, *parts[1:]).as_posix()
    parts = source.relative_to(Path(sys.prefix).resolve()).parts
    if parts[0] in ("bin", "Scripts"):
        return None if parts[-1].removesuffix(".exe") in generated else f"{stem}.data/scripts/{parts[-1]}"
    return PurePosixPath(f"{stem}.data", "data", *parts).as_posix()


def as_before_installing(script: bytes) -> bytes:
    """A script as it was in its wheel: installing wrote the path of this Python into its first line, or first three."""
    first, _, rest = script.partition(b"\n")
    if first == b"#!/bin/sh" and rest.startswith(b"'''exec'"):
        return b"#!python\n" + rest.split(b"\n", 2)[2]
    return b"#!python\n" + rest if first.startswith(b"#!") and b"python" in first else script
