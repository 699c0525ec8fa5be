"""What makes training fast, without a clock: nothing waits for the device, nothing is copied twice."""

import subprocess
import sys
import types

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from lessonlib import optim
from lessonlib.data import as_rows, pixel_stats
from lessonlib.layers import LogReg, get_weights, log_softmax
from lessonlib.loaders import BatchLoader
from lessonlib.losses import nll
from lessonlib.matmul import Guard, matmul_broadcast
from lessonlib.training import evaluate, fit, train_epoch


def model_by_broadcasting(device):
    weight, bias = (nn.Parameter(get_weights(*shape).to(device)) for shape in ((784, 10), (10,)))
    return lambda x: log_softmax(matmul_broadcast(x, weight) + bias), [weight, bias]


def log_reg(device):
    model = LogReg().to(device)
    return model, list(model.parameters())


@pytest.mark.parametrize("make", [log_reg, model_by_broadcasting])
@pytest.mark.parametrize("opt", [optim.SGD, optim.Adam], ids=["SGD", "Adam"])
def test_an_epoch_never_asks_the_device_for_a_number(make, opt):
    """The twin of a GPU: tensors on "meta" hold no numbers, so asking for one, or mixing devices, is an error."""
    x, y = torch.empty(200, 784, device="meta"), torch.empty(200, dtype=torch.int64, device="meta")
    model, parameters = make("meta")
    loader = BatchLoader(x, y, shuffle=True, generator=torch.Generator().manual_seed(0))
    losses = train_epoch(model, loader, nll, opt(parameters, lr=0.1))
    assert [loss.device.type for loss in losses] == ["meta"] * 4
    with pytest.raises((RuntimeError, NotImplementedError)):
        losses[0].item()  # the twin would have noticed


def test_an_epoch_moves_its_order_to_the_device_once(random_digits):
    x = as_rows(random_digits.train.x, *pixel_stats(random_digits.train.x))
    model, parameters = log_reg("cpu")
    with Guard(()) as guard:  # refuses nothing, and counts what runs
        fit(model, BatchLoader(x, random_digits.train.y, shuffle=True), None, nll, optim.SGD(parameters, lr=0.1))
    n_batches = 32
    assert guard.ran["randperm"] == 1
    assert guard.ran["index_select"] == 2 * n_batches  # x and y, and nothing row by row
    assert guard.ran["local_scalar_dense"] <= 3  # at the door, however many batches there are: is there a nan, a class -1
    assert guard.ran["to_copy"] == 0


def test_validation_batches_are_views(random_digits):
    x = as_rows(random_digits.valid.x, *pixel_stats(random_digits.valid.x))
    for xb, _ in BatchLoader(x, random_digits.valid.y, 100):
        assert xb.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    model, _ = log_reg("cpu")
    evaluate(model, BatchLoader(x, random_digits.valid.y, 100), nll)


def test_normalising_leaves_the_bytes_alone_and_makes_one_copy(random_digits):
    images = random_digits.train.x
    before = images.clone()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        rows = as_rows(images, 0.1, 0.3)
    taken = sum(max(0, event.self_cpu_memory_usage) for event in seen.key_averages())
    assert taken == pytest.approx(rows.nbytes, rel=0.01)  # with `/` and `-` it would be four times as much
    assert torch.equal(images, before)
    torch.testing.assert_close(rows, ((images.double() / 255 - 0.1) / 0.3).float().flatten(1))
    floats = 255 * torch.rand(2, 28, 28)
    same = floats.clone()
    as_rows(floats, 0.1, 0.3)
    assert torch.equal(floats, same)


def test_weights_lie_column_by_column_and_stay_so():
    """What the speed of `x @ weight` and of its gradient rests on (lesson 14)."""
    model = LogReg()
    assert model.linear.weight.T.is_contiguous()
    loss = nll(model(torch.randn(8, 784)), torch.arange(8))
    loss.backward()
    assert model.linear.weight.grad.T.is_contiguous()
    optim.Adam(model.parameters()).step()
    assert model.linear.weight.T.is_contiguous()


