"""Models that give log-probabilities, and rows for them."""

import torch
from torch import nn


def cases(seed: int) -> list[dict]:
    """Models of several sizes; one row alone; as many rows as classes."""
    found = []
    for turn, (n, n_in, n_classes) in enumerate(((4, 5, 3), (6, 3, 10), (1, 4, 3), (3, 3, 3))):
        torch.manual_seed(100 * seed + turn)
        model = nn.Sequential(nn.Linear(n_in, n_classes), nn.LogSoftmax(dim=1)).double()
        found.append({"model": model, "x": torch.randn(n, n_in, dtype=torch.float64)})
    return found
