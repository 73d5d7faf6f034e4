"""The median of repeated calls, and this machine's matmul rate to hold it against."""

import statistics
import time
from collections.abc import Callable

import torch


def seconds(
    call: Callable[[], object],
    repeats: int = 15,
    warmup: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Median seconds of a call. `time.process_time` for the clock counts this process alone on a loaded machine."""
    for _ in range(warmup):
        call()
    times = []
    for _ in range(repeats):
        began = clock()
        call()
        times.append(clock() - began)
    return statistics.median(times)


def matmul_rate(size: int = 1024) -> float:
    """GFLOP/s of one square float32 matrix product on one thread."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / seconds(lambda: a @ b, repeats=25) / 1e9
