"""`lessons doctor`: looks at this machine, gives a verdict on each thing, and says what to do."""

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lessonlib.course.terminal import console, show_table
from lessonlib.course.troubles import BAD, LEAST_FREE_GB, NOTE, PYTHONS, TROUBLES
from lessonlib.files import cache_folder, checkout, find_mnist

OK = "ok"


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    seen: str
    verdict: str = OK
    advice: str = ""


def trouble(name: str, seen: str, what: str = "", **found: str) -> Finding:
    """A finding that is on the list of troubles. `what` says more exactly what was looked at."""
    listed = TROUBLES[name]
    return Finding(what or listed.what, seen, listed.verdict, listed.advice.format(**found))


def doctor_verb(options: argparse.Namespace) -> int:
    """Show all findings; 1 where one is bad."""
    findings = list(examine())
    colours = {OK: "green", NOTE: "yellow", BAD: "bold red"}
    show_table("This machine", ("", "what", "found", "what to do"),
               [(f"[{colours[f.verdict]}]{f.verdict}[/]", f.what, f.seen, f.advice) for f in findings])
    bad = sum(f.verdict == BAD for f in findings)
    can = ("The lessons can run here." if checkout() is not None else
           "The library can be used here. There are no lessons: it was installed without them.")
    console.print(can if not bad else f"{bad} thing(s) to fix first.")
    return 1 if bad else 0


def examine() -> Iterator[Finding]:
    """Look at one thing after another."""
    yield python()
    yield notebooks()
    yield from versions()
    yield from torch_findings()
    yield digits()
    yield cache()
    yield kernel()
    yield disk()


def python() -> Finding:
    """Whether the lessons are tried with this Python."""
    version = sys.version_info[:2]
    seen = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if not PYTHONS[0] <= version <= PYTHONS[1]:
        return trouble("python", seen)
    return Finding("Python", seen)


def notebooks() -> Finding:
    """Whether the lessons are here: a wheel has the library only."""
    folder = checkout()
    if folder is None:
        return trouble("no lessons", "there are none here, only the library")
    return Finding("lessons", f"{len(list((folder / 'nbs').glob('[0-9]*.ipynb')))} in {folder / 'nbs'}")


def versions() -> Iterator[Finding]:
    """The packages that matter."""
    for name in ("lessonlib", "torch", "torchvision", "jupyterlab", "nbdev"):
        try:
            yield Finding(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield trouble("package" if name in ("torch", "torchvision") else "tool", "not installed", what=name)


def torch_findings() -> Iterator[Finding]:
    """Where torch computes, and with how many threads."""
    try:
        import torch

        from lessonlib.device import find_device
    except (ImportError, OSError) as error:
        yield trouble("torch", f"torch cannot be imported ({error})")
        return
    device = find_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    yield Finding("device", f"{device.type} ({name})",
                  advice="" if device.type != "cpu" else "fine; a GPU is used where there is one")
    yield threads(torch.get_num_threads())


def threads(of_torch: int) -> Finding:
    """How many threads the lessons compute with, and how many programs of one's own do."""
    cores = os.cpu_count() or 1
    if chosen := os.environ.get("OMP_NUM_THREADS"):
        seen = f"{chosen}, as OMP_NUM_THREADS says; {cores} cores"
        return Finding("threads", seen) if chosen == "1" else trouble("threads", seen)
    return Finding("threads", f"1 in notebooks and in `lessons ladder`, {of_torch} in programs of your own; {cores} cores",
                   advice="one is fastest for mini-batches of 64; OMP_NUM_THREADS=4, say, takes four everywhere")


def digits() -> Finding:
    """Which digits the lessons will use."""
    found = find_mnist()
    if found is None:
        return trouble("digits", "MNIST is not here; the built-in digits serve")
    return Finding("digits", f"MNIST in {found.folder}")


def cache() -> Finding:
    """Whether what is dear to make can be kept."""
    folder = cache_folder()
    place = next(f for f in (folder, *folder.parents) if f.exists())
    if not os.access(place, os.W_OK):
        return trouble("cache", f"{folder} cannot be written")
    return Finding("cache folder", str(folder))


def kernel() -> Finding:
    """Whether notebooks run with this very Python."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        return trouble("no jupyter", "Jupyter is not installed")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return trouble("no kernel", "there is no kernel named python3")
    program = Path(spec.argv[0])
    if program.is_absolute() and program.parent != Path(sys.executable).parent:
        return trouble("other kernel", f"python3 starts {program}", python=sys.executable, folder=spec.resource_dir)
    return Finding("kernel", f"python3, with {sys.executable}")


def disk() -> Finding:
    """Whether there is room."""
    folder = checkout() or Path.cwd()
    free = shutil.disk_usage(folder).free / 1e9
    if free < LEAST_FREE_GB:
        return trouble("disk", f"{free:.1f} GB")
    return Finding("free disk", f"{free:.0f} GB")
