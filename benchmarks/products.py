"""The rate of float32 matrix products on one thread: torch's default, and as `hardware` routes them."""

from __future__ import annotations

import time

import torch

from vaebench.training import hardware

ROWS, INNER, COLUMNS, REPEATS = 128, 784, 512, 300


def rate() -> float:
    """Best of five rounds, in GFLOP/s."""
    a, b = torch.randn(ROWS, INNER), torch.randn(INNER, COLUMNS)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(REPEATS):
            a @ b
        seconds.append(time.perf_counter() - start)
    return 2 * ROWS * INNER * COLUMNS * REPEATS / min(seconds) / 1e9


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"default  {rate():.0f} GFLOP/s")
    hardware.prepare()
    print(f"routed   {rate():.0f} GFLOP/s")
