"""A folder of runs is data: no code that lies in it is imported, whatever its records name."""

from __future__ import annotations

import os
from pathlib import Path

from .records import CorruptRun, printed


def refuse_own_code(place: Path, memory: str) -> None:
    """Raises CorruptRun where `memory` is FILE.py:CLASS with a file inside the run or its folder, links followed."""
    if ".py:" not in memory:
        return
    file = memory.rpartition(":")[0]
    named = [Path(os.path.abspath(file)), Path(os.path.realpath(file))]
    real = Path(os.path.realpath(place))
    for folder in {Path(os.path.abspath(place)).parent, Path(os.path.realpath(place.parent)), real.parent, real}:
        if any(path.is_relative_to(folder) for path in named):
            raise CorruptRun(
                f"{printed(place)} names a memory in {printed(file)}, inside a folder of runs, and no code is "
                f"loaded from there: keep the file of a memory outside of {printed(folder)}"
            )
