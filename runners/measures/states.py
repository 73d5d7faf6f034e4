"""States of a finished run, kept as tensors: what its memories hold after test rows are read.

For whoever reads states with tools of their own. The rows are the first of the test split at the training
length, so what each asked and stored is drawn again from the stream, not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from models import SequenceModel
from recall_tasks import Stream

from ..config.run import Run
from ..evaluation.evaluate import PIECE, device_of

RECORD = "states.json"
SHAPE = {"rows": int, "shapes": dict}
ROWS = 64


def check(run: Run, wanted: Mapping[str, Any]) -> None:
    """Raises ValueError for a number of rows that is none."""
    rows = wanted["rows"]
    if type(rows) is not int or not 1 <= rows <= 2**20:
        raise ValueError(f"states are kept of 1 to {2**20:,} rows, not {rows!r}")


def remaining(record: dict[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """All of it, unless so many rows are there."""
    return None if record and record["rows"] >= wanted["rows"] else {"rows": wanted["rows"]}


def measure(
    run: Run, model: SequenceModel, wanted: Mapping[str, Any], watch: Callable[[Any], None]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """{"rows", "length", "checksum", "shapes"}, and `layer1/NAME` and so on, each [rows, ...]."""
    watch("keeping states")
    stream = Stream(run.task.task, run.task.length, "test")
    kept = captured(model, stream, wanted["rows"])
    shapes = {name: list(tensor.shape) for name, tensor in kept.items()}
    record = {"rows": wanted["rows"], "length": stream.length, "checksum": stream.checksum(), "shapes": shapes}
    return record, kept


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The new one: more of the same rows."""
    return new


@torch.no_grad()
def captured(model: SequenceModel, stream: Stream, rows: int) -> dict[str, Tensor]:
    """`contents(state)` of every layer after each of the first `rows` rows: `layer1/NAME` [rows, ...]."""
    model.eval()
    nowhere = torch.empty(0, dtype=torch.int64, device=device_of(model))
    parts: dict[str, list[Tensor]] = {}
    step = max(1, PIECE // stream.length)
    for start in range(0, rows, step):
        tokens = stream.rows(start, min(step, rows - start)).tokens
        _, states = model(torch.from_numpy(tokens).to(nowhere.device), (nowhere, nowhere))
        for layer, (block, state) in enumerate(zip(model.blocks, states, strict=True), 1):
            for name, content in block.memory.contents(state).items():
                parts.setdefault(f"layer{layer}/{name}", []).append(content.cpu())
    return {name: torch.cat(tensors) for name, tensors in parts.items()}
