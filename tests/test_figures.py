"""Pictures with words: still ones, moving ones, and the ladder."""

import io
import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest
import torch
from PIL import Image

from lessonlib.figures import COLORS, LADDER, ladder_picture, ladder_svg, moving_picture, picture, stepper, use_style


def line(height: float = 1):
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.plot([0, height])
    return figure


@pytest.fixture(autouse=True)
def no_figure_is_left_open():
    before = plt.get_fignums()  # other tests may have left some
    yield
    assert plt.get_fignums() == before


def test_a_picture_has_words_and_closes_its_figure():
    shown = picture(line(), 'A line that "rises" & < stays.')
    assert 'alt="A line that &quot;rises&quot; &amp; &lt; stays."' in shown._repr_html_()
    assert "A line that" in repr(shown)
    assert Image.open(io.BytesIO(shown.content)).format == "PNG"


@pytest.mark.parametrize("alt", ["", "a line", "   "])
def test_a_picture_without_a_sentence_is_refused(alt):
    figure = line()
    with pytest.raises(ValueError, match="one sentence"):
        picture(figure, alt)
    with pytest.raises(ValueError, match="one sentence"):
        moving_picture([figure], alt)
    plt.close(figure)


def test_the_same_figure_gives_the_same_bytes():
    assert picture(line(), "A line that rises.").content == picture(line(), "A line that rises.").content


def test_a_figure_that_would_be_large_is_drawn_with_fewer_pixels():
    figure, ax = plt.subplots(figsize=(5, 5))
    ax.imshow(torch.rand(400, 400, generator=torch.Generator().manual_seed(1)))
    shown = picture(figure, "Nothing but noise, which no file format makes small.")
    small = picture(line(), "A line that rises.")
    assert Image.open(io.BytesIO(small.content)).width >= 2 * small.width - 1
    assert Image.open(io.BytesIO(shown.content)).width < 2 * shown.width - 2


def test_a_moving_picture_has_a_frame_a_step():
    shown = moving_picture([line(height) for height in (1, 2, 3)], "A line that rises step by step.", seconds=0.5)
    image = Image.open(io.BytesIO(shown.content))
    assert (image.format, image.n_frames, image.info["duration"]) == ("GIF", 3, 500)
    assert "data:image/gif;base64," in shown._repr_html_()
    with pytest.raises(ValueError, match="at least one figure"):
        moving_picture([], "Nothing that anyone can see.")


@pytest.mark.parametrize(("here", "words"), [(None, "Bare Python (no torch)."), (0.5, "You stand before the first rung."),
                                             (3, "You are on rung 3."), (2.5, "from rung 2 to rung 3.")])
def test_the_ladder_says_where_you_are(here, words):
    shown = ladder_picture(here)
    assert shown.alt.endswith(words)
    assert all(name in shown.alt for _, name, _ in LADDER)
    assert len(shown.content) < 40_000
    assert ElementTree.fromstring(ladder_svg(here)).tag.endswith("svg")
    assert ("you are here" in ladder_svg(here)) is (here is not None)


def places(here: float | None) -> dict[str, float]:
    """How far down each block is drawn, by its words."""
    block = r'y="([\d.]+)" font-size="[\d.]+" fill="#\w+" text-anchor="middle">([^<]+)<'
    return {words: float(y) for y, words in re.findall(block, ladder_svg(here))}


def test_what_was_taken_away_falls_off_the_ladder():
    whole = places(None)
    assert list(whole) == ["Sequential", "Linear", "LogSoftmax", "fit", "DataLoader", "NLLLoss", "torch.optim", "@",
                           "autograd", "torch"]
    assert places(1) == whole
    falling = places(3)
    assert all(falling[block] > whole["torch"] for block in ("Sequential", "Linear", "LogSoftmax"))  # on the ground
    assert all(whole[block] < falling[block] < whole["torch.optim"] for block in ("fit", "DataLoader", "NLLLoss"))
    assert all(falling[block] == pytest.approx(whole[block]) for block in ("torch.optim", "@", "autograd", "torch"))


