"""Every piece written by hand against PyTorch's own, over random shapes and numbers."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lessonlib import layers, loaders, losses, matmul, optim, training
from lessonlib.data import as_rows, flatten, pixel_stats

sizes = st.integers(1, 9)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=25, deadline=None)
DTYPES = {torch.float32: 1e-5, torch.float64: 1e-12}


def randn(*shape: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def same_gradients(ours, theirs, *inputs: torch.Tensor) -> None:
    """Compare the values of two functions and the gradients that they send back to their inputs."""
    results = []
    for function in (ours, theirs):
        leaves = [x.clone().requires_grad_() for x in inputs]
        result = function(*leaves)
        weights = randn(*result.shape, seed=1)
        (result * weights).sum().backward()
        results.append([result.detach(), *(leaf.grad for leaf in leaves)])
    for mine, torchs in zip(*results, strict=True):
        close(mine, torchs, 1e-10)


# --- layers --------------------------------------------------------------------------------------------------


@quick
@given(batch=sizes, n_in=sizes, n_out=sizes, seed=seeds)
def test_linear(batch, n_in, n_out, seed):
    ours, theirs = layers.Linear(n_in, n_out), nn.Linear(n_in, n_out)
    for parameter in ours.parameters():
        parameter.data = parameter.data.double()
    theirs = theirs.double()
    theirs.load_state_dict({"weight": ours.weight.T, "bias": ours.bias})
    same_gradients(ours, theirs, randn(batch, n_in, seed=seed))


@quick
@given(batch=sizes, n_classes=sizes, seed=seeds, scale=st.sampled_from([0.1, 1.0, 100.0]))
def test_softmax_and_its_log(batch, n_classes, seed, scale):
    logits = randn(batch, n_classes, seed=seed, scale=scale)
    same_gradients(layers.softmax, lambda x: F.softmax(x, dim=1), logits)
    same_gradients(layers.log_softmax, lambda x: F.log_softmax(x, dim=1), logits)
    same_gradients(layers.LogSoftmax(), nn.LogSoftmax(dim=1), logits)


def test_softmax_survives_huge_logits():
    logits = torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]])
    assert layers.softmax(logits).isfinite().all()
    assert layers.log_softmax(logits).isfinite().all()


@quick
@given(batch=sizes, n=sizes, seed=seeds)
def test_activations(batch, n, seed):
    x = randn(batch, n, seed=seed)
    same_gradients(layers.ReLU(), nn.ReLU(), x)
    same_gradients(layers.LeakyReLU(0.1), nn.LeakyReLU(0.1), x)


def our_net_and_theirs() -> tuple[layers.Module, nn.Module]:
    """The same net of two layers, ours and PyTorch's, with the same weights."""
    ours = layers.Sequential(layers.Linear(6, 5), layers.ReLU(), layers.Linear(5, 3), layers.LogSoftmax())
    theirs = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3), nn.LogSoftmax(dim=1))
    with torch.no_grad():
        for mine, torchs in ((ours.layers[0], theirs[0]), (ours.layers[2], theirs[2])):
            torchs.weight.copy_(mine.weight.T)
            torchs.bias.copy_(mine.bias)
    return ours, theirs


def test_sequential_finds_its_parameters_and_agrees():
    ours, theirs = our_net_and_theirs()
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    close(ours(x), theirs(x), 1e-5)
    assert layers.count_parameters(ours) == layers.count_parameters(theirs) == 6 * 5 + 5 + 5 * 3 + 3
    assert [tuple(p.shape) for p in ours.parameters()] == [(6, 5), (5,), (5, 3), (3,)]


def test_train_and_eval_reach_every_layer():
    net, _ = our_net_and_theirs()
    net.eval()
    assert not any(layer.training for layer in net.layers)
    net.train()
    assert net.training
    assert all(layer.training for layer in net.layers)


def test_a_wrong_width_is_named():
    with pytest.raises(ValueError, match=r"784.*\(2, 28, 28\)"):
        layers.Linear(784, 10)(torch.zeros(2, 28, 28))


@pytest.mark.parametrize(("device", "dtype"), [("cpu", torch.float64), ("meta", None), ("meta", torch.float16),
                                               (None, torch.float64), (torch.device("cpu"), None)])
