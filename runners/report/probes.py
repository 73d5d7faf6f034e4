"""Tables of probes: how to read them, the verdict on each memory, and the numbers of their figures."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from ..analysis.interventions import patches, routing_errors, verdicts
from ..analysis.probes import by_age, totals
from ..formatting import amount, fraction, interval, signed, span
from ..probe.verdict import MARGIN
from .page import Columns, column_table, definitions
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


def with_interval(record: pd.Series[Any], name: str) -> str:
    """A fraction and its interval."""
    return f"{fraction(record[name])} {interval(record[f'{name}_low'], record[f'{name}_high'])}"


def layer(record: pd.Series[Any]) -> str:
    """The layer's number; 0 stands for all together."""
    return str(record["layer"]) if record["layer"] else "all"


VERDICTS: Columns = {
    "task": lambda r: r["task"],
    "memory": lambda r: r["memory"],
    "verdict": lambda r: r["verdict"],
    "items readable": lambda r: f"{r['readable']:,.0f} of {r['items']:,.0f}",
    "probe": lambda r: with_interval(r, "probe"),
    "control": lambda r: or_blank(r["control"]),
    "untrained": lambda r: or_blank(r["untrained"]),
    "input": lambda r: or_blank(r["input"]),
    "model answers": lambda r: "not asked" if pd.isna(r["behaviour"]) else with_interval(r, "behaviour"),
    "erased": lambda r: or_blank(r["erased"]),
    "random": lambda r: or_blank(r["random"]),
    "extra loss": lambda r: "" if pd.isna(r["cost"]) else signed(r["cost"]),
    "bits after": lambda r: "" if pd.isna(r["bits_after"]) else f"{r['bits_after']:.2f} of {r['bits_before']:.2f}",
    "follows": lambda r: or_blank(r["follows"]),
    "chance": lambda r: fraction(r["chance"]),
    "seeds": lambda r: str(r["seeds"]),
}
TOTALS: Columns = {
    "task": lambda r: r["task"],
    "memory": lambda r: r["memory"],
    "usable bits": lambda r: f"{r['bits']:.1f}",
    "still rising by": lambda r: "" if pd.isna(r["rising"]) else f"{max(0.0, r['rising']):.1f}",
    "lowest and highest seed": lambda r: f"{r['lowest']:.1f}–{r['highest']:.1f}" if r["seeds"] > 1 else "",
    "payload": lambda r: f"{r['payload']:,.0f}",
    "ceiling": lambda r: f"{r['ceiling']:,.0f}",
    "state bytes": lambda r: r["state"],
    "bits a bit of state": lambda r: "" if pd.isna(r["worth"]) else f"{r['worth']:.5f}",
    "seeds": lambda r: str(r["seeds"]),
}
PATCHING: Columns = {
    "task": lambda r: r["task"],
    "memory": lambda r: r["memory"],
    "layer": layer,
    "put in": lambda r: r["content"],
    "follows the donor": lambda r: or_blank(r["follows"]),
    "keeps its own": lambda r: or_blank(r["accuracy"]),
    "chance": lambda r: or_blank(r["chance"]),
    "items": lambda r: str(r["items"]),
    "seeds": lambda r: str(r["seeds"]),
}
ERRORS: Columns = {
    "task": lambda r: r["task"],
    "memory": lambda r: r["memory"],
    "layer": layer,
    "accuracy": lambda r: fraction(r["accuracy"]),
    "with oracle": lambda r: fraction(r["oracle"]),
    "routing error": lambda r: signed(r["routing_error"]),
    "compression error": lambda r: fraction(r["compression_error"]),
    "weight": lambda r: or_blank(r["weight"]),
    "even": lambda r: or_blank(r["even"]),
    "right": lambda r: or_blank(r["right"]),
    "sequences": lambda r: amount(r["num_sequences"]),
    "seeds": lambda r: str(r["seeds"]),
}


def totals_html(table: pd.DataFrame, results: object) -> str:
    """A line for each task and memory, over the seeds of `totals`."""
    groups = table.groupby(["task", "memory"], sort=False)
    over_seeds = (
        groups[["bits", "rising"]]
        .mean()
        .assign(
            lowest=groups["bits"].min(),
            highest=groups["bits"].max(),
            payload=groups["payload"].first(),
            ceiling=groups["ceiling"].first(),
            state=groups["state_bytes"].agg(span),
            worth=groups["bits_per_state_bit"].mean(),
            seeds=groups.size(),
        )
    )
    return column_table(TOTALS, over_seeds.reset_index())


BY_AGE = TableSection(
    name="probes_by_age",
    follows="windows",
    title="Probes",
    reading=(
        "Below, each figure says how it is read. The table by age (CSV) has every reader: accuracy, selectivity (above "
        "the control task), usable bits, and bits a label in online coding (minimum description length)."
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
        "its sequences. Where some items are readable, all columns are of those that were asked for among them. "
        "Present: the interval of the reader lies above its control. Answered: that of the model lies above chance. "
        "Used: erasing what the reader reads costs answers (extra loss: beside the model as it is, or beside erasing "
        "as many directions at random, whichever is less; the latter can even help, where items disturb each other). "
        f"Each is no where its interval ends less than {fraction(MARGIN)} of the way to 1 above that; where it is "
        "neither, or nothing was erased, or too few sequences were there to erase by, or nothing as large "
        "could be erased beside it, the verdict is undecided; where the model cannot be asked, it rests on the reader "
        "alone (not asked). Erasing leaves imprints that a new reader finds: bits after, of bits before. Follows: "
        "answers that are the value of the sequence whose state was put in its place."
    ),
    table=verdicts,
    html=lambda table, results: column_table(VERDICTS, table),
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
    html=lambda table, results: column_table(PATCHING, table),
    measure="probe",
)
ROUTING_ERRORS = TableSection(
    name="probes_errors",
    follows="holding",
    title="Routing or compression",
    reading=(
        "Reasons of missed answers where caches are weighed. With oracle: the gate of a layer is given the cache in "
        "which the item was written and reads that alone (all: of every layer at once). Routing error: the accuracy "
        "that this wins; negative where a mixture of caches serves better. Compression error: the answers missed even "
        "so, as the cache itself has lost them. Weight and right are those of the gate as it is; even is the weight "
        "it would have if it did not choose."
    ),
    table=routing_errors,
    html=lambda table, results: column_table(ERRORS, table),
    measure="probe",
)
