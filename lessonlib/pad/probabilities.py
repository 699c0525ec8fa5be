"""Ten numbers that are probabilities, or a message that says what they are instead."""

from typing import Any

N_CLASSES = 10


def ten_probs(answer: Any) -> list[float]:
    """Ten probabilities as numbers. Raises `ValueError` for anything else, and says what it looks like."""
    import torch

    values = torch.as_tensor(answer).detach().to("cpu", torch.float64)
    if values.numel() != N_CLASSES:
        raise ValueError(f"expected ten probabilities, one for each digit; got a tensor of shape {tuple(values.shape)}")
    values = values.reshape(N_CLASSES)
    if not bool(values.isfinite().all()) or bool((values < -1e-6).any()) or abs(float(values.sum()) - 1) > 1e-3:
        also = "; these look like log-probabilities: take .exp() of them" if bool((values <= 0).all()) else ""
        raise ValueError(f"expected ten probabilities that sum to 1; got {[round(v, 3) for v in values.tolist()]}{also}")
    return values.clamp(0, 1).tolist()