def test_to_moves_parameters_and_gradients_and_keeps_the_objects(device, dtype):
    """As `nn.Module.to`; an optimizer made before goes on with the same parameters."""
    ours, theirs = our_net_and_theirs()
    before = list(ours.parameters())
    for net in (ours, theirs):
        net(torch.randn(4, 6)).sum().backward()
    loss = ours(torch.randn(4, 6)).sum()  # its graph holds on to the parameters
    del loss
    assert ours.to(device, dtype) is ours
    theirs.to(device=device, dtype=dtype)
    assert all(p is q for p, q in zip(ours.parameters(), before, strict=True))
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (p.device, p.dtype, p.requires_grad) == (q.device, q.dtype, q.requires_grad)
        assert isinstance(p, nn.Parameter)
        if p.device.type == "cpu":
            assert (p.grad.device, p.grad.dtype) == (p.device, p.dtype)


def test_to_works_while_a_loss_is_still_there():
    net, _ = our_net_and_theirs()
    loss = net(torch.randn(4, 6)).sum()
    loss.backward()
    net.to(dtype=torch.float64)
    assert {p.dtype for p in net.parameters()} == {torch.float64}


def test_numbers_do_not_come_back_from_meta():
    net, _ = our_net_and_theirs()
    with pytest.raises(NotImplementedError, match="meta"):
        net.to("meta").to("cpu")


# --- losses and metrics --------------------------------------------------------------------------------------


@quick
@given(batch=sizes, n_classes=sizes, seed=seeds)
def test_losses(batch, n_classes, seed):
    logits = randn(batch, n_classes, seed=seed)
    targets = torch.randint(0, n_classes, (batch,), generator=torch.Generator().manual_seed(seed))
    same_gradients(lambda x: losses.cross_entropy(x, targets), lambda x: F.cross_entropy(x, targets), logits)
    same_gradients(lambda x: losses.nll(x, targets), lambda x: F.nll_loss(x, targets), logits)
    same_gradients(losses.mse, F.mse_loss, logits, randn(batch, n_classes, seed=seed + 1))
    same_gradients(losses.sigmoid, torch.sigmoid, logits)
    yes = (logits[:, 0] > 0).double()
    same_gradients(lambda p: losses.binary_cross_entropy(losses.sigmoid(p), yes),
                   lambda p: F.binary_cross_entropy(torch.sigmoid(p), yes), randn(batch, seed=seed + 2))


@pytest.mark.parametrize(("targets", "error"), [
    (torch.zeros(4), TypeError), (torch.zeros(3, dtype=torch.int64), ValueError),
    (torch.zeros(4, 10, dtype=torch.int64), ValueError)])
def test_targets_that_do_not_fit_are_named(targets, error):
    with pytest.raises(error, match="expected"):
        losses.nll(torch.zeros(4, 10), targets)


def test_evaluate_counts_each_example_once():
    x, y = randn(10, 3, seed=0), torch.arange(10) % 3
    batches = [(x[:7], y[:7]), (x[7:], y[7:])]  # unequal: a mean of the two means would be wrong
    loss, accuracy = training.evaluate(lambda xb: xb, batches, F.cross_entropy, training.accuracy)
    assert loss == pytest.approx(F.cross_entropy(x, y).item())
    assert accuracy == pytest.approx((x.argmax(1) == y).double().mean().item())
    with pytest.raises(ValueError, match="at least one batch"):
        training.evaluate(lambda xb: xb, [], training.accuracy)


# --- batches -------------------------------------------------------------------------------------------------


