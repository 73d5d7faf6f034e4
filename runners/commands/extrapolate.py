"""recall extrapolate: finished runs on longer rows."""

from __future__ import annotations

from collections.abc import Sequence

from ..arguments import Parser, several, whole
from ..extrapolate import LADDER, ROWS
from .finished import add_runs, ask


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall extrapolate",
        description="Test finished runs at multiples of their training length, with the load they trained with.",
    )
    add_runs(parser)
    parser.add_argument(
        "--ladder",
        nargs="+",
        type=several,
        default=[list(LADDER)],
        metavar="N",
        help="multiples of the training length, with blanks or commas between",
    )
    parser.add_argument("--rows", type=whole, default=ROWS, metavar="N", help="test rows at each length")
    arguments = parser.parse_args(words)
    multiples = [multiple for part in arguments.ladder for multiple in part]
    if min(multiples) < 1 or arguments.rows < 1:
        parser.error("--ladder and --rows take whole numbers of at least 1")
    ladder = tuple(sorted(set(multiples)))
    return ask(arguments.runs, arguments.workers, ladder=ladder, rows=arguments.rows)
