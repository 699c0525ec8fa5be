"""The front door: `python lessons.py` sets up what the lessons need and opens lesson 0 in JupyterLab.

`python lessons.py test` runs every check; `python lessons.py --help` lists what else there is.
Needs Python 3.10 or newer with pip, and nothing else. All it makes lies in .venv and .tools beside this file.

Set-up never mends an environment: it makes a new one whenever the one in .venv is not exactly what is wanted. While it
works, the old one waits in .venv-before, and comes back if set-up fails or is killed.
"""

import os
import sys

# Up to here all must be understood by a Python that is too old, and the rest be parsed by it: no `:=`, no `match`.
if sys.version_info < (3, 10):
    sys.exit("lessons: Python 3.10 or newer is needed; this is Python %d.%d. Get one from python.org and run "
             "this file with it." % sys.version_info[:2])

if os.environ.get("PYTHONPATH"):  # it belongs to other programs, and may hide Python's own modules and our packages
    _foreign = {os.path.abspath(path) for path in os.environ.pop("PYTHONPATH").split(os.pathsep)}  # noqa: PTH100
    sys.path[1:] = [path for path in sys.path[1:] if path not in _foreign]

import contextlib
import csv
import errno
import hashlib
import json
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV, BEFORE, TOOLS = ROOT / ".venv", ROOT / ".venv-before", ROOT / ".tools"
READY, LOG = VENV / "lessons-ready.json", TOOLS / "setup.log"
BIN, EXE = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
PYTHON, OWN_UV = VENV / BIN / f"python{EXE}", TOOLS / "bin" / f"uv{EXE}"
OLDEST_UV = (0, 10, 0)
SECONDS_FOR_CPU_INDEX, SECONDS_OF_SILENCE = 20, 30
# Verbs that need more than the lessons do: the extra of pyproject.toml, and whether there is no going on without it.
EXTRAS = {"docs": ("docs", True), "test": ("docs", False)}
SECONDS_FOR_EXTRA = 120  # where it can be done without
# What uv says on its way that a reader likes to see; all of it goes to the log.
PROGRESS = re.compile(r"\s*(Resolved|Downloading|Downloaded|Building|Built|Prepared|Installed|Bytecode)\b")
# It takes 15 to 25 s on two quiet cores, and saves 8 s at the first `import torch`, 2 s at the first start of JupyterLab.
# Where a reader's Python must not write such files, it saves them at each start.
COMPILING = "  Compiling them, so that all starts faster (half a minute, on a busy machine more) …"
NETWORK = re.compile(r"dns error|name resolution|failed to lookup|name or service not known|\bconnect(ion)?\b|timed? ?out"
                     r"|failed to fetch|\bnetwork\b|unreachable|no matching distribution|\btls\b|certificate", re.IGNORECASE)
# Of the variables that pip and uv read, those that say from where and how to fetch are heeded. The others say what is
# to be installed, and where (PIP_USER, UV_RESOLUTION …), and that is ours to say.
FETCHING = re.compile(r"\w*INDEX\w*|FIND_LINKS|CONFIG_FILE|NO_CONFIG|CACHE_DIR|NO_CACHE\w*|\w*TIMEOUT|\w*RETRIES|CERT"
                      r"|CLIENT_CERT|PROXY|TRUSTED_HOST|INSECURE_HOST|KEYRING_PROVIDER|NATIVE_TLS|SYSTEM_CERTS|OFFLINE"
                      r"|CONCURRENT_\w+|LINK_MODE|CREDENTIALS_DIR|USE_\w+")


class SetupError(Exception):
    """Set-up cannot go on; the message is one line that says what to do."""


