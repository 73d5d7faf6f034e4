"""The comparison as HTML: a sortable row per memory, and below it what its numbers are held against."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from ..analysis.comparison import names
from ..formatting import amount, at_rate, fraction, interval, span, to_half, to_solve
from ..results.tables import FLOORS, Results

HOW_TO_READ = (
    "Accuracy at the training length, mean over seeds with its 95 % interval, for other trainings and other "
    "rows. Bold where it is shown to be more than that of every other memory, row by row (below). How many "
    "seeds solved the task stands with the 95 % interval of their share. Bits are what an optimal "
    "reader would need to score as well. Floors recall nothing that is asked for: a guess (chance), the "
    "token that asks alone (memoryless), the values known but not whose (bag), all known and picked by the "
    "place of the question alone (position; 1 where order is all that is asked), the value shown last "
    "(recency). The ceiling is the best that the state allows. Not converged: the number is where training "
    "was stopped, not where it would end. State bytes are what one sequence carries at the training length."
)


def score_table(results: Results, numbers: pd.DataFrame) -> str:
    tasks = names(results, "task")
    head = "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{escape(word)}</button></th>'
        for word in ("memory", *tasks, "state bytes", "parameters")
    )
    body = []
    for memory in names(results, "memory"):
        mine = numbers[numbers["memory"] == memory]
        cells = [score_cell(mine[mine["task"] == task]) for task in tasks]
        cells += [
            f'<td class="number" data-value="{mine[column].max()}">{span(mine[column])}</td>'
            for column in ("state_bytes", "parameters")
        ]
        body.append(f'<tr><th scope="row" data-value="{escape(memory)}">{escape(memory)}</th>{"".join(cells)}</tr>')
    return (
        f'<div class="wide"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def score_cell(found: pd.DataFrame) -> str:
    """Accuracy and interval; below them bits, rate, the ceiling where it binds, and what solving took."""
    if not len(found):
        return '<td data-value="-1">not run</td>'
    row = found.iloc[0]
    mean = f"<strong>{fraction(row['mean'])}</strong>" if row["best"] else fraction(row["mean"])
    low_high = f'<span class="interval">{interval(row["low"], row["high"])}</span>'
    facts = [fact for fact in (f"{row['recalled_bits']:.1f} bits", at_rate(row), to_half(row)) if fact]
    if row["ceiling"] < 1:
        facts.append(f"ceiling {fraction(row['ceiling'])}")
    kind = "" if row["solved"] == row["seeds"] else ' class="missed"'
    if row["seeds"] > 1:
        facts.append(f"{row['solved']} of {row['seeds']} solved {interval(row['solved_low'], row['solved_high'])}")
    facts_said = f"<small>{', '.join(facts)}</small><small{kind}>{escape(to_solve(row))}</small>"
    return f'<td data-value="{row["mean"]}">{mean} {low_high}{facts_said}</td>'


def floors_table(results: Results, numbers: pd.DataFrame) -> str:
    """One line per task: its size, its floors, and what it asks to be stored."""
    named = (name if name == "chance" else f"{name} floor" for name in FLOORS)
    heads = ("task", "length", "load", "payload", *named, "ceiling")
    rows = []
    for task in names(results, "task"):
        part = numbers[numbers["task"] == task]
        first: Any = part.iloc[0] if len(part) else None
        if first is None:
            continue
        low, high = fraction(part["ceiling"].min()), fraction(part["ceiling"].max())
        cells = [
            f"{amount(first['train_length'])} tokens",
            amount(first["load"]),
            f"{first['payload_bits']:.1f} bits",
            *("not measured" if pd.isna(floor) else fraction(floor) for floor in part[list(FLOORS)].max()),
            low if low == high else f"{low}–{high}",
        ]
        filled = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{escape(task)}</th>{filled}</tr>')
    head = "".join(f'<th scope="col">{word}</th>' for word in heads)
    return (
        f'<div class="wide"><table class="floors"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
