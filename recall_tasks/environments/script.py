"""What every lane is shown and asked, moment after moment, as arrays of time by lanes.

A lane shows the tokens of its row, then, unless it goes over to the next row at once, the pad; then the
next row. Lanes that stand at the same place, as all do unless some were reset alone, are written in one go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batch import IGNORE
from .rows import Lanes, Rows, Shelf
from .setting import ASKING, OVER, STORING, Setting, worth

Columns = dict[str, NDArray[Any]]
KINDS: dict[str, type] = {
    "token": np.int64,
    "query": np.bool_,
    "t": np.int64,
    "target": np.int64,
    "distance": np.int64,
    "reward": np.float64,
}


def script(setting: Setting, shelf: Shelf, rows: Rows, places: Rows, steps: int, period: int) -> Columns:
    """The columns of KINDS for `steps` moments from these rows and places on, each [steps, N].

    Of each moment the token, whether it asks, its place, the right action (-1: it asks nothing), the
    distance and the reward of the answer; `phase` too where observations tell it. A row takes `period`
    moments: its length, or one more for the pad. The rows must be within reach of the shelf.
    """
    kinds = KINDS | ({"phase": np.int64} if setting.observation == "dict" else {})
    out: Columns = {name: np.empty((steps, len(rows)), kind) for name, kind in kinds.items()}
    alike = bool((places == places[0]).all())
    groups: list[Lanes] = [slice(None)] if alike else [np.flatnonzero(places == p) for p in np.unique(places)]
    for lanes in groups:
        for start, skip, count, first, stop in _pieces(int(places[lanes][0]), steps, period):
            moments = slice(start, start + count * (stop - first))
            if isinstance(lanes, slice):
                _write(setting, shelf, {n: x[moments] for n, x in out.items()}, lanes, rows + skip, count, first, stop)
                continue
            part: Columns = {n: np.empty((count * (stop - first), len(lanes)), kind) for n, kind in kinds.items()}
            _write(setting, shelf, part, lanes, rows + skip, count, first, stop)
            for name, x in out.items():
                x[moments, lanes] = part[name]
    return out


def _pieces(place: int, steps: int, period: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Moments from `place` of a row on, as (moment, rows to skip, rows, from place, to place).

    Part of a row, as many whole rows as there are, part of a row.
    """
    start = skip = 0
    while start < steps:
        whole = (steps - start) // period if place == 0 else 0
        count, stop = (whole, period) if whole else (1, min(period, place + steps - start))
        yield start, skip, count, place, stop
        start += count * (stop - place)
        skip += count
        place = stop % period


def _write(
    setting: Setting, shelf: Shelf, out: Columns, lanes: Lanes, rows: Rows, count: int, first: int, stop: int
) -> None:
    """Places `first` to `stop - 1` of `count` rows of each of n lanes into columns [count * (stop - first), n]."""
    tokens, asked, answers, origins = (
        shelf.take(name, lanes, rows, count) for name in ("tokens", "asked", "answers", "origins")
    )
    n, wide, shown = len(tokens), stop - first, min(stop, setting.length) - first
    place = np.arange(first, stop)[None, :, None]
    token = out["token"].reshape(count, wide, n)
    token[:, :shown] = tokens[:, :, first : first + shown].transpose(1, 2, 0)
    token[:, shown:] = setting.pad
    out["t"].reshape(count, wide, n)[:] = place

    asking = answers != IGNORE
    here = asking & (asked >= first) & (asked < stop)
    row, lane = np.arange(count)[None, :, None], np.arange(n)[:, None, None]
    cells = ((row * wide + asked - first) * n + lane)[here]
    for name, nothing, values in (
        ("target", -1, answers - setting.task.answers.start),
        ("distance", 0, asked - origins),
        ("reward", 0, worth(asking)),
    ):
        out[name].fill(nothing)
        out[name].reshape(-1)[cells] = values[here]
    np.greater_equal(out["target"], 0, out=out["query"])
    if setting.observable == "full":
        out["token"].reshape(-1)[cells] = answers[here]
    if "phase" in out:
        begins = np.where(asking, asked, setting.length).min(axis=-1, initial=setting.length)
        phase = np.where(place >= begins.T[:, None, :], ASKING, STORING)
        out["phase"].reshape(count, wide, n)[:] = np.where(place == setting.length, OVER, phase)
