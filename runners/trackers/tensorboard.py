"""TensorBoard: event files of curves and scores, a directory for each run. `tensorboard --logdir DIR` shows them."""

from __future__ import annotations

import json
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from ..config.run import Run
from ..training.loop import Progress
from . import Scores


class Sink:
    def __init__(self, where: str, study: str, folder: Path) -> None:
        self.place = Path(where) if where else folder / "tensorboard"
        self.place.mkdir(parents=True, exist_ok=True)
        self.writers: dict[str, SummaryWriter] = {}

    def point(self, run: Run, progress: Progress) -> None:
        """Loss and accuracy by update; a run that goes on where it stopped hides what it repeats."""
        writer = self._writer(run, progress.update)
        for name in ("loss", "accuracy", "stage_length", "stage_load"):
            writer.add_scalar(f"train/{name}", getattr(progress, name), progress.update)

    def finished(self, run: Run, scores: Scores) -> None:
        """Accuracy by length: the step of a score is its length in tokens."""
        writer = self._writer(run)
        for score in scores:
            name = "/".join(str(score[part]) for part in ("kind", "mode") if part in score)
            writer.add_scalar(f"{name}/accuracy", score["accuracy"], score["length"])
        self._end(run)

    def failed(self, run: Run, reason: str) -> None:
        self._writer(run).add_text("failed", reason)
        self._end(run)

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()

    def _writer(self, run: Run, update: int | None = None) -> SummaryWriter:
        if run.name not in self.writers:
            writer = SummaryWriter(str(self.place / run.name), purge_step=update)
            writer.add_text("run", f"```\n{json.dumps(run.to_json(), indent=1)}\n```")
            self.writers[run.name] = writer
        return self.writers[run.name]

    def _end(self, run: Run) -> None:
        self.writers.pop(run.name).close()
