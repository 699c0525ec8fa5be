"""Files of labels: long and short ones, one with something behind its last label."""

import torch


def cases(seed: int) -> list[dict]:
    """The content of three files."""
    rng = torch.Generator().manual_seed(seed)
    found = []
    for n, more in ((5, 0), (300, 0), (7, 4), (1, 0)):
        labels = torch.randint(0, 10, (n + more,), generator=rng).tolist()
        found.append({"content": bytes([0, 0, 8, 1]) + n.to_bytes(4, "big") + bytes(labels)})
    return found
