"""What would fail on a GPU, found without one: a second device that is only pretended.

    python benchmarks/pretend_gpu.py             # every lesson
    python benchmarks/pretend_gpu.py 5 8 10      # some of them; -v shows where

Tensors "on the GPU" lie in the memory of the CPU and are marked. Mixing them with others, handing them to NumPy or
pandas, and random numbers from the wrong generator fail as on CUDA; each number that is fetched is counted, because
for each one the program waits for the device. `find_device` finds the pretended device, and calls it cuda.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import torch
from pretend_graphs import pretended_graphs
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

ROOT = Path(__file__).resolve().parents[1]
GPU = torch.device("cuda", 0)
# Kernels for which the program waits, because a number or a size has to come back from the device.
WAITS = frozenset([
    "_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "unique_dim",
    "unique_consecutive", "bincount", "argwhere",
])
# Kernels that take tensors of two devices: transfers, and places to read at, which may lie on the CPU.
TRANSFERS = frozenset(["copy_", "_copy_from", "copy"])
INDEXING = frozenset(["index", "index_put_", "index_put", "_index_put_impl_", "_unsafe_index"])
# Kernels that do not even take a single number (a tensor without an axis) from the CPU.
STRICT = frozenset([
    "cat", "stack", "mm", "bmm", "addmm", "mv", "dot", "index_select", "gather", "scatter", "scatter_", "embedding",
    "nll_loss_forward", "nll_loss_backward", "equal", "convolution", "native_batch_norm",
])
RANDOM = frozenset([
    "normal_", "uniform_", "random_", "bernoulli", "bernoulli_", "multinomial", "rand_like", "randn_like",
    "randint_like", "native_dropout", "rand", "randn", "randint", "randperm", "exponential_", "cauchy_", "geometric_",
    "log_normal_",
])
MIXED = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"


class DeviceAssert(Exception):
    """A number out of range in a kernel: on a GPU it cannot be caught, and nothing works after it."""


class Marks:
    """Which memory belongs to the pretended GPU: marked by storage, so that views are marked with their tensor."""

    def __init__(self):
        self._marked: dict[int, StorageWeakRef] = {}
        self._neutral: dict[int, StorageWeakRef] = {}  # made by a backward pass out of nothing: it may join either side

    def on_gpu(self, tensor: Tensor) -> bool:
        return self._holds(self._marked, tensor)

    def is_neutral(self, tensor: Tensor) -> bool:
        return self._holds(self._neutral, tensor)

    def put(self, tensor: Tensor) -> Tensor:
        return self._add(self._marked, tensor)

    def put_neutral(self, tensor: Tensor) -> Tensor:
        return self._add(self._neutral, tensor)

    @staticmethod
    def _key(tensor: Tensor) -> int | None:
        try:
            return tensor.untyped_storage()._cdata
        except (NotImplementedError, RuntimeError):  # sparse tensors, and those of other backends
            return None

    def _holds(self, kept: dict[int, StorageWeakRef], tensor: Tensor) -> bool:
        # While a weak reference is kept, no other storage can have the same address.
        return self._key(tensor) in kept

    def _add(self, kept: dict[int, StorageWeakRef], tensor: Tensor) -> Tensor:
        key = self._key(tensor)
        if key is not None and key not in kept:
            kept[key] = StorageWeakRef(tensor.untyped_storage())
            if len(kept) % 4096 == 0:
                for old in [k for k, ref in kept.items() if ref.expired()]:
                    del kept[old]
        return tensor


class Seen:
    """What happened on the GPU: kernels that ran, numbers fetched, random numbers drawn there, backward passes."""

    def __init__(self):
        self.ran, self.fetched, self.in_epoch, self.drawn = Counter(), Counter(), Counter(), Counter()
        self.epochs = 0  # how many are going on
        self.asserts = 0  # kernels that got an index out of range
        self.backward, self.steps_that_waited, self._waited = 0, 0, False

    def fetch(self, how: str) -> None:
        """Note that the program waits for the device."""
        self.fetched[how] += 1
        self._waited = True
        if self.epochs:
            self.in_epoch[how] += 1

    def step(self) -> None:
        """Note that a backward pass begins, and whether something was fetched since the last one."""
        self.steps_that_waited += self.backward > 0 and self._waited
        self.backward, self._waited = self.backward + 1, False


class _Kernels(TorchDispatchMode):
    """The lower floor: every kernel, also those of a backward pass."""

    def __init__(self, marks: Marks, seen: Seen):
        super().__init__()
        self.marks, self.seen = marks, seen

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else PyTorch loads its compiler before the first kernel, which takes seconds

    def __torch_dispatch__(self, kernel, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = kernel._schema.name.split("::")[-1]
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        there = [t for t in tensors if self.marks.on_gpu(t)]
        here = [t for t in tensors if not self.marks.on_gpu(t) and not self.marks.is_neutral(t)]
        if there and here:
            self._check_mixture(name, args, here)
        if there:
            self._check_random(name, args, kwargs)
            self._count(name, args)
        try:
            out = kernel(*args, **kwargs)
        except (IndexError, RuntimeError) as error:
            if there and re.search(r"out of (bounds|range)", str(error)):
                self.seen.asserts += 1
                raise DeviceAssert(f"CUDA error: device-side assert triggered (in {name}); a GPU is of no use after it "
                                   "until Python is started again") from error
            raise
        self._mark(name, out, there, tensors)
        self.seen.ran[name] += bool(there)
        return out

    def _check_mixture(self, name: str, args: tuple, here: list[Tensor]) -> None:
        if name in TRANSFERS:
            if not self.marks.on_gpu(args[0]):
                self.seen.fetch("copy_ to the CPU")
            return
        if name in INDEXING:
            allowed = [i for i in args[1] if i is not None] if self.marks.on_gpu(args[0]) else []
            rest = [t for t in here if t.ndim and all(t is not i for i in allowed)]
            if rest:
                raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)"
                                   if not self.marks.on_gpu(args[0]) else MIXED)
            return
        if name in STRICT or any(t.ndim for t in here):
            raise RuntimeError(f"{MIXED} (in {name})")

    def _check_random(self, name: str, args: tuple, kwargs: dict) -> None:
        if name in RANDOM:
            self.seen.drawn[name] += 1
        if any(isinstance(a, torch.Generator) for a in (*args, *kwargs.values())):
            raise RuntimeError(f"Expected a 'cuda' device type for generator but found 'cpu' (in {name})")

    def _count(self, name: str, args: tuple) -> None:
        masks = name in INDEXING and any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])
        if name in WAITS or masks:
            self.seen.fetch("a mask as index" if masks else {"_local_scalar_dense": "item"}.get(name, name))

    def _mark(self, name: str, out: object, there: list[Tensor], tensors: list[Tensor]) -> None:
        made = [t for t in tree_leaves(out) if isinstance(t, Tensor)]
        for t in made:
            if there and name not in TRANSFERS:
                self.marks.put(t)
            elif not tensors and torch._C._current_graph_task_id() != -1:
                self.marks.put_neutral(t)


class PretendGPU(TorchFunctionMode):
    """Within `with PretendGPU() as gpu:` there is a device "cuda"; `gpu.seen` tells what was done on it."""

    def __init__(self):
        super().__init__()
        self.marks, self.seen = Marks(), Seen()
        self._kernels = _Kernels(self.marks, self.seen)

    def __enter__(self):
        self._stack = ExitStack()
        for name, value in (("is_available", True), ("device_count", 1), ("synchronize", None)):
            self._stack.enter_context(mock.patch.object(torch.cuda, name, lambda *_, value=value: value))
        for name in ("_cuda_graph_capture_health_check", "_accelerator_graph_capture_health_check"):  # asks a true GPU
            if hasattr(torch.optim.Optimizer, name):
                self._stack.enter_context(mock.patch.object(torch.optim.Optimizer, name))
        self._stack.enter_context(pretended_graphs())
        self._stack.enter_context(self._kernels)
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._stack.close()

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """What is fetched within this block is counted as fetched within an epoch."""
        self.seen.epochs += 1
        try:
            yield
        finally:
            self.seen.epochs -= 1

    def on_gpu(self, value: object) -> bool:
        """Whether this is a tensor on the pretended GPU."""
        return isinstance(value, Tensor) and self.marks.on_gpu(value)

    def move(self, tensor: Tensor, to_gpu: bool, dtype: torch.dtype | None = None) -> Tensor:
        """A copy on the other device; a gradient comes back to where the tensor is."""
        if not to_gpu:
            self.seen.fetch("to the CPU")
        return _Move.apply(tensor, self.marks, to_gpu, dtype or tensor.dtype)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in _SPECIAL and (args and isinstance(args[0], Tensor)):
            return _SPECIAL[function](self, function, *args, **kwargs)
        device = kwargs.get("device")
        if device is None or isinstance(device, Tensor):
            return function(*args, **kwargs)
        kind = _kind(device)
        if kind not in ("cuda", "cpu"):
            return function(*args, **kwargs)
        if kind == "cuda":
            if kwargs.get("generator") is not None:
                raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
            if function.__name__ in RANDOM:
                self.seen.drawn[function.__name__] += 1
            kwargs = {**kwargs, "device": "cpu"}
        given = [t for t in tree_leaves(args) if isinstance(t, Tensor)]
        return tree_map(lambda t: self._placed(t, given, kind == "cuda"), function(*args, **kwargs))

    def _placed(self, value: object, given: list[Tensor], to_gpu: bool) -> object:
        """What a function that was told the device has made, on that device."""
        if not isinstance(value, Tensor) or self.on_gpu(value) == to_gpu:
            return value
        if to_gpu and all(value.untyped_storage()._cdata != t.untyped_storage()._cdata for t in given):
            return self.marks.put(value)
        return self.move(value, to_gpu)


class _Move(torch.autograd.Function):
    """A copy from one device to the other."""

    @staticmethod
    def forward(ctx, tensor: Tensor, marks: Marks, to_gpu: bool, dtype: torch.dtype) -> Tensor:
        ctx.marks, ctx.from_gpu, ctx.dtype = marks, marks.on_gpu(tensor), tensor.dtype
        return _copy(tensor, marks, to_gpu, dtype)

    @staticmethod
    def backward(ctx, grad: Tensor):
        return _copy(grad, ctx.marks, ctx.from_gpu, ctx.dtype), None, None, None


def _copy(tensor: Tensor, marks: Marks, to_gpu: bool, dtype: torch.dtype) -> Tensor:
    with _disable_current_modes():
        copy = tensor.detach().to(dtype, copy=True)
    return marks.put(copy) if to_gpu else copy


def _kind(device: torch.device | str | int) -> str:
    return "cuda" if isinstance(device, int) else torch.device(device).type


def _to(gpu: PretendGPU, function: Callable, tensor: Tensor, *args, **kwargs) -> Tensor:
    args, kwargs = list(args), dict(kwargs)
    other = kwargs.pop("other", None)
    if args and isinstance(args[0], Tensor):
        other = args.pop(0)
    if other is not None:
        args = [GPU if gpu.on_gpu(other) else other.device, other.dtype, *args]
    copy = kwargs.pop("copy", False)
    if len(args) > 3 or (len(args) == 3 and isinstance(args[1], bool)):
        copy = args.pop()
    device, dtype, _, memory_format = torch._C._nn._parse_to(*args, **kwargs)
    how = {"copy": copy} if memory_format is None else {"copy": copy, "memory_format": memory_format}
    if device is None or device.type not in ("cuda", "cpu") or (device.type == "cuda") == gpu.on_gpu(tensor):
        target = {} if device is None or device.type == "cuda" else {"device": device}
        return function(tensor, dtype=dtype or tensor.dtype, **target, **how)
    return gpu.move(tensor, device.type == "cuda", dtype)


def _to_numpy(gpu: PretendGPU, function: Callable, tensor: Tensor, *args, **kwargs) -> object:
    if gpu.on_gpu(tensor):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                        "host memory first.")
    return function(tensor, *args, **kwargs)


def _tolist(gpu: PretendGPU, function: Callable, tensor: Tensor) -> object:
    if gpu.on_gpu(tensor):
        gpu.seen.fetch("tolist")
    return function(tensor)


def _repr(gpu: PretendGPU, function: Callable, tensor: Tensor, **kwargs) -> str:
    if not gpu.on_gpu(tensor):
        return function(tensor, **kwargs)
    gpu.seen.fetch("printed")
    with _disable_current_modes():
        return f"{function(tensor, **kwargs).removesuffix(')')}, device='{GPU}')"


def _backward(gpu: PretendGPU, function: Callable, tensor: Tensor, *args, **kwargs) -> None:
    if gpu.on_gpu(tensor):
        gpu.seen.step()
    return function(tensor, *args, **kwargs)


_SPECIAL: dict[Callable, Callable] = {
    Tensor.to: _to,
    Tensor.cuda: lambda gpu, _, tensor, *args, **kwargs: _to(gpu, Tensor.to, tensor, GPU),
    Tensor.cpu: lambda gpu, _, tensor, **kwargs: _to(gpu, Tensor.to, tensor, "cpu"),
    Tensor.device.__get__: lambda gpu, get, tensor: GPU if gpu.on_gpu(tensor) else get(tensor),
    Tensor.is_cuda.__get__: lambda gpu, get, tensor: gpu.on_gpu(tensor),
    Tensor.is_cpu.__get__: lambda gpu, get, tensor: get(tensor) and not gpu.on_gpu(tensor),
    Tensor.get_device: lambda gpu, get, tensor: 0 if gpu.on_gpu(tensor) else get(tensor),
    Tensor.numpy: _to_numpy,
    Tensor.__array__: _to_numpy,
    Tensor.__dlpack__: _to_numpy,
    Tensor.tolist: _tolist,
    Tensor.__repr__: _repr,
    Tensor.backward: _backward,
}


def main() -> int:
    """Read the arguments, then try each lesson in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lessons", nargs="*", type=int, metavar="NUMBER", help="of a lesson (default: all)")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the code of the cells that fail")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return try_lesson(options.inside, options.verbose)
    paths = sorted((ROOT / "nbs").glob("[0-9][0-9]_*.ipynb"))
    numbers = {int(path.name[:2]): path for path in paths}
    if unknown := set(options.lessons) - set(numbers):
        parser.error(f"there is no lesson {unknown.pop()}; the lessons are {', '.join(map(str, numbers))}")
    environment = {**os.environ, "MPLBACKEND": "agg", "TQDM_DISABLE": "1", "LESSONLIB_OFFLINE": "1",
                   "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    failed = 0
    for number in options.lessons or numbers:
        command = [sys.executable, __file__, "--inside", str(numbers[number]), *(["-v"] if options.verbose else [])]
        failed += subprocess.run(command, env=environment, check=False).returncode != 0
    print(f"{failed} of {len(options.lessons or numbers)} lessons would fail or wait on a GPU")
    return failed > 0


def try_lesson(path: Path, verbose: bool) -> int:
    """Run all code cells of a lesson with the pretended GPU; print what a real one would mind."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell, complaints, trained = InteractiveShell.instance(), [], 0
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    with PretendGPU() as gpu:
        for number, cell in enumerate(cells):
            if cell["cell_type"] != "code":
                continue
            source = "".join(cell["source"])
            before = gpu.seen.backward, gpu.seen.steps_that_waited
            with capture_output():
                result = shell.run_cell(source)
            steps, waited = gpu.seen.backward - before[0], gpu.seen.steps_that_waited - before[1]
            trained += steps
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                complaints.append((number, source, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"))
            if steps >= 20 and waited > steps / 2:
                complaints.append((number, source, f"waits for the device in {waited} of {steps} steps"))
    drawn = ", ".join(f"{name} {n}" for name, n in gpu.seen.drawn.items())
    print(f"{path.stem:<18} {trained:>6,} backward passes on the GPU, {len(complaints)} complaints"
          f"{f'; random numbers drawn on the GPU: {drawn}' if drawn else ''}", flush=True)
    for number, source, complaint in complaints:
        print(f"    cell {number}: {re.sub(chr(27) + r'[^m]*m', '', complaint)[:200]}")
        if verbose:
            print("".join(f"        {line}\n" for line in source.splitlines()))
    return len(complaints) > 0


if __name__ == "__main__":
    sys.exit(main())
