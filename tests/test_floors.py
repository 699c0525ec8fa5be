"""The house stands: nothing below imports anything above, and using the library needs none of the tools."""

import ast
import collections
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from lessonlib.course import notebooks
from lessonlib.moved import MOVED

GROUND = {"files", "figures", "pad", "preflight", "weights", "device", "handwriting", "moved"}
HELPERS = {"walk": "interpret"}  # written by hand, for the module of one lesson: half a floor below it
TOOLS = ("nbdev", "fastcore", "execnb", "jupyterlab", "jupyter_client", "IPython", "ipykernel", "nbclient", "nbformat",
         "pytest", "hypothesis", "ruff", "playwright", "sphinx", "myst_nb")


def modules(root: Path) -> list[str]:
    """Every module of the package, as a dotted name."""
    names = (path.relative_to(root).with_suffix("") for path in sorted((root / "lessonlib").rglob("*.py")))
    return [".".join(name.parts).removesuffix(".__init__") for name in names
            if name.name not in ("_modidx", "__main__")]


def source(root: Path, name: str) -> str:
    path = root / Path(*name.split("."))
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


def imported(root: Path, name: str) -> set[str]:
    """What a module imports from the package, anywhere in it: the first name below lessonlib."""
    tree = ast.parse(source(root, name))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:  # nbdev writes `from .layers import` into the modules
            assert node.level == 1, f"{name} imports from {'.' * node.level}{node.module}"
            assert name.count(".") == 1, f"{name} imports relatively"
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lessonlib":
            found |= {node.module.split(".")[1]} if "." in node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lessonlib.")}
    return found - {name.split(".")[1] if "." in name else ""}


def floor_of(module: str, order: list[str]) -> float:
    """0 for the ground, then the lessons in their order, then the course."""
    if module in GROUND:
        return 0
    if module in HELPERS:
        return floor_of(HELPERS[module], order) - 0.5
    return len(order) + 1 if module == "course" else 1 + order.index(module)


def test_nothing_below_imports_anything_above(root):
    # In the order in which lessons begin them: a module that a later lesson continues stays on its floor.
    order = list(dict.fromkeys(module for lesson in notebooks.lessons() for module in lesson.modules))
    for name in modules(root):
        if name == "lessonlib":
            assert imported(root, name) == set()
            continue
        here = name.split(".")[1]
        for other in imported(root, name):
            if here in GROUND:
                assert other in GROUND, f"{name} imports {other}"
            else:
                assert floor_of(other, order) < floor_of(here, order), f"{name} imports {other}"


def imports(root: Path, name: str, there: set[str]) -> set[str]:
    """The modules that one imports, anywhere in it; a name that is a module itself counts as that."""
    found = set()
    for node in ast.walk(ast.parse(source(root, name))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):  # the relative ones are those that nbdev writes, of the package's top
            base = ".".join(filter(None, ["lessonlib" if node.level else "", node.module]))
            found |= {inner if (inner := f"{base}.{alias.name}") in there else base for alias in node.names}
    return found & there - {name}


def test_no_modules_import_each_other(root):
    """Not by way of others either, nor in a function: what takes part in a circle cannot be read on its own."""
    there = set(modules(root))
    graph = {name: imports(root, name, there) for name in there}
    assert graph["lessonlib.course.cli"]
    assert sum(map(len, graph.values())) > 300
    assert tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


# Every exercise may have `cases` and `as_numbers`, and a kind of exercise is called after what the reader writes.
THE_SAME_ON_PURPOSE = {"main", "cases", "as_numbers", "Linear", "Module", "Optimizer"}


def test_a_public_name_stands_for_one_thing(root):
    homes = collections.defaultdict(set)
    for name in modules(root):
        for node in ast.parse(source(root, name)).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                homes[node.name].add(name)
    assert {name: places for name, places in homes.items() if len(places) > 1 and name not in THE_SAME_ON_PURPOSE} == {}
    # So do names of files, but for the verbs of the command, which have what they are about in theirs.
    files = [path.stem for path in (root / "lessonlib").rglob("*.py") if path.parent.name not in ("commands", "tasks")]
    twice = {name for name, count in collections.Counter(files).items() if count > 1}
    assert twice <= {"__init__", "ladder"}  # lessonlib/figures/ladder.py draws what lesson 15 climbs


@pytest.mark.parametrize("module", MOVED)
def test_names_that_moved_are_found_with_a_warning(module):
    """For one version: each is the very thing of its new home, and the warning says where that is."""
    import importlib

    old = importlib.import_module(module)
    for name, home in MOVED[module].items():
        assert name not in vars(old)
        with pytest.warns(DeprecationWarning, match=rf"{module}\.{name} is {home} now"):
            found = getattr(old, name)
        where, _, new_name = home.rpartition(".")
        assert found is vars(importlib.import_module(where))[new_name]
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nonsense'"):
        _ = old.nonsense
    with pytest.raises(ImportError, match="nonsense"):
        exec(f"from {module} import nonsense")


def test_a_module_with_names_that_moved_does_not_load_their_new_home():
    code = "import sys, lessonlib.autograd; print('lessonlib.bare' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_importing_the_package_is_instant_and_brings_no_torch():
    code = "import sys, lessonlib; assert lessonlib.__version__; print(sorted({m.split('.')[0] for m in sys.modules}))"
    brought = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "pandas", "matplotlib"} & set(ast.literal_eval(brought))


def test_every_module_is_imported_without_the_tools(root):
    """As in an environment with the runtime dependencies only."""
    for_tools = "lessonlib.course.commands.test", "lessonlib.course.contents", "lessonlib.pad.widget"  # loaded by Jupyter only
    names = [name for name in modules(root) if name not in for_tools]
    code = f"""
import importlib, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {TOOLS!r}: raise ModuleNotFoundError("a tool: " + name, name=name)
sys.meta_path.insert(0, Refuse())
for name in {names!r}: importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_each_module_is_begun_by_one_lesson():
    """A second `default_exp` of a name would overwrite the module; `#| export name` needs one that was begun before."""
    begun = []
    for lesson in notebooks.lessons():
        assert lesson.module not in begun, f"lessons before {lesson.path.name} began lessonlib.{lesson.module}"
        begun += [lesson.module] if lesson.module else []
        for module in lesson.continues:
            assert module in begun, f"{lesson.path.name} continues lessonlib.{module}, and no lesson before it begins it"


@pytest.mark.parametrize("name", dict.fromkeys(module for lesson in notebooks.lessons() for module in lesson.modules))
def test_public_names_are_documented_and_typed(name):
    """Each public function says what it takes and gives, and has a docstring; `__all__` is complete."""
    import importlib
    import inspect
    import typing

    module = importlib.import_module(f"lessonlib.{name}")
    assert module.__doc__, f"lessonlib.{name} says nothing about itself"
    for public in module.__all__:
        thing = getattr(module, public)
        if not inspect.isfunction(thing) and not inspect.isclass(thing):
            continue
        assert inspect.getdoc(thing), f"{public} has no docstring"
        if inspect.isfunction(thing):
            parameters = [p for p in inspect.signature(thing).parameters.values() if p.name not in ("opt", "self")]
            assert all(p.annotation is not inspect.Parameter.empty for p in parameters), f"{public} lacks type hints"
            typing.get_type_hints(thing)
