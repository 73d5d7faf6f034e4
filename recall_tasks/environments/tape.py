"""Where many lanes stand, and what comes next for them, written some hundred steps ahead."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np

from .rows import Rows, Shelf
from .script import script
from .setting import Setting

CELLS = 2**15
"""Steps times lanes written at once: enough that writing costs little a step, few enough for the caches."""


class Tape:
    """The present moment of all lanes: `shown` and `scored`.

    shown   token, query, t and phase, each [N]; phase only where observations tell it
    scored  of an answer to it: the right action (-1: nothing is asked), the distance and the reward, each
            [N]; then whether any lane is asked, is at the last token of its row, is at the pad

    Each array is a row of a larger one that is written once: who gets it may keep it and change it.
    """

    def __init__(self, setting: Setting, shelf: Shelf, period: int) -> None:
        self.setting, self.shelf, self.period = setting, shelf, period
        self._rows = np.full(len(shelf.streams), -1, np.int64)
        self._places = np.zeros(len(shelf.streams), np.int64)
        self._moment = 0
        self._moments: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = []

    def __getstate__(self) -> dict[str, Any]:
        """Where the lanes stand; what comes next can be written again."""
        rows, places = self.standing()
        return self.__dict__ | {"_rows": rows, "_places": places, "_moment": 0, "_moments": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if (self._rows >= 0).all():
            self._wind(self._rows, self._places)

    @property
    def started(self) -> bool:
        return bool(self._moments)

    def standing(self) -> tuple[Rows, Rows]:
        """Each lane's row (-1: none yet) and its place in it, the row's length where it is at the pad."""
        gone, places = np.divmod(self._places + self._moment, self.period)
        return self._rows + gone, places

    def now(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """`shown` and `scored` of the present moment."""
        return self._moments[self._moment]

    def advance(self) -> None:
        """One step for every lane."""
        self._moment += 1
        if self._moment == len(self._moments):
            self._wind(*self.standing())

    def move(self, rows: Rows, places: Rows, fresh: bool) -> None:
        """Put the lanes there; `fresh` says that some have another stream than before."""
        if not fresh and self._moment + 1 < len(self._moments):
            self._moment += 1
            next_rows, next_places = self.standing()
            if (next_rows == rows).all() and (next_places == places).all():
                return  # as after every row, where they would have come anyway
        self._wind(rows, places)

    def _wind(self, rows: Rows, places: Rows) -> None:
        """Write the moments from these on: at least one, as many as the rows at hand and CELLS allow."""
        N, P, L = len(rows), self.period, self.setting.length
        left = int((self.shelf.reach(rows) * P - places).min())
        steps = min(max(1, CELLS // N), left)
        place = int(places[0])
        if (alike := bool((places == place).all())) and place + steps >= P:
            steps = (place + steps) // P * P - place  # whole rows are written in one piece
        columns = script(self.setting, self.shelf, rows, places, steps, P)
        at = (places[: 1 if alike else N] + np.arange(steps)[:, None]) % P
        flags = (columns["query"], at == L - 1, at == L)
        phase = columns.get("phase", repeat(None, steps))
        shown = zip(*(columns[name] for name in ("token", "query", "t")), phase, strict=True)
        scored = zip(
            *(columns[name] for name in ("target", "distance", "reward")),
            *(flag.any(axis=1).tolist() for flag in flags),
            strict=True,
        )
        self._moments = list(zip(shown, scored, strict=True))
        self._rows, self._places, self._moment = rows, places, 0
