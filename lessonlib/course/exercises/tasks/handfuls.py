"""Row numbers to be gone through once: with a rest, without one, fewer than a handful, and handfuls of one."""

import torch


def cases(seed: int) -> list[dict]:
    """The seed draws the orders."""
    rng = torch.Generator().manual_seed(seed)
    return [{"order": iter(torch.randperm(n, generator=rng).tolist()), "size": size}
            for n, size in ((7, 3), (26, 6), (8, 4), (3, 5), (4, 1))]