# --- the benchmarks themselves -------------------------------------------------------------------------------


@pytest.fixture
def contestants(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import contestants

    return contestants


def test_every_contestant_trains(contestants, random_digits):
    race = contestants.make_race(random_digits)
    for name, train in contestants.CONTESTANTS.items():
        if name.startswith(("fastai", "Lightning")):
            continue  # they are not installed here
        model = train(race)
        answers = model(race.valid_x).argmax(dim=1)
        assert (answers == race.valid_y).float().mean() > 0.5, name


def test_turns_and_ratios(contestants, random_digits, capsys, monkeypatch):
    import measure

    monkeypatch.setattr(measure.gc, "collect", lambda: 0)  # slow in a process that holds all that tests have loaded
    order = []
    _, results = measure.in_turns({name: lambda name=name: order.append(name) or name for name in "abc"}, 3)
    assert order == list("abc") + list("abc") + list("bca") + list("cab")
    assert results == {"a": "a", "b": "b", "c": "c"}
    kept = measure.show("", {"a": [1.0, 2.0, 4.0], "b": [2.0, 4.0, 2.0]}, "a")
    assert kept["b"]["ratio"] == pytest.approx(2.0)
    assert kept["a"]["ratio"] == pytest.approx(1.0)
    found = measure.growth_section(random_digits, 1, "cpu")
    assert list(found) == ["200 images", "2,000 images", "20,000 images"]
    assert "µs" in capsys.readouterr().out


def test_a_peer_that_cannot_run_is_told_and_left_out(contestants, capsys):
    import measure

    def missing():
        raise RuntimeError("fastai Learner.fit: ModuleNotFoundError: No module named 'fastai'")

    found = measure.first_runs({"fastai Learner.fit": missing, contestants.BASELINE: lambda: 0.9}, contestants.BASELINE)
    assert list(found) == [contestants.BASELINE]
    assert "left out: fastai Learner.fit: ModuleNotFoundError" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(RuntimeError, match="No module named"):
        measure.first_runs({contestants.BASELINE: missing}, contestants.BASELINE)


def test_who_fetches_a_number_each_batch_is_among_them_and_who_never_does(contestants, random_digits):
    """What the section on a GPU is about: `loss.item()` waits for it, and the recorded step leaves Python out."""
    race = contestants.make_race(random_digits)
    fetched = {}
    for train in (contestants.plain_loop, contestants.waiting_loop, contestants.captured):
        with Guard(()) as guard:  # refuses nothing, and counts what runs
            train(race)
        fetched[train.__name__] = guard.ran["local_scalar_dense"]
    n_batches = 32
    assert fetched["waiting_loop"] - fetched["plain_loop"] == n_batches
    assert fetched["captured"] == 0


def test_peers_are_told_the_device(contestants, random_digits, monkeypatch):
    """Lightning and fastai choose a device of their own unless told."""
    told = {}

    class Trainer:
        def __init__(self, accelerator, devices, **settings):
            told["lightning"] = accelerator

        def fit(self, *what):
            pass

    class LightningModule(nn.Module):
        pass

    lightning = types.SimpleNamespace(Trainer=Trainer, LightningModule=LightningModule)
    monkeypatch.setitem(sys.modules, "lightning", lightning)
    race = contestants.make_race(random_digits, device="cpu")
    contestants.lightning_fit(race)
    assert told == {"lightning": "cpu"}
    monkeypatch.setitem(contestants.ACCELERATORS, "cpu", "another")
    contestants.lightning_fit(race)
    assert told == {"lightning": "another"}


def test_the_command_says_what_it_takes(root):
    for arguments, code, words in ((["--help"], 0, "training"), (["racing"], 2, "there is no section 'racing'"),
                                   (["start", "--device", "cuda"], 2, "start cannot be measured on cuda; the sections"),
                                   (["--runs", "0"], 2, "1 or more")):
        done = subprocess.run([sys.executable, str(root / "benchmarks" / "speed.py"), *arguments], capture_output=True,
                              text=True, check=False)
        assert done.returncode == code
        assert words in done.stdout + done.stderr
