"""How much memory an attempt may take: `list(itertools.count())` would fill the machine in seconds.

On Linux the system itself refuses what goes beyond the bound, so that Python raises `MemoryError` in the very line. It
is the whole process that is bounded, for as long as the attempt runs, with room for all that is small. Elsewhere, and
where a GPU is in use (its driver reserves addresses by the hundred gigabytes), the memory that was taken is watched:
the attempt ends in its next line, or, where none comes, the reader is told to restart the kernel.
"""

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

_STATM = Path("/proc/self/statm")


@dataclass
class Taken:
    """What has been taken since the beginning."""

    most: int  # bytes
    too_much: bool = False
    _before: int = field(default_factory=lambda: highest())

    def look(self) -> bool:
        """Whether it is too much by now."""
        self.too_much = self.too_much or highest() - self._before > self.most
        return self.too_much


@contextlib.contextmanager
def bounded(most: int) -> Iterator[Taken]:
    """Nothing in here may take more than so many bytes; afterwards the bound is as it was before."""
    before = _set_bound(most)
    try:
        yield Taken(most)
    finally:
        if before is not None:
            _put_back(before)


def highest() -> int:
    """The largest number of bytes of memory that this process has held so far; 0 where nobody tells."""
    if sys.platform == "win32":
        return _highest_on_windows()
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _set_bound(most: int) -> tuple[int, int] | None:
    """Bound the addresses of this process; gives the bound that was there, None where it cannot be done."""
    try:
        import resource

        with _STATM.open("rb", buffering=0) as file:  # unbuffered: this is asked at every call of ours
            pages = int(file.read(32).split()[0])
        before = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, OSError, ValueError):
        return None
    if torch.version.cuda and torch.cuda.is_initialized():
        return None
    bound = pages * resource.getpagesize() + most
    if before[0] != resource.RLIM_INFINITY and before[0] <= bound:
        return None
    try:
        resource.setrlimit(resource.RLIMIT_AS, (bound, before[1]))
    except (OSError, ValueError):
        return None
    return before


def _put_back(before: tuple[int, int]) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, before)


class _Counters(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS of psapi.h."""

    _fields_ = [("cb", ctypes.c_uint32), ("PageFaultCount", ctypes.c_uint32),
                *((name, ctypes.c_size_t) for name in (
                    "PeakWorkingSetSize", "WorkingSetSize", "QuotaPeakPagedPoolUsage", "QuotaPagedPoolUsage",
                    "QuotaPeakNonPagedPoolUsage", "QuotaNonPagedPoolUsage", "PagefileUsage", "PeakPagefileUsage"))]


def _highest_on_windows() -> int:
    if sys.platform != "win32":
        return 0
    counters = _Counters(cb=ctypes.sizeof(_Counters))
    kernel = ctypes.WinDLL("kernel32")
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    kernel.K32GetProcessMemoryInfo.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Counters), ctypes.c_uint32]
    told = kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
    return counters.PeakPagefileUsage if told else 0
