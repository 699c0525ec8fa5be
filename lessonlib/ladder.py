"""The ladder: the same training again and again, each rung with one library fewer."""
import inspect
import io
import json
import tokenize
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest import mock

import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from lessonlib import training
from lessonlib.data import Digits, as_rows, pixel_stats
from lessonlib.device import Stopwatch
from lessonlib.layers import Linear, LogReg, Module, get_weights, log_softmax
from lessonlib.loaders import ShuffleSampler, batches
from lessonlib.losses import nll
from lessonlib.matmul import PRODUCTS, Guard, LibraryUsed, matmul_broadcast
from lessonlib.optim import SGD, Optimizer

__all__ = ["Task", "make_task", "Climb", "Rung", "RUNGS", "guarded", "count_lines", "climb", "Ladder"]


@dataclass(frozen=True)
class Task:
    """What every rung starts from: the same batches, the same first weights, the same learning rate."""

    x: Tensor  # (n, 784) normalised pixels
    y: Tensor  # (n,) digits, int64
    valid_x: Tensor  # (n_valid, 784)
    valid_y: Tensor  # (n_valid,)
    weight: Tensor  # (784, 10) first weights
    bias: Tensor  # (10,)
    lr: float = 1e-2
    batch_size: int = 64
    epochs: int = 1
    seed: int = 0  # of the order of the batches
    source: str = "mnist"

    def generator(self) -> torch.Generator:
        """A new generator that shuffles in the same way for each rung."""
        return torch.Generator().manual_seed(self.seed)


def make_task(
    digits: Digits,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    epochs: int = 1,
    seed: int = 0,
) -> Task:
    """Normalise `digits`, put them on `device`, and draw the first weights."""
    mean, std = pixel_stats(digits.train.x)
    train, valid = (as_rows(part.x, mean, std, dtype=dtype, device=device) for part in (digits.train, digits.valid))
    rng = torch.Generator().manual_seed(seed)
    # Drawn in float64 and then rounded, so that both dtypes start from the same numbers.
    weight, bias = (torch.randn(*dims, generator=rng, dtype=torch.float64) / dims[0] for dims in [(784, 10), (10,)])
    return Task(train, digits.train.y.to(device), valid, digits.valid.y.to(device), weight.to(device, dtype),
                bias.to(device, dtype), epochs=epochs, seed=seed, source=digits.source)


@dataclass(frozen=True)
class Climb:
    """What a rung gives back: the loss of each batch, and the trained model."""

    losses: Tensor  # (epochs * n_batches,)
    model: Callable[[Tensor], Tensor]  # (batch, 784) -> (batch, 10)


def parameters(task: Task) -> tuple[nn.Parameter, nn.Parameter]:
    """The first weights of `task`, copied, ready to be trained."""
    return nn.Parameter(task.weight.clone()), nn.Parameter(task.bias.clone())


def borrowed_loader(task: Task) -> DataLoader:
    """PyTorch's loader, told the order of the rows so that every rung sees the same batches."""
    order = ShuffleSampler(len(task.x), task.generator())
    return DataLoader(TensorDataset(task.x, task.y), task.batch_size, sampler=order)


def rung_sequential(task: Task) -> Climb:
    """Rung 1: everything borrowed."""
    linear = nn.Linear(784, 10, device=task.x.device, dtype=task.x.dtype)
    with torch.no_grad():
        linear.weight.copy_(task.weight.T)  # PyTorch keeps (n_out, n_in)
        linear.bias.copy_(task.bias)
    model = nn.Sequential(linear, nn.LogSoftmax(dim=1))
    opt = torch.optim.SGD(model.parameters(), lr=task.lr)
    history = training.fit(model, borrowed_loader(task), None, nn.NLLLoss(), opt, task.epochs)
    return Climb(torch.tensor(history.batch_losses, dtype=torch.float64), model)


def hand_model(task: Task) -> LogReg:
    """Our logistic regression with the first weights of `task`."""
    model = LogReg()
    model.linear.weight, model.linear.bias = parameters(task)
    return model


def rung_module(task: Task) -> Climb:
    """Rung 2: our own modules; the loss, the loader, the optimizer and `fit` are borrowed."""
    model = hand_model(task)
    opt = torch.optim.SGD(model.parameters(), lr=task.lr)
    history = training.fit(model, borrowed_loader(task), None, nn.NLLLoss(), opt, task.epochs)
    return Climb(torch.tensor(history.batch_losses, dtype=torch.float64), model)


def train_by_hand(task: Task, model: Module, opt) -> Climb:
    """Our own batches, loss and loop, with whatever model and optimizer."""
    losses, rng = [], task.generator()
    for _ in range(task.epochs):
        losses += training.train_epoch(model, batches(task.x, task.y, task.batch_size, rng), nll, opt)
    return Climb(torch.stack(losses).cpu().double(), model)


def rung_loop(task: Task) -> Climb:
    """Rung 3: our own batches, loss and loop; the optimizer is borrowed."""
    model = hand_model(task)
    return train_by_hand(task, model, torch.optim.SGD(model.parameters(), lr=task.lr))


def rung_sgd(task: Task) -> Climb:
    """Rung 4: our own SGD; `@` and the gradients are borrowed."""
    model = hand_model(task)
    return train_by_hand(task, model, SGD(model.parameters(), lr=task.lr))


class BroadcastLogReg(Module):
    """Logistic regression whose matrix product is a broadcast and a sum."""

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter):
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:  # (batch, 784) -> (batch, 10)
        return log_softmax(matmul_broadcast(x, self.weight) + self.bias)


