"""The `lessons` command as a reader calls it."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from lessonlib.course import cli, notebooks, terminal
from lessonlib.course.commands import doctor
from lessonlib.course.commands import list as list_command
from lessonlib.course.commands import open as open_command
from lessonlib.course.commands import test as test_command


def lessons(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the command in a process of its own."""
    return subprocess.run([sys.executable, "-m", "lessonlib.course", *arguments], capture_output=True, text=True,
                          encoding="utf-8", env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment}, check=False)


def test_help_lists_every_verb_and_imports_no_torch():
    code = ("import sys; from lessonlib.course.cli import main\n"
            "try: main(['--help'])\nfinally: print('torch' in sys.modules, 'rich' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    for verb in cli.VERBS:
        assert f"    {verb} " in done.stdout
    assert done.stdout.splitlines()[-1] == "False False"
    assert done.returncode == 0


WRONG = {
    "an unknown verb": (["clmb"], "invalid choice: 'clmb'"),
    "no epochs": (["ladder", "--epochs", "0"], "expected a whole number from 1; got '0'"),
    "epochs in words": (["ladder", "--epochs", "many"], "got 'many'"),
    "a hidden layer of nothing": (["ladder", "--hidden", "0"], "expected a whole number from 1; got '0'"),
    "an unknown source": (["ladder", "--source", "minst"], "invalid choice: 'minst'"),
    "an unknown device": (["ladder", "--device", "gpu"], "invalid choice: 'gpu'"),
    "a folder that is not there": (["ladder", "--json", "no/such/folder/l.json"], "does not exist"),
    "an ending that says nothing": (["ladder", "--plot", "ladder"], "ends in .png or .svg or .pdf"),
    "no verb for data": (["data"], "where|get|verify"),
    "an unknown lesson": (["run", "99"], "there is no lesson '99'"),
    "an unknown lesson to open": (["open", "ninety"], "there is no lesson 'ninety'"),
    "an unknown check": (["test", "styl"], "there is no check 'styl'"),
    "an unknown option": (["list", "--colour"], "unrecognized arguments: --colour"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_arguments_get_one_line_and_exit_code_2(fault):
    arguments, words = WRONG[fault]
    done = lessons(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("lessons")
    assert words in done.stderr
    assert done.stdout == ""


def test_list_shows_every_lesson():
    done = lessons("list")
    assert done.returncode == 0
    for lesson in notebooks.lessons():
        assert lesson.title.split(" — ")[0] in done.stdout


def test_lessons_are_found_by_number_and_by_name():
    for text in ("6", "06", "06_module"):
        assert [lesson.path.stem for lesson in notebooks.pick([text])] == ["06_module"]
    assert len(notebooks.pick([])) == len(notebooks.lessons())


def test_data_where_names_every_place(tmp_path):
    done = lessons("data", "where", LESSONLIB_DATA=str(tmp_path), LESSONLIB_CACHE=str(tmp_path / "c"), COLUMNS="200")
    assert done.returncode == 0
    for part in ("$LESSONLIB_DATA", "data/, beside lessons.py", "the cache folder"):
        assert part in done.stdout


def test_data_verify_without_data_says_where_to_put_it(tmp_path, monkeypatch):
    from lessonlib.files import find_mnist

    monkeypatch.delenv("LESSONLIB_DATA", raising=False)
    monkeypatch.setenv("LESSONLIB_CACHE", str(tmp_path))
    if find_mnist() is not None:
        pytest.skip("MNIST lies in data/ of this checkout")
    done = lessons("data", "verify", LESSONLIB_DATA="")
    assert done.returncode == 1
    assert "lessons data get" in done.stderr
    assert "Traceback" not in done.stderr


def test_data_verify_knows_mnist(mnist):
    done = lessons("data", "verify")
    assert done.returncode == 0
    assert "all 70,000 images and labels are those of MNIST" in done.stdout


def test_data_verify_sees_one_changed_pixel(mnist):
    from lessonlib.files import checksums, find_mnist

    parts = [[x.copy(), y.copy()] for x, y in find_mnist().read()]
    assert checksums.fingerprints(parts) == checksums.MD5
    parts[1][0][9_999, 27, 27] ^= 1
    changed = {name for name, md5 in checksums.fingerprints(parts).items() if md5 != checksums.MD5[name]}
    assert changed == {"train-images-idx3-ubyte"}


def test_ladder_writes_what_it_measured(tmp_path, monkeypatch, capsys, random_digits):
    """On 2,000 digits; the whole epoch is climbed in test_ladder.py."""
    monkeypatch.setattr("lessonlib.data.load_digits", {"handwriting": random_digits}.get)
    monkeypatch.setenv("COLUMNS", "160")
    arguments = ["ladder", "--source", "handwriting", "--device", "cpu"]
    assert cli.main([*arguments, "--json", str(tmp_path / "l.json"), "--plot", str(tmp_path / "l.png")]) == 0
    said = capsys.readouterr().out
    assert "The ladder on 2,000 digits (handwriting)" in said
    assert "The same losses on every rung" in said
    report = json.loads((tmp_path / "l.json").read_text(encoding="utf-8"))
    assert report["source"] == "handwriting"
    assert report["machine"]
    assert set(report["versions"]) == {"python", "torch", "lessonlib"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", report["date"])
    assert report["command"] == "lessons ladder --source handwriting --device cpu --dtype float32 --epochs 1"
    *whole, bare_python = report["rungs"]
    assert [rung["name"] for rung in whole] == ["Sequential", "Module", "Loop", "SGD", "Matmul", "Gradients"]
    assert [len(rung["losses"]) for rung in whole] == [32] * 6
    assert len(bare_python["losses"]) == 12  # its first batches only, and the table says how many
    assert "– (12 batches)" in said
    assert all(rung["max_loss_difference"] <= 1e-5 for rung in report["rungs"])
    assert (tmp_path / "l.png").read_bytes().startswith(b"\x89PNG")


def test_a_ladder_that_differs_is_a_failure(monkeypatch, capsys, random_digits):
    from lessonlib import ladder

    def other_way(task):
        return ladder.rung_sgd(replace(task, lr=task.lr * 1.01))

    monkeypatch.setattr("lessonlib.data.load_digits", {"handwriting": random_digits}.get)
    monkeypatch.setattr(ladder, "RUNGS", [*ladder.RUNGS[:3], replace(ladder.RUNGS[3], train=other_way)])
    monkeypatch.setattr("lessonlib.bare.RUNGS_BELOW", [])
    assert cli.main(["ladder", "--source", "handwriting", "--device", "cpu"]) == 1
    assert "SGD differ(s) from rung 1 by more than 1e-05" in " ".join(capsys.readouterr().out.split())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_ladder_without_a_cuda_device_says_so(capsys):
    assert cli.main(["ladder", "--device", "cuda"]) == 1
    said = capsys.readouterr().err
    assert "no cuda device" in said
    assert "Traceback" not in said


def test_ladder_says_when_mnist_is_asked_for_and_not_there(tmp_path, monkeypatch, capsys):
    from lessonlib.files import find_mnist

    monkeypatch.delenv("LESSONLIB_DATA", raising=False)
    monkeypatch.setenv("LESSONLIB_CACHE", str(tmp_path))
    if find_mnist() is not None:
        pytest.skip("MNIST lies in data/ of this checkout")
    assert cli.main(["ladder", "--source", "mnist"]) == 1
    assert "MNIST was found in none of these places" in capsys.readouterr().err


def test_doctor_has_a_verdict_on_everything(monkeypatch, capsys):
    monkeypatch.setattr(terminal.console, "width", 200)
    code, said = cli.main(["doctor"]), capsys.readouterr().out
    assert code == 0, said
    for what in ("Python", "torch", "device", "threads", "digits", "kernel", "free disk", "cache folder"):
        assert f" {what} " in said


def test_doctor_of_a_wheel_says_that_there_are_no_lessons(monkeypatch, capsys):
    assert doctor.notebooks().verdict == doctor.OK
    monkeypatch.setattr(doctor, "checkout", lambda: None)
    assert doctor.notebooks().verdict == doctor.NOTE
    assert "clone the project" in doctor.notebooks().advice
    monkeypatch.setattr(doctor, "examine", lambda: [doctor.notebooks()])
    assert cli.main(["doctor"]) == 0
    assert "There are no lessons" in capsys.readouterr().out


def test_doctor_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "find_mnist", lambda: None)
    assert "lessons data get" in doctor.digits().advice
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1e9}))
    assert doctor.disk().verdict == doctor.NOTE
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9))
    assert "3.10" in doctor.python().advice

    def missing(name: str) -> str:
        raise doctor.importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(doctor.importlib.metadata, "version", missing)
    verdicts = {finding.what: finding.verdict for finding in doctor.versions()}
    assert verdicts["torch"] == doctor.BAD
    assert verdicts["jupyterlab"] == doctor.NOTE


