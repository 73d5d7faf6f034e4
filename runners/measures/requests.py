"""Requests: what is asked of a run beyond its training, checked before any work, and what of it is still to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..config.run import Run
from ..formatting import unknown
from ..storage import load_record
from . import MEASURES
from .measure import Record, Request

Requests = Mapping[str, Request | Sequence[Request]]
"""All that is asked of a run: a request, or several, by the name of their measure."""


def each(requests: Requests) -> list[tuple[str, Request]]:
    """Every single request, with the name of its measure."""
    return [
        (name, request)
        for name, several in requests.items()
        for request in ([several] if isinstance(several, Mapping) else several)
    ]


def check(run: Run, requests: Requests) -> None:
    """Raise ValueError for an unknown measure, and for what the run cannot be asked: before any work."""
    for name, request in each(requests):
        if name not in MEASURES:
            raise ValueError(unknown("measure", name, list(MEASURES)))
        try:
            MEASURES[name].check(run, request)
        except (KeyError, TypeError) as error:  # written by a person
            raise ValueError(f"{name} cannot be asked for {dict(request)}: {error}") from None


def record_of(place: Path, name: str) -> Record | None:
    """What a measure has recorded of a run. Raises CorruptRun for a damaged record."""
    measure = MEASURES[name]
    path = place / measure.file
    return load_record(path, measure.shape) if path.exists() else None


def remaining(place: Path, requests: Requests) -> list[tuple[str, Request]]:
    """What of the requests is still to be measured of a finished run. Raises CorruptRun for a damaged record."""
    left = [(name, MEASURES[name].remaining(record_of(place, name), request)) for name, request in each(requests)]
    return [(name, request) for name, request in left if request is not None]
