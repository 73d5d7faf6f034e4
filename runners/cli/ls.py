"""recall ls: what there is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import JustifyMethod
from rich.measure import Measurement
from rich.table import Table

from recall_tasks import TASKS
from recall_tasks.markdown import first_sentence
from recall_tasks.show import percent
from recall_tasks.task import MAX_LENGTH

from .flags import Mistake, Parser, one_of, sorted_words, whole

ALL = ("tasks", "memories", "readers", "presets")
KINDS = (*ALL, "settings")
OF_TASKS = ("tasks", "settings")
NUMBERS = ("vocabulary", "payload", "chance", "length", "state floats", "runs", "seeds", "rates", "minutes")
WIDEST = 10_000


def run(words: Sequence[str]) -> int:
    parser = Parser(prog="recall ls", description="List tasks, memories, readers, presets, or published settings.")
    kinds = f"{', '.join(ALL)} (default: all these) or settings"
    parser.add_argument("kind", nargs="?", type=one_of("list", KINDS), metavar="KIND", help=kinds)
    known = one_of("task", TASKS, "those that `recall ls tasks` lists")
    parser.add_argument("of", nargs="*", type=known, metavar="TASK", help="tasks and settings of these alone")
    parser.add_argument("--length", type=whole, default=64, metavar="N", help="length at which tasks are measured")
    plain, flags = sorted_words(words)
    arguments = parser.parse_args([*plain, *flags])
    if not 1 <= arguments.length <= MAX_LENGTH:
        parser.error(f"--length takes 1 to {MAX_LENGTH:,} tokens, not {arguments.length}")
    if arguments.of and arguments.kind not in OF_TASKS:
        raise Mistake(f"{arguments.kind} are not listed by task, {' and '.join(OF_TASKS)} are")
    from .console import plain_console

    console = plain_console()
    for kind in [arguments.kind] if arguments.kind else ALL:
        table = TABLES[kind](arguments.length, arguments.of or list(TASKS))
        if not console.is_terminal:  # a line each, whatever reads them
            console.width = max(
                console.width, Measurement.get(console, console.options.update(width=WIDEST), table).maximum
            )
        console.print(table)
    return 0


def _table(title: str, *heads: str, folds: Sequence[str]) -> Table:
    """A table in which the columns named by `folds` give way where the terminal is narrow."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, title_style="bold")
    for head in heads:
        side: JustifyMethod = "right" if head in NUMBERS else "left"
        table.add_column(head, overflow="fold", no_wrap=head not in folds, justify=side)
    return table


def tasks(length: int, names: Sequence[str]) -> Table:
    """What each task asks with its fields at their defaults."""
    table = _table(f"tasks at length {length}", "name", "asks", "vocabulary", "payload", "chance", folds=["asks"])
    for name in names:
        task = TASKS[name]()
        payload = f"{task.payload_bits(length):.1f} bits" if task.min_length <= length else f"needs {task.min_length}"
        table.add_row(name, first_sentence(TASKS[name]), f"{task.vocab_size:,}", payload, percent(task.chance))
    return table


def settings(length: int, names: Sequence[str]) -> Table:
    """What was published: `recall show TASK --preset NAME`."""
    title = "published settings: recall show TASK --preset NAME"
    table = _table(title, "task", "preset", "length", "fields", "note", folds=["fields", "note"])
    for name in names:
        for preset, setting in TASKS[name].presets.items():
            fields = ", ".join(f"{key}={value}" for key, value in setting.fields.items())
            table.add_row(name, preset, f"{setting.length:,}", fields, setting.note)
    return table


def memories(length: int, names: Sequence[str]) -> Table:
    from models import MEMORIES, memory_options

    title = f"memories at width 32, length {length}"
    table = _table(title, "name", "is", "state floats", "options", folds=["is", "options"])
    for name, kind in MEMORIES.items():
        options = ", ".join(f"{key}={value}" for key, value in memory_options(kind).items())
        table.add_row(name, first_sentence(kind), f"{kind(32).state_floats(length):,}", options)
    return table


def readers(length: int, names: Sequence[str]) -> Table:
    from ..probe.passes import PASSES

    table = _table("readers of states, and what goes beyond reading", "name", "is", folds=["is"])
    for name, measured in PASSES.items():
        table.add_row(name, measured.meaning)
    return table


def presets(length: int, names: Sequence[str]) -> Table:
    from ..studies.presets import MINUTES, PRESETS

    title = "presets of recall compare and recall sweep; minutes on two cores"
    table = _table(title, "name", "is", "runs", "seeds", "rates", "minutes", folds=["is"])
    for name, preset in PRESETS.items():
        study = preset()
        seeds = len({run.seed for run in study.runs})
        counts = (len(study.runs), seeds, len(study.rates), MINUTES[name])
        table.add_row(name, first_sentence(preset), *map(str, counts))
    return table


TABLES = {"tasks": tasks, "settings": settings, "memories": memories, "readers": readers, "presets": presets}
