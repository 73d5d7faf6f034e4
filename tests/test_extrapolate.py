"""Longer rows: one factor grows at a time, each length is kept when it is measured, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from untrained import a_run, keep

from recall_tasks import MQAR, TASKS, Copy, Induction, Needle, Stream, Task
from runners import storage
from runners.config.length_modes import FIXED_DISTANCE, GROWING_LOAD, largest_load, mode_name, task_at
from runners.config.messages import Notice
from runners.config.run import ModelSetting, Run
from runners.evaluation import scored_table
from runners.evaluation.evaluate import score, sequences_at_once
from runners.execution import run_job
from runners.formatting import clock
from runners.measures import MEASURES
from runners.measures.extrapolation import LEAST_ROWS, ROWS, default_sequences, forecast

torch.set_num_threads(1)
RUN = a_run("linear", pairs=2)
EXTRAPOLATION = MEASURES["extrapolation"]
check, measure, merge, parts, remaining = (
    getattr(EXTRAPOLATION, name) for name in ("check", "measure", "merge", "parts", "remaining")
)


@pytest.mark.parametrize(
    "task", [MQAR(num_pairs=3), MQAR(num_pairs=3, num_fillers=4), Needle(num_needles=3), Induction(num_occurrences=2)],
    ids=lambda task: task.name,
)  # fmt: skip
@pytest.mark.parametrize("length", [24, 25, 1000])
def test_at_a_fixed_distance_every_question_is_as_far_from_its_answer(task: Task, length: int) -> None:
    for distance in (5, 8, 12):
        at = task.at_distance(distance, length)
        batch = Stream(at, length).rows(0, 8)
        assert (batch.distances == distance).all()
        for tokens, asked, answers in zip(batch.tokens, batch.asked, batch.answers, strict=True):
            assert at.solve(tokens.tolist()) == dict(zip(asked.tolist(), answers.tolist(), strict=True))


def test_at_a_fixed_distance_what_grows_comes_before_the_answers() -> None:
    batch = Stream(MQAR(num_pairs=3).at_distance(9, 500), 500).rows(0, 8)
    assert batch.origins.min() == 500 - (9 + 6) + 1
    assert not batch.tokens[:, : 500 - 15].any()


@pytest.mark.parametrize("distance", [4, 100])
def test_a_distance_that_cannot_be_is_refused(distance: int) -> None:
    task, length = MQAR(num_pairs=3), 64
    with pytest.raises(ValueError, match=str(distance) if distance < 5 else "need at least 106 tokens"):
        task_at(task, f"{FIXED_DISTANCE} {distance}", length, length).check_length(length)


def test_a_task_that_cannot_be_asked_at_a_distance_names_those_that_can() -> None:
    with pytest.raises(ValueError, match=r"copy cannot .*: mqar, needle, induction can"):
        task_at(Copy(), f"{FIXED_DISTANCE} 5", 64, 64)


def test_a_growing_load_is_proportional_until_the_keys_run_out() -> None:
    task = MQAR(num_pairs=8, num_keys=30)
    loads = [task_at(task, GROWING_LOAD, 64, length).num_pairs for length in (64, 96, 128, 192, 256, 4096)]
    assert loads == [8, 12, 16, 24, 30, 30]


@pytest.mark.parametrize("name", ["parity", "majority", "permutation"])
def test_a_growing_load_shows_no_blank_where_training_showed_none(name: str) -> None:
    task = TASKS[name]()
    for length in (task.min_length, task.min_length + 1, 5 * task.min_length):
        at = task_at(task, GROWING_LOAD, task.min_length, length)
        assert at.num_steps == length - 1
        assert Stream(at, length, "test").rows(0, 4).tokens.all()


@pytest.mark.parametrize("name", TASKS)
def test_a_growing_load_fits_every_task(name: str) -> None:
    task = TASKS[name]()
    trained = max(64, task.min_length)
    for multiple in (1, 2, 16):
        at = task_at(task, GROWING_LOAD, trained, multiple * trained)
        load, most = getattr(at, at.load), getattr(task, task.load) * multiple
        assert at.min_length <= multiple * trained
        assert getattr(task, task.load) <= load <= most
        if load < most:  # no larger one is possible
            with pytest.raises(ValueError, match=task.name):
                task.at_load(load + 1).check_length(multiple * trained)


def test_the_largest_load_is_the_largest() -> None:
    task = MQAR(num_pairs=8, num_keys=30)
    assert [largest_load(task, wanted, 64) for wanted in (1, 5, 21, 22, 500)] == [1, 5, 21, 21, 21]


def test_rows_fall_with_length_to_a_least_number() -> None:
    rows = [default_sequences(length) for length in (64, 16_384, 32_768, 65_536, 262_144, 1_000_000)]
    assert rows == [ROWS, ROWS, 128, 64, LEAST_ROWS, LEAST_ROWS]


def test_rows_read_at_once_are_bounded_by_tokens_and_by_states() -> None:
    linear, attention = a_run("linear").build(), Run(RUN.task, ModelSetting("attention")).build()
    assert [sequences_at_once(linear, n) for n in (64, 65_536, 100_000, 1_000_000, 2**22)] == [64, 64, 41, 4, 1]
    assert sequences_at_once(attention, 2**17) == 2**26 // attention.state_floats(2**17) == 3


def test_scores_do_not_depend_on_how_many_rows_are_read_at_once() -> None:
    model, stream = RUN.build().double(), Stream(RUN.task.task, 40, "test")
    heard: list[int] = []
    whole, piecewise = score(model, stream, 20), score(model, stream, 20, batch=7, watch=heard.append)
    assert all((getattr(whole, name) == getattr(piecewise, name)).all() for name in ("queries", "answers", "predicted"))
    assert heard == [7, 14, 20]


def test_models_are_tested_on_the_same_rows_in_every_mode() -> None:
    for mode in ("fixed load", "growing load", "fixed distance"):
        wanted = {"ladder": [2], "rows": 8, "mode": mode}
        kept = [measure(a_run(memory, seed), a_run(memory, seed).build(), wanted)[1] for memory, seed in
                (("linear", 0), ("gru", 1))]  # fmt: skip
        assert kept[0].keys() == kept[1].keys()
        for name in kept[0]:
            assert name.endswith("predicted") or torch.equal(kept[0][name], kept[1][name])


def test_every_row_says_its_mode_and_its_load() -> None:
    record, _ = measure(RUN, RUN.build(), {"ladder": [1, 3, 8], "rows": 8, "mode": GROWING_LOAD})
    assert [(row["mode"], row["length"], row["load"]) for row in record["scores"]] == [
        (GROWING_LOAD, 16, 2), (GROWING_LOAD, 48, 6), (GROWING_LOAD, 128, 8),
    ]  # fmt: skip
    assert {row["mode"] for table in EXTRAPOLATION.tables for row in record[table.name]} == {GROWING_LOAD}


def test_modes_are_kept_beside_each_other() -> None:
    model, record = RUN.build(), None
    for wanted in (
        {"ladder": [1, 2], "rows": 8},
        {"ladder": [2], "rows": 8, "mode": "growing load"},
        {"ladder": [1, 2], "rows": 8, "mode": "fixed distance", "distance": 5},
        {"ladder": [2], "rows": 8, "mode": "fixed distance", "distance": 6},
    ):
        left = remaining(record, wanted)
        assert left is not None
        new, _ = measure(RUN, model, left)
        record = merge(record, new) if record else new
        assert remaining(record, wanted) is None
    assert [(done["mode"], done["length"]) for done in record["done"]] == [
        ("fixed load", 16), ("fixed load", 32), ("growing load", 32),
        ("fixed distance 5", 16), ("fixed distance 5", 32), ("fixed distance 6", 32),
    ]  # fmt: skip
    assert remaining(record, {"ladder": [1, 2, 4], "lengths": [33], "rows": 8}) == {"lengths": [33, 64], "rows": 8}
    assert remaining(record, {"ladder": [2], "rows": 9}) == {"lengths": [32], "rows": 9}


def test_records_from_before_there_were_modes_are_read() -> None:
    old = {"length": 16, "done": [[1, 8], [2, 8]], "distances": [], "sequences": []}
    old["scores"] = [{"length": 16, "accuracy": 0.5}, {"length": 32, "accuracy": 0.25}]
    assert remaining(old, {"ladder": [1, 2], "rows": 8}) is None
    new, _ = measure(RUN, RUN.build(), {"lengths": [32], "rows": 16})
    both = merge(old, new)
    assert [(done["length"], done["rows"]) for done in both["done"]] == [(16, 8), (32, 16)]
    assert [row["mode"] for row in both["scores"] + both["done"]] == ["fixed load"] * 4
    assert both["scores"][0]["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"ladder": [0]}, "ladder takes integers of at least 1, not 0"),
        ({"ladder": [1], "rows": 0}, "rows takes"),
        ({"ladder": [1], "rate": 3}, "takes ladder.* not 'rate'"),
        ({"ladder": [1], "mode": "slow"}, "unknown mode 'slow'"),
        ({"ladder": [1], "distance": 5}, "a distance is for the mode fixed-distance, not fixed-load"),
        ({"ladder": [1], "seconds": 0}, "seconds must be above 0"),
        ({"rows": 4}, "needs a ladder or lengths"),
        ({"lengths": [10**7]}, "over the limit"),
        ({"lengths": [4]}, "need at least 6 tokens"),
        ({"ladder": [1], "mode": FIXED_DISTANCE, "distance": 2}, "3 tokens after their answers at the nearest, not 2"),
    ],
)
def test_what_cannot_be_asked_is_refused(wanted: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(RUN, wanted)


def test_time_grows_as_it_did_between_linear_and_quadratic() -> None:
    assert forecast([], 64) is None
    assert forecast([(64, 2.0)], 256) == 8
    assert forecast([(64, 1.0), (128, 2.0)], 256) == pytest.approx(4)
    assert forecast([(128, 4.0), (64, 1.0)], 256) == pytest.approx(16)
    assert forecast([(64, 1.0), (128, 1.1)], 256) == pytest.approx(2.2)  # short rows hide the growth
    assert forecast([(64, 1.0), (128, 100.0)], 256) == pytest.approx(400)
    assert [clock(s) for s in (0.1, 40, 99, 720, 12_600)] == ["1 s", "40 s", "99 s", "12 min", "3.5 h"]


def test_a_run_out_of_seconds_stops_between_lengths_and_says_so() -> None:
    taken = [{"mode": "fixed load", "length": n, "rows": 8, "seconds": s} for n, s in ((16, 8.0), (32, 32.0))]
    record = {"length": 16, "done": taken}
    said: list[str] = []
    wanted = {"lengths": [64, 128], "rows": 8}
    assert list(parts(RUN, wanted | {"seconds": 120.0}, record, said.append)) == []
    assert "stopped before 64 tokens, which would take about 2 min" in said.pop()
    given = [part["lengths"] for part in parts(RUN, wanted | {"seconds": 130.0}, record, said.append)]
    assert given == [[64], [128]]  # the first was faster than thought, so the second is in reach
    assert "64 tokens 2 min, 128 tokens 9 min" in said[0]
    assert len(said) == 1
    assert isinstance(said[0], Notice)


def test_an_interruption_keeps_the_lengths_that_were_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = keep(tmp_path, RUN)
    wanted = {"extrapolation": {"ladder": [1, 2, 4], "rows": 8}}
    whole, lengths = scored_table.score, list[int]()

    def interrupted(model: object, stream: Stream, *rest: object, **more: object) -> object:
        lengths.append(stream.length)
        if stream.length == 64 and lengths.count(64) == 1:
            raise KeyboardInterrupt
        return whole(model, stream, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(scored_table, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_job.measure_run(str(place), wanted, lambda said: None)
    record = storage.read_record(place / EXTRAPOLATION.file)
    assert [done["length"] for done in record["done"]] == [16, 32]
    run_job.measure_run(str(place), wanted, lambda said: None)
    record = storage.read_record(place / EXTRAPOLATION.file)
    assert [done["length"] for done in record["done"]] == [16, 32, 64]
    assert lengths == [16, 32, 64, 64]
    kept = {name for file in record["outputs"] for name in storage.load_tensors(place, file["name"], file["digest"])}
    assert {name.partition("/")[0] for name in kept} == {"16", "32", "64"}


def test_a_mode_is_named_with_its_distance() -> None:
    assert [mode_name(mode, None, 64) for mode in ("fixed load", FIXED_DISTANCE)] == [
        "fixed load",
        f"{FIXED_DISTANCE} 32",
    ]
    assert mode_name(FIXED_DISTANCE, 7, 64) == f"{FIXED_DISTANCE} 7"


def test_attention_reads_long_rows_in_pieces_of_a_small_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    from models.memories import attention

    memory, x = attention.Attention(8, heads=2).double(), torch.randn(2, 21, 8, dtype=torch.float64)
    _, state = memory(x[:, :5])
    whole, _ = memory(x[:, 5:], state)
    monkeypatch.setattr(attention, "MASK", 40)
    pieces, _ = memory(x[:, 5:], state)
    np.testing.assert_allclose(pieces.detach(), whole.detach(), rtol=0, atol=1e-12)
