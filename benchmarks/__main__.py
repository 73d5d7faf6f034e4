"""Print the tables of the benchmarks named, or of all but `solve`, which takes minutes."""

import sys

import torch

from . import environments, loading, rows, solve, step

TABLES = {
    "rows": rows.table,
    "loading": loading.table,
    "environments": environments.table,
    "step": step.table,
    "solve": solve.table,
}

torch.set_num_threads(1)
names = sys.argv[1:] or ["rows", "loading", "environments", "step"]
if unknown := [name for name in names if name not in TABLES]:
    sys.exit(f"unknown benchmark {unknown[0]!r}: choose among {', '.join(TABLES)}")
for name in names:
    print(f"\n## {name}\n{sys.modules[TABLES[name].__module__].__doc__}", flush=True)
    for line in TABLES[name]():
        print(line, flush=True)
