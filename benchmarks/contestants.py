"""Ways to train logistic regression for one epoch of MNIST: other people's, ours, and the floor that torch sets.

Each takes the same `Race` and gives a trained model: (n, 784) normalised pixels to (n, 10) scores.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from lessonlib import optim
from lessonlib.data import Digits, as_rows, pixel_stats
from lessonlib.layers import LogReg
from lessonlib.loaders import BatchLoader
from lessonlib.losses import nll
from lessonlib.scale import Captured, training_step
from lessonlib.training import accuracy, fit

LR = 1e-3  # of Adam, for all who use it
ACCELERATORS = {"cpu": "cpu", "cuda": "gpu", "mps": "mps"}  # Lightning's names of devices


@dataclass(frozen=True)
class Race:
    """What everybody trains on."""

    digits: Digits
    x: Tensor  # (50000, 784) normalised
    y: Tensor
    valid_x: Tensor
    valid_y: Tensor
    mean: float
    std: float
    batch_size: int = 64


def make_race(digits: Digits, batch_size: int = 64, device: torch.device | str = "cpu") -> Race:
    """Normalise the digits and put them on the device."""
    mean, std = pixel_stats(digits.train.x)
    x, valid_x = (as_rows(part.x, mean, std, device=device) for part in (digits.train, digits.valid))
    return Race(digits, x, digits.train.y.to(device), valid_x, digits.valid.y.to(device), mean, std, batch_size)


def borrowed_model(race: Race) -> nn.Module:
    """PyTorch's own layers."""
    return nn.Sequential(nn.Linear(784, 10), nn.LogSoftmax(dim=1)).to(race.x.device)


def plain_loop(race: Race) -> nn.Module:
    """What most PyTorch tutorials write, on tensors that are on the device: DataLoader, Adam. No validation."""
    return _loop(race, DataLoader(TensorDataset(race.x, race.y), race.batch_size, shuffle=True))


def waiting_loop(race: Race) -> nn.Module:
    """The same with `running += loss.item()` in it: for each batch the program waits until the device is done."""
    return _loop(race, DataLoader(TensorDataset(race.x, race.y), race.batch_size, shuffle=True), fetch=True)


def _loop(race: Race, loader: DataLoader, fetch: bool = False) -> nn.Module:
    model, loss_func, running = borrowed_model(race), nn.NLLLoss(), 0.0
    opt = torch.optim.Adam(model.parameters(), lr=LR)
    for xb, yb in loader:
        xb, yb = xb.to(race.x.device), yb.to(race.x.device)  # nothing happens where they are there already
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        if fetch:
            running += loss.item()
    return model


def torchvision_loop(race: Race) -> nn.Module:
    """The same loop behind torchvision's MNIST with ToTensor and Normalize. No validation."""
    from torchvision import transforms
    from torchvision.datasets import MNIST

    with tempfile.TemporaryDirectory() as folder:
        _write_idx(race.digits, Path(folder, "MNIST", "raw"))
        how = transforms.Compose([transforms.ToTensor(), transforms.Normalize(race.mean, race.std), torch.flatten])
        train = Subset(MNIST(folder, transform=how), range(len(race.digits.train)))
    return _loop(race, DataLoader(train, race.batch_size, shuffle=True))


def _write_idx(digits: Digits, folder: Path) -> None:
    """The files that torchvision's MNIST reads."""
    folder.mkdir(parents=True)
    both = zip((digits.train, digits.valid, digits.test), ("train", "train", "t10k"), strict=True)
    parts = {}
    for split, name in both:
        parts.setdefault(name, []).append(split)
    for name, splits in parts.items():
        x, y = torch.cat([s.x for s in splits]), torch.cat([s.y for s in splits]).byte()
        for array, kind in ((x, "images-idx3"), (y, "labels-idx1")):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            (folder / f"{name}-{kind}-ubyte").write_bytes(head + array.numpy().tobytes())


def fastai_fit(race: Race) -> nn.Module:
    """The Learner.fit of fastai, with validation and accuracy."""
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader as FastaiLoader
    from fastai.learner import Learner
    from fastai.metrics import accuracy as fastai_accuracy
    from fastai.optimizer import Adam

    loaders = DataLoaders(FastaiLoader(TensorDataset(race.x, race.y), bs=race.batch_size, shuffle=True, num_workers=0),
                          FastaiLoader(TensorDataset(race.valid_x, race.valid_y), bs=250, num_workers=0),
                          device=race.x.device)
    learner = Learner(loaders, borrowed_model(race), loss_func=nn.NLLLoss(), opt_func=Adam, lr=LR,
                      metrics=fastai_accuracy)
    with learner.no_logging():  # the bar is a callback of its own, and was not asked for
        learner.fit(1, lr=LR, wd=0.0)
    return learner.model


