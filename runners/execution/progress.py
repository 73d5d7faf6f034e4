"""Show what runs: a live table in a terminal, one line a finished run in a pipe, nothing in a library call."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import nullcontext

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..config.messages import Notice
from ..formatting import clock
from ..studies.study import Study
from ..training.loop import Progress
from .engines import Event

SILENCE = 30.0
"""Seconds after which a log hears that work goes on."""

BARS = " ▁▂▃▄▅▆▇█"
FRAME = 5
"""Lines of the table beside the runs: heads, what is left out, the caption on two lines, the cursor's."""


class Board:
    """The state of a study as its events come in; renders itself for a terminal."""

    def __init__(self, study: Study, finished: int, workers: int, mark: str = "") -> None:
        self.runs = {run.name: run for run in study.runs}
        self.before, self.workers, self.mark = finished, workers, mark
        self.began = time.monotonic()
        self.started: dict[str, float] = {}
        self.sparks: dict[str, list[float]] = {}
        self.latest: dict[str, Progress | str] = {}
        self.took: list[float] = []
        self.ended: dict[str, Event] = {}

    def take(self, event: Event) -> None:
        name = event.job
        if event.kind == "started":
            self.started[name] = time.monotonic()
        elif event.kind == "progress":
            self.latest[name] = event.content
            if isinstance(event.content, Progress):
                self.sparks.setdefault(name, []).append(event.content.accuracy)
        else:
            if name in self.started:  # a run that failed before and is left alone never starts
                self.took.append(time.monotonic() - self.started.pop(name))
            self.latest.pop(name, None)
            self.sparks.pop(name, None)
            self.ended[name] = event  # a run may end twice: trained, and asked more when its rate is chosen

    @property
    def finished(self) -> int:
        return self.before + sum(event.kind == "finished" for event in self.ended.values())

    @property
    def failed(self) -> list[Event]:
        return [event for event in self.ended.values() if event.kind == "failed"]

    def seconds_left(self) -> float:
        """A guess, once a run has ended: those to come take as long as those that have."""
        each = sum(self.took) / len(self.took)
        spent = sum(min(each, time.monotonic() - began) for began in self.started.values())
        todo = len(self.runs) - self.finished - len(self.failed)
        return max(0.0, (todo * each - spent) / max(1, self.workers))

    def line(self) -> str:
        spent = time.monotonic() - self.began
        failed = f", {len(self.failed)} failed" if self.failed else ""
        going = self.finished + len(self.failed) < len(self.runs)
        left = f", about {clock(self.seconds_left())} left" if going and self.took else ""
        return f"{self.finished} of {len(self.runs)} runs finished{failed}, {clock(spent)} spent{left}{self.mark}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The runs that are under way, as many as the terminal is high."""
        room = max(1, (options.max_height if options.height is None else options.height) - FRAME)
        more = len(self.started) - room
        caption = f"and {more} more\n{self.line()}" if more > 0 else self.line()
        table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
        for head in ("task", "memory", "seed", "stage", "accuracy", "updates", "time"):
            table.add_column(head, justify="right" if head in ("seed", "updates", "time") else "left", no_wrap=True)
        for name, began in list(self.started.items())[:room]:
            run, at = self.runs[name], self.latest.get(name)
            stage, accuracy, updates = "starting", "", ""
            if isinstance(at, Progress):
                stage = f"{at.stage}/{at.stages}: {at.stage_length} tokens, {at.stage_load} items"
                accuracy, updates = f"{spark(self.sparks[name])} {at.accuracy:.2f}", f"{at.update:,}"
            elif at:
                stage = at
            spent = clock(time.monotonic() - began)
            table.add_row(run.task.title, run.label, str(run.seed), stage, Text(accuracy), updates, spent)
        yield table


def follow(events: Iterable[Event], board: Board, console: Console) -> None:
    """Take every event, keep the board on the screen of a terminal, and print each notice and each run that ends."""
    live = Live(board, console=console, refresh_per_second=4, transient=True, redirect_stdout=False)
    printed = time.monotonic()
    with live if console.is_terminal else nullcontext():
        for event in events:
            board.take(event)
            run, line, style = board.runs[event.job], "", None
            if event.kind == "finished":
                line = f"finished   {board.line()}"
            elif event.kind == "failed":
                line, style = f"failed: {first_line(event.content)}   {board.line()}", "red"
            elif isinstance(event.content, Notice):
                line = event.content
            if line:
                who = f"{run.task.title:<16} {run.label:<12} seed {run.seed}"
                console.print(f"{who}  {line}", style=style, soft_wrap=True)
            elif not console.is_terminal and time.monotonic() - printed > SILENCE:
                console.print(board.line(), soft_wrap=True)
            else:
                continue
            printed = time.monotonic()


def spark(values: list[float], width: int = 12) -> str:
    """A curve of accuracies in `width` characters."""
    step = max(1, -(-len(values) // width))
    return "".join(BARS[round(min(1.0, max(0.0, v)) * 8)] for v in values[step - 1 :: step]).ljust(width)


def first_line(reason: object) -> str:
    """A reason may have several lines; the record of the failure keeps them all."""
    return str(reason).partition("\n")[0]
