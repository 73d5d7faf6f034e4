"""What was asked of distance and depth is what is drawn, at every length."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import MQAR, Associative, Induction, Needle, Stream

LENGTHS = (64, 256, 1024, 4096)
ROWS = 3072


def uniform_over(places: np.ndarray, size: int) -> float:
    """How likely whole numbers of a uniform law over 0 to size - 1 are to be as far from it (chi-square, 32 bins)."""
    bins = min(size, 32)
    edges = np.arange(bins + 1) * size // bins
    counts = np.histogram(places, np.append(edges[:-1], size + 1))[0]
    return float(stats.chisquare(counts, np.diff(edges) * len(places) / size).pvalue)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_question_of_mqar_stands_anywhere_behind_the_pairs(length):
    batch = Stream(MQAR(num_pairs=8), length).rows(0, ROWS)
    third = batch.asked[np.nonzero(batch.origins == 5)]
    assert uniform_over(third - 16, length - 16) > 1e-3
    assert stats.kstest((third - 16 + 0.5) / (length - 16), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("length", LENGTHS)
def test_the_power_law_is_the_one_that_was_asked_for(length):
    batch = Stream(MQAR(num_pairs=1, placement="power:0.5"), length).rows(0, ROWS)
    slots = (length - 2) // 2
    weight = np.arange(1, slots + 1) ** -0.5
    edges = np.unique(np.geomspace(1, slots + 1, 24).astype(int)) - 1
    expected = np.add.reduceat(weight, edges[:-1]) / weight.sum()
    counts = np.histogram((batch.asked[:, 0] - 2) // 2, np.append(edges[:-1], slots))[0]
    assert stats.chisquare(counts, ROWS * expected).pvalue > 1e-3


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("law", ["within", "even", "distance"])
def test_distances_keep_their_range(length, law):
    low, high = length // 2, length // 2 + 15
    batch = Stream(MQAR(num_pairs=4, placement=f"{law}:{low}-{high}"), length).rows(0, ROWS)
    assert batch.distances.min() == low
    assert batch.distances.max() == high
    if law == "even":
        one = batch.distances[np.arange(ROWS), np.arange(ROWS) % 4]  # those of one row exclude each other
        assert uniform_over(one - low, 16) > 1e-3
    if law == "distance":
        assert uniform_over(batch.distances[:, 0] - low, 16) > 1e-3
        assert (np.ptp(batch.distances, axis=1) == 0).all()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("haystack", ["constant", "uniform", "markov", "needles"])
def test_a_needle_without_a_depth_stands_anywhere(length, haystack):
    starts = Stream(Needle(haystack=haystack), length).rows(0, ROWS).origins[:, 0] - 1
    assert uniform_over(starts, length - 3) > 1e-3


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("depth", [0.0, 0.3, 1.0])
def test_a_depth_is_exact(length, depth):
    starts = Stream(Needle(num_needles=3, depth=depth), length).rows(0, 64).origins[:, 0] - 1
    assert (abs(starts - depth * (length - 4)) <= 1).all()
    marks = Stream(Induction(depth=depth), length).rows(0, 64).origins[:, 0] - 1
    assert (abs(marks - depth * (length - 3)) <= 1).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_length_moves_the_distance_of_associative_recall_and_nothing_else(length):
    batch = Stream(Associative(num_pairs=8), length).rows(0, ROWS)
    assert uniform_over((length - 2 - batch.distances[:, 0]) // 2, 8) > 1e-3
