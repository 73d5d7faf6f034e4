"""Differences between memories as HTML: on each task the first against every other, and what that shows."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from ..formatting import fraction, interval, p_value, signed_number

HOW_TO_READ = (
    "The memory with the highest mean on each task, less every other, row by row on the same test rows; 95 % "
    "interval for other trainings and other rows. p is that of no difference: the larger of a t test over seeds "
    "and rows and of an exact test that exchanges trainings between the two, which with 3 seeds never falls "
    "below .1, with 5 not below .0079; of one seed each it speaks of these trainings only. A task makes one "
    "claim, that its first recalls more than all others: its p is the largest of its rows, corrected over tasks "
    "(Holm). Beats: how often a training of the first scores above one of the other, ties half."
)
HOW_TO_READ_OVER_TASKS = (
    "Over all tasks: the mean of the middle half of all seeds' accuracies (interquartile mean), seeds drawn "
    "again within each task for its 95 % interval."
)


def pairs_table(pairs: pd.DataFrame) -> str:
    """One group of rows per task, with its claim beside the first of them."""
    heads = ("task", "first", "against", "difference", "p", "beats", "seeds", "rows", "the first recalls most")
    body = []
    for task, part in pairs.groupby("task", sort=False):
        for i, (_, row) in enumerate(part.iterrows()):
            spanning = f' rowspan="{len(part)}"'
            start = f'<th scope="rowgroup"{spanning}>{escape(str(task))}</th>' if i == 0 else ""
            start += f"<td{spanning}>{escape(str(row['memory']))}</td>" if i == 0 else ""
            end = f"<td{spanning}>{escape(claim(part))}</td>" if i == 0 else ""
            filled = "".join(f"<td>{escape(cell)}</td>" for cell in cells(row))
            body.append(f"<tr>{start}{filled}{end}</tr>")
    head = "".join(f'<th scope="col">{word}</th>' for word in heads)
    return (
        f'<div class="wide"><table class="floors"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def cells(row: pd.Series[Any]) -> list[str]:
    """What one row of `paired` says: against, difference, p, how often it beats, seeds, rows."""
    if pd.isna(row["difference"]):
        return [row["against"], "tested on other rows", "", "", str(row["seeds"]), ""]
    said = f"{signed_number(row['difference'])} [{signed_number(row['low'])} to {signed_number(row['high'])}]"
    beats = "" if pd.isna(row["effect"]) else fraction(row["effect"])
    return [row["against"], said, p_value(row["p"]).removeprefix("p = ").removeprefix("p "), beats,
            str(row["seeds"]), f"{row['rows']:,}"]  # fmt: skip


def claim(part: pd.DataFrame) -> str:
    """What the rows of one task show together."""
    weakest = next((v for v in part["verdict"] if v != "above"), None)
    if weakest is None:
        return f"shown, {p_value(part['p_holm'].iloc[0])}"
    cannot = [v for v in part["verdict"] if v.endswith("cannot show it")]
    return cannot[0] if cannot else f"not shown, {p_value(part['p_holm'].iloc[0])}"


def over_tasks_table(table: pd.DataFrame) -> str:
    """One row per memory, best first."""
    ranked = table.sort_values("iqm", ascending=False, kind="stable")
    body = "".join(
        f'<tr><th scope="row">{escape(row["memory"])}</th><td>{fraction(row["iqm"])} '
        f"{interval(row['low'], row['high'])}</td><td>{row['tasks']}</td><td>{row['seeds']}</td></tr>"
        for _, row in ranked.iterrows()
    )
    head = "".join(f'<th scope="col">{word}</th>' for word in ("memory", "over all tasks", "tasks", "runs"))
    return (
        f'<div class="wide"><table class="floors"><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="reading">{HOW_TO_READ_OVER_TASKS}</p>'
    )