def test_an_unforeseen_error_is_one_line_too(monkeypatch, capsys):
    def broken(options):
        raise ValueError("something else")

    monkeypatch.setattr(list_command, "list_verb", broken)
    assert cli.main(["list"]) == 1
    assert "lessons: something else" in capsys.readouterr().err


def test_checks_say_how_to_fix(monkeypatch, capsys):
    monkeypatch.setattr(test_command, "CHECKS", (test_command.Check("good", "a good one", list, "-"),
                                           test_command.Check("bad", "a bad one", lambda: ["it is broken"], "repair it")))
    assert test_command.test_verb(cli.parse(["test"])) == 1
    said = capsys.readouterr().out
    assert "it is broken" in said
    assert "To fix it: repair it" in said
    assert said.rstrip().endswith("1 passed, 1 failed")
    assert test_command.test_verb(cli.parse(["test", "good"])) == 0


def test_quick_leaves_out_what_takes_long(monkeypatch, capsys):
    checks = (test_command.Check("good", "-", list, "-"), test_command.Check("long", "-", lambda: ["ran"], "-", quick=None),
              test_command.Check("shorter", "-", ("-c", "print('all')"), "-", quick=("-c", "print('some')")))
    monkeypatch.setattr(test_command, "CHECKS", checks)
    assert test_command.test_verb(cli.parse(["test", "--quick"])) == 0
    said = capsys.readouterr().out
    assert "    some\n" in said
    assert said.rstrip().endswith("2 passed, 0 failed")
    assert test_command.test_verb(cli.parse(["test"])) == 1
    assert "    all\n" in capsys.readouterr().out


