"""Models that a comparison calls equal are equal: in parameters, or in the bytes of their state.

Counted as `models/presets.py` does: parameters are those of the whole model; bytes those of the state after
the token of a training row at which it is fullest, which is what has to be kept free for it. After the last
token open blocks are empty and trees are down to one bucket, which would flatter memories that have them.
"""

from __future__ import annotations

import statistics

from models import memory_options
from models.presets import PARAMETERS_OFF, STATE_OFF

from ..config.custom_code import load_memory
from ..config.run import ModelSetting, Run
from .study import Study

TOLERANCE = {"parameters": PARAMETERS_OFF, "bytes": STATE_OFF}
"""How far from their median models may lie, as a share of it."""
BYTES = 4
"""Of a number."""


def amount(run: Run, matched: str) -> int:
    """Parameters of the run's model, or bytes of its state where it is fullest."""
    model = run.build()
    if matched == "parameters":
        return sum(weights.numel() for weights in model.parameters())
    return BYTES * max(model.state_floats(length) for length in range(1, run.task.length + 1))


def check_matched(study: Study) -> None:
    """Raises ValueError that names the model farthest from the others, where the study says they are matched.

    Models are held against the median of those on the same task, whose vocabulary is part of them.
    """
    if not study.matched:
        return
    of_task: dict[str, list[Run]] = {}
    for run in {(repr(run.task), repr(run.model)): run for run in study.runs}.values():
        of_task.setdefault(repr(run.task), []).append(run)
    for runs in of_task.values():
        found = [amount(run, study.matched) for run in runs]
        middle = max(1.0, statistics.median(found))
        has, run = max(zip(found, runs, strict=True), key=lambda pair: abs(pair[0] - middle))
        if abs(has - middle) > TOLERANCE[study.matched] * middle:
            raise ValueError(
                f"models are to be equal in {study.matched} within {TOLERANCE[study.matched]:.0%}, but on "
                f"{run.task.name} {run.label} has {has:,} and the median of {len(runs)} is {middle:,.0f} "
                f"({(has - middle) / middle:+.1%}): {mend(run.model, study.matched)}"
            )


def mend(model: ModelSetting, matched: str) -> str:
    """What to change of a model that is not matched."""
    options = [name for name, value in memory_options(load_memory(model.memory)).items() if type(value) is int]
    if matched == "parameters" or not options:
        turn = "its width" if matched == "parameters" else "its width (no option of it is a whole number)"
    else:
        turn = f"its options ({', '.join(options)})"
    return f"change {turn}, or leave it out (models.presets.matching searches for the presets' sizes)"
