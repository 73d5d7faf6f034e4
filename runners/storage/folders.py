"""The folder of a study: ours, or empty, and swept of what killed processes left."""

from __future__ import annotations

import errno
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .claims import sweep_lock
from .partials import SUFFIX, sweep
from .records import damaged, load_record, printed
from .writing import UnwritableFolder, flush_names, writing

STUDY = "study.json"
TRACES = (STUDY, "run.json", "result.json")
"""Files by which a folder, or one inside it, is known as ours."""
BEGUN = ("report.html", "*-s*-*.failed.json", ".*-s*-*.lock", ".*-s*-*.checkpoint", f".*{SUFFIX}")
"""Files by which a folder without a finished run is."""
HARMLESS = (".log", ".txt", ".md")
"""What a person may leave in any folder: logs and notes."""
ASKED: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "runs": list,
    "command": str,
    "seconds": (int, float),
}


def open_folder(folder: Path) -> None:
    """Make the folder of a study ready to write into.

    Raises UnwritableFolder where it cannot be made or written into, and where it holds other things and no
    trace of ours: hidden files, logs and notes are no such things, and a folder with runs may hold any.
    """
    with writing(folder):
        if os.path.lexists(folder) and not folder.is_dir():
            raise OSError(errno.ENOTDIR, "it is a file")
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            flush_names(folder.parent)
        if foreign := _foreign(folder):
            raise UnwritableFolder(
                f"{printed(folder)} holds no runs but other things ({printed(foreign)}): nothing is written into it, "
                f"choose another with --out"
            )
        with tempfile.TemporaryFile(dir=folder):
            pass
    sweep_partials(folder)


def load_study(folder: Path) -> dict[str, Any] | None:
    """What `study.json` says was asked for; None where there is none. Raises CorruptRun for a damaged one."""
    path = folder / STUDY
    if not os.path.lexists(path):
        return None
    content = load_record(path, ASKED)
    if not all(type(name) is str for name in content["runs"]):
        raise damaged(path, "'runs' are not names")
    if not (math.isfinite(content["seconds"]) and content["seconds"] >= 0):
        raise damaged(path, f"'seconds' cannot be {content['seconds']}")
    return content


def sweep_partials(folder: Path) -> None:
    """Remove what killed processes left half-written; what a living process writes or holds stays."""
    for pattern in (f".*{SUFFIX}", f"*/.*{SUFFIX}"):
        for path in folder.glob(pattern):
            sweep(path)
    for path in folder.glob(".*.lock"):
        sweep_lock(path)
    for record in folder.glob("[!.]*/run.json"):
        with suppress(OSError):
            (folder / f".{record.parent.name}.checkpoint").unlink(missing_ok=True)  # it has arrived


def _foreign(folder: Path) -> str:
    """The name of something in the folder that is not ours; empty where it is, or nothing is in it."""
    strange = ""
    for path in _inside(folder):
        if _matches(path, TRACES + BEGUN) or (path.is_dir() and any(_matches(p, TRACES) for p in _inside(path))):
            return ""
        harmless = path.name.startswith(".") or path.suffix in HARMLESS
        if not (harmless or (path.is_dir() and not any(True for _ in _inside(path)))):
            strange = strange or path.name
    return strange


def _inside(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except PermissionError:
        return


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(path.match(pattern) for pattern in patterns)
