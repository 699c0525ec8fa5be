"""First weights and batches of a small logistic regression."""

import torch


def cases(seed: int) -> list[dict]:
    """Several sizes, batches of several sizes, and rates at which one feels each step."""
    rng = torch.Generator().manual_seed(seed)

    def batch(n: int, n_in: int, n_out: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(n, n_in, generator=rng, dtype=torch.float64), torch.randint(n_out, (n,), generator=rng)

    return [{"weight": torch.randn(n_in, n_out, generator=rng, dtype=torch.float64),
             "bias": torch.randn(n_out, generator=rng, dtype=torch.float64),
             "batches": [batch(n, n_in, n_out) for n in sizes], "lr": lr}
            for n_in, n_out, sizes, lr in ((4, 3, (5, 5, 5, 2), 0.5), (2, 2, (4, 4, 4, 4), 0.3), (3, 5, (6, 6, 1), 0.7))]
