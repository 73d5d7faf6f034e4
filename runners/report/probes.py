"""Tables of probes: how to read them, the verdict on each memory, and the numbers of their figures."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from ..analysis.interventions import patches, routing_errors, verdicts
from ..analysis.probes import by_age, totals
from ..formatting import amount, fraction, interval, seeds_solved, signed_number, span
from ..probe.verdict import MARGIN
from .page import definitions, html_table, record_table
from .sections import TableSection
from .tables import or_blank

INTRODUCTION = {
    "The question": "One sequence of a task is taken as a template: its keys and places are frozen, its values drawn "
    "anew. A reader is fitted to the frozen states of some sequences and predicts which value each item had in others.",
    "Usable bits": "The bits that a reader saves over guessing: log2 loss without any state, less that of the reader, "
    "on sequences it was not fitted to. An item of 64 values has 6; they add up, as values are independent. A linear "
    "reader that finds little shows that little is there in linear form, not that nothing is there.",
    "Absent": "The reader does no better than its controls, and the model does not answer either.",
    "Present but unused": "The reader finds the item, but the model does not answer it.",
    "Used": "Erasing what the reader reads costs answers, and more than erasing as much of anything else does.",
    "Used, but not linearly readable": "The model answers though the reader finds nothing.",
    "Used in another form": "The model answers as well without what the reader finds: it goes by something else.",
    "What each control rules out": "Shuffled states: that test sequences leak into the fit. The control task: that "
    "a reader learns labels by heart (a random one for every sequence, or for every key where keys change; knowing "
    "the key is then enough, so selectivity says how much comes from the state). The untrained model: that wiring "
    "alone keeps items. The input: that the last tokens reveal items without any memory.",
    "Shapes to expect": "Attention is flat: it keeps all tokens. Memories that decay slope with age. HiPPO-LegS is "
    "U-shaped, best at both ends. Caches of segments are a sawtooth with the period of the segment.",
}


def introduction(table: object, results: object) -> str:
    """The words of probes and their meanings."""
    return definitions({word: escape(meaning) for word, meaning in INTRODUCTION.items()})


def with_bounds(record: pd.Series[Any], name: str) -> str:
    """A fraction and its interval."""
    return f"{fraction(record[name])} {interval(record[f'{name}_low'], record[f'{name}_high'])}"


def fractions(record: pd.Series[Any], *names: str) -> dict[str, str]:
    """Fractions under heads that are the names of their columns, blank where missing."""
    return {name: or_blank(record[name]) for name in names}


def layer(record: pd.Series[Any]) -> dict[str, str]:
    """Task, memory and the layer's number; 0 stands for all together."""
    return {"task": record["task"], "memory": record["memory"], "layer": str(record["layer"] or "all")}


def verdict_cells(record: pd.Series[Any]) -> dict[str, str]:
    """Cells of a record of `verdicts`."""
    left = f"{record['bits_after']:.2f} of {record['bits_before']:.2f}"
    return (
        {name: record[name] for name in ("task", "memory", "verdict")}
        | {
            "items readable": f"{record['readable']:,.0f} of {record['items']:,.0f}",
            "probe": with_bounds(record, "probe"),
        }
        | fractions(record, "control", "untrained", "input")
        | {"model answers": "not asked" if pd.isna(record["behaviour"]) else with_bounds(record, "behaviour")}
        | fractions(record, "erased", "random")
        | {"extra loss": "" if pd.isna(record["cost"]) else signed_number(record["cost"])}
        | {"bits after": "" if "nan" in left else left}
        | fractions(record, "follows", "chance")
        | {"seeds": seeds_solved(record)}
    )


def patching_cells(record: pd.Series[Any]) -> dict[str, str]:
    """Cells of a record of `patches`."""
    answers = {"follows the donor": "follows", "keeps its own": "accuracy", "chance": "chance"}
    return (
        layer(record)
        | {"put in": record["content"]}
        | {head: or_blank(record[name]) for head, name in answers.items()}
        | {name: str(record[name]) for name in ("items", "seeds")}
    )


def error_cells(record: pd.Series[Any]) -> dict[str, str]:
    """Cells of a record of `routing_errors`."""
    return (
        layer(record)
        | {"accuracy": fraction(record["accuracy"]), "with oracle": fraction(record["oracle"])}
        | {"routing error": signed_number(record["routing_error"])}
        | {"compression error": fraction(record["compression_error"])}
        | fractions(record, "weight", "even", "right")
        | {"sequences": amount(record["num_sequences"]), "seeds": str(record["seeds"])}
    )


