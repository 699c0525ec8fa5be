"""One epoch in many ways on one device, each loss kept: the figures of lesson 25, made in one go.

    python benchmarks/epochs.py --device cuda --json lessonlib/measured/gpu.json

Everything runs in this process, in turns; the digits lie on the device. What is made once (a recording, a compilation)
happens before the clock starts, and its own time is written beside it. On the CPU, beside it, one thread.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import torch
from measure import in_turns
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lessonlib import optim
from lessonlib.course.terminal import console, show_table
from lessonlib.data import Digits, load_digits
from lessonlib.device import Stopwatch, find_device
from lessonlib.ladder import TOLERANCE, Task, make_task, our_model
from lessonlib.layers import log_softmax
from lessonlib.loaders import BatchLoader, batches
from lessonlib.losses import nll
from lessonlib.matmul import matmul_last_axis
from lessonlib.scale import Captured, KernelRecorder, aside, fused_step, machine_facts, record, training_step
from lessonlib.training import fit

Step = Callable[[Tensor, Tensor], Tensor]
ADAM_LR = 1e-3


def loop_step(task: Task, opt: str, compiled: bool = False) -> Step:
    """What a PyTorch tutorial does with a batch; for SGD with the first weights of the ladder."""
    model = nn.Sequential(nn.Linear(784, 10), nn.LogSoftmax(dim=1)).to(task.x)
    with torch.no_grad():
        model[0].weight.copy_(task.weight.T)
        model[0].bias.copy_(task.bias)
    run = torch.compile(model, mode="reduce-overhead") if compiled else model
    made = (torch.optim.SGD(model.parameters(), lr=task.lr) if opt == "SGD"
            else torch.optim.Adam(model.parameters(), lr=ADAM_LR))
    return training_step(run, nn.NLLLoss(), made)


def rung_4_step(task: Task) -> Step:
    """Our model, loss and SGD."""
    model = our_model(task)
    return training_step(model, nll, optim.SGD(model.parameters(), lr=task.lr))


def rung_5_step(task: Task) -> Step:
    """The same with the product by broadcasting."""
    weight, bias = (nn.Parameter(p.clone()) for p in task.layers[0])
    return training_step(lambda x: log_softmax(matmul_last_axis(x, weight) + bias), nll,
                         optim.SGD([weight, bias], lr=task.lr))


def adam_step(task: Task) -> Step:
    """Our model and loss with PyTorch's fused Adam, which can be recorded."""
    model = our_model(task)
    made = torch.optim.Adam(model.parameters(), lr=ADAM_LR, fused=True, capturable=True)
    return training_step(model, nll, made)


def by_dataloader(task: Task, step: Step) -> Callable[[], Tensor]:
    """Epochs over PyTorch's DataLoader, shuffled; on the device's own tensors."""
    loader = DataLoader(TensorDataset(task.x, task.y), task.batch_size, shuffle=True)
    return lambda: torch.stack([step(xb, yb) for xb, yb in loader])


def by_batches(task: Task, step: Step) -> Callable[[], Tensor]:
    """Epochs over the ladder's own batches."""
    rng = task.generator()
    return lambda: torch.stack([step(xb, yb) for xb, yb in batches(task.x, task.y, task.batch_size, rng)])


def by_rows(task: Task, wrap: Callable = lambda step: step) -> Callable[[], Tensor]:
    """Epochs of the formula in few kernels, which picks its rows itself."""
    step = wrap(fused_step(task.x, task.y, task.weight.clone(), task.bias.clone(), task.lr))
    rng = task.generator()

    def epoch() -> Tensor:
        order = torch.randperm(len(task.x), generator=rng).to(task.x.device)
        return torch.stack([step(rows) for rows in order.split(task.batch_size)])

    return epoch


def by_whole_epochs(task: Task, fused: bool) -> Callable[[], Tensor]:
    """One recording of a whole epoch: only the order of the rows is copied in."""
    rng, order, kept = task.generator(), torch.arange(len(task.x), device=task.x.device), {}
    if fused:
        rows_step = fused_step(task.x, task.y, task.weight.clone(), task.bias.clone(), task.lr)
    else:
        step = rung_4_step(task)

        def rows_step(rows: Tensor) -> Tensor:
            return step(task.x.index_select(0, rows), task.y.index_select(0, rows))

    def whole() -> None:
        kept["losses"] = torch.stack([rows_step(rows) for rows in order.split(task.batch_size)])

    order.copy_(torch.randperm(len(task.x), generator=rng))
    with aside(task.x.device):
        for rows in order[: 3 * task.batch_size].split(task.batch_size):  # to warm up; it trains, too
            rows_step(rows)
    replay = record(whole, task.x.device)

    def epoch() -> Tensor:
        order.copy_(torch.randperm(len(task.x), generator=rng))
        replay()
        return kept["losses"].clone()

    return epoch


def by_fit(task: Task, opt: str) -> Callable[[], Tensor]:
    """Our `fit` of lesson 10 without validation."""
    model = our_model(task)
    made = (optim.SGD if opt == "SGD" else optim.Adam)(model.parameters(), lr=task.lr if opt == "SGD" else ADAM_LR)
    loader = BatchLoader(task.x, task.y, task.batch_size, shuffle=True)

    def epoch() -> Tensor:
        history = fit(model, loader, None, nll, made)
        return torch.tensor(history.batch_losses)

    return epoch


