"""Inputs drawn from what a task's file says about them: see docs/exercises.md, "Inputs"."""

import ast
import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from lessonlib.course.exercises.task_files import DRAWN, Exercise

Inputs = Mapping[str, Any]
_SIZES = ((4, 3, 5, 2, 6, 7), (6, 4, 3, 5, 7, 2), (3, 5, 4, 6, 2, 7))  # of the first size, the second, …
_SQUARE = 3
_STYLES = ("negative", "positive", "wide")  # besides "normal"


@dataclass(frozen=True)
class Role:
    """An input that the kind of the exercise has to make: a model, batches, a loss, an optimizer."""

    name: str
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """Inputs that can be made again and again, always the same."""

    make: Callable[[], Inputs]
    special: str = ""  # "", "square", "n = 1", "negative", "wide", "extreme": why it is looked at
    code: str = ""  # for an extreme: what a wrong answer there is called

    @property
    def ordinary(self) -> bool:
        return self.special in ("", "square")


class Supply:
    """Inputs of several cases, made in one go: each is handed out once, and all are made anew when one is asked for again.

    So they are fresh at each use: a generator that has been drawn from, or a model that was changed, is another input.
    """

    def __init__(self, make: Callable[[], Sequence[Inputs]]):
        self._make = make
        self._fresh = self._round()

    def _round(self) -> dict[int, Inputs]:
        before = torch.get_rng_state()  # layers that are made draw from the generator that answers draw from as well
        try:
            return dict(enumerate(self._make()))
        finally:
            torch.set_rng_state(before)

    def take(self, i: int) -> Inputs:
        """The inputs of case `i`, used by nobody yet."""
        if i not in self._fresh:
            self._fresh = self._round()
        return self._fresh.pop(i)

    def cases(self) -> list[Case]:
        """All of them; where a tensor has an axis of size 1, it is no ordinary case."""
        return [Case(functools.partial(self.take, i), "size 1" if _has_axis_of_one(inputs) else "")
                for i, inputs in self._fresh.items()]


def _has_axis_of_one(inputs: Inputs) -> bool:
    return any(isinstance(value, Tensor) and 1 in value.shape for value in inputs.values())


@dataclass
class _Draw:
    """What an expression may call."""

    rng: torch.Generator
    style: str
    turn: int
    names: dict[str, Any] = field(default_factory=dict)

    def floats(self, *shape: int) -> Tensor:
        numbers = torch.randn(shape, generator=self.rng, dtype=torch.float64)
        if self.style == "negative":
            return -numbers.abs() - 0.1
        if self.style == "positive":
            return numbers.abs() + 0.1
        return numbers * 30 if self.style == "wide" else numbers

    def positive(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.rng, dtype=torch.float64).abs() * (30 if self.style == "wide" else 1) + 0.1

    def probs(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.rng, dtype=torch.float64) * 0.96 + 0.02

    def pixels(self, *shape: int) -> Tensor:
        return (torch.rand(shape, generator=self.rng, dtype=torch.float64) * 1.6 - 0.6).clamp(0, 1)

    def prob_rows(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.rng, dtype=torch.float64).softmax(-1)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=self.rng)

    def classes(self, below: int, *shape: int) -> Tensor:
        numbers = self.integers(0, below, *shape)
        if numbers.numel() > 1 and below > 1 and bool((numbers == numbers.flatten()[0]).all()):
            numbers.view(-1)[-1] = (numbers.view(-1)[-1] + 1) % below
        return numbers

    def zeros_and_ones(self, *shape: int) -> Tensor:
        return self.classes(2, *shape).double()

    def bools(self, *shape: int) -> Tensor:
        return self.classes(2, *shape).bool()

    def uint8(self, *shape: int) -> Tensor:
        return (self.pixels(*shape) * 255).to(torch.uint8)

    def list_of(self, values: Any) -> list:
        return values.tolist() if isinstance(values, Tensor) else values

    def array_of(self, values: Any) -> Any:
        return values.numpy()

    def iterator_of(self, values: Any) -> Any:
        return iter(list(values))

    def choice(self, *values: Any) -> Any:
        return values[self.turn % len(values)]

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(1 + self.turn)

    def model(self, *sizes: int) -> Role:
        return Role("model", sizes)

    def batches(self, *sizes: int) -> Role:
        return Role("batches", sizes)

    def loss(self) -> Role:
        return Role("loss", ())

    def optimizer(self) -> Role:
        return Role("optimizer", ())


