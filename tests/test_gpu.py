"""On the device: what trains in the lessons is put there once, and nobody asks it for a number within an epoch.

Without a GPU as far as it goes: the code of the notebooks is read, and what trains is run on a pretended GPU
(benchmarks/pretend_gpu.py), which refuses what CUDA refuses and counts what is fetched.
"""

import ast
import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from lessonlib import layers, losses, optim
from lessonlib.data import as_rows, pixel_stats
from lessonlib.device import find_device
from lessonlib.loaders import BatchLoader, TensorPairs
from lessonlib.training import accuracy, evaluate, fit

NBS = Path(__file__).resolve().parents[1] / "nbs"
LESSONS = {path.stem: path for path in sorted(NBS.glob("[0-9][0-9]_*.ipynb"))}
TRAINERS = {"fit", "train_epoch"}  # of lessonlib.training: (model, batches, ...)
MODEL_NAMES = {"model", "net"}  # the lessons' words for what is trained
FETCHES = {"item", "tolist", "cpu", "numpy"}
KEEP = "keep `loss.detach()`, and fetch all of them after the loop"


# --- reading the lessons ------------------------------------------------------------------------------------------


class Reader:
    """Reads the code cells of a lesson in order, and keeps which names have to do with the digits and the device.

    A name is of the *digits* when it is made from `load_digits()` or from such a name. It is *placed* when it is made
    from `device`, or from a placed name: `x = as_rows(..., device=device)`, `train = BatchLoader(x, y)`. A function
    that trains what it is handed is a *trainer*. A trainer that gets digits must get digits and a model that are
    placed; toys of a few numbers may train where they are, and so may what is fetched with `.cpu()` on purpose.
    """

    def __init__(self, cells: list[str]):
        self.digits, self.placed = {"digits", "load_digits"}, {"device", "find_device"}
        self.trainers: dict[str, Trainer] = {}
        self.problems: list[str] = []
        for number, source in enumerate(cells):
            if source:
                self.cell = number
                for statement in ast.parse(source).body:
                    self.read(statement)

    def read(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.ImportFrom) and statement.module == "lessonlib.training":
            self.trainers |= {a.asname or a.name: Trainer(0, 1) for a in statement.names if a.name in TRAINERS}
        elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            self.define(statement)
        else:
            self.bind(statement)
            for loop in training_loops(statement):
                self.loop(loop)
            for node in ast.walk(statement):
                if isinstance(node, ast.Call) and getattr(node.func, "id", None) in self.trainers:
                    self.call(node)

    def bind(self, statement: ast.stmt) -> None:
        for node in ast.walk(statement):  # `net.to(device)` moves the net, also where nothing is made of the answer
            if is_method(node, "to") and isinstance(node.func.value, ast.Name) and mentions(
                    ast.Tuple([*node.args, *(k.value for k in node.keywords)]), self.placed):
                self.placed.add(node.func.value.id)
        for target, value in bindings(statement):
            for names in (self.digits, self.placed):
                if mentions(value, names):
                    names |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}

    def define(self, function: ast.FunctionDef | ast.ClassDef) -> None:
        for names in (self.digits, self.placed):
            names.discard(function.name)
            if mentions(function, names):
                names.add(function.name)
        if isinstance(function, ast.FunctionDef):
            self.trainers.pop(function.name, None)
            trainer = trainer_of(function, self.trainers)
            if trainer is not None:
                self.trainers[function.name] = trainer

    def call(self, call: ast.Call) -> None:
        """A call of something that trains."""
        trainer, name = self.trainers[call.func.id], call.func.id
        wanted = {place: call.args[place] for place in (trainer.model, trainer.data)
                  if place is not None and place < len(call.args)}
        data = wanted.get(trainer.data, call)
        if not mentions(data, self.digits) or any(
                is_method(n, "cpu") or getattr(n, "value", None) == "meta" for n in ast.walk(data)):
            return  # left on the CPU on purpose, or shown on a device where nothing is computed
        self.problems += [f"cell {self.cell}: `{ast.unparse(given)}` in `{name}(...)` was not put on the device"
                          for given in wanted.values() if not mentions(given, self.placed)]
        self.problems += [f"cell {self.cell}: `{name}` asks for a number in each step, `{fetch}`; {KEEP}"
                          for fetch in trainer.fetches]

    def loop(self, loop: ast.For | ast.While) -> None:
        """A training loop that stands in a cell."""
        body = ast.Module(loop.body, [])
        if not mentions(body, self.digits) or is_short(loop):
            return
        if not mentions(body, self.placed):
            self.problems.append(f"cell {self.cell}: the loop `{ast.unparse(loop).splitlines()[0]}` trains on what was "
                                 "not put on the device")
        self.problems += [f"cell {self.cell}: `{fetch}` asks for a number in each step; {KEEP}" for fetch in fetches(loop)]


