"""A computation drawn as boxes and arrows."""

import matplotlib.pyplot as plt
import pytest

from lessonlib.figures.graph import Vertex, draw_graph


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_every_box_has_its_value_above_and_its_slope_below(ax):
    nodes = {"x": Vertex(0, 0, "x", 2, 7), "square": Vertex(2, 1, "x²", 4, 1.25), "sum": Vertex(4, 0, "+", 1 / 3, 1)}
    draw_graph(ax, nodes, [("x", "square", "× 4"), ("square", "sum", "")], back="gradient")
    texts = {text.get_text(): text.get_position() for text in ax.texts if text.get_text()}
    assert set(texts) == {"x", "x²", "+", "2", "4", "0.3333", "7", "1.25", "1", "× 4", "value", "gradient"}
    for node in nodes.values():
        assert texts[f"{node.value:.4g}"][1] > texts[node.label][1] > texts[f"{node.slope:.4g}"][1]
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert all(left < x < right and low < y < high for x, y in texts.values())


def test_what_is_not_known_yet_is_not_drawn(ax):
    nodes = {"x": Vertex(0, 0, "x", 2, 7), "square": Vertex(2, 1, "x²", 4, 1), "sum": Vertex(4, 0, "+", None, None)}
    draw_graph(ax, nodes, [("x", "square", "× 4"), ("square", "sum", "× 1")])
    texts = {text.get_text() for text in ax.texts if text.get_text()}
    assert texts == {"x", "x²", "+", "2", "4", "7", "1", "× 4", "value", "slope of the loss"}


def test_an_arrow_from_nowhere_is_an_error(ax):
    with pytest.raises(KeyError, match="y"):
        draw_graph(ax, {"x": Vertex(0, 0, "x", 2, 7)}, [("x", "y", "")])
