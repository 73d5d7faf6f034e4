"""Tables by depth, position and distance are what a loop over every question counts."""

from collections import defaultdict

import numpy as np
import pytest

from recall_tasks import Stream, make_task
from runners.evaluation.breakdown import breakdown_records, distance_records
from runners.evaluation.evaluate import Predictions


def counted(scored, place_of):
    """For each place: questions right, questions, rows that have one."""
    found = defaultdict(lambda: [0, 0, set()])
    for row, column in zip(*scored.asking.nonzero(), strict=True):
        cell = found[place_of(int(scored.queries[row, column]), int(scored.origins[row, column]))]
        cell[0] += bool(scored.predicted[row, column] == scored.answers[row, column])
        cell[1] += 1
        cell[2].add(int(row))
    return {place: (right, asked, len(rows)) for place, (right, asked, rows) in found.items()}


def told(table, place_of):
    return {
        place_of(row): (round(row["accuracy"] * row["num_questions"]), row["num_questions"], row["num_sequences"])
        for row in table
    }


@pytest.mark.parametrize("name", ["mqar", "needle", "copy", "overwrite", "parity", "count_recall"])
def test_every_question_is_counted_once_and_where_it_belongs(name):
    task = make_task(name, None)
    length = task.min_length + 23
    batch = Stream(task, length, "test").rows(0, 20)
    guessed = np.random.default_rng(0).random(batch.answers.shape) < 0.5
    said = np.where(batch.asking & ~guessed, batch.answers + 1, batch.answers)
    scored = Predictions(batch.asked, batch.origins, batch.answers, said.astype(np.int32))
    cells = breakdown_records(scored, length)
    tenths = {"depth": lambda asked, origin: 10 * origin // length, "position": lambda asked, _: 10 * asked // length}
    for by, tenth in tenths.items():
        mine = [row for row in cells if row["by"] == by]
        assert told(mine, lambda row: round(10 * row["low_edge"])) == counted(scored, tenth)
    doubling = counted(scored, lambda asked, origin: max(1, asked - origin).bit_length() - 1)
    assert told(distance_records(scored, length), lambda row: row["distance_low"].bit_length() - 1) == doubling
