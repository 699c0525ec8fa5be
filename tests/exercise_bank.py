"""Answers as learners write them: wrong ones with the code that must be found, right ones of many kinds.

Each entry is a header, `## exercise code`, and the cell. `ok` stands for a right answer.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lessonlib.course.exercises import EXERCISES


def parse(text: str) -> list[tuple[str, str, str]]:
    """(exercise, code, cell) for each entry."""
    entries = []
    for block in text.split("\n## ")[1:]:
        header, _, cell = block.partition("\n")
        exercise, code = header.split()[:2]
        entries.append((exercise, code, cell))
    return entries


def attempt(exercise: str, cell: str):
    """Run a cell and give the function or class that it makes."""
    space = {"torch": torch, "nn": nn, "F": functional, "np": np, "math": math}
    exec(compile(cell, "<cell>", "exec"), space)
    return space[EXERCISES[exercise].name]


MISTAKES = parse('''
## normalize own_statistics
def normalize(train, valid):
    return (train - train.mean()) / train.std(), (valid - valid.mean()) / valid.std()
## normalize own_mean
def normalize(train, valid):
    s = train.std()
    return (train - train.mean()) / s, (valid - valid.mean()) / s
## normalize own_std
def normalize(train, valid):
    m = train.mean()
    return (train - m) / train.std(), (valid - m) / valid.std()
## normalize valid_untouched
def normalize(train, valid):
    train = (train - train.mean()) / train.std()
    valid = (valid - train.mean()) / train.std()
    return train, valid
## normalize untouched
def normalize(train, valid):
    t = (train - train.mean()) / train.std()
    v = (valid - train.mean()) / train.std()
    return train, valid
## normalize no_std
def normalize(train, valid):
    return train - train.mean(), valid - train.mean()
## normalize no_mean
def normalize(train, valid):
    return train / train.std(), valid / train.std()
## normalize brackets
def normalize(train, valid):
    m, s = train.mean(), train.std()
    return train - m / s, valid - m / s
## normalize variance
def normalize(train, valid):
    m, s = train.mean(), train.var()
    return (train - m) / s, (valid - m) / s
## normalize times_std
def normalize(train, valid):
    m, s = train.mean(), train.std()
    return (train - m) * s, (valid - m) * s
## normalize leak
def normalize(train, valid):
    both = torch.cat([train, valid])
    return (train - both.mean()) / both.std(), (valid - both.mean()) / both.std()
## normalize per_column
def normalize(train, valid):
    m, s = train.mean(dim=0), train.std(dim=0)
    return (train - m) / s, (valid - m) / s
## normalize min_max
def normalize(train, valid):
    low, high = train.min(), train.max()
    return (train - low) / (high - low), (valid - low) / (high - low)
## normalize swapped
def normalize(train, valid):
    m, s = train.mean(), train.std()
    return (valid - m) / s, (train - m) / s
## normalize count
def normalize(train, valid):
    m, s = train.mean(), train.std()
    return (train - m) / s
## normalize in_place
def normalize(train, valid):
    m, s = train.mean(), train.std()
    train -= m
    train /= s
    valid -= m
    valid /= s
    return train, valid
## normalize no_return
def normalize(train, valid):
    train = (train - train.mean()) / train.std()
    print(train.mean())
## normalize unknown
def normalize(train, valid):
    m, s = train.mean(), train.std()
    return (train - m) / s + 0.01, (valid - m) / s
## normalize own_statistics
def normalize(train, valid):
    return tuple((p - p.mean()) / p.std(correction=0) for p in (train, valid))
## normalize valid_untouched
def normalize(train, valid):
    m, s = train.mean(), train.std(correction=0)
    return (train - m) / s, valid
## normalize variance
def normalize(train, valid):
    m = train.mean()
    v = ((train - m) ** 2).mean()
    return (train - m) / v, (valid - m) / v
## normalize no_mean
def normalize(train, valid):
    s = train.std(correction=0)
    return train / s, valid / s
## normalize brackets
def normalize(train, valid):
    m, s = train.mean(), train.std(correction=0)
    return train - m / s, valid - m / s
## normalize per_column
def normalize(train, valid):
    return (train - train.mean(0)) / train.std(0, correction=0), (valid - train.mean(0)) / train.std(0, correction=0)
## normalize per_column
def normalize(train, valid):
    f = lambda p: (p - p.mean(0)) / p.std(0)
    return f(train), f(valid)
## normalize min_max
def normalize(train, valid):
    f = lambda x: (x - x.min()) / (x.max() - x.min())
    return f(train), f(valid)
## normalize min_max
def normalize(train, valid):
    return train / train.max(), valid / train.max()
## normalize leak
def normalize(train, valid):
    m = torch.cat((train.flatten(), valid.flatten()))
    m, s = m.mean(), m.std(correction=0)
    return (train - m) / s, (valid - m) / s
## normalize leak
def normalize(train, valid):
    m = (train.mean() + valid.mean()) / 2
    s = (train.std() + valid.std()) / 2
    return (train - m) / s, (valid - m) / s

## l2_distance l1
def l2_distance(a, b):
    return ((a - b) ** 2).sqrt().mean(dim=(-2, -1))
## l2_distance l1
def l2_distance(a, b):
    return (a - b).abs().mean((1, 2))
## l2_distance sum
def l2_distance(a, b):
    return ((a - b) ** 2).sum(dim=(1, 2)).sqrt()
## l2_distance no_root
def l2_distance(a, b):
    return ((a - b) ** 2).mean(dim=(-2, -1))
## l2_distance over_all
def l2_distance(a, b):
    return ((a - b) ** 2).mean().sqrt()
## l2_distance wrong_axis
def l2_distance(a, b):
    return ((a - b) ** 2).mean(dim=0).sqrt()
## l2_distance one_axis
def l2_distance(a, b):
    return ((a - b) ** 2).mean(dim=-1).sqrt()
## l2_distance square_of_mean
def l2_distance(a, b):
    return ((a - b).mean(dim=(1, 2)) ** 2).sqrt()
## l2_distance squares_apart
def l2_distance(a, b):
    return (a**2 - b**2).mean(dim=(1, 2)).sqrt()
## l2_distance mean_outside
def l2_distance(a, b):
    return ((a - b) ** 2).sum((1, 2)).sqrt() / (b.shape[0] * b.shape[1])
## l2_distance borrowed
from lessonlib.baseline import l2_distance as given
def l2_distance(a, b):
    return given(a, b)
## l2_distance in_place
def l2_distance(a, b):
    a -= b
    return (a ** 2).mean((1, 2)).sqrt()
## l2_distance over_all
def l2_distance(a, b):
    return ((a - b) ** 2).mean()
## l2_distance sum
def l2_distance(a, b):
    return ((a - b) ** 2).sum((1, 2))
## l2_distance no_mean
def l2_distance(a, b):
    return (a - b) ** 2
## l2_distance no_root
def l2_distance(a, b):
    return ((a - b) ** 2).mean((1, 2)) / 2

## my_linear no_super
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear plain_tensor
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = torch.randn(n_in, n_out) / n_in
        self.bias = torch.zeros(n_out)
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear plain_tensor
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = torch.zeros(n_out, requires_grad=True)
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear plain_list
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.params = [nn.Parameter(torch.randn(n_in, n_out) / n_in), nn.Parameter(torch.zeros(n_out))]
    def forward(self, x):
        return x @ self.params[0] + self.params[1]
## my_linear buffer
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.register_buffer("bias", torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear frozen
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out), requires_grad=False)
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear bias_missing
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
    def forward(self, x):
        return x @ self.weight
## my_linear bias_unused
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight
## my_linear bias_subtracted
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight - self.bias
## my_linear bias_multiplied
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.ones(n_out))
    def forward(self, x):
        return x @ self.weight * self.bias
## my_linear bias_shape
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_in))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear bias_shape
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(1))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear transposed
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear transposed
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return self.weight @ x + self.bias
## my_linear hard_coded
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(784, 10) / 784)
        self.bias = nn.Parameter(torch.zeros(10))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear relu_inside
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return torch.relu(x @ self.weight + self.bias)
## my_linear softmax_inside
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return (x @ self.weight + self.bias).softmax(dim=1)
## my_linear zeros
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear data_in_forward
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias.data
## my_linear output_detached
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight.data + self.bias.data
## my_linear forward_misspelt
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def foward(self, x):
        return x @ self.weight + self.bias
## my_linear init_misspelt
class MyLinear(nn.Module):
    def _init_(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear no_return
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        out = x @ self.weight + self.bias
## my_linear new_weights
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.n_in, self.n_out = n_in, n_out
    def forward(self, x):
        weight = nn.Parameter(torch.randn(self.n_in, self.n_out) / self.n_in)
        return x @ weight + nn.Parameter(torch.zeros(self.n_out))
## my_linear new_weights
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.n_in, self.n_out = n_in, n_out
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        self.weight = nn.Parameter(torch.randn(self.n_in, self.n_out) / self.n_in)
        return x @ self.weight + self.bias
## my_linear not_kept
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ weight + bias
## my_linear not_a_module
class MyLinear:
    def __init__(self, n_in, n_out):
        self.weight = torch.randn(n_in, n_out) / n_in
        self.bias = torch.zeros(n_out)
    def __call__(self, x):
        return x @ self.weight + self.bias
## my_linear not_a_class
class Layer(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
MyLinear = Layer(5, 3)
## my_linear borrowed
MyLinear = nn.Linear
## my_linear borrowed
from lessonlib.layers import Linear as MyLinear
## my_linear borrowed
class MyLinear(nn.Linear):
    pass
## my_linear borrowed
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
    def forward(self, x):
        return self.linear(x)
## my_linear unfinished
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        ...  # your code here
## my_linear arity
class MyLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 3))
    def forward(self, x):
        return x @ self.weight
## my_linear shared
weight = nn.Parameter(torch.randn(5, 3))
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = weight
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear unknown
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias + 1

## softmax wrong_axis
def softmax(x):
    return x.exp() / x.exp().sum(dim=0)
## softmax wrong_axis
def softmax(x):
    e = (x - x.amax(0, keepdim=True)).exp()
    return e / e.sum(0, keepdim=True)
## softmax whole
def softmax(x):
    return x.exp() / x.exp().sum()
## softmax no_keepdim
def softmax(x):
    return x.exp() / x.exp().sum(dim=1)
## softmax no_exp
def softmax(x):
    return x / x.sum(dim=1, keepdim=True)
## softmax no_divide
def softmax(x):
    return torch.exp(x)
## softmax overflow
def softmax(x):
    e = x.exp()
    return e / e.sum(dim=1, keepdim=True)
## softmax global_max
def softmax(x):
    e = (x - x.max()).exp()
    return e / e.sum(dim=1, keepdim=True)
## softmax max_wrong_axis
def softmax(x):
    e = (x - x.amax(dim=0, keepdim=True)).exp()
    return e / e.sum(dim=1, keepdim=True)
## softmax max_no_keepdim
def softmax(x):
    e = (x - x.amax(dim=1)).exp()
    return e / e.sum(dim=1, keepdim=True)
## softmax max_pair
def softmax(x):
    e = (x - x.max(dim=1, keepdim=True)).exp()
    return e / e.sum(dim=1, keepdim=True)
## softmax twice
def softmax(x):
    e = x.exp() / x.exp().sum(1, keepdim=True)
    return e.exp() / e.exp().sum(1, keepdim=True)
## softmax log
def softmax(x):
    return x - x.exp().sum(1, keepdim=True).log()
## softmax sign
def softmax(x):
    e = (-x).exp()
    return e / e.sum(1, keepdim=True)
## softmax by_max
def softmax(x):
    return x.exp() / x.exp().amax(1, keepdim=True)
## softmax mean_for_sum
def softmax(x):
    return x.exp() / x.exp().mean(1, keepdim=True)
## softmax sigmoid
def softmax(x):
    return 1 / (1 + (-x).exp())
## softmax borrowed
softmax = torch.softmax
## softmax borrowed
def softmax(x):
    return F.softmax(x, dim=1)
## softmax borrowed
def softmax(x):
    return x.softmax(1)
## softmax borrowed
def softmax(x):
    return nn.Softmax(dim=1)(x)
## softmax borrowed
from lessonlib.layers import softmax
## softmax borrowed
import lessonlib.layers as given
def softmax(x):
    return given.log_softmax(x).exp()
## softmax in_place
def softmax(x):
    x -= x.amax(1, keepdim=True)
    e = x.exp()
    return e / e.sum(1, keepdim=True)
## softmax detached
def softmax(x):
    e = (x - x.amax(1, keepdim=True)).exp()
    return (e / e.sum(1, keepdim=True)).detach()
## softmax gradient
def softmax(x):
    e = (x - x.amax(1, keepdim=True)).exp()
    return e / e.sum(1, keepdim=True).detach()
## softmax not_numbers
def softmax(x):
    e = (x - x.amax(1, keepdim=True)).exp()
    return (e / e.sum(1, keepdim=True)).tolist()
## softmax not_callable
softmax = torch.ones(3)
## softmax shape
def softmax(x):
    return x.exp().sum(1)
## softmax unknown
def softmax(x):
    e = (x * 1.5).exp()
    return e / e.sum(1, keepdim=True)
## softmax name
def softmax(x):
    e = exp(x)
    return e / e.sum(1, keepdim=True)
## softmax arity
def softmax(x, classes):
    e = x.exp()
    return e / e.sum(1, keepdim=True)

## cross_entropy sum
def cross_entropy(logits, targets):
    lp = logits.log_softmax(1)
    return -lp[torch.arange(len(targets)), targets].sum()
## cross_entropy sign
def cross_entropy(logits, targets):
    lp = logits.log_softmax(1)
    return lp[torch.arange(len(targets)), targets].mean()
## cross_entropy wrong_axis
def cross_entropy(logits, targets):
    lp = logits.log_softmax(0)
    return -lp[torch.arange(len(targets)), targets].mean()
## cross_entropy wrong_axis
def cross_entropy(logits, targets):
    lp = logits.log_softmax(0)
    return -lp[torch.arange(len(targets)), targets].sum()
## cross_entropy softmax_twice
def cross_entropy(logits, targets):
    lp = logits.softmax(1).log_softmax(1)
    return -lp[torch.arange(len(targets)), targets].mean()
## cross_entropy no_softmax
def cross_entropy(logits, targets):
    return -logits[torch.arange(len(targets)), targets].mean()
## cross_entropy logits_as_probs
def cross_entropy(logits, targets):
    return -logits[torch.arange(len(targets)), targets].log().mean()
## cross_entropy no_log
def cross_entropy(logits, targets):
    return -logits.softmax(1)[torch.arange(len(targets)), targets].mean()
## cross_entropy index_all
def cross_entropy(logits, targets):
    return -logits.log_softmax(1)[:, targets].mean()
## cross_entropy index_rows
def cross_entropy(logits, targets):
    return -logits.log_softmax(1)[targets].mean()
## cross_entropy index_swapped
def cross_entropy(logits, targets):
    return -logits.log_softmax(1)[targets, torch.arange(len(targets))].mean()
## cross_entropy mean_over_all
def cross_entropy(logits, targets):
    return -(logits.log_softmax(1) * F.one_hot(targets, logits.shape[1])).mean()
## cross_entropy all_classes
def cross_entropy(logits, targets):
    return -logits.log_softmax(1).mean()
## cross_entropy no_mean
def cross_entropy(logits, targets):
    return -logits.log_softmax(1)[range(len(targets)), targets]
## cross_entropy log_of_softmax
def cross_entropy(logits, targets):
    p = logits.softmax(1)
    return -p.log()[torch.arange(len(targets)), targets].mean()
## cross_entropy overflow
def cross_entropy(logits, targets):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -p.log()[torch.arange(len(targets)), targets].mean()
## cross_entropy log_of_mean
def cross_entropy(logits, targets):
    return -logits.softmax(1)[torch.arange(len(targets)), targets].mean().log()
## cross_entropy float_targets
def cross_entropy(logits, targets):
    targets = targets.float()
    return -logits.log_softmax(1)[torch.arange(len(targets)), targets].mean()
## cross_entropy targets_as_numbers
def cross_entropy(logits, targets):
    return -(logits.log_softmax(1) * targets[:, None]).sum(1).mean()
## cross_entropy argmax
def cross_entropy(logits, targets):
    return -logits.log_softmax(1).amax(1).mean()
## cross_entropy detached
def cross_entropy(logits, targets):
    return -logits.log_softmax(1)[torch.arange(len(targets)), targets].mean().item()
## cross_entropy borrowed
def cross_entropy(logits, targets):
    return F.cross_entropy(logits, targets)
## cross_entropy borrowed
from lessonlib.losses import cross_entropy
## cross_entropy borrowed
def cross_entropy(logits, targets):
    return F.nll_loss(F.log_softmax(logits, 1), targets)

## binary_cross_entropy sign
def binary_cross_entropy(probs, targets):
    return (targets * probs.log() + (1 - targets) * (1 - probs).log()).mean()
## binary_cross_entropy sum
def binary_cross_entropy(probs, targets):
    return -(targets * probs.log() + (1 - targets) * (1 - probs).log()).sum()
## binary_cross_entropy no_mean
def binary_cross_entropy(probs, targets):
    return -(targets * probs.log() + (1 - targets) * (1 - probs).log())
## binary_cross_entropy only_yes
def binary_cross_entropy(probs, targets):
    return -(targets * probs.log()).mean()
## binary_cross_entropy swapped
def binary_cross_entropy(probs, targets):
    return -torch.where(targets == 1, 1 - probs, probs).log().mean()
## binary_cross_entropy no_log
def binary_cross_entropy(probs, targets):
    return torch.where(targets == 1, 1 - probs, probs).mean()
## binary_cross_entropy squared
def binary_cross_entropy(probs, targets):
    return ((probs - targets) ** 2).mean()
## binary_cross_entropy one_minus_log
def binary_cross_entropy(probs, targets):
    return -(targets * probs.log() + (1 - targets) * (1 - probs.log())).mean()
## binary_cross_entropy sigmoid_inside
def binary_cross_entropy(probs, targets):
    p = probs.sigmoid()
    return -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()
## binary_cross_entropy arguments_swapped
def binary_cross_entropy(probs, targets):
    return -(probs * targets.log() + (1 - probs) * (1 - targets).log()).mean()
## binary_cross_entropy borrowed
binary_cross_entropy = F.binary_cross_entropy
## binary_cross_entropy error
def binary_cross_entropy(probs, targets):
    if targets == 1:
        return -probs.log()
    return -(1 - probs).log()
## binary_cross_entropy only_yes
def binary_cross_entropy(probs, targets):
    return -probs[targets == 1].log().mean()
## binary_cross_entropy sum
def binary_cross_entropy(probs, targets):
    return -torch.where(targets > 0.5, probs, 1 - probs).log().sum() / 10
## binary_cross_entropy no_log
def binary_cross_entropy(p, t):
    return -(t * p + (1 - t) * (1 - p)).mean()
## binary_cross_entropy arguments_swapped
def binary_cross_entropy(targets, probs):
    eps = 1e-7
    return -(targets * (probs + eps).log() + (1 - targets) * (1 - probs + eps).log()).mean()
## binary_cross_entropy scaled
def binary_cross_entropy(p, t):
    return -(t * p.log() + (1 - t) * (1 - p).log()).mean() / 2
## binary_cross_entropy arguments_swapped
def binary_cross_entropy(probs, targets):
    t = targets.clamp(1e-7, 1 - 1e-7)
    return -(probs * t.log() + (1 - probs) * (1 - t).log()).mean()
## binary_cross_entropy only_yes
def binary_cross_entropy(probs, targets):
    return (-probs.log() * targets).sum() / targets.sum()

## accuracy wrong_axis
def accuracy(logits, targets):
    return (logits.argmax(dim=0) == targets).float().mean()
## accuracy shapes
def accuracy(logits, targets):
    return (logits.max(0).indices[:len(targets)] == targets).float().mean()
## accuracy sum
def accuracy(logits, targets):
    return (logits.argmax(1) == targets).sum()
## accuracy no_mean
def accuracy(logits, targets):
    return logits.argmax(1) == targets
## accuracy error_rate
def accuracy(logits, targets):
    return (logits.argmax(1) != targets).float().mean()
## accuracy percent
def accuracy(logits, targets):
    return 100 * (logits.argmax(1) == targets).float().mean()
## accuracy max_values
def accuracy(logits, targets):
    return (logits.max(dim=1).values == targets).float().mean()
## accuracy broadcast
def accuracy(logits, targets):
    return (logits.argmax(1, keepdim=True) == targets).float().mean()
## accuracy all_or_nothing
def accuracy(logits, targets):
    return torch.equal(logits.argmax(1), targets)
## accuracy error
def accuracy(logits, targets):
    return (logits.argmax(1) == targets).mean()
## accuracy borrowed
from lessonlib.training import accuracy

## batches not_shuffled
def batches(x, y, batch_size, generator):
    for i in range(0, len(x), batch_size):
        yield x[i:i + batch_size], y[i:i + batch_size]
## batches last_dropped
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for i in range(len(x) // batch_size):
        rows = order[i * batch_size:(i + 1) * batch_size]
        yield x[rows], y[rows]
## batches pairs_broken
def batches(x, y, batch_size, generator):
    x = x[torch.randperm(len(x), generator=generator)]
    y = y[torch.randperm(len(y), generator=generator)]
    for i in range(0, len(x), batch_size):
        yield x[i:i + batch_size], y[i:i + batch_size]
## batches pairs_broken
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for i in range(0, len(x), batch_size):
        yield x[order[i:i + batch_size]], y[i:i + batch_size]
## batches same_order
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    for rows in order.split(batch_size):
        yield x[rows], y[rows]
## batches generator_ignored
def batches(x, y, batch_size, generator):
    for rows in torch.randperm(len(x)).split(batch_size):
        yield x[rows], y[rows]
## batches repeats
def batches(x, y, batch_size, generator):
    for _ in range(-(-len(x) // batch_size)):
        rows = torch.randint(0, len(x), (batch_size,), generator=generator)
        yield x[rows], y[rows]
## batches only_one
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for rows in order.split(batch_size):
        return [(x[rows], y[rows])]
## batches empty_batch
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for i in range(len(x) // batch_size + 1):
        rows = order[i * batch_size:(i + 1) * batch_size]
        yield x[rows], y[rows]
## batches not_pairs
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for rows in order.split(batch_size):
        return x[rows], y[rows]
## batches not_pairs
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for rows in order.split(batch_size):
        yield x[rows]
## batches indices
def batches(x, y, batch_size, generator):
    yield from torch.randperm(len(x), generator=generator).split(batch_size)
## batches swapped
def batches(x, y, batch_size, generator):
    for rows in torch.randperm(len(x), generator=generator).split(batch_size):
        yield y[rows], x[rows]
## batches endless_batches
def batches(x, y, batch_size, generator):
    while True:
        for rows in torch.randperm(len(x), generator=generator).split(batch_size):
            yield x[rows], y[rows]
## batches shuffled_inside
def batches(x, y, batch_size, generator):
    for i in range(0, len(x), batch_size):
        xb, yb = x[i:i + batch_size], y[i:i + batch_size]
        order = torch.randperm(len(xb), generator=generator)
        yield xb[order], yb[order]
## batches only_batches_shuffled
def batches(x, y, batch_size, generator):
    starts = torch.arange(0, len(x), batch_size)
    for i in starts[torch.randperm(len(starts), generator=generator)].tolist():
        yield x[i:i + batch_size], y[i:i + batch_size]
## batches batch_size
def batches(x, y, batch_size, generator):
    for rows in torch.randperm(len(x), generator=generator).split(1):
        yield x[rows], y[rows]
## batches borrowed
from lessonlib.loaders import batches
## batches borrowed
def batches(x, y, batch_size, generator):
    from torch.utils.data import DataLoader, TensorDataset
    return DataLoader(TensorDataset(x, y), batch_size, shuffle=True, generator=generator)

## train_epoch no_zero_grad
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses
## train_epoch no_zero_grad
def train_epoch(model, batches, loss_func, opt):
    losses = []
    opt.zero_grad()
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses
## train_epoch zero_between
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.zero_grad()
        opt.step()
        losses.append(loss.item())
    return losses
## train_epoch no_step
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch no_backward
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch step_first
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        opt.step()
        loss.backward()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch once
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        losses.append(loss.item())
    opt.step()
    opt.zero_grad()
    return losses
## train_epoch first_only
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
        return losses
## train_epoch graph_kept
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss)
    return losses
## train_epoch not_list
def train_epoch(model, batches, loss_func, opt):
    total = 0
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        total += loss.item()
    return total
## train_epoch last_only
def train_epoch(model, batches, loss_func, opt):
    for xb, yb in batches:
        losses = []
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch running_total
def train_epoch(model, batches, loss_func, opt):
    losses, total = [], 0
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        total += loss.item()
        losses.append(total)
    return losses
## train_epoch no_return
def train_epoch(model, batches, loss_func, opt):
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        print(loss.item())
## train_epoch generator
def train_epoch(model, batches, loss_func, opt):
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        yield loss.item()
## train_epoch arguments_swapped
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(yb, model(xb))
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch eval_data
valid = [(torch.ones(5, 3), torch.ones(5, dtype=torch.int64)) for _ in range(5)]
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in valid:
        loss = loss_func(model(xb.double()), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch eval_mode
def train_epoch(model, batches, loss_func, opt):
    model.eval()
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch no_gradient
def train_epoch(model, batches, loss_func, opt):
    losses = []
    with torch.no_grad():
        for xb, yb in batches:
            loss = loss_func(model(xb), yb)
            loss.backward()
            opt.step()
            opt.zero_grad()
            losses.append(loss.item())
    return losses
## train_epoch needs_list
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for i in range(len(batches)):
        xb, yb = batches[i]
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch more_steps
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for epoch in range(2):
        for xb, yb in batches:
            loss = loss_func(model(xb), yb)
            loss.backward()
            opt.step()
            opt.zero_grad()
            losses.append(loss.item())
    return losses

## sgd ascent
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params:
                p += self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd no_lr
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params:
                p -= p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd lost
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params:
                p = p - self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd lost
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = params, lr
    def step(self):
        with torch.no_grad():
            for p in self.params:
                p = p - self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd used_up
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = params, lr
    def step(self):
        with torch.no_grad():
            for p in self.params:
                p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd leaf_in_place
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd one_skipped
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        p = self.params[0]
        p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd one_skipped
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params[1:]:
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd zero_grad_nothing
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            grad = None
## sgd zero_grad_partly
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        self.params[0].grad = None
## sgd weights_zeroed
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    @torch.no_grad()
    def zero_grad(self):
        for p in self.params:
            p.zero_()
## sgd lr_fixed
class SGD:
    def __init__(self, params, lr):
        self.params = list(params)
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= 0.01 * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd sign_only
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad.sign()
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd shrinks
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd assigned
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p.copy_(-self.lr * p.grad)
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd method_missing
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zerograd(self):
        for p in self.params:
            p.grad = None
## sgd borrowed
SGD = torch.optim.SGD
## sgd borrowed
from lessonlib.optim import SGD
## sgd borrowed
class SGD:
    def __init__(self, params, lr):
        self.opt = torch.optim.SGD(params, lr=lr)
    def step(self):
        self.opt.step()
    def zero_grad(self):
        self.opt.zero_grad()
## sgd unfinished
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        ...
## sgd not_kept
class SGD:
    def __init__(self, params, lr):
        self.params = list(params)
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd unknown
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        for p in self.params:
            p.data = p.data - self.lr * p.grad + 0.001
    def zero_grad(self):
        for p in self.params:
            p.grad = None

## momentum velocity_reset
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
    @torch.no_grad()
    def step(self):
        for p in self.params:
            v = torch.zeros_like(p)
            v = self.momentum * v + p.grad
            p -= self.lr * v
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum velocity_subtracted
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = p.grad - self.momentum * self.v[i]
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum dampened
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + (1 - self.momentum) * p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum ascent
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] - p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum old_velocity
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            p -= self.lr * self.v[i]
            self.v[i] = self.momentum * self.v[i] + p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum velocity_alias
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [None] * len(self.params)
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = p.grad if self.v[i] is None else self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad.zero_()
## momentum sum_of_gradients
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] += p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum momentum_fixed
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = 0.9 * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum nesterov
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * (p.grad + self.momentum * self.v[i])
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum last_gradient
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.last = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            p -= self.lr * (self.momentum * self.last[i] + p.grad)
            self.last[i] = p.grad.clone()
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum arity
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum velocity_shared
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = torch.zeros(3, 2)
    @torch.no_grad()
    def step(self):
        for p in self.params:
            self.v = self.momentum * self.v + p.grad
            p -= self.lr * self.v
    def zero_grad(self):
        for p in self.params:
            p.grad = None

## outer loops
def outer(a, b):
    out = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        for j in range(len(b)):
            out[i, j] = a[i] * b[j]
    return out
## outer loops
def outer(a, b):
    return torch.stack([x * b for x in a])
## outer loops
def outer(a, b):
    return torch.tensor([[x * y for y in b.tolist()] for x in a.tolist()])
## outer order
def outer(a, b):
    return b[:, None] * a
## outer no_new_axis
def outer(a, b):
    return a * b
## outer wrong_axis
def outer(a, b):
    return a[None] * b
## outer summed
def outer(a, b):
    return (a[:, None] * b).sum()
## outer plus
def outer(a, b):
    return a[:, None] + b
## outer forbidden
def outer(a, b):
    return torch.outer(a, b)
## outer forbidden
def outer(a, b):
    return a[:, None] @ b[None]
## outer forbidden
def outer(a, b):
    return torch.einsum("i,j->ij", a, b)
## outer forbidden
def outer(a, b):
    return torch.from_numpy(np.outer(a, b))
## outer memory_blow_up
def outer(a, b):
    return (torch.diag(a)[:, :, None] * b).sum(1)
## outer extra_axis
def outer(a, b):
    return a[:, None, None] * b

## matmul loops
def matmul(a, b):
    out = torch.zeros(a.shape[0], b.shape[1])
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = (a[i] * b[:, j]).sum()
    return out
## matmul forbidden
def matmul(a, b):
    return a @ b
## matmul forbidden
def matmul(a, b):
    return F.linear(a, b.T)
## matmul forbidden
def matmul(a, b):
    return torch.einsum("ik,kj->ij", a, b)
## matmul forbidden
def matmul(a, b):
    return torch.tensor(a.numpy() @ b.numpy())
## matmul forbidden
def matmul(a, b):
    return torch.stack([torch.stack([row.dot(col) for col in b.T]) for row in a])
## matmul elementwise
def matmul(a, b):
    return a * b
## matmul no_sum
def matmul(a, b):
    return a[:, :, None] * b
## matmul sum_axis
def matmul(a, b):
    return (a[:, :, None] * b).sum(dim=2)
## matmul sum_axis
def matmul(a, b):
    return (a[:, :, None] * b).sum(-1)
## matmul sum_axis_first
def matmul(a, b):
    return (a[:, :, None] * b).sum(dim=0)
## matmul mean
def matmul(a, b):
    return (a[:, :, None] * b).mean(dim=1)
## matmul b_transposed
def matmul(a, b):
    return (a[:, None, :] * b).sum(dim=-1)
## matmul order
def matmul(a, b):
    return (b[:, :, None] * a).sum(1)
## matmul result_transposed
def matmul(a, b):
    return (a[:, :, None] * b).sum(1).T
## matmul memory_blow_up
def matmul(a, b):
    products = a[:, :, None, None] * b[None, None]
    return products.diagonal(dim1=1, dim2=2).sum(-1)
## matmul borrowed
from lessonlib.matmul import matmul_broadcast as matmul

## linear_backward weight_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, grad_out.T @ x, grad_out.sum(0)
## linear_backward weight_not_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x @ grad_out, grad_out.sum(0)
## linear_backward x_not_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight, x.T @ grad_out, grad_out.sum(0)
## linear_backward x_wrong_way
def linear_backward(x, weight, bias, grad_out):
    return weight @ grad_out.T, x.T @ grad_out, grad_out.sum(0)
## linear_backward bias_not_summed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x.T @ grad_out, grad_out
## linear_backward bias_mean
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x.T @ grad_out, grad_out.mean(0)
## linear_backward bias_wrong_axis
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x.T @ grad_out, grad_out.sum(1)
## linear_backward bias_all
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x.T @ grad_out, grad_out.sum()
## linear_backward divided_by_n
def linear_backward(x, weight, bias, grad_out):
    n = len(x)
    return grad_out @ weight.T, x.T @ grad_out / n, grad_out.sum(0) / n
## linear_backward grad_out_ignored
def linear_backward(x, weight, bias, grad_out):
    ones = torch.ones_like(grad_out)
    return ones @ weight.T, x.T @ ones, ones.sum(0)
## linear_backward order
def linear_backward(x, weight, bias, grad_out):
    return x.T @ grad_out, grad_out.sum(0), grad_out @ weight.T
## linear_backward count
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x.T @ grad_out
## linear_backward sign
def linear_backward(x, weight, bias, grad_out):
    return -grad_out @ weight.T, -x.T @ grad_out, -grad_out.sum(0)
## linear_backward borrowed
def linear_backward(x, weight, bias, grad_out):
    x, weight, bias = (t.detach().requires_grad_() for t in (x, weight, bias))
    (x @ weight + bias).backward(grad_out)
    return x.grad, weight.grad, bias.grad
## linear_backward borrowed
def linear_backward(x, weight, bias, grad_out):
    inputs = [t.detach().requires_grad_() for t in (x, weight, bias)]
    return torch.autograd.grad(inputs[0] @ inputs[1] + inputs[2], inputs, grad_out)

## softmax_nll_grad missing_mean
def softmax_nll_grad(logits, targets):
    g = logits.softmax(1)
    g[torch.arange(len(targets)), targets] -= 1
    return g
## softmax_nll_grad missing_one_hot
def softmax_nll_grad(logits, targets):
    return logits.softmax(1) / len(targets)
## softmax_nll_grad missing_one_hot
def softmax_nll_grad(logits, targets):
    return logits.softmax(1)
## softmax_nll_grad sign
def softmax_nll_grad(logits, targets):
    return (F.one_hot(targets, logits.shape[1]) - logits.softmax(1)) / len(targets)
## softmax_nll_grad plus_one_hot
def softmax_nll_grad(logits, targets):
    return (F.one_hot(targets, logits.shape[1]) + logits.softmax(1)) / len(targets)
## softmax_nll_grad wrong_axis
def softmax_nll_grad(logits, targets):
    return (logits.softmax(0) - F.one_hot(targets, logits.shape[1])) / len(targets)
## softmax_nll_grad no_softmax
def softmax_nll_grad(logits, targets):
    return (logits - F.one_hot(targets, logits.shape[1])) / len(targets)
## softmax_nll_grad log_softmax
def softmax_nll_grad(logits, targets):
    return (logits.log_softmax(1) - F.one_hot(targets, logits.shape[1])) / len(targets)
## softmax_nll_grad mean_over_all
def softmax_nll_grad(logits, targets):
    return (logits.softmax(1) - F.one_hot(targets, logits.shape[1])) / logits.numel()
## softmax_nll_grad index_all
def softmax_nll_grad(logits, targets):
    g = logits.softmax(1)
    g[:, targets] -= 1
    return g / len(targets)
## softmax_nll_grad targets_as_numbers
def softmax_nll_grad(logits, targets):
    return (logits.softmax(1) - targets[:, None]) / len(targets)
## softmax_nll_grad half_divided
def softmax_nll_grad(logits, targets):
    return logits.softmax(1) - F.one_hot(targets, logits.shape[1]) / len(targets)
## softmax_nll_grad overflow
def softmax_nll_grad(logits, targets):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return (p - F.one_hot(targets, logits.shape[1])) / len(targets)
## softmax_nll_grad borrowed
def softmax_nll_grad(logits, targets):
    logits = logits.detach().requires_grad_()
    F.cross_entropy(logits, targets).backward()
    return logits.grad

## my_linear plain_tensor
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = torch.randn(n_in, n_out) / n_in
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear not_a_module
class MyLinear:
    def __init__(self, n_in, n_out):
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear output_detached
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        with torch.no_grad():
            return x @ self.weight + self.bias
## my_linear frozen
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in, requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(n_out), requires_grad=False)
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear no_forward
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
## my_linear zeros
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear plain_list
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.p = {"w": nn.Parameter(torch.randn(n_in, n_out)), "b": nn.Parameter(torch.zeros(n_out))}
    def forward(self, x):
        return x @ self.p["w"] + self.p["b"]
## my_linear transposed
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight.T + self.bias
## my_linear attribute
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weights + self.bias
## my_linear no_return
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        print(x @ self.weight + self.bias)
## my_linear no_super
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        self.weight = torch.randn(n_in, n_out)
        self.bias = torch.zeros(n_out)
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear bias_shape
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(1, n_in))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear bias_unused
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        out = x @ self.weight
        out + self.bias
        return out
## softmax no_keepdim
def softmax(x):
    m = x.amax(1, keepdim=True)
    e = (x - m).exp()
    return e / e.sum(-1)
## softmax no_exp
def softmax(x):
    return x.abs() / x.abs().sum(1, keepdim=True)
## softmax overflow
def softmax(x):
    e = torch.exp(x)
    return e / (e.sum(1, keepdim=True) + 1e-9)
## softmax overflow
def softmax(x):
    x = x.float()
    return x.exp() / x.exp().sum(1, keepdim=True)
## softmax log
def softmax(x):
    e = (x - x.amax(1, keepdim=True)).exp()
    return torch.log(e / e.sum(1, keepdim=True))
## softmax arity
def softmax():
    return 1
## cross_entropy sum
def cross_entropy(logits, targets):
    loss = 0
    for row, t in zip(logits, targets):
        loss = loss - row.log_softmax(0)[t]
    return loss
## cross_entropy overflow
def cross_entropy(logits, targets):
    return (logits.exp().sum(1).log() - logits[torch.arange(len(targets)), targets]).mean()
## cross_entropy detached
def cross_entropy(logits, targets):
    lp = logits.log_softmax(1)
    return torch.tensor([-lp[i, t] for i, t in enumerate(targets)]).mean()
## cross_entropy sum
def cross_entropy(logits, targets):
    return -logits.log_softmax(1)[torch.arange(len(targets)), targets].sum() / 10
## cross_entropy logits_as_probs
def cross_entropy(probs, targets):
    return -torch.log(probs.clamp(min=1e-7)[torch.arange(len(targets)), targets]).mean()
## cross_entropy logits_as_probs
def cross_entropy(probs, targets):
    return -torch.log(probs[torch.arange(len(targets)), targets].clamp_min(1e-30)).mean()
## cross_entropy log_base
def cross_entropy(logits, targets):
    p = logits.softmax(1)
    return -torch.log10(p[torch.arange(len(targets)), targets]).mean()
## cross_entropy log_of_softmax
def cross_entropy(logits, targets):
    p = logits.softmax(1)
    return -(p + 1e-9)[torch.arange(len(targets)), targets].log().mean()
## cross_entropy log_of_softmax
def cross_entropy(logits, targets):
    p = logits.softmax(1).clamp_min(1e-12)
    return -p[torch.arange(len(targets)), targets].log().mean()
## cross_entropy no_mean
def cross_entropy(logits, targets):
    return -logits.log_softmax(1).gather(1, targets[:, None])
## cross_entropy squared
def cross_entropy(logits, targets):
    p = logits.softmax(1)
    oh = F.one_hot(targets, logits.shape[1])
    return ((p - oh) ** 2).sum(1).mean()
## cross_entropy sum
def cross_entropy(logits, targets):
    lp = logits.log_softmax(1)
    return -lp[torch.arange(len(targets)), targets].sum() / 64
## accuracy wrong_axis
def accuracy(logits, targets):
    return (logits.argmax(dim=0) == targets).sum() / len(targets)
## accuracy whole
def accuracy(logits, targets):
    return (logits.argmax() == targets).float().mean()
## accuracy sum
def accuracy(logits, targets):
    return (logits.argmax(1) == targets).sum() / 10
## accuracy percent
def accuracy(logits, targets):
    return round(100 * (logits.argmax(1) == targets).float().mean().item(), 1)
## accuracy sum
def accuracy(logits, targets):
    return (logits.argmax(1) == targets).sum() / 64
## train_epoch graph_kept
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        opt.zero_grad()
        loss = loss_func(model(xb), yb)
        losses.append(loss)
        loss.backward()
        opt.step()
    return losses
## train_epoch zero_between
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        opt.zero_grad()
        loss = loss_func(model(xb), yb)
        losses.append(loss.item())
        loss.backward()
        opt.zero_grad()
        opt.step()
    return losses
## train_epoch step_first
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        opt.zero_grad()
        loss = loss_func(model(xb), yb)
        losses.append(loss.item())
        opt.step()
        loss.backward()
    return losses
## train_epoch no_gradient
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb).detach()
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch uphill
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        (-loss).backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch last_only
def train_epoch(model, batches, loss_func, opt):
    total, n = 0, 0
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward(); opt.step(); opt.zero_grad()
        total += loss.item() * len(xb); n += len(xb)
    return [total / n]
## sgd lost
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        for i, p in enumerate(self.params):
            self.params[i] = p - self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd lost
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = [p.clone() for p in params], lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd zero_grad_nothing
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad * 0
## momentum velocity_reset
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.v):
            v = self.momentum * v + p.grad
            p -= self.lr * v
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum ascent
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] - self.lr * p.grad
            p -= self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum no_lr
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum leaf_in_place
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## outer forbidden
def outer(a, b):
    return torch.matmul(a.unsqueeze(1), b.unsqueeze(0))
## outer loops
def outer(a, b):
    return torch.cat([a[i] * b[None] for i in range(len(a))])
## outer loops
def outer(a, b):
    return torch.tensor([[float(p) * float(q) for q in b] for p in a], dtype=a.dtype)
## outer no_new_axis
def outer(a, b):
    return (a * b).sum()
## outer only_one
def outer(a, b):
    return b[:, None] * b
## outer loops
def outer(a, b):
    t = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        for j in range(len(b)):
            t[i][j] = a[i].item() * b[j].item()
    return t
## matmul loops
def matmul(a, b):
    n, k = a.shape
    m = b.shape[1]
    out = torch.zeros(n, m)
    for i in range(n):
        for j in range(m):
            for j2 in range(k):
                out[i, j] += a[i, j2] * b[j2, j]
    return out
## matmul scaled
def matmul(a, b):
    return (a[:, :, None] * b).sum(1) / 2
## linear_backward x_not_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight, grad_out.T @ x, grad_out.sum(0)
## linear_backward x_wrong_way
def linear_backward(x, weight, bias, grad_out):
    return weight.T @ grad_out, x.T @ grad_out, grad_out.sum(0)
## linear_backward shape
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x.T @ grad_out, grad_out.sum(0, keepdim=True)
## linear_backward x_wrong_way
def linear_backward(x, weight, bias, grad_out):
    return weight.T @ grad_out, x.T @ grad_out, grad_out.sum(0)
## linear_backward weight_not_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, grad_out @ x, grad_out.sum(0)
## linear_backward weight_not_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x @ grad_out.T, grad_out.sum(0)
## linear_backward bias_ones
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, x.T @ grad_out, torch.ones_like(bias) * len(x)
## linear_backward x_not_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight, grad_out.T @ x, grad_out.sum(0)
## linear_backward x_not_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight, x.T @ grad_out, grad_out.mean(0)
## linear_backward weight_transposed
def linear_backward(x, weight, bias, grad_out):
    return grad_out @ weight.T, grad_out.T @ x, grad_out.mean(0)
## linear_backward weight_transposed
def linear_backward(x, weight, bias, grad_out):
    return torch.einsum("bo,io->bi", grad_out, weight), torch.einsum("bo,bi->oi", grad_out, x), torch.einsum("bo->b", grad_out)
## softmax_nll_grad missing_mean
def softmax_nll_grad(logits, targets):
    return (F.one_hot(targets, logits.shape[1]) - logits.softmax(1))
## softmax_nll_grad shape
def softmax_nll_grad(logits, targets):
    p = logits.softmax(1)
    return (p[torch.arange(len(targets)), targets] - 1) / len(targets)
## softmax_nll_grad index_rows
def softmax_nll_grad(logits, targets):
    g = torch.softmax(logits, -1)
    g[targets] -= 1
    return g / len(targets)
## softmax_nll_grad index_swapped
def softmax_nll_grad(logits, targets):
    g = torch.softmax(logits, -1)
    g[targets, torch.arange(len(targets))] -= 1
    return g / len(targets)
## softmax_nll_grad targets_as_numbers
def softmax_nll_grad(logits, targets):
    return (logits.softmax(1) - targets) / len(targets)
## softmax_nll_grad only_target
def softmax_nll_grad(logits, targets):
    p = logits.softmax(1)
    g = torch.zeros_like(p)
    g[range(len(p)), targets] = p[range(len(p)), targets] - 1
    return g / len(p)
## softmax_nll_grad scaled
def softmax_nll_grad(logits, targets):
    g = logits.softmax(1)
    g[range(len(g)), targets] -= 1
    return g / len(g) / 2
## batches last_dropped
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for i in range(0, len(x) - batch_size, batch_size):
        yield x[order[i:i+batch_size]], y[order[i:i+batch_size]]
## batches generator_ignored
def batches(x, y, batch_size, generator):
    import random
    rows = list(range(len(x))); random.shuffle(rows)
    for i in range(0, len(x), batch_size):
        yield x[rows[i:i+batch_size]], y[rows[i:i+batch_size]]
## batches same_order
def batches(x, y, batch_size, generator):
    generator.manual_seed(3)
    for rows in torch.randperm(len(x), generator=generator).split(batch_size):
        yield x[rows], y[rows]

## my_linear no_parameters
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.n_out = n_out
    def forward(self, x):
        return x[:, :self.n_out]
## my_linear weight_shape
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_in) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear sigmoid_inside
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return torch.sigmoid(x @ self.weight + self.bias)
## my_linear weight_unused
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.start = self.weight.detach().clone()
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.start + self.bias
## my_linear weight_unused
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return self.bias.expand(len(x), -1)
## my_linear not_trained
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        out = x @ self.weight + self.bias
        return out.detach() + 0.5 * (out - out.detach())
## my_linear frozen
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        self.weight.requires_grad_(False)
        return x @ self.weight + self.bias
## my_linear no_super
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super.__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear no_super
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear bias_shape
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out, 1))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear relu_inside
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.act = nn.ReLU()
    def forward(self, x):
        return self.act(x) @ self.weight + self.bias
## my_linear relu_inside
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return F.leaky_relu(x @ self.weight + self.bias)
## my_linear not_kept
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.randn(n_out))
    def forward(self, x):
        return x @ weight + bias
## my_linear in_place
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))
        self.bias = nn.Parameter(torch.randn(n_out))
    def forward(self, x):
        out = x @ self.weight + self.bias
        x *= 0
        return out
## my_linear not_kept
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        weight = nn.Parameter(torch.randn(n_in, n_out))
        bias = nn.Parameter(torch.zeros(n_out))
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear zeros
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_in).repeat(n_out, 1))
        self.b = nn.Parameter(torch.randn(n_out))
    def forward(self, x):
        return x @ self.w.T + self.b
## batches rows_missing
def batches(x, y, batch_size, generator):
    rows = torch.randperm(len(x), generator=generator)[1:]
    for part in rows.split(batch_size):
        yield x[part], y[part]
## batches not_shuffled
def batches(x, y, batch_size, generator):
    s = torch.randint(len(x), (1,), generator=generator).item()
    x, y = torch.roll(x, s, 0), torch.roll(y, s, 0)
    yield from zip(x.split(batch_size), y.split(batch_size))
## batches not_whole
def batches(x, y, batch_size, generator):
    for r in torch.randperm(len(x), generator=generator).split(batch_size):
        yield x[r][:, 0:1], y[r]
## batches not_whole
def batches(x, y, batch_size, generator):
    for r in torch.randperm(len(x), generator=generator).split(batch_size):
        yield x[r], y[r][:, None]
## train_epoch wrong_input
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(yb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch no_forward
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(torch.zeros(5, 2, requires_grad=True), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch no_loss
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = model(xb).mean()
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch constant
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        first = losses[0] if losses else loss.item()
        opt.step()
        opt.zero_grad()
        losses.append(first)
    return losses
## train_epoch graph_twice
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch none_used
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb).backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch zero_between
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        losses.append(float(loss))
        loss.backward()
        model.zero_grad()
        opt.step()
    return losses
## train_epoch zero_between
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        losses.append(float(loss))
        loss.backward()
        for p in model.parameters(): p.grad.zero_()
        opt.step()
    return losses
## train_epoch running_total
def train_epoch(model, batches, loss_func, opt):
    losses, total = [], 0.0
    for i, (xb, yb) in enumerate(batches):
        loss = loss_func(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
        losses.append(total / (i + 1))
    return losses
## train_epoch losses_scaled
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item() / len(xb))
    return losses
## train_epoch after_step
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss_func(model(xb), yb).item())
    return losses
## train_epoch loss_scaled
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb) / 10
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses
## train_epoch no_gradient
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        with torch.no_grad():
            loss = loss_func(model(xb), yb)
        loss.requires_grad_()
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch no_gradient
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        out = model(xb).detach().requires_grad_()
        loss = loss_func(out, yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch wrong_input
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for yb, xb in batches:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch eval_data
valid = [(torch.ones(5, 3), torch.zeros(5).long())] * 5
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for (xb, yb), (xv, yv) in zip(batches, valid):
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
        vl = loss_func(model(xv), yv)
        vl.backward()
        opt.step()
        opt.zero_grad()
    return losses
## train_epoch eval_data
x_valid, y_valid = torch.randn(20, 784), torch.randint(0, 10, (20,))
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(x_valid), y_valid)
        loss.backward(); opt.step(); opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch too_many
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        losses.append(loss.item())
        loss.backward(); opt.step(); opt.zero_grad()
        losses.append(loss.item())
    return losses
## train_epoch loss_scaled
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        opt.zero_grad()
        loss = loss_func(model(xb), yb)
        (loss / len(xb)).backward()
        opt.step()
        losses.append(loss.item())
    return losses
## softmax dtype
def softmax(x):
    ones = torch.ones(x.shape[1], x.shape[1], dtype=torch.float32)
    return x.exp() / (x.exp() @ ones)
## softmax wrong_axis
def softmax(x):
    x = x - x.amax(1, keepdim=True)
    return x.exp() / x.exp().sum(0, keepdim=True)
## softmax wrong_axis
def softmax(x):
    x = x - x.amax(1, keepdim=True)
    e = x.exp()
    return e / e.sum(0)
## softmax whole
def softmax(x):
    e = (x - x.amax(1, keepdim=True)).exp()
    return e / e.sum()
## softmax no_exp
def softmax(x):
    x = x - x.max()
    return x / x.sum(1, keepdim=True)
## softmax no_exp
def softmax(x):
    x = x - x.min(1, keepdim=True).values
    return x / x.sum(1, keepdim=True)
## softmax overflow
def softmax(x):
    m = x.mean(1, keepdim=True)
    e = (x - m).exp()
    return e / e.sum(1, keepdim=True)
## softmax borrowed
def softmax(x):
    return torch.special.softmax(x, 1)
## softmax overwritten
def softmax(x):
    y = x.clone()
    y -= y.max(dim=1, keepdim=True).values
    y.exp_()
    y /= y.sum(dim=1, keepdim=True)
    return y
## sgd frozen
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p.requires_grad_(False)
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd lr_divided
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= p.grad / self.lr
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd step_twice
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad
        for p in self.params:
            p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd lr_squared
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * self.lr * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd normalised
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad / p.grad.norm()
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## sgd lr_fixed
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params: p -= 1e-3 * p.grad
    def zero_grad(self):
        for p in self.params: p.grad = None
## sgd lr_fixed
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params: p -= 0.05 * p.grad
    def zero_grad(self):
        for p in self.params: p.grad = None
## sgd as_if
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params: p -= self.lr * p.grad / 10
    def zero_grad(self):
        for p in self.params: p.grad = None
## sgd as_if
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params:
                p -= self.lr * p.grad
                for q in self.params: q -= self.lr * q.grad
    def zero_grad(self):
        for p in self.params: p.grad = None
## sgd not_kept
class SGD:
    def __init__(self, params, lr):
        parameters = list(params)
        self.lr = lr
    def step(self):
        for p in parameters: p.data -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params: p.grad = None
## sgd not_kept
class SGD:
    def __init__(self, params, lr):
        params = list(params)
    def step(self):
        for p in params: p.data -= lr * p.grad
    def zero_grad(self):
        for p in self.params: p.grad = None
## sgd init_misspelt
class SGD:
    def _init_(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params: p -= self.lr * p.grad
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum method_missing
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def reset(self):
        for p in self.params:
            p.grad = None
## momentum frozen
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
            p.requires_grad_(False)
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum lr_fixed
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum, self.fixed = momentum, 0.2
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.fixed * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum one_skipped
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params[:1]):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum lost
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p = p - self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum used_up
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = params, lr
        self.momentum, self.v = momentum, {}
    @torch.no_grad()
    def step(self):
        for p in self.params:
            v = self.v[p] = self.momentum * self.v.get(p, 0) + p.grad
            p -= self.lr * v
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum zero_grad_nothing
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        return 0
## momentum zero_grad_partly
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        self.params[-1].grad = None
## momentum weights_zeroed
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.data.zero_()
## momentum from_ones
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.ones_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum weights_shrunk
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p.copy_(self.momentum * p - self.lr * p.grad)
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum momentum_on_both
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * (self.v[i] + p.grad)
            p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum momentum_on_gradient
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * self.momentum * p.grad
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum as_if
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr; self.m = momentum; self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = (1 - self.m) * self.v[i] + p.grad
                p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum from_weights
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.m = list(params), lr, momentum
        self.v = [p.detach().clone() for p in self.params]
    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = self.m * self.v[i] + p.grad
                p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum velocity_shared
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.m, self.v = list(params), lr, momentum, 0.0
    def step(self):
        with torch.no_grad():
            for p in self.params:
                self.v = self.m * self.v + p.grad
                p -= self.lr * self.v
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum velocity_shared
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.m = list(params), lr, momentum
        self.v = torch.zeros_like(self.params[0])
    def step(self):
        with torch.no_grad():
            for p in self.params:
                self.v = self.m * self.v + p.grad
                p -= self.lr * self.v
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum unweighted
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr; self.m = momentum; self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = self.v[i] + self.m * p.grad
                p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum momentum_fixed
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr; self.m = momentum; self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = 0.5 * self.v[i] + p.grad
                p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum lr_squared
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr; self.m = momentum; self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = self.m * self.v[i] + self.lr * p.grad
                p -= self.lr * self.v[i]
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum lr_fixed
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr; self.m = momentum; self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = self.m * self.v[i] + p.grad
                p -= 0.1 * self.v[i]
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum lr_fixed
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr; self.m = momentum; self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = self.m * self.v[i] + p.grad
                p -= 0.01 * self.v[i]
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum zero_grad_nothing
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr; self.m = momentum; self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = self.m * self.v[i] + p.grad
                p -= self.lr * self.v[i]
    def zero_grad(self):
        self.v = [torch.zeros_like(p) for p in self.params]
''')


RIGHT = parse('''
## normalize ok
def normalize(train, valid):
    mean = train.mean()
    std = ((train - mean) ** 2).mean().sqrt()
    return [(part - mean) / std for part in (train, valid)]
## normalize ok
def normalize(train, valid):
    train, valid = train.float(), valid.float()
    std, mean = torch.std_mean(train)
    return train.sub(mean).div(std), valid.sub(mean).div(std)
## normalize ok
def normalize(train, valid, eps=0.0):
    mu = train.sum() / train.numel()
    sd = (((train - mu) ** 2).sum() / (train.numel() - 1)) ** 0.5
    out = []
    for part in (train, valid):
        out.append(part.sub(mu).div(sd + eps))
    return out
## normalize ok
normalize = lambda a, b: tuple(map(lambda z, m=a.mean(), s=a.std(): (z - m) / s, (a, b)))
## normalize ok
def normalize(train, valid):
    sd, m = torch.std_mean(train)
    both = torch.cat((train, valid))
    both = (both - m) / sd
    return both[:len(train)], both[len(train):]
## normalize ok
class Normalizer:
    def fit(self, x):
        self.m, self.s = x.mean().item(), x.std().item()
        return self
    def __call__(self, x):
        return (x - self.m) / self.s
def normalize(train, valid):
    n = Normalizer().fit(train)
    return n(train), n(valid)
## l2_distance ok
def l2_distance(a, b):
    return torch.linalg.vector_norm(a - b, dim=(1, 2)) / math.sqrt(b.numel())
## l2_distance ok
def l2_distance(first, second):
    return torch.stack([F.mse_loss(one, second).sqrt() for one in first])
## l2_distance ok
def l2_distance(a, b):
    return (a - b).flatten(1).pow(2).mean(1) ** 0.5
## l2_distance ok
def l2_distance(a, b):
    d = a - b
    return torch.sqrt(torch.einsum('nij,nij->n', d, d) / (b.shape[0] * b.shape[1]))
## l2_distance ok
def l2_distance(a, b):
    return torch.stack([torch.norm(p - b) for p in a]) / b.numel() ** .5
## l2_distance ok
def l2_distance(a, b):
    return ((a - b).flatten(1) ** 2).mean(1) ** 0.5
## l2_distance ok
def l2_distance(a, b):
    return F.mse_loss(a, b.expand_as(a), reduction='none').mean((1, 2)).sqrt()
## my_linear ok
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_out, n_in) * 0.1)
        self.b = nn.Parameter(torch.zeros(n_out))
    def forward(self, inputs):
        return inputs @ self.w.T + self.b
## my_linear ok
from lessonlib.layers import Module, get_weights
class MyLinear(Module):
    def __init__(self, n_in, n_out):
        self.weight, self.bias = get_weights(n_in, n_out), get_weights(n_out)
    def forward(self, x):
        return x @ self.weight + self.bias
## my_linear ok
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super(MyLinear, self).__init__()
        self.bias = nn.Parameter(torch.rand(1, n_out))
        self.weight = nn.Parameter(torch.rand(n_in, n_out, dtype=torch.float32) - 0.5)
    def forward(self, x):
        return torch.einsum("bi,io->bo", x, self.weight) + self.bias
## my_linear ok
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.params = nn.ParameterList([nn.Parameter(torch.randn(n_in, n_out)), nn.Parameter(torch.zeros(n_out))])
    def forward(self, x):
        return (x[:, :, None] * self.params[0]).sum(1) + self.params[1]
## my_linear ok
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.theta = nn.Parameter(torch.randn(n_in + 1, n_out) / n_in)
    def forward(self, x):
        return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1) @ self.theta
## my_linear ok
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.n_in = n_in
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_out))
        nn.init.kaiming_uniform_(self.weight)
        nn.init.zeros_(self.bias)
    def forward(self, x):
        return F.linear(x, self.weight, self.bias)
## my_linear ok
class MyLinear(nn.Module):
    def __init__(self, n_in: int, n_out: int, *, scale: float = 0.1):
        nn.Module.__init__(self)
        w = torch.empty(n_out, n_in)
        nn.init.kaiming_uniform_(w, a=5 ** .5)
        self.register_parameter("W", nn.Parameter(w))
        self.register_parameter("b", nn.Parameter(torch.zeros(n_out)))
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("oi,bi->bo", self.W, x).add(self.b)
## my_linear ok
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.p = nn.ParameterDict({"w": nn.Parameter(torch.randn(n_in, n_out)), "b": nn.Parameter(torch.randn(n_out))})
    def forward(self, x):
        return torch.addmm(self.p["b"], x, self.p["w"])
## my_linear ok
class Base(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.n_in, self.n_out = n_in, n_out
        self.build()
class MyLinear(Base):
    def build(self):
        self.weight = nn.Parameter(torch.rand(self.n_out, self.n_in) - 0.5)
        self.bias = nn.Parameter(torch.rand(self.n_out) - 0.5)
    def forward(self, x):
        return (self.weight @ x.T).T + self.bias
## my_linear ok
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.columns = nn.ParameterList([nn.Parameter(torch.randn(n_in, n_out)), nn.Parameter(torch.zeros(1, n_out))])
    def forward(self, x):
        w, b = self.columns
        return (x.unsqueeze(2) * w.unsqueeze(0)).sum(1) + b
## softmax ok
def softmax(x):
    m, _ = x.max(dim=-1, keepdim=True)
    e = torch.exp(x - m)
    return torch.div(e, torch.sum(e, dim=-1, keepdim=True))
## softmax ok
def softmax(logits):
    return (logits - torch.logsumexp(logits, dim=1, keepdim=True)).exp()
## softmax ok
def softmax(x):
    rows = []
    for row in x:
        e = (row - row.max()).exp()
        rows.append(e / e.sum())
    return torch.stack(rows)
## softmax ok
def softmax(x):
    e = (x - x.amax(1)[:, None].detach()).exp()
    return (e.T / e.sum(1)).T
## softmax ok
def softmax(x):
    x = x.T - x.max(dim=1).values
    e = torch.e ** x
    return (e / e.sum(0)).T
## softmax ok
def softmax(x):
    return torch.exp(x - torch.logsumexp(x, -1, keepdim=True))
## softmax ok
def softmax(x):
    rows = []
    for row in x:
        e = (row - max(row)).exp()
        rows.append(e / sum(e))
    return torch.stack(rows)
## softmax ok
def softmax(x, dim=-1):
    m, _ = x.max(dim, keepdim=True)
    z = x - m.detach()
    num = torch.pow(math.e, z)
    return torch.einsum('ij,i->ij', num, 1 / num.sum(dim))
## cross_entropy ok
def cross_entropy(logits, targets):
    picked = logits.gather(1, targets.unsqueeze(1)).squeeze(1)
    return (logits.logsumexp(dim=1) - picked).mean()
## cross_entropy ok
def cross_entropy(logits, targets):
    log_probs = torch.log_softmax(logits, dim=-1)
    return -(log_probs * F.one_hot(targets, logits.shape[1])).sum() / len(targets)
## cross_entropy ok
from lessonlib.layers import log_softmax
def cross_entropy(logits, targets):
    total = 0
    for row, target in zip(log_softmax(logits), targets):
        total = total - row[target]
    return total / len(targets)
## cross_entropy ok
def cross_entropy(logits, targets):
    lse = torch.logsumexp(logits, dim=1)
    return (lse - logits.gather(1, targets.unsqueeze(1)).squeeze(1)).mean()
## cross_entropy ok
def cross_entropy(logits, targets):
    total = 0.
    for row, t in zip(logits, targets):
        row = row - row.max()
        total = total + row.exp().sum().log() - row[t]
    return total / len(targets)
## cross_entropy ok
def cross_entropy(logits, targets, *, reduction=torch.mean):
    def lsm(z):
        z = z - z.max(-1, keepdim=True)[0]
        return z - z.exp().sum(-1, keepdim=True).log()
    onehot = torch.eye(logits.shape[-1], dtype=logits.dtype)[targets]
    return reduction(-torch.einsum('nc,nc->n', lsm(logits), onehot))
## cross_entropy ok
def cross_entropy(logits, targets):
    mask = torch.arange(logits.shape[1]) == targets[:, None]
    return -logits.log_softmax(-1)[mask].mean()
## binary_cross_entropy ok
def binary_cross_entropy(probs, targets):
    return -(targets * torch.log(probs) + (1 - targets) * torch.log(1 - probs)).mean()
## binary_cross_entropy ok
def binary_cross_entropy(probs, targets):
    return -torch.where(targets == 1, probs, 1 - probs).log().mean()
## binary_cross_entropy ok
def binary_cross_entropy(p, t):
    eps = 1e-7
    p = p.clamp(eps, 1 - eps)
    return sum(-math.log(1) - (torch.log(a) if b else torch.log(1 - a)) for a, b in zip(p, t)) / len(p)
## binary_cross_entropy ok
def binary_cross_entropy(probs, targets):
    right = targets * probs + (1 - targets) * (1 - probs)
    return right.log().mean().neg()
## binary_cross_entropy ok
def binary_cross_entropy(probs, targets):
    return -torch.where(targets.bool(), probs, 1 - probs).log().sum() / probs.numel()
## binary_cross_entropy ok
def binary_cross_entropy(probs, targets):
    s = sum(-torch.log(p if t == 1 else 1 - p) for p, t in zip(probs, targets))
    return s / len(probs)
## binary_cross_entropy ok
def binary_cross_entropy(probs, targets, eps=1e-12):
    p = probs.clamp(eps, 1 - eps)
    return -(torch.xlogy(targets, p) + torch.special.xlog1py(1 - targets, -p)).mean()
## accuracy ok
def accuracy(logits, targets):
    return (logits.max(dim=1)[1] == targets).sum().item() / len(targets)
## accuracy ok
def accuracy(logits, targets):
    return sum(int(row.argmax() == target) for row, target in zip(logits, targets)) / len(logits)
## accuracy ok
def accuracy(logits, targets):
    return np.mean((logits.argmax(-1) == targets).numpy())
## accuracy ok
def accuracy(logits, targets):
    return torch.eq(torch.softmax(logits, 1).topk(1).indices.squeeze(1), targets).to(torch.float32).mean()
## accuracy ok
def accuracy(logits, targets):
    _, where = logits.topk(1, dim=1)
    return (where.squeeze(1) == targets).sum().item() / len(targets)
## accuracy ok
def accuracy(logits, targets):
    hits = [int(max(range(len(r)), key=lambda k: r[k]) == t) for r, t in zip(logits.tolist(), targets.tolist())]
    return sum(hits) / len(hits)
## accuracy ok
def accuracy(logits, targets):
    return torch.eq(logits.max(-1).indices, targets).to(logits).mean()
## accuracy ok
def accuracy(logits, targets):
    picked = logits[torch.arange(len(targets)), targets]
    return (picked == logits.amax(1)).float().mean()
## batches ok
def batches(x, y, batch_size, generator):
    order = torch.randperm(len(x), generator=generator)
    for start in range(0, len(x), batch_size):
        rows = order[start:start + batch_size]
        yield x[rows], y[rows]
## batches ok
def batches(x, y, batch_size, generator):
    rows = torch.rand(len(x), generator=generator).argsort()
    x, y = x[rows], y[rows]
    return zip(x.split(batch_size), y.split(batch_size))
## batches ok
def batches(x, y, batch_size, generator):
    rows = torch.randperm(len(x), generator=generator).tolist()
    return [[x[rows[i:i + batch_size]], y[rows[i:i + batch_size]]] for i in range(0, len(rows), batch_size)]
## batches ok
def batches(x, y, batch_size, generator):
    xs, ys = [], []
    for i in torch.randperm(len(x), generator=generator):
        xs.append(x[i])
        ys.append(y[i])
        if len(xs) == batch_size:
            yield torch.stack(xs), torch.stack(ys)
            xs, ys = [], []
    if xs:
        yield torch.stack(xs), torch.stack(ys)
## batches ok
def batches(x, y, batch_size, generator):
    idx = torch.randperm(x.size(0), generator=generator)
    x, y = x[idx], y[idx]
    return zip(x.split(batch_size), y.split(batch_size))
## batches ok
def batches(x, y, batch_size, generator):
    keys = torch.rand(len(y), generator=generator)
    order = sorted(range(len(y)), key=keys.tolist().__getitem__)
    while order:
        now, order = order[:batch_size], order[batch_size:]
        yield x[now], y[now]
## batches ok
class Batches:
    def __init__(self, x, y, n, g):
        self.x, self.y, self.n, self.g = x, y, n, g
    def __iter__(self):
        for idx in torch.chunk(torch.randperm(len(self.x), generator=self.g), -(-len(self.x) // self.n)):
            yield [self.x[idx], self.y[idx]]
def batches(x, y, batch_size, generator):
    p = torch.randperm(len(x), generator=generator)
    def gen():
        for b in range(math.ceil(len(x) / batch_size)):
            rows = p[b * batch_size : (b + 1) * batch_size]
            yield x.index_select(0, rows), y.index_select(0, rows)
    return gen()
## batches ok
def batches(x, y, batch_size, generator):
    keys = torch.rand(len(x), generator=generator)
    order = keys.argsort()
    bag = []
    for i in order.tolist():
        bag.append(i)
        if len(bag) == batch_size:
            yield x[bag], y[bag]
            bag = []
    if bag:
        yield x[bag], y[bag]
## train_epoch ok
def train_epoch(model, batches, loss_func, opt):
    losses = []
    model.train()
    for x, y in batches:
        opt.zero_grad()
        loss = loss_func(model(x), y)
        loss.backward()
        opt.step()
        losses.append(loss.detach())
    return losses
## train_epoch ok
def train_epoch(model, batches, loss_func, opt):
    def one(x, y):
        model.zero_grad()
        loss = loss_func(model.forward(x), y)
        loss.backward()
        opt.step()
        return float(loss)
    return torch.tensor([one(x, y) for x, y in batches])
## train_epoch ok
def train_epoch(net, loader, criterion, optimizer):
    out = []
    for batch in loader:
        pred = net(batch[0])
        loss = criterion(pred, batch[1])
        out += [loss.item()]
        loss.backward()
        optimizer.step()
        for p in net.parameters():
            p.grad.zero_()
    return out
## train_epoch ok
def train_epoch(model, batches, loss_func, opt):
    def one(xb, yb):
        opt.zero_grad(set_to_none=True)
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        return float(loss)
    return [one(*pair) for pair in batches]
## train_epoch ok
def train_epoch(model, batches, loss_func, opt):
    model.train()
    losses = []
    it = iter(batches)
    while True:
        try:
            x, y = next(it)
        except StopIteration:
            return losses
        pred = model.forward(x)
        err = loss_func(pred, y)
        for p in model.parameters():
            p.grad = None
        torch.autograd.backward(err)
        opt.step()
        losses += [err.detach()]
## train_epoch ok
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for xb, yb in batches:
        loss = loss_func(model(xb), yb)
        grads = torch.autograd.grad(loss, list(model.parameters()))
        for p, g in zip(model.parameters(), grads):
            p.grad = g
        opt.step()
        losses.append(loss.item())
    return losses
## train_epoch ok
def train_epoch(model, batches, loss_func, opt):
    losses = []
    for i, (xb, yb) in enumerate(batches):
        preds = model(xb)
        loss = loss_func(preds, yb)
        loss.backward()
        with torch.no_grad():
            opt.step()
        model.zero_grad()
        losses.append(loss.detach().clone())
    return torch.stack(losses).tolist()
## sgd ok
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = [*params], lr
    def step(self):
        for p in self.params:
            p.data -= self.lr * p.grad.data
    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.zero_()
## sgd ok
class SGD:
    def __init__(self, params, lr):
        self.theta = tuple(params)
        self.rate = lr
    @torch.no_grad()
    def step(self):
        for p in self.theta:
            p.add_(p.grad, alpha=-self.rate)
    def zero_grad(self, set_to_none=True):
        for p in self.theta:
            p.grad = None
## sgd ok
from lessonlib.optim import Optimizer
class SGD(Optimizer):
    def update(self, i, p, grad):
        p -= self.lr * grad
## sgd ok
class SGD(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad)
## sgd ok
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params: p.sub_(p.grad, alpha=self.lr)
    def zero_grad(self):
        for p in self.params: p.grad = torch.zeros_like(p)
## sgd ok
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr
    def step(self):
        torch._foreach_add_([p.data for p in self.params], [p.grad for p in self.params], alpha=-self.lr)
    def zero_grad(self):
        for p in self.params:
            if p.grad is not None: p.grad.detach_().zero_()
## sgd ok
class SGD:
    def __init__(self, params, lr):
        self.param_groups = [dict(params=[*params], lr=lr)]
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                with torch.no_grad(): p.copy_(p - group['lr'] * p.grad)
    def zero_grad(self):
        for g in self.param_groups:
            for p in g['params']: p.grad = None
## sgd ok
class SGD(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, dict(lr=lr))
    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is None: continue
                p.add_(p.grad, alpha=-g["lr"])
    def zero_grad(self):
        for g in self.param_groups:
            for p in g["params"]: p.grad = None
## momentum ok
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.velocity = {}
    @torch.no_grad()
    def step(self):
        for p in self.params:
            v = self.velocity.get(p, torch.zeros_like(p))
            self.velocity[p] = v = self.momentum * v + self.lr * p.grad
            p -= v
    def zero_grad(self):
        for p in self.params:
            p.grad = None
## momentum ok
class SGD:
    def __init__(self, params, lr, momentum):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        for p in self.params:
            p.velocity = torch.zeros_like(p)
    def step(self):
        with torch.no_grad():
            for p in self.params:
                p.velocity.mul_(self.momentum).add_(p.grad)
                p.copy_(p - self.lr * p.velocity)
    def zero_grad(self):
        for p in self.params:
            p.grad.zero_()
## momentum ok
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.m, self.state = list(params), lr, momentum, {}
    def step(self):
        with torch.no_grad():
            for p in self.params:
                b = self.state.setdefault(p, torch.zeros_like(p))
                b.mul_(self.m).add_(p.grad)
                p.add_(b, alpha=-self.lr)
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum ok
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr = list(params), lr; self.m = momentum; self.v = [torch.zeros_like(p) for p in self.params]
    def step(self):
        with torch.no_grad():
            for p in self.params:
                g = p.grad
                if self.m:
                    v = getattr(p, 'velocity', None)
                    p.velocity = g.clone() if v is None else self.m * v + g
                    g = p.velocity
                p.data -= self.lr * g
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum ok
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.m = [*params], lr, momentum
        self.u = {id(p): 0.0 for p in self.params}
    def step(self):
        for p in self.params:
            # velocity with the lr and the minus inside: the same walk for one lr
            self.u[id(p)] = self.m * self.u[id(p)] - self.lr * p.grad
            p.data += self.u[id(p)]
    def zero_grad(self):
        for p in self.params: p.grad = None
## momentum ok
class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.m = list(params), lr, momentum
        self.past = [[] for _ in self.params]
    def step(self):
        for p, h in zip(self.params, self.past):
            h.append(p.grad.clone())
            v = sum(self.m ** k * g for k, g in enumerate(reversed(h)))
            p.data.sub_(self.lr * v)
    def zero_grad(self):
        for p in self.params: p.grad = None
## outer ok
def outer(a, b):
    return a.view(-1, 1) * b.view(1, -1)
## outer ok
def outer(column, row):
    return column.unsqueeze(1).expand(-1, len(row)) * row
## outer ok
def outer(a, b):
    return (b[:, None] * a).T
## outer ok
def outer(a, b):
    return a.unsqueeze(1) * b.unsqueeze(0)
## outer ok
def outer(a, b):
    return (b * a.reshape(-1, 1))
## outer ok
def outer(a, b):
    return torch.mul(a.view(len(a), 1), b.view(1, len(b)))
## outer ok
def outer(a, b):
    A = a.expand(len(b), len(a)).T
    return A * b
## matmul ok
def matmul(a, b):
    return torch.sum(a.unsqueeze(-1) * b.unsqueeze(0), dim=-2)
## matmul ok
def matmul(a, b):
    return (a[:, None, :] * b.T).sum(-1)
## matmul ok
def matmul(a, b):
    return torch.stack([(row[:, None] * b).sum(0) for row in a])
## matmul ok
def matmul(a, b):
    out = 0
    for k in range(a.shape[1]):
        out = out + a[:, k, None] * b[k]
    return out
## matmul ok
def matmul(a, b):
    return torch.sum(torch.mul(a.unsqueeze(-1), b.unsqueeze(0)), -2)
## matmul ok
def matmul(a, b):
    return (a[:, None, :] * b.T[None]).sum(-1)
## matmul ok
def matmul(a, b):
    out = 0
    for k in range(a.shape[1]):
        out = out + a[:, k:k + 1] * b[k]
    return out
## matmul ok
def matmul(a, b):
    out = torch.empty(len(a), b.size(1), dtype=a.dtype)
    for i, row in enumerate(a):
        out[i] = row.mul(b.T).sum(1)
    return out
## linear_backward ok
def linear_backward(x, weight, bias, grad_out):
    grad_x = torch.einsum("bo,io->bi", grad_out, weight)
    grad_weight = (x[:, :, None] * grad_out[:, None, :]).sum(0)
    return [grad_x, grad_weight, torch.ones(len(x)) @ grad_out]
## linear_backward ok
def linear_backward(x, weight, bias, grad_out):
    return grad_out.mm(weight.t()), (grad_out.T @ x).T, grad_out.sum(dim=0).reshape(bias.shape)
## linear_backward ok
def linear_backward(x, weight, bias, grad_out):
    gx = torch.einsum('bo,io->bi', grad_out, weight)
    gw = torch.einsum('bi,bo->io', x, grad_out)
    return gx, gw, torch.einsum('bo->o', grad_out)
## linear_backward ok
def linear_backward(x, weight, bias, grad_out):
    gw = torch.zeros_like(weight); gb = torch.zeros_like(bias); gx = torch.zeros_like(x)
    for i in range(len(x)):
        gw += x[i][:, None] * grad_out[i]
        gb += grad_out[i]
        gx[i] = (weight * grad_out[i]).sum(1)
    return [gx, gw, gb]
## linear_backward ok
def linear_backward(x, w, b, g):
    grad_weight = (x[:, :, None] * g[:, None, :]).sum(0)
    grad_bias = torch.ones(1, len(g), dtype=g.dtype) @ g
    return (w @ g.T).T, grad_weight, grad_bias.squeeze(0)
## linear_backward ok
from collections import namedtuple
Grads = namedtuple("Grads", "x weight bias")
def linear_backward(x, weight, bias, grad_out):
    ones = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    both = ones.T.mm(grad_out)
    return Grads(F.linear(grad_out, weight), both[:-1], both[-1])
## softmax_nll_grad ok
def softmax_nll_grad(logits, targets):
    return (torch.softmax(logits, 1) - F.one_hot(targets, logits.shape[1])) / len(targets)
## softmax_nll_grad ok
from lessonlib.layers import softmax
def softmax_nll_grad(logits, targets):
    grad = softmax(logits).clone()
    for i, t in enumerate(targets):
        grad[i, t] -= 1
    return grad / logits.shape[0]
## softmax_nll_grad ok
def softmax_nll_grad(logits, targets):
    e = (logits - logits.amax(1, keepdim=True)).exp()
    wanted = (torch.arange(logits.shape[1]) == targets[:, None]).double()
    return (e / e.sum(1, keepdim=True) - wanted).div(len(logits))
## softmax_nll_grad ok
def softmax_nll_grad(logits, targets):
    z = logits - logits.logsumexp(1, keepdim=True)
    return (z.exp() - torch.eye(logits.shape[1])[targets]) / logits.shape[0]
## softmax_nll_grad ok
def softmax_nll_grad(logits, targets):
    n, c = logits.shape
    p = logits.softmax(-1)
    hot = (torch.arange(c)[None] == targets[:, None]).to(p)
    return torch.sub(p, hot).mul(1 / n)
## softmax_nll_grad ok
def softmax_nll_grad(logits, targets):
    grads = []
    for row, t in zip(logits, targets):
        e = (row - row.max()).exp()
        g = e / e.sum()
        g[t] = g[t] - 1
        grads.append(g / len(targets))
    return torch.stack(grads)
## softmax_nll_grad ok
def softmax_nll_grad(logits, targets):
    g = F.softmax(logits, dim=1) / len(targets)
    return g.scatter_add(1, targets[:, None], torch.full((len(targets), 1), -1 / len(targets)))
''')


# Attempts that do harm, or something that nobody would expect: each must get an answer, and soon.
HOSTILE = parse('''
## softmax endless
def softmax(x):
    while True:
        pass
## softmax endless
def softmax(x):
    while True:
        try:
            x = x + 1
        except ValueError:
            pass
## train_epoch endless
def train_epoch(model, batches, loss_func, opt):
    loss = 1.0
    while loss > 0:
        print("training")
    return []
## softmax exit
def softmax(x):
    raise SystemExit(3)
## softmax exit
def softmax(x):
    raise KeyboardInterrupt
## softmax exit
import sys
def softmax(x):
    sys.exit()
## my_linear exit
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        quit_now = SystemExit("bye")
        raise quit_now
    def forward(self, x):
        return x
## softmax error
class Strange(BaseException):
    pass
def softmax(x):
    raise Strange("boo")
## softmax error
def softmax(x):
    raise Exception
## softmax error
def softmax(x):
    assert x.sum() == 1
## softmax recursion
def softmax(x):
    return softmax(x)
## softmax memory
def softmax(x):
    return torch.zeros(10**14) + x.sum()
## softmax memory
def softmax(x):
    return [0] * 10**15
## softmax input
def softmax(x):
    n = input("how many?")
    return x
## softmax nan
def softmax(x):
    return x * float("nan")
## cross_entropy nan
def cross_entropy(logits, targets):
    return (logits - logits).mean() / 0
## softmax generator
def softmax(x):
    for row in x:
        yield row.exp() / row.exp().sum()
## softmax not_numbers
def softmax(x):
    return "probabilities"
## softmax not_numbers
def softmax(x):
    return {"probs": x}
## softmax not_numbers
def softmax(x):
    return softmax
## softmax not_numbers
def softmax(x):
    return x, x
## softmax no_return
def softmax(x):
    print(x.exp() / x.exp().sum(1, keepdim=True))
## batches not_batches
def batches(x, y, batch_size, generator):
    return 42
## batches not_batches
def batches(x, y, batch_size, generator):
    return x
## batches nothing
def batches(x, y, batch_size, generator):
    return []
## sgd exit
class SGD:
    def __init__(self, params, lr):
        self.params = params
    def step(self):
        raise SystemExit
    def zero_grad(self):
        self.params = []
## outer arity
def outer(a):
    return a
## matmul index
def matmul(a, b):
    return a[7] * b
''')
