"""Recorded steps, processes that train as one, and the table of all machines. What needs a GPU is marked so."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import psutil
import pytest
import torch
from torch.nn import functional as F

from lessonlib import optim
from lessonlib.bare import RUNG_PYTHON
from lessonlib.course import cli
from lessonlib.ladder import RUNGS, TOLERANCE, make_task, our_model, rung_matmul, rung_sgd
from lessonlib.layers import log_softmax
from lessonlib.loaders import batches
from lessonlib.losses import nll
from lessonlib.matmul import matmul_last_axis
from lessonlib.scale import (
    KEY,
    Captured,
    KernelRecorder,
    Line,
    Ring,
    Star,
    WorkerLost,
    cut,
    fused_step,
    launch,
    listen,
    machine_facts,
    main,
    measured,
    meet,
    passport_rows,
    record,
    rows_of,
    shared_step,
    timeline,
    train_in_processes,
    train_shared,
    training_step,
)

LONG_ENOUGH = 300.0  # for processes on a busy machine; a test that is not stuck never takes so long


def uneven(task):
    """The task with a last batch of 19."""
    return replace(task, x=task.x[: 5 * 64 + 19], y=task.y[: 5 * 64 + 19])


def exact(random_digits):
    return uneven(make_task(random_digits, dtype=torch.float64))


def rung_4_step(task, opt=optim.SGD, **settings):
    model = our_model(task)
    return training_step(model, nll, opt(model.parameters(), lr=task.lr, **settings))


def rung_5_step(task):
    weight, bias = (torch.nn.Parameter(p.clone()) for p in task.layers[0])
    return training_step(lambda x: log_softmax(matmul_last_axis(x, weight) + bias), nll, optim.SGD([weight, bias], lr=task.lr))


def epoch(step, task):
    return torch.stack([step(xb, yb) for xb, yb in batches(task.x, task.y, task.batch_size, task.generator())]).cpu().double()


# --- recorded steps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "rung"), [(rung_4_step, rung_sgd), (rung_5_step, rung_matmul)], ids=["rung 4", "rung 5"])
def test_a_captured_epoch_has_the_losses_of_its_rung(task, make, rung):
    task = uneven(task)
    calls = []
    step = make(task)

    def counted(xb, yb):
        calls.append(len(xb))
        return step(xb, yb)

    losses = epoch(Captured(counted, "cpu", warm_up=2), task)
    torch.testing.assert_close(losses, rung(task).losses, rtol=0, atol=TOLERANCE["float32"])
    assert calls == [64, 64, 64, 19]  # two to warm up, one recorded, and the last one, which is smaller


def test_every_loss_is_kept(task):
    """A replay fills the same memory again; what was handed out before stays."""
    step = Captured(rung_4_step(task), "cpu", warm_up=0)
    losses = [step(task.x[i : i + 8], task.y[i : i + 8]) for i in range(0, 40, 8)]
    assert len({loss.data_ptr() for loss in losses}) == 5
    assert len({loss.item() for loss in losses}) == 5


def test_the_batch_is_left_alone(task):
    step = Captured(rung_4_step(task), "cpu", warm_up=0)
    first, second = task.x[:8].clone(), task.x[8:16].clone()
    kept = first.clone()
    step(first, task.y[:8])
    step(second, task.y[8:16])
    assert torch.equal(first, kept)


def test_state_in_place_is_captured_and_a_name_that_moves_on_is_not(task):
    task = uneven(task)
    plain = epoch(rung_4_step(task, momentum=0.9), task)
    theirs = epoch(Captured(rung_4_step(task, torch.optim.SGD, momentum=0.9), "cpu", warm_up=1), task)
    ours = epoch(Captured(rung_4_step(task, momentum=0.9), "cpu", warm_up=1), task)
    torch.testing.assert_close(theirs, plain, rtol=0, atol=TOLERANCE["float32"])
    assert (ours - plain).abs().max() > 1e-3


@pytest.mark.parametrize("warm_up", [0, 2])
def test_a_step_that_fetches_a_number_is_refused(task, warm_up):
    def step(xb, yb):
        return xb.sum() * xb.mean().item()

    with pytest.raises(RuntimeError, match=r"fetches a number .* call \.item\(\) after the step"):
        Captured(step, "cpu", warm_up)(task.x[:8], task.y[:8])


def test_a_recording_runs_once_and_then_on_the_same_memory():
    x, total = torch.ones(3), torch.zeros(3)
    replay = record(lambda: total.add_(x * 2), "cpu")
    assert total.tolist() == [2, 2, 2]
    x.fill_(5)
    replay()
    assert total.tolist() == [12, 12, 12]


def test_views_are_no_launches_and_kernels_with_several_results_are_replayed():
    x = torch.tensor([[1.0, 3.0], [4.0, 2.0]])
    with KernelRecorder() as recorder:
        values, places = x.T.max(dim=0)
    assert recorder.names == ["max"]
    x.copy_(torch.tensor([[9.0, 3.0], [4.0, 20.0]]))
    recorder.replay()
    assert (values.tolist(), places.tolist()) == ([9, 20], [0, 1])


def test_the_fused_step_launches_less_than_half_and_trains_alike(task):
    task = uneven(task)
    rows = torch.randperm(len(task.x), generator=task.generator()).split(task.batch_size)
    for wrap in (lambda step: step, lambda step: Captured(step, "cpu")):
        step = wrap(fused_step(task.x, task.y, task.weight.clone(), task.bias.clone(), task.lr))
        losses = torch.stack([step(some) for some in rows]).double()
        torch.testing.assert_close(losses, rung_sgd(task).losses, rtol=0, atol=TOLERANCE["float32"])
    plain, fused = rung_4_step(task), fused_step(task.x, task.y, task.weight.clone(), task.bias.clone(), task.lr)
    with KernelRecorder() as many:
        plain(task.x[:64], task.y[:64])
    with KernelRecorder() as few:
        fused(torch.arange(64))
    assert 0 < len(few.launches) < len(many.launches) / 2


def test_a_step_asks_the_device_for_nothing():
    """On "meta" there are no numbers: whoever asks for one, or mixes devices, fails."""
    x, y = torch.empty(128, 784, device="meta"), torch.empty(128, dtype=torch.int64, device="meta")
    weight, bias = torch.empty(784, 10, device="meta"), torch.empty(10, device="meta")
    params = [weight.requires_grad_(), bias.requires_grad_()]
    step = Captured(training_step(lambda x: log_softmax(x @ weight + bias), nll, optim.SGD(params, lr=0.1)), "meta", warm_up=1)
    losses = [step(x[:64], y[:64]) for _ in range(3)]
    assert [loss.device.type for loss in losses] == ["meta"] * 3
    rows = torch.empty(64, dtype=torch.int64, device="meta")
    assert fused_step(x, y, weight.detach(), bias.detach(), 0.1)(rows).device.type == "meta"


@pytest.fixture
def played_cuda(root, monkeypatch):
    """CUDA as far as `record` and `Captured` use it, on the CPU; gives what was called, in order."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    from pretend_graphs import pretended_graphs

    with pretended_graphs() as called:
        yield called


