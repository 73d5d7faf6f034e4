"""What two memories owe to the rows they share cancels in their difference."""

import numpy as np
import pytest

from runners.statistics.crossed import spread, trainings

ROWS = np.array([8, 5, 0, 7, 2, 8, 1, 6])
ASKED = np.full(8, 8)


def seeds_of(*right):
    return trainings([(np.array(k, float), ASKED.astype(float)) for k in right])


def test_rows_that_are_as_hard_for_both_add_nothing_to_a_difference():
    one, other = seeds_of(ROWS, ROWS, ROWS), seeds_of(ROWS, ROWS)
    assert spread(one).variance > 0.01
    assert spread(one, other).variance == pytest.approx(0, abs=1e-15)


def test_rows_that_are_hard_for_one_where_they_are_easy_for_the_other_count_four_times():
    one, other = seeds_of(ROWS, ROWS), seeds_of(8 - ROWS, 8 - ROWS)
    assert spread(one, other).variance == pytest.approx(4 * spread(one).variance)
