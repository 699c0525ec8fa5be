"""Chains of functions and layers of which no two may change places."""

import torch
from torch import Tensor, nn


def _double(x: Tensor) -> Tensor:
    return 2 * x


def _add_one(x: Tensor) -> Tensor:
    return x + 1


def cases(seed: int) -> list[dict]:
    """Plain functions; a layer and a chain of PyTorch's among them, all of one size; one function alone."""
    rng = torch.Generator().manual_seed(seed)
    layer = nn.Linear(3, 3).double()
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=torch.float64))
    chains = ([_add_one, torch.sin, _double], [layer, nn.ReLU(), _add_one], [_double, nn.Sequential(layer, nn.ReLU()), torch.sin],
              [torch.sin])
    return [{"layers": list(chain), "x": torch.randn(4, 3, generator=rng, dtype=torch.float64)} for chain in chains]
