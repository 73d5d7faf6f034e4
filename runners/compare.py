"""Comparison of memories from Python, in a script or a notebook.

compare([MQAR(num_pairs=16)], {"mine": Mine, "gru": "gru"}, seeds=3).report("mine")
compare(MQAR(num_pairs=[4, 8, 16]), ["attention", "linear"], length=[64, 128])
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recall_tasks import Task, TaskGrid

from .config.brought_files import IMPORTING
from .config.custom_code import adopt
from .config.custom_tasks import adopt_task
from .config.length_modes import DEFAULT_LENGTH
from .config.run import Training
from .execution.engines import choose_device, execute
from .execution.sweep import carry_out
from .measures.extrapolation import ROWS
from .studies.question import ModelEntry, Question, TaskEntry
from .studies.study import Ask

if TYPE_CHECKING:
    from torch import nn

    from .results.tables import Results  # pandas takes half a second to import, which training does without


@dataclass(frozen=True, repr=False)
class Comparison:
    """A finished comparison: `results` as tidy DataFrames, `folder` with every run, a table as repr."""

    results: Results
    folder: Path

    def report(self, folder: str | Path | None = None) -> Path:
        """Write report.html, figures and tables into `folder` (default: that of the runs); returns its path."""
        from .report import write_report  # matplotlib takes a second to import, which only a report needs

        return write_report(self.results, Path(folder) if folder else self.folder)

    def __repr__(self) -> str:
        from .analysis.comparison import comparison_table  # pandas, as above

        return comparison_table(self.results).replace("\n", "; ", regex=True).to_string()


def compare(
    tasks: Task | TaskGrid | Sequence[Task | TaskGrid],
    memories: Mapping[str, str | type[nn.Module]] | Sequence[str],
    length: int | Sequence[int] = DEFAULT_LENGTH,
    seeds: int = 3,
    folder: str | Path | None = None,
    ladder: Sequence[int] = (1, 2, 4),
    training: Training | None = None,
    device: str = "cpu",
    zip: Sequence[Sequence[str]] = (),
    feasible: bool = False,
    **fields: Any,
) -> Comparison:
    """Train every memory on every task, one after the other in this process, and test on longer sequences.

    tasks      such as MQAR(num_pairs=[4, 8]): a list for a value is an axis
    memories   names, or custom classes by the name they should have: memories, or modules of anybody's (models.adapt)
    length     tokens of a training sequence, or a list of them
    folder     directory of the runs (default: a new temporary one); a later call with it repeats no finished run
    ladder     multiples of the training length to test at
    device     auto, cpu, cuda or mps; auto takes a GPU if there is one
    zip        groups of names whose values are taken together, such as [("length", "num_pairs")], and not crossed
    feasible   leave out cells that cannot be, such as pairs that do not fit a length
    fields     of tasks, memories, models and training, one value or a list: width=[16, 32], learning_rate=[0.003, 0.01]

    Raises ValueError for impossible settings, RuntimeError where a run failed.
    """
    if IMPORTING:
        raise RuntimeError(f"{IMPORTING[-1]} compares while it is imported: put that under if __name__ == '__main__'")
    tasks = [tasks] if isinstance(tasks, Task | TaskGrid) else tasks
    if not isinstance(tasks, list | tuple) or not isinstance(memories, list | tuple | Mapping):
        raise ValueError("tasks and memories are lists (memories may be a dict of names): put them in brackets")
    if strange := [task for task in tasks if not isinstance(task, Task | TaskGrid)]:
        raise ValueError(f"tasks are objects such as MQAR() or make_task('mqar'), not {strange[0]!r}")
    multiples: Any = np.asarray(ladder).tolist() if hasattr(ladder, "tolist") else ladder
    if not isinstance(multiples, list | tuple | range) or any(type(m) is not int or m < 1 for m in multiples):
        raise ValueError(f"ladder is a list of integer multiples of the length, at least 1, not {ladder!r}")
    if training is not None and not isinstance(training, Training):
        raise ValueError(f"training is a Training, such as Training(updates=500), not {training!r}")
    pairs = memories.items() if isinstance(memories, Mapping) else [(name, name) for name in memories]
    models = []
    for label, memory in pairs:
        if not isinstance(label, str) or not isinstance(memory, str | type):
            kind = type(memory).__name__
            raise ValueError(f"memories are names, or classes by name such as {{'mine': Mine}}, not {label!r}: {kind}")
        models.append(ModelEntry(memory if isinstance(memory, str) else adopt(memory), label=label))
    given = [(t.kind, dict(t.fields)) if isinstance(t, TaskGrid) else (type(t), asdict(t)) for t in tasks]
    entries = [TaskEntry(adopt_task(kind), fields=values) for kind, values in given]
    asks = (Ask("extrapolation", {"ladder": list(multiples), "rows": ROWS}),)
    question = Question(
        "comparison", tuple(entries), tuple(models), asdict(training or Training()), seeds, asks=asks,
        zip=tuple(map(tuple, zip)), feasible=feasible,
    )  # fmt: skip
    study = question.with_fields({"length": length, **fields}).study()
    device = choose_device(device)
    place = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="recall-"))
    for event in carry_out(
        study, place, partial(execute, workers=0), command="compare(...)", retry=True, device=device
    ):
        if event.kind == "failed":
            raise RuntimeError(f"{event.job}: {event.content}\n{event.log}")
    from .results.tables import collect  # pandas, as above

    return Comparison(collect([place], [run.name for run in study.runs]), place)