def lightning_fit(race: Race) -> nn.Module:
    """Lightning's Trainer.fit, with validation and accuracy; no logger, no checkpoints, no bar."""
    import lightning

    class Lit(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model, self.loss_func = borrowed_model(race), nn.NLLLoss()

        def training_step(self, batch, n):
            return self.loss_func(self.model(batch[0]), batch[1])

        def validation_step(self, batch, n):
            scores = self.model(batch[0])
            self.log("valid_loss", self.loss_func(scores, batch[1]))
            self.log("accuracy", accuracy(scores, batch[1]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=LR)

    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                                    enable_model_summary=False, num_sanity_val_steps=0, devices=1,
                                    accelerator=ACCELERATORS[race.x.device.type])
        lit = Lit()
        trainer.fit(lit, DataLoader(TensorDataset(race.x, race.y), race.batch_size, shuffle=True),
                    DataLoader(TensorDataset(race.valid_x, race.valid_y), 250))
    return lit.model


def _ours(race: Race, model: Callable, opt, loss_func: Callable = nll) -> Callable:
    train = BatchLoader(race.x, race.y, race.batch_size, shuffle=True)
    fit(model, train, BatchLoader(race.valid_x, race.valid_y, 250), loss_func, opt)
    return model


def our_fit_their_parts(race: Race, fused: bool = False) -> nn.Module:
    """Our fit and loader, with validation, accuracy and history; PyTorch's model, loss and Adam as in the plain loop."""
    model = borrowed_model(race)
    return _ours(race, model, torch.optim.Adam(model.parameters(), lr=LR, fused=fused or None), nn.NLLLoss())


def our_fit(race: Race) -> Callable:
    """Our fit, loader, model, loss and Adam: nothing borrowed but `@` and autograd."""
    model = LogReg().to(race.x.device)
    return _ours(race, model, optim.Adam(model.parameters(), lr=LR))


def our_fit_our_sgd(race: Race) -> Callable:
    """The same with the SGD of lesson 12."""
    model = LogReg().to(race.x.device)
    return _ours(race, model, optim.SGD(model.parameters(), lr=0.05))


def our_epoch(race: Race) -> Callable:
    """Our fit with our SGD, without validation."""
    model = LogReg().to(race.x.device)
    train = BatchLoader(race.x, race.y, race.batch_size, shuffle=True)
    fit(model, train, None, nll, optim.SGD(model.parameters(), lr=0.05))
    return model


def captured(race: Race) -> Callable:
    """Our model, loss and SGD, the step recorded once and replayed (lesson 25), each loss kept. No validation.

    Python is out of the way on CUDA only; elsewhere the same kernels are launched from a list, one by one.
    """
    model = LogReg().to(race.x.device)
    step = Captured(training_step(model, nll, optim.SGD(model.parameters(), lr=0.05)), race.x.device)
    torch.stack([step(xb, yb) for xb, yb in BatchLoader(race.x, race.y, race.batch_size, shuffle=True)])
    return model


@torch.no_grad()
def floor(race: Race) -> Callable:
    """As little as torch can do: the gradient by formula, fused kernels, in place; SGD. No validation, no losses."""
    weight = (torch.randn(10, 784) / 784).to(race.x.device)
    bias = torch.zeros(10, device=race.x.device)
    eye = torch.eye(10, device=race.x.device)
    for rows in torch.randperm(len(race.x)).to(race.x.device).split(race.batch_size):
        xb, yb = race.x.index_select(0, rows), race.y.index_select(0, rows)
        grad = torch.addmm(bias, xb, weight.T).softmax(dim=1).sub_(eye[yb])
        weight.addmm_(grad.T, xb, alpha=-0.05 / len(rows))
        bias.sub_(grad.sum(dim=0), alpha=0.05 / len(rows))
    return lambda x: torch.addmm(bias, x, weight.T)


BASELINE = "plain PyTorch loop"
CONTESTANTS = {
    "torchvision MNIST + transforms": torchvision_loop,
    "Lightning Trainer.fit": lightning_fit,
    "fastai Learner.fit": fastai_fit,
    BASELINE: plain_loop,
    "the same, and loss.item() each batch": waiting_loop,
    "our fit and loader, PyTorch's model and Adam": our_fit_their_parts,
    "our fit and loader, PyTorch's model and fused Adam": partial(our_fit_their_parts, fused=True),
    "all ours: fit, loader, model, loss, Adam": our_fit,
    "all ours, with SGD": our_fit_our_sgd,
    "all ours, with SGD, captured": captured,
    "floor: no autograd, SGD": floor,
}
