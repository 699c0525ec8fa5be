"""Running notebooks and storing their outputs; tried on small notebooks made here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_notebooks import notebook

from lessonlib.course import notebooks
from lessonlib.course.commands import export, run
from lessonlib.course.commands import test as test_command
from lessonlib.course.notebooks import Lesson
from lessonlib.course.terminal import CourseError
from lessonlib.figures import Picture


@pytest.fixture(autouse=True)
def quiet():
    notebooks.quiet_kernels()


def lesson(folder: Path, *cells: str, **metadata: dict) -> Lesson:
    """A lesson of code cells; one that begins with `measured:` gets that tag."""
    path = folder / "00_tried.ipynb"
    path.write_text(notebooks.cleaned(notebook(*cells, **metadata)), encoding="utf-8")
    return reread(path)


def reread(path: Path) -> Lesson:
    return Lesson(path, json.loads(path.read_text(encoding="utf-8")))


def outputs(lesson: Lesson) -> list[str]:
    return ["".join("".join(o.get("text", "") or o["data"]["text/plain"]) for o in cell["outputs"])
            for cell in lesson.nb["cells"]]


def run_and_save(path: Path) -> bool:
    before = reread(path)
    return run.save(before, notebooks.execute(before, timeout=600))


def test_outputs_are_stored_and_an_unchanged_notebook_stays_as_it_is(tmp_path):
    path = lesson(tmp_path, "print('one')\nprint('two')", "1 + 1", "measured:import time; time.perf_counter_ns()",
                  "object()").path
    assert run_and_save(path)
    first = path.read_bytes()
    assert outputs(reread(path))[:2] == ["one\ntwo\n", "2"]
    assert "0x" not in outputs(reread(path))[3]  # no memory address
    assert b'"execution_count": 1' not in first
    assert not run_and_save(path)
    assert path.read_bytes() == first
    assert test_command.output_problems(reread(path)) == []


def test_a_measured_cell_is_measured_anew_when_its_code_changes(tmp_path):
    path = lesson(tmp_path, "measured:import time; time.perf_counter_ns()", "1").path
    run_and_save(path)
    kept = outputs(reread(path))
    nb = json.loads(path.read_text(encoding="utf-8"))
    nb["cells"][1]["source"] = ["2"]
    path.write_text(json.dumps(nb), encoding="utf-8")
    assert "its code changed since its outputs were stored" in test_command.output_problems(reread(path))
    run_and_save(path)
    assert outputs(reread(path)) == [kept[0], "2"]
    nb["cells"][0]["source"] = ["import time\n", "time.perf_counter_ns()"]
    path.write_text(json.dumps(nb), encoding="utf-8")
    run_and_save(path)
    assert outputs(reread(path))[0] != kept[0]


def test_each_notebook_gets_a_fresh_kernel_in_its_own_folder(tmp_path):
    path = lesson(tmp_path, "import decimal, os; print(os.getcwd()); ('x' in globals(), decimal.getcontext().prec)", "x = 1",
                  "decimal.getcontext().prec = 7").path
    for _ in range(2):
        run_and_save(path)
        assert outputs(reread(path))[0] == f"{tmp_path}\n(False, 28)"


def test_the_directives_of_nbdev_are_obeyed(tmp_path):
    path = lesson(tmp_path, "#| eval: false\n1/0", "#| slow\n1/0", "#| gpu\n1/0", "'ran'").path
    run_and_save(path)
    assert outputs(reread(path)) == ["", "", "", "'ran'"]
    assert all(not cell["metadata"] for cell in reread(path).nb["cells"])


def test_what_is_stored_of_a_slow_cell_was_made_with_the_rest(tmp_path):
    tried = lesson(tmp_path, "a = 1", "#| slow\na + 1", "#| gpu\n1/0")
    assert [cell["outputs"] for cell in notebooks.execute(tried, timeout=600)["cells"]] == [[], [], []]
    stored = notebooks.execute(tried, timeout=600, slow=True)["cells"]
    assert stored[1]["outputs"][0]["data"]["text/plain"] == ["2"]


def test_a_cell_that_fails_is_shown_and_nothing_is_stored(tmp_path):
    tried = lesson(tmp_path, "a = 1", "a / 0")
    before = tried.path.read_bytes()
    with pytest.raises(CourseError, match=r"(?s)00_tried\.ipynb failed.*a / 0.*ZeroDivisionError"):
        notebooks.execute(tried, timeout=600)
    assert tried.path.read_bytes() == before


def test_nothing_is_stored_of_a_progress_bar(tmp_path):
    """Else outputs would depend on how busy the machine was: a bar comes after two seconds."""
    pytest.importorskip("ipywidgets")
    tried = lesson(tmp_path, "from tqdm.auto import tqdm\nfor n in tqdm(range(2), leave=False):\n    pass\nn")
    nb = notebooks.execute(tried, timeout=600)
    assert [output["data"] for output in nb["cells"][0]["outputs"]] == [{"text/plain": ["1"]}]
    assert "widgets" not in nb["metadata"]


def test_a_cell_that_never_ends_is_stopped(tmp_path):
    with pytest.raises(CourseError, match="longer than 1 seconds"):
        notebooks.execute(lesson(tmp_path, "while True: pass"), timeout=1)


def test_a_kernel_that_dies_is_reported(tmp_path):
    with pytest.raises(CourseError, match="died"):
        notebooks.execute(lesson(tmp_path, "import os; os._exit(1)"), timeout=600)


def picture_cell(html: str) -> dict:
    return {"cells": [{"cell_type": "code", "id": "a", "source": [], "metadata": {}, "outputs": [
        {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}]}]}


def test_pictures_without_words_and_too_large_ones_are_found(tmp_path):
    found = lesson(tmp_path, "1")
    for html, problem in ((Picture(b"x" * 10, "A line that falls.", 10)._repr_html_(), None),
                          (Picture(b"x" * 50_000, "A line that falls.", 10)._repr_html_(), "50,000 bytes"),
                          ('<img src="x.png">', "without alt text"), ('<img alt="" src="x.png">', "without alt text")):
        nb = {**picture_cell(html), "metadata": {}}
        nb["metadata"]["lessonlib"] = {notebooks.STAMP: notebooks.code_hash(nb)}
        problems = test_command.output_problems(Lesson(found.path, nb))
        assert (problems == []) if problem is None else (len(problems) == 1 and problem in problems[0])


def test_stored_errors_and_bare_pngs_are_found(tmp_path):
    found = lesson(tmp_path, "1")
    nb = {"metadata": {}, "cells": [{"cell_type": "code", "id": "a", "source": [], "metadata": {}, "outputs": [
        {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []},
        {"output_type": "display_data", "data": {"image/png": "x"}, "metadata": {}}]}]}
    problems = "\n".join(test_command.output_problems(Lesson(found.path, nb)))
    for problem in ("never stored", "stored error (ValueError)", "without alt text"):
        assert problem in problems


def test_save_needs_the_real_mnist_where_digits_are_loaded(monkeypatch, tmp_path, capsys):
    """Played in the kernel: a machine on which MNIST lies nowhere."""
    from lessonlib.course import cli

    nowhere = "import lessonlib.files as files\nfiles.places = lambda path=None: []"
    with_digits = lesson(tmp_path, nowhere, "from lessonlib.data import load_digits\nload_digits()")
    (tmp_path / "other").mkdir()
    without = lesson(tmp_path / "other", nowhere, "6 * 7")
    monkeypatch.setattr(run, "pick", lambda numbers: [with_digits, without])
    monkeypatch.setenv("LESSONLIB_NO_STAND_IN", "0")  # what `run` sets is taken back
    monkeypatch.delenv("LESSONLIB_DATA", raising=False)
    before = with_digits.path.read_bytes()
    assert run.run_verb(cli.parse(["run", "--save", "--timeout", "600"])) == 1
    assert "DataNotFound: MNIST was found in none of these places" in notebooks.plain(capsys.readouterr().err)
    assert with_digits.path.read_bytes() == before
    assert outputs(reread(without.path)) == ["", "42"]


def test_modules_out_of_step_are_found(monkeypatch, root, tmp_path):
    """A module edited by hand, one without a notebook, and one that is missing."""
    import shutil

    copy = tmp_path / "copy"
    (copy / "nbs").mkdir(parents=True)
    (copy / "lessonlib").mkdir()
    shutil.copy(root / "settings.ini", copy)
    for name in ("06_module", "08_loss"):
        shutil.copy(root / "nbs" / f"{name}.ipynb", copy / "nbs")
    for name in ("__init__.py", "layers.py"):
        shutil.copy(root / "lessonlib" / name, copy / "lessonlib")
    (copy / "lessonlib" / "layers.py").open("a", encoding="utf-8").write("# by hand\n")
    (copy / "lessonlib" / "stray.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(test_command, "need_checkout", lambda: copy)
    found = test_command.modules_in_step()
    assert "lessonlib/layers.py differs from its notebook" in found
    assert "lessonlib/losses.py is missing" in found
    assert "lessonlib/stray.py is made by no notebook" in found


def test_what_nbdev_prepare_leaves_is_removed_and_never_committed(root, tmp_path):
    (tmp_path / "nbs").mkdir()
    (tmp_path / "settings.ini").write_bytes((root / "settings.ini").read_bytes())
    code = "from nbdev.quarto import refresh_quarto_yml; refresh_quarto_yml()"  # the step of nbdev_prepare that writes them
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    left = {path.name for path in (tmp_path / "nbs").iterdir()}
    assert left, "nbdev leaves nothing any more: remove_strays can go"
    export.remove_strays(tmp_path)
    assert not list((tmp_path / "nbs").iterdir())
    assert {f"nbs/{name}" for name in left} <= set((root / ".gitignore").read_text(encoding="utf-8").splitlines())


def test_a_lesson_knows_the_modules_that_it_begins_and_continues(tmp_path):
    first = lesson(tmp_path, "#| default_exp one", "#| export\na = 1", "#| export two\nb = 1", "#| exporti two\nc = 1",
                   "#| export one\nd = 1", "#| hide\nexport = 'three'")
    assert (first.module, first.continues, first.modules) == ("one", ["two"], ["one", "two"])
    only_continues = lesson(tmp_path, "#|export two", "1 + 1")
    assert (only_continues.module, only_continues.modules) == ("", ["two"])
    assert lesson(tmp_path, "# export two", "1 + 1").modules == []


def test_a_module_that_two_notebooks_write_is_in_order(tmp_path):
    """The second adds to what the first began, and the module is a file like any other."""
    (tmp_path / "nbs").mkdir()
    (tmp_path / "lessonlib").mkdir()
    (tmp_path / "lessonlib" / "__init__.py").write_text('__version__ = "0"\n', encoding="utf-8")
    (tmp_path / "settings.ini").write_bytes((notebooks.need_checkout() / "settings.ini").read_bytes())
    long = [f"a_rather_long_name_number_{n}" for n in range(6)]
    for name, cells in {"00_begins": ["#| default_exp both", "#| export\n" + "\n".join(f"{word} = 1" for word in long)],
                        "01_continues": ["#| default_exp other", "#| export\nhere = 1", "#| export both\nlast = 2"]}.items():
        text = notebooks.cleaned(notebook(*cells, title="Tried"))
        (tmp_path / "nbs" / f"{name}.ipynb").write_text(text, encoding="utf-8")
    for _ in range(2):  # nothing is added twice
        export.export(tmp_path)
        module = (tmp_path / "lessonlib" / "both.py").read_text(encoding="utf-8")
        assert module.endswith("\nlast = 2\n")
        assert module.count("last = 2") == 1
        assert max(map(len, module.splitlines())) <= 120
        names: dict = {}
        exec(module, names)
        assert names["__all__"] == [*long, "last"]
    assert "here = 1" in (tmp_path / "lessonlib" / "other.py").read_text(encoding="utf-8")