@quick
@given(n=st.integers(1, 40), batch_size=st.integers(1, 12), seed=seeds)
def test_batches_are_those_of_a_data_loader(n, batch_size, seed):
    x, y = torch.arange(n * 2).view(n, 2), torch.arange(n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    theirs = list(DataLoader(TensorDataset(x, y), batch_size, sampler=order.tolist()))
    ours = list(loaders.batches(x, y, batch_size, torch.Generator().manual_seed(seed)))
    loader = loaders.BatchLoader(x, y, batch_size, shuffle=True, generator=torch.Generator().manual_seed(seed))
    assert len(ours) == len(theirs) == len(loader)
    for (xb, yb), (their_xb, their_yb), (loader_xb, loader_yb) in zip(ours, theirs, loader, strict=True):
        assert torch.equal(xb, their_xb)
        assert torch.equal(yb, their_yb)
        assert torch.equal(xb, loader_xb)
        assert torch.equal(yb, loader_yb)


def test_each_epoch_has_another_order_and_every_example():
    loader = loaders.BatchLoader(torch.arange(100), torch.arange(100), 7, shuffle=True,
                                 generator=torch.Generator().manual_seed(0))
    first, second = (torch.cat([yb for _, yb in loader]) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, second.sort().values)
    in_order = loaders.BatchLoader(torch.arange(100), torch.arange(100), 7)
    assert torch.equal(torch.cat([xb for xb, _ in in_order]), torch.arange(100))


@pytest.mark.parametrize("arguments", [(torch.zeros(3), torch.zeros(2)), (torch.zeros(3), torch.zeros(3), 0)])
def test_batches_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        list(loaders.batches(*arguments))


# --- optimizers ----------------------------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": (lambda p: optim.SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "momentum": (lambda p: optim.SGD(p, 0.1, momentum=0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "decay": (lambda p: optim.SGD(p, 0.1, weight_decay=1e-3), lambda p: torch.optim.SGD(p, 0.1, weight_decay=1e-3)),
    "both": (lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-2),
             lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-2)),
    "adam": (lambda p: optim.Adam(p, 0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "adam, other numbers": (lambda p: optim.Adam(p, 0.1, betas=(0.8, 0.9), eps=1e-4),
                            lambda p: torch.optim.Adam(p, 0.1, betas=(0.8, 0.9), eps=1e-4)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_step_for_step(name):
    x, y = randn(20, 3, seed=0), randn(20, seed=1)
    weights = []
    for make in OPTIMIZERS[name]:
        weight, idle = randn(3, seed=2).requires_grad_(), randn(2, seed=3).requires_grad_()
        opt, steps = make([weight, idle]), []  # idle never gets a gradient: both must leave it alone
        for _ in range(30):
            ((x * weight).sum(1) - y).pow(2).mean().backward()
            opt.step()
            opt.zero_grad()
            steps.append(torch.cat([weight, idle]).detach().clone())
        weights.append(torch.stack(steps))
    close(*weights, tolerance=1e-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_late_gradient_and_a_changed_rate(name):
    """One parameter gets its first gradient after five steps; the learning rate falls after ten."""
    x, results = randn(20, 3, seed=0), []
    for make in OPTIMIZERS[name]:
        early, late = randn(3, seed=1).requires_grad_(), randn(3, seed=2).requires_grad_()
        opt = make([early, late])
        for step in range(20):
            if step == 10:
                for group in getattr(opt, "param_groups", [None]):
                    if group is None:
                        opt.lr /= 10
                    else:
                        group["lr"] /= 10
            weight = early if step < 5 else early * late
            (x * weight).sum(1).pow(2).mean().backward()
            opt.step()
            opt.zero_grad()
        results.append(torch.cat([early, late]).detach())
    close(*results, tolerance=1e-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("device", "dtype"), [("cpu", torch.float64), ("meta", torch.float32)])
def test_an_optimizer_may_be_made_before_the_model_is_moved(name, device, dtype):
    """Its memory is made at the first step, where and how the parameters are by then."""
    make, _ = OPTIMIZERS[name]
    model = layers.LogReg(6, 3, torch.Generator().manual_seed(0))
    opt = make(model.parameters())
    model.to(device, dtype)
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)).to(device, dtype)
    y = torch.arange(4, device=device) % 3
    for _ in range(3):
        losses.nll(model(x), y).backward()
        opt.step()
        opt.zero_grad()
    moved_first = layers.LogReg(6, 3, torch.Generator().manual_seed(0)).to(device, dtype)
    opt = make(moved_first.parameters())
    for _ in range(3):
        losses.nll(moved_first(x), y).backward()
        opt.step()
        opt.zero_grad()
    for p, q in zip(model.parameters(), moved_first.parameters(), strict=True):
        assert (p.device.type, p.dtype) == (device, dtype)
        if device == "cpu":
            close(p, q)


def test_an_optimizer_without_parameters_is_refused():
    with pytest.raises(ValueError, match="no parameters"):
        optim.SGD([], lr=0.1)


# --- training ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ours_first", [True, False])
def test_fit_gives_the_numbers_of_a_plain_loop(ours_first):
    """Our fit, layers, loss, batches and optimizer against a loop in nothing but PyTorch."""
    ours, theirs = our_net_and_theirs()
    if not ours_first:
        ours = copy.deepcopy(theirs)  # fit trains PyTorch's modules just the same
    x, y = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)), torch.arange(50) % 3
    opt = optim.SGD(ours.parameters(), lr=0.1, momentum=0.9)
    train = loaders.BatchLoader(x, y, 8, shuffle=True, generator=torch.Generator().manual_seed(1))
    history = training.fit(ours, train, loaders.BatchLoader(x, y, 16), losses.nll, opt, epochs=3)

    their_opt, rng, expected = torch.optim.SGD(theirs.parameters(), 0.1, momentum=0.9), \
        torch.Generator().manual_seed(1), []
    for _ in range(3):
        order = torch.randperm(50, generator=rng).tolist()
        for xb, yb in DataLoader(TensorDataset(x, y), 8, sampler=order):
            their_opt.zero_grad()
            loss = F.nll_loss(theirs(xb), yb)
            loss.backward()
            their_opt.step()
            expected.append(loss.item())
    torch.testing.assert_close(torch.tensor(history.batch_losses), torch.tensor(expected), rtol=1e-5, atol=1e-5)
    last = history.frame.iloc[-1]
    assert last["valid_loss"] == pytest.approx(F.nll_loss(theirs(x), y).item(), abs=1e-5)
    assert last["accuracy"] == pytest.approx((theirs(x).argmax(1) == y).float().mean().item(), abs=1e-6)
    assert list(history.frame.index) == [1, 2, 3]
    assert (history.frame["seconds"] > 0).all()


