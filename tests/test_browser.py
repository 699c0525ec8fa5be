"""What a reader sees: JupyterLab in a real browser, a lesson after Run All, an exercise from wrong to right."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from lessonlib.course.commands import open as open_command
from lessonlib.course.editions import edition
from lessonlib.course.exercises import solution
from lessonlib.course.notebooks import Lesson, read_notebook
from lessonlib.pad import NO_BROWSER

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
need_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt install chromium)")
# Of paragraphs: how many characters are on a full line, by the width of an average one.
LONGEST_LINE = """paragraphs => Math.max(...paragraphs.filter(p => p.textContent.length > 200).map(p =>
    p.textContent.length / (p.getBoundingClientRect().height / parseFloat(getComputedStyle(p).lineHeight))))"""
WRONG = """class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = torch.randn(n_in, n_out) / n_in
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias
"""
THREE_FRAMES = """import matplotlib.pyplot as plt
from lessonlib.figures import stepper

frames = [plt.figure(figsize=(1, 1)) for _ in range(3)]
stepper(frames, ["An empty frame, the first.", "The second frame.", "The third frame."], "three empty frames")
"""


def test_the_server_listens_on_this_machine_only_and_keeps_its_token(root, monkeypatch):
    command = open_command.lab_command(root, root / "nbs" / "06_module.ipynb", no_browser=True, port=1234)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--LabApp.default_url=/lab/tree/nbs/06_module.ipynb" in command
    assert not any("token" in part or "password" in part for part in command)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert "--allow-root" not in open_command.lab_command(root, root / "nbs" / "00_start.ipynb")
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert "--allow-root" in open_command.lab_command(root, root / "nbs" / "00_start.ipynb")


@pytest.fixture(scope="module")
def course(root, tmp_path_factory) -> Path:
    """A copy of the checkout, so that nobody's own copies and progress are touched."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copy(root / "settings.ini", folder)
    for name in ("nbs", "lessonlib", "docs"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb*"))
    return folder


def environment(course: Path) -> dict[str, str]:
    """With which the copy is used, and not the checkout that is installed; and there is somebody who could draw."""
    mine = {"PYTHONPATH": str(course), "JUPYTERLAB_WORKSPACES_DIR": str(course / "spaces"), "PYTHONIOENCODING": "utf-8",
            "JUPYTER_RUNTIME_DIR": str(course / "run"), "IPYTHONDIR": str(course / "ipython"),
            "JUPYTER_DATA_DIR": str(course / "data"), "JUPYTERLAB_SETTINGS_DIR": str(course / "settings")}
    kept = {name: value for name, value in os.environ.items() if name not in ("LESSONLIB_PROGRESS", NO_BROWSER)}
    return {**kept, **mine}


@pytest.fixture(scope="module")
def server(course):
    """`lessons open` on a free port; gives the address with its token."""
    if os.name == "nt":
        pytest.skip("started and ended in the way of POSIX")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = course / "log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, "-m", "lessonlib.course", "open", "0", "--no-browser", "--port",
                                    str(port)], cwd=course, stdout=out, stderr=out, env=environment(course),
                                   start_new_session=True)
    try:
        deadline = time.monotonic() + 600
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+\?token=\w+",
                                      log.read_text(encoding="utf-8"))):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.2)
        yield found.group()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def test_without_the_token_nobody_gets_in(server):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(re.sub(r"/lab/.*", "/api/contents", server), timeout=30)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def opened(browser, address: str):
    """A page of a real browser, on a notebook whose kernel is ready."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(address)
    page.wait_for_selector(".jp-NotebookPanel-toolbar", timeout=300_000)
    page.wait_for_function("document.querySelector('.jp-KernelName')?.textContent.includes('Python 3')",
                           timeout=300_000)
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=300_000)
    assert page.locator(".jp-Dialog").count() == 0  # nothing asks the reader anything
    yield page
    page.close()


def run_all(page) -> None:
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
    page.wait_for_timeout(500)
    page.wait_for_function(
        """() => { const s = document.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status;
           return s === 'idle' && ![...document.querySelectorAll('.jp-InputPrompt')].some(
               e => e.textContent.includes('[*]')); }""", timeout=300_000)
    page.wait_for_timeout(1000)


def shoot(page, name: str) -> None:
    if os.environ.get("LESSONLIB_SCREENSHOTS"):
        page.wait_for_timeout(500)
        page.screenshot(path=Path(os.environ["LESSONLIB_SCREENSHOTS"], f"{name}.png"))


def draw_a_one(page) -> None:
    """Draw one stroke on the pad, from top to bottom; the kernel must answer."""
    pad = page.locator(".ll-pad").first
    pad.scroll_into_view_if_needed()
    pad.get_by_role("button", name="Clear").click()
    assert pad.locator(".ll-pad-bars").get_attribute("aria-label") is None
    box = pad.locator("canvas").first.bounding_box()
    x, y, side = box["x"] + box["width"] / 2, box["y"], box["height"]
    page.mouse.move(x, y + 0.2 * side)
    page.mouse.down()
    page.mouse.move(x, y + 0.8 * side, steps=8)
    page.mouse.up()
    pad.locator(".ll-pad-said", has_text="It reads a 1").wait_for(timeout=60_000)


def step_by_keyboard(page) -> None:
    """The arrow keys belong to a stepper's slider, and not to JupyterLab, which would go to another cell."""
    type_and_run(page, "drawing_pad(read", THREE_FRAMES)
    box = page.locator(".ll-stepper").first
    slider, place = box.get_by_label("step", exact=True), box.locator("output")
    slider.click()
    for key, n in (("Home", 1), ("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        page.keyboard.press(key)
        place.get_by_text(f"{n} of 3").wait_for(timeout=60_000)
        assert page.evaluate("document.activeElement.tagName") == "INPUT"


@need_chromium
def test_lesson_one_runs_in_jupyterlab(browser, server, course):
    """Open it, Run All, and look at every output."""
    source = (course / "nbs" / "00_start.ipynb").read_bytes()
    with opened(browser, server) as page:
        assert page.evaluate("document.querySelectorAll('.jp-CodeCell').length") > 0
        run_all(page)
        shoot(page, "lesson-one-end")
        page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)")
        shoot(page, "lesson-one")
        assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"] >> text=Traceback').count() == 0
        assert page.locator('.jp-RenderedText[data-mime-type="application/vnd.jupyter.error"]').count() == 0
        pictures = page.locator(".jp-OutputArea img")
        assert pictures.count() > 0
        assert all(len(pictures.nth(n).get_attribute("alt") or "") > 10 for n in range(pictures.count()))
        draw_a_one(page)
        shoot(page, "lesson-one-drawn")
        step_by_keyboard(page)
    assert (course / "nbs" / "00_start.ipynb").read_bytes() == source


@need_chromium
def test_first_screen_home_glossary_and_source(browser, server, course):
    """What a reader may click on ends in work/; what is shown first on a small screen is the ladder."""
    source = (course / "nbs" / "00_start.ipynb").read_bytes()

    def address(place: str, workspace: str) -> str:
        return re.sub(r"/lab/tree/[^?]+", f"/lab/workspaces/{workspace}/tree/{place}", server)

    def wait_for_tab(name: str) -> None:
        current = page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel", has_text=re.compile(f"^{name}$"))
        current.wait_for(timeout=300_000)

    with opened(browser, address("work/00_start.ipynb", "first")) as page:
        page.set_viewport_size({"width": 1366, "height": 768})
        ladder = page.locator('img[alt^="A ladder of seven rungs"]').first
        ladder.wait_for()
        box = ladder.bounding_box()
        assert box["y"] > 0
        assert box["y"] + box["height"] <= 768, box
        assert page.locator(".jp-CodeCell", has=ladder).locator(".jp-InputPlaceholder").is_hidden()
        assert page.locator(".jp-mod-dirty").count() == 0  # opening alone changes nothing
        longest = page.locator(".jp-MarkdownOutput p").evaluate_all(LONGEST_LINE)
        assert 55 <= longest <= 85
        shoot(page, "first-screen")

        page.goto(address("work/home.md", "home"))
        page.locator(".ll-go", has_text="Start here").wait_for(timeout=300_000)
        shoot(page, "home")
        page.locator(".ll-lesson a", has_text="Tensors").click()
        wait_for_tab("02_tensors.ipynb")
        page.locator(".jp-MarkdownOutput a[href*='glossary.md']").first.click()
        wait_for_tab("glossary.md")
        page.locator(".jp-MarkdownViewer a", has_text=re.compile("^lesson 4$")).first.click()
        wait_for_tab("04_baseline.ipynb")
        assert {path.name for path in (course / "work").glob("*.ipynb")} >= {"02_tensors.ipynb", "04_baseline.ipynb"}

        page.goto(address("nbs/00_start.ipynb", "source"))
        page.locator(".Toastify__toast", has_text="read-only").wait_for(timeout=300_000)
        assert page.locator(".jp-NotebookPanel-toolbar", has_text="read-only").count() == 1
        shoot(page, "source")
        page.get_by_role("button", name="Open my copy").click()
        shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        shown.locator(".jp-NotebookPanel-toolbar:not(:has-text('read-only'))").wait_for(timeout=300_000)
    assert (course / "nbs" / "00_start.ipynb").read_bytes() == source
    settings = json.load(urllib.request.urlopen(re.sub(
        r"/lab/tree/[^?]+", "/lab/api/settings/@jupyterlab/docmanager-extension:plugin", server), timeout=30))
    assert settings["schema"]["properties"]["autosaveInterval"]["default"] == 10


def type_and_run(page, holds: str, text: str | None = None):
    """Run the code cell that holds some words, with `text` in their place; gives the cell, which keeps its place."""
    cell = page.locator(".jp-CodeCell", has_text=holds).last
    cell.scroll_into_view_if_needed()
    place = page.locator(".jp-Cell").evaluate_all("(all, one) => all.indexOf(one)", cell.element_handle())
    cell = page.locator(".jp-Cell").nth(place)
    assert page.locator(".jp-Dialog").count() == 0, page.locator(".jp-Dialog").inner_text()
    cell.locator(".cm-content").click()
    if text is not None:
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.insert_text(text)
    page.keyboard.press("ControlOrMeta+Enter")
    page.wait_for_timeout(300)
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=300_000)
    return cell


