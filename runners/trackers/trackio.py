"""Trackio: a run of theirs for each of ours, kept on this machine. `trackio show` draws them."""

from __future__ import annotations

import io
from contextlib import redirect_stdout, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trackio

from ..config.run import Run
from ..training.loop import Progress
from . import Scores, summary


class Sink:
    def __init__(self, where: str, study: str, folder: Path) -> None:
        self.project, self.study = where or study, study
        self.runs: dict[str, Any] = {}

    def point(self, run: Run, progress: Progress) -> None:
        """Every number of a point, by update."""
        self._run(run).log({f"train/{name}": value for name, value in asdict(progress).items()}, step=progress.update)

    def finished(self, run: Run, scores: Scores) -> None:
        """Scores in one line after the last update: `test/64/accuracy` at 64 tokens."""
        self._run(run).log(summary(scores))
        self._end(run)

    def failed(self, run: Run, reason: str) -> None:
        self._run(run).log({"failed": reason})
        self._end(run)

    def close(self) -> None:
        with redirect_stdout(io.StringIO()):
            for theirs in self.runs.values():
                theirs.finish()
            with suppress(RuntimeError):  # where it has begun none
                trackio.finish()  # or it speaks once more when Python ends

    def _run(self, run: Run) -> Any:
        if run.name not in self.runs:
            with redirect_stdout(io.StringIO()):  # it prints where our tables stand
                self.runs[run.name] = trackio.init(
                    project=self.project, name=run.name, group=self.study, config=run.to_json(), resume="allow",
                    embed=False, auto_log_gpu=False, auto_log_cpu=False,
                )  # fmt: skip
        return self.runs[run.name]

    def _end(self, run: Run) -> None:
        with redirect_stdout(io.StringIO()):
            self.runs.pop(run.name).finish()
