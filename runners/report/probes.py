"""Probes as HTML: how to read them, what they say of each memory, and the numbers of their figures."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd

from ..formatting import amount, fraction, interval, signed_number, span
from ..probe.verdict import MARGIN

INTRODUCTION = (
    ("What is asked", "One row of a task is taken as a template: its keys and places are frozen, its values drawn "
     "afresh. A reader is fitted to the frozen states of some rows and says which value each item had in others."),
    ("Usable bits", "What a reader saves over guessing, in bits: log2 loss of one who sees no state, less that of the "
     "reader, on rows it was not fitted to. An item of 64 values has 6; they add up, as values are independent. A "
     "linear reader that finds little says that little is there in linear form, not that nothing is there."),
    ("Absent", "The reader does no better than its controls, and the model does not answer either."),
    ("Present but unused", "The reader finds the item, but the model does not answer it."),
    ("Used", "Erasing what the reader reads costs answers, and more than erasing as much of anything else does."),
    ("Used, but not linearly readable", "The model answers though the reader finds nothing."),
    ("Used in another form", "The model answers as well without what the reader finds: it goes by something else."),
    ("What each control rules out", "Shuffled states: that rows of the test leak into the fit. The control task: that "
     "a reader learns labels by heart (a random one for every sequence, or for every key where keys change; knowing "
     "the key is then enough, so selectivity says how much comes from the state). The untrained model: what wiring "
     "alone keeps. The input: what the last tokens tell without any memory."),
    ("Shapes to expect", "Attention is flat: it keeps all tokens. Memories that decay slope with age. HiPPO-LegS is "
     "U-shaped, best at both ends. Caches of segments are a sawtooth with the period of the segment."),
)  # fmt: skip
HOW_TO_READ = (
    "Below, each figure says how it is read. The table by age (CSV) has every reader: accuracy, selectivity (above the "
    "control task), usable bits, and bits a label when told one after the other (online description length)."
)
HOW_TO_READ_VERDICTS = (
    "Means over seeds and items when items are asked for; ranges are 95 % intervals over seeds, of one seed over its"
    " rows. Where some items are readable, all is said of those of them that were asked for. Present: the interval "
    "of the reader lies above its control. Answered: that of the model lies above chance. Used: erasing what the "
    "reader reads costs answers (extra loss: beside the model as it is, or beside erasing as many directions at "
    "random, whichever is less; the latter can even help, where items disturb each other). Each is no where its "
    f"interval ends less than {fraction(MARGIN)} of the way to 1 beyond what it is held against; where it is neither, "
    "or nothing was erased, or too few rows were there to erase by, or nothing as large could be erased beside it, the"
    " verdict is undecided; where the model cannot be asked, it says what is read alone (not asked). Erasing leaves "
    "imprints that a new reader finds: bits after, of bits before. Follows: answers that are the value of the row "
    "whose state was put in its place."
)
HOW_TO_READ_TOTALS = (
    "Usable bits of all items of a sequence together, mean over seeds; of these, what the second half of the rows that "
    "the reader was fitted on has found: where that is much, more rows would find more still (recall probe --rows). "
    "The payload is what a sequence stores, the ceiling the smaller of that and the bits of the state; a bit of state "
    "is one of the 32 of each number. Tasks whose items tell of one another have no total."
)
HOW_TO_READ_ERRORS = (
    "Why answers are missed where caches are weighed. Told: the gate of a layer reads only the cache in which the item "
    "was written (all: of every layer at once). Routing error: what that wins. It is negative where a mixture of "
    "caches serves better. Compression error: what is missed even so, as the cache itself has lost it. Weight and "
    "right are those of the gate as it is; even is the weight it would have if it did not choose."
)


HOW_TO_READ_TRANSPLANTS = (
    "Before a row is asked, a part of its state is replaced by that of another row, the donor, whose values are "
    "others. What then answers the donor's value is where the answer comes from; what keeps the row's own is not."
)


def introduction() -> str:
    listed = "".join(f"<dt>{escape(word)}</dt><dd>{escape(said)}</dd>" for word, said in INTRODUCTION)
    return f"<dl>{listed}</dl>"


def verdicts_table(found: pd.DataFrame) -> str:
    """The table of `probing.verdicts`."""
    heads = ("task", "memory", "verdict", "items readable", "probe", "control", "untrained", "input", "model answers",
             "erased", "random", "extra loss", "bits after", "follows", "chance", "seeds")  # fmt: skip
    return table(heads, (verdict_cells(row) for _, row in found.iterrows()))


def verdict_cells(row: pd.Series[Any]) -> list[str]:
    probe = f"{fraction(row['probe'])} {interval(row['probe_low'], row['probe_high'])}"
    asked = f"{fraction(row['behaviour'])} {interval(row['behaviour_low'], row['behaviour_high'])}"
    cost = "" if pd.isna(row["cost"]) else signed_number(row["cost"])
    left = "" if pd.isna(row["bits_after"]) else f"{row['bits_after']:.2f} of {row['bits_before']:.2f}"
    after = [or_none(row["erased"]), or_none(row["random"]), cost, left, or_none(row["follows"])]
    controls = [or_none(row[name]) for name in ("control", "untrained", "input")]
    answers = "not asked" if pd.isna(row["behaviour"]) else asked
    return [
        row["task"],
        row["memory"],
        row["verdict"],
        f"{row['readable']:,.0f} of {row['items']:,.0f}",
        probe,
        *controls,
        answers,
        *after,
        fraction(row["chance"]),
        str(row["seeds"]),
    ]


def totals_table(found: pd.DataFrame) -> str:
    """The table of `probing.totals`, a row for each task and memory."""
    heads = ("task", "memory", "usable bits", "still rising by", "lowest and highest seed", "payload", "ceiling",
             "state bytes", "bits a bit of state", "seeds")  # fmt: skip
    rows = []
    for (task, memory), part in found.groupby(["task", "memory"], sort=False):
        bits, first = part["bits"], part.iloc[0]
        seeds = f"{bits.min():.1f}–{bits.max():.1f}" if len(part) > 1 else ""
        limits = [f"{first[name]:,.0f}" for name in ("payload", "ceiling")]
        worth = part["bits_per_state_bit"].mean()
        more = part["rising"].mean()
        cells = [
            f"{bits.mean():.1f}",
            "" if pd.isna(more) else f"{max(0.0, more):.1f}",
            seeds,
            *limits,
            span(part["state_bytes"]),
        ]
        rows.append([str(task), str(memory), *cells, "" if pd.isna(worth) else f"{worth:.5f}", str(len(part))])
    return table(heads, rows)


def errors_table(found: pd.DataFrame) -> str:
    """The table of `probing.errors`."""
    heads = ("task", "memory", "layer", "accuracy", "told", "routing error", "compression error", "weight", "even",
             "right", "rows", "seeds")  # fmt: skip
    rows = []
    for _, row in found.iterrows():
        said = [fraction(row["accuracy"]), fraction(row["oracle"]), signed_number(row["routing_error"])]
        gate = [or_none(row[name]) for name in ("weight", "even", "right")]
        counts = [amount(row["num_sequences"]), str(row["seeds"])]
        layer = str(row["layer"]) if row["layer"] else "all"
        rows.append([row["task"], row["memory"], layer, *said, fraction(row["compression_error"]), *gate, *counts])
    return table(heads, rows)


def transplants_table(found: pd.DataFrame) -> str:
    """The table of `probing.transplants`."""
    heads = ("task", "memory", "layer", "put in", "follows the donor", "keeps its own", "chance", "items", "seeds")
    rows = []
    for _, row in found.iterrows():
        shares = [or_none(row[name]) for name in ("follows", "accuracy", "chance")]
        layer = str(row["layer"]) if row["layer"] else "all"
        rows.append([row["task"], row["memory"], layer, row["content"], *shares, str(row["items"]), str(row["seeds"])])
    return table(heads, rows)


def or_none(value: float) -> str:
    return "" if pd.isna(value) else fraction(value)


def table(heads: Iterable[str], rows: Iterable[list[str]]) -> str:
    """Plain cells under heads; the first of each row names it."""
    head = "".join(f'<th scope="col">{escape(word)}</th>' for word in heads)
    body = []
    for first, *rest in rows:
        filled = "".join(f"<td>{escape(str(cell))}</td>" for cell in rest)
        body.append(f'<tr><th scope="row">{escape(str(first))}</th>{filled}</tr>')
    return (
        f'<div class="wide"><table class="floors"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


TABLES = {
    "verdicts": ("Absent, present, used", HOW_TO_READ_VERDICTS, verdicts_table),
    "totals": ("What is recovered, in numbers", HOW_TO_READ_TOTALS, totals_table),
    "transplants": ("Where answers come from", HOW_TO_READ_TRANSPLANTS, transplants_table),
    "errors": ("Routing or compression", HOW_TO_READ_ERRORS, errors_table),
}
"""Heading, how to read it, and the table, by the name of its numbers."""
