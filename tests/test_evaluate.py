"""Scores: the same however a row is read, and rows of results that add up."""

import numpy as np
import pytest
import torch

from recall_tasks import IGNORE, MQAR, Copy, Needle, Stream, make_task
from runners.evaluate import Scored, distance_rows, origins, places, predict, score, score_row, sequence_rows
from runners.experiment import ModelSetting, Run, TaskSetting
from runners.extrapolate import extrapolate
from runners.results import FLOORS

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
        answers, told = RUN.task.task.answers, False

        def forward(self, tokens, asked, states=None, origins=None):
            answers = [RUN.task.task.solve(row) for row in tokens.tolist()]
            logits = torch.zeros(len(asked[0]), len(self.answers))
            for i, (row, t) in enumerate(zip(*(a.tolist() for a in asked), strict=True)):
                logits[i, answers[row][t] - self.answers.start] = 1
            return logits, None

    assert score(Oracle(), Stream(RUN.task.task, 24, "test"), 100).right.all()


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
    row = score_row(RUN, model, scored, RUN.task.task, 24)
    assert row["low"] <= row["accuracy"] <= row["high"]
    assert row["chance"] == 1 / 32
    assert all(row["chance"] <= row[floor] <= 1 for floor in FLOORS)
    assert row["payload_bits"] == 15
    assert row["state_bytes"] == 4 * model.state_floats(24)
    assert row["num_rows"] == 64
    assert row["num_questions"] == 3


def test_distances_are_binned_once_each():
    asked = np.ones((4, 3), bool)
    distances = np.array([[1, 2, 3], [4, 7, 8], [15, 16, 31], [32, 63, 64]], np.int32)
    scored = Scored(asked, asked, distances)
    rows = distance_rows(scored, 128)
    assert sum(row["num_questions"] for row in rows) == 12
    assert [(r["distance_low"], r["distance_high"]) for r in rows] == [
        (1, 1), (2, 3), (4, 7), (8, 15), (16, 31), (32, 63), (64, 127),
    ]  # fmt: skip
    assert all(row["accuracy"] == 1 for row in rows)
    assert sum(row["right"] for row in sequence_rows(scored, 128)) == 12


def test_spare_questions_count_for_nothing():
    """Rows that ask two, one and three of three questions, and get one, one and none right."""
    asking = np.array([[False, True, True], [False, False, True], [True, True, True]])
    right = np.array([[False, True, False], [False, False, True], [False, False, False]])
    distances = np.array([[0, 3, 5], [0, 0, 2], [1, 1, 9]], np.int32)
    scored = Scored(asking, right, distances)
    assert scored.accuracy == 2 / 6
    counts = [(row["right"], row["asked"]) for row in sequence_rows(scored, 16)]
    assert counts == [(1, 2), (1, 1), (0, 3)]
    bins = {row["distance_low"]: (row["num_questions"], row["accuracy"]) for row in distance_rows(scored, 16)}
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
    assert scored.right.sum() == (said == batch.answers)[batch.asking].sum()


def test_longer_rows_ask_the_same_load():
    record = extrapolate(RUN, RUN.build(), (1, 3), rows=32)
    assert [row["length"] for row in record["scores"]] == [24, 72]
    assert {row["load"] for row in record["scores"]} == {3}
    assert {row["train_length"] for row in record["scores"]} == {24}
    assert len(record["sequences"]) == 2 * 32
    assert record["scores"][1]["state_bytes"] > record["scores"][0]["state_bytes"]  # GRM keeps a cache a segment
