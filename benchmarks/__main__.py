"""Print the tables of the benchmarks named, or of all but those that take minutes."""

import argparse

import torch

from models import MEMORIES

from . import caching, environments, legs, lengths, loading, prefill, probing, rows, runners, solve, step

QUICK = {
    "rows": rows,
    "loading": loading,
    "environments": environments,
    "step": step,
    "caching": caching,
    "legs": legs,
    "probing": probing,
}
LONG = {"lengths": lengths, "prefill": prefill, "runners": runners, "solve": solve}
"""Some minutes each, the first two less with `--memories`."""

torch.set_num_threads(1)
tables = QUICK | LONG
parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(tables)}; without any: {', '.join(QUICK)}")
parser.add_argument("--memories", nargs="+", default=[], help="of `lengths` and `prefill`; without it all")
chosen = parser.parse_args()
for name, known in [(n, tables) for n in chosen.names] + [(m, MEMORIES) for m in chosen.memories]:
    if name not in known:
        parser.error(f"{name!r} is none of {', '.join(known)}")
for name in chosen.names or QUICK:
    print(f"\n## {name}\n{tables[name].__doc__}", flush=True)
    for line in tables[name].table(chosen.memories) if name in ("lengths", "prefill") else tables[name].table():
        print(line, flush=True)