def test_on_cuda_the_step_is_warmed_up_aside_recorded_once_and_replayed(played_cuda, task):
    task = uneven(task)
    losses = epoch(Captured(rung_4_step(task), "cuda:0", warm_up=2), task)
    torch.testing.assert_close(losses, rung_sgd(task).losses, rtol=0, atol=TOLERANCE["float32"])
    aside = ["aside waits for main", "in aside", "main waits for aside"]
    # Two to warm up, one recorded (which runs nothing) and played at once, two replayed; the smaller last batch as it is.
    assert played_cuda == [*aside, *aside, "in cuda:0", "record", "replay", "replay", "replay"]


def test_on_cuda_a_number_is_refused_before_anything_is_recorded(played_cuda, task):
    with pytest.raises(RuntimeError, match="fetches a number"):
        epoch(Captured(lambda xb, yb: xb.sum() * xb.mean().item(), "cuda:0"), task)
    assert "record" not in played_cuda


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize(("make", "rung"), [(rung_4_step, rung_sgd), (rung_5_step, rung_matmul)], ids=["rung 4", "rung 5"])
def test_a_graph_has_the_losses_of_its_rung(random_digits, make, rung):
    task = make_task(random_digits, "cuda")
    losses = epoch(Captured(make(task), "cuda"), task)
    torch.testing.assert_close(losses, rung(task).losses, rtol=0, atol=TOLERANCE["float32"])


