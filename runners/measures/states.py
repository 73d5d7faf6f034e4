"""States of a finished run, saved as tensors: what its memories hold after test sequences are read.

For whoever reads states with tools of their own. The sequences are the first of the test split at the training
length, so what each asked and stored is drawn again from the stream, not saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.messages import Watch, silent
from ..storage.schema import Table, columns
from .measure import SEQUENCES, Flag, Measure, Measured, Record, Request, only_keys

if TYPE_CHECKING:
    from torch import Tensor

    from models import SequenceModel
    from recall_tasks import Stream

    from ..config.run import Run

ROWS = 64
MOST_ROWS = 2**20


class States(Measure):
    """`contents(state)` of every layer after test sequences, as safetensors beside the run."""

    name = "states"
    command = "states"
    of_states = True
    meaning = "save the states of finished runs as tensors"
    description = (
        "Save what the memories of finished runs hold after test sequences, as safetensors beside each run:\n"
        "`outputs-states-0.safetensors`, one tensor [sequences, ...] for each content of each layer."
    )
    tables = (
        Table(
            "states",
            "One record for each saved tensor.",
            columns("""
                tensor: str | its name in the file: layer1/NAME and so on
                shape: str | [sequences, ...]
                file: str | beside the run
            """),
        ),
    )
    flags = (Flag(SEQUENCES[1], int, "test sequences", ROWS, least=1, key=SEQUENCES[0]),)
    shape = {"rows": int, "length": int, "shapes": {str: [int]}}  # noqa: RUF012
    newer = ("states",)  # listed by `content`

    def check(self, run: Run, request: Request) -> None:
        """Raise ValueError for a number of sequences that is none."""
        only_keys(self, request)
        rows = request.get("rows")
        if type(rows) is not int or not 1 <= rows <= MOST_ROWS:
            raise ValueError(f"states are saved of 1 to {MOST_ROWS:,} sequences, not {rows!r}")

    def remaining(self, record: Record | None, request: Request) -> Request | None:
        """All of it, unless so many sequences are there."""
        return None if record and record["rows"] >= request["rows"] else {"rows": request["rows"]}

    def measure(self, run: Run, model: SequenceModel, request: Request, watch: Watch = silent) -> Measured:
        """{"rows", "length", "checksum", "shapes"}, and `layer1/NAME` and so on, each [sequences, ...]."""
        from recall_tasks import Stream  # numpy

        watch("saving states")
        stream = Stream(run.task.task, run.task.length, "test")
        tensors = final_states(model, stream, request["rows"])
        shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
        record = {"rows": request["rows"], "length": stream.length, "checksum": stream.checksum(), "shapes": shapes}
        return record, tensors

    def merge(self, old: Record, new: Record) -> Record:
        """The new record: more of the same sequences."""
        return new

    def content(self, record: Record) -> Record:
        files = [file["name"] for file in record.get("outputs", ())][-1:]
        file = f"{files[0]}.safetensors" if files else ""
        listed = [
            {"tensor": name, "shape": "x".join(map(str, shape)), "file": file}
            for name, shape in record["shapes"].items()
        ]
        return {**record, "states": listed}


def final_states(model: SequenceModel, stream: Stream, rows: int) -> dict[str, Tensor]:
    """`contents(state)` of every layer after each of the first `rows` sequences: `layer1/NAME` [rows, ...]."""
    import torch  # slow to load

    from ..evaluation.evaluate import PIECE, device_of

    model.eval()
    nowhere = torch.empty(0, dtype=torch.int64, device=device_of(model))
    parts: dict[str, list[Tensor]] = {}
    step = max(1, PIECE // stream.length)
    with torch.no_grad():
        for start in range(0, rows, step):
            tokens = stream.rows(start, min(step, rows - start)).tokens
            _, states = model(torch.from_numpy(tokens).to(nowhere.device), (nowhere, nowhere))
            for layer, (block, state) in enumerate(zip(model.blocks, states, strict=True), 1):
                for name, content in block.memory.contents(state).items():
                    parts.setdefault(f"layer{layer}/{name}", []).append(content.cpu())
    return {name: torch.cat(tensors) for name, tensors in parts.items()}
