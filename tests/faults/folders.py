"""Folders that cannot be, or are not ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .disks import mounted_at, quietly
from .stage import Stage
from .sweep import STUDY, Broken, carry_through, check_told
from .victim import suffer


def folders(stage: Stage, number: int) -> Iterator[str]:
    """Folders that cannot be, or are not ours."""
    folder = stage.empty()
    folder.write_text("a file")
    yield _told_and_untouched(folder, "a file in place of the folder")
    folder.unlink()
    folder.mkdir()
    (folder / "photo.jpg").write_text("mine")
    yield _told_and_untouched(folder, "a folder of others")
    folder = stage.copy()
    (folder / "notes.txt").write_text("mine")
    if ended := suffer(partial(carry_through, folder)).status:
        raise Broken(f"notes beside runs: it ended with {ended}")
    yield "notes beside runs: left alone"
    folder = stage.empty()
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o555)
        yield _told_and_untouched(folder, "a folder without write permission")
        folder.chmod(0o755)
    elif mounted_at(folder, "ro"):
        try:
            yield _told_and_untouched(folder, "a read-only disk")
        finally:
            quietly("umount", str(folder))
    folder = stage.empty()
    (folder / STUDY.runs[0].name).mkdir(parents=True)
    (folder / "study.json").mkdir()
    ended = suffer(partial(carry_through, folder))
    check_told(ended.err, "a directory in place of a file", str(folder))
    if ended.status not in (1, 2):
        raise Broken(f"a directory in place of a file: it ended with {ended.status}: {ended.err}")
    yield "a directory in place of a file: told in one line"


def _told_and_untouched(folder: Path, why: str) -> str:
    before = sorted(folder.iterdir()) if folder.is_dir() else folder.read_text()
    ended = suffer(partial(carry_through, folder))
    if ended.status != 2 or len(ended.err.splitlines()) != 1:
        raise Broken(f"{why}: it ended with {ended.status}: {ended.err}")
    check_told(ended.err, why, str(folder), "--out")
    if (sorted(folder.iterdir()) if folder.is_dir() else folder.read_text()) != before:
        raise Broken(f"{why}: something was written")
    return f"{why}: told in one line, untouched"
