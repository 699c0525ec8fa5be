"""Pictures with words: still ones, moving ones, and the ladder."""

import io
from itertools import pairwise

import matplotlib.pyplot as plt
import pytest
import torch
from PIL import Image

from lessonlib.figures import COLORS, LADDER, ladder_picture, moving_picture, picture


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


@pytest.mark.parametrize("here", [-1, 8])
def test_there_is_no_such_rung(here):
    with pytest.raises(ValueError, match="expected a rung from 0 to 7"):
        ladder_picture(here)


def test_colours_differ_in_grey_print():
    greys = sorted(0.299 * int(c[1:3], 16) + 0.587 * int(c[3:5], 16) + 0.114 * int(c[5:7], 16) for c in COLORS)
    assert min(b - a for a, b in pairwise(greys)) > 20  # of 255


def test_pictures_of_stand_ins_are_signed(monkeypatch):
    from lessonlib import data, figures, files

    drawn = torch.zeros(70_000, 28, 28, dtype=torch.uint8), torch.arange(70_000) % 10
    monkeypatch.setattr(data, "handwritten", lambda: drawn)
    monkeypatch.setattr(data, "find_mnist", lambda path, yours: None)
    monkeypatch.setattr(files, "say", print)
    monkeypatch.setattr(figures, "_signature", "")
    plain = picture(line(), "A line that rises.").content
    data.load_digits()
    signed = picture(line(), "A line that rises.")
    assert Image.open(io.BytesIO(signed.content)).height > Image.open(io.BytesIO(plain)).height
    assert figures._signature == "built-in digits, not MNIST"
    figures.sign_pictures("")
    assert picture(line(), "A line that rises.").content == plain
