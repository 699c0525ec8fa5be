"""What lesson 19 cannot show: workers that fail or die, programs of all kinds, plans of all lengths."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import search_jobs
import torch

from lessonlib import layers, loaders, losses, optim, tuning
from lessonlib.tuning import SearchError, early_stop, find_lr, grid, heat_map, one_cycle, search

X = torch.arange(6.0)


def test_workers_give_the_results_in_the_order_of_the_settings():
    frame = search(search_jobs.square, [{"factor": 3, "wait": 0.3}, {"factor": 1, "wait": 0.0}, {"factor": 2, "wait": 0.0}], [X])
    assert frame.factor.tolist() == [3, 1, 2]
    assert frame["sum"].tolist() == [45.0, 15.0, 30.0]
    assert set(frame.threads) == {1}
    assert os.getpid() not in set(frame.process)


def test_without_workers_all_runs_here():
    frame = search(search_jobs.square, grid(factor=[1, 2]), [X], n_workers=0)
    assert set(frame.process) == {os.getpid()}


@pytest.mark.parametrize("n_workers", [0, 1])
def test_a_setting_that_fails_is_named(n_workers):
    with pytest.raises(SearchError, match="the setting factor=2 failed: ArithmeticError: two is not allowed here") as caught:
        search(search_jobs.fails_at_two, grid(factor=[1, 2, 3]), [X], n_workers)
    assert isinstance(caught.value.__cause__, ArithmeticError)


def test_a_worker_that_dies_is_told_and_nothing_hangs():
    with pytest.raises(SearchError, match="a worker ended before it gave an answer"):
        search(search_jobs.dies, grid(factor=[1, 2]), [X], n_workers=1)


def test_what_a_new_process_cannot_import_is_refused_before_any_starts():
    def inside(x, factor):
        return {}

    for function in (inside, lambda x, factor: {}):
        with pytest.raises(SearchError, match=r"write it at the top level of a \.py file") as caught:
            search(function, grid(factor=[1]), [X])
        assert caught.value.__cause__ is not None


def test_nothing_to_try():
    with pytest.raises(ValueError, match="at least one setting"):
        search(search_jobs.square, [], [X])


PROGRAM = """
import torch
from lessonlib.tuning import grid, search
from search_jobs import square

def own(x, factor):
    return {{"sum": factor * float(x.sum())}}

{line}
    for function in (square, own):
        print(search(function, grid(factor=[1, 2]), [torch.ones(3)], n_workers=1)["sum"].tolist())
