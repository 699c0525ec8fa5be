"""Modules: how they are built, what they keep, what they compute, and whether they can be trained."""

import ast
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lessonlib import layers
from lessonlib.course.exercises.engine import inspection
from lessonlib.course.exercises.engine.answers import NoEnd, call_ours
from lessonlib.course.exercises.engine.attempt import Attempt, Raised
from lessonlib.course.exercises.engine.comparison import (
    Failure,
    Outcome,
    Result,
    equal,
    inputs_in_words,
    listed,
    read_result,
    shape_of,
    side_by_side,
)
from lessonlib.course.exercises.engine.explanation import Outcomes, factor_between
from lessonlib.course.exercises.engine.inputs import Case, Inputs, drawn_cases
from lessonlib.course.exercises.engine.messages import called_wrongly
from lessonlib.course.exercises.engine.verdict import Found
from lessonlib.course.exercises.kinds.kind import JUDGES_SEED, Kind

_MISSPELT_FORWARD = ("forwards", "foward", "foreward", "forwad", "forwrad", "fwd", "call", "apply", "predict", "run")
_MOST_ORDERS = 24  # ways of matching parameters of one shape that are tried


def tensors_in(layer: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors in the attributes that are no parameters, and lists and dictionaries there that hold tensors."""
    plain, in_lists = {}, {}
    for name, value in vars(layer).items():
        if name.startswith("_") and name in vars(nn.Module()):
            continue
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            plain[name] = value
        elif any(isinstance(part, Tensor) for part in inside):
            in_lists[name] = value
    return plain, in_lists


def named_parameters(layer: Any) -> dict[str, nn.Parameter]:
    """The parameters that an optimizer would find, by name."""
    if isinstance(layer, nn.Module):
        return dict(layer.named_parameters())
    names = {id(value): name for name, value in vars(layer).items()}
    return {names.get(id(p), f"parameter {i}"): p for i, p in enumerate(layer.parameters())}


def selves(names: Sequence[str]) -> list[str]:
    """Attributes, as they are written."""
    return [f"self.{name}" for name in names]


class ModuleKind(Kind):
    """What is common to all classes on `nn.Module`."""

    @cached_property
    def _constructor(self) -> tuple[str, ...]:
        """The parameters of the constructor in the skeleton."""
        for node in ast.walk(ast.parse(self.task.stub)):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                return tuple(argument.arg for argument in node.args.args[1:])
        return ()

    def split(self, inputs: Inputs) -> tuple[dict[str, Any], dict[str, Any]]:
        """The inputs of the constructor, and those of the call."""
        made = {name: value for name, value in inputs.items() if name in self._constructor}
        return made, {name: value for name, value in inputs.items() if name not in made}

    def make(self, attempt: Attempt, made: Inputs) -> Any:
        """An object of the attempt's class."""
        try:
            return attempt.call(attempt.answer, made)
        except Raised as raised:
            error = str(raised.error)  # of super().__init__(n_in, n_out)
            if f"{attempt.answer.__name__}.__init__() takes 1 positional" in error and not called_wrongly(raised.error):
                raise Found("no_super", error="it was called with arguments, and takes none") from None
            raise

    def need_module(self, attempt: Attempt) -> None:
        """Refuse a finished layer, and what is no class."""
        if isinstance(attempt.answer, (nn.Module, layers.Module)):
            raise Found("not_a_class", what=f"a finished layer, {shape_of(attempt.answer)}")
        attempt.need_class()

    @staticmethod
    def check_structure(attempt: type, layer: Any) -> None:
        """Raise `Found` where it is no module, or has no forward."""
        if not isinstance(layer, (nn.Module, layers.Module)):
            raise Found("not_a_module")
        if isinstance(layer, nn.Module) and "_parameters" not in vars(layer):
            raise Found("no_super", error="super().__init__() was not called")
        own = [cls for cls in attempt.__mro__ if cls not in (nn.Module, layers.Module, object)]
        if not any({"forward", "__call__"} & set(vars(cls)) for cls in own) and "forward" not in vars(layer):
            near = (name for name in inspection.methods(attempt) if name.strip("_").lower() in _MISSPELT_FORWARD)
            found = next(near, "") or inspection.misspelt(attempt, "forward")
            raise Found("forward_misspelt", found=found) if found else Found("no_forward")

    @staticmethod
    def check_frozen(named: dict[str, nn.Parameter]) -> None:
        """Raise `Found` for parameters that cannot be trained."""
        frozen = [name for name, p in named.items() if not p.requires_grad]
        if frozen:
            raise Found("frozen", names=listed(selves(frozen), "has", "have"))

    @staticmethod
    def check_kept(layer: Any, named: dict[str, nn.Parameter], sizes: Sequence[int], wanted: int) -> None:
        """Raise `Found` for tensors of these sizes that no optimizer would find."""
        plain, in_lists = tensors_in(layer)
        large = sorted((name for name, value in plain.items() if value.numel() in sizes and value.is_floating_point()),
                       reverse=True)
        if in_lists and len(named) < wanted:
            raise Found("plain_list", names=listed(selves(list(in_lists))))
        if large and len(named) < wanted:
            which = "a plain tensor, not an nn.Parameter" if len(large) == 1 else "plain tensors, not nn.Parameters"
            raise Found("plain_tensor", names=listed(selves(large)), what=which, it="it" if len(large) == 1 else "them")
        if isinstance(layer, nn.Module) and len(named) < wanted and (buffers := dict(layer.named_buffers())):
            which = "a buffer" if len(buffers) == 1 else "buffers"
            raise Found("buffer", names=listed(selves(list(buffers))), what=which)


class Module(ModuleKind):
    """Any module: given the same parameters it must compute, and learn, what the solution does."""

    @cached_property
    def cases(self) -> list[Case]:
        """Where the solution gives no number, none is asked for."""
        return [case for case in drawn_cases(self.task, JUDGES_SEED)
                if case.ordinary or isinstance(self._outcome(self.solution, case), Result)]

    def observe(self, answer: Any) -> Outcomes:
        return [self._outcome(answer, case) for case in self.cases]

    def observe_elsewhere(self, answer: Any, seed: int) -> Outcomes:
        return [self._outcome(answer, case) for case in drawn_cases(self.task, seed)]

    def _outcome(self, answer: Any, case: Case) -> Outcome:
        try:
            return call_ours(lambda: self._first_that_fits(answer, case))
        except (NoEnd, Exception, SystemExit) as error:
            return Failure(type(error).__name__)

    def _first_that_fits(self, answer: Any, case: Case) -> Result:
        made, called = self.split(case.make())
        layer = answer(*made.values())
        _fill(list(named_parameters(layer).values()), self._numbers(made))
        return self._trained(layer, called, lambda function, inputs: function(*inputs.values()))

    def _numbers(self, made: Inputs) -> list[Tensor]:
        """Numbers for the parameters of the solution, in their order."""
        rng = torch.Generator().manual_seed(60)
        return [torch.randn(p.shape, generator=rng, dtype=torch.float64)
                for p in named_parameters(self.solution(*made.values())).values()]

    @staticmethod
    def _trained(layer: Any, called: Inputs, call: Callable[[Callable, Inputs], Any]) -> Result:
        """What comes out, and what comes out after one step of training."""
        torch.default_generator.manual_seed(5)
        first = call(layer, called)
        outs = [first.detach() if isinstance(first, Tensor) else first]
        params = list(named_parameters(layer).values())
        if isinstance(first, Tensor) and params:
            torch.autograd.backward((first.double() ** 2).sum())
            with torch.no_grad():
                for p in params:
                    if p.grad is not None:
                        p.sub_(0.1 * p.grad)
                        p.grad = None
            torch.default_generator.manual_seed(5)
            outs.append(call(layer, called).detach())
        return read_result(outs)

    # --- an attempt

    def examine(self, attempt: Attempt) -> Sequence[str]:
        self.need_module(attempt)
        outcomes: list[Outcome] = []
        raised: Raised | None = None
        for i, case in enumerate(self.cases):
            made, called = self.split(case.make())
            layer = self.make(attempt, made)
            if i == 0:
                self.check_structure(attempt.answer, layer)
                self._check_parameters(layer, made)
                self._check_shared(attempt, layer, made)
            try:
                outcomes.append(self._best(attempt, made, called, i))
            except Raised as error:
                raised = raised or error
                outcomes.append(Failure(type(error.error).__name__))
        among = list(range(len(self.cases)))
        if not self.explanations.is_right(outcomes, among):
            raise self._explain(attempt, outcomes, among, raised)
        if attempt.changed:
            raise Found("in_place", names=listed(sorted(attempt.changed), "was", "were"))
        return []

    def _check_parameters(self, layer: Any, made: Inputs) -> None:
        ours, named = named_parameters(self.solution(*made.values())), named_parameters(layer)
        sizes = [p.numel() for p in ours.values()]
        if not named and ours and not any(tensors_in(layer)):
            raise Found("no_parameters")
        self.check_kept(layer, named, sizes, len(ours))
        self.check_frozen(named)
        for name, p in named.items():
            if p.numel() > 1 and p.ndim > 1 and bool((p == p.flatten()[0]).all()) and not _constant(ours):
                raise Found("zeros", value=f"{p.flatten()[0].item():g}", name_of=f"self.{name}")

    def _check_shared(self, attempt: Attempt, layer: Any, made: Inputs) -> None:
        again = self.make(attempt, made)
        if {id(p) for p in named_parameters(layer).values()} & {id(p) for p in named_parameters(again).values()}:
            raise Found("shared")

    def _best(self, attempt: Attempt, made: Inputs, called: Inputs, i: int) -> Outcome:
        """What comes out with the solution's numbers in the parameters; of several ways to match them, one that is right."""
        best: Outcome | None = None
        for numbers in self._orders(self._numbers(made), attempt, made):
            layer = self.make(attempt, made)
            _fill(list(named_parameters(layer).values()), numbers)
            outcome = self._trained(layer, called, lambda function, inputs: attempt.call(
                function, inputs, name=self.task.name + "(…)"))
            best = best or outcome
            if self.explanations.is_right([outcome], [i]):
                return outcome
        return best if best is not None else Failure("no parameters fit")

    def _orders(self, numbers: list[Tensor], attempt: Attempt, made: Inputs) -> Iterator[list[Tensor]]:
        """The solution's numbers, in the order of the attempt's parameters."""
        theirs = list(named_parameters(self.make(attempt, made)).values())
        if len(theirs) != len(numbers):
            yield numbers
            return
        found = 0
        for order in itertools.permutations(numbers):
            if all(p.numel() == q.numel() for p, q in zip(theirs, order, strict=True)):
                yield list(order)
                found += 1
            if found == _MOST_ORDERS:
                return
        if not found:
            yield numbers

    def _explain(self, attempt: Attempt, outcomes: list[Outcome], among: list[int], raised: Raised | None) -> Found:
        known = self.explanations
        if example := known.example(outcomes, among):
            return self._found(example.code, outcomes)
        right = known.right[0]
        factor = factor_between(outcomes, right)
        if factor is not None:
            return self._found("scaled", outcomes, factor=f"{factor:g}")
        if mutant := known.mutant(outcomes, among):
            return self._found(mutant.code, outcomes, what=mutant.what)
        if raised is not None:
            return attempt.translate(raised)
        for outcome, expected, case in zip(outcomes, right, self.cases, strict=True):
            if not isinstance(outcome, Result) or not isinstance(expected, Result) or outcome.same(expected):
                continue
            if not outcome.tensors:
                return Found("not_numbers", call=f"{self.task.name}(…)(x)", what=outcome.parts[0].text, wanted="a tensor")
            mine, theirs = outcome.tensors[0], expected.tensors[0]
            inputs = inputs_in_words(case.make())
            if mine.shape != theirs.shape:
                return self._found("shape", outcomes, call=f"{self.task.name}(…)(x)", got=tuple(mine.shape),
                                   wanted=tuple(theirs.shape), inputs=inputs)
            if equal(mine, theirs):
                return self._found("not_trained", outcomes, names="some parameter")
        return self._found("unknown", outcomes)

    def _found(self, code: str, outcomes: Sequence[Outcome], **more: Any) -> Found:
        for outcome, expected in zip(outcomes, self.explanations.right[0], strict=True):
            if isinstance(outcome, Result) and isinstance(expected, Result):
                for mine, theirs in zip(outcome.tensors, expected.tensors, strict=False):
                    if not equal(mine, theirs):
                        return Found(code, evidence=side_by_side(mine, theirs, "output"), expected=theirs, yours=mine, **more)
        return Found(code, **more)


def _fill(parameters: Sequence[nn.Parameter], numbers: Sequence[Tensor]) -> None:
    """Give the parameters these numbers, as far as they fit; turned where only that fits."""
    for p, values in zip(parameters, numbers, strict=False):
        if p.shape == values.shape:
            p.data = values.clone()
        elif p.numel() == values.numel():
            p.data = (values.T if values.ndim == 2 and values.T.shape == p.shape else values.reshape(p.shape)).clone()


def _constant(parameters: dict[str, nn.Parameter]) -> bool:
    """Whether a parameter of the solution begins as one number."""
    return any(p.ndim > 1 and p.numel() > 1 and bool((p == p.flatten()[0]).all()) for p in parameters.values())
