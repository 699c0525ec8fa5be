"""The `lessons` command: what can be asked for, and who does it.

Only the standard library is imported here, so that the help appears at once and the front door can read the
arguments before anything is installed.
"""

import argparse
import importlib
import io
import os
import platform
import sys
import traceback
from pathlib import Path
from typing import NoReturn

VERBS = {  # each is done by the module of its name in lessonlib.course.commands
    "open": "open your copy of a lesson in JupyterLab (this is what happens without a verb)",
    "list": "list the lessons, and how far you are",
    "check": "run your copies of lessons and tell what the checks of their exercises find",
    "update": "put newer editions of lessons beside your copies",
    "reset": "begin a lesson again, and keep what was there under a dated name",
    "run": "run lessons from top to bottom, each in a fresh kernel",
    "ladder": "train every rung of the ladder on the same batches and compare",
    "passport": "compare runs of the ladder on several machines, from their JSON files",
    "data": "find, fetch or verify the digits",
    "doctor": "look at this machine and say what is missing",
    "pack": "gather what set-up needs in a folder, for machines without a network",
    "docs": "build the course as a website",
    "test": "run every check of the project",
    "export": "clean the notebooks and write lessonlib/*.py from them",
    "new": "make the skeleton of a new lesson or exercise",
    "exercises": "judge every cell of the exercises' files",
}


class OneLineParser(argparse.ArgumentParser):
    """An `ArgumentParser` whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see `{self.prog} --help`\n")


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1; got {text!r}")
    return int(text)


def lesson_number(text: str) -> int:
    """A number that a lesson can have: two digits stand before the name of its file."""
    if not text.isdecimal() or int(text) > 99:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 99; got {text!r}")
    return int(text)


def port(text: str) -> int:
    """A number that a port can have."""
    if positive(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535; got {text!r}")
    return int(text)


def writable_file(*endings: str):
    """A check for the name of a file that is to be written: its folder must be there."""
    def check(text: str) -> Path:
        path = Path(text)
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"the folder {str(path.parent)!r} does not exist")
        if path.suffix.lower() not in endings:
            raise argparse.ArgumentTypeError(f"expected a name that ends in {' or '.join(endings)}; got {path.name!r}")
        return path
    return check


def build_parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    parser = OneLineParser(prog="lessons", description="Learn how a neural network really works: "
                           "one problem, solved again and again, each time with one library fewer.")
    parser.add_argument("--from", dest="set_up_from", metavar="FOLDER", help="with `python lessons.py` only: set up without "
                        "a network, from a folder that `lessons pack` filled")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")

    def verb(name: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=VERBS[name], description=VERBS[name].capitalize() + ".")

    p = verb("open")
    p.add_argument("lesson", nargs="?", metavar="N", help="its number, such as 5 (default: lesson 0 the first time, later the "
                   "home page)")
    p.add_argument("--author", action="store_true", help="open the source in nbs/ instead, and let it be changed")
    p.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")
    p.add_argument("--port", type=port, help="the port to listen on (default: the first free one from 8888)")

    verb("list")

    p = verb("check")
    p.add_argument("lessons", nargs="*", metavar="N", help="numbers of lessons (default: all that you have copies of)")
    p.add_argument("--timeout", type=positive, default=60, metavar="SECONDS", help="for one cell (default: 60)")

    p = verb("update")
    p.add_argument("lessons", nargs="*", metavar="N", help="numbers of lessons (default: all that you have copies of)")

    p = verb("reset")
    p.add_argument("lessons", nargs="+", metavar="N", help="numbers of lessons")

    p = verb("run")
    p.add_argument("lessons", nargs="*", metavar="N", help="numbers of lessons (default: all)")
    p.add_argument("--save", action="store_true", help="store the outputs in the notebooks (a lesson that loads digits needs "
                   "the real MNIST for that)")
    p.add_argument("--timeout", type=positive, default=120, metavar="SECONDS", help="for one cell (default: 120)")
    p.add_argument("--workers", type=positive, default=2, metavar="N", help="notebooks at a time (default: 2)")

    p = verb("ladder")
    p.add_argument("--source", choices=("auto", "mnist", "handwriting"), default="auto", help="which digits")
    p.add_argument("--epochs", type=positive, default=1, metavar="N", help="how often through the data (default: 1)")
    p.add_argument("--hidden", type=positive, default=0, metavar="N", help="with a hidden layer of N numbers and ReLU "
                   "on every rung (default: logistic regression, which has none)")
    p.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="where to compute")
    p.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="how exactly")
    p.add_argument("--json", type=writable_file(".json"), metavar="FILE", help="write all figures and losses to FILE")
    p.add_argument("--plot", type=writable_file(".png", ".svg", ".pdf"), metavar="FILE", help="draw the losses to FILE")

    p = verb("passport")
    p.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what `lessons ladder --json` wrote; "
                   "one of them on the CPU in float64")
    p.add_argument("--json", type=writable_file(".json"), metavar="FILE", help="write the table to FILE")

    p = verb("data")
    what = p.add_subparsers(dest="what", metavar="where|get|verify", required=True)
    what.add_parser("where", help="show every place looked at and what is there")
    p = what.add_parser("get", help="fetch MNIST (11 MB) from torchvision's mirrors, or from where you say")
    p.add_argument("--from", dest="source", metavar="WHERE", help="a web address (of a folder with the four packed IDX "
                   "files, or of a pickle), a folder (such as a USB stick), or a file")
    what.add_parser("verify", help="read what is there and compare it with MNIST's checksums")

    verb("doctor")

    p = verb("pack")
    p.add_argument("folder", type=Path, metavar="FOLDER", help="such as a USB stick; packs of several kinds of machines "
                   "may share it")

    verb("docs")

    p = verb("test")
    p.add_argument("checks", nargs="*", metavar="CHECK", help="names of checks (default: all)")
    p.add_argument("--quick", action="store_true", help="what every change needs, in about a minute: all checks but `notebooks`, "
                   "and of the tests those of lessons, exercises, README and imports")

    verb("export")

    p = verb("new")
    what = p.add_subparsers(dest="what", metavar="lesson|exercise", required=True)
    p = what.add_parser("lesson", help="a notebook with every section that a lesson needs")
    p.add_argument("number", type=lesson_number, metavar="N", help="a number that is free")
    p.add_argument("title", metavar="TITLE", help='such as "Decision trees"')
    what.add_parser("exercise", help="the file of a new exercise").add_argument("id", metavar="ID", help="such as softmax")

    p = verb("exercises")
    p.add_argument("ids", nargs="*", metavar="ID", help="names of exercises (default: all)")
    p.add_argument("--mutants", action="store_true", help="judge the mutants of the solutions: how many pass, how many are named")
    return parser


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the arguments; shows the help or one line of complaint and exits where there is nothing to do."""
    options = build_parser().parse_args(arguments)
    return options if options.verb else build_parser().parse_args([*arguments, "open"])


