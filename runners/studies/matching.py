"""Check that matched models are equal: in parameters, or in bytes of state.

Counted as in `models/presets.py`: parameters of the whole model; bytes of the state at its fullest in a training
sequence, which is the memory to reserve for it.

After the last token open blocks are empty, and trees of buckets may be down to one: a match of what is carried then
would flatter the memories that have them.
"""

from __future__ import annotations

import statistics

from models import memory_options
from models.presets import PARAMETERS_OFF, STATE_OFF

from ..config.run import ModelSetting, Run
from .study import Study

TOLERANCE = {"parameters": PARAMETERS_OFF, "bytes": STATE_OFF}
"""Largest distance from the median of the models, as a fraction of it."""


def amount(run: Run, matched: str) -> int:
    """Parameters of the run's model, or bytes of its state at its fullest."""
    model = run.build()
    if matched == "parameters":
        return sum(weights.numel() for weights in model.parameters())
    return run.model.item_size * model.fullest_floats(run.task.length)


def check_matched(study: Study) -> None:
    """Raises ValueError with the model farthest from the median, if the study declares its models matched.

    The median is over models on the same task, whose vocabulary is part of them.
    """
    if not study.matched:
        return
    different = {(repr(run.task), repr(run.model)): run for run in study.runs}.values()
    for task in {repr(run.task): run.task for run in different}.values():
        runs = [run for run in different if run.task == task]
        amounts = [amount(run, study.matched) for run in runs]
        middle = max(1.0, statistics.median(amounts))
        has, run = max(zip(amounts, runs, strict=True), key=lambda pair: abs(pair[0] - middle))
        if abs(has - middle) > TOLERANCE[study.matched] * middle:
            raise ValueError(
                f"models are to be equal in {study.matched} within {TOLERANCE[study.matched]:.0%}, but on "
                f"{run.task.title} {run.label} has {has:,} and the median of {len(runs)} is {middle:,.0f} "
                f"({(has - middle) / middle:+.1%}): {mend(run.model, study.matched)}"
            )


def mend(model: ModelSetting, matched: str) -> str:
    """Advice on the setting to change in a model that is not matched."""
    kinds = [mixer.kind for layer in model.found for mixer in layer if mixer.kind]
    known = {name: value for kind in kinds for name, value in memory_options(kind).items()}
    options = [name for name, value in known.items() if type(value) is int]
    if matched == "parameters" or not options:
        turn = "its width" if matched == "parameters" else "its width (none of its options is an integer)"
    else:
        turn = f"its options ({', '.join(options)})"
    return f"change {turn}, or leave it out (recall_tasks.models.presets.matching searches for the presets' sizes)"
