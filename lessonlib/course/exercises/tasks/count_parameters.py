"""Modules of several depths."""

import torch
from torch import nn


def cases(seed: int) -> list[dict]:
    """One layer, one without a bias, a network, and a network of networks."""
    torch.manual_seed(seed)  # for the answer that adds the numbers up: they are the same each time
    small = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    nested = nn.Sequential(nn.Linear(7, 5), nn.Sequential(nn.ReLU(), small), nn.LogSoftmax(dim=1))
    return [{"module": module} for module in (nn.Linear(6, 3), nn.Linear(4, 2, bias=False), small, nested)]
