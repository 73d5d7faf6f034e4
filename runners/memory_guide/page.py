"""The page of memories, docs/memories.md: each in its own words and numbers, and what it was seen to do.

`make docs` writes it, and a test holds it to the registry and the tables.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from models import MEMORIES, Memory, memory_options
from models.caching.memory import CachingMemory
from models.recurrent import Recurrent
from recall_tasks.markdown import docstring, first_sentence, linked, table

from ..formatting import amount
from . import tables
from .shown import seen

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
carries of one sequence, in numbers of four bytes, after {length} and after {longer} tokens.
"""


def page(memories: Mapping[str, type[Memory]] = MEMORIES, folder: Path = tables.FOLDER) -> str:
    """The whole page, as Markdown."""
    parts = [OPENING.format(count=len(memories), width=WIDTH, length=LENGTH, longer=f"{LONGER:,}"), contents(memories)]
    shown: dict[str, str] = {}
    for heading in FAMILIES:
        mine = {name: kind for name, kind in memories.items() if family(name, kind) == heading}
        parts += [f"## {heading}"] * bool(mine) + [section(name, kind, shown) for name, kind in mine.items()]
    return "\n\n".join([*(part.strip("\n") for part in parts), *seen(folder)]) + "\n"


def family(name: str, kind: type[Memory]) -> str:
    """The heading a memory stands under."""
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
    rows = []
    for name, kind in sorted(memories.items(), key=lambda item: FAMILIES.index(family(*item))):
        rows.append((f"[{name}](#{name})", first_sentence(kind), *map(amount, numbers(kind))))
    heads = ("memory", "what it keeps", "parameters", f"state, {LENGTH} tokens", f"state, {LONGER:,} tokens")
    return table(heads, rows, "llrrr")


def numbers(kind: type[Memory]) -> tuple[int, int, int]:
    """Parameters, and numbers in the state after LENGTH and LONGER tokens."""
    memory = kind(WIDTH)
    return sum(p.numel() for p in memory.parameters()), memory.state_floats(LENGTH), memory.state_floats(LONGER)


def section(name: str, kind: type[Memory], shown: dict[str, str]) -> str:
    """All that is said of one memory; `shown` are modules with their equations on the page, and under whose name."""
    parameters, state, longer = map(amount, numbers(kind))
    parts = [f"### {name}", told(kind)]
    if kind.__module__ in shown:
        first = shown[kind.__module__]
        parts.append(f"Equations and source: see [{first}](#{first}).")
    else:
        shown[kind.__module__] = name
        parts.append(told(sys.modules[kind.__module__]))
    parts.append(
        f"{parameters} parameters; a state of {state} numbers after {LENGTH} tokens, {longer} after {LONGER:,}."
    )
    options = memory_options(kind)
    rows = [(f"`{option}`", kind.options.get(option, ""), f"`{typed(default)}`") for option, default in options.items()]
    parts.append(table(("option", "meaning", "default"), rows) if rows else "It has no options.")
    return "\n\n".join([*parts, code(kind)])


def told(thing: object) -> str:
    """A docstring as Markdown, its papers as links; equations stay as they are."""
    lines = docstring(thing).split("\n")
    return "\n".join(line if line.startswith("    ") else linked(line) for line in lines)


def code(kind: type[Memory]) -> str:
    """Where a memory, its fast form and its definition are written."""
    where = {form: file_of(next(c for c in kind.__mro__ if form in vars(c))) for form in ("forward", "definition")}
    own = file_of(kind)
    apart = [f"`{form}` in {link(path)}" for form, path in where.items() if path != own]
    if len(apart) == 2 and where["forward"] == where["definition"]:
        apart = [f"`forward` and `definition` in {link(where['forward'])}"]
    return f"Code: {'; '.join([link(own), *apart])}."


def file_of(kind: type) -> str:
    return f"{kind.__module__.replace('.', '/')}.py"


def link(path: str) -> str:
    return f"[{path}](../{path})"


def typed(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