def totals_html(table: pd.DataFrame, results: object) -> str:
    """A line for each task and memory, over the seeds of `totals`."""
    lines = []
    for (task, memory), part in table.groupby(["task", "memory"], sort=False):
        bits, first, mean = part["bits"], part.iloc[0], part[["bits", "rising", "bits_per_state_bit"]].mean()
        lines.append(
            {"task": str(task), "memory": str(memory), "usable bits, at least": f"{mean['bits']:.1f}"}
            | {"still rising by": "" if pd.isna(mean["rising"]) else f"{max(0.0, mean['rising']):.1f}"}
            | {"lowest and highest seed": f"{bits.min():.1f}–{bits.max():.1f}" if len(part) > 1 else ""}
            | {name: f"{first[name]:,.0f}" for name in ("payload", "ceiling")}
            | {"state bytes": span(part["state_bytes"])}
            | {"bits a bit of state": "" if pd.isna(worth := mean["bits_per_state_bit"]) else f"{worth:.5f}"}
            | {"seeds": str(len(part))}
        )
    return html_table(lines[0], [list(line.values()) for line in lines])


BY_AGE = TableSection(
    name="probes_by_age",
    follows="windows",
    title="Probes",
    reading=(
        "Below, each figure says how it is read. The table by age (CSV) has every reader: accuracy, selectivity (above "
        "the control task), usable bits (at least: more sequences find more), and bits a label in online coding "
        "(minimum description length)."
    ),
    table=by_age,
    html=introduction,
    measure="probe",
)
VERDICT = TableSection(
    name="probes_verdicts",
    follows="probes_shapes",
    title="Absent, present, used",
    reading=(
        "Means over seeds and items when items are asked for; ranges are 95 % intervals over seeds, for one seed over "
        "its sequences. Where some items are readable, all columns are of the readable ones that were asked for. "
        "Present: the interval of the reader lies above its control. Answered: that of the model lies above chance. "
        "Used: erasing what the reader reads costs answers (extra loss: below the model as it is, or below erasing as "
        "many directions at random, whichever is less; the latter can even help, where items disturb each other). "
        f"Each is no where its interval ends less than {fraction(MARGIN)} of the way to 1 above that. The verdict is "
        "undecided where one is neither, where nothing was erased, where sequences were too few to erase by, or where "
        "nothing as large could be erased for comparison; where the model cannot be asked, it rests on the reader "
        "alone (not asked). Erasing leaves imprints that a new reader finds: bits after, of bits before. Follows: "
        "answers that are the value of the sequence whose state was put in place."
    ),
    table=verdicts,
    html=lambda table, results: record_table(table, verdict_cells),
    measure="probe",
)
TOTAL_BITS = TableSection(
    name="probes_totals",
    follows="recovered",
    title="What is recovered, in numbers",
    reading=(
        "Usable bits of all items of a sequence together, mean over seeds; of these, the bits found by the second half "
        "of the sequences that the reader was fitted to: where they are many, more sequences would find more still "
        "(recall probe --sequences). The payload is what a sequence stores, the ceiling the smaller of that and the "
        "bits of the state; a bit of state is one of the 32 of each number. Tasks whose items say something of one "
        "another have no total."
    ),
    table=totals,
    html=totals_html,
    measure="probe",
)
PATCHED = TableSection(
    name="probes_patching",
    follows="causal",
    title="Where answers come from",
    reading=(
        "Before a sequence is asked, a part of its state is replaced by that of another sequence, the donor, whose "
        "values differ (activation patching). A part after which the donor's values are answered is where answers "
        "come from; one after which the sequence's own are answered is not."
    ),
    table=patches,
    html=lambda table, results: record_table(table, patching_cells),
    measure="probe",
)
ROUTING_ERRORS = TableSection(
    name="probes_errors",
    follows="holding",
    title="Routing or compression",
    reading=(
        "Reasons of missed answers where caches are weighed. With oracle: the gate of a layer is given the cache in "
        "which the item was written and reads that alone (all: of every layer at once). Routing error: the accuracy "
        "that this wins; negative where a mixture of caches serves better. Compression error: what is missed even so, "
        "as the cache itself has lost it. Weight and right are those of the gate as it is; even is the weight without "
        "a choice."
    ),
    table=routing_errors,
    html=lambda table, results: record_table(table, error_cells),
    measure="probe",
)
