"""What a report rests on: seeds and what they allow, the rate of each memory, checks for leaks, tables."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import pandas as pd

from ..analysis.comparison import LEVEL, names
from ..formatting import fraction, span, word_list
from ..results.tables import CHECKS, Results
from ..statistics import seeds_to_show
from ..studies.study import FEW_SEEDS
from .page import link


def basis(results: Results, numbers: pd.DataFrame, tables: Iterable[str]) -> str:
    """A list of facts; `numbers` is `compare_memories(results)`, `tables` names those in the folder of tables."""
    if not len(numbers):
        return ""
    files = " ".join(link(f"tables/{name}.csv", f"{name}.csv") for name in tables)
    facts = {
        "seeds": escape(seeds(numbers)),
        "learning rate": escape(rates(results, numbers)),
        "checks for leaks": escape(checks(results.scores)),
        "raw tables": f"in the folder <code>tables</code> beside this page: {files}",
    }
    said = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return f'<dl class="basis">{said}</dl>'


def seeds(numbers: pd.DataFrame) -> str:
    """How many there are of each memory, and whether that carries a claim."""
    least, tasks = int(numbers["seeds"].min()), numbers["task"].nunique()
    needed = max(FEW_SEEDS, seeds_to_show(tasks, LEVEL))
    over = f"{tasks} tasks" if tasks > 1 else "one task"
    said = f"{span(numbers['seeds'])} of each memory on each task: "
    if least >= needed:
        return f"{said}enough to carry a claim on {over} ({needed} or more)."
    return f"{said}too few to carry a claim on {over}, which takes {needed} or more."


def rates(results: Results, numbers: pd.DataFrame) -> str:
    """The rate of each memory, and of how many it was chosen."""
    chosen = numbers.dropna(subset=["learning_rate"])
    if not len(chosen):
        used = sorted(set(results.rates["learning_rate"])) if len(results.rates) else []
        said = f"{word_list([f'{rate:g}' for rate in used])}; no" if used else "No"
        return f"{said} other was tried, so that a memory may do better at a rate of its own."
    of = word_list([f"{rate:g}" for rate in sorted(set(results.rates["learning_rate"]))])
    if len(chosen) == len(numbers) and chosen["learning_rate"].nunique() == 1:
        same = chosen["learning_rate"].iloc[0]
        return f"Chosen for each memory on validation alone, of {of}: {same:g} for every memory on every task."
    parts = []
    for memory in names(results, "memory"):
        mine = chosen[chosen["memory"] == memory]
        at = {f"{rate:g}": list(part["task"]) for rate, part in mine.groupby("learning_rate", sort=False)}
        where = [rate + (f" ({word_list(tasks)})" if len(at) > 1 else "") for rate, tasks in at.items()]
        parts.append(f"{memory} {word_list(where)}" if where else f"{memory}, for which no other was tried")
    return f"Chosen for each memory on validation alone, of {of}: {'; '.join(parts)}."


def checks(scores: pd.DataFrame) -> str:
    """How many runs passed both; a run that does not is never kept."""
    tests = scores[scores["kind"] == "test"]
    known = tests.dropna(subset=list(CHECKS)) if set(CHECKS) <= set(tests) else tests[:0]
    if not len(known):
        return "Not known: the runs are older than the checks."
    initial, cut_off = (fraction(known[name].max()) for name in CHECKS)
    rest = f" {len(tests) - len(known):,} are older than the checks." if len(known) < len(tests) else ""
    return (
        f"Passed by {len(known):,} of {len(tests):,} runs: untrained, none scores more than {initial}; with its memory "
        f"cut off, none more than {cut_off}: no more than a reader without memory might.{rest}"
    )