def rung_matmul(task: Task) -> Climb:
    """Rung 5: our own matrix product; elementwise operations, sums and the gradients are borrowed."""
    model = BroadcastLogReg(*parameters(task))
    return train_by_hand(task, model, SGD(model.parameters(), lr=task.lr))


@dataclass(frozen=True)
class Rung:
    """One rung: what it takes away, how it trains, and how to prove that what it took away stood still."""

    name: str
    removed: str
    borrowed: str
    train: Callable[[Task], Climb]
    wrote: tuple[Callable, ...] = ()  # what the reader wrote to replace it
    refused_names: frozenset[str] = frozenset()  # torch functions
    refused_callables: tuple[tuple[object, str], ...] = ()  # (owner, attribute)


RUNGS = (
    Rung("Sequential", "–", "nn, NLLLoss, DataLoader, optim, fit, @, autograd", rung_sequential),
    Rung("Module", "Sequential, Linear, LogSoftmax", "NLLLoss, DataLoader, optim, fit, @, autograd", rung_module,
         wrote=(get_weights, Module, Linear, log_softmax, LogReg),
         refused_names=frozenset({"linear", "softmax", "log_softmax"}),
         refused_callables=((nn.Sequential, "forward"), (nn.Linear, "forward"), (nn.LogSoftmax, "forward"))),
    Rung("Loop", "fit, DataLoader, NLLLoss", "optim, @, autograd", rung_loop,
         wrote=(batches, nll, training.train_epoch),
         refused_names=frozenset({"nll_loss", "cross_entropy"}),
         refused_callables=((training, "fit"), (DataLoader, "__iter__"), (nn.NLLLoss, "forward"))),
    Rung("SGD", "optim", "@, autograd", rung_sgd, wrote=(Optimizer, SGD),
         refused_callables=((torch.optim.Optimizer, "__init__"),)),
    Rung("Matmul", "@, matmul, einsum, addmm, F.linear", "elementwise, sum, autograd", rung_matmul,
         wrote=(matmul_broadcast, BroadcastLogReg), refused_names=PRODUCTS),
)


@contextmanager
def guarded(rungs: Iterable[Rung]):
    """Within this block, everything that `rungs` say they took away raises `LibraryUsed`."""
    rungs = list(rungs)

    def refuse(owner: object, name: str) -> Callable:
        def refused(*args, **kwargs):
            raise LibraryUsed(f"{getattr(owner, '__name__', owner)}.{name} ran, although it was taken away")
        return refused

    with ExitStack() as stack:
        for owner, name in (pair for rung in rungs for pair in rung.refused_callables):
            stack.enter_context(mock.patch.object(owner, name, refuse(owner, name)))
        stack.enter_context(Guard(frozenset().union(*(rung.refused_names for rung in rungs))))
        yield


def count_lines(*pieces: Callable) -> int:
    """Lines of code in the source of `pieces`: no blank lines, comments or docstrings."""
    lines = set()
    for piece in pieces:
        source = inspect.getsource(piece)
        before = None
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            layout = token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
                                    tokenize.COMMENT, tokenize.ENDMARKER)
            docstring = token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT)
            if not layout and not docstring:
                lines.update((piece, row) for row in range(token.start[0], token.end[0] + 1))
            if token.type not in (tokenize.NL, tokenize.COMMENT):
                before = token.type
    return len(lines)


TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


class Ladder:
    """What a climb measured: a row a rung."""

    def __init__(self, task: Task):
        self.task, self.rows = task, []
        self.device, self.dtype = task.x.device.type, str(task.x.dtype).removeprefix("torch.")

    @property
    def tolerance(self) -> float:
        """The largest difference of loss that rounding explains."""
        return TOLERANCE[self.dtype]

    @property
    def frame(self) -> pd.DataFrame:
        """The table, without the losses."""
        return pd.DataFrame(self.rows).drop(columns="losses").set_index("name")

    def to_dict(self) -> dict:
        """Everything measured, ready for JSON."""
        keys = "name", "removed", "lines", "valid_accuracy", "seconds_per_epoch", "max_loss_difference", "losses"
        return {"source": self.task.source, "device": self.device, "dtype": self.dtype, "epochs": self.task.epochs,
                "batch_size": self.task.batch_size, "rungs": [{key: row[key] for key in keys} for row in self.rows]}


def climb(task: Task, rungs: Sequence[Rung] = RUNGS) -> Ladder:
    """Train each rung twice: once watched by the guard, for its losses, and once alone, for its speed."""
    ladder = Ladder(task)
    for n, rung in enumerate(tqdm(rungs, desc="rungs", delay=2, leave=False)):
        with guarded(rungs[: n + 1]):
            result = rung.train(task)
        with Stopwatch(task.x.device) as watch:
            rung.train(task)
        valid = batches(task.valid_x, task.valid_y, 250)
        valid_accuracy, = training.evaluate(result.model, valid, training.accuracy)
        first = ladder.rows[0]["losses"] if ladder.rows else result.losses.tolist()
        ladder.rows.append({
            "name": rung.name, "removed": rung.removed, "borrowed": rung.borrowed,
            "lines": count_lines(*(piece for r in rungs[: n + 1] for piece in r.wrote)),
            "valid_accuracy": valid_accuracy, "seconds_per_epoch": watch.seconds / task.epochs,
            "max_loss_difference": (result.losses - torch.tensor(first, dtype=torch.float64)).abs().max().item(),
            "losses": result.losses.tolist()})
    return ladder
