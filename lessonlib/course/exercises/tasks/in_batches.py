"""Examples and orders: with a rest, without one, fewer examples than a batch holds, and batches of one."""

import torch


def cases(seed: int) -> list[dict]:
    """The seed draws the orders."""
    rng = torch.Generator().manual_seed(seed)
    return [{"examples": list(range(100, 100 + n)), "order": torch.randperm(n, generator=rng).tolist(),
             "batch_size": batch_size} for n, batch_size in ((7, 3), (26, 6), (8, 4), (3, 5), (4, 1))]
