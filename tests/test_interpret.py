"""What lesson 20 cannot show: batches that get stuck in all kinds of models, and models that stay as they were."""

import pytest
import torch
from torch import nn

from lessonlib import interpret, layers
from lessonlib.interpret import LayerError, Watch, summary


class Branching(nn.Module):
    """Two ways that meet, a layer used twice, and a reshape between layers."""

    def __init__(self, n_meet=6):
        super().__init__()
        self.left, self.right, self.head = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(n_meet, 2)

    def forward(self, x):
        return self.head(torch.cat([self.left(x), self.left(x), self.right(x)][1:], dim=1))


class BadView(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(5, 2)

    def forward(self, x):
        return self.second(self.first(x).view(-1, 5))


class Own(layers.Module):
    """One of ours, that holds a parameter of its own, a layer of PyTorch's and a chain of ours with a plain function in it."""

    def __init__(self):
        self.scale = nn.Parameter(torch.ones(1))
        self.theirs = nn.Linear(4, 3)
        self.chain = layers.Sequential(layers.Linear(3, 2), layers.softmax)

    def forward(self, x):
        return self.chain(self.theirs(x * self.scale))


def conv_net(channels=1):
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(),
                         nn.Linear(4 * 26 * 26, 10))


def test_a_model_is_as_it_was_afterwards():
    model, x = conv_net(), torch.rand(2, 1, 28, 28)
    model[1].eval()  # not all parts in one mode
    before, state = x.clone(), {name: t.clone() for name, t in model.state_dict().items()}
    keys, rng = [set(vars(part)) for part in model.modules()], torch.get_rng_state()
    summary(model, x)
    assert keys == [set(vars(part)) for part in model.modules()]
    assert [part.training for part in model] == [True, False, True, True, True, True]
    assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())  # also the running means
    assert torch.equal(x, before)  # the ReLU works in place
    assert torch.equal(rng, torch.get_rng_state())
    assert all(p.grad is None for p in model.parameters())


def test_ours_is_as_it_was_when_the_batch_got_stuck():
    model = Own()
    kept, function = dict(vars(model)), model.chain.layers[1]
    with pytest.raises(LayerError, match=r"theirs Linear"):
        summary(model, torch.rand(2, 5))
    assert vars(model) == kept
    assert model.chain.layers[1] is function
    assert not {"forward", "training"} & set(vars(model.chain))
    model(torch.rand(2, 4))


def test_parts_of_both_kinds_are_found_and_counted():
    rows = summary(Own(), torch.rand(5, 4)).rows
    names = [row.name.split()[0].split("(")[0] for row in rows]
    assert names == ["theirs", "chain.layers.0", "chain.layers.1", "Own"]
    assert rows[2].name == "chain.layers.1 softmax"
    assert [row.n_parameters for row in rows] == [15, 8, 0, 1]


def test_a_layer_that_is_used_twice_is_counted_once():
    seen = summary(Branching(), torch.rand(5, 4))
    rows = [(row.name.split()[0], row.n_parameters) for row in seen.rows]
    assert rows == [("left", 15), ("left", 0), ("right", 15), ("head", 14)]
    assert seen.n_parameters == 44


def test_parts_that_were_not_called_are_told():
    model = Branching()
    model.spare = nn.Linear(10, 10)
    assert "154 parameters, 110 of them in parts that this batch did not call" in repr(summary(model, torch.rand(5, 4)))


