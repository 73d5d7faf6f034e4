"""recall ls: what there is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from recall_tasks.task import MAX_LENGTH

from ..arguments import Parser, whole

KINDS = ("tasks", "memories", "readers", "presets")


def run(words: Sequence[str]) -> int:
    parser = Parser(prog="recall ls", description="List tasks, memories, readers and presets.")
    parser.add_argument("kind", nargs="?", choices=KINDS, help="only these (default: all)")
    parser.add_argument("--length", type=whole, default=64, metavar="N", help="length at which tasks are measured")
    arguments = parser.parse_args(words)
    if not 1 <= arguments.length <= MAX_LENGTH:
        parser.error(f"--length takes 1 to {MAX_LENGTH:,} tokens, not {arguments.length}")
    from .tables import plain_console

    console = plain_console()
    for kind in [arguments.kind] if arguments.kind else KINDS:
        console.print(TABLES[kind](arguments.length))
    return 0


def _table(title: str, *heads: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, title_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def tasks(length: int) -> Table:
    from recall_tasks import TASKS

    table = _table(f"tasks at length {length}", "name", "asks", "vocabulary", "payload", "chance", "presets")
    for name, kind in TASKS.items():
        task = kind()
        payload = f"{task.payload_bits(length):.1f} bits" if task.min_length <= length else f"needs {task.min_length}"
        table.add_row(
            name, first_sentence(kind), str(task.vocab_size), payload, f"{100 * task.chance:.1f} %",
            ", ".join(kind.presets),
        )  # fmt: skip
    return table


def memories(length: int) -> Table:
    from models import MEMORIES, memory_options

    table = _table(f"memories at width 32, length {length}", "name", "is", "state floats", "options")
    for name, kind in MEMORIES.items():
        options = ", ".join(f"{key}={value}" for key, value in memory_options(kind).items())
        table.add_row(name, first_sentence(kind), f"{kind(32).state_floats(length):,}", options)
    return table


def readers(length: int) -> Table:
    from ..probes import READERS

    table = _table("readers of states", "name", "is")
    for name, kind in READERS.items():
        table.add_row(name, (__import__(kind.__module__, fromlist=["_"]).__doc__ or "").strip().splitlines()[0])
    return table


def presets(length: int) -> Table:
    from ..presets import PRESETS

    table = _table("presets of recall compare", "name", "is", "runs")
    for name, preset in PRESETS.items():
        table.add_row(name, first_sentence(preset), str(len(preset().runs)))
    return table


def first_sentence(thing: object) -> str:
    lines = (thing.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""


TABLES = {"tasks": tasks, "memories": memories, "readers": readers, "presets": presets}
