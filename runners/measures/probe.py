"""Probe: what the states of a finished run still hold, whether it is used, and whether its caches are found.

A request has the keys that `Probe.flags` fill (readers, also, rows, step, dimension), and `limit`: bytes of states held
in memory. Rows and step of 0 mean as many as it takes.

Each reader and pass is done and saved by itself, so an interrupted probe goes on with the next.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.custom_code import allow, class_title, source_digest, with_absolute_file
from ..config.messages import Watch, silent
from ..formatting import unknown
from ..storage.records import without_nan
from ..storage.schema import Table, columns
from .measure import SEQUENCES, Flag, Measure, Measured, Record, Request, only_keys

if TYPE_CHECKING:
    from models import SequenceModel

    from ..config.run import Run

VERSION = 1
"""Rises whenever what is measured changes."""
DEFAULTS: dict[str, int] = {"rows": 0, "step": 0, "dimension": 64, "limit": 512 * 2**20}
"""0: as much as it takes."""
MIB = 2**20
MOST_ROWS = 2**14
MOST_PRODUCTS = 2**29
"""Numbers of a matrix of rows by rows or by numbers, whichever are fewer: 4 GiB."""

PROBES = Table(
    "probes",
    "One record for each item, reader, control, place and time of a state that was read.",
    columns("""
        layer: int | from 1; 0: all layers together
        content: str | "state": all that a layer carries; else one of its contents, or a view: "cache 2"
        time: int tokens | read so far
        end: bool | whether items are asked for then
        reader: str | name of the reader; "model": the answers of the model itself
        control: str | "none", "control", "shuffled", "untrained" or "input"
        reduced: int | principal components; 0: not reduced
        item: int | number of the item
        age: int tokens | since it was written
        written: int tokens | position where it was written
        features: int | numbers that the reader sees
        rank: float? | effective rank of the states
        converged: bool | whether the reader's fit converged
        num_sequences: int | sequences tested
        accuracy: float | fraction of items named correctly
        low: float | lower bound of accuracy, 95 %
        high: float | upper bound of accuracy, 95 %
        chance: float | accuracy without sight of any state
        bits: float bits | usable, at least: log2 loss without the state, less the reader's; fewer sequences find fewer
        bits_low: float bits | lower bound of what is there, 95 %
        bits_high: float bits | upper bound of what this reader saves, 95 %; more may be there
        bits_half: float? bits | by half the sequences fitted on
        item_bits: float bits | open without the state
        num_items: int | stored in a sequence
        selectivity: float? | accuracy above that of the same reader's control task
        codelength: float? bits | online code length of a label
        error: float? | of ordered values, squared, over their variance
        part: str | the reader or pass that measured it
    """),
)
INTERVENTIONS = Table(
    "interventions",
    "One record for each item, place and kind of change to a state before it is asked.",
    columns("""
        layer: int | from 1; 0: all layers together
        content: str | that was changed, as in probes
        kind: str | "intact", "erased", "random" or "patched"
        item: int | number of the item
        age: int tokens | since it was written
        rank: int | directions erased
        num_sequences: int | sequences tested
        accuracy: float | of the model's answers
        low: float | lower bound of accuracy, 95 %
        high: float | upper bound of accuracy, 95 %
        chance: float | accuracy of a guess
        drop: float | from intact, on the same sequences
        drop_low: float | lower bound, 95 %
        drop_high: float | upper bound, 95 %
        excess: float? | drop beyond that of erasing as much at random
        excess_low: float? | lower bound, 95 %
        excess_high: float? | upper bound, 95 %
        sure: bool? | whether there were sequences enough to erase by
        follows: float? | fraction that answers the donor's value
        follows_low: float? | lower bound, 95 %
        follows_high: float? | upper bound, 95 %
        changed: float? | fraction of the variance of states that was erased
        bits_before: float? bits | usable before erasing
        bits_after: float? bits | found by a new reader after it
    """),
)
ROUTING = Table(
    "routing",
    "One record for each layer and item of a memory that weighs caches.",
    columns("""
        layer: int | from 1; 0: all gates given the position at once
        item: int | number of the item
        age: int tokens | since it was written
        segment: int? | memory that holds the answer: 0 the oldest cache, num_memories - 1 the open one; none in layer 0
        num_memories: int? | caches and the open memory; none in layer 0
        weight: float? | mean, on the memory that holds the answer
        holding: float? | on all that hold it: with checkpoints all later ones
        right: float? | fraction of sequences and heads whose largest weight is there
        even: float? | weight if all were alike
        entropy: float? bits | of the weights
        num_sequences: int | sequences tested
        accuracy: float | with the model's own gates
        low: float | lower bound, 95 %
        high: float | upper bound, 95 %
        oracle: float | accuracy with this layer's gate given the position of the answer
        oracle_low: float | lower bound, 95 %
        oracle_high: float | upper bound, 95 %
    """),
)


def pass_names(reading: bool) -> list[str]:
    """Readers of states, or passes beyond reading, in the order in which they are done."""
    from ..probe.passes import PASSES  # scikit-learn and torch

    return [name for name, one in PASSES.items() if (one.table == "probes") == reading]


class Probe(Measure):
    """Usable bits by age, beside their controls; erasure, patching and routing."""

    name = "probe"
    command = "probe"
    of_states = True
    meaning = "decode stored items from the states of finished runs"
    description = (
        "Read stored items out of the states of finished runs, in bits by age, beside their controls;\n"
        "erase and patch what was read, to see whether the model uses it; say which cache holds what and\n"
        "whether the router finds it. Then write the report, with all figures. What was measured is saved and\n"
        "not measured again."
    )
    tables = (PROBES, INTERVENTIONS, ROUTING)
    shape = {"done?": {str: {str: int}}}  # noqa: RUF012
    newer = ("interventions", "routing")  # of older records too, which are then measured anew
    reports = True
    flags = (
        Flag("readers", str, "readers of states (default: all)", several=True,
             choices=partial(pass_names, True), files=True),
        Flag("also", str, "passes beyond reading; none where no name follows (default: all)", several=True,
             empty=True, choices=partial(pass_names, False)),
        Flag(SEQUENCES[1], int, "sequences drawn (default: 1,280, more where values or states take more)", least=1,
             key=SEQUENCES[0]),
        Flag("step", int, "tokens between the times a state is read (default: a quarter of a sequence)", least=1),
        Flag("dimension", int, "components that states are reduced to beside being read whole; 0: none",
             DEFAULTS["dimension"], least=0),
        Flag("memory", int, "MiB of states held in memory; beyond, they are written to the temporary directory",
             DEFAULTS["limit"] // MIB, least=0, key=None),
    )  # fmt: skip

    def request(self, given: Mapping[str, Any]) -> Request:
        readers = pass_names(True) if given.get("readers") is None else [reader_word(word) for word in given["readers"]]
        also = pass_names(False) if given.get("also") is None else given["also"]
        sizes = {"rows": given.get("sequences") or 0, "step": given.get("step") or 0, "dimension": given["dimension"]}
        return {"readers": readers, "also": also, **sizes, "limit": given["memory"] * MIB}

    def check(self, run: Run, request: Request) -> None:
        """Raise ValueError for unknown names, and where states of the run cannot be probed item by item."""
        import numpy as np  # torch comes with the next

        from ..probe.capture import check_contents
        from ..probe.reading import reader_kind, refuse_same_titles
        from ..probe.templates import first_question

        only_keys(self, request, "limit")
        readers, beyond = pass_names(True), pass_names(False)
        custom = [name for name in request.get("readers", ()) if ".py:" in name]
        refuse_same_titles(custom, [*readers, *beyond])
        for name in custom:
            reader_kind(name)
        for key, word, known in (("readers", "reader", readers), ("also", "pass beyond reading", beyond)):
            for name in request.get(key, ()):
                if name not in (*known, *custom):
                    raise ValueError(unknown(word, name, known))
        if not part_names(request):
            raise ValueError(
                f"a probe names at least one of readers ({', '.join(readers)}) or also ({', '.join(beyond)})"
            )
        for name in DEFAULTS:
            value = request.get(name, 0)
            if type(value) is not int or value < 0:
                raise ValueError(f"{name} is an integer of at least 0, not {value!r}")
        tokens = first_question(run.task.task, run.task.length).tokens
        num_sequences(run, request)
        check_contents(run.build(), np.stack([tokens[:2], tokens[:2]]))

    def remaining(self, record: Record | None, request: Request) -> Request | None:
        """The readers and passes not done yet, or done with other settings."""
        done = (record or {}).get("done", {})
        left = [name for name in part_names(request) if done.get(name) != settings(request, name)]
        return only(request, left) if left else None

    def parts(self, run: Run, request: Request, record: Record | None, watch: Watch) -> Iterator[Request]:
        """One reader or pass after the other."""
        for name in part_names(request):
            yield only(request, [name])

    def measure(self, run: Run, model: SequenceModel, request: Request, watch: Watch = silent) -> Measured:
        """{"done"} and the tables; saves no tensors."""
        from ..probe.context import ProbeContext  # torch
        from ..probe.passes import pass_of

        options = {key: request.get(key, value) for key, value in DEFAULTS.items() if key != "rows"}
        context = ProbeContext(run, model, num_sequences(run, request), watch, **options)
        record: Record = {"done": {}} | {table.name: [] for table in self.tables}
        for name in part_names(request):
            asked = pass_of(name)
            for one in map(without_nan, asked.records(context)):
                title = {"reader": class_title(name)} if one.get("reader") == name else {}
                record[asked.table].append(one | title)
            record["done"][name] = settings(request, name)
        return record, {}

    def merge(self, old: Record, new: Record) -> Record:
        """Both records; the new one's results of what was done again."""
        again = set(new["done"])
        saved = {
            "probes": [one for one in old["probes"] if one.get("part") not in again and "part" in one],
            "interventions": [] if "causal" in again else old.get("interventions", []),
            "routing": [] if "routing" in again else old.get("routing", []),
        }
        return {"done": old.get("done", {}) | new["done"]} | {name: saved[name] + new[name] for name in saved}


