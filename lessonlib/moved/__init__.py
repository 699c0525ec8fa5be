"""Names that moved to another module: for one version they can still be imported from where they were."""

import importlib
import warnings
from collections.abc import Callable

_LISTS = ("list_transpose", "list_matmul", "list_log_softmax", "list_log_probs", "list_nll", "list_softmax_nll_grad",
          "list_step")
MOVED: dict[str, dict[str, str]] = {  # the module, then the name: the module where it is now, and its name there
    "lessonlib.autograd": {
        **{name: f"lessonlib.gradients.{name}" for name in (
            "finite_differences", "linear_backward", "relu_backward", "softmax_nll_grad", "rung_gradients")},
        **{name: f"lessonlib.bare.{name}" for name in (*_LISTS, "NoTorch", "rung_python", "RUNGS_BELOW")},
        "HANDED_OVER": "lessonlib.bare.CONVERSIONS",
        # The steps by which one class once grew.
        **dict.fromkeys(("Recorded", "Arithmetic", "Functions", "Picking"), "lessonlib.autograd.TapeTensor"),
    },
    "lessonlib.handwriting": {"fit": "lessonlib.handwriting.fit_into_box"},
}


def moved_names(
    module: str,  # its full name, as in `__name__`
) -> Callable[[str], object]:
    """A `__getattr__` for a module: it finds what moved away, with a `DeprecationWarning` that names the new home.

    The new home is imported when a name is asked for and not before, so it may be a module that builds on this one.
    """
    homes = MOVED.get(module, {})

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new_name = homes[name].rpartition(".")
        warnings.warn(f"{module}.{name} is {homes[name]} now; the old name goes with the next version",
                      DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(home), new_name)

    return find
