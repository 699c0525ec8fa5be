"""Log-probabilities with clear differences, and fewer rows asked for than there are."""

import torch


def cases(seed: int) -> list[dict]:
    """Three sizes; the last is square, and the first asks for a single row."""
    rng = torch.Generator().manual_seed(seed)
    return [_case(rng, 9, 4, 1), _case(rng, 12, 3, 5), _case(rng, 6, 6, 3)]


def _case(rng: torch.Generator, n: int, n_classes: int, k: int) -> dict:
    logits = 3 * torch.randn(n, n_classes, generator=rng, dtype=torch.float64)
    return {"log_probs": logits.log_softmax(dim=1), "targets": torch.randint(n_classes, (n,), generator=rng), "k": k}
