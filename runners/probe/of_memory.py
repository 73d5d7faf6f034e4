"""Probe a memory of one's own: any module that keeps to the contract, without tasks or runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from models import Memory, SequenceModel

from .api import probe
from .capture import Inputs, capture, memories, parts, whole
from .columns import Columns
from .factorise import varies as block_varies
from .state_store import LIMIT, Shelf


def probe_memory(
    module: Memory | SequenceModel,
    inputs: Inputs,
    labels: ArrayLike,
    *,
    times: Sequence[int] = (),
    readers: Sequence[str] = ("ridge",),
    num_values: int = 0,
    dimension: int | None = None,
    limit: int = LIMIT,
    random_state: int = 0,
) -> pd.DataFrame:
    """Read labels out of what a memory holds: rows of `probe`, with layer, content and time before them.

    module   a memory, which reads vectors, or a whole model, which reads tokens
    inputs   [n, T, D] or tokens [n, T]: n sequences, each of its own
    labels   [n] or [n, K]: what is looked for, whole numbers from 0
    times    inputs after which states are taken (default: all of them)
    limit    bytes of states that are held in memory; what is more goes to disk meanwhile

    Contents are "state", all that a layer carries, then each that the memory names, and at the last time its views;
    layer 0 is all layers together, where there are several. Contents that never vary are left out. Raises ValueError
    as `probe` does, and for a memory that names no contents.
    """
    times = sorted(set(times)) or [inputs.shape[1]]
    tables = []
    with Shelf(limit) as shelf:
        capture(module, inputs, times, shelf, views=times[-1])
        layers = range(1, len(memories(module)) + 1)
        for time in times:
            read: list[tuple[int, str, Columns]] = [(0, "state", whole(shelf, time))] if len(layers) > 1 else []
            for layer in layers:
                read.append((layer, "state", whole(shelf, time, layer)))
                read += [(layer, name, content) for name, content in parts(shelf, time, layer).items()]
            for layer, name, columns in read:
                if name != "state" and not varies(columns):
                    continue
                table = probe(
                    columns,
                    labels,
                    sequences=np.arange(len(inputs)),
                    readers=readers,
                    num_values=num_values,
                    dimension=dimension,
                    random_state=random_state,
                )
                tables.append(table.assign(layer=layer, content=name, time=time))
    found = pd.concat(tables, ignore_index=True)
    first = ["layer", "content", "time"]
    return found[first + [column for column in found if column not in first]]


def varies(columns: Columns) -> bool:
    """Whether any number differs between rows."""
    width = columns.shape[1]
    return any(block_varies(columns.columns(i, min(width, i + 256))) for i in range(0, width, 256))