def ways(task: Task) -> dict[str, Callable[[], Callable[[], Tensor]]]:
    """Each way by name: a function that makes what is made once, and gives a function of one epoch."""
    captured = partial(Captured, device=task.x.device)
    found = {
        "plain PyTorch loop, Adam": lambda: by_dataloader(task, loop_step(task, "Adam")),
        "plain PyTorch loop, SGD": lambda: by_dataloader(task, loop_step(task, "SGD")),
        "our fit, Adam": lambda: by_fit(task, "Adam"),
        "our fit, SGD": lambda: by_fit(task, "SGD"),
        "our step with @": lambda: by_batches(task, rung_4_step(task)),
        "our step by broadcasting (rung 5)": lambda: by_batches(task, rung_5_step(task)),
        "formula without autograd": lambda: by_rows(task),
    }
    if task.x.device.type == "cuda":
        found |= {
            "plain PyTorch loop, torch.compile": lambda: by_dataloader(task, loop_step(task, "Adam", compiled=True)),
            "our step with @, captured": lambda: by_batches(task, captured(rung_4_step(task))),
            "our step by broadcasting (rung 5), captured": lambda: by_batches(task, captured(rung_5_step(task))),
            "our step with fused Adam, captured": lambda: by_batches(task, captured(adam_step(task))),
            "formula without autograd, captured": lambda: by_rows(task, captured),
            "our step with @, a whole epoch captured": lambda: by_whole_epochs(task, fused=False),
            "formula without autograd, a whole epoch captured": lambda: by_whole_epochs(task, fused=True),
        }
    return found


def kernels(task: Task) -> dict[str, int]:
    """How many kernels one step launches."""
    xb, yb = task.x[: task.batch_size], task.y[: task.batch_size]
    rows = torch.arange(len(xb), device=xb.device)
    steps = {
        "our step with @": (rung_4_step(task), (xb, yb)),
        "our step by broadcasting (rung 5)": (rung_5_step(task), (xb, yb)),
        "formula without autograd": (fused_step(task.x, task.y, task.weight.clone(), task.bias.clone(), task.lr), (rows,)),
    }
    found = {}
    for name, (step, batch) in steps.items():
        with KernelRecorder() as recorder:
            step(*batch)
        found[name] = len(recorder.launches)
    return found


def same_losses(task: Task) -> dict[str, float]:
    """The largest difference of loss from our plain step over one epoch, for those that see the same batches."""
    captured = partial(Captured, device=task.x.device)
    plain = by_batches(task, rung_4_step(task))().double()
    others = {
        "our step with @, captured": by_batches(task, captured(rung_4_step(task))),
        "our step by broadcasting (rung 5), captured": by_batches(task, captured(rung_5_step(task))),
        "formula without autograd, captured": by_rows(task, captured),
    }
    return {name: (epoch().double() - plain).abs().max().item() for name, epoch in others.items()}


def measure(digits: Digits, device: str, batch_size: int, runs: int, only: tuple[str, ...] = ()) -> list[dict]:
    """Seconds of one epoch of each way, in turns."""
    task = replace(make_task(digits, device), batch_size=batch_size)
    epochs, once, losses = {}, {}, {}
    for name, make in ways(task).items():
        if only and name not in only:
            continue
        with Stopwatch(device) as watch:
            epoch = make()
            epoch()  # the first epoch records, compiles and warms up
        once[name] = watch.seconds

        def keep_losses(name: str = name, epoch: Callable[[], Tensor] = epoch) -> None:
            losses[name] = epoch()

        epochs[name] = keep_losses
    times, _ = in_turns(epochs, runs, device)
    for name, last in losses.items():  # what is not a number stays so to the end
        if not torch.isfinite(last).all():
            raise RuntimeError(f"{name} on {device}: a loss is not a number")
    return [{"way": name, "device": device, "batch_size": batch_size, "seconds": round(median(seconds), 4),
             "spread": [round(min(seconds), 4), round(max(seconds), 4)], "first_epoch": round(once[name], 3)}
            for name, seconds in times.items()]


def main() -> int:
    """Measure, show a table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", help="default: cuda")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="turns (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    options = parser.parse_args()
    device = str(find_device(options.device))
    torch.set_num_threads(1)
    digits = load_digits()
    command = f"python benchmarks/epochs.py --device {device} --runs {options.runs}"
    rows = measure(digits, device, 64, options.runs)
    fits = ("our fit, Adam", "our fit, SGD")
    for batch_size in (1024, 4096):
        rows += measure(digits, device, batch_size, options.runs, fits)
    if device != "cpu":
        for batch_size in (64, 1024, 4096):
            rows += measure(digits, "cpu", batch_size, options.runs, fits)
    task = make_task(digits, device)
    found = {
        **machine_facts(device, command),
        "cpu": f"one thread of {platform.processor() or platform.machine()} beside it",
        "what": "seconds for one epoch of logistic regression on MNIST's 50,000 training images, which lie on the "
                "device, float32; the loss of each batch is kept; medians",
        "digits": digits.source, "runs": options.runs,
        "kernels": kernels(task), "losses_differ_by": same_losses(task), "seconds": rows,
    }
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    base = next(row["seconds"] for row in rows if row["way"] == "plain PyTorch loop, Adam")
    columns = ["way", "device", "batch size", "median s", "spread", "of the plain loop", "first epoch s"]
    show_table(found["machine"], columns, [
        (row["way"], row["device"], str(row["batch_size"]), f"{row['seconds']:.4f}", "{:.4f} – {:.4f}".format(*row["spread"]),
         f"{row['seconds'] / base:.3f}", f"{row['first_epoch']:.2f}") for row in rows], right=columns[2:])
    console.print(f"kernels in a step: {found['kernels']}")
    console.print(f"largest difference of loss from our plain step: {found['losses_differ_by']}")
    worst = max(found["losses_differ_by"].values())
    return 0 if worst <= TOLERANCE["float32"] else 1


if __name__ == "__main__":
    sys.exit(main())
