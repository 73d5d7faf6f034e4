"""What can be asked of a finished run: a module each, and a line in `MEASURES`.

A measure writes one sealed record beside the run, whole or not at all. What was asked before is not done
again: `remaining` says what is left of a wish, `merged` puts a new record to the one that is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from torch import Tensor

from models import SequenceModel

from ..config.messages import Watch
from ..config.run import Run
from . import capacity, extrapolation, probe, states

Wanted = Mapping[str, Any]
"""What is asked for, as JSON has it; each measure says which keys it takes."""

Record = dict[str, Any]
"""What was measured: `done`, how far it went, and tables, each a list of rows."""


class Measure(Protocol):
    """A module with these names."""

    RECORD: str
    """The file beside the run."""

    @property
    def SHAPE(self) -> Mapping[str, type]:  # noqa: N802
        """What every record holds, by key: others are damaged."""

    def check(self, run: Run, wanted: Wanted) -> None:
        """Raises ValueError where the run cannot be asked for this: before any work."""

    def remaining(self, record: Record | None, wanted: Wanted) -> Wanted | None:
        """What a record lacks of what is wanted, `None` where nothing."""

    def measure(self, run: Run, model: SequenceModel, wanted: Wanted, watch: Watch) -> tuple[Record, dict[str, Tensor]]:
        """The record, and tensors to be kept with it: the answers to every question, by name."""

    def merged(self, old: Record, new: Record) -> Record:
        """Both, the new one's where both measured the same."""


def parts(measure: Measure, run: Run, wanted: Wanted, record: Record | None, watch: Watch) -> Iterator[Wanted]:
    """What is left of a wish, one piece after the other, each to be kept before the next is asked for.

    All of it at once, unless the measure takes long and has `parts` of its own.
    """
    own = getattr(measure, "parts", None)
    return own(run, wanted, record, watch) if own else iter([wanted])


MEASURES: dict[str, Measure] = {
    "extrapolation": extrapolation,
    "capacity": capacity,
    "probe": probe,
    "states": states,
}
