"""recall check: does a memory keep its contract?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from models import build_memory, check_options

from ..config.custom_code import load_memory, read_stack
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
        "alone give the same, is the state as large as is said, has every weight a gradient, and more. Each\n"
        "fault is a sentence with numbers and the mend; exit status 1 if there is one. What is quick of it is\n"
        "tried before every training too.",
        epilog="  recall check grm mine.py:Mine 'torch.nn:LSTM(num_layers=2)'",
    )
    names = "registered names, FILE.py:CLASS, or MODULE:CLASS of an installed package, with options in parentheses"
    parser.add_argument("memories", nargs="+", type=memory, metavar="MEMORY", help=names)
    parser.add_argument("--width", type=integer, default=WIDTH, metavar="N", help="width of the inputs")
    arguments = parser.parse_args(words)
    if arguments.width < 1:
        parser.error(f"--width takes at least 1, not {arguments.width}")
    console, faults = plain_console(), 0
    for word in dict.fromkeys(arguments.memories):
        with mistakes():
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
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    findings = list(examine(memory, width))
    for finding in findings:
        table.add_row("FAILS" if finding.failed else "-" if finding.skipped else "holds", finding.check, finding.detail)
    console.print(f"{mixer}: {parameters:,} weights at width {width}{form}")
    console.print(table)
    failed, tried = sum(f.failed for f in findings), sum(not f.skipped for f in findings)
    seconds = time.process_time() - began
    console.print(f"{tried - failed} of {tried} checks hold, {seconds:.1f} s of processor time\n")
    return failed
