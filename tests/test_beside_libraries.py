"""What lessons 19 to 23 build, beside scikit-learn, NumPy and PyTorch where these do the same; more than their cells show."""

import numpy as np
import pytest
import torch
from sklearn.inspection import permutation_importance as their_importance
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor
from torch.nn import functional as F

from lessonlib.forests import bag, grow, predict, spread_of
from lessonlib.interpret import permutation_importance
from lessonlib.transfer import group_rates
from lessonlib.vision import conv2d


def table() -> tuple[torch.Tensor, torch.Tensor]:
    """400 rows of five random numbers, and two targets for each: one is a straight line through them, the other has steps."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(400, 5, generator=rng)
    line = x @ torch.tensor([3.0, 0.0, -1.0, 0.5, 0.0])
    return x, torch.stack([line, (x[:, 0] > 0.3).float() + 2 * (x[:, 2] > -0.2).float()], dim=1)


def test_permutation_importance_is_that_of_scikit_learn():
    """Each draws its own orders: the means of 200 shuffles are compared, and the columns that do nothing."""
    x, y = table()
    line = LinearRegression().fit(x.numpy(), y[:, 0].numpy())
    ours = permutation_importance(lambda rows: float(((torch.tensor(line.predict(rows.numpy())) - y[:, 0]) ** 2).mean()), x,
                                  torch.Generator().manual_seed(1), repeats=200)
    theirs = their_importance(line, x.numpy(), y[:, 0].numpy(), scoring="neg_mean_squared_error", n_repeats=200, random_state=1)
    np.testing.assert_allclose(ours.numpy(), theirs.importances_mean, rtol=0.02, atol=1e-6)


# With few rows left two questions are often equally good, and scikit-learn throws a coin.
@pytest.mark.parametrize(("depth", "min_leaf"), [(1, 1), (3, 1), (4, 1), (6, 7), (9, 7)])
def test_a_tree_predicts_what_that_of_scikit_learn_predicts(depth, min_leaf):
    x, y = table()
    new = x.roll(1, dims=1)
    theirs = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=min_leaf, random_state=0).fit(x.numpy(), y.numpy())
    ours = grow(x, y, depth, min_leaf)
    np.testing.assert_allclose(predict(ours, new).numpy(), theirs.predict(new.numpy()), atol=1e-5)
    assert spread_of(y) == pytest.approx(theirs.tree_.impurity[0] * y.numel(), rel=1e-5)  # theirs: the mean over rows and targets


def test_bagged_trees_are_those_of_scikit_learn_on_the_same_samples():
    x, y = table()
    trees = bag(x, y, 4, 3, torch.Generator().manual_seed(3))
    drawn, means = torch.Generator().manual_seed(3), []
    for tree in trees:
        rows = torch.randint(len(x), (len(x),), generator=drawn)
        theirs = DecisionTreeRegressor(max_depth=3, random_state=0).fit(x[rows].numpy(), y[rows].numpy()).predict(x.numpy())
        np.testing.assert_allclose(predict(tree, x).numpy(), theirs, atol=1e-5)
        means.append(theirs)
    ours = torch.stack([predict(tree, x) for tree in trees]).mean(dim=0)
    np.testing.assert_allclose(ours.numpy(), np.mean(means, axis=0), atol=1e-5)


def test_rates_of_groups_are_spaced_as_by_numpy():
    np.testing.assert_allclose(group_rates(slice(1e-5, 1e-2), 7), np.geomspace(1e-5, 1e-2, 7), rtol=1e-12)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 2)])
def test_gradients_flow_through_a_convolution_as_through_pytorchs(stride, padding):
    rng = torch.Generator().manual_seed(0)
    shapes = (3, 2, 9, 8), (4, 2, 3, 3), (4,)
    ours, theirs = [[torch.randn(shape, generator=rng.manual_seed(n), dtype=torch.float64).requires_grad_()
                     for n, shape in enumerate(shapes)] for _ in range(2)]
    for function, inputs in ((conv2d, ours), (F.conv2d, theirs)):
        (function(*inputs, stride=stride, padding=padding) ** 2).sum().backward()
    for mine, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, expected.grad)