def size_names(expressions: Mapping[str, str]) -> list[str]:
    """The sizes that the expressions speak of, in order."""
    names = [node.id for text in expressions.values() for node in ast.walk(ast.parse(text, mode="eval"))
             if isinstance(node, ast.Name) and node.id not in DRAWN]
    return list(dict.fromkeys(names))


def draw(expressions: Mapping[str, str], sizes: Mapping[str, int], seed: int, style: str = "normal",
         turn: int = 0) -> Inputs:
    """One set of inputs; nested lists of numbers become tensors."""
    source = _Draw(torch.Generator().manual_seed(seed), style, turn)
    space = {name: getattr(source, name) for name in DRAWN} | dict(sizes) | {"__builtins__": {}}
    # The text comes from our own file, and its reader lets nothing but these calls, names and literals through.
    values = {name: eval(_compiled(text), space) for name, text in expressions.items()}
    return {name: _literal(value) if expressions[name].startswith("[") else value for name, value in values.items()}


@functools.cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, "<input>", "eval")


def _literal(value: Any) -> Any:
    """Numbers that are written out, as a tensor."""
    flat = isinstance(value, list) and value
    while flat and isinstance(flat[0], list) and flat[0]:
        flat = flat[0]
    if not flat or not all(type(each) in (int, float) for each in flat):
        return value
    tensor = torch.tensor(value)
    return tensor.double() if tensor.is_floating_point() else tensor


def drawn_cases(task: Exercise, seed: int) -> list[Case]:
    """Ordinary cases, a square one, one for each size that is 1, one of negative and one of large numbers."""
    names = size_names(task.inputs)
    floats = any("floats(" in text or "positive(" in text for text in task.inputs.values())
    choices = max((text.count(",") + 1 for text in task.inputs.values() if text.startswith("choice(")), default=1)
    plans: list[tuple[dict[str, int], str, str]] = []

    def sizes(row: Sequence[int]) -> dict[str, int]:
        return {name: max(row[i % len(row)] + i // len(row), task.sizes.get(name, 1)) for i, name in enumerate(names)}

    def square(size: int) -> dict[str, int]:
        return {name: max(size, *task.sizes.values(), 1) for name in names}

    for i in range(max(2, choices)):
        plans.append((sizes(_SIZES[i % len(_SIZES)]), "normal", ""))
    if names:
        plans.append((square(_SQUARE), "normal", "square"))
        plans.append((square(_SQUARE + 1), "normal", "square"))
    for name in names:
        if task.sizes.get(name, 1) == 1:
            plans.append((sizes(_SIZES[2]) | {name: 1}, "normal", f"{name} = 1"))
    if floats:
        plans += [(sizes(_SIZES[2]), style, style) for style in _STYLES]
    return [_case(task.inputs, plan, style, special, seed, turn) for turn, (plan, style, special) in enumerate(plans)]


def _case(expressions: Mapping[str, str], sizes: Mapping[str, int], style: str, special: str, seed: int,
          turn: int) -> Case:
    return Case(lambda: draw(expressions, sizes, 1000 * seed + turn + 1, style, turn), special)


def extreme_cases(task: Exercise) -> list[Case]:
    """The inputs that the file writes out."""
    return [Case(lambda extreme=extreme: draw(extreme.inputs, {}, 0), "extreme", extreme.code)  # type: ignore[misc]
            for extreme in task.extremes]


def copied(value: Any) -> Any:
    """A copy that an attempt may change."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, list):
        return [copied(each) for each in value]
    if isinstance(value, nn.Module):
        return copy.deepcopy(value)
    return value.copy() if hasattr(value, "copy") and not isinstance(value, type) else value