@need_chromium
def test_an_exercise_from_wrong_to_right(browser, server, course):
    """What the reader does with MyLinear: not tried, wrong, a hint, right; then progress, and on to the next lesson."""
    command = [sys.executable, "-m", "lessonlib.course"]
    before = (course / "nbs" / "06_module.ipynb").read_bytes()
    address = server.replace("/lab/tree/work/00_start", "/lab/workspaces/exercise/tree/work/06_module")
    with opened(browser, address) as page:  # in a workspace of its own, or the lesson of the test above is opened as well
        type_and_run(page, "your code here: a weight and a bias")  # nothing else of the lesson has run
        check = 'check("my_linear", MyLinear)'
        verdict = type_and_run(page, check).locator("[role=status]")
        verdict.get_by_text("Not tried yet").wait_for()
        type_and_run(page, "your code here: a weight and a bias", WRONG)
        cell = type_and_run(page, check)
        cell.get_by_text("Not yet").wait_for()
        assert "Parameter" in cell.locator("[role=status]").inner_text()
        shoot(page, "exercise-wrong")
        cell = type_and_run(page, check, 'hint("my_linear", 2)')
        cell.get_by_text("nn.Parameter(...)").first.wait_for()
        shoot(page, "exercise-hint")
        type_and_run(page, 'hint("my_linear", 2)', check)
        type_and_run(page, "self.weight = torch.randn", solution("my_linear"))
        cell = type_and_run(page, check)
        cell.get_by_text("Right").wait_for()
        shoot(page, "exercise-right")
        page.keyboard.press("ControlOrMeta+S")
        page.wait_for_timeout(1000)
        assert not (course / "work" / "07_softmax.ipynb").exists()
        link = page.locator(".jp-MarkdownOutput a", has_text=re.compile("^lesson 7$")).last
        link.scroll_into_view_if_needed()
        link.click()
        page.locator(".lm-TabBar-tabLabel", has_text="07_softmax.ipynb").wait_for(timeout=300_000)
    handed_out = (course / "work" / "07_softmax.ipynb").read_text(encoding="utf-8")
    assert handed_out == edition(Lesson(course / "nbs" / "07_softmax.ipynb"))
    saved = ["".join(cell["source"]) for cell in read_notebook(course / "work" / "06_module.ipynb")["cells"]]
    assert solution("my_linear").strip() in [source.strip() for source in saved]  # as it was typed
    assert (course / "nbs" / "06_module.ipynb").read_bytes() == before
    listed = subprocess.run([*command, "list"], cwd=course, env=environment(course), capture_output=True, text=True,
                            encoding="utf-8", check=True).stdout
    assert re.search(r"1 of \d+ passed, 1 hint", listed)