def main() -> int:
    """Set up if need be, then hand over to the `lessons` command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # an old terminal shows "?" for what it does not have
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))  # PYTHONSAFEPATH leaves it out
    try:
        from lessonlib.course.cli import parse  # needs the standard library only
    except ImportError as error:
        return complain(f"the folder lessonlib beside this file is not whole ({error}). Get the project once more")
    arguments = sys.argv[1:]
    options = parse(arguments)  # help and wrong arguments end here, before anything is installed
    try:
        folder = None
        if options.set_up_from is not None:
            folder = packed(options.set_up_from)
            arguments = arguments[1 if "=" in arguments[0] else 2:]
        set_up(folder)
        if options.verb in EXTRAS:
            add_extra(*EXTRAS[options.verb], folder)
    except (SetupError, OSError) as error:
        earlier = f". The set-up that you had is still there: {VENV / BIN / 'lessons'}" if read_note() else ""
        return complain((str(error) if isinstance(error, SetupError) else explain_os_error(error)) + earlier)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        complain("set-up was stopped. Run the same command again: what was downloaded is kept")
        return 130
    return hand_over([str(PYTHON), "-m", "lessonlib.course", *arguments])


def complain(message: str) -> int:
    """One line on stderr; gives the exit code."""
    print(f"lessons: {message}", file=sys.stderr)
    return 1


def set_up(folder: Path | None = None) -> None:
    """Make .venv with everything in it, unless it is there already. `folder` holds what else would be downloaded."""
    wanted = fingerprint()
    if is_ready(wanted):
        return
    TOOLS.mkdir(exist_ok=True)
    with alone():
        put_back()  # what a set-up that was killed had moved aside
        if is_ready(wanted):
            return  # made by another set-up while this one waited
        LOG.write_text("", encoding="utf-8")
        note = read_note()
        broken = damage(note)
        if broken:
            print(f"The environment .venv is damaged ({', '.join(broken[:3])}{' …' if broken[3:] else ''}): "
                  "making a new one", flush=True)
        print("Setting up the lessons in .venv (only the first time, and after an update) …", flush=True)
        added = [name for name in contents() if name.endswith(".dist-info") and name not in note["files"]] if note else []
        move_aside(note)
        try:
            make(wanted, folder, os.environ.get("UV_TORCH_BACKEND") or note.get("chosen"))
        except BaseException:
            put_back()
            raise
        shutil.rmtree(BEFORE, ignore_errors=True)
        print("Set up.", flush=True)
        if added:
            print(f"Packages that you had added to .venv are not in the new one: "
                  f"{', '.join(name.removesuffix('.dist-info') for name in added)}", flush=True)


def make(wanted: str, folder: Path | None, chosen: str | None) -> None:
    """Fill .venv, which is not there, and note what it holds."""
    uv = find_uv(folder)
    VENV.mkdir()
    write_note()  # from here on it is known to be ours, and unfinished
    run([uv, "venv", "--allow-existing", "--no-project", "--python", base_python(), str(VENV)],
        "the environment .venv was not made")
    install = [uv, "pip", "install", "--python", str(PYTHON), "--compile-bytecode", "-e", ".[dev]", "-c", "constraints.txt",
               *only_from(folder)]
    failed = "the packages could not be installed"
    if folder is not None:
        backend = None
        run(install, failed)
    else:
        backend = choose_torch(uv, chosen)
        try:
            run(install, failed, UV_TORCH_BACKEND=backend)
        except SetupError:
            if backend is None or chosen:
                raise
            print("That failed with PyTorch's small CPU build: taking the registry's full one (several GB)", flush=True)
            backend = None
            run(install, failed)
    broken = cut_short()
    if broken:
        print(f"uv's cache holds damaged copies of {', '.join(broken)}: fetching them again", flush=True)
        run([uv, "cache", "clean", *broken], "the damaged copies could not be removed")
        run([*install, *(f"--reinstall-package={name}" for name in broken)], failed, UV_TORCH_BACKEND=backend)
    write_note(key=wanted, torch=backend or ("folder" if folder else "registry"), chosen=chosen, files=contents())


def add_extra(extra: str, needed: bool, folder: Path | None = None) -> None:
    """Add the packages of an extra to a finished .venv, once; the first minute of a reader must not wait for them.

    constraints.txt holds the versions of all extras together, so that nothing that is there already is changed.
    """
    if extra in read_note().get("extras", []):
        return
    with alone():
        note = read_note()
        if extra in note.get("extras", []):
            return  # added by another set-up while this one waited
        print("Adding to .venv what this command needs beside the lessons (only the first time, and after an update) …",
              flush=True)
        try:
            run([find_uv(folder), "pip", "install", "--python", str(PYTHON), "--compile-bytecode", "-e", f".[{extra}]",
                 "-c", "constraints.txt", *only_from(folder)], f"the packages of the extra {extra!r} could not be installed",
                seconds=None if needed else SECONDS_FOR_EXTRA)
        except SetupError as error:
            if needed:
                raise
            print(f"Going on without them: {error}", flush=True)
            return
        write_note(**{**note, "extras": [*note.get("extras", []), extra], "files": contents()})


def only_from(folder: Path | None) -> list[str]:
    """What makes uv take packages from this folder, and ask nobody else."""
    return [] if folder is None else ["--offline", "--no-index", "--find-links", str(folder)]


def fingerprint() -> str:
    """Changes when what must be installed changes, when the folder moves, or with another Python."""
    parts = [str(ROOT), platform.python_version(), platform.machine()]
    parts += [(ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "constraints.txt", "lessons.py")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_ready(wanted: str) -> bool:
    """Whether a set-up with this fingerprint was finished, and all that it installed is still there."""
    note = read_note()
    if note.get("key") != wanted or damage(note):
        return False
    return (os.environ.get("UV_TORCH_BACKEND") or note.get("chosen")) == note.get("chosen")


def read_note() -> dict:
    """What the last finished set-up noted about itself; empty where there is none, or it cannot be understood."""
    try:
        note = json.loads(READY.read_text(encoding="utf-8"))
        return note if note["key"] and isinstance(note["files"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_note(**note: object) -> None:
    """Write it in one step, so that it is never half there."""
    fresh = READY.with_suffix(".fresh")
    fresh.write_text(json.dumps({"key": None, **note}), encoding="utf-8")
    fresh.replace(READY)


def contents() -> dict[str, int]:
    """How many files each package, and each other part of .venv, consists of. Takes about a tenth of a second."""
    counts = Counter()
    for folder, folders, files in os.walk(VENV):
        if "__pycache__" in folders:
            folders.remove("__pycache__")  # made and removed by Python as it likes
        parts = Path(folder).relative_to(VENV).parts
        if "site-packages" in parts:
            inside = parts[parts.index("site-packages") + 1:]
            counts.update({inside[0]: len(files)} if inside else files)
        elif parts:
            counts[parts[0]] += len(files)
        elif "pyvenv.cfg" in files:
            counts["pyvenv.cfg"] = 1
    return dict(counts)


def cut_short() -> list[str]:
    """The installed packages with a file that has not the size in their own list of files.

    uv links files from its cache: one that is damaged where it lies in .venv is damaged in the cache as well.
    """
    names = []
    site = VENV / "Lib" / "site-packages" if os.name == "nt" else next(VENV.glob("lib/python*/site-packages"), VENV)
    for record in site.glob("*.dist-info/RECORD"):
        with record.open(encoding="utf-8", newline="") as file:
            sizes = {site / row[0]: int(row[2]) for row in csv.reader(file) if len(row) == 3 and row[2]}
        if any(path.is_file() and path.stat().st_size != size for path, size in sizes.items()):
            names.append(record.parent.name.partition("-")[0])
    return sorted(set(names))


def damage(note: dict) -> list[str]:
    """The packages and other parts of which something is missing since the set-up that wrote this note."""
    if not note:
        return []
    here = contents()
    broken = [name for name, count in note["files"].items() if here.get(name, 0) < count]
    return broken if PYTHON.exists() else ["Python", *broken]


def move_aside(note: dict) -> None:
    """Make room for a new .venv: a whole one waits, a broken one goes, and one that is not ours is kept."""
    if not os.path.lexists(VENV):
        return
    if VENV.is_symlink() or not READY.is_file():
        names = (ROOT / f".venv-kept-{n}" for n in range(1, 1000))
        kept = next(path for path in names if not os.path.lexists(path))
        VENV.rename(kept)
        print(f"There was a .venv that is not ours; it is now called {kept.name}", flush=True)
    elif note and not damage(note):
        VENV.rename(BEFORE)
    else:
        shutil.rmtree(VENV)


def put_back() -> None:
    """Undo a set-up that did not come to its end."""
    if READY.is_file() and not read_note() and not VENV.is_symlink():
        shutil.rmtree(VENV)
    if BEFORE.exists():
        if os.path.lexists(VENV):
            shutil.rmtree(BEFORE)  # the set-up was finished, and killed while it tidied up
        else:
            BEFORE.rename(VENV)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other set-up is at work in this folder."""
    with (TOOLS / "lock").open("a") as file:
        os.set_inheritable(file.fileno(), True)  # where only this process is killed, uv goes on, and holds the lock
        if not lock(file):
            print("Another set-up is at work in this folder; waiting for it …", flush=True)
            while not lock(file):
                time.sleep(0.5)
        yield


