"""Requests to measures of a finished run: checked before any work, and compared with the records that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..formatting import unknown
from ..storage.run_records import load_record_of_run
from . import MEASURES
from .measure import Record, Request

if TYPE_CHECKING:
    from ..config.run import Run

Requests = Mapping[str, Request | Sequence[Request]]
"""All requests to a run: one or several by the name of their measure."""


def each(requests: Requests) -> list[tuple[str, Request]]:
    """Every single request, with the name of its measure."""
    return [
        (name, request)
        for name, several in requests.items()
        for request in ([several] if isinstance(several, Mapping) else several)
    ]


def check(run: Run, requests: Requests) -> None:
    """Raise ValueError for an unknown measure, or a request that the run cannot meet: before any work."""
    for name, request in each(requests):
        if name not in MEASURES:
            raise ValueError(unknown("measure", name, list(MEASURES)))
        try:
            MEASURES[name].check(run, request)
        except (KeyError, TypeError) as error:  # written by a person
            raise ValueError(f"{name} cannot be asked for {dict(request)}: {error}") from None


def record_of(place: Path, name: str) -> Record | None:
    """The record of a measure beside a run, if there is one. Raises CorruptRun for one damaged or of another run."""
    path = place / MEASURES[name].file
    return load_record_of_run(path, MEASURES[name].pattern) if path.exists() else None


def remaining(place: Path, requests: Requests) -> list[tuple[str, Request]]:
    """The parts of the requests that no record of the run covers yet. Raises CorruptRun for a damaged record."""
    left = [(name, MEASURES[name].remaining(record_of(place, name), request)) for name, request in each(requests)]
    return [(name, request) for name, request in left if request is not None]
