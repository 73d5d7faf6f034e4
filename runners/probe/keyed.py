"""What is kept under keys that change from row to row: the memory's own read, and the bilinear reader of its state.

Both are held against the control task of Hewitt and Liang, in which each key has a value drawn once and for all: see
`own`. Ages are means over rows, as places change too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recall_tasks.generators.signal import Signal

from .capture import capture, layers_of, whole
from .columns import Table
from .context import ProbeContext
from .factorise import factorise
from .information import Floats
from .own_read import Bindings, asked, bindings, control_labels
from .readers.bilinear import Bilinear
from .readers.reader import Reader
from .readers.ridge import Ridge
from .readers.shared import Shared
from .reading import fitted_prior, read, scored
from .rows import selective
from .splits import split
from .state_store import Shelf
from .templates import probed

Labels = NDArray[np.int64]

PAIRS = 2048
"""Pairs of a state and a key that the bilinear reader is fitted to."""


def own_read(probe: ProbeContext) -> list[dict[str, Any]]:
    """What each layer's memory answers to a key, and all of them together, decoded by one ridge regression."""
    task = probe.run.task.task
    if probe.model.uses_oracle or not is_keyed(probe):
        return []
    rows = bindings(task, probe.run.task.length, probe.num_rows, probe.run.seed)
    probe.watch("probing: the memory's own read")
    reads = asked(probe.model, rows)
    n, K = rows.labels.shape
    every = np.concatenate([read.reshape(n, K, -1) for read in reads], axis=2).reshape(n, -1)
    table: list[dict[str, Any]] = []
    for layer in layers_of(probe.model):
        answers = [every, *reads][layer]
        found = factorise(Table(answers), split(np.arange(n), probe.run.seed).train)
        head = {"layer": layer, "features": answers.shape[1] // K, "rank": found.rank}
        table += read_by(probe, rows, "own", Shared(Ridge(task.num_answers)), answers, head)
    return selective(table)


def bilinear(probe: ProbeContext) -> list[dict[str, Any]]:
    """The whole state of each layer, and of all, read together with the key."""
    if not is_keyed(probe):
        return []
    model, seed = probe.model, probe.run.seed
    rows = bindings(probe.run.task.task, probe.run.task.length, probe.num_rows, seed)
    vectors = model.embedding.detach().double().cpu().numpy()
    reader = Bilinear(probe.run.task.task.num_answers, orthogonal=True, vectors=vectors, pairs=PAIRS, random_state=seed)
    table: list[dict[str, Any]] = []
    with Shelf(probe.limit) as shelf:
        capture(model, rows.tokens, [end := rows.tokens.shape[1]], shelf)
        for layer in layers_of(model):
            probe.watch(f"probing: bilinear, layer {layer or 'all'}")
            found = factorise(whole(shelf, end, layer), split(np.arange(len(rows.labels)), seed).train)
            X = np.concatenate([found.coordinates, rows.keys], axis=1)
            head = {"layer": layer, "features": found.features, "rank": found.rank}
            table += read_by(probe, rows, "bilinear", reader, X, head)
    return selective(table)


def is_keyed(probe: ProbeContext) -> bool:
    """Whether items are asked for by a key alone."""
    return probed(probe.run.task.task, probe.run.task.length).keyed


def read_by(
    probe: ProbeContext,
    rows: Bindings,
    part: str,
    reader: Reader,
    X: Floats | NDArray[np.float32],
    head: dict[str, Any],
) -> list[dict[str, Any]]:
    """Rows of the table of probes, for what was stored and for the control task."""
    V, (n, K) = probe.run.task.task.num_answers, rows.labels.shape
    parts, even = split(np.arange(n), probe.run.seed), np.full((K, V), -np.log(V))
    signal = isinstance(probe.run.task.task, Signal)
    table = []
    for control, labels in (("none", rows.labels), ("control", control_labels(rows.keys, V, probe.rng(8)))):
        reading = read(reader, X, labels, parts, fitted_prior(labels, parts, V) if signal else even)
        for item, row in enumerate(scored(reading)):
            table.append(
                head
                | {"part": part, "content": "state", "reader": part, "control": control, "reduced": 0}
                | {"time": rows.tokens.shape[1], "end": True, "item": item, "num_items": K}
                | {"age": int(rows.ages[item]), "written": int(rows.positions[:, item].mean().round())}
                | row
            )
    return table
