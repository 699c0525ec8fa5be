"""The training loop: forward, loss, backward, step, zero_grad; and what is worth writing down on the way."""
import time
from collections.abc import Callable, Iterable, Sequence

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

__all__ = ["accuracy", "evaluate", "History", "train_epoch", "fit"]


def accuracy(
    scores: Tensor,  # (batch, n_classes): logits, log-probabilities or probabilities
    targets: Tensor,  # (batch,) class numbers
) -> Tensor:  # one number from 0 to 1
    """The share of rows whose largest score stands at the target's place."""
    return (scores.argmax(dim=1) == targets).float().mean()


def _set_mode(model: Callable, training: bool) -> None:
    """Tell a module whether it trains; a plain function has no modes."""
    if hasattr(model, "train"):
        model.train(training)


def _mean_by_size(values: Tensor, sizes: Sequence[int]) -> Tensor:
    """The mean of (n_batches, ...) values, each batch counted as often as it has examples; on the CPU."""
    weights = torch.tensor(sizes, dtype=torch.float64) / sum(sizes)
    values = values.cpu().double()
    return (values * weights.view(-1, *[1] * (values.ndim - 1))).sum(0)


def evaluate(
    model: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],  # pairs (xb, yb)
    *functions: Callable[[Tensor, Tensor], Tensor],  # each takes (output, targets), gives a mean over the batch
) -> list[float]:  # one mean a function, over all examples
    """Run `model` over `batches` in eval mode without gradients and average each function."""
    _set_mode(model, training=False)
    rows, sizes = [], []
    with torch.no_grad():
        for xb, yb in batches:
            output = model(xb)
            rows.append(torch.stack([function(output, yb) for function in functions]))
            sizes.append(len(xb))
    if not rows:
        raise ValueError("expected at least one batch to evaluate on; got none. "
                         "A generator can be used only once: pass a list or a loader")
    return _mean_by_size(torch.stack(rows), sizes).tolist()


class History:
    """What `fit` wrote down: a row an epoch in `frame`, a loss a batch in `batch_losses`."""

    def __init__(self):
        self.rows: list[dict[str, float]] = []
        self.batch_losses: list[float] = []

    def add(self, losses: list[float], **row: float) -> None:
        """Append one epoch: its batch losses and its row of the table."""
        self.batch_losses += losses
        self.rows.append({"epoch": len(self.rows) + 1, **row})

    @property
    def frame(self) -> pd.DataFrame:
        """One row an epoch: train_loss, valid_loss, each metric, seconds."""
        return pd.DataFrame(self.rows).set_index("epoch")

    def plot(self):
        """Draw the loss of each batch and, over it, the validation loss after each epoch; gives the axes."""
        import matplotlib.pyplot as plt

        fig, ax = plt.subplots(figsize=(6, 3))
        ax.plot(range(1, len(self.batch_losses) + 1), self.batch_losses, color="0.7", lw=0.8, label="each batch")
        steps = len(self.batch_losses) // len(self.rows)
        ax.plot([steps * row["epoch"] for row in self.rows], [row["valid_loss"] for row in self.rows],
                "o-", color="C0", label="validation")
        ax.set(xlabel="batches seen", ylabel="loss")
        ax.legend()
        return ax

    def _repr_html_(self) -> str:
        return self._shown().to_html()

    def __repr__(self) -> str:
        return self._shown().to_string()

    def _shown(self) -> pd.DataFrame:
        # Seconds differ from run to run, so they are kept out of what a notebook stores.
        return self.frame.drop(columns="seconds").round(4)


def train_epoch(
    model: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],  # pairs (xb, yb)
    loss_func: Callable[[Tensor, Tensor], Tensor],  # takes (output, targets), gives the mean over the batch
    opt,  # anything with step() and zero_grad()
) -> list[Tensor]:  # the loss of each batch
    """Go once over `batches`: forward, loss, backward, step, zero_grad."""
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.detach())  # kept as a tensor: .item() would make the device wait
    return losses


def fit(
    model: Callable[[Tensor], Tensor],  # a module, ours or PyTorch's
    train: Iterable[tuple[Tensor, Tensor]],  # a loader: one `for` over it is one epoch of pairs (xb, yb)
    valid: Iterable[tuple[Tensor, Tensor]] | None,  # a loader of the validation set; None measures nothing
    loss_func: Callable[[Tensor, Tensor], Tensor],  # takes (output, targets), gives the mean over the batch
    opt,  # an optimizer over the model's parameters: step() and zero_grad()
    epochs: int = 1,
    metrics: Sequence[Callable[[Tensor, Tensor], Tensor]] = (accuracy,),
) -> History:
    """Train `model` for some epochs and measure it on `valid` after each."""
    history = History()
    # The bar appears only when training takes over two seconds, and leaves nothing behind.
    for _ in tqdm(range(epochs), desc="epochs", delay=2, leave=False):
        start = time.perf_counter()
        _set_mode(model, training=True)
        losses = train_epoch(model, train, loss_func, opt)
        if not losses:
            raise ValueError("expected at least one batch an epoch; got none. "
                             "A generator can be used only once: pass a list or a loader")
        losses = torch.stack(losses).cpu()
        scores = [] if valid is None else evaluate(model, valid, loss_func, *metrics)
        names = ["valid_loss", *(metric.__name__ for metric in metrics)]
        history.add(losses.tolist(), train_loss=losses.mean().item(),
                    **dict(zip(names, scores)), seconds=time.perf_counter() - start)
    return history
