"""Reading every item of a state by ridge regression: seconds of one core, in processor time.

    factor    the states on principal axes: once for all items, values, strengths and controls
    disk      the same with every state in files rather than in memory
    read      all items and values at nine strengths, chosen by validation rows, with bits of the test rows
    all       factor and read
    plain     scikit-learn's Ridge for each item at each of the nine strengths (timed for one item and strength, its
              cheapest solver, and multiplied)
    matmul    fraction of this machine's float64 matmul rate in `factor`, of the products that it cannot do without

States are sums of a random code for each item's value, with noise: values 64, float32."""

import time
from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from runners.probe import StateStore, factorise, split
from runners.probe.readers.ridge import ALPHAS
from runners.probe.reading import make_reader, read
from runners.probe.state_store import Table

from .tables import Columns, Line
from .timing import seconds

VALUES = 64
SIZES = ((16, 1024, 1280), (16, 8192, 1280), (64, 4096, 4000))
"""Items, numbers of state, sequences."""


def random_states(items: int, floats: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, VALUES, (rows, items))
    states = rng.standard_normal((rows, floats), np.float32)
    for item in range(items):
        states += rng.standard_normal((VALUES, floats), np.float32)[labels[:, item]]
    return states, labels


def processor_seconds(call: object) -> float:
    return seconds(call, repeats=1, warmup=0, clock=time.process_time)  # type: ignore[arg-type]


def measure_setting(items: int, floats: int, rows: int) -> tuple[float, ...]:
    """A record of the table."""
    states, labels = random_states(items, floats, rows)
    parts = split(np.arange(rows))
    factor = processor_seconds(lambda: factorise(Table(states), parts.train))
    with StateStore(limit=0) as store:
        for start in range(0, rows, 256):
            store.add({"state": states[start : start + 256]})
        disk = processor_seconds(lambda: factorise(store["state"], parts.train))
    found = factorise(Table(states), parts.train)
    reading = processor_seconds(lambda: read(make_reader("ridge", VALUES), found.coordinates, labels, parts))
    train, onehot = states[parts.train].astype(np.float64), np.eye(VALUES)[labels[parts.train, 0]]
    plain = processor_seconds(lambda: Ridge(100.0).fit(train, onehot)) * items * len(ALPHAS)
    n, small = len(parts.train), min(floats, len(parts.train))
    flops = 2 * rows * floats * small if n < floats else 2 * n * floats**2 + 2 * rows * floats**2
    a = np.ones((1024, 1024))
    fraction = flops / factor / (2 * 1024**3 / seconds(lambda: a @ a, repeats=5, clock=time.process_time))
    whole = factor + reading
    return items, floats, rows, factor, disk, reading, whole, plain, plain / whole, fraction


def table() -> Iterator[Line]:
    yield Columns(
        {"items": ">6", "floats": ">8,", "sequences": ">10,"}
        | dict.fromkeys(("factor", "disk", "read", "all"), ">8.2f")
        | {"plain": ">9.1f", "ratio": ">9.0f", "matmul": ">8.2f"}
    )
    with threadpool_limits(1):
        for size in SIZES:
            yield measure_setting(*size)
