"""The weights of a model in a file, and back: one way for modules of ours and of PyTorch's."""

import pytest
import torch
from torch import nn

from lessonlib import optim
from lessonlib.layers import Linear, LogReg, ReLU, Sequential
from lessonlib.weights import load_weights, save_weights


def mixed():
    return Sequential(Linear(6, 5), ReLU(), nn.BatchNorm1d(5), nn.Linear(5, 3))


MODELS = {"ours": lambda: LogReg(6, 3), "PyTorch's": lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5)), "both": mixed}


@pytest.mark.parametrize("make", MODELS)
def test_what_was_learned_comes_back(make, tmp_path):
    model, x = MODELS[make](), torch.randn(20, 6)
    opt = optim.SGD(model.parameters(), lr=0.1)
    model(x).square().sum().backward()  # also moves the means that BatchNorm keeps
    opt.step()
    file = save_weights(model, tmp_path / "digits.pt")
    other = MODELS[make]()
    load_weights(other, file)
    torch.testing.assert_close(other.eval()(x), model.eval()(x))
    assert [path.name for path in tmp_path.iterdir()] == ["digits.pt"]


def test_device_and_precision_stay_the_models_own(tmp_path):
    file = save_weights(LogReg(6, 3), tmp_path / "w.pt")
    model = LogReg(6, 3).to(dtype=torch.float64)
    kept = list(model.parameters())
    load_weights(model, file)
    assert {p.dtype for p in model.parameters()} == {torch.float64}
    assert all(p is q for p, q in zip(kept, model.parameters(), strict=True))  # an optimizer that knows them goes on


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a file"])
def test_a_file_that_holds_no_weights_is_refused(content, tmp_path):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"w\.pt is not a file of weights"):
        load_weights(LogReg(6, 3), tmp_path / "w.pt")


def test_other_weights_are_refused_and_nothing_is_changed(tmp_path):
    file, model = save_weights(LogReg(6, 4), tmp_path / "w.pt"), LogReg(6, 3)
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(ValueError, match=r"another model: the file holds the shapes \(6, 4\), \(4,\), the model has \(6, 3\)"):
        load_weights(model, file)
    torch.save(LogReg(6, 3).linear.weight.detach(), tmp_path / "other.pt")
    with pytest.raises(ValueError, match="expected a file from save_weights"):
        load_weights(model, tmp_path / "other.pt")
    for p, q in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(p, q.detach())


def test_no_program_in_a_file_is_run(tmp_path):
    class Program:
        def __reduce__(self):
            return (open, (str(tmp_path / "it ran"), "w"))

    torch.save({"format": "lessonlib weights 1", "tensors": [Program()]}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="not a file of weights"):
        load_weights(LogReg(6, 3), tmp_path / "w.pt")
    assert not (tmp_path / "it ran").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_weights(LogReg(6, 3), tmp_path / "nowhere.pt")
