"""What a comparison found, in sentences: only what the intervals support."""

from __future__ import annotations

import pandas as pd

from .wording import accuracy, listed

FEW_SEEDS = 5


def findings(numbers: pd.DataFrame) -> list[str]:
    """Sentences from `compare_memories`: who stands out, where nobody does, what did not converge."""
    if not len(numbers):
        return ["No run has finished yet."]
    wins: dict[str, list[str]] = {}
    level: dict[str, list[str]] = {}
    alone = []
    for task, part in numbers.groupby("task", sort=False):
        ranked = part.sort_values("mean", ascending=False, kind="stable")
        first = ranked.iloc[0]
        if len(ranked) == 1:
            alone.append(f"On {task}, {first['memory']} reaches {accuracy(first)}.")
        elif first["best"]:
            second = ranked.iloc[1]
            against = f"next {second['memory']}, {accuracy(second)}"
            wins.setdefault(str(first["memory"]), []).append(f"{task} ({accuracy(first)}; {against})")
        else:
            tied = [str(m) for m in ranked["memory"][ranked["high"] >= first["low"]]]
            level.setdefault(listed(tied), []).append(str(task))
    sentences = alone
    if wins:
        groups = "; by ".join(f"{memory} on {listed(tasks)}" for memory, tasks in wins.items())
        sentences.append(f"Most is recalled by {groups}.")
    sentences += [
        f"No memory stands out on {listed(tasks)}: the intervals of {memories} overlap at the top."
        for memories, tasks in level.items()
    ]
    return sentences + unconverged(numbers)


def farther(means: pd.DataFrame) -> list[str]:
    """Sentences on the longest rows tested, from `comparison.means_over_seeds`: who still leads, by its interval."""
    ladder = means[means["kind"] == "extrapolation"]
    sentences = []
    for task, part in ladder.groupby("task", sort=False):
        length, trained = part["length"].max(), part["length"].min()
        ranked = part[part["length"] == length].sort_values("mean", ascending=False, kind="stable")
        if length == trained or len(ranked) < 2:
            continue
        tied = ranked[ranked["high"] >= ranked["low"].iloc[0]]
        leaders = listed([f"{r['memory']} ({accuracy(r)})" for _, r in tied.iterrows()])
        verb = "leads" if len(tied) == 1 else "lead"
        sentences.append(f"On {task} at {length:,} tokens, {length // trained} times as far, {leaders} {verb}.")
    return sentences


def unconverged(numbers: pd.DataFrame) -> list[str]:
    """One sentence for the runs whose number is where they were stopped, not where they would end."""
    missing = numbers[numbers["solved"] < numbers["seeds"]]
    everywhere = numbers["task"].nunique()
    places: dict[str, list[str]] = {}
    for memory, part in missing.groupby("memory", sort=False):
        failed = [(r["task"], r["seeds"] - r["solved"], r["seeds"]) for _, r in part.iterrows()]
        where = [f"{t}" + (f" ({k} of {S} seeds)" if k < S else "") for t, k, S in failed]
        every = len(failed) == everywhere > 1 and all(k == S for _, k, S in failed)
        places.setdefault("every task" if every else listed(where), []).append(str(memory))
    if not places:
        return []
    groups = [f"{listed(memories)} on {where}" for where, memories in places.items()]
    return [f"Not converged: {'; '.join(groups)}."]


def caution(numbers: pd.DataFrame) -> str:
    """What the number of seeds allows one to say; empty where there are enough."""
    seeds = int(numbers["seeds"].min()) if len(numbers) else FEW_SEEDS
    if seeds >= FEW_SEEDS:
        return ""
    if seeds == 1:
        return f"1 seed: intervals say nothing of other seeds. A claim needs {FEW_SEEDS} or more."
    return (
        f"{seeds} seeds: intervals over so few are narrower than they claim. "
        f"Take them as a first look; a claim needs {FEW_SEEDS} seeds or more."
    )
