"""How fast the lessons are, side by side with what others use.

    python benchmarks/speed.py                        # everything, five runs each
    python benchmarks/speed.py training rungs --runs 9 --json speed.json

The first time, the peers (benchmarks/requirements.txt) are installed into benchmarks/.venv; `--here` measures with what
the Python that runs this has, without a network too, and leaves out the peers that it lacks. All that is compared runs
under the same settings and in turns, so that a busy moment of the machine hits everybody; ratios are taken turn by
turn. MNIST is used where it is there, the built-in digits where it is not.
"""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / "benchmarks" / ".venv"
ON_DEVICE = ("training", "rungs", "layouts", "batches")
SECTIONS = ("training", "rungs", "layouts", "threads", "batches", "growth", "reading", "start")


def main() -> int:
    """Read the arguments, then measure in the environment of the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="turns (default: 5)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of PyTorch (default: 1)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"),
                        help=f"of the sections {', '.join(ON_DEVICE)} (default: cpu); the others are about the CPU")
    parser.add_argument("--here", action="store_true", help="with this Python, without installing the peers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times to FILE")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"there is no section {unknown.pop()!r}; the sections are {', '.join(SECTIONS)}")
    if options.runs < 1 or options.threads < 1:
        parser.error("expected 1 or more runs and threads")
    if options.device != "cpu" and (wrong := [name for name in options.sections if name not in ON_DEVICE]):
        parser.error(f"{', '.join(wrong)} cannot be measured on {options.device}; "
                     f"the sections on a device are {', '.join(ON_DEVICE)}")
    os.environ.update(OMP_NUM_THREADS=str(options.threads), TQDM_DISABLE="1")
    if not in_own_environment() and not options.here:
        return subprocess.call([str(own_python()), *sys.argv])
    from measure import report

    sections = options.sections or (SECTIONS if options.device == "cpu" else ON_DEVICE)
    command = shlex.join(["python", "benchmarks/speed.py", *sys.argv[1:]])
    return report(sections, options.runs, options.threads, options.device, options.json, command)


def in_own_environment() -> bool:
    """Whether this is the Python of benchmarks/.venv."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def own_python() -> Path:
    """The Python of benchmarks/.venv, which is made if need be."""
    sys.path.insert(0, str(ROOT))
    import lessons  # the front door knows where uv is, and how to say that something failed

    python = VENV / lessons.BIN / f"python{lessons.EXE}"
    mark = VENV / "ready"
    wanted = (ROOT / "benchmarks" / "requirements.txt").read_text(encoding="utf-8")
    if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        print("Installing what is compared with into benchmarks/.venv (only the first time) …", flush=True)
        lessons.TOOLS.mkdir(exist_ok=True)
        try:
            uv = lessons.find_uv()
            lessons.run([uv, "venv", "--allow-existing", "--python", sys.executable, str(VENV)], "no environment")
            lessons.run([uv, "pip", "install", "--python", str(python), "--compile-bytecode", "-e", ".",
                         "-r", "benchmarks/requirements.txt"], "the peers could not be installed")
        except lessons.SetupError as error:
            sys.exit(f"speed: {error}")
        mark.write_text(wanted, encoding="utf-8")
    return python


if __name__ == "__main__":
    sys.exit(main())
