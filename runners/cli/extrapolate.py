"""recall extrapolate: finished runs on longer rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from ..analysis.extrapolation import THRESHOLD, length_summaries, length_summary_table
from ..config.length_modes import FIXED_DISTANCE, GROWING_LOAD, MODES
from ..formatting import fraction, span
from ..measures.extrapolation import FAR, LEAST_ROWS, ROWS
from ..results.tables import Results
from .flags import Parser, integer, integers, number, one_of
from .measure import add_runs, ask

WORDS = {mode.replace(" ", "-"): mode for mode in MODES}


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall extrapolate",
        description="Test finished runs on longer rows than in training, in constant memory, one factor at a time.\n"
        "Each length is kept as soon as it is measured; asking again adds to it and repeats nothing.\n\n"
        "  fixed-load      as many items as in training, however long the row\n"
        "  growing-load    items in proportion to the length, as far as the task's alphabets go\n"
        "  fixed-distance  every question --distance tokens after its answer: what comes before both grows",
    )
    add_runs(parser)
    ladder = " ".join(map(str, FAR))
    parser.add_argument(
        "--ladder",
        nargs="+",
        type=integers,
        metavar="N",
        help=f"multiples of the training length, blanks or commas between (default: {ladder}; none with --lengths)",
    )
    parser.add_argument(
        "--lengths",
        nargs="+",
        metavar="N",
        type=integer,
        help="lengths in tokens with blanks between, such as 512 1,000,000",
    )
    parser.add_argument(
        "--mode", type=one_of("mode", WORDS), default="fixed-load", metavar="|".join(WORDS), help="what grows"
    )
    parser.add_argument(
        "--distance", type=integer, metavar="N", help="tokens, for fixed-distance (default: half the training length)"
    )
    parser.add_argument(
        "--rows",
        type=integer,
        metavar="N",
        help=f"test rows at each length (default: {ROWS}, fewer past 16,384 tokens, {LEAST_ROWS} from 262,144 on)",
    )
    parser.add_argument(
        "--seconds", type=number, metavar="X", help="stop a run before a length that would take it past so many"
    )
    parser.add_argument(
        "--threshold", type=number, default=THRESHOLD, metavar="X", help="accuracy above which a memory still holds"
    )
    arguments = parser.parse_args(words)
    multiples = [multiple for part in arguments.ladder or () for multiple in part]
    if not multiples and not arguments.lengths:
        multiples = list(FAR)
    singles = [n for n in (arguments.rows, arguments.distance) if n is not None]
    if min([*multiples, *(arguments.lengths or ()), *singles]) < 1:
        parser.error("--ladder, --lengths, --rows and --distance take whole numbers of at least 1")
    if not 0 < arguments.threshold < 1:
        parser.error(f"--threshold is an accuracy between 0 and 1, not {arguments.threshold:g}")
    mode = WORDS[arguments.mode]
    wish: dict[str, Any] = {"ladder": sorted(set(multiples)), "lengths": sorted(set(arguments.lengths or ()))}
    wish |= {"rows": arguments.rows, "mode": mode, "distance": arguments.distance, "seconds": arguments.seconds}
    wish = {name: value for name, value in wish.items() if value not in (None, [])}
    return ask(arguments.runs, arguments.workers, {"extrapolation": wish}, partial(told, mode, arguments.threshold))


def told(mode: str, threshold: float, results: Results) -> list[pd.DataFrame | str]:
    """Accuracies by length, a row for each run, of what was measured in this mode; then how far memories hold."""
    scores = results.scores
    mine = scores[(scores["kind"] == "extrapolation") & scores["mode"].str.startswith(mode)]
    loads = [
        f"{task} at {length:,} tokens: {span(part['load'])} items"
        for (task, length), part in mine.groupby(["task", "length"], sort=False)
        if mode == GROWING_LOAD
    ]
    index = ["run", "mode"] if mode == FIXED_DISTANCE else ["run"]
    wide = mine.pivot_table(index=index, columns="length", values="accuracy")
    wide = wide.map(lambda value: "" if pd.isna(value) else fraction(value)).reset_index()
    wide = wide.rename(columns=lambda name: f"{name:,} tokens" if isinstance(name, int) else name)
    numbers = length_summaries(results, threshold)
    numbers = numbers[numbers["mode"].str.startswith(mode)]
    return [wide, *loads, *([length_summary_table(numbers)] if len(numbers) else [])]
