"""Controlled questions of recall for sequence memories, exact and reproducible.

>>> from recall_tasks import MQAR, Stream
>>> batch = Stream(MQAR(num_pairs=4), length=32, seed=1).rows(0, 2)
>>> batch.tokens.shape
(2, 32)
"""

from .generators.mqar import MQAR
from .stream import BLOCK, SPLITS, Stream
from .task import IGNORE, Batch, Stored, Task

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        MQAR,
    )
}

__version__ = "0.1.0"
__all__ = ["BLOCK", "IGNORE", "MQAR", "SPLITS", "TASKS", "Batch", "Stored", "Stream", "Task"]
