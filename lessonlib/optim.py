"""Optimizers by hand: what to do with a gradient once you have it."""
from collections.abc import Iterable

import torch
from torch import Tensor

__all__ = ["Optimizer", "SGD", "Adam"]


class Optimizer:
    """Keeps the parameters and the learning rate; a subclass says what one step does."""

    def __init__(
        self,
        params: Iterable[Tensor],  # what to train, as from `model.parameters()`
        lr: float,  # learning rate: the size of a step for a gradient of 1
    ):
        self.params, self.lr = list(params), lr
        if not self.params:
            raise ValueError("got no parameters to train; were they wrapped in nn.Parameter? "
                             "A generator can be used only once: call model.parameters() anew")

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change each parameter that has a gradient, in place."""
        for i, p in enumerate(self.params):
            if p.grad is not None:
                self.update(i, p, p.grad)

    def update(self, i: int, p: Tensor, grad: Tensor) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no update method")


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and weight decay as in `torch.optim.SGD`."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,  # the share of the last step that is kept
        weight_decay: float = 0.0,  # added to the gradient, times the weight
    ):
        super().__init__(params, lr)
        self.momentum, self.weight_decay = momentum, weight_decay
        self.velocity = [None] * len(self.params)

    def update(self, i: int, p: Tensor, grad: Tensor) -> None:
        if self.weight_decay:
            grad = grad + self.weight_decay * p
        if self.momentum:
            before = self.velocity[i]
            grad = self.velocity[i] = grad.clone() if before is None else self.momentum * before + grad
        p -= self.lr * grad


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), as in `torch.optim.Adam`."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),  # how much of the running means is kept each step
        eps: float = 1e-8,  # keeps the division from blowing up
    ):
        super().__init__(params, lr)
        self.betas, self.eps, self.n_steps = betas, eps, 0
        self.means = [torch.zeros_like(p) for p in self.params]
        self.squares = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self) -> None:
        self.n_steps += 1
        super().step()

    def update(self, i: int, p: Tensor, grad: Tensor) -> None:
        keep_mean, keep_square = self.betas
        self.means[i] = keep_mean * self.means[i] + (1 - keep_mean) * grad
        self.squares[i] = keep_square * self.squares[i] + (1 - keep_square) * grad**2
        mean = self.means[i] / (1 - keep_mean**self.n_steps)
        square = self.squares[i] / (1 - keep_square**self.n_steps)
        p -= self.lr * mean / (square.sqrt() + self.eps)
