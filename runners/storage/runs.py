"""Finished runs: written with one rename, read only if they are whole, found in folders.

All files of a run are flushed to disk before the rename that makes it count. Tensors are safetensors files whose
digest stands in a record. A run is checked before anything of it is imported, and no code that lies in a folder
of runs is ever imported, whatever its records name.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError, with_config
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from models import SequenceModel

from ..config.run import STRICT, ModelSetting, Run, TaskSetting, Training
from .folders import checkpoint_path, forget_failure
from .locks import partial_directory
from .records import (
    CorruptRun,
    Shape,
    damage,
    digest,
    flush_names,
    printable,
    read_plain,
    refusals_explained,
    write_atomically,
    write_record,
)
from .run_records import FACTS, RECORD, SETTINGS, is_copy, load_plain_result, load_plain_settings, refuse_missing

WEIGHTS, OUTPUTS = "weights.safetensors", "outputs.safetensors"
SUFFIX = ".safetensors"


@with_config(STRICT)
@dataclass(frozen=True)
class Settings:
    """Content of run.json: the parts of a Run, checked without importing its memory."""

    task: TaskSetting
    model: ModelSetting
    training: Training
    seed: int


_SETTINGS = TypeAdapter(Settings)


def write_run(
    folder: Path,
    run: Run,
    result: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor] | None = None,
) -> Path:
    """Finish a run: all its files, then the rename that makes it count; its directory.

    Of two that finish the same run the first stays. Raises UnwritableFolder, and then leaves nothing behind.
    """
    place = folder / run.name
    with refusals_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with partial_directory(folder) as partial:
            facts = {"name": run.name, "identity": run.identity}
            for key, file, tensors in (("weights", WEIGHTS, weights), ("outputs", OUTPUTS, outputs)):
                if tensors is not None:
                    content = tensor_bytes(tensors)
                    facts[key] = digest(content)
                    write_atomically(partial / file, content)
            write_record(partial / SETTINGS, run.to_json() | {"identity": run.identity})
            write_record(partial / RECORD, {**result, **facts})
            try:
                os.rename(partial, place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not is_finished(folder, run):
                    raise
        flush_names(folder)
        forget_failure(folder, run)
        checkpoint_path(folder, run).unlink(missing_ok=True)
    return place


def is_finished(folder: Path, run: Run) -> bool:
    """True where the run's directory is there and whole. Raises CorruptRun where it is damaged."""
    place = folder / run.name
    refuse_own_code(place, run.model.memory)
    if not os.path.lexists(place):
        return False
    if not place.is_dir():
        raise CorruptRun(f"{printable(place)} is in the way of the run of that name (move it away to go on)")
    refuse_missing(place / SETTINGS)
    settings = load_settings(place)
    if settings != run.to_json() and (
        settings["model"]["memory"] != run.model.memory  # defaults may be written out, or not
        or _rebuilt(place, settings).identity != run.identity
    ):
        raise CorruptRun(f"{printable(place)} holds another run than its name says (move it away to go on)")
    _refuse_other_code(place, run, load_result(place))
    return True


def load_settings(place: Path) -> dict[str, Any]:
    """The configuration a directory holds, as plain data: imports nothing, not even a memory's own file.

    Raises ValueError where there is none, CorruptRun where it is not the configuration of a run.
    """
    if not (place / SETTINGS).is_file():
        raise ValueError(f"no finished run in {printable(place)} (a run directory holds {SETTINGS} and {RECORD})")
    content = load_plain_settings(place)
    try:
        _SETTINGS.validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise damage(place / SETTINGS, printable(f"{where or 'run'}: {first['msg']}")) from None
    return content


def load_run(place: Path) -> Run:
    """The Run of a directory, its files checked. Raises ValueError where there is none, or a damaged one.

    Raises CorruptRun where its memory's own file has changed since, for other code cannot read its weights;
    and where that file lies in a folder of runs, before it is imported.
    """
    settings, result = load_settings(place), load_result(place)
    run = _rebuilt(place, settings)
    _refuse_other_code(place, run, result)
    return run


