"""Requests: what is asked of a run beyond its training, checked before any work, and what of it is still to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import storage
from ..config.run import Run
from ..formatting import unknown
from .registry import MEASURES, Record, Wanted

Request = Mapping[str, Wanted | Sequence[Wanted]]
"""What is asked of a run when it is trained: a wish, or several, by the name of their measure."""


def record_of(place: Path, measure: str) -> Record | None:
    """What was measured of a run so far. Raises storage.CorruptRun for a damaged record."""
    path = place / MEASURES[measure].RECORD
    return storage.load_record(path, MEASURES[measure].SHAPE) if path.exists() else None


def wishes(request: Request) -> list[tuple[str, Wanted]]:
    """Every wish of a request, with the name of its measure."""
    return [
        (name, wanted)
        for name, several in request.items()
        for wanted in ([several] if isinstance(several, Mapping) else several)
    ]


def check(run: Run, request: Request) -> None:
    """Raises ValueError for a measure that there is not, and for what the run cannot be asked: before any work."""
    for name, wanted in wishes(request):
        if name not in MEASURES:
            raise ValueError(unknown("measure", name, list(MEASURES)))
        try:
            MEASURES[name].check(run, wanted)
        except (KeyError, TypeError) as error:  # data that a person wrote
            raise ValueError(f"{name} cannot be asked for {dict(wanted)}: {error}") from None


def remaining(place: Path, request: Request) -> list[tuple[str, Wanted]]:
    """What of a request is still to be done. Raises storage.CorruptRun for a damaged record."""
    left = [(name, MEASURES[name].remaining(record_of(place, name), wanted)) for name, wanted in wishes(request)]
    return [(name, wanted) for name, wanted in left if wanted is not None]
