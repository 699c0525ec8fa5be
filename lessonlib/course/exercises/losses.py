"""Softmax, the losses and accuracy: their known mistakes, each with the numbers it would give."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessonlib import layers, training
from lessonlib import losses as ours
from lessonlib.course.exercises.compare import equal, to_tensor
from lessonlib.course.exercises.court import Court, Raised
from lessonlib.course.exercises.functions import Function, Inputs, Numbers
from lessonlib.course.exercises.verdict import Mistake


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- softmax --------------------------------------------------------------------------------------------------


def _softmax_cases() -> list[Inputs]:
    return [{"x": _random(4, 3, seed=1)}, {"x": 2 * _random(3, 3, seed=2) + 0.3}]


def _softmax_extremes() -> list[Inputs]:
    return [{"x": torch.tensor([[1000.0, 999.0, 998.0], [-1000.0, -1001.0, -1002.0]])},
            {"x": torch.tensor([[-1000.0, -1001.0, -1003.0], [-2000.0, -2001.0, -2001.0]])},
            {"x": torch.tensor([[1000.0, 0.0, 0.0, 0.0, 1.0], [0.0, -1000.0, -1000.0, -1000.0, -1000.0]])}]


def _naive_softmax(x: Tensor, dim: int = 1) -> Tensor:
    return x.exp() / x.exp().sum(dim, keepdim=True)


def _from_largest(x: Tensor) -> Tensor:
    return x - x.amax(1, keepdim=True)


def _column_max(x: Tensor) -> Tensor:
    exps = (x - x.amax(dim=1)).exp()  # without keepdim: the largest of row i is taken from column i
    return exps / exps.sum(1, keepdim=True)


SOFTMAX = Function(_softmax_cases, [layers.softmax], (
    Mistake("wrong_axis", "Your columns sum to 1, not your rows: the sum runs over the batch.",
            "Each row is one example; its probabilities may not depend on its neighbours in the batch.",
            "Sum over the other axis: dim=1 (or -1).", 2, lambda x: x.softmax(0),
            (lambda x: _naive_softmax(_from_largest(x), 0),)),
    Mistake("whole", "All your numbers together sum to 1, not each row.",
            "Each row is one example, and needs probabilities of its own.",
            "Give sum the axis: dim=1, with keepdim=True.", 2, lambda x: x.exp() / x.exp().sum(),
            (lambda x: _from_largest(x).exp() / _from_largest(x).exp().sum(),)),
    Mistake("no_keepdim", "You divide by the sums lying down, (n,): they are read as one for each column.",
            "With a square input nothing fails and every row but the first is silently wrong; else it is an error.",
            "Add keepdim=True to the sum, so that it stays upright, (n, 1).", 2, lambda x: x.exp() / x.exp().sum(1),
            (lambda x: _from_largest(x).exp() / _from_largest(x).exp().sum(1),)),
    Mistake("no_exp", "Your rows are divided by their sums, but e to the power of them was not taken.",
            "Logits may be negative or sum to 0; exp is what makes every number positive.",
            "Take .exp() of the logits first, and divide that by its sums.", 1,
            lambda x: x / x.sum(1, keepdim=True),
            tuple(lambda x, change=change: change(x) / change(x).sum(1, keepdim=True) for change in (
                torch.abs, torch.relu, lambda x: x - x.max(), lambda x: x - x.min(),
                lambda x: x - x.amin(1, keepdim=True)))),
    Mistake("no_divide", "You give e to the power of each logit; the division is missing.",
            "Probabilities have to sum to 1.", "Divide by the sum of each row.", 1, lambda x: x.exp(),
            (lambda x: (x - x.max()).exp(),)),
    Mistake("by_max", "The largest of each row comes out as 1: it was divided by, or taken away before exp, but nothing is "
            "divided by the sum of the row.", "Probabilities have to sum to 1.",
            "Divide each exp by the sum of its row.", 3, lambda x: x.exp() / x.exp().amax(1, keepdim=True)),
    Mistake("mean_for_sum", "You divide by the mean of each row, so each row sums to the number of classes.",
            "Probabilities have to sum to 1.", "Replace mean by sum.", 3,
            lambda x: x.exp() / x.exp().mean(1, keepdim=True)),
    Mistake("sign", "The smallest logit gets the largest probability: the sign is flipped.",
            "The model would say the opposite of what it means.", "Take the exp of x, not of -x.", 1,
            lambda x: (-x).softmax(1)),
    Mistake("log", "These are log-probabilities: the log of the right answer.",
            "Softmax itself gives numbers between 0 and 1; the log comes in the loss.", "Leave out the log.", 1,
            lambda x: x.log_softmax(1)),
    Mistake("twice", "Softmax was taken of softmax.",
            "The second one squeezes all probabilities towards 1 / classes, and the model can never be sure.",
            "Take it once.", 1, lambda x: x.softmax(1).softmax(1)),
    Mistake("sigmoid", "This is sigmoid: each number is squashed by itself.",
            "The numbers of a row then do not sum to 1, so they cannot be the probabilities of one out of many.",
            "Divide each exp by the sum of its row.", 1, lambda x: x.sigmoid()),
    Mistake("argmax", "You give 1 to the largest of each row and 0 to the rest.",
            "That step is flat: a small change of the input changes nothing, and so nothing could learn from it.",
            "Share out the probability: exp, sum, divide.", 1,
            lambda x: functional.one_hot(x.argmax(1), x.shape[1])),
    Mistake("base_two", "You take 2 to the power of each, not e.",
            "It sums to 1, but what training does with softmax (lesson 16) holds for e only.",
            "Use .exp().", 2, lambda x: 2**x / (2**x).sum(1, keepdim=True)),
    Mistake("max_no_keepdim", "You subtract the largest numbers lying down, (n,): row i loses its own column's.",
            "The same must be taken from all of a row, or the probabilities change.",
            "Add keepdim=True to amax.", 3, _column_max),
    Mistake("max_wrong_axis", "You subtract the largest of each column, not of each row.",
            "Only a number that is the same for the whole row drops out of the quotient.",
            "Give amax the axis dim=1, with keepdim=True.", 3,
            lambda x: _naive_softmax(x - x.amax(0, keepdim=True))),
    Mistake("max_without_exp", "After the largest was taken away, the exp is missing.",
            "What you divide by then can be anything, and the signs cancel.",
            "Take .exp() of the difference.", 3,
            lambda x: _from_largest(x) / _from_largest(x).sum(1, keepdim=True)),
    Mistake("overflow", "For ordinary logits it is right. For a logit of 1000 or -1000 it is not: exp(1000) is inf, "
            "exp(-1000) is 0.", "inf / inf and 0 / 0 are nan, and one nan spoils all weights in the next step.",
            "Subtract the largest logit of each row before exp.", 3, _naive_softmax),
    Mistake("global_max", "You subtract the largest number of the whole batch: a row far below it becomes 0 / 0.",
            "One large row spoils its neighbours.", "Take the largest of each row: amax(dim=1, keepdim=True).", 3,
            lambda x: _naive_softmax(x - x.max())),
), extremes=_softmax_extremes, at_extremes="overflow", learns=("x",))


# --- cross-entropy --------------------------------------------------------------------------------------------


def _class_cases() -> list[Inputs]:
    return [{"logits": 2 * _random(5, 3, seed=3), "targets": torch.tensor([2, 0, 1, 1, 0])},
            {"logits": _random(4, 4, seed=8).abs() + 0.1, "targets": torch.tensor([3, 1, 0, 1])},
            {"logits": 2 * _random(3, 3, seed=4), "targets": torch.tensor([1, 2, 2])}]


def _class_extremes() -> list[Inputs]:
    return [{"logits": torch.tensor([[1000.0, 0.0, 1.0], [0.0, 1000.0, 2.0]]), "targets": torch.tensor(targets)}
            for targets in ([0, 1], [1, 1])]


def _picked(table: Tensor, targets: Tensor) -> Tensor:
    return table[torch.arange(len(targets)), targets]


def _negated(numbers: Numbers, _inputs: Inputs) -> Numbers:
    return tuple(-part for part in numbers)


def _times_batch(numbers: Numbers, inputs: Inputs) -> Numbers:
    return tuple(part * len(inputs["targets"]) for part in numbers)


def _one_hot_like(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.one_hot(targets, logits.shape[1])


_SIGN = ("sign", "The sign is flipped: yours is minus the loss.",
         "Going downhill on it makes the model worse with each step.", "Put a minus in front.", 3)
_SUM = ("sum", "You add up over the batch; the mean was asked for.",
        "A sum grows with the batch size, so steps that suit batches of 64 would be far too large for 1024.",
        "Replace .sum() by .mean(), or divide by the number of examples.", 3)
_LOG_BASE = ("log_base", "The log is not the natural one: it is to the base 2 or 10.",
             "The slope of the loss is then off by a constant factor.", "Use the natural log, .log().", 1)
_NO_MEAN = ("no_mean", "One loss for each example comes out; the mean over the batch is missing.",
            "backward() starts from a single number.", "End with .mean().", 3)

CROSS_ENTROPY = Function(_class_cases, [ours.cross_entropy], (
    Mistake(*_SIGN, lambda x, t: -functional.cross_entropy(x, t)),
    Mistake(*_SUM, lambda x, t: functional.cross_entropy(x, t, reduction="sum")),
    Mistake(*_NO_MEAN, lambda x, t: functional.cross_entropy(x, t, reduction="none"),
            (lambda x, t: functional.cross_entropy(x, t, reduction="none")[:, None],)),
    Mistake("wrong_axis", "Softmax runs over the batch: your columns sum to 1, not your rows.",
            "The probabilities of one example may not depend on the other examples.",
            "Take log_softmax along a row: dim=1 (or -1).", 2, lambda x, t: -_picked(x.log_softmax(0), t).mean()),
    Mistake("softmax_twice", "Softmax was taken twice: once before log_softmax, once inside it.",
            "The second squeezes all probabilities together: the loss can never come near 0, and learning is slow.",
            "Give log_softmax the logits themselves.", 1,
            lambda x, t: functional.cross_entropy(x.softmax(1), t)),
    Mistake("no_softmax", "The logits themselves are picked, as if they were log-probabilities.",
            "They sum to nothing in particular: the loss can be made as small as you like by making all logits large.",
            "Take log_softmax of the logits before you pick.", 1, lambda x, t: -_picked(x, t).mean()),
    Mistake("logits_as_probs", "You take the log of the logits, as if they were probabilities.",
            "The log of a negative number is nan.", "Turn the logits into log-probabilities with log_softmax.", 1,
            lambda x, t: -_picked(x.log(), t).mean()),
    Mistake("squared", "This is the squared difference between probabilities and the one-hot targets.",
            "It hardly punishes a sure and wrong answer, and its slope dies out behind a softmax.",
            "Take minus the log of the probability of the right class.", 1,
            lambda x, t: ((x.softmax(1) - _one_hot_like(x, t)) ** 2).mean(),
            (lambda x, t: ((x.softmax(1) - _one_hot_like(x, t)) ** 2).sum(1).mean(),)),
    Mistake("no_log", "You average probabilities; their log is missing.",
            "Without the log a model that is wrong and sure pays hardly more than one that is unsure.",
            "Take log_softmax where you took softmax.", 1, lambda x, t: -_picked(x.softmax(1), t).mean()),
    Mistake("one_minus", "You average one minus the probability of the right class; the log is missing.",
            "Without the log a model that is wrong and sure pays hardly more than one that is unsure.",
            "Take minus the log of that probability.", 1, lambda x, t: 1 - _picked(x.softmax(1), t).mean()),
    Mistake(*_LOG_BASE, lambda x, t: functional.cross_entropy(x, t) / math.log(2),
            (lambda x, t: functional.cross_entropy(x, t) / math.log(10),)),
    Mistake("index_all", "log_probs[:, targets] takes all these columns from *every* row: a table of (n, n).",
            "Most of what is averaged belongs to another example.",
            "Pick one number a row: log_probs[torch.arange(len(targets)), targets].", 2,
            lambda x, t: -x.log_softmax(1)[:, t].mean()),
    Mistake("index_rows", "log_probs[targets] takes whole rows: the targets were used as row numbers.",
            "A target is the number of a class, and classes are columns.",
            "Pick one number a row: log_probs[torch.arange(len(targets)), targets].", 2,
            lambda x, t: -x.log_softmax(1)[t].mean()),
    Mistake("index_swapped", "The two indices are swapped: targets stand for the rows.",
            "A target is the number of a class, and classes are columns.",
            "Write the rows first: log_probs[rows, targets].", 2,
            lambda x, t: -x.log_softmax(1)[t, torch.arange(len(t))].mean()),
    Mistake("gather_axis", "gather looks along the wrong axis.",
            "It took rows by their target, not columns.", "Use gather(1, targets[:, None]).", 2,
            lambda x, t: -x.log_softmax(1).gather(0, t[:, None]).mean()),
    Mistake("mean_over_all", "You divide by the number of all entries, examples times classes.",
            "Only one entry in each row counts; the zeros of the one-hot table were averaged in.",
            "Sum over the classes first, then take the mean over the batch.", 3,
            lambda x, t: -(x.log_softmax(1) * _one_hot_like(x, t)).mean()),
    Mistake("all_classes", "You average minus the log-probabilities of all classes; the target is not used.",
            "Such a loss asks for the same probability everywhere.", "Pick the one of the target in each row.", 2,
            lambda x, t: -x.log_softmax(1).mean()),
    Mistake("argmax", "You pick the largest log-probability of each row, whatever the target is.",
            "Such a loss rewards being sure, right or wrong.", "Pick with targets.", 2,
            lambda x, t: -x.log_softmax(1).amax(1).mean()),
    Mistake("log_of_mean", "You take the log of the mean probability; the mean of the logs was asked for.",
            "One example that is badly wrong then hides behind the others.", "Take the log first, then the mean.", 3,
            lambda x, t: -_picked(x.softmax(1), t).mean().log()),
    Mistake("not_p", "You take -log(1 - p): the model pays for being right.",
            "Going downhill pushes the right class down.", "Take -log(p) of the target's class.", 1,
            lambda x, t: -(1 - _picked(x.softmax(1), t)).log().mean()),
    Mistake("targets_as_numbers", "The targets are multiplied in, as if a class were a quantity.",
            "Class 8 is not four times class 2; class 0 would never count.",
            "Use the targets to pick a column.", 2, lambda x, t: -(x.log_softmax(1) * t[:, None]).sum(1).mean()),
    Mistake("float_targets", "The targets became floats{where}, and a place can only be a whole number.",
            "PyTorch picks rows and columns by int64 numbers: {error}.",
            "Leave the targets as they come in.", 2),
    Mistake("log_of_softmax", "For ordinary logits it is right. For a gap of 1000 it is not: softmax rounds to 0, and "
            "log(0) is minus infinity (or what you put in its place).",
            "One inf makes the gradients nan, and then all weights; a tiny number in its place cuts the gradient off.",
            "Use log_softmax, which never makes that 0.", 3, lambda x, t: -_picked(x.softmax(1).log(), t).mean()),
    Mistake("overflow", "For ordinary logits it is right. For a logit of 1000 it is not: exp(1000) is inf.",
            "inf / inf is nan, and one nan spoils all weights in the next step.",
            "Subtract the largest logit of each row before exp, or use log_softmax.", 3,
            lambda x, t: -_picked(_naive_softmax(x).log(), t).mean()),
), extremes=_class_extremes, at_extremes="overflow", finite_at_extremes="log_of_softmax", learns=("logits",), wants="a number",
    twists={"sign": _negated, "sum": _times_batch})


# --- binary cross-entropy -------------------------------------------------------------------------------------


def _yes_no_cases() -> list[Inputs]:
    return [{"probs": torch.tensor([0.9, 0.15, 0.2, 0.8, 0.6]), "targets": torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0])},
            {"probs": torch.tensor([0.3, 0.7]), "targets": torch.tensor([1.0, 1.0])}]


def _sure_and_right(court: Court, attempt) -> list[str]:
    inputs = {"probs": torch.tensor([1.0, 0.0]), "targets": torch.tensor([1.0, 0.0])}
    try:
        value = to_tensor(court.call(attempt, inputs))
    except Raised:
        value = None
    if value is None or not equal(value, torch.tensor(0.0)):
        return ["A note: for a probability of exactly 0 or 1 yours is no number, because 0 times log(0) is nan. "
                "Ours keeps the probabilities above 0 with clamp_min before the log."]
    return []


_BCE = ours.binary_cross_entropy
BINARY = Function(_yes_no_cases, [_BCE], (
    Mistake(*_SIGN, lambda p, t: -_BCE(p, t)),
    Mistake(*_SUM, lambda p, t: _BCE(p, t) * len(t)),
    Mistake(*_NO_MEAN, lambda p, t: functional.binary_cross_entropy(p, t, reduction="none")),
    Mistake("only_yes", "Only the examples whose answer is yes count; the others give 0.",
            "A model that always says yes would then be perfect.", "Add (1 - targets) * log(1 - probs).", 3,
            lambda p, t: -(t * p.log()).mean(), (lambda p, t: -p[t == 1].log().mean(),)),
    Mistake("only_no", "Only the examples whose answer is no count; the others give 0.",
            "A model that always says no would then be perfect.", "Add targets * log(probs).", 3,
            lambda p, t: -((1 - t) * (1 - p).log()).mean(), (lambda p, t: -(1 - p[t == 0]).log().mean(),)),
    Mistake("swapped", "Yes and no are swapped: p is paid for where 1 - p should be.",
            "The model would learn the opposite of every answer.",
            "targets goes with log(probs), and 1 - targets with log(1 - probs).", 2, lambda p, t: _BCE(p, 1 - t)),
    Mistake("targets_ignored", "-log(p) is averaged over all examples; the targets are not used.",
            "A model that always says yes would then be perfect.", "Use 1 - p where the answer is no.", 2,
            lambda p, t: -p.log().mean()),
    Mistake("no_log", "You average the probabilities themselves, or how far they are from the answer; the log is missing.",
            "Without the log, being wrong and sure costs at most 1.", "Take -log of the probability of the answer.", 1,
            lambda p, t: torch.where(t == 1, 1 - p, p).mean(),
            (lambda p, t: torch.where(t == 1, p, 1 - p).mean(), lambda p, t: -torch.where(t == 1, p, 1 - p).mean())),
    Mistake("squared", "This is the mean squared error.",
            "It hardly punishes a sure and wrong answer, and its slope dies out behind a sigmoid.",
            "Take -log of the probability of the answer.", 1, lambda p, t: ((p - t) ** 2).mean()),
    Mistake("one_minus_log", "For a no you take 1 - log(p); log(1 - p) was asked for.",
            "The 1 belongs inside the log: 1 - p is the probability of no.", "Move it: (1 - probs).log().", 3,
            lambda p, t: -(t * p.log() + (1 - t) * (1 - p.log())).mean()),
    Mistake("minus_between", "The half for no has the wrong sign.", "The two halves would then work against each other.",
            "Add both halves inside one pair of brackets, with the minus in front of them.", 3,
            lambda p, t: -(t * p.log() - (1 - t) * (1 - p).log()).mean()),
    Mistake("sigmoid_inside", "The probabilities were put through sigmoid once more.",
            "They would all land between 0.5 and 0.73, and no answer could ever be sure.",
            "Use probs as they come in.", 2, lambda p, t: _BCE(p.sigmoid(), t)),
    Mistake("arguments_swapped", "The log is taken of the targets, which are 0 and 1; log(0) is minus infinity.",
            "The targets say which log counts; the probabilities go into it.", "Swap probs and targets.", 2,
            lambda p, t: -(p * t.log() + (1 - p) * (1 - t).log()).mean(),
            tuple(lambda p, t, least=least: -math.log(least) * (p - t).abs().mean()
                  for least in (math.exp(-100), *(10.0**-n for n in range(2, 31))))),  # where log(0) was guarded
    Mistake(*_LOG_BASE, lambda p, t: _BCE(p, t) / math.log(2), (lambda p, t: _BCE(p, t) / math.log(10),)),
    Mistake("log_of_mean", "You take the log of the mean probability; the mean of the logs was asked for.",
            "One example that is badly wrong then hides behind the others.", "Take the log first, then the mean.", 3,
            lambda p, t: -torch.where(t == 1, p, 1 - p).mean().log()),
), learns=("probs",), wants="a number", twists={"sign": _negated, "sum": _times_batch}, after=_sure_and_right)


# --- accuracy -------------------------------------------------------------------------------------------------


def _accuracy_cases() -> list[Inputs]:
    def case(n: int, n_classes: int, answers: list[int], targets: list[int], seed: int) -> Inputs:
        logits = _random(n, n_classes, seed=seed)
        logits[torch.arange(n), torch.tensor(answers)] += 6
        return {"logits": logits, "targets": torch.tensor(targets)}

    return [case(8, 4, [0, 1, 2, 3, 0, 1, 2, 3], [0, 1, 2, 3, 0, 2, 1, 0], 5),
            case(4, 4, [0, 3, 1, 1], [0, 2, 3, 2], 6), case(3, 4, [1, 0, 2], [1, 0, 2], 8),
            {"logits": torch.tensor([[1.0, 5, 3, 2], [4, 2, 1, 3], [2, 3, 4, 1], [1, 2, 3, 4], [4, 3, 2, 1]]),
             "targets": torch.tensor([0, 2, 3, 3, 1])}, case(3, 3, [2, 1, 0], [2, 1, 1], 7)]


ACCURACY = Function(_accuracy_cases, [training.accuracy], (
    Mistake("wrong_axis", "argmax looks down the columns: it finds, for each class, the example that has most of it.",
            "The answer of one example is the largest number of its own row.", "Use argmax(dim=1).", 2,
            lambda x, t: (x.argmax(0) == t).double().mean()),
    Mistake("whole", "argmax without an axis finds one place in the whole table, counted through all rows.",
            "Each example needs an answer of its own.", "Use argmax(dim=1).", 2,
            lambda x, t: (x.argmax() == t).double().mean()),
    Mistake("sum", "You count the right answers, or divide their number by a fixed one; their share was asked for.",
            "A count cannot be compared between batches of different sizes.", "Divide by the number of examples: "
            ".mean().", 3, lambda x, t: (x.argmax(1) == t).sum(),
            tuple(lambda x, t, fixed=fixed: (x.argmax(1) == t).sum() / fixed for fixed in (10, 32, 64, 100, 128))),
    Mistake("no_mean", "One True or False for each example comes out; the mean is missing.",
            "One number was asked for.", "End with .float().mean().", 3, lambda x, t: x.argmax(1) == t),
    Mistake("error_rate", "This is the share of wrong answers.", "Accuracy counts the right ones.",
            "Compare with ==, not with !=.", 1, lambda x, t: (x.argmax(1) != t).double().mean()),
    Mistake("percent", "You give percent; a share from 0 to 1 was asked for.",
            "The lessons print it as a percentage themselves, and would show a hundred times too much.",
            "Leave out the factor 100.", 1, lambda x, t: 100 * (x.argmax(1) == t).double().mean(),
            tuple(lambda x, t, n=n: (100 * (x.argmax(1) == t).double().mean()).round(decimals=n) for n in range(3))),
    Mistake("max_values", "The largest numbers themselves are compared with the targets; they are never equal.",
            "A target is a place, not a score.", "Use argmax, which gives the place.", 2,
            lambda x, t: (x.amax(1) == t).double().mean()),
    Mistake("argmin", "You take the smallest score of each row.", "The answer is the class with the largest.",
            "Use argmax.", 2, lambda x, t: (x.argmin(1) == t).double().mean()),
    Mistake("broadcast", "(n, 1) was compared with (n,): they were stretched to (n, n) comparisons of all with all.",
            "Most of them compare one example with the target of another.",
            "Leave out keepdim, so that both are (n,).", 2,
            lambda x, t: (x.argmax(1, keepdim=True) == t).double().mean()),
    Mistake("all_or_nothing", "You ask whether *all* answers are right, or cut the share down to a whole number.",
            "A batch of 64 with one mistake would count as 0.", "Take the mean of the comparison as a float.", 3,
            lambda x, t: (x.argmax(1) == t).all()),
    Mistake("over_entries", "You divide by the number of all scores, examples times classes.",
            "There is one answer for each row, so rows are what counts.", "Divide by len(targets).", 3,
            lambda x, t: (x.argmax(1) == t).sum() / x.numel()),
), wants="a number", twists={})

_SOFTMAXES = ("softmax", "log_softmax", "softmin", "gumbel_softmax")
EXERCISES = {
    "softmax": SOFTMAX.exercise(_SOFTMAXES, (layers.softmax, layers.log_softmax, layers.LogSoftmax, functional.softmax,
                                             functional.log_softmax, nn.Softmax, nn.LogSoftmax)),
    "cross_entropy": CROSS_ENTROPY.exercise(
        ("cross_entropy", "cross_entropy_loss", "nll_loss", "nll_loss_nd"),
        (ours.cross_entropy, ours.nll, functional.cross_entropy, functional.nll_loss, nn.CrossEntropyLoss, nn.NLLLoss),
        overrides={"dtype": "float_targets"}),
    "binary_cross_entropy": BINARY.exercise(
        ("binary_cross_entropy", "binary_cross_entropy_with_logits"),
        (_BCE, functional.binary_cross_entropy, functional.binary_cross_entropy_with_logits, nn.BCELoss)),
    "accuracy": ACCURACY.exercise((), (training.accuracy,)),
}
