"""Running one function of fixed tensors over and over: as it stands, or recorded on a GPU and replayed."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable

import torch

from vaebench.errors import VaebenchError, one_line

WARM_UP = 2  # runs of a function before it is recorded, in which libraries choose kernels and make their workspaces


class Program:
    """A function of one integer whose tensors, read and overwritten, are the same at every call.

    On a GPU the kernels of each integer's third call are recorded as a CUDA graph, which is what later calls replay:
    Python, whose share of a step is the larger one there, is left out. What a function does beside its kernels happens
    in its first three calls only. Raises `VaebenchError` for a function that waits for the device.
    """

    def __init__(self, function: Callable[[int], None], device: torch.device, record: bool = True) -> None:
        self.function, self.record = function, record and device.type == "cuda"
        self.calls: Counter[int] = Counter()
        self.graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def __call__(self, number: int) -> None:
        """Run the function for ``number``."""
        self.calls[number] += 1
        if not self.record:
            self.function(number)
        elif self.calls[number] <= WARM_UP:
            self._warm_up(number)
        else:
            if number not in self.graphs:
                self.graphs[number] = self._recorded(number)
            self.graphs[number].replay()

    def _warm_up(self, number: int) -> None:
        """Run the function beside the main stream, as it will be recorded."""
        aside, main = torch.cuda.Stream(), torch.cuda.current_stream()
        aside.wait_stream(main)
        with torch.cuda.stream(aside):
            self.function(number)
        main.wait_stream(aside)

    def _recorded(self, number: int) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self.graphs.values())).pool() if self.graphs else None
        collecting = gc.isenabled()
        gc.disable()  # collecting an older pack would free its memory, which no recording survives
        try:
            with torch.cuda.graph(graph, pool=pool):
                self.function(number)
        except RuntimeError as error:
            raise VaebenchError(
                f"a step cannot be recorded on the GPU ({one_line(error)[:200]}): a loss that looks at a value, as "
                ".item(), `if` and nonzero() do, waits for the device: take torch.where, or set device: cpu"
            ) from error
        finally:
            if collecting:
                gc.enable()
        return graph
