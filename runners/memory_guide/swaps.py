"""Elastic Memory read otherwise than it was trained: finished runs, their weights as they are.

    sampling     trained at uniform or exponential places, read at uniform or exponential ones
    corruption   a share of what a block sees of itself replaced by noise; its memory is as it was

What is measured is kept beside the run, so that nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..config.messages import silent
from ..config.run import Option, Run
from ..execution.jobs import ask_more
from ..measures.requests import record_of
from ..measures.swap import label_of
from ..statistics import across_seeds
from ..studies.study import Study

SAMPLINGS = ("uniform", "exponential")
SHARES = (0.0, 0.25, 0.5, 0.75)
ROWS = 256


def table(study: Study, folder: Path, rows: int = ROWS) -> pd.DataFrame:
    """N, kind, trained (sampling), read (sampling or share of noise), seeds, mean, low, high: by Legendre runs.

    Their names are those that `presets.elastic` gives them.
    """
    asked: dict[tuple[Any, ...], list[list[dict[str, Any]]]] = {}
    for run in study.runs:
        options = run.model.options
        if options.get("bank") != "legendre":
            continue
        trained = options["sampling"]
        kinds: list[tuple[str, str, dict[str, Option]]] = [("sampling", s, {"sampling": s}) for s in SAMPLINGS]
        kinds += [("corruption", f"{share:g}", {"corruption": share}) for share in SHARES]
        for kind, said, change in kinds:
            key = (options["num_coefficients"], kind, trained, said)
            asked.setdefault(key, []).append(answers(run, folder / run.name, change, rows))
    columns = ["N", "kind", "trained", "read"]
    told = []
    for key, seeds in asked.items():
        right, total = ([[row[name] for row in seed] for seed in seeds] for name in ("num_correct", "num_questions"))
        told.append((*key, len(seeds), *across_seeds(right, total)))
    return pd.DataFrame(told, columns=[*columns, "seeds", "mean", "low", "high"])


def answers(run: Run, place: Path, change: Mapping[str, Option], rows: int) -> list[dict[str, Any]]:
    """Correct answers to each test sequence at the training length, with these options changed; measured once."""
    request = {"memory": run.model.memory, "options": dict(change), "ladder": [1], "rows": rows}
    ask_more(str(place), {"swap": request}, silent)
    record, label = record_of(place, "swap"), label_of(request)
    assert record is not None
    return [one for one in record["swap_sequences"] if one["swapped"] == label and one["length"] == run.task.length]
