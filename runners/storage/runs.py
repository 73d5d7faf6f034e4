"""Finished runs are read only if they are whole, and before anything of theirs is imported."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError, with_config
from torch import Tensor

from models import SequenceModel

from ..config.run import STRICT, ModelSetting, Run, TaskSetting, Training
from .records import CorruptRun, damaged, load_record, printed, unsealed
from .tensors import checked_bytes, load_tensors
from .trust import refuse_own_code

RECORD, WEIGHTS, OUTPUTS = "result.json", "weights.safetensors", "outputs.safetensors"
EXTRAPOLATION, PROBE = "extrapolation.json", "probe.json"
FACTS: dict[str, type | tuple[type, ...]] = {"name": str, "identity": str, "weights": str}


@with_config(STRICT)
@dataclass(frozen=True)
class Settings:
    """What run.json holds: the parts of a Run, which can be checked without importing its memory."""

    task: TaskSetting
    model: ModelSetting
    training: Training
    seed: int


_SETTINGS = TypeAdapter(Settings)


def is_finished(folder: Path, run: Run) -> bool:
    """Whether the run's directory is there, whole. Raises CorruptRun where it is there and damaged."""
    place = folder / run.name
    refuse_own_code(place, run.model.memory)
    if not os.path.lexists(place):
        return False
    if not place.is_dir():
        raise CorruptRun(f"{printed(place)} is in the way of the run of that name (move it away to go on)")
    if not (place / "run.json").is_file():
        raise CorruptRun(f"{printed(place)} has no run.json and was not used (delete it to run it again)")
    settings = load_settings(place)
    other = settings != run.to_json()
    if other and settings["model"]["memory"] == run.model.memory:  # defaults may be written out, or not
        other = _rebuilt(place, settings).identity != run.identity
    if other:
        raise CorruptRun(f"{printed(place)} holds another run than its name says (move it away to go on)")
    _refuse_other_code(place, run, load_result(place))
    return True


def load_settings(place: Path) -> dict[str, Any]:
    """The configuration a directory holds, as plain data: imports nothing, not even a memory's own file.

    Raises ValueError where there is none, CorruptRun where it is not the configuration of a run.
    """
    path = place / "run.json"
    if not path.is_file():
        raise ValueError(f"no finished run in {printed(place)} (a run directory holds run.json and {RECORD})")
    content = unsealed(path)
    try:
        _SETTINGS.validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise damaged(path, printed(f"{where or 'run'}: {first['msg']}")) from None
    return dict(content)


def load_run(place: Path) -> Run:
    """The Run of a directory, its files checked. Raises ValueError where there is none, or a damaged one.

    Raises CorruptRun where its memory's own file has changed since, for other code cannot read its weights;
    and where that file lies in a folder of runs, before it is imported.
    """
    settings, result = load_settings(place), load_result(place)
    run = _rebuilt(place, settings)
    _refuse_other_code(place, run, result)
    return run


def load_result(place: Path) -> dict[str, Any]:
    """What a run measured, its weights and outputs checked against their digests."""
    path = place / RECORD
    if not path.is_file():
        raise CorruptRun(f"{printed(place)} has no {RECORD} and was not used (delete {printed(place)} to run it again)")
    result = load_record(path, FACTS)
    if result["name"] != place.resolve().name:
        raise CorruptRun(
            f"{printed(place)} holds the run {printed(result['name'])}: a copy would count twice (move it away, or "
            f"give it its name back)"
        )
    checked_bytes(place, "weights", result["weights"])
    if "outputs" in result:
        if type(result["outputs"]) is not str:
            raise damaged(path, "'outputs' is no digest")
        checked_bytes(place, "outputs", result["outputs"])
    return result


def load_weights(place: Path) -> dict[str, Tensor]:
    """The trained weights, by name. Raises CorruptRun."""
    return load_tensors(place, "weights", load_record(place / RECORD, FACTS)["weights"])


def _rebuilt(place: Path, settings: dict[str, Any]) -> Run:
    refuse_own_code(place, settings["model"]["memory"])
    try:
        return Run.from_json(settings)
    except ValueError as error:
        raise CorruptRun(f"{printed(place)} cannot be used here: {printed(str(error))}") from None


def _refuse_other_code(place: Path, run: Run, result: Mapping[str, Any]) -> None:
    if result["identity"] != run.identity:
        raise CorruptRun(
            f"{printed(place)} was trained with other code than there is now (the file of its memory or the version "
            f"of its task has changed): restore it, or delete {printed(place)} to train again"
        )


def load_model(place: Path) -> SequenceModel:
    """The trained model of a finished run, in evaluation mode. Raises CorruptRun for weights of another model."""
    model = load_run(place).build()
    try:
        model.load_state_dict(load_weights(place))
    except RuntimeError:
        raise CorruptRun(f"{place} has the weights of another model (delete it to run it again)") from None
    return model.eval()
