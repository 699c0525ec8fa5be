"""Random tensors for tests of properties, and when two of them are equal."""

import torch
from hypothesis import settings
from hypothesis import strategies as st

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=25, deadline=None)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
