"""The front door: `python lessons.py` sets up what the lessons need and opens lesson one in JupyterLab.

`python lessons.py test` runs every check; `python lessons.py --help` lists what else there is.
Needs Python 3.10 or newer with pip, and nothing else. All it makes lies in .venv and .tools beside this file.
"""

import sys

if sys.version_info < (3, 10):
    sys.exit("lessons: Python 3.10 or newer is needed; this is Python %d.%d. Get one from python.org and run "
             "this file with it." % sys.version_info[:2])

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV, TOOLS = ROOT / ".venv", ROOT / ".tools"
READY, LOG = VENV / "lessons-ready.json", TOOLS / "setup.log"
BIN, EXE = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
PYTHON = VENV / BIN / f"python{EXE}"
SECONDS_FOR_CPU_INDEX = 20
# What uv says on its way that a reader likes to see; all of it goes to the log.
PROGRESS = re.compile(r"\s*(Resolved|Downloading|Downloaded|Building|Built|Prepared|Installed|Bytecode)\b")
NETWORK = re.compile(r"dns error|name resolution|failed to lookup|not known|connect|timed? ?out|failed to fetch"
                     r"|network|unreachable|no matching distribution|tls|certificate", re.IGNORECASE)


class SetupError(Exception):
    """Set-up cannot go on; the message is one line that says what to do."""


def main() -> int:
    """Set up if need be, then hand over to the `lessons` command."""
    from lessonlib.course.cli import parse  # needs the standard library only

    parse(sys.argv[1:])  # help and wrong arguments end here, before anything is installed
    try:
        set_up()
    except SetupError as error:
        print(f"lessons: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nlessons: set-up was stopped; run the same command again and it goes on from there", file=sys.stderr)
        return 130
    return hand_over([str(PYTHON), "-m", "lessonlib.course", *sys.argv[1:]])


def set_up() -> None:
    """Make .venv with everything in it, unless that was done for these very files already."""
    key = fingerprint()
    if is_ready(key):
        return
    print("Setting up the lessons in .venv (only the first time, and after an update) …", flush=True)
    TOOLS.mkdir(exist_ok=True)
    LOG.write_text("", encoding="utf-8")
    READY.unlink(missing_ok=True)
    uv = find_uv()
    # --allow-existing goes on with a set-up that was interrupted.
    run([uv, "venv", "--allow-existing", "--python", sys.executable, str(VENV)], "the environment .venv was not made")
    backend = choose_torch(uv)
    run([uv, "pip", "install", "--python", str(PYTHON), "--compile-bytecode", "-e", ".[dev]", "-c", "constraints.txt"],
        "the packages could not be installed", UV_TORCH_BACKEND=backend)
    READY.write_text(json.dumps({"key": key, "torch": backend or "registry"}), encoding="utf-8")
    print("Set up.", flush=True)


def fingerprint() -> str:
    """Changes when what must be installed changes, when the folder moves, or with another Python."""
    parts = [str(ROOT), platform.python_version(), os.environ.get("UV_TORCH_BACKEND", "")]
    parts += [(ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "constraints.txt", "lessons.py")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_ready(key: str) -> bool:
    """Whether a set-up with this fingerprint was finished."""
    try:
        return json.loads(READY.read_text(encoding="utf-8"))["key"] == key and PYTHON.exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False  # never set up, or the mark is broken: set up again


def find_uv() -> str:
    """The program uv from the PATH, or fetched with pip into .tools."""
    own = TOOLS / "bin" / f"uv{EXE}"
    uv = shutil.which("uv") or (str(own) if own.exists() else None)
    if uv is None:
        print("Fetching uv, which installs the rest …", flush=True)
        run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade",
             "--target", str(TOOLS), "uv"], "uv could not be fetched with pip")
        uv = str(own)
    return uv


def choose_torch(uv: str) -> str | None:
    """The build of torch to install: a set UV_TORCH_BACKEND is obeyed; None takes the registry's.

    On Linux the registry's torch brings 5 GB of CUDA. Without an NVIDIA driver those are of no use, so the small
    build from PyTorch's own index is tried first.
    """
    if chosen := os.environ.get("UV_TORCH_BACKEND"):
        print(f"Taking the torch build that UV_TORCH_BACKEND names: {chosen}", flush=True)
        return chosen
    if platform.system() != "Linux" or has_nvidia_driver():
        return None
    question = [uv, "pip", "install", "--python", str(PYTHON), "--dry-run", "--no-deps", "torch", "torchvision",
                "-c", "constraints.txt"]
    try:
        run(question, "the CPU build of torch cannot be had", seconds=SECONDS_FOR_CPU_INDEX, quiet=True,
            UV_TORCH_BACKEND="cpu", UV_HTTP_TIMEOUT="10", UV_HTTP_RETRIES="0")
    except SetupError:
        print("No NVIDIA driver here, but PyTorch's small CPU build cannot be reached: taking the registry's full one "
              "(several GB)", flush=True)
        return None
    print("No NVIDIA driver here: taking PyTorch's small CPU build", flush=True)
    return "cpu"


def has_nvidia_driver() -> bool:
    """Whether this Linux has an NVIDIA driver."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def run(command: list[str], what_failed: str, seconds: float | None = None, quiet: bool = False, **extra: str | None):
    """Run a step of the set-up: all it says goes to the log, and what shows progress to the screen as well.

    Raises `SetupError`, one line, if it fails or takes longer than `seconds`.
    """
    environment = {**os.environ, **{name: value for name, value in extra.items() if value is not None}}
    environment.pop("VIRTUAL_ENV", None)  # of an environment that happens to be active
    last = []
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        try:
            step = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, encoding="utf-8",
                                    errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except OSError as error:
            raise SetupError(f"{what_failed}: {error}") from error
        if seconds is not None:
            return _wait(step, log, what_failed, seconds)
        for line in step.stdout:
            log.write(line)
            last = [*last[-30:], line.strip()]
            if not quiet and PROGRESS.match(line):
                print(" ", line.strip(), flush=True)
        if step.wait() != 0:
            raise SetupError(explain(what_failed, last))


def _wait(step: subprocess.Popen, log, what_failed: str, seconds: float) -> None:
    try:
        said, _ = step.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        step.kill()
        said, _ = step.communicate()
        log.write(said)
        raise SetupError(f"{what_failed}: no answer within {seconds:.0f} seconds") from None
    log.write(said)
    if step.returncode != 0:
        raise SetupError(explain(what_failed, said.splitlines()))


def explain(what_failed: str, said: list[str]) -> str:
    """One line from what a failed step said."""
    where = f"(all it said: {LOG.relative_to(ROOT)})"
    if any("No module named pip" in line for line in said):
        return (f"{what_failed}: this Python has no pip. Install it (`python -m ensurepip`, or on Debian and Ubuntu "
                "`apt install python3-pip`) and run the same command again")
    if any(NETWORK.search(line) for line in said):
        return (f"{what_failed}, because a package index cannot be reached. Is there a network? "
                f"Run the same command again when there is; it goes on where it stopped {where}")
    last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
    return f"{what_failed}: {last} {where}"


def hand_over(command: list[str]) -> int:
    """Let the command in .venv take the place of this one."""
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(command[0], command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, and this only waits for it
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
