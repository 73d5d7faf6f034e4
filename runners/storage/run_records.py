"""Records in the directory of a finished run, each bound to it, as plain data: read without torch, importing nothing.

The name of the directory says which run it holds: it ends in the first half of the run's identity, which stands in
every record. Older records lack it: `run.json` is then bound by the readable part of the name, a record of a measure by
nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config.custom_code import class_title
from ..formatting import safe_name
from .records import NUMBER, SCALAR, CorruptRun, Shape, damage, load_record, printable, read_plain

SETTINGS, RECORD = "run.json", "result.json"
SETTINGS_SHAPE: Shape = {
    "task": {"name": str, "length": int, "fields": {str: SCALAR}},
    "model": {"memory": str, "label": str, "dtype?": str, "options": {str: SCALAR}, str: int},
    "training": {"learning_rate": NUMBER, "seconds": NUMBER, str: SCALAR},
    "seed": int,
}
FACTS: Shape = {"name": str, "identity": str, "weights": str, "outputs?": str, "source?": str}
"""What every result.json holds."""


def load_record_of_run(path: Path, shape: Shape) -> dict[str, Any]:
    """A record in the directory of its run. Raises CorruptRun for that of another run, and as `load_record` does."""
    content, name = load_record(path, {"name?": str, "identity?": str, **shape}), run_name(path.parent)
    if content.get("name", name) != name or content.get("identity", name[-8:])[:8] != name[-8:]:
        raise _of_another_run(path)
    return content


def load_plain_settings(place: Path) -> dict[str, Any]:
    """The content of run.json. Raises CorruptRun where it is damaged, missing, or that of another run."""
    path = place / SETTINGS
    refuse_missing(path)
    content = load_record_of_run(path, SETTINGS_SHAPE)
    if content.pop("identity", None) is None and run_name(place)[: -len("-12345678")] not in readable_names(content):
        raise _of_another_run(path)
    return content


def load_plain_result(place: Path, shape: Shape = FACTS) -> dict[str, Any]:
    """The content of result.json, of this shape, without a look at tensors. Raises CorruptRun, as above."""
    refuse_missing(place / RECORD)
    return load_record_of_run(place / RECORD, {**FACTS, **shape})


def _of_another_run(path: Path) -> CorruptRun:
    if path.name not in (SETTINGS, RECORD):
        return damage(path, "it is the record of another run")
    mend = "a copy would count twice (move it away, or give it its name back)"
    return CorruptRun(f"{printable(path.parent)} holds the {path.name} of another run: {mend}")


def refuse_missing(path: Path) -> None:
    """Raises CorruptRun where a run lacks one of its two records."""
    if not path.is_file():
        place = printable(path.parent)
        raise CorruptRun(f"{place} has no {path.name} (delete {place} to run it again)")


def run_name(place: Path) -> str:
    """The name of a run's directory; of a link or of dots, that of the directory meant."""
    return place.resolve().name if place.is_symlink() or place.name in ("", "..") else place.name


def readable_names(settings: dict[str, Any]) -> set[str]:
    """The readable part of a run's name, with and without its learning rate, which is left out where it is the usual.

    settings   as run.json has them
    """
    task, model, seed = settings["task"], settings["model"], settings["seed"]
    rates = "", f"-lr{settings['training']['learning_rate']:g}"
    return {
        safe_name(f"{class_title(task['name'])}-{task['length']}-{model['label'] or model['memory']}{r}-s{seed}")
        for r in rates
    }


def is_copy(first: Path, second: Path) -> bool:
    """True for two places of one run: the same directory, or directories with the same result."""
    if first.resolve() == second.resolve():
        return True
    records = [place / RECORD for place in (first, second)]
    return all(path.is_file() for path in records) and len({read_plain(path) for path in records}) == 1
