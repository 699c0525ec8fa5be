"""Losses by hand: one number that says how wrong a batch of predictions is."""
import torch
from torch import Tensor

from lessonlib.layers import log_softmax

__all__ = ["mse", "sigmoid", "binary_cross_entropy", "nll", "cross_entropy"]


def _check_targets(scores: Tensor, targets: Tensor) -> None:
    """Raise an error that says what is wrong, where (batch, n_classes) and (batch,) do not belong together."""
    if scores.ndim != 2 or targets.shape != scores.shape[:1]:
        raise ValueError("expected scores of shape (batch, n_classes) and targets of shape (batch,); "
                         f"got {tuple(scores.shape)} and {tuple(targets.shape)}")
    if targets.dtype != torch.int64:
        raise TypeError(f"expected targets that are class numbers (int64); got {targets.dtype}: try targets.long()")


def mse(
    predictions: Tensor,  # any shape
    targets: Tensor,  # the same shape
) -> Tensor:  # one number
    """Mean squared error: error, square, mean."""
    if predictions.shape != targets.shape:
        raise ValueError("expected predictions and targets of one shape; "
                         f"got {tuple(predictions.shape)} and {tuple(targets.shape)}")
    return ((predictions - targets) ** 2).mean()


def sigmoid(
    x: Tensor,  # any shape
) -> Tensor:  # the same shape, between 0 and 1
    """Squash any number into the range from 0 to 1."""
    return 1 / (1 + (-x).exp())


def binary_cross_entropy(
    probs: Tensor,  # (batch,): the probability given to "yes"
    targets: Tensor,  # (batch,): 1 for yes, 0 for no
) -> Tensor:  # the mean over the batch
    """The mean of -log p where the answer is yes and of -log(1 - p) where it is no."""
    if probs.shape != targets.shape:
        raise ValueError(f"expected one target a probability; got {tuple(probs.shape)} and {tuple(targets.shape)}")
    return -(targets * probs.log() + (1 - targets) * (1 - probs).log()).mean()


def nll(
    log_probs: Tensor,  # (batch, n_classes)
    targets: Tensor,  # (batch,) class numbers, int64
) -> Tensor:  # the mean over the batch
    """Negative log-likelihood: pick the log-probability of the right class, change its sign, take the mean."""
    _check_targets(log_probs, targets)
    rows = torch.arange(len(targets), device=targets.device)
    return -log_probs[rows, targets].mean()


def cross_entropy(
    logits: Tensor,  # (batch, n_classes)
    targets: Tensor,  # (batch,) class numbers, int64
) -> Tensor:  # the mean over the batch
    """Log-softmax, then negative log-likelihood."""
    return nll(log_softmax(logits), targets)