class Trainer:
    """A function that trains: at which places it takes model and data, and what it fetches in each step."""

    def __init__(self, model: int | None, data: int | None, fetched: list[str] = ()):
        self.model, self.data, self.fetches = model, data, list(fetched)


def trainer_of(function: ast.FunctionDef, trainers: dict[str, Trainer]) -> Trainer | None:
    """What a function trains of that which it is handed; None where it does not train."""
    parameters = [a.arg for a in function.args.posonlyargs + function.args.args]
    model = next((i for i, name in enumerate(parameters) if name in MODEL_NAMES), None)
    fetched, handed_on = [], []
    for loop in training_loops(function):
        fetched += fetches(loop)
        handed_on += [loop.iter] if isinstance(loop, ast.For) else []
    for node in ast.walk(function):
        known = trainers.get(getattr(getattr(node, "func", None), "id", None))
        if known is not None and known.data is not None and known.data < len(node.args):
            fetched += known.fetches
            handed_on.append(node.args[known.data])
    data = [parameters.index(n.id) for value in handed_on for n in ast.walk(value)
            if isinstance(n, ast.Name) and n.id in parameters]
    return Trainer(model, min(data), fetched) if data else None


def mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(node))


def bindings(statement: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
    """The names that a statement gives, with what they are given to."""
    found = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Assign):
            found += [(target, node.value) for target in node.targets]
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
            found.append((node.target, node.value))
        elif isinstance(node, (ast.For, ast.comprehension)):
            found.append((node.target, node.iter))
    return [pair for target, value in found for pair in one_by_one(target, value)]