@pytest.mark.parametrize(("model", "batch", "words"), [
    (Branching(n_meet=9), torch.rand(5, 4), ["stopped at head", "(5, 6)", "from right", "(batch, 9)", "let this layer take 6"]),
    (BadView(), torch.rand(4, 4), ["inside BadView", "after first", "gave (4, 3)", "shape '[-1, 5]' is invalid"]),
    (conv_net(), torch.rand(2, 28, 28), ["0 Conv2d", "(2, 28, 28)", "the batch itself", "(batch, 1, rows, columns)"]),
    (conv_net(3), torch.rand(2, 1, 28, 28), ["0 Conv2d", "(batch, 3, rows, columns)"]),
    (conv_net(), torch.rand(2, 1, 27, 27), ["5 Linear", "(2, 2500)", "from 4 Flatten", "(batch, 2704)"]),
    (nn.Linear(4, 3), torch.rand(2, 5), ["stopped at Linear", "hand over rows of 4 numbers, or let this layer take 5"]),
    (nn.Linear(4, 3), torch.ones(2, 4, dtype=torch.uint8), ["uint8 on cpu", "float32 on cpu", "batch.to(torch.float32)"]),
    (nn.Linear(4, 3), torch.rand(2, 4, dtype=torch.float64), ["float64 on cpu", "batch.to(torch.float32)"]),
    (nn.Linear(4, 3), torch.tensor(1.0), ["()", "(batch, 4)"]),
    (nn.Embedding(5, 2), torch.rand(3), ["whole numbers below 5"]),
    (nn.LSTM(4, 3), torch.rand(2, 5, 6), ["LSTM", "(batch, 4)"]),
    (layers.Linear(4, 3), torch.rand(2, 2, 2), ["(2, 2, 2)", "flatten(1)"]),
    (layers.Sequential(layers.Linear(4, 3), lambda x: x.view(7, 7)), torch.rand(2, 4), ["layers.1 <lambda>", "(2, 3)"]),
    (layers.Module(), torch.rand(2, 4), ["Module has no forward"]),
], ids=lambda value: type(value).__name__ if isinstance(value, (nn.Module, layers.Module)) else "")
def test_a_batch_that_gets_stuck_is_told_where_and_why(model, batch, words):
    with pytest.raises(LayerError) as caught:
        summary(model, batch)
    assert [word for word in words if word not in str(caught.value)] == []
    assert caught.value.__cause__ is not None


def test_the_other_device_is_named():
    with pytest.raises(LayerError, match=r"float32 on meta(.|\n)*batch\.to\('meta'\)"):
        summary(nn.Linear(4, 3, device="meta"), torch.rand(2, 4))


def test_layers_that_learn_their_size_from_the_batch():
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU())
    assert summary(model, torch.rand(2, 4)).n_parameters == 15
    assert type(model[0]) is nn.Linear


def test_a_layer_that_gives_several_tensors():
    row, = summary(nn.LSTM(4, 3), torch.rand(2, 5, 4)).rows
    assert row.gives == "(2, 5, 3), (1, 5, 3), (1, 5, 3)"


@pytest.mark.parametrize(("model", "batch", "words"), [
    (lambda x: x, torch.rand(2), "expected a model"), (nn.ReLU(), [1, 2], "expected a tensor"),
    (nn.ReLU(), (torch.rand(2), torch.rand(2)), "not .xb, yb."), (nn.ReLU, torch.rand(2), "expected a model"),
])
def test_what_is_no_model_or_no_batch(model, batch, words):
    with pytest.raises(TypeError, match=words):
        summary(model, batch)


def test_watch_tells_views_copies_and_in_place():
    w = torch.rand(3, 2, requires_grad=True)
    with Watch(w=w) as watch:
        top, _ = w.T.topk(1)
        top.sum().backward()
        with torch.no_grad():
            w -= 0.1
            w.expand(4, 3, 2)
        w.grad = None
    rows = [(row["operation"], row["memory"], row["holds a gradient"]) for row in watch.rows]
    assert rows == [("T", "view", ""), ("topk", "new", ""), ("topk", "new", ""), ("sum", "new", ""), ("backward", "", "w"),
                    ("sub", "in place", "w"), ("expand", "view", "w"), ("grad =", "", "")]
    assert watch.rows[6]["stride"] == "(0, 2, 1)"
    assert watch.rows[3]["grad_fn"] == "SumBackward0"


def test_a_watch_that_ends_with_an_error_lets_go():
    watch = Watch()
    with pytest.raises(RuntimeError), watch:
        torch.ones(2) @ torch.ones(3)
    torch.ones(2) + 1
    assert [row["operation"] for row in watch.rows] == ["ones", "ones"]


def test_contributions_add_up_for_a_network_in_any_order():
    rng = torch.Generator().manual_seed(0)
    net = layers.Sequential(layers.Linear(12, 8, rng), layers.ReLU(), layers.Linear(8, 3, rng)).to(dtype=torch.float64)
    x, reference = torch.randn(2, 12, generator=rng, dtype=torch.float64)
    groups = torch.arange(12) % 4
    for order in (None, [3, 1, 0, 2]):
        start, changes = interpret.contributions(lambda rows: net(rows)[:, 1], x, reference, groups, order)
        assert start + changes.sum().item() == pytest.approx(net(x[None])[0, 1].item(), abs=1e-12)


def test_importance_leaves_the_table_as_it_was_and_is_0_for_what_is_not_used():
    x = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    grown = interpret.permutation_importance(lambda rows: float(((rows[:, 0] - before[:, 0]) ** 2).mean()), x,
                                             torch.Generator().manual_seed(1), repeats=3)
    assert torch.equal(x, before)
    assert grown[0] > 0.05
    assert grown[1:].tolist() == [0.0, 0.0]
