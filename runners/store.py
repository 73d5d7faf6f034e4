"""Run directories that survive anything: a run is there whole, or not at all.

A run is written into a hidden directory beside its place, flushed to disk, and renamed: the rename is
the moment it is finished. Every file's digest stands in the run's record, which carries its own; what
does not match is refused, never trusted. Weights are safetensors and records JSON, so loading them runs no
code; a memory of one's own is imported from its own file, and only if it is the file it was trained with.

    <folder>/study.json                  what was asked for
    <folder>/<run name>/run.json         the Run
                        result.json      scores, curves, versions
                        weights.safetensors
                        extrapolation.json, probe.json     added later, each written whole
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from .experiment import Run

RECORD, WEIGHTS = "result.json", "weights.safetensors"
EXTRAPOLATION, PROBE = "extrapolation.json", "probe.json"
STALE = 600
"""Seconds after which a half-written run can only be what a killed process left."""


class CorruptRun(ValueError):
    """A run directory whose files do not match their digests."""


class UnwritableFolder(ValueError):
    """A folder that cannot be made or written into."""


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a reader finds the old file or the new one, never a part."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def sealed(content: Any) -> bytes:
    """JSON with its own digest around it. NaN has no place in JSON: callers write None."""
    body = json.dumps(content, sort_keys=True, allow_nan=False)
    return json.dumps({"digest": digest(body.encode()), "content": json.loads(body)}, indent=1).encode()


def unsealed(path: Path) -> Any:
    """The content of a sealed file. Raises CorruptRun where its digest does not match."""
    try:
        record = json.loads(path.read_bytes())
        body = json.dumps(record["content"], sort_keys=True, allow_nan=False)
        if record["digest"] == digest(body.encode()):
            return record["content"]
    except (ValueError, KeyError, TypeError, OSError):
        pass
    whole = path.name in ("run.json", RECORD)
    mend = f"delete {path.parent} to run it again" if whole else "delete that file alone; no run is lost"
    raise CorruptRun(f"{path} is damaged and was not used ({mend})")


def is_finished(folder: Path, run: Run) -> bool:
    """Whether the run's directory is there, whole. Raises CorruptRun where it is there and damaged."""
    place = folder / run.name
    if not place.exists():
        return False
    if not (place / "run.json").is_file():
        raise CorruptRun(f"{place} has no run.json and was not used (delete {place} to run it again)")
    if load_run(place).identity != run.identity:
        raise CorruptRun(f"{place} holds another run than its name says (move it away to go on)")
    return True


def write_run(folder: Path, run: Run, result: dict[str, Any], weights: dict[str, Tensor]) -> Path:
    """Finish a run: all its files, then the rename that makes it count."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / run.name
    partial = Path(tempfile.mkdtemp(dir=folder, prefix=f".{run.name}."))
    try:
        tensors = tensors_to_bytes({name: w.detach().contiguous() for name, w in weights.items()})
        write_whole(partial / WEIGHTS, tensors)
        write_whole(partial / "run.json", sealed(run.to_json()))
        facts = {"weights": digest(tensors), "name": run.name, "identity": run.identity}
        write_whole(partial / RECORD, sealed(result | facts))
        partial.chmod(0o755)
        os.rename(partial, place)  # fails where another process finished the same run: keep theirs
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not (isinstance(error, OSError) and place.exists()):
            raise
    return place


def load_settings(place: Path) -> dict[str, Any]:
    """The configuration a directory holds, as plain data: imports nothing, not even a memory's own file."""
    if not (place / "run.json").is_file():
        raise ValueError(f"no finished run in {place} (a run directory holds run.json and {RECORD})")
    return dict(unsealed(place / "run.json"))


def load_run(place: Path) -> Run:
    """The Run of a directory, its files checked. Raises ValueError where there is none, or a damaged one.

    Raises CorruptRun where its memory's own file has changed since: other code cannot read its weights.
    """
    run, result = Run.from_json(load_settings(place)), load_result(place)
    if result.get("identity") != run.identity:
        raise CorruptRun(
            f"{place} was trained with other code than there is now (the file of its memory or the version of "
            f"its task has changed): restore it, or delete {place} to train again"
        )
    return run


def load_result(place: Path) -> dict[str, Any]:
    """What a run measured, its weights checked against their digest."""
    if not (place / RECORD).is_file():
        raise CorruptRun(f"{place} has no {RECORD} and was not used (delete {place} to run it again)")
    result = dict(unsealed(place / RECORD))
    if not (place / WEIGHTS).is_file() or digest((place / WEIGHTS).read_bytes()) != result["weights"]:
        raise CorruptRun(f"{place / WEIGHTS} is damaged and was not used (delete {place} to run it again)")
    return result


def load_weights(place: Path) -> dict[str, Tensor]:
    return dict(tensors_from_bytes((place / WEIGHTS).read_bytes()))


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """The run directories among `paths` and directly inside them, in order of name.

    Raises ValueError for a path that is not there or holds no run.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            raise ValueError(f"no directory {path} (finished runs are kept where --out said, runs/ by default)")
        inside = [path] if (path / "run.json").is_file() else []
        inside += sorted(p.parent for p in path.glob("*/run.json") if not p.parent.name.startswith("."))
        for stray in path.glob(f"[!.]*/{RECORD}"):
            if not (stray.parent / "run.json").is_file():
                raise CorruptRun(f"{stray.parent} has no run.json and was not used (delete it to run it again)")
        if not inside:
            raise ValueError(f"no finished run in {path} (train one first: recall train --help)")
        found |= {place.resolve(): place for place in inside}
    return list(found.values())


def sweep_partials(folder: Path) -> None:
    """Remove what a killed process left half-written: no write takes longer than `STALE` seconds."""
    for partial in folder.glob(".*-s*-*.*"):
        if partial.is_dir() and time.time() - partial.stat().st_mtime > STALE:
            shutil.rmtree(partial, ignore_errors=True)


def open_folder(folder: Path) -> None:
    """Make the folder of a study ready to write into. Raises UnwritableFolder where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UnwritableFolder(f"cannot write to {folder}: {error.strerror} (choose another with --out)") from None
    sweep_partials(folder)
