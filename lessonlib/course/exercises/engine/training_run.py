"""A hundred small batches, for those who have written something that trains: the reward for a right answer."""

import functools

import torch
from torch import Tensor, nn
from torch.nn import functional

N_BATCHES, BATCH, N_IN, N_CLASSES = 100, 32, 64, 10
LR = 0.1
Batch = tuple[Tensor, Tensor]


@functools.cache
def pictures() -> Batch:
    """Little pictures of 8 by 8 that can be learned: noise, and at places of its own each class is brighter."""
    rng = torch.Generator().manual_seed(3)
    patterns = torch.rand(N_CLASSES, N_IN, generator=rng, dtype=torch.float64).round()
    y = torch.randint(0, N_CLASSES, (N_BATCHES * BATCH,), generator=rng)
    noise = torch.randn(len(y), N_IN, generator=rng, dtype=torch.float64)
    return patterns[y] - 0.5 + noise, y


def example_batches() -> list[Batch]:
    """All of them, in mini-batches, in one fixed order."""
    x, y = pictures()
    return list(zip(x.split(BATCH), y.split(BATCH), strict=True))


def linear_model() -> nn.Linear:
    """A model that always begins with the same weights."""
    model = nn.Linear(N_IN, N_CLASSES, dtype=torch.float64)
    rng = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=torch.float64) / N_IN)
    return model


def train(model: nn.Module, opt: torch.optim.Optimizer, data: list[Batch]) -> Tensor:
    """The loss of each batch."""
    losses = []
    for xb, yb in data:
        loss = functional.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)
