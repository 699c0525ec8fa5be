"""The reader's copies: put there once, never overwritten, compared with newer editions, checked without a browser."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import small_notebooks
from nbclient import NotebookClient

from lessonlib.course import cli, notebooks, progress, terminal, workbooks
from lessonlib.course.commands import check
from lessonlib.course.commands import open as open_command
from lessonlib.course.editions import edition
from lessonlib.course.exercises import EXERCISES, solution, stub
from lessonlib.course.terminal import CourseError

RIGHT = solution("normalize")
WRONG = "def normalize(train, valid):\n    return (train - train.mean()) / train.std(), (valid - valid.mean()) / valid.std()\n"


def notebook(*codes: str, title: str = "A lesson") -> str:
    return json.dumps(small_notebooks.notebook(*codes, title=title))


def with_exercise(answer: str) -> str:
    return notebook("from lessonlib.course.exercises import check, hint", answer, 'check("normalize", normalize)')


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A checkout with two small lessons; gives its folder."""
    (tmp_path / "nbs").mkdir()
    (tmp_path / "nbs" / "00_start.ipynb").write_text(notebook("1 + 1"), encoding="utf-8")
    (tmp_path / "nbs" / "02_tensors.ipynb").write_text(with_exercise(stub("normalize")), encoding="utf-8")
    monkeypatch.setattr(terminal, "checkout", lambda: tmp_path)
    monkeypatch.setenv("LESSONLIB_PROGRESS", str(tmp_path / "work" / "progress.json"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))  # where notebooks are signed
    return tmp_path


def run(*arguments: str) -> int:
    return cli.main(list(arguments))


def lesson(n: int) -> notebooks.Lesson:
    return notebooks.pick([str(n)])[0]


def test_a_copy_is_put_there_once_and_not_touched_again(course):
    assert workbooks.hand_out(lesson(2))
    copy = course / "work" / "02_tensors.ipynb"
    assert copy.read_text(encoding="utf-8") == edition(lesson(2))
    copy.write_text("mine", encoding="utf-8")
    assert not workbooks.hand_out(lesson(2))
    (course / "nbs" / "02_tensors.ipynb").write_text(with_exercise("pass"), encoding="utf-8")
    assert not workbooks.hand_out(lesson(2))
    assert copy.read_text(encoding="utf-8") == "mine"


def test_open_starts_jupyterlab_on_the_copy(course, monkeypatch, capsys):
    started = []

    class Server:
        def __init__(self, command, **options):
            started.append(command)

        def wait(self):
            return 0

    monkeypatch.setattr(open_command.subprocess, "Popen", Server)
    assert run("open", "2", "--no-browser") == 0
    assert "--LabApp.default_url=/lab/tree/work/02_tensors.ipynb" in started[0]
    assert "work/02_tensors.ipynb in JupyterLab: your own copy, new" in capsys.readouterr().out
    assert not (course / "work" / "00_start.ipynb").exists()
    assert run("open", "2", "--no-browser") == 0
    assert "as you left it" in capsys.readouterr().out
    (course / "nbs" / "02_tensors.ipynb").write_text(with_exercise("pass"), encoding="utf-8")
    assert run("open", "2", "--no-browser") == 0
    assert "`lessons update 2`" in capsys.readouterr().out


def test_a_link_to_another_lesson_finds_it(course):
    """What JupyterLab asks for when "Next: lesson 2" is followed."""
    import asyncio

    from lessonlib.course.contents import LessonContents

    contents = LessonContents(root_dir=str(course))
    model = asyncio.run(contents.get("work/02_tensors.ipynb", content=False))
    assert model["type"] == "notebook"
    (course / "work" / "02_tensors.ipynb").write_text(notebook("my own"), encoding="utf-8")
    model = asyncio.run(contents.get("work/02_tensors.ipynb"))
    assert model["content"]["cells"][1]["source"] == "my own"
    for path in ("work/99_none.ipynb", "work/notes.ipynb", "other/02_tensors.ipynb", "work/../work/00_start.ipynb"):
        with pytest.raises(Exception, match=r"(?i)no such file|not found|outside"):
            asyncio.run(contents.get(path))
    assert not (course / "work" / "00_start.ipynb").exists()


