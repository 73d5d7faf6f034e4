"""Scores: the same however a row is read, and rows of results that add up."""

import numpy as np
import pytest
import torch

from recall_tasks import IGNORE, MQAR, Copy, Needle, Stream, make_task
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.evaluation.breakdown import binned_records, breakdown_records, distance_records
from runners.evaluation.evaluate import Predictions, origins, places, predict, score, score_record, sequence_records
from runners.measures import MEASURES
from runners.results.tables import FLOORS
from runners.statistics import cluster_interval, wilson

torch.set_num_threads(1)
RUN = Run(TaskSetting("mqar", 24, {"num_pairs": 3}), ModelSetting("grm", {"segment": 8}, width=16))


@pytest.mark.parametrize("task", [MQAR(num_pairs=3), Needle(), Copy(num_tokens=4)], ids=lambda t: t.name)
@pytest.mark.parametrize("piece", [1, 7 * 16, 2**15])
def test_answers_do_not_depend_on_the_pieces_a_row_is_read_in(task, piece):
    model = Run(TaskSetting(task.name, 24, {}), ModelSetting("grm", {"segment": 8}, width=16)).build().double()
    batch = Stream(task, 40).rows(0, 16)
    assert (predict(model, batch, piece) == predict(model, batch)).all()


def test_a_model_that_answers_is_scored_right():
    class Oracle(torch.nn.Module):
        answers, uses_oracle = RUN.task.task.answers, False

        def forward(self, tokens, asked, states=None, origins=None):
            answers = [RUN.task.task.solve(row) for row in tokens.tolist()]
            logits = torch.zeros(len(asked[0]), len(self.answers))
            for i, (row, t) in enumerate(zip(*(a.tolist() for a in asked), strict=True)):
                logits[i, answers[row][t] - self.answers.start] = 1
            return logits, None

    assert score(Oracle(), Stream(RUN.task.task, 24, "test"), 100, batch=64).correct.all()


def test_a_memory_that_is_told_hears_where_every_answer_was_written():
    batch = Stream(RUN.task.task, 24).rows(0, 8)
    dense = origins(batch)
    for row in range(8):
        said = dict(zip(batch.asked[row].tolist(), batch.origins[row].tolist(), strict=True))
        assert dense[row].tolist() == [said.get(t, -1) for t in range(24)]
        assert all(batch.tokens[row, said[t]] == batch.targets[row, t] for t in said)


def test_what_is_told_reaches_the_memory_in_every_piece():
    run = Run(RUN.task, ModelSetting("oracle", {"segment": 4}, width=16))
    model, batch = run.build().double(), Stream(RUN.task.task, 24).rows(0, 16)
    assert (predict(model, batch, 7 * 16) == predict(model, batch)).all()
    untold, _ = model(torch.from_numpy(batch.tokens), places(batch))
    told, _ = model(torch.from_numpy(batch.tokens), places(batch), None, origins(batch))
    assert not torch.allclose(told, untold)


def test_a_row_of_results_lies_between_its_bounds():
    model = RUN.build()
    scored = score(model, Stream(RUN.task.task, 24, "test"), 64)
    row = score_record(RUN, model, scored, RUN.task.task, 24)
    assert row["low"] <= row["accuracy"] <= row["high"]
    assert row["chance"] == 1 / 32
    assert all(row["chance"] <= row[floor] <= 1 for floor in FLOORS)
    assert row["payload_bits"] == 15
    assert row["state_bytes"] == 4 * model.state_floats(24)
    assert row["num_sequences"] == 64
    assert row["num_questions"] == 3


def scored_as(asking, right, asked, origins=None):
    """Questions at the places `asked`, their answers written at `origins` (0 by default)."""
    answers = np.where(asking, 7, IGNORE).astype(np.int32)
    said = np.where(asking, np.where(right, 7, 8), IGNORE).astype(np.int32)
    return Predictions(asked, np.zeros_like(asked) if origins is None else origins, answers, said)


def test_distances_are_binned_once_each():
    distances = np.array([[1, 2, 3], [4, 7, 8], [15, 16, 31], [32, 63, 64]], np.int32)
    scored = scored_as(np.ones((4, 3), bool), np.ones((4, 3), bool), distances)
    rows = distance_records(scored, 128)
    assert sum(row["num_questions"] for row in rows) == 12
    assert [(r["distance_low"], r["distance_high"]) for r in rows] == [
        (1, 1), (2, 3), (4, 7), (8, 15), (16, 31), (32, 63), (64, 127),
    ]  # fmt: skip
    assert all(row["accuracy"] == 1 for row in rows)
    assert sum(row["num_correct"] for row in sequence_records(scored, 128)) == 12


