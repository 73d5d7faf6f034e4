"""Text of the page around its figures: findings, what they rest on, and how the results were made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import pandas as pd

from ..analysis.comparison import LEVEL, best_memories, names, unresolved_rivals
from ..config.length_modes import at_fixed_load
from ..formatting import accuracy, duration, fraction, p_value, span, word_list
from ..results.tables import CHECKS, Results
from ..statistics import seeds_to_show
from .page import definitions, link

STUDY_KEYS = (
    "name", "command", "runs", "versions", "machine", "seconds", "checksums", "written", "commands", "unfinished",
)  # fmt: skip


def findings(numbers: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Sentences on `compare_memories` that `pair_differences` supports: leaders, ties, runs that did not converge."""
    if not len(numbers):
        return ["No run has finished yet."]
    wins: dict[str, list[str]] = {}
    first: dict[str, list[str]] = {}
    ties: dict[str, list[str]] = {}
    shown, sentences = best_memories(pairs), []
    for task, part in numbers.groupby("task", sort=False):
        rivals = pairs[pairs["task"] == task]
        if not len(rivals):
            sentences.append(f"On {task}, {part['memory'].iloc[0]} reaches {accuracy(part.iloc[0])}.")
            continue
        leader = str(rivals["memory"].iloc[0])
        reached = part[part["memory"] == leader].iloc[0]
        second = part[part["memory"] != leader].sort_values("mean", ascending=False, kind="stable").iloc[0]
        words = f"{task} ({accuracy(reached)}; next {second['memory']}, {accuracy(second)}"
        if (task, leader) in shown:
            wins.setdefault(leader, []).append(f"{words}; {p_value(rivals['p_holm'].iloc[0])})")
        elif (rivals["low"] > 0).all() and rivals["verdict"].str.endswith("cannot show it").any():
            first.setdefault(leader, []).append(f"{words})")
        elif tied := unresolved_rivals(rivals):
            ties.setdefault(word_list([leader, *tied]), []).append(str(task))
        if others := [str(m) for m in rivals["against"][rivals["verdict"] == "other sequences"]]:
            sentences.append(f"On {task}, {word_list(others)} answered other sequences than {leader}: not compared.")
    if wins:
        sentences.append(f"Most is recalled by {by_memory(wins)}.")
    if first:
        sentences.append(f"First came {by_memory(first)}. {few_seeds(numbers)}")
    sentences += [
        f"No memory stands out on {word_list(tasks)}: {memories} do not differ significantly."
        for memories, tasks in ties.items()
    ]
    return sentences + unconverged_runs(numbers)


def by_memory(tasks: dict[str, list[str]]) -> str:
    """Memories and their tasks in words: `a on x and y; b on z`."""
    return "; ".join(f"{memory} on {word_list(words)}" for memory, words in tasks.items())


def seeds_needed(numbers: pd.DataFrame) -> int:
    """Fewest seeds of each memory that can show who is first on each task, all tasks together."""
    claims = int((numbers.groupby("task")["memory"].nunique() > 1).sum())
    return seeds_to_show(max(1, claims), LEVEL)


def few_seeds(numbers: pd.DataFrame) -> str:
    """A sentence on the number of seeds that could show who is first; empty where there are enough."""
    least, needed, tasks = int(numbers["seeds"].min()), seeds_needed(numbers), numbers["task"].nunique()
    over = f" on {tasks} tasks" if tasks > 1 else ""
    cannot = f"{least} seed{'s' * (least > 1)} cannot show who recalls more: that takes {needed} for each memory{over}."
    return cannot if least < needed else ""