def this_machine() -> str:
    """What packages are made for: the folder of a pack that serves machines like this one, such as Linux-x86_64-python3.11."""
    return f"{platform.system()}-{platform.machine()}-python{sys.version_info[0]}.{sys.version_info[1]}"


def main(arguments: list[str] | None = None) -> int:
    """Do what was asked for; gives the exit code."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # a progress bar is for people; a log wants lines
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old terminal shows "?" for what it does not have
    try:
        return do(options)
    except (ImportError, SyntaxError, ValueError) as error:
        if os.environ.get("LESSONLIB_TRACEBACK") or not is_damage(error):
            raise
        advice = (f"the environment {sys.prefix} is damaged. Remove it and run `python lessons.py`: it makes a new one"
                  if sys.prefix != sys.base_prefix else
                  f"{sys.executable} does not have the packages of the lessons; start them with `python lessons.py`")
        print(f"lessons: {type(error).__name__}: {error}; {advice}", file=sys.stderr)
        return 1


def do(options: argparse.Namespace) -> int:
    """Let the verb's module do it; what goes wrong becomes a message."""
    from lessonlib.course.terminal import UsageError, complain

    module = importlib.import_module(f"lessonlib.course.commands.{options.verb}")
    try:
        if options.set_up_from is not None:
            raise UsageError("--from is for `python lessons.py`; this environment is set up already")
        return getattr(module, f"{options.verb}_verb")(options)
    except UsageError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        complain("stopped")
        return 130
    except (OSError, RuntimeError, ValueError) as error:
        if os.environ.get("LESSONLIB_TRACEBACK"):
            raise
        complain(f"{error}\n(set LESSONLIB_TRACEBACK=1 to see where this came from)"
                 if not is_ours(error) else str(error))
        return 1


def is_damage(error: Exception) -> bool:
    """Whether an installed package is missing or broken, as opposed to a module of this project."""
    if isinstance(error, ImportError):
        return not (error.name or "").startswith("lessonlib")
    if "null bytes" in str(error):
        return True  # Python does not say in which file; a full disk or a lost connection leaves such ones
    where = getattr(error, "filename", None) or traceback.extract_tb(error.__traceback__)[-1].filename
    return "site-packages" in where


def is_ours(error: Exception) -> bool:
    """Whether the message was written for the reader."""
    from lessonlib.course.exercises.task_files import TaskFileError
    from lessonlib.course.terminal import CourseError
    from lessonlib.files import DataError

    return isinstance(error, (CourseError, DataError, TaskFileError))