"""


def run_program(folder: Path, line: str) -> subprocess.CompletedProcess:
    program = folder / "program.py"
    program.write_text(PROGRAM.format(line=line), encoding="utf-8")
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    return subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "PYTHONPATH": paths})


def test_a_program_searches_with_functions_of_others_and_of_its_own(tmp_path):
    result = run_program(tmp_path, 'if __name__ == "__main__":')
    assert result.stdout.splitlines() == ["[3.0, 6.0]"] * 2, result.stderr


def test_a_program_without_the_main_line_is_told(tmp_path):
    result = run_program(tmp_path, "if True:")
    assert result.returncode != 0
    assert 'needs the line `if __name__ == "__main__":`' in result.stderr


@pytest.mark.parametrize("n_steps", [2, 3, 4, 10, 11, 97])
@pytest.mark.parametrize("warm_up", [0.0, 0.25, 0.3, 0.5, 0.9])
def test_one_cycle_is_pytorchs(n_steps, warm_up):
    if warm_up * n_steps - 1 == 0:
        pytest.skip("PyTorch divides by zero here; see the next test")
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.4, total_steps=n_steps, pct_start=warm_up)
    for step, (lr, momentum) in enumerate(zip(*one_cycle(n_steps, 0.4, warm_up), strict=True)):
        group = opt.param_groups[0]
        assert (lr, momentum) == pytest.approx((group["lr"], group["momentum"]), rel=1e-9, abs=1e-12), step
        opt.step()
        if step + 1 < n_steps:
            scheduler.step()


def test_one_cycle_where_the_top_is_the_first_step_and_of_a_single_step():
    assert one_cycle(4, 0.4, warm_up=0.25).rates[0] == pytest.approx(0.4)
    assert len(one_cycle(1, 0.4).rates) == 1
    assert all(map(math.isfinite, one_cycle(1, 0.4).rates))


@pytest.mark.parametrize(("make", "key"), [
    (lambda p: optim.SGD(p, 0.1, momentum=0.9), "momentum"), (lambda p: optim.Adam(p), "betas"),
    (lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), "momentum"), (lambda p: torch.optim.Adam(p), "betas")])
def test_a_plan_reaches_every_kind_of_optimizer(make, key):
    opt = make([torch.zeros(2, requires_grad=True)])
    tuning.set_rate(opt, 0.5, 0.7)
    state = opt.param_groups[0] if hasattr(opt, "param_groups") else vars(opt)
    assert state["lr"] == 0.5
    assert state[key] == (0.7 if key == "momentum" else (0.7, 0.999))


def test_the_finder_leaves_all_as_it_was_and_stops_where_the_loss_explodes():
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(64, 5, generator=rng), torch.randint(3, (64,), generator=rng)
    model = layers.LogReg(5, 3, rng)
    weight, opt = model.linear.weight.clone(), optim.SGD(model.parameters(), 0.1, momentum=0.9)
    curve = find_lr(model, [(x, y)], losses.nll, opt, low=1e-3, high=1e6)
    assert torch.equal(model.linear.weight, weight)
    assert opt.lr == 0.1
    assert opt.velocity == [0.0, 0.0]
    assert len(curve.rates) < 100
    assert all(map(math.isfinite, curve.smoothed))
    assert 1e-3 <= curve.last_clearly_falling <= 10 * curve.a_tenth_of_the_minimum
    with pytest.raises(ValueError, match="A generator can be used only once"):
        find_lr(model, iter([]), losses.nll, opt)
    with pytest.raises(ValueError, match="begin lower"):
        find_lr(model, [(x, y)], losses.nll, opt, low=1e7, high=1e9)


def test_a_loss_that_only_falls_or_only_rises_has_both_rates_all_the_same():
    for values in ([3 - 0.1 * n for n in range(20)], [1 + 0.1 * n for n in range(20)], [1.0] * 20):
        curve = tuning.LRCurve([0.1 * 2**n for n in range(20)], values)
        assert curve.last_clearly_falling in curve.rates
        assert curve.a_tenth_of_the_minimum * 10 == pytest.approx(curve.rates[curve._lowest()])


def test_nan_never_counts_as_better():
    assert early_stop([1.0, math.nan, math.nan], patience=2) == 3


def test_a_heat_map_with_what_diverged_and_with_one_field():
    import pandas as pd

    frame = pd.DataFrame({"lr": [0.1, 1.0, 0.1, 1.0], "decay": [0, 0, 1, 1], "valid_loss": [0.5, math.nan, 0.4, math.inf]})
    assert "the best, 0.400, is at decay 1 and lr 0.1" in heat_map(frame, "lr", "decay").alt
    assert "the best, 0.500" in heat_map(frame[:1], "lr", "decay").alt
    assert "the best, 0.500" in heat_map(frame[[True, False, True, False]], "lr", "decay", lowest=False).alt


def test_who_looks_at_the_first_batch_takes_no_step_of_the_plan():
    opt = optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    pairs = [(torch.ones(2), torch.ones(2))] * 3
    loader = tuning.Scheduled(pairs, opt, one_cycle(6, 0.4))
    next(iter(loader))
    rates = [opt.lr for _ in range(2) for _ in loader]
    assert rates == pytest.approx(one_cycle(6, 0.4).rates)
    with pytest.raises(ValueError, match="the plan has 6 steps"):
        next(iter(loader))


def test_fit_takes_a_planned_loader_from_its_first_step_to_its_last():
    x, y = torch.randn(10, 3, generator=torch.Generator().manual_seed(0)), torch.arange(10) % 2
    model = layers.LogReg(3, 2, torch.Generator().manual_seed(0))
    opt = optim.SGD(model.parameters(), 0.1, momentum=0.9)
    train = loaders.BatchLoader(x, y, 4, shuffle=True, generator=torch.Generator().manual_seed(3))
    history = tuning.fit_one_cycle(model, train, None, losses.nll, opt, epochs=3, lr_max=0.1)
    assert len(history.batch_losses) == 9
    assert opt.lr == pytest.approx(one_cycle(9, 0.1).rates[-1])