def test_spare_questions_count_for_nothing():
    """Rows that ask two, one and three of three questions, and get one, one and none right."""
    asking = np.array([[False, True, True], [False, False, True], [True, True, True]])
    right = np.array([[False, True, False], [False, False, True], [False, False, False]])
    distances = np.array([[0, 3, 5], [0, 0, 2], [1, 1, 9]], np.int32)
    scored = scored_as(asking, right, distances)
    assert scored.accuracy == 2 / 6
    counts = [(row["num_correct"], row["num_questions"]) for row in sequence_records(scored, 16)]
    assert counts == [(1, 2), (1, 1), (0, 3)]
    bins = {row["distance_low"]: (row["num_questions"], row["accuracy"]) for row in distance_records(scored, 16)}
    assert bins == {1: (2, 0), 2: (2, 1), 4: (1, 0), 8: (1, 0)}


def test_a_model_is_not_asked_spare_questions():
    task = make_task("mixture", max_load=4)
    model = Run(TaskSetting("mixture", 32, {"max_load": 4}), ModelSetting("linear", width=16)).build()
    batch = Stream(task, 32).rows(0, 64)
    said = predict(model, batch)
    assert not batch.asking.all()
    assert ((said == IGNORE) == ~batch.asking).all()
    scored = score(model, Stream(task, 32), 64)
    assert (scored.asking == batch.asking).all()
    assert scored.correct.sum() == (said == batch.answers)[batch.asking].sum()


def test_longer_rows_ask_the_same_load():
    record, _ = MEASURES["extrapolation"].measure(RUN, RUN.build(), {"ladder": [1, 3], "rows": 32})
    assert [row["length"] for row in record["scores"]] == [24, 72]
    assert {row["load"] for row in record["scores"]} == {3}
    assert {row["train_length"] for row in record["scores"]} == {24}
    assert len(record["sequences"]) == 2 * 32
    assert record["scores"][1]["state_bytes"] > record["scores"][0]["state_bytes"]  # GRM keeps a cache a segment


def test_cells_are_tenths_of_the_row_by_depth_and_by_position():
    """Row 0 asks at 19 what was written at 0 and 9; row 1 at 10, written at 9; its first question is spare."""
    asking = np.array([[True, True], [False, True]])
    right = np.array([[True, False], [True, True]])
    asked = np.array([[19, 19], [0, 10]], np.int32)
    origins = np.array([[0, 9], [0, 9]], np.int32)
    rows = breakdown_records(scored_as(asking, right, asked, origins), 20)
    found = {(r["by"], r["low_edge"]): (r["num_sequences"], r["num_questions"], r["accuracy"]) for r in rows}
    assert found == {
        ("depth", 0.0): (1, 1, 1.0), ("depth", 0.4): (2, 2, 0.5),
        ("position", 0.5): (1, 1, 1.0), ("position", 0.9): (1, 2, 0.5),
    }  # fmt: skip
    assert all(0 <= r["low"] <= r["accuracy"] <= r["high"] <= 1 for r in rows)
    assert all(r["length"] == 20 and r["high_edge"] - r["low_edge"] == pytest.approx(0.1) for r in rows)


@pytest.mark.parametrize("by", ["depth", "position"])
def test_cells_share_out_every_question_that_was_asked(by):
    task = make_task("mixture", max_load=4)
    batch = Stream(task, 37).rows(0, 200)
    said = np.where(np.random.default_rng(0).random(batch.answers.shape) < 0.5, batch.answers, -1)
    scored = Predictions(batch.asked, batch.origins, batch.answers, said)
    cells = [row for row in breakdown_records(scored, 37) if row["by"] == by]
    assert sum(row["num_questions"] for row in cells) == scored.asking.sum()
    total = sum(row["num_questions"] * row["accuracy"] for row in cells)
    assert total / scored.asking.sum() == pytest.approx(scored.accuracy)


def test_a_cell_has_the_interval_of_its_rows():
    rng = np.random.default_rng(0)
    right, bins = rng.random((60, 4)) < 0.7, np.tile([0, 0, 0, 1], (60, 1))
    scored = scored_as(np.ones((60, 4), bool), right, np.ones((60, 4), np.int32))
    (_, several), (_, single) = binned_records(scored, bins, 2)
    assert (several["low"], several["high"]) == cluster_interval(right[:, :3].sum(1), np.full(60, 3))
    assert (single["low"], single["high"]) == tuple(map(float, wilson(right[:, 3].sum(), 60)))
