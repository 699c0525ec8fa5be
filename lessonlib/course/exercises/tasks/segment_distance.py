"""Places beside a segment and beyond each of its ends: drawn at random, most places would be nearest to an end."""

import torch


def cases(seed: int) -> list[dict]:
    """Inputs of `my_distance`, one for each share of the way."""
    rng = torch.Generator().manual_seed(seed)
    found = []
    for share in (-0.6, 0.3, 1.5, 0.8):
        start, end = torch.randn(2, 2, generator=rng, dtype=torch.float64) * 4
        along = end - start
        across = torch.stack([-along[1], along[0]])
        aside = 0.3 + 0.5 * torch.rand(1, generator=rng, dtype=torch.float64)
        found.append({"start": start, "end": end, "pixel": start + share * along + aside * across})
    return found