def test_no_block_leaves_the_picture():
    for here in (None, *range(1, 8)):
        assert all(0 < y < 396 for y in places(here).values())


@pytest.mark.parametrize("here", [-1, 8])
def test_there_is_no_such_rung(here):
    with pytest.raises(ValueError, match="expected a rung from 0 to 7"):
        ladder_picture(here)


def test_a_picture_whose_colours_matter_keeps_them_in_a_dark_theme():
    assert 'class="ll-pixels"' in picture(line(), "A line that rises.")._repr_html_()
    assert 'class="ll-photo"' in picture(line(), "A line that rises.", recolour=False)._repr_html_()


def steps(n: int, **options):
    return stepper([line(height) for height in range(1, n + 1)], [f"A line that rises to {n}." for n in range(1, n + 1)],
                   "a line that rises", **options)


def test_a_stepper_has_a_frame_with_words_for_each_step():
    page = steps(5, labels=["one", "two", "three", "four", "<five>"])._repr_html_()
    assert re.findall(r'alt="([^"]+)"', page) == [f"A line that rises to {n}." for n in range(1, 6)]
    assert re.findall(r'data-label="([^"]+)"', page) == ["one", "two", "three", "four", "&lt;five&gt;"]
    # Without scripts: first, middle and last stand side by side, and no control is seen.
    assert [" hidden" in tag for tag in re.findall(r'<figure class="ll-frame"[^>]*>', page)] == [False, True, False, True, False]
    assert '<div class="ll-controls" hidden>' in page
    assert page == steps(5, labels=["one", "two", "three", "four", "<five>"])._repr_html_()  # the same every run


def test_frames_of_a_stepper_are_of_one_size():
    assert len({Image.open(io.BytesIO(frame.content)).size for frame in steps(4).frames}) == 1


@pytest.mark.parametrize(("n", "options", "words"), [
    (1, {}, "at least two figures"), (3, {"labels": ["a", "b"]}, "a label for each of 3"), (3, {"keep": [3]}, "from 0 to 2")])
def test_a_stepper_says_what_it_needs(n, options, words):
    before = set(plt.get_fignums())
    with pytest.raises(ValueError, match=words):
        steps(n, **options)
    for number in set(plt.get_fignums()) - before:
        plt.close(number)


def test_the_style_of_the_lessons_is_asked_for():
    with plt.rc_context():
        use_style()
        assert not plt.rcParams["axes.spines.top"]
        assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == list(COLORS)


def test_who_imports_the_pictures_does_not_wait_for_matplotlib():
    code = "import sys, lessonlib.figures; assert not {'matplotlib', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_colours_differ_in_grey_print():
    greys = sorted(0.299 * int(c[1:3], 16) + 0.587 * int(c[3:5], 16) + 0.114 * int(c[5:7], 16) for c in COLORS)
    assert min(b - a for a, b in pairwise(greys)) > 20  # of 255


def test_pictures_of_stand_ins_are_signed(monkeypatch):
    from lessonlib import data, figures
    from lessonlib.figures import display

    drawn = torch.zeros(70_000, 28, 28, dtype=torch.uint8), torch.arange(70_000) % 10
    monkeypatch.setattr(data, "handwritten", lambda: drawn)
    monkeypatch.setattr(data, "find_digits", lambda path, source: None)
    monkeypatch.setattr(display, "_caption", "")
    plain = picture(line(), "A line that rises.").content
    data.load_digits()
    signed = picture(line(), "A line that rises.")
    assert Image.open(io.BytesIO(signed.content)).height > Image.open(io.BytesIO(plain)).height
    assert display.caption() == "built-in digits, not MNIST"
    figures.set_caption("")
    assert picture(line(), "A line that rises.").content == plain
