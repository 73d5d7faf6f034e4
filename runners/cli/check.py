"""recall check: does a memory, or a task, keep its contract?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from models import build_memory, check_options
from models.stack import is_alone
from recall_tasks import Task, make_task

from ..config.custom_code import load_memory, read_stack
from ..config.custom_tasks import is_task, task_kind
from ..studies.question import in_place
from .console import plain_console
from .flags import Parser, integer, memory, mistakes

if TYPE_CHECKING:
    from rich.console import Console

    from models.notation import Mixer

WIDTH = 32


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall check",
        description="Try memories on random inputs: does no output look ahead, do pieces, single steps and a sequence\n"
        "alone give the same, is the state as large as is said, has every weight a gradient, and more; and tasks\n"
        "on their sequences: is the oracle right from prefixes, is chance what it says, do the same seeds draw the\n"
        "same, and more. Each fault is a sentence with numbers and the mend; exit status 1 if there is one. What\n"
        "is quick of it is tried before every training too.",
        epilog="  recall check grm mine.py:Mine 'torch.nn:LSTM(num_layers=2)' mytask.py:Sort",
    )
    names = "registered names, FILE.py:CLASS, or MODULE:CLASS of an installed package, with options in parentheses"
    parser.add_argument("words", nargs="+", type=task_or_memory, metavar="WORD", help=f"memories and tasks: {names}")
    parser.add_argument("--width", type=integer, default=WIDTH, metavar="N", help="width of the inputs")
    parser.add_argument(
        "--length", type=integer, metavar="N", help="tokens of a task (default: some room above its least)"
    )
    arguments = parser.parse_args(words)
    if arguments.width < 1:
        parser.error(f"--width takes at least 1, not {arguments.width}")
    console, faults = plain_console(), 0
    for word in dict.fromkeys(arguments.words):
        with mistakes():
            name, given = in_place(word) if is_alone(read_stack(word)) else (word, {})
            if is_task(name):
                faults += check_task(make_task(task_kind(name), None, **given), arguments.length, console)
                continue
            mixers = {str(mixer): mixer for layer in read_stack(word) for mixer in layer}
        for mixer in mixers.values():  # of a stack, each memory once
            faults += check_memory(mixer, arguments.width, console)
    return 1 if faults else 0


def check_memory(mixer: Mixer, width: int, console: Console) -> int:
    """Print what each check of a memory finds; returns how many fail."""
    began = time.process_time()
    with mistakes():
        kind = load_memory(mixer.name)
        from models.adapt import ModuleMemory  # torch, which a mistyped name does without
        from models.contract import examine
        from models.seeding import seeded_draws

        with seeded_draws(0):
            memory = build_memory(kind, width, **check_options(kind, mixer.options))
    form = f", {memory.form.words}" if isinstance(memory, ModuleMemory) else ""
    parameters = sum(weight.numel() for weight in memory.parameters())
    title = f"{mixer}: {parameters:,} weights at width {width}{form}"
    rows = [(f.failed, f.skipped, f.check, f.detail) for f in examine(memory, width)]
    return show_findings(title, rows, began, console)


def check_task(task: Task, length: int | None, console: Console) -> int:
    """Print what each check of a task finds; returns how many fail."""
    began = time.process_time()
    from recall_tasks.contract import examine  # as above

    with mistakes():
        task.check_length(task.min_length if length is None else length)

    rows = [(f.failed, False, f.check, f.detail) for f in examine(task, length)]
    return show_findings(f"{type(task).__name__}: {task.load_words}", rows, began, console)


def show_findings(title: str, rows: Sequence[tuple[bool, bool, str, str]], began: float, console: Console) -> int:
    """Print a row for each check: failed, skipped, its word and what was found; returns how many fail."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for failed, skipped, check, detail in rows:
        table.add_row("FAILS" if failed else "-" if skipped else "holds", check, detail)
    console.print(title)
    console.print(table)
    faults, tried = sum(failed for failed, *_ in rows), sum(not skipped for _, skipped, *_ in rows)
    seconds = time.process_time() - began
    console.print(f"{tried - faults} of {tried} checks hold, {seconds:.1f} s of processor time\n")
    return faults


def task_or_memory(text: str) -> str:
    """The word of a task or of memories."""
    with mistakes():
        alone = is_alone(read_stack(text))
        return text if alone and is_task(in_place(text)[0]) else memory(text)
