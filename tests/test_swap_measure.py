"""A swap is a measure: recorded, resumed, verified, in tables, queries and summaries, with paired differences."""

from __future__ import annotations

import pytest
import torch
from untrained import a_run, keep

from runners import storage
from runners.analysis.swaps import swap_table, swaps
from runners.cli.main import main
from runners.execution.run_job import measure_run
from runners.measures import MEASURES
from runners.measures.swap import AS_TRAINED
from runners.report import write_report
from runners.results.query import query
from runners.results.rescore import rescore
from runners.results.tables import collect
from runners.statistics import paired_difference

torch.set_num_threads(1)
SWAP = MEASURES["swap"]
REQUEST = {"memory": "average", "options": {"segment": 4}, "ladder": [1, 2], "rows": 12, "gate_updates": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seeds of one memory, each with caches in place of its own memory."""
    folder = tmp_path_factory.mktemp("swapped")
    for seed in (0, 1):
        measure_run(str(keep(folder, a_run(seed=seed))), {"swap": REQUEST}, lambda message: None)
    return folder


def test_a_swap_is_in_results_and_in_queries(folder):
    scores = collect([folder]).swaps
    assert set(scores["swapped"]) == {AS_TRAINED, "average, segment 4"}
    assert set(scores["length"]) == {16, 32}
    assert query("select count(*) as n from swaps", [folder])["n"][0] == len(scores) == 8
    assert query("select sum(num_correct) as n from swap_sequences", [folder])["n"][0] > 0


def test_the_own_memory_scores_in_a_swap_what_it_scores_in_the_test(folder):
    """On the sequences that both read, the first of the test split."""
    results = collect([folder])
    own = results.swap_sequences
    own = own[(own["swapped"] == AS_TRAINED) & (own["length"] == 16)]
    test = results.sequences[results.sequences["sequence"] < 12]
    both = own.merge(test, on=["run", "sequence"], suffixes=("", "_test"))
    assert len(both) == 24
    assert (both["num_correct"] == both["num_correct_test"]).all()


def test_its_difference_is_the_paired_difference_of_the_house(folder):
    results = collect([folder])
    found = swaps(results)
    record = found[(found["swapped"] != AS_TRAINED) & (found["length"] == 32)].iloc[0]
    part = results.swap_sequences[results.swap_sequences["length"] == 32]
    wide = part.pivot(index=["swapped", "seed"], columns="sequence", values="num_correct")
    alone = paired_difference(wide.loc["average, segment 4"], wide.loc[AS_TRAINED], [2] * 12)
    assert (record["difference"], record["difference_low"], record["difference_high"], record["p"]) == (
        alone.difference, alone.low, alone.high, alone.p,
    )  # fmt: skip
    assert "2 seeds cannot show it" in swap_table(found).to_string()


def test_a_swap_has_a_section_of_the_page_with_its_command(folder, tmp_path):
    page = write_report(collect([folder]), tmp_path).read_text(encoding="utf-8")
    assert "Another memory in place" in page
    assert "average, segment 4" in page
    assert "recall swap" in page


def test_a_swap_is_not_measured_twice_and_goes_on_where_it_stopped(folder, tmp_path):
    place = keep(tmp_path, a_run())
    measure_run(str(place), {"swap": REQUEST | {"ladder": [1]}}, lambda message: None)
    record = storage.load_record(place / SWAP.file, SWAP.shape)
    assert SWAP.remaining(record, REQUEST) == REQUEST | {"ladder": [2]}
    measure_run(str(place), {"swap": REQUEST}, lambda message: None)
    record = storage.load_record(place / SWAP.file, SWAP.shape)
    assert SWAP.remaining(record, REQUEST) is None
    assert SWAP.remaining(record, REQUEST | {"options": {"segment": 8}}) is not None
    assert SWAP.remaining(record, REQUEST | {"gate_updates": 1}) is not None
    assert len(record["swaps"]) == 4
    before = (place / SWAP.file).read_bytes()
    measure_run(str(place), {"swap": REQUEST}, lambda message: None)
    assert (place / SWAP.file).read_bytes() == before


def test_every_score_of_a_swap_is_worked_out_again(folder):
    place = folder / a_run().name
    assert rescore(place) == []
    record = storage.load_record(place / SWAP.file, {})
    changed = [one | {"accuracy": one["accuracy"] + 0.25} for one in record["swaps"]]
    storage.write_record(place / SWAP.file, record | {"swaps": changed})
    try:
        assert any("accuracy is" in line for line in rescore(place))
    finally:
        storage.write_record(place / SWAP.file, record)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"memory": "gru", "ladder": [1]}, "other weights"),
        ({"memory": "average", "options": {"heads": 4}, "ladder": [1]}, "was trained with"),
        ({"memory": "average", "ladder": []}, "needs a ladder"),
        ({"memory": "average", "ladder": [0]}, "integers of at least 1"),
        ({"memory": "average", "ladder": [1], "gate_updates": 1}, "gate"),
        ({"memory": "nobody", "ladder": [1]}, "unknown memory"),
        ({"memory": "average", "ladder": [1], "steps": 1}, "swap takes memory"),
        ({"memory": "average+linear", "ladder": [1]}, r"average\+linear is a stack: a swap puts one memory"),
    ],
)
def test_a_swap_that_cannot_be_is_refused_before_any_work(request_, message):
    with pytest.raises(ValueError, match=message):
        SWAP.check(a_run(), request_)


@pytest.mark.slow
def test_the_command_swaps_on_all_workers_and_prints_both_memories(folder, capsys):
    words = ["swap", "average", str(folder), "--segment", "8", "--ladder", "1,2", "--sequences", "8"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "average, segment 8" in printed
    assert AS_TRAINED in printed
    assert main(["swap", "gru", str(folder)]) == 2
    assert "other weights" in capsys.readouterr().err
