"""recall probe: what the states of finished runs still hold."""

from __future__ import annotations

from collections.abc import Sequence

from ..arguments import Parser
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

    return ask(arguments.runs, arguments.workers, probed=tuple(READERS))
