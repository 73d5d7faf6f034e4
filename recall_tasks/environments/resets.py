"""What a reset asks for, checked: seeds, lanes and rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..stream import LAST
from ..task import told

Options = Mapping[str, Any]
Rows = NDArray[np.int64]
LANES_KNOW = ("index", "reset_mask")


def _checked(options: Any, known: Collection[str]) -> Options:
    """What is asked for, {} for None."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ValueError(f"options takes a dict such as {{'index': 3}}, not {options!r} ({type(options).__name__})")
    for name in options:
        if name not in known:
            raise ValueError(f"unknown option {name!r} of reset: choose among {', '.join(known)}")
    return options


def wanted_row(options: Options | None, known: Collection[str] = ("index",)) -> int | None:
    """The row that the options name. Raises ValueError for an option that is not known and for no such row."""
    index = _checked(options, known).get("index")
    if index is not None and (type(index) is not int or not 0 <= index < LAST):
        raise ValueError(f"index takes a whole number from 0 to 2^48 - 1, not {told(index, int)}")
    return index


def wanted_rows(options: Options | None, num_lanes: int) -> Rows | int | None:
    """The same for many lanes: one row for all of them, or a list or an array of one for each."""
    index = _checked(options, LANES_KNOW).get("index")
    if isinstance(index, np.ndarray) and index.ndim == 1:
        index = index.tolist()
    if not isinstance(index, list | tuple):
        return wanted_row(options, LANES_KNOW)
    if len(index) != num_lanes:
        raise ValueError(f"index takes one row, or {num_lanes} of them, not {len(index)}")
    if None in index:
        raise ValueError(f"index takes whole numbers from 0 to 2^48 - 1, not None in {index}")
    return np.array([wanted_row({"index": row}) for row in index], np.int64)


def wanted_lanes(options: Options | None, num_lanes: int) -> NDArray[np.bool_]:
    """Which lanes are reset: all, or those of `reset_mask`, which stays in the options."""
    mask = _checked(options, LANES_KNOW).get("reset_mask")
    if mask is None:
        return np.ones(num_lanes, np.bool_)
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (num_lanes,):
        raise ValueError(f"reset_mask takes an array of {num_lanes} bools, not {mask!r}")
    if not mask.any():
        raise ValueError("reset_mask names no lane: set at least one to True")
    return mask


def wanted_seeds(seed: Any, num_lanes: int) -> list[int | None]:
    """One for each lane: seed + i from one seed, or those of a list, in which None keeps the lane's own."""
    if seed is None:
        return [None] * num_lanes
    if type(seed) is int:
        if not 0 <= seed <= 2**63 - num_lanes:
            lanes = f" with {num_lanes} lanes (lane i gets seed + i)" if num_lanes > 1 else ""
            raise ValueError(f"seed takes a whole number from 0 to 2^63 - {num_lanes}{lanes}, not {told(seed, int)}")
        return [seed + lane for lane in range(num_lanes)]
    if not isinstance(seed, list | tuple):
        raise ValueError(f"seed takes a whole number, or a list of one for each lane, not {told(seed, int)}")
    if len(seed) != num_lanes:
        raise ValueError(f"seed takes one whole number, or {num_lanes} of them, not {len(seed)}")
    return list(seed)


def check_following(row: int) -> None:
    """Refuse the row that would come next where a stream has no more."""
    if row >= LAST:
        raise ValueError(f"row {LAST - 1} (2^48 - 1) is the last of a stream: reset with a seed or an index")
