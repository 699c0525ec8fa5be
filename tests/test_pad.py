"""The drawing pad: centred as MNIST is, drawn on with mouse and keyboard, and what it says when something does not fit."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from lessonlib import pad
from lessonlib.figures import Picture
from lessonlib.files.photos import as_in_mnist
from lessonlib.pad import NO_BROWSER, drawing_pad
from lessonlib.pad.probabilities import ten_probs

HERE = Path(pad.__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def drawn(*lines: tuple[float, float, float, float], side: int = 280, width: float = 11) -> np.ndarray:
    """Ink along straight lines, from 0 to 1, with soft edges."""
    y, x = np.mgrid[0:side, 0:side].astype(float)
    ink = np.zeros((side, side))
    for x0, y0, x1, y1 in lines:
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
        away = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
        ink = np.maximum(ink, np.clip(width - away + 0.5, 0, 1))
    return ink


DRAWINGS = {"a one in a corner": drawn((30, 20, 34, 90)), "a seven": drawn((60, 60, 200, 70), (200, 70, 110, 230)),
            "lying": drawn((40, 140, 250, 150)), "a dot": drawn((140, 140, 141, 140))}


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the pad's JavaScript here, and is not installed")
def test_a_drawing_is_centred_in_the_page_as_it_is_in_python(tmp_path):
    (tmp_path / "drawings.json").write_text(json.dumps([[round(v, 4) for v in ink.flatten()] for ink in DRAWINGS.values()]))
    shutil.copy(HERE / "pad.js", tmp_path / "pad.mjs")
    (tmp_path / "run.mjs").write_text(
        'import { asInMnist } from "./pad.mjs"; import { readFileSync } from "node:fs";\n'
        'const all = JSON.parse(readFileSync("drawings.json"));\n'
        "console.log(JSON.stringify([...all.map((ink) => [...asInMnist(ink, 280, 280)]), asInMnist([0, 0, 0, 0], 2, 2)]));")
    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    *page, nothing = json.loads(done.stdout)
    assert nothing is None
    for name, ink, pixels in zip(DRAWINGS, DRAWINGS.values(), page, strict=True):
        here = as_in_mnist(ink).astype(int).flatten()
        assert np.abs(here - pixels).max() <= 2, name


def test_without_a_browser_the_example_answers_as_a_picture(monkeypatch):
    monkeypatch.setenv(NO_BROWSER, "1")
    example = torch.zeros(28, 28, dtype=torch.uint8)
    shown = drawing_pad(lambda image: torch.tensor([0.0, 0.0, 0.75, *[0.25 / 7] * 7]), example)
    assert isinstance(shown, Picture)
    assert "the longest, 75 %, belongs to 2" in shown.alt


@pytest.mark.parametrize(("answer", "words"), [
    (torch.full((10,), 0.1).log(), "log-probabilities"), (torch.ones(9) / 9, r"shape \(9,\)"),
    (torch.full((10,), float("nan")), "sum to 1"), (torch.arange(10.0), "sum to 1")])
def test_what_is_no_ten_probabilities_is_told(answer, words):
    with pytest.raises(ValueError, match=words):
        ten_probs(answer)


def test_an_example_that_is_no_digit_is_told():
    with pytest.raises(ValueError, match="uint8"):
        drawing_pad(lambda image: torch.ones(10) / 10, torch.zeros(28, 28))


def test_the_widget_answers_and_tells_errors():
    pytest.importorskip("anywidget")
    from lessonlib.pad.widget import Pad

    seen = []

    def read(image):
        seen.append(image.clone())
        if len(seen) > 1:
            raise RuntimeError("the model is gone")
        return torch.eye(10)[4]

    pad = Pad(read, torch.zeros(28, 28, dtype=torch.uint8), [0.1] * 10)
    pad.pixels = bytes(range(256)) * 3 + bytes(16)
    assert pad.answer["probs"][4] == pytest.approx(1)
    assert (seen[0].shape, seen[0].dtype, int(seen[0][1, 0])) == ((28, 28), torch.uint8, 28)
    pad.set_state({"pixels": memoryview(bytes(784))})  # as a browser's message brings them
    assert pad.answer == {"error": "RuntimeError: the model is gone"}


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_it_is_drawn_on_with_mouse_and_keyboard(tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    script = Path(HERE, "pad.js").read_text(encoding="utf-8")
    looks = Path(HERE, "pad.css").read_text(encoding="utf-8")
    page_text = (f"<style>{looks}</style><div id=here></div><script type=module>{script}\n"
                 "window.asked = []; mount(document.getElementById('here'), {read: (digit) => { window.asked.push([...digit]);"
                 "return Array.from({length: 10}, (_, i) => i === 7 ? 0.91 : 0.01); }});</script>")
    (tmp_path / "pad.html").write_text(f"<!doctype html><meta charset=utf-8>{page_text}", encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((tmp_path / "pad.html").as_uri())
        box = page.locator("canvas").first.bounding_box()
        page.mouse.move(box["x"] + 30, box["y"] + 30)
        page.mouse.down()
        page.mouse.move(box["x"] + 35, box["y"] + 100, steps=5)
        page.mouse.up()
        assert "It reads a 7, with 91 %." in page.locator(".ll-pad-said").inner_text()
        digit = np.array(page.evaluate("window.asked[0]")).reshape(28, 28)
        middle = (digit.sum(1) * np.arange(28)).sum() / digit.sum()
        assert digit.max() == 255
        assert middle == pytest.approx(14, abs=0.6)  # drawn in a corner, centred as MNIST is
        page.get_by_role("button", name="Clear").click()
        assert page.locator(".ll-pad-said").inner_text() == ""
        page.locator("canvas").first.focus()
        page.keyboard.press("Space")
        for key in ["ArrowDown"] * 8:
            page.keyboard.press(key)
        page.keyboard.press("Space")
        assert len(page.evaluate("window.asked")) == 2
        assert np.array(page.evaluate("window.asked[1]")).max() == 255
        assert page.get_by_role("img").get_attribute("aria-label").startswith("0: 1 %")
        page.screenshot(path=str(tmp_path / "pad.png"))
        browser.close()