def findings_at_longest(means: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Sentences on the longest test, from `means_over_seeds` and `pair_differences(..., kind="extrapolation")`."""
    ladder = at_fixed_load(means[means["kind"] == "extrapolation"])
    sentences = []
    for task, part in ladder.groupby("task", sort=False):
        length, trained = part["length"].max(), part["length"].min()
        rivals = pairs[(pairs["task"] == task) & (pairs["length"] == length)]
        if length == trained or not len(rivals):
            continue
        reached = {str(r["memory"]): accuracy(r) for _, r in part[part["length"] == length].iterrows()}
        leader = str(rivals["memory"].iloc[0])
        tied = [str(m) for m in rivals["against"][~(rivals["low"] > 0)]]
        leaders = word_list([f"{m} ({reached[m]})" for m in (leader, *tied)])
        shown = (str(task), leader) in best_memories(pairs)
        verb = "do not differ significantly at the top" if tied else "leads" if shown else "comes first"
        sentences.append(f"On {task} at {length:,} tokens, {length // trained} times as far, {leaders} {verb}.")
    return sentences


def unconverged_runs(numbers: pd.DataFrame) -> list[str]:
    """One sentence for the runs whose number is where they were stopped, not where they would end."""
    missing = numbers[numbers["solved"] < numbers["seeds"]]
    num_tasks = numbers["task"].nunique()
    places: dict[str, list[str]] = {}
    for memory, part in missing.groupby("memory", sort=False):
        failed = [(r["task"], r["seeds"] - r["solved"], r["seeds"]) for _, r in part.iterrows()]
        where = word_list([f"{t}" + (f" ({k} of {S} seeds)" if k < S else "") for t, k, S in failed])
        everywhere = len(failed) == num_tasks > 1 and all(k == S for _, k, S in failed)
        places.setdefault("every task" if everywhere else where, []).append(str(memory))
    if not places:
        return []
    return [f"Not converged: {'; '.join(f'{word_list(memories)} on {where}' for where, memories in places.items())}."]


def caution(numbers: pd.DataFrame) -> str:
    """A warning where seeds are few; empty where there are enough."""
    if not len(numbers) or not (cannot := few_seeds(numbers)):
        return ""
    single = numbers["seeds"].min() == 1
    return f"{cannot} {'Intervals say nothing of other seeds.' if single else 'Take this as a first look.'}"


def basis(results: Results, numbers: pd.DataFrame, tables: Iterable[str]) -> str:
    """A list of what findings rest on; `numbers` is `compare_memories(results)`, `tables` the names of CSV files."""
    if not len(numbers):
        return ""
    files = " ".join(link(f"tables/{name}.csv", f"{name}.csv") for name in tables)
    facts = {
        "seeds": escape(seeds_words(numbers)),
        "learning rate": escape(rates_words(results, numbers)),
        "checks for leaks": escape(checks_words(results.scores)),
        "raw tables": f"in the folder <code>tables</code> beside this page: {files}",
    }
    return definitions(facts, "basis")


def seeds_words(numbers: pd.DataFrame) -> str:
    """The number of seeds of each memory, and whether it can carry a claim."""
    tasks, needed = numbers["task"].nunique(), seeds_needed(numbers)
    over = f"{tasks} tasks" if tasks > 1 else "one task"
    words = f"{span(numbers['seeds'])} of each memory on each task: "
    if few_seeds(numbers):
        return f"{words}too few to carry a claim on {over}, which takes {needed} or more."
    return f"{words}enough to carry a claim on {over} ({needed} or more)."


def rates_words(results: Results, numbers: pd.DataFrame) -> str:
    """The learning rate of each memory, and the rates it was chosen from."""
    chosen = numbers.dropna(subset=["learning_rate"])
    tried = sorted(set(results.rates["learning_rate"]))
    grid = word_list([f"{rate:g}" for rate in tried])
    if not len(chosen):
        none = f"{grid}; no" if tried else "No"
        return f"{none} other was tried, so that a memory may do better at a rate of its own."
    how = f"Chosen for each seed of a memory by the validation of its other seeds, of {grid}; by all seeds together"
    if len(chosen) == len(numbers) and chosen["learning_rate"].nunique() == 1:
        same = chosen["learning_rate"].iloc[0]
        return f"{how}: {same:g} for every memory on every task."
    parts = []
    for memory in names(results, "memory"):
        mine = chosen[chosen["memory"] == memory]
        tasks = {f"{rate:g}": list(part["task"]) for rate, part in mine.groupby("learning_rate", sort=False)}
        words = [rate + (f" ({word_list(some)})" if len(tasks) > 1 else "") for rate, some in tasks.items()]
        parts.append(f"{memory} {word_list(words)}" if words else f"{memory}, for which no other was tried")
    return f"{how}: {'; '.join(parts)}."


def checks_words(scores: pd.DataFrame) -> str:
    """The number of runs that passed both checks for leaks; a run that fails one is never saved."""
    tests = scores[scores["kind"] == "test"]
    known = tests.dropna(subset=list(CHECKS))
    if not len(known):
        return "Not known: the runs are older than the checks."
    initial, cut_off = (fraction(known[name].max()) for name in CHECKS)
    rest = f" {len(tests) - len(known):,} are older than the checks." if len(known) < len(tests) else ""
    return (
        f"Passed by {len(known):,} of {len(tests):,} runs: untrained, none scores more than {initial}; with its memory "
        f"cut off, none more than {cut_off}: no more than a reader without memory might.{rest}"
    )


def provenance(results: Results) -> str:
    """The last section: how the results were made, as far as the study says it."""
    study, runs = results.study, results.study.get("runs") or []
    seeds = sorted(results.scores["seed"].unique())
    seconds = study.get("seconds")
    facts = {
        "command": f"<code>{escape(str(study['command']))}</code>" if study.get("command") else "",
        "seeds": ", ".join(str(s) for s in seeds),
        "wall time": duration(seconds) if isinstance(seconds, int | float) else "",
        "written": value_html(study.get("written")),
        "machine": value_html(study.get("machine")),
        "versions": value_html(study.get("versions")),
        "checksums of the sequences": value_html(study.get("checksums")),
    } | {str(key): value_html(value) for key, value in study.items() if key not in STUDY_KEYS}
    # One line of JSON per run: each can be read back as it stands.
    lines = "\n".join(escape(json.dumps(run, ensure_ascii=False, default=str)) for run in runs)
    exact = f"<details><summary>Exact configurations of {len(runs):,} runs</summary><pre>{lines}</pre></details>"
    body = definitions(facts) + (exact if runs else "")
    return f'<section id="provenance"><h2>How it was made</h2>{body}</section>'


def value_html(value: Any) -> str:
    """A value as HTML: a mapping as a list of keys and values, anything else as text."""
    if isinstance(value, Mapping):
        pairs = (f"<li><span>{escape(str(k))}</span> {value_html(v)}</li>" for k, v in value.items())
        return f'<ul class="facts">{"".join(pairs)}</ul>' if value else ""
    if isinstance(value, list | tuple):
        return escape(", ".join(str(v) for v in value))
    return "" if value is None else escape(str(value))
