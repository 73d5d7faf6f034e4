"""recall probe: what the states of finished runs still hold."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..arguments import Parser
from ..results import Results
from .finished import add_runs, ask


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall probe",
        description="Read stored items out of the states of finished runs with linear readers, beside two\n"
        "controls: states dealt to the wrong rows, and an untrained model.",
    )
    add_runs(parser)
    arguments = parser.parse_args(words)
    from ..probes import READERS

    return ask(arguments.runs, arguments.workers, {"probe": {"readers": list(READERS)}}, told)


def told(results: Results) -> list[pd.DataFrame | str]:
    """Mean accuracy by control, a row for each run, layer and reader."""
    index = ["run", "layer", "reader"]
    wide = results.probes.pivot_table(index=index, columns="control", values="accuracy", aggfunc="mean")
    return [wide.map(lambda value: "" if pd.isna(value) else f"{value:.3f}").reset_index()]
