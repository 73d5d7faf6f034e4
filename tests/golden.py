"""The first rows of every task, token for token, and the fields, length and checksum of every published setting:
`python tests/golden.py` writes golden.json anew.

A task whose rows change must raise its version: the file then changes with it, and the test says which.
"""

import json
from pathlib import Path
from typing import Any

from recall_tasks import TASKS, Preset, Stream, Task

FILE = Path(__file__).parent / "golden.json"


def setting(kind: type[Task]) -> tuple[Task, int]:
    """A light setting with a little room."""
    task = kind()
    light = task.at_load(min(3, getattr(task, task.load)))
    return light, light.min_length + 2


def batch(kind: type[Task]) -> dict[str, Any]:
    task, length = setting(kind)
    stream = Stream(task, length, "train", 1)
    rows = {name: array.tolist() for name, array in stream.rows(0, 2).arrays().items()}
    return {
        "spec": task.spec(), "length": length, "checksum": stream.checksum(), **rows,
        "published": {name: published(kind, preset) for name, preset in kind.presets.items()},
    }  # fmt: skip


def published(kind: type[Task], preset: Preset) -> dict[str, Any]:
    """A published setting, by its first 16 rows."""
    task = kind(**preset.fields)
    return {"spec": task.spec(), "length": preset.length, "checksum": Stream(task, preset.length).checksum(16)}


def write() -> None:
    entries = (f"{json.dumps(name)}: {json.dumps(batch(kind))}" for name, kind in TASKS.items())
    FILE.write_text("{\n" + ",\n".join(entries) + "\n}\n")


if __name__ == "__main__":
    write()
