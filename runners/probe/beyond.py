"""Beyond reading: whether what is read is used, and whether the gates of caches find it; of every template of a run."""

from __future__ import annotations

from typing import Any

from models.caching.memory import CachingMemory
from models.memories.caching import Residual
from recall_tasks.generators.signal import Signal

from .capture import memories
from .context import ProbeContext, Template
from .interventions import interventions
from .routing import routing

ROWS = 384
"""Rows whose gates are looked at."""


def causal(asked: ProbeContext) -> list[dict[str, Any]]:
    """Rows of `interventions`; none of a model that is told where answers are, nor of signals: their samples tell of
    one another, so that none can be taken out alone."""
    rows: list[dict[str, Any]] = []
    apart = not isinstance(asked.run.task.task, Signal)
    for template in asked.templates() if apart and not asked.model.uses_oracle else ():
        asked.watch("probing: erasing and transplanting")
        rows += numbered(template, interventions(asked.model, template.question, asked.rng(9)))
    return rows


def routed(asked: ProbeContext) -> list[dict[str, Any]]:
    """Rows of `routing`; none where no layer weighs caches, or items cannot be asked for."""
    weighs = any(isinstance(m, CachingMemory) and not isinstance(m, Residual) for m in memories(asked.model))
    rows: list[dict[str, Any]] = []
    for template in asked.templates() if weighs and not asked.model.uses_oracle else ():
        if list(template.question.asking(template.drawn)):
            asked.watch("probing: where the gates look")
            rows += numbered(template, routing(asked.model, template.question, ROWS, asked.rng(10)))
    return rows


def numbered(template: Template, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items of several templates counted on, as in the table of probes."""
    stored = len(template.question.positions)
    return [row | {"item": row["item"] + template.number * stored} for row in rows]
