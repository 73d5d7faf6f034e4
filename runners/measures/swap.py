"""Swap: a finished run tested with another memory in place of its own, its weights as they are.

A request has the keys that `Swap.flags` fill (ladder, rows, gate_updates), and

    memory    that takes the place: a name, or FILE.py:CLASS
    options   of it; those that are not named are as in training where both memories have them

The run as it was trained is tested on the same sequences, so that every difference is paired.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..config.custom_code import allow, check_recorded, options_of, source_digest
from ..config.messages import Watch, silent
from ..evaluation.columns import ANSWERS, SCORE
from ..storage.schema import Table, columns
from .measure import SEQUENCES, Flag, Measure, Measured, Record, Request, check_values

if TYPE_CHECKING:
    from torch import Tensor

    from models import SequenceModel

    from ..config.run import Run
    from ..evaluation.scored_table import ScoredTable

LADDER = (1, 2, 4, 8, 16)
ROWS = 256
AS_TRAINED = "as trained"
"""The `swapped` of a run's own memory."""

SWAPPED = columns(f"""
    swapped: str | the memory in place, with the options given; "{AS_TRAINED}" for the run's own
    gate_updates: int updates | that trained its gates alone
""")
SWAPS = Table(
    "swaps",
    "One record for each memory in place and length.",
    (
        *SWAPPED,
        *columns("""
            other_memory: str | name of the memory in place, or FILE.py:CLASS; "" for the run's own
            other_options: str | options given to it, as JSON
        """),
        *SCORE,
    ),
)
SWAP_SEQUENCES = Table("swap_sequences", "One record for each sequence of those tests.", (*SWAPPED, *ANSWERS))


class Swap(Measure):
    """Accuracy with another memory in place of the one that was trained."""

    name = "swap"
    command = "swap"
    meaning = "test finished runs with another memory in place of their own"
    description = (
        "Test finished runs with another memory in place of their own, their weights as they are:\n"
        "a recurrent memory with caches (average, grm, ssc, ...), Elastic Memory with another sampling, an oracle.\n"
        "`recall swap MEMORY --help` lists the memory's options; those not given are as in training."
    )
    tables = (SWAPS, SWAP_SEQUENCES)
    shape = {"done": [{"swap": str, "multiple": int, "rows": int}]}  # noqa: RUF012
    positional = "memory"
    flags = (
        Flag("ladder", int, "multiples of the training length", LADDER, least=1, several=True),
        Flag(SEQUENCES[1], int, "test sequences at each length", ROWS, least=1, key=SEQUENCES[0]),
        Flag("gate-updates", int, "updates that train gates alone", 0, least=0, key="gate_updates"),
    )

    def flags_for(self, words: Sequence[str], described: bool = True) -> tuple[Flag, ...]:
        """Its flags, and one for each option of the memory named first."""
        if not words:
            return self.flags
        return self.flags + tuple(
            Flag(name, type(default), meaning, key=None, shown_default=default)
            for name, (default, meaning) in options_of(words[0], described).items()
        )

    def request(self, given: Mapping[str, Any]) -> Request:
        from ..config.run import ModelSetting  # numpy and pydantic, which help does without

        own = {flag.name for flag in self.flags} | {"memory"}
        options = {name: value for name, value in given.items() if name not in own and value is not None}
        setting = ModelSetting(given["memory"], options)
        return {
            "memory": setting.memory,
            "options": setting.options,
            "ladder": sorted(set(given["ladder"])),
            "rows": given["sequences"],
            "gate_updates": given["gate-updates"],
        }

    def check(self, run: Run, request: Request) -> None:
        """Raise ValueError where the weights of the run do not fit the memory, or it has no gates to train."""
        from models.post_training import only_gates  # torch

        check_values(self, request, "options")
        if not isinstance(request.get("memory"), str) or not isinstance(request.get("options", {}), dict):
            raise ValueError("swap takes the name of a memory, and options as a table of values")
        if not request.get("ladder"):
            raise ValueError("swap needs a ladder of lengths to test")
        _, model = swapped_model(run, run.build(), request)
        if request.get("gate_updates"):
            only_gates(model)
        for multiple in request["ladder"]:
            run.task.task.check_length(multiple * run.task.length)

    def remaining(self, record: Record | None, request: Request) -> Request | None:
        """The multiples of the length at which this swap was not tested on as many sequences."""
        code, rows = swap_code(request), request.get("rows", ROWS)
        done = {d["multiple"]: d["rows"] for d in (record or {"done": []})["done"] if d["swap"] == code}
        left = [multiple for multiple in request["ladder"] if done.get(multiple, 0) < rows]
        return {**request, "ladder": left} if left else None

    def measure(self, run: Run, model: SequenceModel, request: Request, watch: Watch = silent) -> Measured:
        """Scores of the memory in place and of the run's own: {"done"} and the tables."""
        from ..evaluation.evaluate import outputs  # torch
        from ..evaluation.scored_table import score_tables
        from ..training.swap import with_trained_gates

        allow(request["memory"])
        updates, rows = request.get("gate_updates", 0), request.get("rows", ROWS)
        new, other = swapped_model(run, model, request)
        if updates:
            watch(f"training the gates of {new.label}")
            other = with_trained_gates(new, other, updates)
        record: Record = {"done": []} | {table.name: [] for table in self.tables}
        answers: dict[str, Tensor] = {}
        for multiple in sorted(request["ladder"]):
            length = multiple * run.task.length
            tests = ((AS_TRAINED, 0, run, model), (swap_label(request), updates, new, other))
            for label, trained, tested, its_model in tests:
                scored, tables = score_tables(tested, its_model, run.task.task, length, rows, watch)
                place = {"swapped": label, "gate_updates": trained}
                record["swaps"] += [place | other_memory(label, request) | one for one in tables["scores"]]
                record["swap_sequences"] += [place | one for one in tables["sequences"]]
                answers |= outputs(scored, f"{label}/{trained}/{length}")
            record["done"].append({"swap": swap_code(request), "multiple": multiple, "rows": rows})
        return record, answers

    def merge(self, old: Record, new: Record) -> Record:
        """Both records; the new one's tests where both tested one memory at one length."""

        def place(one: Mapping[str, Any]) -> tuple[str, int, int]:
            return one["swapped"], one["gate_updates"], one["length"]

        again = {place(one) for one in new["swaps"]}
        codes = {(done["swap"], done["multiple"]) for done in new["done"]}
        merged: Record = {"done": [d for d in old["done"] if (d["swap"], d["multiple"]) not in codes] + new["done"]}
        for table in (table.name for table in self.tables):
            merged[table] = [one for one in old[table] if place(one) not in again] + new[table]
        return merged

    def scored_tables(self) -> tuple[ScoredTable, ...]:
        from ..evaluation.evaluate import score_record, sequence_records  # torch
        from ..evaluation.scored_table import ScoredTable, tested_task

        about = ("swapped", "gate_updates")
        others = {"swap_sequences": sequence_records}
        return (ScoredTable("swaps", tested_task, score_record, others, about, swapped_run),)


