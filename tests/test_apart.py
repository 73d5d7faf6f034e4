"""Runs of other sizes or loads are other memories, and never other seeds of one."""

import dataclasses

import pytest
import torch
from untrained import a_run, keep

from runners.analysis.comparison import compare_memories
from runners.analysis.extrapolation import length_summaries
from runners.results.tables import collect

torch.set_num_threads(1)


def of_width(width, seed=0):
    run = a_run(seed=seed)
    return dataclasses.replace(run, model=dataclasses.replace(run.model, width=width))


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)])
def test_runs_of_two_sizes_are_two_memories_and_not_two_seeds_of_one(seeds, tmp_path):
    for width, seed in zip((8, 16), seeds, strict=True):
        keep(tmp_path, of_width(width, seed), (1, 2))
    results = collect([tmp_path])
    for table in (compare_memories(results), length_summaries(results)):
        assert table[["memory", "seeds"]].to_numpy().tolist() == [["linear, width 8", 1], ["linear, width 16", 1]]
    assert set(results.rates["memory"]) == {"linear, width 8", "linear, width 16"}


def test_runs_of_two_loads_are_not_two_seeds_of_one_task(tmp_path):
    for pairs in (1, 2):
        keep(tmp_path, a_run(pairs=pairs))
    table = compare_memories(collect([tmp_path]))
    assert table[["seeds", "load"]].to_numpy().tolist() == [[1, 1], [1, 2]]


def test_seeds_of_one_size_keep_the_name_of_their_memory(tmp_path):
    for seed in (0, 1):
        keep(tmp_path, a_run(seed=seed))
    assert compare_memories(collect([tmp_path]))[["memory", "seeds"]].to_numpy().tolist() == [["linear", 2]]
