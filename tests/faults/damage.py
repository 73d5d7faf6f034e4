"""Files that are cut, flipped, emptied, deleted, or turned into directories."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from runners import storage

from . import points
from .stage import Stage, finish
from .sweep import RUN_FILES, STUDY, Broken, carry_through, check_kept, check_told, finished
from .victim import suffer


def damages(stage: Stage, number: int) -> Iterator[str]:
    """Each kind of file cut, flipped, emptied, deleted, replaced by a directory; then deleted, as the error says."""
    place = STUDY.runs[0].name
    kinds = sorted(path.relative_to(stage.whole) for path in (stage.whole / place).iterdir())
    kinds += [Path("study.json"), Path(f".{place}.checkpoint"), Path(f"{place}.failed.json"), Path(f".{place}.lock")]
    cases = [(kind, how) for kind in kinds for how in ("cut", "flip", "empty", "gone", "directory")]
    stage.random.shuffle(cases)
    for kind, how in cases[:number]:
        folder, why = stage.copy(), f"{kind.name}: {how}"
        path = folder / kind
        if kind.name.startswith(".") or kind.name.endswith(".failed.json"):  # of a run that is not finished
            shutil.rmtree(folder / place)
            if kind.suffix == ".checkpoint":
                at = stage.random.randrange(30, 60)
                suffer(partial(carry_through, folder, partial(points.strike, at, signal.SIGKILL)))
            elif kind.suffix == ".json":
                storage.write_failure(folder, STUDY.runs[0], "it died", "died", "", 1.0)
        before = {name: files for name, files in finished(folder).items() if name != place}
        _damage(path, how, stage.random)
        ended = suffer(partial(carry_through, folder))
        if ended.status not in (0, 1, 2):
            raise Broken(f"{why}: it ended with {ended.status}: {ended.err}")
        check_told(ended.err, why, *([str(path.parent)] if ended.status else []))
        check_kept(folder, before, why) if ended.status == 0 else None
        unused = _refused(folder, kind)
        if ended.status or unused:
            shutil.rmtree(folder / place if kind.name in RUN_FILES else path, ignore_errors=True)
            path.unlink(missing_ok=True)
            (folder / place / kind.name.replace("outputs-", "").split("-")[0]).with_suffix(".json").unlink(
                missing_ok=True
            )
        finish(stage, folder, before, why)
        yield f"{why}: {'refused' if ended.status else 'not needed, or refused where it is read'}, nothing else lost"


def _refused(folder: Path, kind: Path) -> bool:
    """Whether tensors of a measure, which a sweep does not read, are refused by whoever reads them."""
    if kind.suffix != ".safetensors" or kind.name in RUN_FILES:
        return False
    for record in (folder / kind.parent).glob("*.json"):
        for kept in dict(storage.read_record(record)).get("outputs", ()) if record.name not in RUN_FILES else ():
            if kept["name"] == kind.stem:
                try:
                    storage.load_tensors(folder / kind.parent, kind.stem, kept["digest"])
                except storage.CorruptRun:
                    return True
    return False


def _damage(path: Path, how: str, random: Random) -> None:
    content = path.read_bytes() if path.is_file() else bytes(64)
    path.unlink(missing_ok=True)
    i = random.randrange(max(1, len(content)))
    if how == "cut":
        path.write_bytes(content[:i])
    elif how == "flip" and content:
        path.write_bytes(content[:i] + bytes([content[i] ^ (1 << random.randrange(8))]) + content[i + 1 :])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "directory":
        path.mkdir()
