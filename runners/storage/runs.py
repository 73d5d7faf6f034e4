"""Finished runs: written with one rename, read only if they are whole, found in folders.

All files of a run are flushed to disk before the rename that makes it count. Tensors are safetensors files whose
digest stands in a record. A run is checked before anything of it is imported, and no code that lies in a folder
of runs is ever imported, whatever its records name.
"""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError, with_config

from ..config.custom_code import check_recorded, files_in, source_digest
from ..config.run import ModelSetting, Run, TaskSetting, Training
from ..config.validation import STRICT
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

if TYPE_CHECKING:  # torch, which finding runs does without
    from torch import Tensor, nn

    from models import SequenceModel

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
            facts = {
                "name": run.name,
                "identity": run.identity,
                "source": source_digest(run.model.memory, run.task.name),
            }
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
    refuse_own_code(place, run.model.memory, run.task.name)
    if not os.path.lexists(place):
        return False
    if not place.is_dir():
        raise CorruptRun(f"{printable(place)} is in the way of the run of that name (move it away to go on)")
    refuse_missing(place / SETTINGS)
    settings = load_plain_settings(place)
    if (
        settings != run.to_json()
        and load_settings(place)
        and (
            settings["model"]["memory"] != run.model.memory  # defaults may be written out, or not
            or _rebuilt(place, settings).identity != run.identity
        )
    ):
        raise CorruptRun(f"{printable(place)} holds another run than its name says (move it away to go on)")
    _refuse_other_code(place, load_result(place)["identity"], run.identity)
    return True


def load_settings(place: Path) -> dict[str, Any]:
    """The configuration a directory holds, as plain data: imports nothing, not even a memory's own file.

    Raises ValueError where there is none, CorruptRun where it is not the configuration of a run.
    """
    if not (place / SETTINGS).is_file() and not (place / RECORD).is_file():
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

    Raises CorruptRun where its memory's own file has changed since, for other code cannot read its weights, and
    where it may not be loaded (`refuse_own_code`), in both cases before it is imported.
    """
    settings, result = load_settings(place), load_result(place)
    refuse_own_code(place, *words_of(settings), source=result.get("source", ""))
    run, identity = _rebuilt(place, settings), result["identity"]
    _refuse_other_code(place, identity, run.identity, run.identity_of(settings))
    object.__setattr__(run, "identity", identity)  # an older run keeps the one it has, and its name with it
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
    refuse_own_code(place, *words_of(settings))
    try:
        return Run.from_json(settings)
    except ValueError as error:
        raise CorruptRun(f"{printable(place)} cannot be used here: {printable(str(error))}") from None


def _refuse_other_code(place: Path, identity: str, *known: str) -> None:
    if identity not in known:
        why = "the file of its memory or the version of its task has changed"
        mend = f"restore it, or delete {printable(place)} to train again"
        raise CorruptRun(f"{printable(place)} was trained with other code than there is now ({why}): {mend}")


def load_model(place: Path) -> SequenceModel:
    """The trained model of a finished run, in evaluation mode. Raises CorruptRun for weights of another model."""
    model = load_run(place).build()
    try:
        put_weights(model, load_weights(place))
    except RuntimeError:
        raise CorruptRun(f"{place} has the weights of another model (delete it to run it again)") from None
    return model.eval()


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """The run directories among `paths` and directly inside them, in order of name, each run once; damaged ones too.

    Raises ValueError for a path that is not there or holds no run, and for two results of one run.
    """
    places: dict[str, Path] = {}
    for path in paths:
        if not path.is_dir():
            where = "finished runs are kept where --out said, runs/ by default"
            raise ValueError(f"no directory {printable(path)} ({where})")
        inside = [path] if (path / "run.json").is_file() else []
        inside += sorted({p.parent for name in (SETTINGS, RECORD) for p in path.glob(f"[!.]*/{name}")})
        if not inside:
            raise ValueError(f"no finished run in {printable(path)} (train one first: recall train --help)")
        for place in inside:
            first = places.setdefault(place.resolve().name, place)
            if not is_copy(first, place):
                raise ValueError(f"{printable(first)} and {printable(place)} are results of one run: name one of them")
    return list(places.values())


def words_of(settings: Mapping[str, Any]) -> tuple[str, str]:
    """The words of a run that may name code: those of its memory and of its task."""
    return settings["model"]["memory"], settings["task"]["name"]


def refuse_own_code(place: Path, *words: str, source: str | None = None) -> None:
    """Raises CorruptRun where a word names a FILE.py:CLASS inside the run or its folder, links followed.

    source   digest of its code, "" for an unknown one, where a record names it: `custom_code.check_recorded`
    """
    real = Path(os.path.realpath(place))
    folders = {Path(os.path.abspath(place)).parent, Path(os.path.realpath(place.parent)), real.parent, real}
    for file in (file for word in words for file in files_in(word)):
        named = [Path(os.path.abspath(file)), Path(os.path.realpath(file))]
        if inside := [folder for folder in folders if any(path.is_relative_to(folder) for path in named)]:
            raise CorruptRun(
                f"{printable(place)} names a memory in {printable(file)}, inside a folder of runs, and no code is "
                f"loaded from there: keep the file of a memory outside of {printable(inside[0])}"
            )
    if source is not None:
        try:
            check_recorded(*words, source=source)
        except (ValueError, OSError) as error:
            raise CorruptRun(f"{printable(place)} cannot be used: {printable(str(error))}") from None


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Tensors in the safetensors format: complex ones as `real_numbers`, and each whole where some share memory."""
    from safetensors.torch import save  # torch, as above

    plain = {name: real_numbers(t).detach().cpu().contiguous() for name, t in tensors.items()}
    owners = Counter(t.untyped_storage().data_ptr() for t in plain.values())
    shared = {name for name, t in plain.items() if owners[t.untyped_storage().data_ptr()] > 1}
    return bytes(save({name: t.clone() if name in shared else t for name, t in plain.items()}, metadata))


def real_numbers(tensor: Tensor) -> Tensor:
    """A view of complex numbers as pairs [..., 2], which can be saved and updated one by one; others as they are."""
    import torch  # as above

    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def put_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights as they were saved. Raises RuntimeError for those of another model."""
    import torch  # as above

    are_complex = {name for name, weight in model.state_dict().items() if weight.is_complex()}
    model.load_state_dict({n: torch.view_as_complex(w) if n in are_complex else w for n, w in weights.items()})


def write_tensors(place: Path, name: str, tensors: Mapping[str, Tensor]) -> str:
    """Write `place/name.safetensors`; returns the digest, for the record that is written next.

    Under a name that no record has yet, a crash leaves every record with its own tensors.
    """
    content = tensor_bytes(tensors)
    write_atomically(place / f"{name}{SUFFIX}", content)
    return digest(content)


def load_tensors(place: Path, name: str, expected: str) -> dict[str, Tensor]:
    """The tensors of `place/name.safetensors`. Raises CorruptRun unless their digest is the expected one."""
    from safetensors.torch import load  # torch, as above

    content = checked_bytes(place, name, expected)
    try:
        return dict(load(content))
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
