"""Print the tables of the benchmarks named, or of all but those that take minutes; `all` names every one."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from models import MEMORIES

from . import (
    caching,
    environments,
    folders,
    journeys,
    legs,
    lengths,
    loading,
    prefill,
    probing,
    runners,
    sequences,
    solve,
    step,
)
from .tables import Line, printed, write_section

QUICK = {
    "sequences": sequences,
    "loading": loading,
    "environments": environments,
    "step": step,
    "caching": caching,
    "legs": legs,
    "probing": probing,
}
LONG = {"lengths": lengths, "prefill": prefill, "runners": runners, "folders": folders, "solve": solve}
"""Some minutes each, the first two less with `--memories`."""

torch.set_num_threads(1)
tables = QUICK | LONG | {"journeys": journeys}  # which counts files, not seconds: no part of `all`
parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(tables)}; without any: {', '.join(QUICK)}")
parser.add_argument("--memories", nargs="+", default=[], help="of `lengths` and `prefill`; without it all")
parser.add_argument("--write", type=Path, metavar="PAGE", help="write them into a page too, such as docs/speed.md")
chosen = parser.parse_args()
chosen.memories = [name for words in chosen.memories for name in words.split(",")]
names = list(QUICK | LONG) if chosen.names == ["all"] else chosen.names or list(QUICK)
for name, known in [(n, tables) for n in names] + [(m, MEMORIES) for m in chosen.memories]:
    if name not in known:
        parser.error(f"{name!r} is none of {', '.join(known)}")


def lines_of(name: str) -> Iterator[Line]:
    yield from tables[name].table(chosen.memories) if name in ("lengths", "prefill") else tables[name].table()


def record_lines(lines: Iterator[Line], saved: list[Line]) -> Iterator[Line]:
    """The lines as they come, each saved for the page."""
    for line in lines:
        saved.append(line)
        yield line


for name in names:
    print(f"\n## {name}\n{tables[name].__doc__}", flush=True)
    others, saved = os.getloadavg()[0], list[Line]()
    for text in printed(record_lines(lines_of(name), saved)):
        print(text, flush=True)
    if chosen.write:
        busy = f", beside other work (load {others:.1f})" if others > 0.7 else ""
        write_section(chosen.write, name, saved, busy)
