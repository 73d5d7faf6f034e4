"""recall ls: the registries of tasks, memories, presets, measures, readers and figures as tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import JustifyMethod
from rich.measure import Measurement
from rich.table import Table

from models import MEMORIES, build, memory_options
from models.stack import check_stack
from recall_tasks import TASKS
from recall_tasks.markdown import first_sentence
from recall_tasks.show import percent
from recall_tasks.task import MAX_LENGTH

from ..config.custom_code import load_memory, read_stack
from ..measures import MEASURES
from .console import plain_console
from .extra import INSTALL, missing_packages, require_lab
from .flags import Mistake, Parser, integer, memory, mistakes, one_of, split_words

TASK_KINDS = ("tasks", "settings")
NUMBERS = ("vocabulary", "payload", "chance", "length", "state floats", "runs", "seeds", "rates", "minutes")
WIDEST = 10_000


def run(words: Sequence[str]) -> int:
    parser = Parser(prog="recall ls", description=f"List {', '.join(KINDS[:-1])}, or published {KINDS[-1]}.")
    kinds = f"{', '.join(ALWAYS)} (default: all these) or settings"
    parser.add_argument("kind", nargs="?", type=one_of("list", KINDS), metavar="KIND", help=kinds)
    only = "list only these tasks, or their settings; or these memories, in any word such as 3*gated_delta+attention"
    parser.add_argument("names", nargs="*", metavar="NAME", help=only)
    parser.add_argument("--length", type=integer, default=64, metavar="N", help="length at which tasks are measured")
    plain, flags = split_words(words)
    arguments = parser.parse_args([*plain, *flags])
    if not 1 <= arguments.length <= MAX_LENGTH:
        parser.error(f"--length takes 1 to {MAX_LENGTH:,} tokens, not {arguments.length}")
    if arguments.names and arguments.kind not in (*TASK_KINDS, "memories"):
        raise Mistake(f"{arguments.kind} are not listed by name, {', '.join(TASK_KINDS)} and memories are")
    if arguments.kind in OF_LAB:
        require_lab(f"ls {arguments.kind}")
    read = memory if arguments.kind == "memories" else one_of("task", TASKS, "those that `recall ls tasks` lists")
    chosen = [read(name) for name in arguments.names]
    console, lacking = plain_console(), OF_LAB if missing_packages() else ()
    for kind in [arguments.kind] if arguments.kind else [kind for kind in ALWAYS if kind not in lacking]:
        table = TABLES[kind](arguments.length, chosen or list(MEMORIES if kind == "memories" else TASKS))
        if not console.is_terminal:  # one line per entry
            widest = Measurement.get(console, console.options.update(width=WIDEST), table).maximum
            console.width = max(console.width, widest)
        console.print(table)
    if lacking and not arguments.kind:
        print(f"{', '.join(lacking)} are listed after {INSTALL}", file=sys.stderr)
    return 0


def _table(title: str, *heads: str, folds: Sequence[str]) -> Table:
    """An empty table; columns named by `folds` wrap in a narrow terminal."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, title_style="bold")
    for head in heads:
        side: JustifyMethod = "right" if head in NUMBERS else "left"
        table.add_column(head, overflow="fold", no_wrap=head not in folds, justify=side)
    return table


def tasks(length: int, names: Sequence[str]) -> Table:
    """Tasks, each with its fields at their defaults."""
    table = _table(f"tasks at length {length}", "name", "asks", "vocabulary", "payload", "chance", folds=["asks"])
    for name in names:
        task = TASKS[name]()
        payload = f"{task.payload_bits(length):.1f} bits" if task.min_length <= length else f"needs {task.min_length}"
        table.add_row(name, first_sentence(TASKS[name]), f"{task.vocab_size:,}", payload, percent(task.chance))
    return table


def settings(length: int, names: Sequence[str]) -> Table:
    """Published settings: `recall show TASK --preset NAME`."""
    title = "published settings: recall show TASK --preset NAME"
    table = _table(title, "task", "preset", "length", "fields", "note", folds=["fields", "note"])
    for name in names:
        for preset, setting in TASKS[name].presets.items():
            fields = ", ".join(f"{key}={value}" for key, value in setting.fields.items())
            table.add_row(name, preset, f"{setting.length:,}", fields, setting.note)
    return table


def memories(length: int, names: Sequence[str]) -> Table:
    """Memories, with the state sizes of the layers that they name, and their options."""

    title = f"memories at width 32, length {length}"
    table = _table(title, "name", "is", "state floats", "options", folds=["is", "options"])
    for name in names:
        with mistakes():
            stack = check_stack(read_stack(name), load_memory)
            floats = build(stack, 1, range(1), layers=len(stack)).fullest_floats(length)
        mixers = {str(mixer): mixer for layer in stack for mixer in layer}.values()
        kinds = [mixer.kind for mixer in mixers if mixer.kind]
        options = [memory_options(kind) | dict(mixer.options) for kind, mixer in zip(kinds, mixers, strict=True)]
        each = [", ".join(f"{key}={value}" for key, value in some.items()) for some in options]
        table.add_row(name, " + ".join(map(first_sentence, kinds)), f"{floats:,}", " + ".join(each))
    return table


def readers(length: int, names: Sequence[str]) -> Table:
    """Readers of states, and the further passes of a probe."""
    from ..probe.passes import PASSES  # torch, as above

    table = _table("readers of states, and further passes of a probe", "name", "is", folds=["is"])
    for name, measured in PASSES.items():
        table.add_row(name, measured.meaning)
    return table


def presets(length: int, names: Sequence[str]) -> Table:
    """Presets, with their numbers of runs, seeds and learning rates, and their minutes."""
    from ..studies.presets import MINUTES, PRESETS  # torch, as above

    title = "presets of recall compare and recall sweep; minutes on two cores"
    table = _table(title, "name", "is", "runs", "seeds", "rates", "minutes", folds=["is"])
    for name, preset in PRESETS.items():
        study = preset()
        seeds = len({run.seed for run in study.runs})
        counts = (len(study.runs), seeds, len(study.rates), MINUTES[name])
        table.add_row(name, first_sentence(preset), *map(str, counts))
    return table


def measures(length: int, names: Sequence[str]) -> Table:
    """Measures of finished runs, with their commands and the tables that they fill."""
    table = _table("measures of finished runs", "name", "command", "does", "tables", folds=["does", "tables"])
    for name, measure in MEASURES.items():
        tables = ", ".join(one.name for one in measure.tables)
        table.add_row(name, f"recall {measure.command}", measure.meaning, tables)
    return table


def figures(length: int, names: Sequence[str]) -> Table:
    """Figures of the report, each with the measure whose results it plots."""
    from ..figures import FIGURES  # matplotlib and torch, which a list of tasks does not wait for

    table = _table("figures of the report", "name", "title", "measure", folds=["title"])
    for name, figure in FIGURES.items():
        table.add_row(name, figure.title, figure.measure or "training")
    return table


TABLES = {
    "tasks": tasks,
    "memories": memories,
    "presets": presets,
    "measures": measures,
    "readers": readers,
    "figures": figures,
    "settings": settings,
}
KINDS = tuple(TABLES)
ALWAYS = KINDS[:-1]
OF_LAB = ("presets", "readers", "figures")
