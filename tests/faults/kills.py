"""Sweeps that are killed or interrupted, and sweeps that meet each other."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from . import points
from .stage import Stage, finish
from .sweep import STUDY, Broken, carry_through, check_kept, check_told, check_whole, finished
from .victim import begin, end, suffer


def kills(stage: Stage, number: int) -> Iterator[str]:
    """Killed, or interrupted, at a random point or a random moment, several times in a row, then given again."""
    folder = stage.empty()
    before: dict[str, Any] = {}
    for _ in range(number):
        blow = stage.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        if stage.random.random() < 0.75:
            at = stage.random.randrange(stage.points)
            why = f"{blow.name} at point {at}"
            ended = suffer(partial(carry_through, folder, partial(points.strike, at, blow)))
        else:
            after = stage.random.uniform(0, stage.seconds)
            why = f"{blow.name} after {after:.3f} s"
            ended = suffer(partial(carry_through, folder), after, blow)
        if ended.status not in (0, 130, -blow):
            raise Broken(f"{why}: it ended with {ended.status}: {ended.err}")
        check_told(ended.err, why)
        before = check_kept(folder, before, why)
        done = len(before)
        if ended.status == 0 or done == len(STUDY.runs) or stage.random.random() < 0.1:
            finish(stage, folder, before, why)
            folder, before = stage.empty(), {}
        yield f"{why}: {done} of {len(STUDY.runs)} runs finished, all kept"
    finish(stage, folder, before, "after the last kill")


def doubles(stage: Stage, number: int) -> Iterator[str]:
    """Two sweeps on one folder at once, from nothing or after a kill: every run is trained once, both end with 0."""
    for _ in range(number):
        folder, trained = stage.empty(), stage.scratch / "trained"
        trained.unlink(missing_ok=True)
        if stage.random.random() < 0.5:
            at = stage.random.randrange(stage.points)
            suffer(partial(carry_through, folder, partial(points.strike, at, signal.SIGKILL)))
        before, began = finished(folder) if folder.exists() else {}, time.monotonic()
        both = [begin(partial(carry_through, folder, trained=trained))]
        time.sleep(stage.random.uniform(0, stage.seconds / 2))
        both.append(begin(partial(carry_through, folder, trained=trained)))
        ended = [end(pid, err, began) for pid, err in both]
        why = f"two at once on {len(before)} finished runs"
        if any(one.status or one.err for one in ended):
            raise Broken(f"{why}: they ended with {[(one.status, one.err) for one in ended]}")
        names = trained.read_text().split() if trained.exists() else []
        if sorted([*names, *before]) != sorted(run.name for run in STUDY.runs):
            raise Broken(f"{why}: trained were {names}")
        check_kept(folder, before, why)
        check_whole(folder, stage.reference, why)
        yield f"{why}: each run trained once, both ended with 0"
