"""Where scenes play: beside an undisturbed sweep, which every disturbed one has to equal in the end."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from recall_tasks import bounds
from runners.execution import run_job

from . import points
from .sweep import Broken, carry_through, check_kept, check_whole, contents
from .victim import Ended, suffer


@dataclass(frozen=True)
class Stage:
    """Where scenes play: a folder for scratch, chance, and the undisturbed sweep with its points and seconds."""

    scratch: Path
    random: Random
    whole: Path
    reference: dict[str, Any]
    points: int
    seconds: float

    def empty(self) -> Path:
        folder = self.scratch / "study"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def copy(self) -> Path:
        return Path(shutil.copytree(self.whole, self.empty()))


def undisturbed(scratch: Path, random: Random) -> Stage:
    """Carry the sweep out twice: both must be the same, or nothing here means anything."""
    bounds.recalled_bits, run_job.environment = cache(bounds.recalled_bits), cache(run_job.environment)
    carry_through(scratch / "warm")  # what is imported and worked out once is then there in every fork
    told, seconds = scratch / "points", []
    for name in ("whole", "again"):
        told.unlink(missing_ok=True)
        ended = suffer(partial(carry_through, scratch / name, partial(points.count, told)))
        if ended.status or ended.err:
            raise Broken(f"an undisturbed sweep ended with {ended.status}: {ended.err}")
        seconds.append(ended.seconds)
    reference = contents(scratch / "whole")
    check_whole(scratch / "again", reference, "undisturbed")
    shutil.rmtree(scratch / "again")
    return Stage(scratch, random, scratch / "whole", reference, told.stat().st_size, min(seconds))


def finish(stage: Stage, folder: Path, before: dict[str, Any], why: str) -> Ended:
    """Give the command again, undisturbed."""
    ended = suffer(partial(carry_through, folder))
    if ended.status or ended.err:
        raise Broken(f"{why}: given again, the command ended with {ended.status}: {ended.err}")
    check_kept(folder, before, why)
    check_whole(folder, stage.reference, why)
    return ended