def test_update_puts_the_newer_edition_beside_the_copy(course, capsys):
    for n in (0, 2):
        workbooks.hand_out(lesson(n))
    copy = course / "work" / "02_tensors.ipynb"
    mine = with_exercise(RIGHT)
    copy.write_text(mine, encoding="utf-8")
    assert run("update") == 0
    assert "newest edition" in capsys.readouterr().out
    newer = notebook("from lessonlib.course.exercises import check", "a = 1", stub("normalize"),
                     'check("normalize", normalize)')
    (course / "nbs" / "02_tensors.ipynb").write_text(newer, encoding="utf-8")
    assert run("update") == 0
    said = capsys.readouterr().out
    (beside,) = (course / "work").glob("02_tensors-edition-*.ipynb")
    assert beside.name in said
    assert "1 cell changed, 1 cell new" in said
    assert beside.read_text(encoding="utf-8") == edition(lesson(2))
    assert copy.read_text(encoding="utf-8") == mine
    assert (course / "work" / "00_start.ipynb").exists()
    beside.write_text("notes of mine", encoding="utf-8")
    assert run("update", "2") == 0
    assert "newest edition" in capsys.readouterr().out
    (course / "nbs" / "02_tensors.ipynb").write_text(notebook("b = 2"), encoding="utf-8")
    assert run("update", "2") == 0
    assert beside.read_text(encoding="utf-8") == "notes of mine"
    assert len(list((course / "work").glob("02_tensors-edition-*.ipynb"))) == 2


