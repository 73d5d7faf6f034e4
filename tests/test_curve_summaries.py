"""Effective context lengths and capacities go by bounds, by curves made monotone, and by loads that could grow."""

import numpy as np
import pandas as pd
import pytest

from runners.analysis.capacity import Counts, capacity
from runners.analysis.extrapolation import length_summaries, length_summary_table, too_few_sequences
from runners.config.length_modes import FIXED_LOAD, GROWING_LOAD
from runners.measures.extrapolation import LEAST_ROWS
from runners.results.tables import FLOORS, Results

ROWS = 64
RUN = {"run": "r", "task": "mqar", "memory": "gru", "seed": 0}


def results(mode, right, loads, ROWS=ROWS):
    """One seed, rows of one question: right answers and the load at lengths 16, 32, 64, ..."""
    places = [("test", FIXED_LOAD, 16, ROWS, 4)]
    places += [("extrapolation", mode, 16 << i, k, load) for i, (k, load) in enumerate(zip(right, loads, strict=True))]
    scores, sequences = [], []
    for kind, grows, length, k, load in places:
        at = RUN | {"kind": kind, "mode": grows, "length": length}
        measured = {
            "load": load,
            "train_length": 16,
            "num_sequences": ROWS,
            "accuracy": k / ROWS,
            "ceiling": 1.0,
            "solved": True,
        }
        scores.append(at | measured | dict.fromkeys(FLOORS, 0.1))
        sequences += [at | {"sequence": row, "num_correct": int(row < k), "num_questions": 1} for row in range(ROWS)]
    return Results(scores=pd.DataFrame(scores), sequences=pd.DataFrame(sequences))


def test_a_length_counts_as_held_by_its_lower_bound_and_not_by_its_mean():
    (row,) = length_summaries(results(FIXED_LOAD, [64, 60, 30], [4, 4, 4]), threshold=0.9).to_dict("records")
    assert 60 / ROWS > 0.9
    assert row["effective_length"] == 16


@pytest.mark.parametrize(("rows", "decidable"), [(32, False), (34, False), (35, True), (LEAST_ROWS, True)])
def test_perfect_answers_hold_or_it_is_said_how_many_sequences_that_takes(rows, decidable):
    numbers = length_summaries(results(FIXED_LOAD, [rows, rows], [4, 4], rows))
    said = length_summary_table(numbers)["holds above .900"].item()
    assert said == ("32+" if decidable else f"none; beyond not decidable with {rows} sequences: that takes 35")
    fallen = pd.DataFrame({"num_sequences": [256, rows], "high": [1.0, 0.3]}, index=[16, 32])
    assert np.isnan(too_few_sequences(fallen, 16, 0.9)), "what lies below is decided"


def test_lengths_at_which_the_load_could_not_grow_are_left_out_of_growing_load():
    (row,) = length_summaries(results(GROWING_LOAD, [64, 64, 64], [4, 8, 12])).to_dict("records")
    assert (row["longest"], row["effective_length"]) == (32, 32)


def test_a_dip_at_one_load_is_evened_out_and_not_taken_for_the_end():
    rows = np.arange(100)
    right = tuple((rows < k)[None].astype(float) for k in (100, 40, 60, 0))
    counts = Counts((1, 2, 4, 8), right, tuple(np.ones((1, 100)) for _ in right))
    value, low, high = capacity(counts, 0.45)
    assert low <= value <= high
    assert 4 < value < 8