def swapped_model(run: Run, model: SequenceModel, request: Request) -> tuple[Run, SequenceModel]:
    """The run with the requested memory, and its model with the weights of `model`."""
    from ..training.swap import swap_memory  # torch

    return swap_memory(run, model, request["memory"], request.get("options", {}))


def other_memory(label: str, request: Request) -> dict[str, str]:
    """Name and options of the memory in place, as columns."""
    if label == AS_TRAINED:
        return {"other_memory": "", "other_options": "{}"}
    return {"other_memory": request["memory"], "other_options": json.dumps(request.get("options", {}), sort_keys=True)}


def swapped_run(run: Run, record: Mapping[str, Any]) -> Run:
    """The run whose model gave the answers of a record of `swaps`."""
    if record["swapped"] == AS_TRAINED:
        return run
    request = {"memory": record["other_memory"], "options": json.loads(record["other_options"])}
    check_recorded(request["memory"])
    return swapped_model(run, run.build(), request)[0]


def swap_label(request: Request) -> str:
    """The memory in place as people read it: `grm, segment 16`."""
    from ..config.run import ModelSetting  # as above

    setting = ModelSetting(request["memory"], request.get("options", {}))
    options = [f"{key.replace('_', ' ')} {value}" for key, value in setting.options.items()]
    return ", ".join([setting.label or setting.memory, *options])


def swap_code(request: Request) -> str:
    """All that decides the numbers of a swap besides the run, as canonical JSON; the code of a user's memory too."""
    decisive = {
        "memory": request["memory"],
        "options": request.get("options", {}),
        "gate_updates": request.get("gate_updates", 0),
        "source": source_digest(request["memory"]),
    }
    return json.dumps(decisive, sort_keys=True)