@pytest.mark.gpu
@needs_gpu
def test_a_fused_graph_has_the_losses_of_rung_4(random_digits):
    task = make_task(random_digits, "cuda")
    step = Captured(fused_step(task.x, task.y, task.weight.clone(), task.bias.clone(), task.lr), "cuda")
    rows = torch.randperm(len(task.x), generator=task.generator()).cuda().split(task.batch_size)
    losses = torch.stack([step(some) for some in rows]).cpu().double()
    torch.testing.assert_close(losses, rung_sgd(task).losses, rtol=0, atol=TOLERANCE["float32"])


@pytest.mark.gpu
@needs_gpu
def test_a_number_is_refused_on_a_gpu_and_the_gpu_goes_on(random_digits):
    task = make_task(random_digits, "cuda")
    with pytest.raises(RuntimeError, match="fetches a number"):
        epoch(Captured(lambda xb, yb: xb.sum() * xb.mean().item(), "cuda"), task)
    epoch(Captured(rung_4_step(task), "cuda"), task)


def test_who_waits_for_whom():
    assert timeline([], []) == []
    assert timeline([1, 1, 1], [5, 5, 5]) == [(1, 6), (6, 11), (11, 16)]
    assert timeline([5, 5], [1, 1]) == [(5, 6), (10, 11)]
    with pytest.raises(ValueError, match="argument 2"):
        timeline([1], [])


# --- processes -----------------------------------------------------------------------------------------------


def at_once(function, groups):
    with ThreadPoolExecutor(len(groups)) as pool:
        return list(pool.map(function, groups))


def star_of(n, seconds=60.0):
    pairs = [socket.socketpair() for _ in range(n - 1)]
    inner = {rank: Line(pair[0], "worker 0", f"worker {rank}", seconds) for rank, pair in enumerate(pairs, start=1)}
    outer = [{0: Line(pair[1], f"worker {rank}", "worker 0", seconds)} for rank, pair in enumerate(pairs, start=1)]
    return [Star(rank, n, lines) for rank, lines in enumerate([inner, *outer])]


def ring_of(n, seconds=60.0):
    if n == 1:
        return [Ring(0, 1, None, None)]
    pairs = [socket.socketpair() for _ in range(n)]
    return [Ring(rank, n, Line(pairs[rank][0], f"worker {rank}", f"worker {(rank + 1) % n}", seconds),
                 Line(pairs[rank - 1][1], f"worker {rank}", f"worker {(rank - 1) % n}", seconds)) for rank in range(n)]


