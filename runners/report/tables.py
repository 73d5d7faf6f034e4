"""Tables of what was compared: scores, differences, effective context lengths, windows of learning rates."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Any

import pandas as pd

from ..analysis.axes import threshold_table, thresholds
from ..analysis.comparison import compare_memories, names, over_tasks, pair_differences
from ..analysis.extrapolation import THRESHOLD, length_summaries, length_summary_table
from ..analysis.swaps import swap_table, swaps
from ..figures.training import floors
from ..formatting import (
    amount,
    at_rate,
    difference,
    fraction,
    interval,
    p_value,
    seeds_solved,
    span,
    state_bytes,
    to_half,
    to_solve,
)
from ..results.tables import FLOORS, Results
from ..studies.learning_rates import WITHIN, warnings, window
from .page import Cell, html_table, record_table, text_table
from .sections import TableSection


@lru_cache(maxsize=1)  # the comparison, its differences and the findings ask for the same
def differences(results: Results) -> pd.DataFrame:
    """`pair_differences` of the results."""
    return pair_differences(results)


def score_table(results: Results, numbers: pd.DataFrame) -> str:
    """A sortable line per memory: its scores on every task, its state and its parameters."""
    tasks = names(results, "task")
    lines = []
    for memory in names(results, "memory"):
        mine = numbers[numbers["memory"] == memory]
        name = escape(memory)
        cells = [Cell(name, f'scope="row" data-value="{name}"', "th")]
        cells += [score_cell(mine[mine["task"] == task]) for task in tasks]
        cells += [
            Cell(text, f'class="number" data-value="{mine[column].max()}"')
            for column, text in (("state_bytes", state_bytes(mine)), ("parameters", span(mine["parameters"])))
        ]
        lines.append(cells)
    return html_table(("memory", *tasks, "state bytes", "parameters"), lines, sortable=True)


def score_cell(records: pd.DataFrame) -> Cell:
    """Accuracy and interval; below them bits, rate, the ceiling where it binds, and what solving took."""
    if not len(records):
        return Cell("not run", 'data-value="-1"')
    record = records.iloc[0]
    mean = f"<strong>{fraction(record['mean'])}</strong>" if record["best"] else fraction(record["mean"])
    facts = [f"{record['recalled_bits']:.1f} bits", at_rate(record), to_half(record)]
    if record["ceiling"] < 1:
        facts.append(f"ceiling {fraction(record['ceiling'])}")
    if record["seeds"] > 1:
        bounds = interval(record["solved_low"], record["solved_high"])
        facts.append(f"{record['solved']} of {record['seeds']} solved {bounds}")
    kind = "" if record["solved"] == record["seeds"] else ' class="missed"'
    return Cell(
        f'{mean} <span class="interval">{interval(record["low"], record["high"])}</span>'
        f"<small>{', '.join(filter(None, facts))}</small><small{kind}>{escape(to_solve(record))}</small>",
        f'data-value="{record["mean"]}"',
    )


def floors_table(results: Results, numbers: pd.DataFrame) -> str:
    """One line per task: its size, its floors, and what it asks to be stored."""
    named = (name if name == "chance" else f"{name} floor" for name in FLOORS)
    lines = []
    for task, part in numbers.groupby("task", sort=False):
        first, low, high = part.iloc[0], fraction(part["ceiling"].min()), fraction(part["ceiling"].max())
        highest = ("not measured" if pd.isna(floor) else fraction(floor) for floor in part[list(FLOORS)].max())
        size = [f"{amount(first['train_length'])} tokens", amount(first["load"]), f"{first['payload_bits']:.1f} bits"]
        lines.append([str(task), *size, *highest, low if low == high else f"{low}–{high}"])
    return html_table(("task", "length", "load", "payload", *named, "ceiling"), lines)


def pairs_table(pairs: pd.DataFrame) -> str:
    """A group of lines per task, with its claim beside the first of them."""
    heads = ("task", "first", "against", "difference", "p", "beats", "seeds", "sequences", "the first recalls most")
    lines: list[list[str | Cell]] = []
    for task, part in pairs.groupby("task", sort=False):
        rows = f'rowspan="{len(part)}"'
        inner: list[list[str | Cell]] = [
            [Cell(escape(text)) for text in pair_texts(record)] for _, record in part.iterrows()
        ]
        first = Cell(escape(str(task)), f'scope="rowgroup" {rows}', "th")
        second, last = Cell(escape(str(part["memory"].iloc[0])), rows), Cell(escape(claim(part)), rows)
        lines.append([first, second, *inner[0], last])
        lines += inner[1:]
    return html_table(heads, lines)


def pair_texts(record: pd.Series[Any]) -> list[str]:
    """One difference: the rival, difference, p, how often the first beats it, seeds, sequences."""
    if pd.isna(record["difference"]):
        return [record["against"], "tested on other sequences", "", "", str(record["seeds"]), ""]
    p = p_value(record["p"]).removeprefix("p = ").removeprefix("p ")
    counts = str(record["seeds"]), f"{record['num_sequences']:,}"
    return [record["against"], difference(record), p, or_blank(record["effect"]), *counts]


def claim(part: pd.DataFrame) -> str:
    """The verdict on the claim of one task, that its first memory recalls more than all others."""
    weakest = next((v for v in part["verdict"] if v != "above"), None)
    if weakest is None:
        return f"shown, {p_value(part['p_holm'].iloc[0])}"
    cannot = [v for v in part["verdict"] if v.endswith("cannot show it")]
    return cannot[0] if cannot else f"not shown, {p_value(part['p_holm'].iloc[0])}"


def over_tasks_table(table: pd.DataFrame) -> str:
    """One line per memory, best first, and how to read it."""
    ranked = table.sort_values("iqm", ascending=False, kind="stable")
    lines = [
        (r["memory"], f"{fraction(r['iqm'])} {interval(r['low'], r['high'])}", str(r["tasks"]), seeds_solved(r))
        for _, r in ranked.iterrows()
    ]
    return (
        html_table(("memory", "over all tasks", "tasks", "runs"), lines)
        + '<p class="reading">Over all tasks: the mean of the middle half of all seeds\' accuracies (interquartile '
        "mean), seeds drawn again within each task for its 95 % interval.</p>"
    )


def windows_table(windows: pd.DataFrame) -> str:
    """A line for each task and memory, below a note for each end of the grid at which a rate was chosen."""
    notes = "".join(f'<p class="note">{escape(warning)}</p>' for warning in warnings(windows))
    return notes + record_table(windows, window_cells)


def window_cells(record: pd.Series[Any]) -> dict[str, str]:
    """Cells of a record of `window`."""
    return (
        {"task": record["task"], "memory": record["memory"], "rate chosen": f"{record['chosen']:g}"}
        | {"validation": fraction(record["validation"]), "window": record["width"]}
        | {"steps of the grid": f"{record['steps']} of {record['rates']}", "diverged": record["diverged"] or "none"}
    )


def or_blank(value: float) -> str:
    """A fraction in three digits, blank where it is missing."""
    return "" if pd.isna(value) else fraction(value)


def pairs_html(pairs: pd.DataFrame, results: Results) -> str:
    """Differences on each task and, of several tasks, the means over all."""
    several = results.scores["task"].nunique() > 1
    return pairs_table(pairs) + (over_tasks_table(over_tasks(results)) if several else "")


COMPARISON = TableSection(
    name="comparison",
    follows="",
    title="Memories side by side",
    reading=(
        "Accuracy at the training length, mean over seeds with its 95 % interval, for other trainings and other "
        "sequences: where trainings solve or fail, as wide as the fraction that solves is uncertain. Bold where it is "
        "shown to be more than that of every other memory, sequence by sequence (below). "
        "Solved: seeds that solved the task, with the 95 % interval of their fraction. Bits: what an optimal reader "
        "would need to score as well. Floors are readers that recall nothing: a guess (chance), the query token alone "
        "(memoryless), the values known but not their keys (bag), all known and picked by the position of the question "
        "alone (position; 1 where order is all that is asked), the value shown last (recency). The ceiling is the best "
        "that the state allows. Not converged: the number is where training was stopped, not where it would end. State "
        "bytes are what one sequence carries at its fullest, and at the end where that is less; in runs of older "
        "versions they are those at the end."
    ),
    table=lambda results: compare_memories(results, differences(results)),
    html=lambda numbers, results: score_table(results, numbers) + floors_table(results, numbers),
)
SOLVED_FROM = TableSection(
    name="thresholds",
    follows="comparison",
    title="From which value on a task is solved",
    reading=(
        "For each axis, with all others at the values beside it: the smallest value at which half of a memory's "
        "trainings or more solved the task. The interval goes from the smallest value at which half of all trainings "
        "may (the upper 95 % bound of their fraction reaches a half) to the smallest at which it is shown (the lower "
        "bound does); fewer than 4 seeds cannot show it, even where all solved."
    ),
    table=thresholds,
    html=lambda found, results: text_table(threshold_table(results)),
)
PAIRED = TableSection(
    name="paired",
    follows="frontier",
    title="Who recalls more",
    reading=(
        "The memory with the highest mean on each task less every other, sequence by sequence on the same test "
        "sequences; 95 % interval for other trainings and other sequences. p is that of no difference: the larger of a "
        "t test over seeds and sequences and of an exact test that exchanges trainings between the two (never below .1 "
        "with 3 seeds, below .0079 with 5); with one seed each it holds for these trainings only. A task makes one "
        "claim, that its first recalls more than all others: its p is the largest of its lines, corrected over tasks "
        "(Holm). Beats: how often a training of the first scores above one of the other, ties half."
    ),
    table=differences,
    html=pairs_html,
)
CONTEXT_LENGTHS = TableSection(
    name="effective_context_lengths",
    follows="length",
    title="How far, in numbers",
    reading=(
        "A memory holds up to the longest tested length at and below which every interval over seeds lies above "
        f"{fraction(THRESHOLD)} (+: the longest tested; none: not even the shortest; not decidable: sequences are too "
        "few for any accuracy to show it), for trainings that come out as these. The half-life is the length at which "
        "half is lost of what the shortest sequences have above their floor. The area is the mean, over "
        "doublings of the length, of the fraction kept of what lies between floor and 1. Bounds are over seeds: "
        "bootstrap for the half-life, t for the area."
    ),
    table=length_summaries,
    html=lambda numbers, results: text_table(length_summary_table(numbers)),
    measure="extrapolation",
)
SWAPS = TableSection(
    name="swaps",
    follows="effective_context_lengths",
    title="Another memory in place",
    reading=(
        "Finished runs tested with another memory in place of the one that was trained, their weights as they are. "
        "Accuracy is the mean over seeds with its 95 % interval; below it the difference from the memory as trained, "
        "on the same sequences, with its 95 % interval and the p-value of no difference (t over seeds and sequences, "
        "or the exact exchange of trainings, whichever is larger)."
    ),
    table=swaps,
    html=lambda found, results: text_table(swap_table(found)),
    measure="swap",
)
RATE_WINDOWS = TableSection(
    name="windows",
    follows="rates",
    title="How wide the window is",
    reading=(
        "The rate of each memory is the one of the grid with the highest mean validation accuracy over seeds; test "
        "sequences have no part in it. Each seed is reported at the rate that the other seeds choose so, which its own "
        f"luck does not lift. A rate works where that mean is within {fraction(WITHIN)} of the chosen one's. "
        "The window is the span of rates around the chosen one that work: its highest over its lowest, and the steps "
        "of the grid in it. A narrow window is a memory that is hard to train; one rate for all would have made it "
        "look weak."
    ),
    table=lambda results: window(results.rates, floors(results)),
    html=lambda windows, results: windows_table(windows),
)