def lock(file) -> bool:
    """Try to lock a file; the lock ends with the process."""
    try:
        if os.name == "nt":
            import msvcrt
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a file system without locks: nobody to wait for that could be seen
    return True


def base_python() -> str:
    """The Python that .venv is made from: never that of an environment, which may be the one that is to be replaced."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    names = [f"python{sys.version_info[0]}.{sys.version_info[1]}", "python3"]
    bases = [Path(getattr(sys, "_base_executable", ""))] if os.name == "nt" else [Path(sys.base_prefix, "bin", name)
                                                                                for name in names]
    return str(next((path for path in bases if path.is_file()), sys.executable))


def find_uv(folder: Path | None = None) -> str:
    """A uv that is new enough: out of `folder`, from the PATH, or fetched with pip into .tools."""
    if folder is not None:
        OWN_UV.parent.mkdir(exist_ok=True)
        take(folder / OWN_UV.name, OWN_UV)
    for uv in ([] if folder else [shutil.which("uv")]) + [str(OWN_UV)]:
        version = uv_version(uv) if uv else ()
        if version >= OLDEST_UV:
            return uv
        if version:
            print(f"{uv} is too old ({'.'.join(map(str, version))})", flush=True)
    if folder is not None:
        raise SetupError(f"{folder / OWN_UV.name} does not run here; fill the folder again with `lessons pack`")
    print("Fetching uv, which installs the rest …", flush=True)
    with tempfile.TemporaryDirectory(dir=TOOLS) as fetched:
        # Downloaded and unpacked, not installed: then no setting of pip's says where it goes.
        run([sys.executable if find_spec("pip") else base_python(), "-m", "pip", "download", "--quiet", "--no-deps",
             "--disable-pip-version-check", "--only-binary", ":all:", "--dest", fetched,
             f"uv>={'.'.join(map(str, OLDEST_UV))}"], "uv could not be fetched with pip", PIP_REQUIRE_VIRTUALENV="0")
        with zipfile.ZipFile(next(Path(fetched).glob("uv-*.whl"))) as wheel:
            [program] = [name for name in wheel.namelist() if name.endswith(f".data/scripts/uv{EXE}")]
            OWN_UV.parent.mkdir(exist_ok=True)
            take(Path(wheel.extract(program, fetched)), OWN_UV)
    if uv_version(str(OWN_UV)) < OLDEST_UV:
        raise SetupError(f"the uv that pip fetched does not run on this machine: {OWN_UV}. Install uv by hand "
                         "(docs.astral.sh/uv) and run the same command again")
    return str(OWN_UV)


def uv_version(uv: str) -> tuple[int, ...]:
    """Its version, such as (0, 8, 0); empty for what does not run or is not uv."""
    try:
        done = subprocess.run([uv, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"uv (\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else ()


def take(source: Path, target: Path) -> None:
    """Copy a file in one step, so that it is never half there."""
    fresh = target.with_name(target.name + ".fresh")
    shutil.copyfile(source, fresh)
    if target == OWN_UV:
        fresh.chmod(0o755)
    fresh.replace(target)


def packed(folder: str) -> Path:
    """The part for this machine of a folder that `lessons pack` filled; its digits are copied to data/."""
    from lessonlib.course.cli import this_machine

    place = Path(folder).expanduser().resolve()
    if not (place / this_machine()).is_dir():
        there = sorted(path.parent.name for path in place.glob(f"*/uv{EXE}"))
        raise SetupError(f"{folder} has nothing for this machine, {this_machine()}; it has {', '.join(there) or 'nothing'}. "
                         f"Run `lessons pack {folder}` on a machine of this kind with this Python, where the lessons are set up")
    for source in sorted((place / "data").glob("*")):
        if not (ROOT / "data" / source.name).exists():
            take(source, ROOT / "data" / source.name)
    return place / this_machine()


def choose_torch(uv: str, chosen: str | None = None, python: Path = PYTHON) -> str | None:
    """The build of torch to install for this Python: a chosen one is obeyed; None takes the registry's.

    On Linux the registry's torch brings 5 GB of CUDA. Without an NVIDIA driver those are of no use, so the small
    build from PyTorch's own index is tried first.
    """
    if chosen:
        print(f"Taking the torch build that UV_TORCH_BACKEND names, or named at the first set-up: {chosen}", flush=True)
        return chosen
    if platform.system() != "Linux" or has_nvidia_driver():
        return None
    question = [uv, "pip", "install", "--python", str(python), "--dry-run", "--no-deps", "torch", "torchvision"]
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


def step_environment(**extra: str | None) -> dict[str, str]:
    """The environment variables of a step: the reader's, without those that would install something else elsewhere."""
    kept = {}
    for name, value in os.environ.items():
        tool, _, setting = name.partition("_")
        if name not in ("VIRTUAL_ENV", "CONDA_PREFIX") and (tool not in ("UV", "PIP") or FETCHING.fullmatch(setting)):
            kept[name] = value
    return {**kept, **{name: value for name, value in extra.items() if value is not None}}


