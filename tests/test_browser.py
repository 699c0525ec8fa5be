"""What a reader sees: JupyterLab on lesson one, in a real browser, after Run All."""

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
from pathlib import Path

import pytest

from lessonlib.course import lab

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def test_the_server_listens_on_this_machine_only_and_keeps_its_token(root, monkeypatch):
    command = lab.lab_command(root, root / "nbs" / "05_module.ipynb", no_browser=True, port=1234)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--LabApp.default_url=/lab/tree/nbs/05_module.ipynb" in command
    assert not any("token" in part or "password" in part for part in command)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert "--allow-root" not in lab.lab_command(root, root / "nbs" / "00_start.ipynb")
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert "--allow-root" in lab.lab_command(root, root / "nbs" / "00_start.ipynb")


def test_settings_of_the_reader_are_left_alone(tmp_path):
    lab.write_settings(tmp_path)
    [path] = tmp_path.rglob("overrides.json")
    assert "fetchNews" in path.read_text(encoding="utf-8")
    path.write_text("{}", encoding="utf-8")
    lab.write_settings(tmp_path)
    assert path.read_text(encoding="utf-8") == "{}"


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    """`lessons open` on a free port; gives the address with its token."""
    if os.name == "nt":
        pytest.skip("started and ended in the way of POSIX")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("lab")
    log = folder / "log"
    environment = {**os.environ, "JUPYTERLAB_WORKSPACES_DIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder / "run"),
                   "IPYTHONDIR": str(folder / "ipython")}
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, "-m", "lessonlib.course", "open", "0", "--no-browser", "--port",
                                    str(port)], cwd=root, stdout=out, stderr=out, env=environment,
                                   start_new_session=True)
    try:
        deadline = time.monotonic() + 90
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


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt install chromium)")
def test_lesson_one_runs_in_jupyterlab(server, root):
    """Open it, Run All, and look at every output. The notebook is not saved."""
    playwright = pytest.importorskip("playwright.sync_api")
    shots = Path(os.environ["LESSONLIB_SCREENSHOTS"]) if os.environ.get("LESSONLIB_SCREENSHOTS") else None
    before = (root / "nbs" / "00_start.ipynb").read_bytes()
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.goto(server)
        page.wait_for_selector('.jp-NotebookPanel-toolbar', timeout=90_000)
        page.wait_for_function("document.querySelector('.jp-KernelName')?.textContent.includes('Python 3')",
                               timeout=90_000)
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=90_000)
        assert page.locator(".jp-Dialog").count() == 0  # nothing asks the reader anything
        page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
        n_code = page.evaluate("document.querySelectorAll('.jp-CodeCell').length")
        assert n_code > 0
        page.wait_for_function(
            """() => { const s = document.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status;
               return s === 'idle' && ![...document.querySelectorAll('.jp-InputPrompt')].some(
                   e => e.textContent.includes('[*]')); }""", timeout=120_000)
        page.wait_for_timeout(1000)
        if shots:
            page.screenshot(path=shots / "lesson-one-end.png")
            page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)")
            page.wait_for_timeout(1000)
            page.screenshot(path=shots / "lesson-one.png")
        assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"] >> text=Traceback').count() == 0
        assert page.locator('.jp-RenderedText[data-mime-type="application/vnd.jupyter.error"]').count() == 0
        pictures = page.locator(".jp-OutputArea img")
        assert pictures.count() > 0
        assert all(len(pictures.nth(n).get_attribute("alt") or "") > 10 for n in range(pictures.count()))
        browser.close()
    assert (root / "nbs" / "00_start.ipynb").read_bytes() == before
