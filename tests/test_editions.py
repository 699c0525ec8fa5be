"""What the reader is handed: predictions before their answers, plumbing folded, the ladder first; and the pages around it."""

import asyncio
import json
import os
import zlib
from pathlib import Path

import pytest
import small_notebooks
from tornado.web import HTTPError

from lessonlib.course import cli, home, notebooks, progress, terminal, workbooks
from lessonlib.course.contents import LessonContents, clean_source
from lessonlib.course.editions import edition
from lessonlib.course.notebooks import Lesson
from lessonlib.course.terminal import CourseError

OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["42\n"]}


def cell(source: str, *tags: str, kind: str = "code") -> dict:
    more = {"outputs": [OUTPUT], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": f"{zlib.crc32(source.encode()):08x}", "metadata": {"tags": list(tags)} if tags else {},
            "source": source.splitlines(keepends=True), **more}


def lesson_of(*cells: dict, path: str = "nbs/02_tensors.ipynb") -> Lesson:
    return Lesson(Path(path), {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def cells_of(lesson: Lesson) -> list[dict]:
    return json.loads(edition(lesson))["cells"]


TITLE = cell('# Tensors — "What is one?"\n\nWhat comes before it; see [loss](../docs/glossary.md#loss).', kind="markdown")


def test_predictions_come_before_their_answers_and_the_source_keeps_them():
    lesson = lesson_of(TITLE, cell("6 * 7", "predict"), cell("6 * 8"))
    asked, told = cells_of(lesson)[1:]
    assert (asked["outputs"], told["outputs"]) == ([], [OUTPUT])
    assert lesson.nb["cells"][1]["outputs"] == [OUTPUT]


def test_plumbing_is_folded_in_the_way_of_jupyterlab():
    folded, open_ = cells_of(lesson_of(TITLE, cell("draw()", "plumbing"), cell("model(x)")))[1:]
    assert folded["metadata"] == {"tags": ["plumbing"], "jupyter": {"source_hidden": True}}
    assert folded["outputs"] == [OUTPUT]
    assert open_["metadata"] == {}


def test_the_ladder_comes_right_after_the_title():
    ladder = cell("from lessonlib.figures import ladder_picture\n\nladder_picture(2.5)")
    title, picture, rest, last = cells_of(lesson_of(TITLE, cell("#| default_exp tensors"), ladder, cell("1 + 1")))
    assert "".join(title["source"]) == '# Tensors — "What is one?"'
    assert picture["metadata"]["jupyter"] == {"source_hidden": True}
    assert "".join(rest["source"]) == "What comes before it; see [loss](glossary.md#loss)."
    assert "".join(last["source"]) == "1 + 1"


def test_what_a_module_is_for_is_not_what_the_lesson_is_about():
    title = cell('# Tensors — "What is one?"\n\n> Where tensors live.\n\nBefore it.\n\n> A quotation.', kind="markdown")
    [_, _, rest] = cells_of(lesson_of(title, cell("ladder_picture(2)")))
    assert "".join(rest["source"]) == "Before it.\n\n> A quotation."


def test_a_ladder_further_down_stays_there():
    cells = [TITLE, *(cell(f"{n} + 1") for n in range(8)), cell("ladder_picture()")]
    assert "ladder_picture" in "".join(cells_of(lesson_of(*cells))[-1]["source"])


def test_only_the_line_for_nbdev_leaves_a_cell_that_holds_more():
    [_, kept] = cells_of(lesson_of(TITLE, cell("#| default_exp tensors\nimport torch")))
    assert "".join(kept["source"]) == "import torch"


def test_every_lesson_has_an_edition_that_is_a_notebook():
    import nbformat

    for lesson in notebooks.lessons():
        nb = nbformat.reads(edition(lesson), as_version=4)
        nbformat.validate(nb)
        assert len({cell.id for cell in nb.cells}) == len(nb.cells)
        assert edition(lesson) == edition(Lesson(lesson.path))
        code = [cell.source for cell in nb.cells if cell.cell_type == "code"]
        assert not any("default_exp" in source for source in code)
        assert any("ladder_picture" in cell.source for cell in nb.cells[:2]), lesson.path.name
        assert "](../nbs/" not in edition(lesson)
        assert "](../docs/" not in edition(lesson)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A checkout with lessons 0, 6 and 8; gives its folder."""
    (tmp_path / "nbs").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "glossary.md").write_text("# Glossary\n\n([lesson 8](../nbs/08_loss.ipynb))\n", encoding="utf-8")
    for name, code in (("00_start", "1 + 1"), ("06_module", 'check("my_linear", MyLinear)'), ("08_loss", "1 + 1")):
        text = json.dumps(small_notebooks.notebook(code, title=name[3:].title()))
        (tmp_path / "nbs" / f"{name}.ipynb").write_text(text, encoding="utf-8")
    monkeypatch.setattr(terminal, "checkout", lambda: tmp_path)
    monkeypatch.setattr(terminal.console, "width", 400)
    monkeypatch.setenv("LESSONLIB_PROGRESS", str(tmp_path / "work" / "progress.json"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    progress._warn_once.cache_clear()
    return tmp_path


def contents(course: Path, **options: bool) -> LessonContents:
    return LessonContents(root_dir=str(course), **options)


def test_jupyter_trusts_a_copy_and_not_what_somebody_else_put_there(course):
    workbooks.hand_out(notebooks.pick(["6"])[0])
    manager = contents(course)
    model = asyncio.run(manager.get("work/06_module.ipynb"))
    assert all(cell["metadata"]["trusted"] for cell in model["content"]["cells"] if cell["cell_type"] == "code")
    foreign = small_notebooks.notebook("1 + 1")
    foreign["cells"][0]["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {"text/html": "<script></script>"}}]
    (course / "work" / "mine.ipynb").write_text(json.dumps(foreign), encoding="utf-8")
    model = asyncio.run(manager.get("work/mine.ipynb"))
    assert not any(cell["metadata"]["trusted"] for cell in model["content"]["cells"])


def test_the_source_is_read_only_and_says_where_to_write(course):
    manager, path = contents(course), "nbs/06_module.ipynb"
    before = (course / path).read_bytes()
    model = asyncio.run(manager.get(path))
    assert model["writable"] is False
    for attempt in (manager.save(model, path), manager.delete_file(path), manager.rename_file(path, "nbs/x.ipynb"),
                    manager.rename_file("docs/glossary.md", "nbs/glossary.md"), manager.save(model, "nbs/new.ipynb")):
        with pytest.raises(HTTPError, match="work/"):
            asyncio.run(attempt)
    assert (course / path).read_bytes() == before
    assert asyncio.run(manager.get("docs/glossary.md"))["writable"] is True
    author = contents(course, authoring=True)
    model = asyncio.run(author.get(path))
    assert model["writable"] is True
    asyncio.run(author.save(model, path))


def test_a_reader_s_notebook_is_saved_as_it_is(course):
    folded = {"type": "notebook", "content": {"nbformat": 4, "cells": [
        {"cell_type": "code", "source": "1", "metadata": {"jupyter": {"source_hidden": True}}, "outputs": []}]}}
    clean_source(folded, "work/06_module.ipynb")
    assert folded["content"]["cells"][0]["metadata"] == {"jupyter": {"source_hidden": True}}


def test_home_tells_how_far_the_reader_is(course, monkeypatch):
    assert "Begin here: <b>0 Start</b>" in home.home_page()
    for n, name in enumerate(("06_module", "00_start")):
        workbooks.hand_out(notebooks.pick([name])[0])
        os.utime(course / "work" / f"{name}.ipynb", (1e9 - n, 1e9 - n))  # lesson 6 was saved last
    exercises = [task.id for task in notebooks.pick(["6"])[0].exercises]
    progress.note_check(exercises[0], "fail", "shape")
    page = asyncio.run(contents(course).get("work/home.md"))["content"]
    assert 'href="06_module.ipynb">Go on where you stopped: <b>6 Module</b>' in page
    assert f"0 of {len(exercises)} passed, 1 tried" in page
    assert page.count("you are here") == 1
    for id in exercises:
        progress.note_check(id, "ok", "ok")
    assert 'href="08_loss.ipynb">Go on with the next lesson: <b>8 Loss</b>' in home.home_page()


def test_links_of_the_glossary_end_in_work(course):
    page = asyncio.run(contents(course).get("work/glossary.md"))["content"]
    assert "([lesson 8](08_loss.ipynb))" in page
    asyncio.run(contents(course).get("work/08_loss.ipynb"))
    assert (course / "work" / "08_loss.ipynb").is_file()


def test_open_begins_with_lesson_0_and_goes_on_with_home(course, monkeypatch, capsys):
    from lessonlib.course.commands import open as open_command

    started = []

    class Server(Ended):
        def __init__(self, command, **options):
            started.append((command, options))

    monkeypatch.setattr(open_command.subprocess, "Popen", Server)
    for arguments in (["open"], ["open"], ["open", "0"], ["open", "--author", "6"]):
        assert cli.main([*arguments, "--no-browser"]) == 0
    pages = [next(part for part in command if "default_url" in part).rpartition("tree/")[2] for command, _ in started]
    assert pages == ["work/00_start.ipynb", "work/home.md", "work/00_start.ipynb", "nbs/06_module.ipynb"]
    assert ["--LessonContents.authoring=True" in command for command, _ in started] == [False, False, False, True]
    for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH"):
        assert started[0][1]["env"][name].split(os.pathsep)[0] == str(open_command.JUPYTER)


class Ended:
    """A JupyterLab that ends at once."""

    returncode = 0

    def wait(self) -> int:
        return 0

    def terminate(self) -> None:
        pass


def test_copies_of_the_first_edition_stay_and_are_told_of(course, capsys):
    old = course / "work" / "05_module.ipynb"
    old.parent.mkdir()
    old.write_text(json.dumps(small_notebooks.notebook("mine = 1")), encoding="utf-8")
    before = old.read_bytes()
    for arguments in (["list"], ["update"]):
        assert cli.main(arguments) == 0
        said = capsys.readouterr().out
        assert "work/05_module.ipynb is your copy from the first edition" in said
        assert "the lesson is now 6 and 7" in said
    assert cli.main(["open", "05_module"]) == 2
    assert "now it is 6 and 7" in capsys.readouterr().err
    assert "first edition" in home.home_page()
    with pytest.raises(HTTPError, match=r"work/08_loss\.ipynb"):  # a link in an old copy
        asyncio.run(contents(course).get("work/06_loss.ipynb"))
    assert old.read_bytes() == before
    assert sorted(path.name for path in old.parent.glob("*.ipynb")) == ["05_module.ipynb"]


def test_the_table_of_renamed_lessons_is_in_order():
    """The table of renamed lessons names no lesson twice, and no name that is still one."""
    now = [stem for stems in notebooks.RENAMED.values() for stem in stems]
    assert len(set(now)) == len(now)
    assert not set(notebooks.RENAMED) & {lesson.path.stem for lesson in notebooks.lessons()}


BROKEN = {
    "a conflict": ("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n", "two versions of itself"),
    "no JSON": ("{", "is not a notebook"),
    "no cells": ("{}", "no 'cells' in it"),
    "an empty file": ("", "is not a notebook"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_one_broken_lesson_stops_no_other(course, capsys, fault):
    text, words = BROKEN[fault]
    broken = course / "nbs" / "06_module.ipynb"
    broken.write_text(text, encoding="utf-8")
    assert cli.main(["list"]) == 1
    captured = capsys.readouterr()
    assert "Loss" in captured.out
    assert "06_module.ipynb cannot be read" in captured.out
    assert str(broken) in captured.err
    assert words in captured.err
    assert workbooks.hand_out(notebooks.pick(["8"])[0])
    assert cli.main(["update"]) == 0
    assert "Loss" in home.home_page()
    with pytest.raises(CourseError, match="06_module"):
        workbooks.hand_out(notebooks.pick(["6"])[0])
    assert not (course / "work" / "06_module.ipynb").exists()


def test_a_byte_order_mark_does_no_harm(course, capsys):
    for name in ("06_module", "08_loss"):
        path = course / "nbs" / f"{name}.ipynb"
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert cli.main(["list"]) == 0
    assert workbooks.hand_out(notebooks.pick(["6"])[0])
    assert not (course / "work" / "06_module.ipynb").read_bytes().startswith(b"\xef\xbb\xbf")
    progress.note_hint("my_linear", 1)
    path = progress.progress_file()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert progress.read_progress()["my_linear"].hints == [1]


def test_a_newer_progress_file_is_left_alone(course, capsys):
    path = progress.progress_file()
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"version": 99, "exercises": {}, "more": 1}', encoding="utf-8")
    before = path.read_bytes()
    assert progress.read_progress() == {}
    for _ in range(2):
        progress.note_check("my_linear", "ok", "ok")
    assert path.read_bytes() == before
    assert {other.name for other in path.parent.iterdir()} <= {"progress.json", ".progress.json.lock"}
    said = capsys.readouterr().err
    assert said.count("newer version") == 2  # once that it is not shown, once that it is not kept
    assert "update this checkout" in said


def test_progress_of_exercises_that_are_not_known_here_is_kept(course):
    path = progress.progress_file()
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"version": 1, "exercises": {"of_yore": {"passed": True, "tries": 1}}}), encoding="utf-8")
    progress.note_hint("my_linear", 1)
    assert progress.read_progress()["of_yore"].passed


def test_what_a_killed_program_left_is_tidied_up(course):
    path = progress.progress_file()
    path.parent.mkdir(exist_ok=True)
    for name in (".progress-abc123.unfinished", ".progress-1.unfinished"):
        (path.parent / name).write_text("half", encoding="utf-8")
    progress.note_hint("my_linear", 1)
    assert list(path.parent.glob("*.unfinished")) == []
    assert progress.read_progress()["my_linear"].hints == [1]
