"""The tables of the studies as Markdown: the part of docs/memories.md that says what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from recall_tasks.markdown import prose, table

from ..formatting import accuracy, amount, duration, share
from . import tables

SEEN = """\
## Seen working

What the memories did, at sizes that train in seconds: a first look, by three seeds at one learning rate. Cells are
mean accuracies over seeds with 95 % intervals over seeds and test rows, which so few seeds do not hold
([measuring.md](measuring.md)). *Floors* are what readers score that do not recall: chance, memoryless, bag (which
values were shown, not whose), position, recency. A floor of 1.00 is no floor but what a task does not test: a memory
that keeps values in order is right about copies and never binds anything, so on `copy` position alone scores 1.00,
and what counts is to be above the others."""


def seen(folder: Path) -> list[str]:
    """The tables of the studies, or what to run where there are none."""
    studies, tasks = tables.read("studies", folder), tables.read("tasks", folder)
    if not len(studies):
        return [SEEN, "Nothing was run yet: `make memories` trains and writes this."]
    parts = [SEEN, command(studies)]
    against = tables.read("contrasts", folder)
    for study, heading, write in (
        ("memories", "Every memory on three tasks", side_by_side),
        ("caching", "Caches, against what they cost", over_lengths),
        ("elastic", "Elastic Memory over N", over_coefficients),
    ):
        measured = tables.read(study, folder)
        if len(measured):
            about = studies[studies["study"] == study].iloc[0]
            parts += [f"### {heading}", setting(about, tasks[tasks["study"] == study]), *write(measured)]
            if len(mine := against[against["study"] == study]):
                parts.append(contrasts(mine))
        if study == "elastic" and len(swapped := tables.read("swapped", folder)):
            parts += swaps(swapped)
    return parts + probe(tables.read("legs", folder)) + learning(tables.read("inner", folder))


def command(studies: pd.DataFrame) -> str:
    """What regenerates it all, where it was run and how long it took."""
    first = studies.iloc[0]
    took = " and ".join(f"`{s['study']}` {duration(s['seconds'])}" for _, s in studies.iterrows())
    return (
        f"`make memories` regenerates all of it. On {first['workers']} cores of {prose(str(first['processor']))}, "
        f"torch {first['torch']}, training and testing took: {took}."
    )


def setting(about: pd.Series[Any], tasks: pd.DataFrame) -> str:
    """What was asked of whom, and with how much training."""
    asked = "; ".join(
        f"`{t['task']}` in {t['length']} tokens ({t['fields'].replace('_', ' ')})" for _, t in tasks.iterrows()
    )
    return (
        f"{asked}. {about['layers']} layers of width {about['width']}, {about['seeds']} seeds, at most "
        f"{about['updates']:,} updates of {about['tokens']:,} tokens at a rate of {about['learning_rate']:g}, "
        f"{about['rows']} test rows at the training length and {about['longer_rows']} at longer ones. "
        f"`recall compare --preset {about['study']}` trains and tests; data: "
        f"[{about['study']}.csv](memories/{about['study']}.csv)."
    )


def side_by_side(measured: pd.DataFrame) -> list[str]:
    """A row a memory, a column a task, at the training length; what is not above its floor says so."""
    here = measured[measured["length"] == measured["train_length"]]
    tasks = list(dict.fromkeys(here["task"]))
    rows, below = [], []
    for memory, mine in here.groupby("memory", sort=False):
        by_task = {r["task"]: r for _, r in mine.iterrows()}
        low = [task for task in tasks if by_task[task]["low"] <= by_task[task]["floor"]]
        below += [f"`{memory}` on `{task}` ({accuracy(by_task[task])})" for task in low]
        cells = [accuracy(by_task[t]) + ("; not above" if t in low else "; " + solved(by_task[t])) for t in tasks]
        rows.append((f"[{memory}](#{memory})", *cells, mine["options"].iloc[0]))
    floors = [said_floor(here[here["task"] == task].iloc[0]) for task in tasks]
    above = len(rows) * len(tasks) - len(below)
    verdict = f"Of {len(rows) * len(tasks)} intervals, {above} lie wholly above the floor."
    verdict += f" Not above it: {'; '.join(below)}." * bool(below)
    return [verdict, table(("memory", *tasks, "options"), [*rows, ("floor", *floors, "")])]


def said_floor(row: pd.Series[Any]) -> str:
    perfect = str(row["perfect"]).split()
    return f"{row['floor_name']} {share(row['floor'])}" + f"; {', '.join(perfect)} 1.00" * bool(perfect)


def solved(row: pd.Series[Any]) -> str:
    """Seeds that reached 99 % and the median of updates they took."""
    took = f" in {amount(row['updates'])}" if row["solved"] else ""
    return f"{row['solved']} of {row['seeds']} solved{took}"


def over_lengths(measured: pd.DataFrame) -> list[str]:
    """A row a memory, a column a length; bytes at the training length and at the longest."""
    lengths = sorted(set(measured["length"]))
    rows = []
    for memory, mine in measured.groupby("memory", sort=False):
        at = {r["length"]: r for _, r in mine.iterrows()}
        held = " to ".join(dict.fromkeys(amount(at[n]["state_bytes"]) for n in (lengths[0], lengths[-1])))
        options = mine["options"].iloc[0]
        rows.append(
            (str(memory), *(accuracy(at[n]) for n in lengths), held, amount(at[lengths[0]]["parameters"]), options)
        )
    first = measured.groupby("length").first()
    floors = (share(first.loc[n, "floor"]) for n in lengths)
    heads = ("memory", *(f"{n:,} tokens" for n in lengths), "state bytes", "parameters", "options")
    drawn = "![Accuracy against length](memories/caching.png)"
    return [table(heads, [*rows, ("floor", *floors, "", "", "")], "l" + "l" * len(lengths) + "rrl"), drawn]


def over_coefficients(measured: pd.DataFrame) -> list[str]:
    """A row a bank and N, a column a sampling and length."""
    parts = measured["memory"].str.extract(r"(?P<bank>\w+) (?P<N>\d+), (?P<sampling>\w+)")
    measured, lengths = measured.join(parts), sorted(set(measured["length"]))
    samplings = list(dict.fromkeys(measured["sampling"]))
    rows = []
    for (bank, N), mine in measured.groupby(["bank", "N"], sort=False):
        at = {(r["sampling"], r["length"]): r for _, r in mine.iterrows()}
        cells = [accuracy(at[s, n]) if (s, n) in at else "" for s in samplings for n in lengths]
        rows.append((str(bank), str(N), *cells, amount(mine["state_bytes"].iloc[0])))
    floors = [share(measured.loc[measured["length"] == n, "floor"].iloc[0]) for _ in samplings for n in lengths]
    heads = ("bank", "N", *(f"{s}, {n:,} tokens" for s in samplings for n in lengths), "state bytes")
    drawn = "![Accuracy against N](memories/elastic.png)"
    return [table(heads, [*rows, ("floor", "", *floors, "")], "lr" + "l" * len(floors) + "r"), drawn]


def contrasts(against: pd.DataFrame) -> str:
    """Differences of accuracy, a column a length."""
    lengths = sorted(set(against["length"]))
    rows = []
    for (one, other), mine in against.groupby(["one", "other"], sort=False):
        at = {r["length"]: r for _, r in mine.iterrows()}
        rows.append((f"{one} − {other}", *(signed(at[n]) if n in at else "" for n in lengths)))
    said = "Differences of accuracy, with 95 % intervals; seeds of the two are drawn apart, test rows together:"
    return f"{said}\n\n" + table(("memories", *(f"{n:,} tokens" for n in lengths)), rows)


def signed(row: pd.Series[Any]) -> str:
    difference, low, high = (f"{row[name]:+.3f}".replace("-", "−") for name in ("difference", "low", "high"))
    return f"{difference} [{low} to {high}]"


def swaps(swapped: pd.DataFrame) -> list[str]:
    """Elastic Memory read otherwise than trained: a row for each N and training, a column for each reading."""
    columns = list(dict.fromkeys(zip(swapped["kind"], swapped["read"].astype(str), strict=True)))
    rows = []
    for (N, trained), mine in swapped.groupby(["N", "trained"], sort=False):
        at = {(r["kind"], str(r["read"])): r for _, r in mine.iterrows()}
        rows.append((str(N), str(trained), *(accuracy(at[c]) for c in columns)))
    named = {"sampling": "read at {} places", "corruption": "noise {}"}
    heads = ("N", "trained at", *(named[kind].format(read) for kind, read in columns))
    said = (
        "The same models, without more training, read at other places than they were trained with, and with a share "
        "of what a block sees of itself replaced by noise (its memory is made of what was there). Data: "
        "[swapped.csv](memories/swapped.csv)."
    )
    return ["### Elastic Memory read otherwise", said, table(heads, rows, "rl")]


def probe(legs: pd.DataFrame) -> list[str]:
    """The probe of LegS coefficients against its analytic curve."""
    if not len(legs):
        return []
    rows = []
    for N, mine in legs.groupby("N", sort=False):
        apart = (mine["recovered"] - mine["resolution"]).abs().max()
        rows.append((str(N), f"{mine['recovered'].sum():.2f}", f"{mine['resolution'].sum():.2f}", f"{apart:.3f}"))
    said = (
        f"Independent tokens of +1 and −1, {len(legs['age'].unique())} of them, kept as N coefficients; a ridge probe "
        "reads each token back. The share of its variance that can be recovered is known in closed form "
        "(`models/hippo/legendre.py`, `resolution`): most at both ends, least in the middle, N tokens' worth in all. "
        "Data: [legs.csv](memories/legs.csv)."
    )
    heads = ("N", "tokens' worth, by the probe", "in closed form", "largest difference at any age")
    drawn = "![Share recovered against age](memories/legs.png)"
    return ["### A probe of LegS against its curve", said, table(heads, rows, "rrrr"), drawn]


def learning(inner: pd.DataFrame) -> list[str]:
    """The inner loss of deep memories over passes."""
    if not len(inner):
        return []
    passes = sorted(set(inner["passes"]))
    rows = []
    for rule, mine in inner.groupby("rule", sort=False):
        at = {r["passes"]: r for _, r in mine.iterrows()}
        rows.append(
            (f"`{rule}`", *(f"{at[n]['loss']:.2f} [{at[n]['least']:.2f} to {at[n]['most']:.2f}]" for n in passes))
        )
    said = (
        "Deep memories learn while they read. Here 16 pairs of size 32 are shown over and over to memories that nobody "
        "trained: each memory's own loss on the pairs, the mean over eight seeds and their range "
        "(`runners/memory_guide/inner.py`; data: [inner.csv](memories/inner.csv))."
    )
    heads = ("loss after", *("nothing" if n == 0 else "1 pass" if n == 1 else f"{n} passes" for n in passes))
    return ["### The inner loss of deep memories", said, table(heads, rows, "l" + "r" * len(passes))]