def run(command: list[str], what_failed: str, seconds: float | None = None, quiet: bool = False, **extra: str | None):
    """Run a step of the set-up: all it says goes to the log, and what shows progress to the screen as well.

    Raises `SetupError`, one line, if it fails or takes longer than `seconds`.
    """
    said, ended, late = [], threading.Event(), threading.Event()
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        try:
            step = subprocess.Popen(command, cwd=ROOT, env=step_environment(**extra), close_fds=False,  # see `alone`
                                    encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except OSError as error:
            raise SetupError(f"{what_failed}: {error}") from error
        if seconds is not None:
            threading.Thread(target=end_in_time, args=(step, seconds, ended, late), daemon=True).start()
        elif not quiet:
            threading.Thread(target=break_silence, args=(said, ended), daemon=True).start()
        try:
            for line in step.stdout:
                log.write(line)
                said.append(line.strip())
                if not quiet and PROGRESS.match(line):
                    print(" ", line.strip(), flush=True)
                if not quiet and line.startswith("Installed"):
                    print(COMPILING, flush=True)
            code = step.wait()
        except BaseException:  # Ctrl-C: nothing may go on writing into what is removed next
            step.kill()
            step.wait()
            raise
        finally:
            ended.set()
    if late.is_set():
        raise SetupError(f"{what_failed}: no answer within {seconds:.0f} seconds")
    if code != 0:
        raise SetupError(explain(what_failed, said))


def end_in_time(step: subprocess.Popen, seconds: float, ended: threading.Event, late: threading.Event) -> None:
    """End a step that takes too long."""
    if not ended.wait(seconds):
        late.set()
        step.kill()


def break_silence(said: list[str], ended: threading.Event) -> None:
    """While a step says nothing, say what it is waiting for."""
    start, heard = time.monotonic(), -1
    while not ended.wait(SECONDS_OF_SILENCE):
        if heard == len(said):
            words = [line.split() for line in said]
            arrived = {word[1] for word in words if word[0:1] == ["Downloaded"]}
            awaited = [" ".join(word[1:]) for word in words if word[0:1] == ["Downloading"] and word[1] not in arrived]
            print(f"  … still at work after {(time.monotonic() - start) / 60:.0f} min"
                  f"{': downloading ' if awaited else ''}{', '.join(awaited[:4])}", flush=True)
        heard = len(said)


def explain(what_failed: str, said: list[str]) -> str:
    """One line from what a failed step said."""
    where = f"(all it said: {LOG.relative_to(ROOT)})"
    said = [line for line in said if line and not PROGRESS.match(line)]
    if any("No module named pip" in line for line in said):
        return (f"{what_failed}: this Python has no pip. Install it (`python -m ensurepip`, or on Debian and Ubuntu "
                "`apt install python3-pip`) and run the same command again")
    if any("--torch-backend" in line for line in said):
        return (f"{what_failed}: the variable UV_TORCH_BACKEND must be cpu, auto, or a build such as cu130; got "
                f"{os.environ.get('UV_TORCH_BACKEND')!r}. Change it or unset it, and run the same command again {where}")
    if any("No space left" in line or "os error 112" in line for line in said):
        return f"{what_failed}: the disk is full. Set-up needs 2 GB, with CUDA 10 GB {where}"
    if any(NETWORK.search(line) for line in said):
        return (f"{what_failed}, because a package index cannot be reached. Is there a network? "
                f"Run the same command again when there is; what was downloaded is kept {where}")
    start = next((n for n, line in enumerate(said) if re.match(r"error|×|ERROR", line)), len(said) - 1)
    return f"{what_failed}: {' '.join(said[start:start + 2])[:300] or 'it said nothing'} {where}"


def explain_os_error(error: OSError) -> str:
    """One line from what the system refused."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        if os.name == "nt" and VENV.exists():
            return (f"set-up cannot write in this folder ({error}). Is JupyterLab, or another program, still running from "
                    ".venv? End it and run the same command again")
        return (f"set-up must write in this folder, and may not ({error}). Copy the whole folder to a place that is yours, "
                "and run the same command there")
    if error.errno == errno.ENOSPC:
        return f"the disk is full ({error}). Set-up needs 2 GB, with CUDA 10 GB"
    return f"set-up met an obstacle: {error}. Remove or rename what is in the way, and run the same command again"


def hand_over(command: list[str]) -> int:
    """Let the command in .venv take the place of this one."""
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(command[0], command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, and this only waits for it
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