def test_fit_says_what_is_wrong_with_a_used_up_generator():
    model = layers.LogReg(3, 2)
    used_up = iter([(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))])
    with pytest.raises(ValueError, match="a loader"):
        training.fit(model, used_up, None, losses.nll, optim.SGD(model.parameters(), 0.1), epochs=2)


# --- products and pixels -------------------------------------------------------------------------------------


@quick
@given(n=sizes, k=sizes, m=sizes, seed=seeds)
def test_every_matrix_product(n, k, m, seed):
    a, b = randn(n, k, seed=seed), randn(k, m, seed=seed + 1)
    for function in matmul.MATMULS.values():
        close(function(a, b), a @ b)


@pytest.mark.parametrize("name", [name for name in matmul.MATMULS if name != "@"])
def test_products_that_do_not_fit_are_explained(name):
    with pytest.raises(ValueError, match="inner sizes 784 and 10"):
        matmul.MATMULS[name](torch.zeros(2, 784), torch.zeros(10, 784))
    with pytest.raises(ValueError, match="rank 2"):
        matmul.MATMULS[name](torch.zeros(2), torch.zeros(2, 3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_pixels_are_normalised_by_the_numbers_of_the_training_part(dtype):
    images = torch.randint(0, 256, (30, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mean, std = pixel_stats(images)
    fractions = images.double() / 255
    assert mean == pytest.approx(fractions.mean().item())
    assert std == pytest.approx(fractions.std(correction=0).item())
    rows = as_rows(images, mean, std, dtype=dtype)
    assert rows.dtype == dtype
    close(rows.double(), flatten((fractions - mean) / std), DTYPES[dtype])


def test_known_facts_of_mnist(mnist):
    mean, std = pixel_stats(mnist.train.x)
    valid = as_rows(mnist.valid.x, mean, std)
    assert valid.mean().item() == pytest.approx(-0.0059, abs=5e-5)
    assert valid.std().item() == pytest.approx(0.9924, abs=5e-5)
    assert (0 - mean) / std == pytest.approx(-0.4245, abs=5e-5)
    labels = torch.cat([mnist.train.y, mnist.valid.y])
    assert [(labels == digit).sum().item() for digit in (3, 7)] == [6131, 6265]
    assert [(mnist.test.y == digit).sum().item() for digit in (3, 7)] == [1010, 1028]
