"""The page docs/memories.md: each memory in its own words and numbers, and the results of the studies.

`make docs` writes it, and a test holds it to the registry and the tables.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from models import MEMORIES, Memory, memory_options
from models.caching.memory import CachingMemory
from models.recurrent import Recurrent
from recall_tasks.markdown import docstring, first_sentence, linked, prose, table

from ..analysis.comparison import LEVEL
from ..formatting import accuracy, amount, difference, duration, fraction, p_value
from . import tables

PAGE = Path("docs/memories.md")
WIDTH, LENGTH, LONGER = 32, 64, 1024

ATTENTION, RULES, CACHING = "Attention to what is kept whole", "Recurrent rules", "Memory Caching"
POLYNOMIALS, OTHERS, CONTROLS = "HiPPO and its kin", "Baselines", "Controls"
FAMILIES = (ATTENTION, RULES, CACHING, POLYNOMIALS, OTHERS, CONTROLS)

OPENING = """\
# Memories

{count} memories, each around the same model: embedding, blocks of (norm, memory, norm, MLP), read-out. `make docs`
writes this page from the registry and from the tables in [docs/memories](memories), `make memories` trains what
[Seen working](#seen-working) shows. `recall ls memories` lists them, `recall train TASK MEMORY --help` shows what can
be set.

Each module opens with the equations of its paper. Every memory is there twice: `definition` takes one token at a time,
as the equations stand, and `forward` is the fast form that models use. Tests hold the two to each other in float64, in
outputs, state and every gradient, and each memory to identities of its paper.

**Parameters** are those of one layer of width {width}, with projections and read-out. **State** is what one layer
carries of one sequence at its fullest, in numbers of four bytes, in {length} and in {longer} tokens.
"""


SEEN = """\
## Seen working

A first look at the memories, at sizes that train in seconds and one learning rate. Cells are mean accuracies over
seeds with 95 % intervals for seeds that spread as these and other test sequences; where seeds solve or fail, how many
solved is the number to read ([measuring.md](measuring.md)). *Floors* are the scores of readers that do not recall:
chance, memoryless, bag (which values were shown, not whose), position, recency. A floor of 1.00 shows what a task does
not test: a memory that keeps values in order copies correctly and never binds anything, so on `copy` position alone
scores 1.00, and what counts is to be above the others."""

CLAIMS = """\
Differences of accuracy, with 95 % intervals over seeds and test sequences (`statistics.paired_difference`). Each pair
is one claim, about {length} tokens: *shown* where p, corrected for the {number} claims of this study (Holm), is below
{level}. Longer sequences are no claims of their own. Data: [contrasts.csv](memories/contrasts.csv)."""


def page(memories: Mapping[str, type[Memory]] = MEMORIES, folder: Path = tables.FOLDER) -> str:
    """The whole page, as Markdown."""
    parts = [OPENING.format(count=len(memories), width=WIDTH, length=LENGTH, longer=f"{LONGER:,}"), contents(memories)]
    shown: dict[str, str] = {}
    for heading in FAMILIES:
        mine = {name: kind for name, kind in memories.items() if family(name, kind) == heading}
        parts += [f"## {heading}"] * bool(mine) + [section(name, kind, shown) for name, kind in mine.items()]
    return "\n\n".join([*(part.strip("\n") for part in parts), *results(folder)]) + "\n"


def family(name: str, kind: type[Memory]) -> str:
    """Heading that a memory stands under."""
    if kind.__module__.endswith(".controls"):
        return CONTROLS
    if issubclass(kind, CachingMemory) or name.startswith("log_linear"):
        return CACHING
    if issubclass(kind, Recurrent):
        return RULES
    if name in ("attention", "window"):
        return ATTENTION
    return POLYNOMIALS if name == "elastic" or name.startswith(("hippo", "lmu")) else OTHERS


def contents(memories: Mapping[str, type[Memory]]) -> str:
    """A line for each memory, family by family."""
    lines = []
    for name, kind in sorted(memories.items(), key=lambda item: FAMILIES.index(family(*item))):
        lines.append((f"[{name}](#{name})", first_sentence(kind), *map(amount, numbers(kind))))
    heads = ("memory", "what it keeps", "parameters", f"state, {LENGTH} tokens", f"state, {LONGER:,} tokens")
    return table(heads, lines, "llrrr")


def numbers(kind: type[Memory]) -> tuple[int, int, int]:
    """Parameters, and numbers in the state at its fullest in LENGTH and LONGER tokens."""
    memory = kind(WIDTH)
    return sum(p.numel() for p in memory.parameters()), memory.fullest_floats(LENGTH), memory.fullest_floats(LONGER)


def section(name: str, kind: type[Memory], shown: dict[str, str]) -> str:
    """Section of one memory; `shown` maps modules whose equations are on the page to their first memory."""
    parameters, state, longer = map(amount, numbers(kind))
    parts = [f"### {name}", markdown(kind)]
    if kind.__module__ in shown:
        first = shown[kind.__module__]
        parts.append(f"Equations and source: see [{first}](#{first}).")
    else:
        shown[kind.__module__] = name
        parts.append(markdown(sys.modules[kind.__module__]))
    parts.append(
        f"{parameters} parameters; a state of up to {state} numbers in {LENGTH} tokens, {longer} in {LONGER:,}."
    )
    options = memory_options(kind)
    lines = [
        (f"`{option}`", kind.options.get(option, ""), f"`{default_text(default)}`")
        for option, default in options.items()
    ]
    parts.append(table(("option", "meaning", "default"), lines) if lines else "It has no options.")
    return "\n\n".join([*parts, code(kind)])


def markdown(thing: object) -> str:
    """Docstring as Markdown, its papers as links; equations stay as they are."""
    lines = docstring(thing).split("\n")
    return "\n".join(line if line.startswith("    ") else linked(line) for line in lines)


def code(kind: type[Memory]) -> str:
    """Files of a memory, its fast form and its definition."""
    files = {form: file_of(next(c for c in kind.__mro__ if form in vars(c))) for form in ("forward", "definition")}
    own = file_of(kind)
    elsewhere = [f"`{form}` in {link(path)}" for form, path in files.items() if path != own]
    if len(elsewhere) == 2 and files["forward"] == files["definition"]:
        elsewhere = [f"`forward` and `definition` in {link(files['forward'])}"]
    return f"Code: {'; '.join([link(own), *elsewhere])}."


def file_of(kind: type) -> str:
    """Path of the module of a class."""
    return f"{kind.__module__.replace('.', '/')}.py"


def link(path: str) -> str:
    """Link from docs/ to a file of the repository."""
    return f"[{path}](../{path})"


def default_text(value: object) -> str:
    """An option's default as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def results(folder: Path) -> list[str]:
    """Results of the studies as text and tables, or the command to run where there are none."""
    studies, tasks = tables.read("studies", folder), tables.read("tasks", folder)
    if not len(studies):
        return [SEEN, "Nothing was run yet: `make memories` trains and writes this."]
    parts = [SEEN, command(studies)]
    pairs = tables.read("contrasts", folder)
    for study, heading, write in (
        ("memories", "Every memory on three tasks", side_by_side),
        ("caching", "Caches, against what they cost", over_lengths),
        ("elastic", "Elastic Memory over N", over_coefficients),
    ):
        measured = tables.read(study, folder)
        if len(measured):
            about = studies[studies["study"] == study].iloc[0]
            parts += [f"### {heading}", setting(about, tasks[tasks["study"] == study]), *write(measured)]
            if len(pairs) and len(mine := pairs[pairs["study"] == study]):
                parts += contrasts(mine)
        if study == "elastic" and len(swapped := tables.read("swapped", folder)):
            parts += swaps(swapped)
    return parts + probe(tables.read("legs", folder)) + learning(tables.read("inner", folder))


def command(studies: pd.DataFrame) -> str:
    """The command that regenerates it all, the machine, and the time it took."""
    first = studies.iloc[0]
    took = " and ".join(f"`{s['study']}` {duration(s['seconds'])}" for _, s in studies.iterrows())
    return (
        f"`make memories` regenerates all of it. On {first['workers']} cores of {prose(str(first['processor']))}, "
        f"torch {first['torch']}, training and testing took: {took}."
    )


def setting(about: pd.Series[Any], tasks: pd.DataFrame) -> str:
    """Tasks, sizes, training and tests of a study."""
    queries = "; ".join(
        f"`{t['task']}` in {t['length']} tokens ({t['fields'].replace('_', ' ')})" for _, t in tasks.iterrows()
    )
    return (
        f"{queries}. {about['layers']} layers of width {about['width']}, {about['seeds']} seeds, at most "
        f"{about['updates']:,} updates of {about['tokens']:,} tokens at a rate of {about['learning_rate']:g}, "
        f"{about['sequences']} test sequences at the training length and {about['longer_sequences']} at longer ones. "
        f"`recall compare --preset {about['study']}` trains and tests; data: "
        f"[{about['study']}.csv](memories/{about['study']}.csv)."
    )


def side_by_side(measured: pd.DataFrame) -> list[str]:
    """A line a memory, a column a task, at the training length; cells not above their floor say so."""
    here = measured[measured["length"] == measured["train_length"]]
    tasks = list(dict.fromkeys(here["task"]))
    lines, below = [], []
    for memory, mine in here.groupby("memory", sort=False):
        by_task = {r["task"]: r for _, r in mine.iterrows()}
        low = [task for task in tasks if by_task[task]["low"] <= by_task[task]["floor"]]
        below += [f"`{memory}` on `{task}` ({accuracy(by_task[task])})" for task in low]
        cells = [accuracy(by_task[t]) + ("; not above" if t in low else "; " + solved_text(by_task[t])) for t in tasks]
        lines.append((f"[{memory}](#{memory})", *cells, mine["options"].iloc[0]))
    floors = [floor_text(here[here["task"] == task].iloc[0]) for task in tasks]
    above = len(lines) * len(tasks) - len(below)
    verdict = f"Of {len(lines) * len(tasks)} intervals, {above} lie wholly above the floor."
    verdict += f" Not above it: {'; '.join(below)}." * bool(below)
    return [verdict, table(("memory", *tasks, "options"), [*lines, ("floor", *floors, "")])]


def floor_text(record: pd.Series[Any]) -> str:
    """Highest floor below 1 with its name, and the floors of 1."""
    perfect = str(record["perfect"]).split()
    return f"{record['floor_name']} {fraction(record['floor'])}" + f"; {', '.join(perfect)} 1.00" * bool(perfect)


def solved_text(record: pd.Series[Any]) -> str:
    """Seeds that reached 99 %, and the median of their updates."""
    took = f" in {amount(record['updates'])}" if record["solved"] else ""
    return f"{record['solved']} of {record['seeds']} solved{took}"


def over_lengths(measured: pd.DataFrame) -> list[str]:
    """A line a memory, a column a length; bytes at the training length and at the longest."""
    lengths = sorted(set(measured["length"]))
    lines = []
    for memory, mine in measured.groupby("memory", sort=False):
        at = {r["length"]: r for _, r in mine.iterrows()}
        sizes = " to ".join(dict.fromkeys(amount(at[n]["state_bytes"]) for n in (lengths[0], lengths[-1])))
        options = mine["options"].iloc[0]
        lines.append(
            (str(memory), *(accuracy(at[n]) for n in lengths), sizes, amount(at[lengths[0]]["parameters"]), options)
        )
    first = measured.groupby("length").first()
    floors = (fraction(first.loc[n, "floor"]) for n in lengths)
    heads = ("memory", *(f"{n:,} tokens" for n in lengths), "state bytes", "parameters", "options")
    figure = "![Accuracy against length](memories/caching.png)"
    return [table(heads, [*lines, ("floor", *floors, "", "", "")], "l" + "l" * len(lengths) + "rrl"), figure]


def over_coefficients(measured: pd.DataFrame) -> list[str]:
    """A line a bank and N, a column a sampling and length."""
    parts = measured["memory"].str.extract(r"(?P<bank>\w+) (?P<N>\d+), (?P<sampling>\w+)")
    measured, lengths = measured.join(parts), sorted(set(measured["length"]))
    samplings = list(dict.fromkeys(measured["sampling"]))
    lines = []
    for (bank, N), mine in measured.groupby(["bank", "N"], sort=False):
        at = {(r["sampling"], r["length"]): r for _, r in mine.iterrows()}
        cells = [accuracy(at[s, n]) if (s, n) in at else "" for s in samplings for n in lengths]
        lines.append((str(bank), str(N), *cells, amount(mine["state_bytes"].iloc[0])))
    floors = [fraction(measured.loc[measured["length"] == n, "floor"].iloc[0]) for _ in samplings for n in lengths]
    heads = ("bank", "N", *(f"{s}, {n:,} tokens" for s in samplings for n in lengths), "state bytes")
    figure = "![Accuracy against N](memories/elastic.png)"
    return [table(heads, [*lines, ("floor", "", *floors, "")], "lr" + "l" * len(floors) + "r"), figure]


def contrasts(pairs: pd.DataFrame) -> list[str]:
    """Pairs of memories: the verdict and its p, and the difference of accuracy, a column a length."""
    lengths = sorted(set(pairs["length"]))
    lines = []
    for (one, other), mine in pairs.groupby(["one", "other"], sort=False):
        at = {record["length"]: record for _, record in mine.iterrows()}
        differences = (difference(at[n]) if n in at else "" for n in lengths)
        lines.append((f"{one} − {other}", verdict_text(at[lengths[0]]), *differences))
    claims = CLAIMS.format(length=lengths[0], number=len(lines), level=LEVEL)
    heads = ("memories", f"at {lengths[0]:,} tokens", *(f"{n:,} tokens" for n in lengths))
    return [claims, table(heads, lines)]


def verdict_text(record: pd.Series[Any]) -> str:
    """Verdict of a contrast with its corrected p: `shown, p = .024`."""
    verdict = "shown" if record["verdict"] in ("above", "below") else str(record["verdict"])
    return verdict if pd.isna(record["p_holm"]) else f"{verdict}, {p_value(record['p_holm'])}"


def swaps(swapped: pd.DataFrame) -> list[str]:
    """Elastic Memory read otherwise than trained: a line for each N and training, a column for each reading."""
    columns = list(dict.fromkeys(zip(swapped["kind"], swapped["read"].astype(str), strict=True)))
    lines = []
    for (N, trained), mine in swapped.groupby(["N", "trained"], sort=False):
        at = {(r["kind"], str(r["read"])): r for _, r in mine.iterrows()}
        lines.append((str(N), str(trained), *(accuracy(at[c]) for c in columns)))
    named = {"sampling": "read at {} places", "corruption": "noise {}"}
    heads = ("N", "trained at", *(named[kind].format(read) for kind, read in columns))
    text = (
        "The same models, without more training, read at other places than they were trained with, and with a fraction "
        "of what a block sees of itself replaced by noise (its memory is made of what was there). Data: "
        "[swapped.csv](memories/swapped.csv)."
    )
    return ["### Elastic Memory read otherwise", text, table(heads, lines, "rl")]


def probe(legs: pd.DataFrame) -> list[str]:
    """The probe of LegS coefficients against its analytic curve."""
    if not len(legs):
        return []
    lines = []
    for N, mine in legs.groupby("N", sort=False):
        largest = (mine["recovered"] - mine["resolution"]).abs().max()
        lines.append((str(N), f"{mine['recovered'].sum():.2f}", f"{mine['resolution'].sum():.2f}", f"{largest:.3f}"))
    text = (
        f"Independent tokens of +1 and −1, {len(legs['age'].unique())} of them, kept as N coefficients; a ridge probe "
        "reads each token back. The fraction of its variance that can be recovered is known in closed form "
        "(`models/hippo/legendre.py`, `resolution`): most at both ends, least in the middle, N tokens' worth in all. "
        "Data: [legs.csv](memories/legs.csv)."
    )
    heads = ("N", "tokens' worth, by the probe", "in closed form", "largest difference at any age")
    figure = "![Fraction recovered against age](memories/legs.png)"
    return ["### A probe of LegS against its curve", text, table(heads, lines, "rrrr"), figure]


def learning(inner: pd.DataFrame) -> list[str]:
    """The inner loss of deep memories over passes."""
    if not len(inner):
        return []
    passes = sorted(set(inner["passes"]))
    lines = []
    for rule, mine in inner.groupby("rule", sort=False):
        at = {r["passes"]: r for _, r in mine.iterrows()}
        lines.append(
            (f"`{rule}`", *(f"{at[n]['loss']:.2f} [{at[n]['least']:.2f} to {at[n]['most']:.2f}]" for n in passes))
        )
    text = (
        "Deep memories learn while they read. Here 16 pairs of size 32 are shown over and over to memories that nobody "
        "trained: each memory's own loss on the pairs, the mean over eight seeds and their range "
        "(`runners/memory_guide/experiments.py`; data: [inner.csv](memories/inner.csv))."
    )
    heads = ("loss after", *("nothing" if n == 0 else "1 pass" if n == 1 else f"{n} passes" for n in passes))
    return ["### The inner loss of deep memories", text, table(heads, lines, "l" + "r" * len(passes))]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