def test_quick_tests_are_there(root):
    assert [name for name in test_command.QUICK_TESTS if not (root / "tests" / name).is_file()] == []


def test_commands_among_the_checks_tell_what_they_print(monkeypatch, capsys):
    monkeypatch.setattr(test_command, "CHECKS", (
        test_command.Check("good", "-", ("-c", "print('SKIPPED one'); print('more'); print('== all well ==')"), "-"),
        test_command.Check("bad", "-", ("-c", "import sys; print('it is bröken', file=sys.stderr); sys.exit(3)"), "repair it")))
    assert test_command.test_verb(cli.parse(["test"])) == 1
    said = capsys.readouterr().out
    assert "    SKIPPED one\n    all well\n" in said
    assert "it is br" in said
    assert "more" not in said
    assert "To fix it: repair it" in said


@pytest.mark.skipif(os.name == "nt", reason="sends signals in the way of POSIX")
def test_what_still_runs_when_the_checks_are_left_may_tidy_up_and_is_ended(monkeypatch, tmp_path):
    """One tidies up for as long as it takes, within a limit that is long here; the other hears nothing and is killed."""
    begun, deaf_begun, tidied = tmp_path / "begun", tmp_path / "deaf", tmp_path / "tidied"
    wait = f"import pathlib, time\ntry:\n    pathlib.Path({str(begun)!r}).touch()\n    time.sleep(600)\nfinally:\n"
    tidy = test_command.Check("tidy", "-", ("-c", f"{wait}    pathlib.Path({str(tidied)!r}).touch()"), "-")
    deaf = test_command.Check("deaf", "-", ("-c", "import pathlib, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                                            f"pathlib.Path({str(deaf_begun)!r}).touch()\ntime.sleep(600)"), "-")

    def running() -> set[int]:
        return {process.pid for process in psutil.Process().children()}

    def leave(check: test_command.Check, when: Path) -> None:
        with test_command.started([test_command.Check("short", "-", ("-c", ""), "-"), check]):
            assert running() > before
            while not when.exists():
                time.sleep(0.05)
            raise KeyboardInterrupt

    before = running()
    for check, when, limit in ((tidy, begun, 600), (deaf, deaf_begun, 1)):
        monkeypatch.setattr(test_command, "SECONDS_TO_END", limit)
        with pytest.raises(KeyboardInterrupt):
            leave(check, when)
        assert running() == before
    assert tidied.exists()


def test_threads_are_told_and_a_choice_is_obeyed(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert open_command.environment()["OMP_NUM_THREADS"] == "1"
    assert doctor.threads(8).seen.startswith("1 in notebooks and in `lessons ladder`, 8 in programs of your own")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert open_command.environment()["OMP_NUM_THREADS"] == "4"
    assert doctor.threads(4).verdict == doctor.NOTE
    assert "4, as OMP_NUM_THREADS says" in doctor.threads(4).seen


@pytest.mark.parametrize("content", [bytes(10), b"", b"import no_such_module", b"def"])
def test_a_damaged_package_is_one_line_and_a_fault_of_ours_is_not(tmp_path, content):
    """A package that is cut short, as a full disk leaves it."""
    (tmp_path / "site-packages" / "rich").mkdir(parents=True)
    (tmp_path / "site-packages" / "rich" / "__init__.py").write_bytes(content)
    done = lessons("list", PYTHONPATH=os.pathsep.join([str(tmp_path / "site-packages"), str(test_command.need_checkout())]))
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "python lessons.py" in line
    assert not cli.is_damage(ImportError("no name x", name="lessonlib.data"))
    assert not cli.is_damage(SyntaxError("invalid", ("lessonlib/data.py", 1, 1, "")))