@pytest.mark.parametrize("n_numbers", [0, 1, 3, 10, 300_000])  # the last does not fit into the system's buffers
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("make", [star_of, ring_of])
def test_all_get_the_same_sum(make, n, n_numbers):
    vectors = torch.randn(n, n_numbers, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    groups, copies = make(n), vectors.clone()
    try:
        at_once(lambda group: group.all_reduce(copies[group.rank]), groups)
    finally:
        at_once(lambda group: group.close(), groups)
    torch.testing.assert_close(copies[0], vectors.sum(dim=0), rtol=0, atol=1e-12)
    assert all(torch.equal(copy, copies[0]) for copy in copies)  # to the last bit: else the weights would drift apart


@pytest.mark.parametrize(("n", "size"), [(64, 2), (37, 2), (5, 4), (1, 3), (0, 2)])
def test_every_row_belongs_to_one_process(n, size):
    shares = [rows_of(n, rank, size) for rank in range(size)]
    assert [row for share in shares for row in range(n)[share]] == list(range(n))
    lengths = [share.stop - share.start for share in shares]
    assert max(lengths) - min(lengths) <= 1


class KeepsGradients(optim.SGD):
    def step(self):
        self.grads = [p.grad.clone() for p in self.params]
        super().step()


@pytest.mark.parametrize("make", [star_of, ring_of])
@pytest.mark.parametrize(("n", "dtype", "apart"),
                         [(2, torch.float32, 1e-6), (2, torch.float64, 1e-12), (3, torch.float64, 1e-12)])
def test_shared_gradients_are_those_of_the_whole_batch(random_digits, make, n, dtype, apart):
    """Batches of 64, of 19 and of 1: with two processes, one of them gets no row of the last."""
    task = make_task(random_digits, dtype=dtype)
    for rows in (slice(0, 64), slice(0, 19), slice(0, 1)):
        xb, yb = task.x[rows], task.y[rows]
        whole = our_model(task)
        F.cross_entropy(whole(xb), yb).backward()  # PyTorch's own
        groups, models = make(n), [our_model(task) for _ in range(n)]

        def one(group, xb=xb, yb=yb, models=models):
            opt = KeepsGradients(models[group.rank].parameters(), lr=0.1)
            return shared_step(models[group.rank], opt, xb, yb, group), opt.grads

        losses, gradients = zip(*at_once(one, groups), strict=True)
        at_once(lambda group: group.close(), groups)
        for grads in gradients:
            for grad, p in zip(grads, whole.parameters(), strict=True):
                assert (grad - p.grad).abs().max() < apart
        for loss in losses:
            assert abs(loss.item() - F.cross_entropy(our_model(task)(xb), yb).item()) < apart


@pytest.mark.parametrize("make", [star_of, ring_of])
def test_threads_train_as_one(random_digits, make):
    task = exact(random_digits)
    groups = make(3)
    for losses in at_once(lambda group: train_shared(task, group), groups):
        torch.testing.assert_close(losses, rung_sgd(task).losses, rtol=0, atol=TOLERANCE["float64"])
    at_once(lambda group: group.close(), groups)


@pytest.mark.parametrize("make", [star_of, ring_of])
def test_who_hangs_up_is_named(make):
    first, second = make(2)
    second.close()
    with pytest.raises(WorkerLost, match="worker 0 lost worker 1: "):
        first.all_reduce(torch.ones(10))
    first.close()


@pytest.mark.parametrize("make", [star_of, ring_of])
def test_who_says_nothing_is_named(make):
    first, second = make(2, seconds=0.2)
    with pytest.raises(WorkerLost, match=r"worker 0 heard nothing from worker 1 for 0\.2 seconds"):
        first.all_reduce(torch.ones(10))
    first.close()
    second.close()


def test_strangers_are_sent_away():
    """Callers without the key, of a rank that is not expected, or who say nothing, do not get in."""
    key = bytes(range(KEY))
    with socket.create_server(("127.0.0.1", 0)) as ear:
        def call(hello):
            caller = socket.create_connection(ear.getsockname())
            caller.sendall(hello)
            return caller

        callers = [call(bytes(KEY) + bytes(8)), call(key + (7).to_bytes(4, "big") + bytes(4))]
        callers.append(call(key + (1).to_bytes(4, "big") + (99).to_bytes(4, "big")))
        found = listen(ear, "worker 0", [1], key, 60.0)
        assert {rank: number for rank, (_, number) in found.items()} == {1: 99}
        assert callers[0].recv(1) == b""
        assert callers[1].recv(1) == b""
        with pytest.raises(WorkerLost, match="worker 0 waited for worker 1, worker 2, who did not call"):
            listen(ear, "worker 0", [1, 2], key, 0.1)
        for other in (*callers, found[1][0]):
            other.close()


@pytest.fixture(scope="module")
def source() -> str:
    """Digits that every process finds."""
    return "handwriting"


@pytest.mark.parametrize(("kind", "size"), [("star", 1), ("star", 3), ("ring", 1), ("ring", 2), ("ring", 3)])
def test_all_meet_by_way_of_the_launcher(kind, size):
    """Threads here, with the sockets that processes use."""
    key = bytes(range(KEY))
    with socket.create_server(("127.0.0.1", 0), backlog=size) as door:
        def launcher():
            callers = listen(door, "the launcher", range(size), key, LONG_ENOUGH)
            for line, _ in callers.values():
                line.send(torch.tensor([port for _, port in callers.values()]))
            connected = [bytes(line.receive_bytes(1)) for line, _ in callers.values()]
            for line, _ in callers.values():
                line.close()
            return connected

        def worker(rank):
            group = meet(kind, rank, size, door.getsockname()[1], key, LONG_ENOUGH)
            vector = torch.tensor([10.0**rank, 1.0])
            group.all_reduce(vector)
            group.close()
            return type(group), vector.tolist()

        connected, *found = at_once(lambda one: one(), [launcher, *(partial(worker, rank) for rank in range(size))])
    assert connected == [b"!"] * size
    assert found == [(Star if kind == "star" else Ring, [sum(10.0**rank for rank in range(size)), size])] * size


# A process takes seconds to load PyTorch; what star and ring do differently was tried with threads above.
@pytest.mark.parametrize(("kind", "dtype"), [("torch", "float64"), ("ring", "float32")])
def test_two_processes_train_as_one(kind, dtype, source):
    from lessonlib.data import load_digits

    if kind == "torch" and not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("this PyTorch comes without torch.distributed's gloo")
    run = train_in_processes(kind, 2, 339, dtype, source, LONG_ENOUGH)
    task = make_task(cut(load_digits(source), 339), dtype=getattr(torch, dtype))
    losses = torch.tensor(run["rungs"][0]["losses"], dtype=torch.float64)
    torch.testing.assert_close(losses, rung_sgd(task).losses, rtol=0, atol=TOLERANCE[dtype])
    assert (run["processes"], run["all_reduce"], run["images"], run["source"]) == (2, kind, 339, source)
    assert {"machine", "versions", "date", "command"} <= set(run)


@contextmanager
def training_workers(kind: str, *more: str):
    """Two processes that train: what comes of it, and the processes. They are ended in any case."""
    said = []
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(launch, kind, ["--source", "handwriting", "--images", "640", "--epochs", "1000000", *more],
                              seconds=LONG_ENOUGH, notify=said.append)
        wait_for(lambda: "all have met" in said or outcome.done())
        numbers = re.findall(r"worker \d: process (\d+)", "\n".join(said))
        workers = [psutil.Process(int(number)) for number in numbers if psutil.pid_exists(int(number))]
        try:
            assert len(workers) == 2
            yield outcome, workers
        finally:
            for worker in workers:
                with suppress(psutil.NoSuchProcess):
                    worker.kill()


def wait_for(condition, seconds=LONG_ENOUGH):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_killed_worker_is_named_and_nothing_hangs():
    """Its wait of an hour for others shows that it is the lost connection that ends it, and no time limit."""
    with training_workers("star", "--patience", "3600") as (outcome, workers):
        workers[0].send_signal(signal.SIGKILL)
        with pytest.raises(WorkerLost, match=r"(?s)worker 0 was ended by signal 9.*worker 1 lost worker 0") as lost:
            outcome.result(LONG_ENOUGH)
        assert "Traceback" not in str(lost.value)
        wait_for(lambda: not any(worker.is_running() for worker in workers))


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_worker_that_stands_still_is_named_and_nothing_hangs():
    with training_workers("ring", "--patience", "20") as (outcome, workers):
        workers[1].send_signal(signal.SIGSTOP)
        with pytest.raises(WorkerLost, match=r"worker 0 heard nothing from worker 1 for 20 seconds\. Is it stopped"):
            outcome.result(LONG_ENOUGH)
        wait_for(lambda: not any(worker.is_running() for worker in workers))


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_killed_worker_of_torchrun_ends_all(source):
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("this PyTorch comes without torch.distributed's gloo")
    command = subprocess.Popen(
        [sys.executable, "-m", "lessonlib.scale", "--source", source, "--images", "640", "--epochs", "1000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    torchrun = psutil.Process(int(re.search(r"process (\d+)", command.stdout.readline()).group(1)))
    wait_for(lambda: len(torchrun.children()) == 2)
    workers = torchrun.children()
    workers[1].send_signal(signal.SIGKILL)
    _, error = command.communicate(timeout=LONG_ENOUGH)
    assert command.returncode == 1
    assert "Signal 9" in error
    wait_for(lambda: not any(process.is_running() for process in [torchrun, *workers]))


def test_time_that_runs_out_ends_all():
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(WorkerLost, match=r"0\.5 seconds were not enough"):
        launch("ring", ["--source", "handwriting"], seconds=0.5)
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_worker_that_fails_says_why():
    with pytest.raises(WorkerLost, match=r"worker 0 said: .*invalid choice: 'float16'"):
        launch("star", ["--dtype", "float16"], n=1, seconds=LONG_ENOUGH)


@pytest.mark.parametrize(("arguments", "words"), [
    (["--workers", "0"], "1 or more workers"), (["--all-reduce", "tree"], "invalid choice"),
    (["--images", "none"], "invalid int value")])
def test_wrong_arguments_of_the_program(arguments, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert words in capsys.readouterr().err


# --- the passport --------------------------------------------------------------------------------------------


def run_of(task, rungs, **more):
    return {**machine_facts("cpu", "a test"), "source": task.source, "n_hidden": 0, "device": "cpu", "epochs": 1,
            "dtype": str(task.x.dtype).removeprefix("torch."), "batch_size": 64,
            "rungs": [{"name": rung.name, "losses": rung.train(task).losses.tolist()} for rung in rungs]} | more


@pytest.fixture(scope="module")
def runs(random_digits):
    fine, coarse = exact(random_digits), uneven(make_task(random_digits))
    return [run_of(fine, [*RUNGS, RUNG_PYTHON]), run_of(coarse, RUNGS[3:]),
            run_of(fine, RUNGS[3:4], processes=2, all_reduce="ring"), run_of(fine, RUNGS[:2], device="cuda")]


def test_the_passport_compares_all_with_the_cpu_in_float64(runs):
    rows = passport_rows(runs)
    assert [(row["where"], row["dtype"], row["processes"], row["batches"]) for row in rows] == [
        ("cpu", "float64", 1, 6), ("lists", "float64", 1, 6), ("cpu", "float32", 1, 6), ("cpu", "float64", 2, 6),
        ("cuda", "float64", 1, 6)]
    assert all(row["difference"] <= row["tolerance"] for row in rows)
    assert rows[2]["difference"] > 1e-10  # 24 bits are seen
    assert [row["because"] for row in rows] == [
        "the run to compare with; each rung sums in its own order", "sums number by number",
        "24 bits for every number, 53 in float64; each rung sums in its own order", "each process sums its own rows first",
        "other kernels, another order of sums"]
    assert passport_rows(runs[::-1])[-2:] == rows[:2]  # the one to compare with need not come first


def test_the_passport_needs_the_cpu_in_float64_and_one_task(runs):
    with pytest.raises(ValueError, match=r"expected a run on the CPU in float64 .*`lessons ladder --device cpu --dtype float64"):
        passport_rows(runs[1:])
    with pytest.raises(ValueError, match="expected runs of one task; got source 'handwriting' and 'mnist'"):
        passport_rows([runs[0], runs[1] | {"source": "mnist"}])


def test_the_command_makes_the_table_from_files(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    files = [tmp_path / f"{n}.json" for n in range(len(runs))]
    for file, run in zip(files, runs, strict=True):
        file.write_text(json.dumps(run), encoding="utf-8")
    assert cli.main(["passport", *map(str, files), "--json", str(tmp_path / "table.json")]) == 0
    shown = capsys.readouterr().out
    assert "2 ring" in shown
    assert "All within what rounding explains" in shown
    assert json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))["rows"] == passport_rows(runs)
    runs[1]["rungs"][0]["losses"][2] += 0.1
    files[1].write_text(json.dumps(runs[1]), encoding="utf-8")
    runs[1]["rungs"][0]["losses"][2] -= 0.1
    assert cli.main(["passport", *map(str, files)]) == 1
    assert "Not the same losses: cpu in float32 (SGD, 1.0e-01" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "words"), [("no json", "is no JSON file"), ("[1]", "is no run of the ladder"),
                                             ('{"device": "cpu"}', "is no run of the ladder")])
def test_a_file_that_is_no_run_is_told(text, words, tmp_path, capsys):
    file = tmp_path / "odd.json"
    file.write_text(text, encoding="utf-8")
    assert cli.main(["passport", str(file)]) == 1
    assert words in " ".join(capsys.readouterr().err.split())


def test_what_came_with_the_package_is_whole():
    """Figures from other machines say where they come from; the passport has what the lesson says."""
    gpu = measured("gpu")
    assert {"machine", "versions", "date", "command", "what", "kernels", "losses_differ_by"} <= set(gpu)
    assert all({"way", "device", "batch_size", "seconds", "spread"} <= set(row) for row in gpu["seconds"])
    assert all(row["spread"][0] <= row["seconds"] <= row["spread"][1] for row in gpu["seconds"])
    assert max(gpu["losses_differ_by"].values()) <= TOLERANCE["float32"]
    rows = measured("passport")["rows"]
    assert all(row["difference"] <= row["tolerance"] for row in rows)
    assert {(row["where"], row["dtype"], row["processes"]) for row in rows} >= {
        ("cpu", "float64", 1), ("cpu", "float32", 1), ("cuda", "float64", 1), ("cuda", "float32", 1), ("cpu", "float64", 2),
        ("lists", "float64", 1)}
    assert all(row["machine"] and row["date"] and row["command"] for row in rows)
