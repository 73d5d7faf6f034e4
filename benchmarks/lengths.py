"""Cost of every memory as sequences grow: width 32, defaults, one sequence, one thread, in its processor time.

    fwd+bwd ms   a whole sequence forward, and gradients of its input and all parameters
    peak MiB     what that call takes at its highest, constants it builds included (Linux only)
    step ms      one more token after so many, without gradients: the mean of 64, so what happens at the end
                 of a segment or block counts for its share
    state KiB    what is carried after so many tokens or one fewer, whichever is more

`exponent` is the slope of log cost against log length over the last four lengths: 1 grows with the length, 2
with its square, 0 not at all. The fixed cost of a call pulls it below 1 where calls are short. A memory's
line ends where the next length would take longer, or more memory, than a point may. GRM, Soup and their
like read all T/C caches, so their square is by definition, as attention's is."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from models import MEMORIES
from models.memory import Memory

from .resident import keep_freed_memory, peak
from .tables import Columns, Line
from .timing import seconds

WIDTH = 32
LENGTHS = tuple(2**e for e in range(10, 17))
LONGEST, LARGEST = 4.0, 1536.0
"""Seconds and MiB of a forward and backward pass beyond which no point is tried."""
FITTED, STEPS = 4, 64
STEEP = 1.3


class Cost(NamedTuple):
    train: float
    peak: float
    step: float
    state: float


ROWS = (("fwd+bwd ms", 1e3), ("peak MiB", 1.0), ("step ms", 1e3), ("state KiB", 1 / 1024))


def cost(memory: Memory, length: int) -> Cost:
    """Seconds, MiB, seconds and bytes at one length."""
    x = torch.randn(1, length, WIDTH, requires_grad=True)

    def train() -> None:
        memory.zero_grad(set_to_none=True)
        x.grad = None
        memory(x)[0].square().mean().backward()

    highest = peak(train)
    with keep_freed_memory():
        once = seconds(train, repeats=1, clock=time.process_time, warmup=1)
        trained = seconds(train, repeats=max(1, min(15, int(0.5 / once))), clock=time.process_time, warmup=0)
        with torch.no_grad():
            _, state = memory(x)
            began = time.process_time()
            for _ in range(STEPS):
                _, state = memory(x[:, :1], state)
            step = (time.process_time() - began) / STEPS
    return Cost(trained, highest, step, 4.0 * memory.fullest_floats(length))


def costs(memory: Memory, lengths: Sequence[int]) -> Iterator[Cost]:
    """One cost after the other, until the next, growing as the last did, would be too long or too large."""
    past: list[Cost] = []
    for length in lengths:
        if len(past) > 1:
            last, before = past[-1], past[-2]
            for limit, now, then in ((LONGEST, last.train, before.train), (LARGEST, last.peak, before.peak)):
                if now * max(2.0, now / max(then, 1e-6)) > limit and now > limit / 16:
                    return
        past.append(cost(memory, length))
        yield past[-1]


def exponent(lengths: Sequence[int], values: Sequence[float]) -> float:
    """Slope of log value against log length over the last points; NaN where there are too few."""
    points = [(n, v) for n, v in zip(lengths, values, strict=False) if v > 0][-FITTED:]
    if len(points) < 2:
        return math.nan
    return float(np.polyfit(*np.log(points).T, 1)[0])


def table(names: Sequence[str] = (), lengths: Sequence[int] = LENGTHS) -> Iterator[Line]:
    yield Columns(
        {"memory": "<18", "cost": "<12"} | dict.fromkeys((f"{n:,}" for n in lengths), ">10.4g") | {"exponent": ">10.2f"}
    )
    steep, growing = [], []
    for name in names or MEMORIES:
        torch.manual_seed(0)
        found = list(costs(MEMORIES[name](WIDTH), lengths))
        for (word, unit), values in zip(ROWS, zip(*found, strict=True), strict=True):
            slope = exponent(lengths, values)
            yield name, word, *(unit * value for value in values), *[None] * (len(lengths) - len(values)), slope
            if word == "fwd+bwd ms" and slope > STEEP:
                steep.append(f"{name} {slope:.2f}")
            if word == "state KiB" and slope > 0.5:
                growing.append(f"{name} {slope:.2f}")
    yield f"time grows faster than length^{STEEP}: {', '.join(steep) or 'none'}"
    yield f"state grows with length: {', '.join(growing) or 'none'}"
