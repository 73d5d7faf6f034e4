"""What a comparison found, in sentences: only what the differences between memories support."""

from __future__ import annotations

import pandas as pd

from ..analysis.comparison import LEVEL, best_memories, unresolved_rivals
from ..config.length_modes import at_fixed_load
from ..formatting import accuracy, p_value, word_list
from ..statistics import seeds_to_show
from ..studies.study import FEW_SEEDS


def findings(numbers: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Sentences from `compare_memories` and `paired`: who stands out, who is not told apart, what did not converge."""
    if not len(numbers):
        return ["No run has finished yet."]
    wins: dict[str, list[str]] = {}
    first: dict[str, list[str]] = {}
    level: dict[str, list[str]] = {}
    shown, sentences = best_memories(pairs), []
    for task, part in numbers.groupby("task", sort=False):
        rivals = pairs[pairs["task"] == task]
        if not len(rivals):
            sentences.append(f"On {task}, {part['memory'].iloc[0]} reaches {accuracy(part.iloc[0])}.")
            continue
        leader = str(rivals["memory"].iloc[0])
        reached = part[part["memory"] == leader].iloc[0]
        second = part[part["memory"] != leader].sort_values("mean", ascending=False, kind="stable").iloc[0]
        said = f"{task} ({accuracy(reached)}; next {second['memory']}, {accuracy(second)}"
        if (task, leader) in shown:
            wins.setdefault(leader, []).append(f"{said}; {p_value(rivals['p_holm'].iloc[0])})")
        elif (rivals["low"] > 0).all() and rivals["verdict"].str.endswith("cannot show it").any():
            first.setdefault(leader, []).append(f"{said})")
        elif level_with := unresolved_rivals(rivals):
            level.setdefault(word_list([leader, *level_with]), []).append(str(task))
        if others := [str(m) for m in rivals["against"][rivals["verdict"] == "other rows"]]:
            sentences.append(f"On {task}, {word_list(others)} answered other rows than {leader}: not compared.")
    if wins:
        sentences.append(f"Most is recalled by {by_memory(wins)}.")
    if first:
        sentences.append(f"First came {by_memory(first)}. {what_it_takes(pairs)}")
    sentences += [
        f"No memory stands out on {word_list(tasks)}: {memories} are not told apart."
        for memories, tasks in level.items()
    ]
    return sentences + unconverged(numbers)


def by_memory(tasks: dict[str, list[str]]) -> str:
    return "; ".join(f"{memory} on {word_list(said)}" for memory, said in tasks.items())


def what_it_takes(pairs: pd.DataFrame) -> str:
    """How many seeds would be enough to show who is first on each of these tasks, where there are fewer."""
    least, claims = int(pairs["seeds"].min()), pairs["task"].nunique()
    told = f"{least} seed{'s' * (least > 1)} cannot show that this is more than luck"
    over = f" on {claims} tasks" if claims > 1 else ""
    return f"{told}: that takes {seeds_to_show(claims, LEVEL)} for each memory{over}."


def farther(means: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Sentences on the longest sequences tested; `pairs` are of kind "extrapolation"."""
    ladder = at_fixed_load(means[means["kind"] == "extrapolation"])
    sentences = []
    for task, part in ladder.groupby("task", sort=False):
        length, trained = part["length"].max(), part["length"].min()
        rivals = pairs[(pairs["task"] == task) & (pairs["length"] == length)]
        if length == trained or not len(rivals):
            continue
        reached = {str(r["memory"]): accuracy(r) for _, r in part[part["length"] == length].iterrows()}
        leader = str(rivals["memory"].iloc[0])
        level = [str(m) for m in rivals["against"][~(rivals["low"] > 0)]]
        leaders = word_list([f"{m} ({reached[m]})" for m in (leader, *level)])
        shown = (str(task), leader) in best_memories(pairs)
        verb = "are not told apart at the top" if level else "leads" if shown else "comes first"
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
        places.setdefault("every task" if every else word_list(where), []).append(str(memory))
    if not places:
        return []
    groups = [f"{word_list(memories)} on {where}" for where, memories in places.items()]
    return [f"Not converged: {'; '.join(groups)}."]


def caution(numbers: pd.DataFrame) -> str:
    """What the number of seeds allows one to say; empty where there are enough."""
    seeds = int(numbers["seeds"].min()) if len(numbers) else FEW_SEEDS
    if seeds >= FEW_SEEDS:
        return ""
    if seeds == 1:
        return f"1 seed: intervals say nothing of other seeds. A claim needs {FEW_SEEDS} or more."
    return (
        f"{seeds} seeds: where trainings either solve their task or fail, intervals over so few cover too little. "
        f"Take them as a first look; a claim needs {FEW_SEEDS} seeds or more."
    )
