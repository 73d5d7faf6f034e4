"""Weights & Biases: a run of theirs for each of ours, under its identity, so that one that goes on is the same one.

It needs an account (`wandb login`); `WANDB_MODE=offline` keeps everything on this machine.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import wandb

from ..config.run import Run
from ..training.loop import Progress
from . import Scores, summary


class Sink:
    def __init__(self, where: str, study: str, folder: Path) -> None:
        self.project, self.study, self.folder = where or study, study, folder
        self.runs: dict[str, Any] = {}
        if wandb.setup().settings.mode == "online" and not wandb.login():
            raise ValueError("nobody is logged in: run wandb login, or set WANDB_MODE=offline")

    def point(self, run: Run, progress: Progress) -> None:
        """Every number of a point, by update."""
        self._run(run).log({f"train/{name}": value for name, value in asdict(progress).items()}, step=progress.update)

    def finished(self, run: Run, scores: Scores) -> None:
        """Scores as the summary of the run: `test/64/accuracy` at 64 tokens."""
        theirs = self._run(run)
        theirs.summary.update(summary(scores))
        self._end(run, 0)

    def failed(self, run: Run, reason: str) -> None:
        self._run(run).summary["failed"] = reason
        self._end(run, 1)

    def close(self) -> None:
        for theirs in self.runs.values():
            theirs.finish(exit_code=1)  # it was interrupted

    def _run(self, run: Run) -> Any:
        if run.name not in self.runs:
            self.runs[run.name] = wandb.init(
                project=self.project, group=self.study, name=run.name, id=run.identity, resume="allow",
                config=run.to_json(), dir=self.folder, reinit="create_new",
                settings=wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True),
            )  # fmt: skip
        return self.runs[run.name]

    def _end(self, run: Run, code: int) -> None:
        self.runs.pop(run.name).finish(exit_code=code)
