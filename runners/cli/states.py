"""recall states: the states of finished runs as tensors."""

from __future__ import annotations

from collections.abc import Sequence

from ..measures.states import ROWS
from .flags import Mistake, Parser, integer
from .measure import add_runs, ask


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall states",
        description="Keep what the memories of finished runs hold after test rows, as safetensors beside each run:\n"
        "`outputs-states-0.safetensors`, one tensor [rows, ...] for each content of each layer.",
    )
    add_runs(parser)
    parser.add_argument("--rows", type=integer, default=ROWS, metavar="N", help="test rows")
    arguments = parser.parse_args(words)
    if arguments.rows < 1:
        raise Mistake(f"--rows takes at least 1, not {arguments.rows}")
    return ask(arguments.runs, arguments.workers, {"states": {"rows": arguments.rows}})
