"""Infos of many lanes as Gymnasium has them: an array for each key, and a mask of the lanes that have it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Infos = dict[str, Any]


def told_to(lanes: Bools, **values: Any) -> Infos:
    """Values for these lanes, zeros for the others."""
    infos: Infos = {}
    for name, value in values.items():
        infos[name] = np.where(lanes, value, np.zeros((), np.asarray(value).dtype))
        infos[f"_{name}"] = lanes.copy()
    return infos


def ended_and_begun(ended: Bools, last: Infos, present: Infos, pad: Any) -> Infos:
    """Where some lanes end a row and begin the next in one step: `last` of those, `present` of all.

    `pad()` is the observation after a row.
    """
    pads = np.full(len(ended), None, object)
    for lane in np.flatnonzero(ended).tolist():
        pads[lane] = pad()
    final = {"final_obs": pads, "final_info": told_to(ended, **last)}
    return {**final, **{f"_{name}": ended.copy() for name in final}, **told_to(np.ones_like(ended), **present)}