def load_result(place: Path, shape: Shape = FACTS) -> dict[str, Any]:
    """The result of a run, of this shape, its weights and outputs checked against their digests."""
    result = load_plain_result(place, shape)
    for name in ("weights", "outputs"):
        if name in result:
            checked_bytes(place, name, result[name])
    return result


def load_weights(place: Path) -> dict[str, Tensor]:
    """The trained weights, by name. Raises CorruptRun."""
    return load_tensors(place, "weights", load_plain_result(place)["weights"])


def _rebuilt(place: Path, settings: dict[str, Any]) -> Run:
    refuse_own_code(place, settings["model"]["memory"])
    try:
        return Run.from_json(settings)
    except ValueError as error:
        raise CorruptRun(f"{printable(place)} cannot be used here: {printable(str(error))}") from None


def _refuse_other_code(place: Path, run: Run, result: Mapping[str, Any]) -> None:
    if result["identity"] != run.identity:
        why = "the file of its memory or the version of its task has changed"
        mend = f"restore it, or delete {printable(place)} to train again"
        raise CorruptRun(f"{printable(place)} was trained with other code than there is now ({why}): {mend}")


def load_model(place: Path) -> SequenceModel:
    """The trained model of a finished run, in evaluation mode. Raises CorruptRun for weights of another model."""
    model = load_run(place).build()
    try:
        model.load_state_dict(load_weights(place))
    except RuntimeError:
        raise CorruptRun(f"{place} has the weights of another model (delete it to run it again)") from None
    return model.eval()


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """The run directories among `paths` and directly inside them, in order of name, each run once.

    Raises ValueError for a path that is not there or holds no run, and for two results of one run.
    """
    places: dict[str, Path] = {}
    for path in paths:
        if not path.is_dir():
            where = "finished runs are kept where --out said, runs/ by default"
            raise ValueError(f"no directory {printable(path)} ({where})")
        inside = [path] if (path / "run.json").is_file() else []
        inside += sorted(p.parent for p in path.glob("*/run.json") if not p.parent.name.startswith("."))
        for stray in path.glob(f"[!.]*/{RECORD}"):
            refuse_missing(stray.with_name(SETTINGS))
        if not inside:
            raise ValueError(f"no finished run in {printable(path)} (train one first: recall train --help)")
        for place in inside:
            first = places.setdefault(place.resolve().name, place)
            if not is_copy(first, place):
                raise ValueError(f"{printable(first)} and {printable(place)} are results of one run: name one of them")
    return list(places.values())


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
                f"{printable(place)} names a memory in {printable(file)}, inside a folder of runs, and no code is "
                f"loaded from there: keep the file of a memory outside of {printable(folder)}"
            )


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Tensors in the safetensors format."""
    return bytes(tensors_to_bytes({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, metadata))


def write_tensors(place: Path, name: str, tensors: Mapping[str, Tensor]) -> str:
    """Write `place/name.safetensors`; returns the digest, for the record that is written next.

    Under a name that no record has yet, a crash leaves every record with its own tensors.
    """
    content = tensor_bytes(tensors)
    write_atomically(place / f"{name}{SUFFIX}", content)
    return digest(content)


def load_tensors(place: Path, name: str, expected: str) -> dict[str, Tensor]:
    """The tensors of `place/name.safetensors`. Raises CorruptRun unless their digest is the expected one."""
    content = checked_bytes(place, name, expected)
    try:
        return dict(tensors_from_bytes(content))
    except Exception as error:  # a header that lies can raise nearly anything
        raise damage(place / f"{name}{SUFFIX}", f"{type(error).__name__} in its header") from None


def checked_bytes(place: Path, name: str, expected: str) -> bytes:
    """The file's bytes. Raises CorruptRun unless their digest is the expected one."""
    path = place / f"{name}{SUFFIX}"
    if not os.path.lexists(path):
        raise damage(path, "it is missing")
    content = read_plain(path)
    if digest(content) != expected:
        raise damage(path)
    return content
