"""Controlled questions of recall for sequence memories, exact and reproducible.

>>> from recall_tasks import MQAR, Stream
>>> batch = Stream(MQAR(num_pairs=4), length=32, seed=1).rows(0, 2)
>>> batch.tokens.shape
(2, 32)
"""

import dataclasses
import difflib
from typing import Any

from .batch import IGNORE, Batch, Stored
from .checkout import offer_folders
from .environments import register_all
from .generators.associative import Associative
from .generators.autoencode import Autoencode
from .generators.compositional import Compositional
from .generators.compression import Compression
from .generators.copying import Copy
from .generators.count_recall import CountRecall
from .generators.curriculum import Curriculum
from .generators.delayed_match import DelayedMatch
from .generators.frequency import Frequency
from .generators.fuzzy import Fuzzy
from .generators.in_context import InContext
from .generators.induction import Induction
from .generators.majority import Majority
from .generators.mixture import Mixture
from .generators.mqar import MQAR
from .generators.multi_query import MultiQuery
from .generators.n_back import NBack
from .generators.needle import Needle
from .generators.ngram_copy import NGramCopy
from .generators.noisy import Noisy
from .generators.overwrite import Overwrite
from .generators.parity import Parity
from .generators.permutation import PermutationState
from .generators.repeat_first import RepeatFirst
from .generators.repeat_previous import RepeatPrevious
from .generators.selective_copy import SelectiveCopy
from .generators.signal import Signal
from .generators.variable_tracking import VariableTracking
from .stream import BLOCK, SPLITS, Stream
from .task import KIND_WORDS, Preset, Task
from .task_grid import TaskGrid

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        Associative,
        MQAR,
        MultiQuery,
        InContext,
        Fuzzy,
        Compositional,
        Noisy,
        Overwrite,
        Needle,
        VariableTracking,
        Frequency,
        Copy,
        NGramCopy,
        SelectiveCopy,
        Induction,
        Compression,
        RepeatFirst,
        RepeatPrevious,
        Autoencode,
        CountRecall,
        NBack,
        DelayedMatch,
        Signal,
        Parity,
        Majority,
        PermutationState,
        Mixture,
        Curriculum,
    )
}

register_all(TASKS)
offer_folders()


def make_task(name: str | type[Task], preset: str | None = None, **fields: Any) -> Task:
    """The task of that name or class, with the fields of its preset if one is named and then those given.

    Raises ValueError for an unknown task, preset or field and for fields that the task refuses.
    """
    if isinstance(name, type) and issubclass(name, Task):
        task, name = name, name.name
    elif name in TASKS:
        task = TASKS[name]
    else:
        close = difflib.get_close_matches(str(name), TASKS)
        meant = f"did you mean {' or '.join(close)}?" if close else f"choose one of {', '.join(TASKS)}"
        raise ValueError(f"unknown task {name!r}: {meant}")
    if preset is not None and preset not in task.presets:
        known = f"choose one of {', '.join(task.presets)}" if task.presets else "it has none"
        raise ValueError(f"{name}: unknown preset {preset!r}: {known}")
    known_fields = [f.name for f in dataclasses.fields(task)]
    for field in fields:
        if field not in known_fields:
            raise ValueError(f"{name}: unknown field {field!r}: its fields are {', '.join(known_fields)}")
        if isinstance(fields[field], list):
            takes = KIND_WORDS[task.__dataclass_fields__[field].metadata["kind"]]
            raise ValueError(f"{name}: {field} takes {takes}, not {fields[field]!r}, for one task")
    made: Task = task(**{**(task.presets[preset].fields if preset else {}), **fields})
    return made


__version__ = "0.1.0"
__all__ = [
    "BLOCK",
    "IGNORE",
    "MQAR",
    "SPLITS",
    "TASKS",
    "Associative",
    "Autoencode",
    "Batch",
    "Compositional",
    "Compression",
    "Copy",
    "CountRecall",
    "Curriculum",
    "DelayedMatch",
    "Frequency",
    "Fuzzy",
    "InContext",
    "Induction",
    "Majority",
    "Mixture",
    "MultiQuery",
    "NBack",
    "NGramCopy",
    "Needle",
    "Noisy",
    "Overwrite",
    "Parity",
    "PermutationState",
    "Preset",
    "RepeatFirst",
    "RepeatPrevious",
    "SelectiveCopy",
    "Signal",
    "Stored",
    "Stream",
    "Task",
    "TaskGrid",
    "VariableTracking",
    "make_task",
]
