"""Layers by hand: a module that finds its own parameters, a linear layer, ReLU, softmax."""
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

__all__ = ["get_weights", "Module", "Linear", "ReLU", "LeakyReLU", "softmax", "log_softmax", "LogSoftmax",
           "Sequential", "LogReg", "count_parameters"]


def get_weights(
    *dims: int,  # the shape; for a weight matrix (n_in, n_out)
    generator: torch.Generator | None = None,  # where the random numbers come from; torch's own if None
) -> nn.Parameter:  # of shape `dims`
    """First weights: normal random numbers divided by the first size, ready to be trained."""
    return nn.Parameter(torch.randn(dims, generator=generator) / dims[0])


class Module:
    """A function with parameters: call it like a function, ask it for what can be trained."""

    training = True

    def __call__(self, *args):
        return self.forward(*args)

    def forward(self, *args):
        raise NotImplementedError(f"{type(self).__name__} has no forward: write `def forward(self, x): ...`")

    def children(self) -> Iterator["Module"]:
        """The modules kept in this one's attributes, or in lists there."""
        for value in vars(self).values():
            yield from (m for m in (value if isinstance(value, (list, tuple)) else [value])
                        if isinstance(m, Module))

    def parameters(self) -> Iterator[nn.Parameter]:
        """This module's own parameters, then its children's."""
        yield from (value for value in vars(self).values() if isinstance(value, nn.Parameter))
        for child in self.children():
            yield from child.parameters()

    def train(self, mode: bool = True) -> "Module":
        """Say to this module and its children that training goes on (or not)."""
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> "Module":
        """The same as `train(False)`."""
        return self.train(False)

    def to(self, device: torch.device | str) -> "Module":
        """Move all parameters to `device`."""
        for p in self.parameters():
            p.data = p.data.to(device)
        return self


class Linear(Module):
    """`x @ weight + bias`, from `n_in` numbers to `n_out`."""

    def __init__(
        self,
        n_in: int,  # numbers that come in for each example
        n_out: int,  # numbers that go out for each example
        generator: torch.Generator | None = None,  # for the first weights
    ):
        self.n_in, self.n_out = n_in, n_out
        self.weight = get_weights(n_in, n_out, generator=generator)  # (n_in, n_out); PyTorch keeps (n_out, n_in)
        self.bias = get_weights(n_out, generator=generator)  # (n_out,)

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_in) -> (batch, n_out)
        if x.shape[-1] != self.n_in:
            raise ValueError(f"this layer takes rows of {self.n_in} numbers; got a tensor of shape {tuple(x.shape)}")
        return x @ self.weight + self.bias

    def __repr__(self):
        return f"Linear({self.n_in}, {self.n_out})"


class ReLU(Module):
    """Keep what is above zero, replace the rest by zero."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp_min(0)


class LeakyReLU(Module):
    """Like ReLU, but let `slope` times the input through below zero."""

    def __init__(self, slope: float = 0.1):
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.slope * x)


def softmax(
    logits: Tensor,  # (batch, n_classes)
) -> Tensor:  # (batch, n_classes): above zero, each row sums to 1
    """exp, sum, divide, over the last axis; the largest logit is subtracted first, so nothing overflows."""
    exps = (logits - logits.amax(dim=-1, keepdim=True)).exp()
    return exps / exps.sum(dim=-1, keepdim=True)


def log_softmax(
    logits: Tensor,  # (batch, n_classes)
) -> Tensor:  # (batch, n_classes): all below zero
    """The log of `softmax(logits)`, without ever taking the log of zero."""
    shifted = logits - logits.amax(dim=-1, keepdim=True).detach()
    return shifted - shifted.exp().sum(dim=-1, keepdim=True).log()


class LogSoftmax(Module):
    """`log_softmax` as a layer."""

    def forward(self, logits: Tensor) -> Tensor:
        return log_softmax(logits)


class Sequential(Module):
    """Call the given layers (or plain functions) one after another."""

    def __init__(self, *layers: Callable[[Tensor], Tensor]):
        self.layers = list(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class LogReg(Module):
    """Logistic regression: a linear layer, then log-softmax."""

    def __init__(
        self,
        n_in: int = 784,  # pixels
        n_classes: int = 10,  # digits
        generator: torch.Generator | None = None,  # for the first weights
    ):
        self.linear = Linear(n_in, n_classes, generator)

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_in) -> (batch, n_classes) of log-probabilities
        return log_softmax(self.linear(x))


def count_parameters(
    model: Module | nn.Module,
) -> int:  # how many single numbers can be trained
    """Add up the sizes of all parameters of `model`."""
    return sum(p.numel() for p in model.parameters())
