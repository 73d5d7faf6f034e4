"""The runs that a folder holds, each once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .records import CorruptRun, printed, read_plain
from .runs import RECORD


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """The run directories among `paths` and directly inside them, in order of name, each run once.

    Raises ValueError for a path that is not there or holds no run, and for two results of one run.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if not path.is_dir():
            raise ValueError(
                f"no directory {printed(path)} (finished runs are kept where --out said, runs/ by default)"
            )
        inside = [path] if (path / "run.json").is_file() else []
        inside += sorted(p.parent for p in path.glob("*/run.json") if not p.parent.name.startswith("."))
        for stray in path.glob(f"[!.]*/{RECORD}"):
            if not (stray.parent / "run.json").is_file():
                raise CorruptRun(
                    f"{printed(stray.parent)} has no run.json and was not used (delete it to run it again)"
                )
        if not inside:
            raise ValueError(f"no finished run in {printed(path)} (train one first: recall train --help)")
        for place in inside:
            first = found.setdefault(place.resolve().name, place)
            if not _same(first, place):
                raise ValueError(f"{printed(first)} and {printed(place)} are results of one run: name one of them")
    return list(found.values())


def _same(first: Path, second: Path) -> bool:
    if first.resolve() == second.resolve():
        return True
    records = [place / RECORD for place in (first, second)]
    return all(path.is_file() for path in records) and len({read_plain(path) for path in records}) == 1
