"""The machine under the numbers: which device, how many threads, and settings that cost no accuracy."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from vaebench.errors import VaebenchError, among
from vaebench.training.devices import lease


def device(wanted: str = "auto", own: bool = False) -> torch.device:
    """The device for ``auto``, ``cpu`` or ``cuda``; raises `VaebenchError` if there is no such device.

    Of several GPUs it is the first or, for a job that is to have its ``own``, one that no other job has.
    """
    among("device", str(wanted), ("auto", "cpu", "cuda"))
    if own and wanted != "cpu":
        lease()
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise VaebenchError("device: cuda is asked for, but torch sees no GPU; set device: cpu or auto")
    return torch.device(wanted)


def prepare(threads: int = 1) -> None:
    """Make this process fast and repeatable: threads, allocator, matrix products in true float32, fixed algorithms."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    take_tf32(False)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs a pass over it
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import the compiler, for seconds
    _keep_pages()
    _route_products()
    _leave_the_compiler_out()


def take_tf32(taken: bool) -> None:
    """Let products of float32 on a GPU be TF32, as torch has its convolutions if nobody says otherwise."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = taken


@contextmanager
def without_subnormals() -> Iterator[None]:
    """Take numbers below 1e-38 for 0 within: of them a product takes ten times as long on Intel's processors.

    It is for this thread and those that it starts, and for Python's own numbers as well: so while runs train alone.
    """
    before = not bool(torch.full((), 1e-40) * 1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _keep_pages() -> None:
    """Stop glibc from giving large activations back to the system at every step, which costs page faults."""
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((-3, 2**31 - 1), (-1, 2**31 - 1), (-2, 64 << 20)):  # mmap and trim thresholds, top pad
            mallopt(option, value)


def _leave_the_compiler_out() -> None:
    """Let torch's reference functions, which forward-mode derivatives meet, run as they are.

    Else the first of them imports the compiler, for two seconds, only to say that it is not to be compiled
    (``torch._compile._disable_dynamo``, whose ``inner`` looks for that answer on the function first).
    """
    for reference in vars(torch._refs).values():
        while reference is not None:
            code = getattr(reference, "__code__", None)
            if code is not None and code.co_name == "inner" and "fn" in code.co_freevars:
                function = reference.__closure__[code.co_freevars.index("fn")].cell_contents
                function.__dynamo_disable = function
            reference = getattr(reference, "__wrapped__", None)


def _route_products() -> None:
    """Send float32 products to oneDNN where it computes them in true float32.

    torch's default library takes a slow path on some processors. The switch is named after bfloat16, and on processors
    with matrix units it really rounds, so it is kept only if a product agrees with float64 to float32's precision.
    """
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(128, 784, generator=generator), torch.randn(784, 512, generator=generator)
    exact = a.double() @ b.double()
    if (a @ b - exact).norm() / exact.norm() > 1e-6:
        settings.fp32_precision = before


def peak_memory(where: torch.device) -> float:
    """Peak memory in MiB: allocated on a GPU, else resident in this process."""
    if where.type == "cuda":
        return torch.cuda.max_memory_allocated(where) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**10 if sys.platform == "linux" else 2**20)


def describe(where: torch.device) -> dict[str, Any]:
    """What a result must say about where it was made."""
    gpu = (
        {"gpu": torch.cuda.get_device_name(where), "cudnn": torch.backends.cudnn.version()}
        if where.type == "cuda"
        else {}
    )
    return {
        "device": where.type,
        "processor": _processor(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "products": str(torch.backends.mkldnn.matmul.fp32_precision),  # type: ignore[attr-defined]
        **gpu,
    }


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open() as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
