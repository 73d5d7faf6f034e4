"""Trackers of a sweep beside its own folder: TensorBoard, Weights & Biases, Trackio. No result depends on them.

A sink is a module in this folder and a line in `SINKS`. It is imported when `--track` names it, and receives every
point of a learning curve and every finished run. Its first error is printed, and the sweep goes on without it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from .. import storage
from ..config.run import Run
from ..execution.engines import Event
from ..formatting import unknown
from ..measures import MEASURES
from ..training.loop import Progress

SINKS = {
    "tensorboard": "event files in DIR (default: FOLDER/tensorboard)",
    "trackio": "a project of Trackio, kept on this machine (default: the name of the study)",
    "wandb": "a project of Weights & Biases (default: the name of the study)",
}
"""Outputs of `--track NAME:WHERE`; NAME is also the module here and the package it needs."""

Scores = list[dict[str, Any]]


class Sink(Protocol):
    """One destination: a class `Sink(where, study, folder)` in its module."""

    def point(self, run: Run, progress: Progress) -> None:
        """A point of a learning curve; several runs may be under way."""

    def finished(self, run: Run, scores: Scores) -> None:
        """Scores of a finished run: records as in the table of scores, with their `kind`."""

    def failed(self, run: Run, reason: str) -> None:
        """Reason of a failed run."""

    def close(self) -> None:
        """End of the sweep, or its interruption."""


class Tracker:
    """A guard around a sink: passes events on, and drops it at its first error."""

    def __init__(self, name: str, sink: Sink, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.sink: Sink | None = sink

    def take(self, event: Event, run: Run) -> None:
        """Pass an event of a run on."""
        if self.sink is None:
            return
        try:
            if isinstance(event.content, Progress):
                self.sink.point(run, event.content)
            elif event.kind == "finished":
                self.sink.finished(run, scores_of(self.folder / run.name))
            elif event.kind == "failed":
                self.sink.failed(run, str(event.content))
        except Exception as error:
            self._drop(error)

    def close(self) -> None:
        try:
            if self.sink is not None:
                self.sink.close()
        except Exception as error:
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        self.sink = None
        print(f"recall: {self.name} is not updated any more, the runs go on: {_one_line(error)}", file=sys.stderr)


@contextmanager
def open_sinks(words: Sequence[str], study: str, folder: Path) -> Iterator[list[Tracker]]:
    """The sinks that words such as `wandb` or `tensorboard:DIR` name, for a study and the folder of its runs.

    Raises ValueError, before anything starts, for a name that is no sink and for one whose package is missing.
    """
    trackers: list[Tracker] = []
    with ExitStack() as opened:
        for word in words:
            name, _, where = word.partition(":")
            trackers.append(Tracker(name, open_sink(name, where, study, folder), folder))
            opened.callback(trackers[-1].close)
        yield trackers


def open_sink(name: str, where: str, study: str, folder: Path) -> Sink:
    """A sink by name. Raises ValueError for an unknown name, or if it cannot start."""
    if name not in SINKS:
        raise ValueError(unknown("sink", name, list(SINKS)))
    if importlib.util.find_spec(name) is None:
        raise ValueError(f"{name} is not installed: pip install {name}")
    try:
        sink: Sink = importlib.import_module(f".{name}", __package__).Sink(where, study, folder)
        return sink
    except Exception as error:
        raise ValueError(f"{name} does not start: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def scores_of(place: Path) -> Scores:
    """Scores of a finished run: at its training length, and at others if it was tested there."""
    records: dict[str, Mapping[str, Any]] = {"test": storage.load_record(place / storage.RECORD, {})}
    if (path := place / MEASURES["extrapolation"].file).is_file():
        records["extrapolation"] = storage.load_record(path, {})
    return [{"kind": kind, **score} for kind, record in records.items() for score in record["scores"]]


def summary(scores: Scores) -> dict[str, float]:
    """Scores and state bytes in one level: `test/64/accuracy` at 64 tokens."""
    flat: dict[str, float] = {}
    for score in scores:
        head = "/".join(str(score[part]) for part in ("kind", "mode", "length") if part in score)
        flat |= {f"{head}/{name}": score[name] for name in ("accuracy", "low", "high", "state_bytes")}
    return flat