def one_by_one(target: ast.AST, value: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
    """`a, b = x, y` gives `a` to x and `b` to y."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def training_loops(node: ast.AST) -> list[ast.For | ast.While]:
    """The innermost loops in which a backward pass and a step are made."""
    return [loop for loop in ast.walk(node) if isinstance(loop, (ast.For, ast.While))
            and all(any(is_method(n, name) for n in everything(loop.body)) for name in ("backward", "step"))
            and not any(isinstance(n, (ast.For, ast.While)) and any(is_method(m, "backward") for m in ast.walk(n))
                        for n in everything(loop.body))]


def everything(statements: list[ast.stmt]) -> list[ast.AST]:
    return [n for statement in statements for n in ast.walk(statement)]


def is_short(loop: ast.For | ast.While) -> bool:
    """Whether it makes a handful of steps: `for _ in range(3)`."""
    bounds = loop.iter.args if isinstance(loop, ast.For) and isinstance(loop.iter, ast.Call) else []
    return bool(bounds) and all(isinstance(b, ast.Constant) and isinstance(b.value, int) and b.value <= 20 for b in bounds)


def fetches(loop: ast.For | ast.While) -> list[str]:
    """What asks for a number in every step: not what stands under an `if`, such as printing now and then."""
    found, waiting = [], list(loop.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in FETCHES:
            found.append(ast.unparse(node))
        if not isinstance(node, ast.If) or any(is_method(n, "backward") for n in ast.walk(node)):
            waiting += ast.iter_child_nodes(node)
    return found


def is_method(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "attr", None) == name


def code_cells(path: Path) -> list[str]:
    """The source of each cell; empty for one that holds no code."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) if c["cell_type"] == "code" else "" for c in cells]


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_trains_does_it_on_the_device(lesson):
    problems = Reader(code_cells(LESSONS[lesson])).problems
    assert not problems, "\n".join([
        f"{lesson} would train on the CPU although there is a GPU, or wait for it in each step:",
        *(f"  {problem}" for problem in problems),
        "  Remedy: `device = find_device()` once; `as_rows(..., device=device)`, `y.to(device)`, `model.to(device)`."])


def test_the_reader_knows_the_lessons_that_train():
    """A reader that finds no training would be content with everything."""
    train = {lesson[:2] for lesson, path in LESSONS.items() if not Reader(without_device(code_cells(path))).problems}
    assert not train & {"05", "08", "09", "10", "14"}


def without_device(cells: list[str]) -> list[str]:
    """The cells as if no one had thought of the device."""
    return [re.sub(r"\bdevice\b|\bfind_device\b", "elsewhere", cell) for cell in cells]


IMPORT = "from lessonlib.training import fit, train_epoch"
DIGITS = (IMPORT, "digits = load_digits()", "x, y = as_rows(digits.train.x, 0, 1), digits.train.y")
PREPARED = (IMPORT, "digits = load_digits()", "device = find_device()",
            "x, y = as_rows(digits.train.x, 0, 1, device=device), digits.train.y.to(device)")
BY_HAND = "for xb, yb in train:\n    loss = nll(model(xb), yb)\n    loss.backward()\n    opt.step()\n"
LEFT_BEHIND = {
    "nothing is placed": ([*DIGITS, "model = LogReg()", "fit(model, BatchLoader(x, y), None, nll, opt)"], 2),
    "the model": ([*PREPARED, "model = LogReg()", "fit(model, BatchLoader(x, y), None, nll, opt)"], 1),
    "the data": ([*DIGITS, "device = find_device()", "model = LogReg().to(device)", "train = BatchLoader(x, y)",
                  "for _ in range(3):\n    train_epoch(model, train, nll, opt)"], 1),
    "the model, in a function": ([*PREPARED, "def run(lr):\n    return LogReg()",
                                  "def go(model, train):\n    return fit(model, train, None, nll, opt)",
                                  "go(run(0.1), BatchLoader(x, y))"], 1),
    "a loop by hand": ([*DIGITS, "train = BatchLoader(x, y)", BY_HAND], 1),
    "a number in each step": ([*PREPARED, "train = BatchLoader(x, y)", BY_HAND + "    losses.append(loss.item())"], 1),
    "a number in each step, in a function": (
        [*PREPARED, "def go(model, train):\n    " + BY_HAND.replace("\n", "\n    ") + "    losses.append(loss.item())",
         "go(LogReg().to(device), BatchLoader(x, y))"], 1),
}
IN_PLACE = {
    "all placed": [*PREPARED, "model = LogReg().to(device)", "train = BatchLoader(x, y)",
                   "history = fit(model, train, None, nll, opt)"],
    "moved in place": [*PREPARED, "net = LogReg()", "net.to(device)", "fit(net, BatchLoader(x, y), None, nll, opt)"],
    "made by a function": [*PREPARED, "def fresh():\n    return LogReg().to(device)", "model = fresh()",
                           "fit(model, list(zip(x, y)), None, nll, opt)"],
    "printed now and then": [*PREPARED, "train = BatchLoader(x, y)",
                             BY_HAND + "    if t % 10 == 0:\n        print(loss.item())"],
    "toys": [*DIGITS, "def go(w, train):\n    " + BY_HAND.replace("\n", "\n    "), "go(3.0, [(1, 2), (3, 4)])"],
    "on the CPU on purpose": [*PREPARED, "model = LogReg()", "fit(model, BatchLoader(x.cpu(), y.cpu()), None, nll, opt)"],
    "another fit": [*DIGITS, "def fit(points, width):\n    return points / width", "fit(x, y)"],
}


@pytest.mark.parametrize("case", LEFT_BEHIND)
def test_the_reader_finds_what_was_left_behind(case):
    cells, n = LEFT_BEHIND[case]
    assert len(Reader(cells).problems) == n


@pytest.mark.parametrize("case", IN_PLACE)
def test_the_reader_is_content_with_what_is_in_place(case):
    assert Reader(IN_PLACE[case]).problems == []


# --- the pretended GPU --------------------------------------------------------------------------------------------


@pytest.fixture
def pretend_gpu(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import pretend_gpu

    return pretend_gpu


@pytest.fixture
def gpu(pretend_gpu):
    with pretend_gpu.PretendGPU() as gpu:
        yield gpu


REFUSED = {
    "mixing in a sum": lambda here, there: here + there,
    "mixing in a product": lambda here, there: there @ here.T,
    "mixing in a stack": lambda here, there: torch.stack([here, there]),
    "NumPy": lambda here, there: there.numpy(),
    "places on the GPU, numbers on the CPU": lambda here, there: here[there[:, 0].long()],
    "places on the CPU for index_select": lambda here, there: there.index_select(0, torch.tensor([0, 1])),
    "a generator of the CPU": lambda here, there: torch.randn(3, device=there.device, generator=torch.Generator()),
    "a model left on the CPU": lambda here, there: layers.LogReg(4, 2)(there),
    "PyTorch's layer left on the CPU": lambda here, there: nn.Linear(4, 2)(there),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_pretended_gpu_refuses_what_cuda_refuses(gpu, case):
    here = torch.rand(3, 4)
    there = here.to(find_device())
    assert (here.device.type, there.device.type, there[0].device.type) == ("cpu", "cuda", "cuda")
    with pytest.raises((RuntimeError, TypeError), match=r"same device|convert cuda|indices|generator"):
        REFUSED[case](here, there)
    torch.testing.assert_close(there.cpu() + here, 2 * here)
    torch.testing.assert_close((there + torch.tensor(1.0)).cpu(), here + 1)  # a single number may come from the CPU
    torch.testing.assert_close(there[torch.tensor([0, 1])].cpu(), here[:2])  # and so may places


def test_the_pretended_gpu_counts_what_is_fetched(gpu):
    there = torch.rand(3, 4).to(find_device())
    for fetch in (lambda: there[0, 0].item(), lambda: bool(there[0, 0] > 0), there.tolist, there.cpu,
                  lambda: there[there > 0.5], lambda: f"{there.sum():.3f}", lambda: repr(there)):
        before = gpu.seen.fetched.total()
        fetch()
        assert gpu.seen.fetched.total() == before + 1


def test_an_index_out_of_range_cannot_be_caught_on_a_gpu(gpu, pretend_gpu):
    log_probs = torch.rand(2, 9).to(find_device())
    with pytest.raises(pretend_gpu.DeviceAssert):
        nn.NLLLoss()(log_probs, torch.tensor([3, 9]).to(find_device()))
    assert gpu.seen.asserts == 1


def test_a_gradient_comes_back_to_where_the_tensor_is(gpu):
    weight = torch.ones(3, requires_grad=True)
    (weight.to(find_device()) * 2).sum().backward()
    assert weight.grad.device.type == "cpu"


MODELS = {
    "ours": lambda: layers.LogReg(generator=torch.Generator().manual_seed(0)),
    "ours, hidden layer": lambda: layers.Sequential(layers.Linear(784, 20), layers.ReLU(), layers.Linear(20, 10),
                                                    layers.LeakyReLU(), layers.LogSoftmax()),
    "PyTorch's": lambda: nn.Sequential(nn.Linear(784, 10), nn.LogSoftmax(dim=1)),
}
OPTIMIZERS = {"SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
              "Adam": lambda p: optim.Adam(p, lr=0.01), "PyTorch's Adam": lambda p: torch.optim.Adam(p, lr=0.01)}


@pytest.mark.parametrize("opt", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_fit_waits_for_the_device_only_between_epochs(gpu, random_digits, model, opt):
    device = find_device()
    mean, std = pixel_stats(random_digits.train.x)
    x, valid_x = (as_rows(part.x, mean, std, device=device) for part in (random_digits.train, random_digits.valid))
    y, valid_y = random_digits.train.y.to(device), random_digits.valid.y.to(device)
    torch.manual_seed(0)
    made = MODELS[model]().to(device)
    loss_func = losses.nll if model == "ours" else nn.NLLLoss()
    train = BatchLoader(x, y, shuffle=True, generator=torch.Generator().manual_seed(0))
    before = gpu.seen.fetched.total()
    history = fit(made, train, BatchLoader(valid_x, valid_y, 100), loss_func, OPTIMIZERS[opt](made.parameters()), epochs=3)
    assert history.rows[-1]["accuracy"] > 0.5
    assert gpu.seen.backward == 3 * len(train)
    assert gpu.seen.steps_that_waited == 2  # at the end of the first epoch and of the second
    assert gpu.seen.fetched.total() - before <= 3 * 6  # the losses and the scores, together
    assert all(gpu.on_gpu(p) for p in made.parameters())


def test_the_other_losses_and_layers_stay_on_the_device(gpu):
    device = find_device()
    x, y = torch.rand(8, 5).to(device), torch.arange(8).to(device) % 5
    answers = [losses.cross_entropy(x, y), losses.mse(x, x + 1), losses.sigmoid(x), layers.softmax(x),
               accuracy(x, y), TensorPairs(x, y)[:3][0], next(iter(BatchLoader(x, y, shuffle=True)))[0]]
    assert all(gpu.on_gpu(answer) for answer in answers)
    assert gpu.seen.fetched.total() == 0
    assert evaluate(layers.LogReg(5, 5).to(device), [(x, y)], losses.nll)[0] > 0


def test_a_model_is_the_same_on_every_device(gpu):
    """Drawn on the CPU, then moved: no random number comes from the GPU."""
    here, there = (MODELS["ours"]() for _ in range(2))
    there.to(find_device())
    for p, q in zip(here.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(p.detach(), q.detach().cpu())
    assert gpu.seen.drawn.total() == 0