def reader_word(word: str) -> str:
    """A reader that a person named: the file of a custom one is found from anywhere, and may be imported."""
    if ".py:" not in word:
        return word
    name = with_absolute_file(word)
    if not Path(name.rpartition(":")[0]).is_file():
        raise ValueError(f"no file {word.rpartition(':')[0]}: a custom reader is named path/to/file.py:Class")
    allow(name)
    return name


def part_names(request: Request) -> list[str]:
    """Readers and passes that are asked for, in the order in which they are done."""
    return list(dict.fromkeys((*request.get("readers", ()), *request.get("also", ()))))


def only(request: Request, names: list[str]) -> Request:
    """The request for these readers and passes alone."""
    return {**request, **{key: [name for name in request.get(key, ()) if name in names] for key in ("readers", "also")}}


def settings(request: Request, name: str) -> dict[str, int]:
    """All that decides the numbers of a pass: by other code, or with other sequences, it is measured again."""

    decisive = {name: request.get(name, value) for name, value in DEFAULTS.items() if name != "limit"}
    code = {"code": int(source_digest(name, size=6), 16)} if ".py:" in name else {}
    return decisive | {"version": VERSION} | code


def num_sequences(run: Run, request: Request) -> int:
    """Sequences to sample. Raises ValueError for a request of too few, or a need of too many."""
    from ..probe.splits import PLENTY, SEQUENCES, check_enough, enough  # torch

    values, floats = len(run.task.task.alphabet), run.build().state_floats(run.task.length)
    if rows := request.get("rows", 0):
        check_enough(rows, values, floats)
        check_room(rows, floats, run.task.length, request)
        return int(rows)
    need = enough(values, floats, SEQUENCES, PLENTY)
    if need > MOST_ROWS:
        raise ValueError(
            f"{run.name} takes {need:,} sequences to probe ({values:,} values, {floats:,} numbers of state), over the "
            f"{MOST_ROWS:,} that are drawn unasked (ask with --rows {need})"
        )
    return need


def check_room(rows: int, floats: int, length: int, request: Request) -> None:
    """Raises ValueError where states of so many rows fit nowhere, or their products into no memory."""
    products = rows * min(floats, rows)
    if products > MOST_PRODUCTS:
        raise ValueError(
            f"{rows:,} sequences of states of {floats:,} numbers are too many to factorise: "
            f"{int(max(MOST_PRODUCTS**0.5, MOST_PRODUCTS / floats)):,} are the most (ask for fewer --rows)"
        )
    step = request.get("step", 0) or -(-length // 4)
    states = 4 * rows * floats * (length // step + 2)
    free = shutil.disk_usage(tempfile.gettempdir()).free + request.get("limit", DEFAULTS["limit"])
    if states > free:
        raise ValueError(
            f"states of {rows:,} sequences take up to {states / 1e9:,.0f} GB, over the {free / 1e9:,.0f} GB that are "
            "free in memory and the temporary directory (ask for fewer --rows or a larger --step)"
        )