def test_outputs_alone_make_no_newer_edition(course):
    workbooks.hand_out(lesson(0))
    path = course / "nbs" / "00_start.ipynb"
    nb = json.loads(path.read_text(encoding="utf-8"))
    nb["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["2\n"]}]
    path.write_text(json.dumps(nb), encoding="utf-8")
    assert workbooks.changes(lesson(0)) == ""


def test_a_lost_record_of_editions_is_no_harm(course, capsys):
    workbooks.hand_out(lesson(2))
    shutil.rmtree(course / "work" / ".editions")
    assert run("update") == 0
    assert "newest edition" in capsys.readouterr().out
    (course / "work" / "02_tensors.ipynb").write_text("not a notebook", encoding="utf-8")
    assert run("update") == 0
    assert list((course / "work").glob("02_tensors-edition-*.ipynb"))
    assert (course / "work" / "02_tensors.ipynb").read_text(encoding="utf-8") == "not a notebook"


def test_reset_keeps_what_was_there(course, capsys):
    copy = course / "work" / "02_tensors.ipynb"
    assert run("reset", "2") == 0
    assert "work/02_tensors.ipynb is new" in capsys.readouterr().out
    assert run("reset", "2") == 0
    assert "is as new already" in capsys.readouterr().out
    for words in ("first", "second"):
        copy.write_text(words, encoding="utf-8")
        assert run("reset", "2") == 0
        assert copy.read_text(encoding="utf-8") == edition(lesson(2))
    kept = {path.read_text(encoding="utf-8") for path in (course / "work").glob("02_tensors-20*.ipynb")}
    assert kept == {"first", "second"}


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    path, taken = tmp_path / "02_tensors.ipynb", []
    for _ in range(3):
        taken.append(workbooks.free_name(path, "kept"))
        taken[-1].touch()
    assert [each.name for each in taken] == ["02_tensors-kept.ipynb", "02_tensors-kept-2.ipynb", "02_tensors-kept-3.ipynb"]


def test_where_no_copy_can_be_put(course, capsys):
    (course / "work").write_text("a file of mine", encoding="utf-8")
    assert run("reset", "2") == 1
    said = capsys.readouterr().err
    assert "rename what is in its place" in said
    assert "TRACEBACK" not in said
    assert (course / "work").read_text(encoding="utf-8") == "a file of mine"


def test_half_a_copy_does_not_stay(course):
    with pytest.raises(TypeError):
        workbooks.create(course / "work" / "x.ipynb", "text")
    assert not (course / "work" / "x.ipynb").exists()


def test_check_tells_what_each_check_found(course, capsys):
    """One of each; two of them in a cell are not taken for one another."""
    workbooks.hand_out(lesson(2))
    (course / "work" / "02_tensors.ipynb").write_text(notebook(
        "import torch\nfrom torch import Tensor\nfrom lessonlib.course.exercises import check",
        WRONG, solution("softmax"), stub("outer"),
        'check("normalize", normalize)\ncheck("softmax", my_softmax)', 'check("outer", outer)'), encoding="utf-8")
    assert run("check", "2") == 1
    said = capsys.readouterr().out
    found = {line.split("│")[2].strip(): line.split("│")[3].strip() for line in said.splitlines() if line.count("│") == 4}
    assert found == {"normalize": "not yet", "softmax": "right", "outer": "not tried yet"}
    assert "its own mean" in said
    assert {id for id, record in progress.read_progress().items() if record.passed} == {"softmax"}
    assert run("list") == 0
    assert "0 of 1 passed, 1 tried" in capsys.readouterr().out


def test_check_goes_on_after_a_cell_that_fails_or_hangs(course, capsys, monkeypatch):
    workbooks.hand_out(lesson(2))
    before = (course / "work" / "02_tensors.ipynb")
    endless = "import time\nwhile True: time.sleep(0.01)"  # leaves the processor to the other tests
    # Its limit alone is short: on a busy machine PyTorch may take longer to load.
    monkeypatch.setattr(NotebookClient, "_get_timeout", lambda self, cell: 5 if cell and "while True" in cell.source else 600)
    before.write_text(notebook("from lessonlib.course.exercises import check", endless, "1 / 0", RIGHT,
                               'check("normalize", normalize)'), encoding="utf-8")
    mine = before.read_bytes()
    assert run("check", "2") == 0
    assert "right" in capsys.readouterr().out
    assert before.read_bytes() == mine


def test_check_names_the_cell_that_failed(course, capsys):
    workbooks.hand_out(lesson(2))
    (course / "work" / "02_tensors.ipynb").write_text(
        with_exercise("def normalize(train, valid)\n    return 1"), encoding="utf-8")
    assert run("check", "2") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "the cell failed" in said
    assert "`def normalize(train, valid)` (SyntaxError" in said


def test_check_says_what_it_did_not_see(course, capsys):
    workbooks.hand_out(lesson(2))
    (course / "work" / "02_tensors.ipynb").write_text(notebook("# check('normalize', normalize)"), encoding="utf-8")
    assert run("check", "2") == 1
    assert "no check seen" in capsys.readouterr().out


def test_check_of_what_is_no_notebook_or_not_there(course, capsys):
    assert run("check") == 1
    assert "`lessons open 2`" in capsys.readouterr().err
    assert run("check", "0") == 1
    assert "`lessons open 0` makes one" in capsys.readouterr().err
    workbooks.hand_out(lesson(2))
    for broken in ("", "{}", "[]", '{"cells": 3}'):
        (course / "work" / "02_tensors.ipynb").write_text(broken, encoding="utf-8")
        with pytest.raises(CourseError, match="`lessons reset 2`"):
            check.verdicts(lesson(2), 60)


def test_progress_is_told_lesson_by_lesson(course, capsys):
    assert run("list") == 0
    assert "0 of 1 passed" in capsys.readouterr().out
    progress.note_hint("normalize", 1)
    progress.note_hint("normalize", 3)
    progress.note_check("normalize", "fail", "validation_statistics")
    assert run("list") == 0
    assert "0 of 1 passed, 1 tried, 2 hints" in capsys.readouterr().out
    progress.note_check("normalize", "ok", "ok")
    assert run("list") == 0
    assert "1 of 1 passed, 2 hints" in capsys.readouterr().out


def test_list_reads_the_catalogue_without_torch():
    code = "import sys; from lessonlib.course.cli import main; main(['list']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8",
                          env={**os.environ, "PYTHONIOENCODING": "utf-8"}, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert all(task.lesson in {it.number for it in notebooks.lessons()} for task in EXERCISES.values())


def test_check_hears_a_call_however_it_is_written(course):
    """Each way with an exercise of its own, in one run of a copy."""
    ways = {"softmax": 'v = check("softmax", None)', "sgd": 'print(check("sgd", None))',
            "matmul": 'check(exercise_id="matmul", attempt=None);',
            "outer": 'if True:\n    check("""outer""", None)', "class_accuracy": 'x = "#"; check("class_accuracy", None)'}
    workbooks.hand_out(lesson(2))
    (course / "work" / "02_tensors.ipynb").write_text(
        notebook("from lessonlib.course.exercises import check", RIGHT, 'check("normalize", normalize)', *ways.values()),
        encoding="utf-8")
    found = check.verdicts(lesson(2), 60)
    assert {id: word for id, (word, _) in found.items()} == {"normalize": "right"} | dict.fromkeys(ways, "not tried yet")


def test_a_kernel_that_dies_is_told_with_its_cell(course, capsys):
    workbooks.hand_out(lesson(2))
    copy = course / "work" / "02_tensors.ipynb"
    begin = "from lessonlib.course.exercises import check"
    copy.write_text(notebook(begin, "import os; os._exit(1)", RIGHT, 'check("normalize", normalize)'), encoding="utf-8")
    assert run("check", "2") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "not reached" in said
    assert "died in the cell `import os; os._exit(1)`" in said
    copy.write_text(notebook(begin, RIGHT, 'check("normalize", normalize)', "import os; os._exit(1)"), encoding="utf-8")
    assert check.verdicts(lesson(2), 60)["normalize"][0] == "right"


@pytest.mark.parametrize("cells", ['["a", 3]', '[{"cell_type": "code"}]',
                                   '[{"cell_type": "code", "source": [], "metadata": 3}]', "[" * 100_000])
def test_check_of_cells_that_are_none(course, capsys, cells):
    workbooks.hand_out(lesson(2))
    (course / "work" / "02_tensors.ipynb").write_text(
        f'{{"cells": {cells}, "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}', encoding="utf-8")
    assert run("check") == 1
    said = capsys.readouterr().err
    assert "`lessons reset 2`" in said
    assert "TRACEBACK" not in said


@pytest.mark.skipif(os.name == "nt", reason="sends signals in the way of POSIX")
def test_control_c_ends_a_check_without_a_traceback(course):
    workbooks.hand_out(lesson(2))
    begun = course / "begun"
    (course / "work" / "02_tensors.ipynb").write_text(
        notebook(f"open({str(begun)!r}, 'w').close()\nimport time\ntime.sleep(600)"), encoding="utf-8")
    code = ("import sys, pathlib; from lessonlib.course import cli, terminal\n"
            f"terminal.checkout = lambda: pathlib.Path({str(course)!r})\n"
            "sys.exit(cli.main(['check', '2']))")
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, encoding="utf-8",
                               env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    while not begun.exists() and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 130
    assert said.splitlines() == ["lessons: stopped"]


@pytest.mark.parametrize("thing", ["folder", "link"])
def test_what_is_no_file_in_the_place_of_a_copy(course, capsys, thing):
    copy = course / "work" / "02_tensors.ipynb"
    copy.parent.mkdir()
    if thing == "folder":
        copy.mkdir()
        (copy / "mine.txt").write_text("mine", encoding="utf-8")
    else:
        copy.symlink_to(course / "nowhere")
    assert run("open", "2") == 1
    assert "`lessons reset 2`" in capsys.readouterr().err
    assert run("check", "2") == 1
    assert "TRACEBACK" not in capsys.readouterr().err
    assert run("reset", "2") == 0
    assert copy.read_text(encoding="utf-8") == edition(lesson(2))
    (kept,) = copy.parent.glob("02_tensors-20*.ipynb")
    assert kept.is_symlink() or (kept / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_a_broken_record_of_editions_lays_nothing_beside_twice(course, capsys):
    workbooks.hand_out(lesson(2))
    kept = course / "work" / ".editions" / "02_tensors.ipynb"
    kept.write_text("{", encoding="utf-8")
    assert run("update") == 0
    assert "newest edition" in capsys.readouterr().out
    (course / "nbs" / "02_tensors.ipynb").write_text(with_exercise("pass"), encoding="utf-8")
    shutil.rmtree(kept.parent)
    kept.parent.write_text("a file", encoding="utf-8")
    for _ in range(2):
        assert run("update") == 0
        assert "Rename what is in the place" in capsys.readouterr().err
    assert len(list((course / "work").glob("02_tensors-edition-*.ipynb"))) == 1


def test_a_folder_is_never_set_aside_as_progress(course, monkeypatch, capsys):
    mine = course / "mine"
    mine.mkdir()
    monkeypatch.setenv("LESSONLIB_PROGRESS", str(mine))
    progress.note_hint("normalize", 1)
    assert (mine / "progress.json").is_file()
    (mine / "progress.json").unlink()
    (mine / "progress.json").mkdir()
    assert progress.read_progress() == {}
    assert "is a folder" in capsys.readouterr().err
    assert [path.name for path in mine.iterdir() if path.is_dir()] == ["progress.json"]


def test_open_takes_jupyterlab_with_it(course, monkeypatch):
    ended = []

    class Server:
        def __init__(self, command, **options):
            pass

        def wait(self):
            os.kill(os.getpid(), signal.SIGTERM)
            return 0

        def terminate(self):
            ended.append(True)

    monkeypatch.setattr(open_command.subprocess, "Popen", Server)
    assert run("open", "2") == 0
    assert ended == [True]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with pytest.raises(SystemExit):
        run("open", "2", "--port", "99999")
