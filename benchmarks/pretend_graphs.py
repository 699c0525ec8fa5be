"""CUDA graphs and streams without a GPU: recording writes kernels down and changes no number; replaying runs them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import torch

from lessonlib.scale import KernelRecorder


class Undone(KernelRecorder):
    """Writes kernels down, and afterwards gives what they changed in place the numbers that it had."""

    def __init__(self):
        super().__init__()
        self.before = {}

    def __torch_dispatch__(self, kernel, types, args=(), kwargs=None):
        for tensor, about in zip(args, kernel._schema.arguments, strict=False):
            if isinstance(tensor, torch.Tensor) and about.alias_info is not None and about.alias_info.is_write:
                self.before.setdefault(id(tensor), (tensor, tensor.detach().clone()))
        return super().__torch_dispatch__(kernel, types, args, kwargs)

    @torch.no_grad()
    def undo(self) -> None:
        """As it was before the recording."""
        for tensor, numbers in self.before.values():
            tensor.copy_(numbers)


@contextmanager
def pretended_graphs() -> Iterator[list[str]]:
    """Within this block `torch.cuda` has graphs and streams; gives what was called, in order."""
    called = []

    class Graph:
        def replay(self) -> None:
            called.append("replay")
            self.recorder.replay()

    class Stream:
        def __init__(self, name: str):
            self.name = name

        def wait_stream(self, other: "Stream") -> None:
            called.append(f"{self.name} waits for {other.name}")

    @contextmanager
    def recording(graph: Graph) -> Iterator[None]:
        called.append("record")
        with Undone() as graph.recorder:
            yield
        graph.recorder.undo()

    @contextmanager
    def within(place: object) -> Iterator[None]:
        called.append(f"in {getattr(place, 'name', place)}")
        yield

    stand_ins = {"CUDAGraph": Graph, "graph": recording, "device": within, "stream": within,
                 "Stream": lambda device: Stream("aside"), "current_stream": lambda device: Stream("main"),
                 "get_device_name": lambda device: "a pretended GPU"}
    with ExitStack() as stack:
        for name, stand_in in stand_ins.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, stand_in))
        yield called
