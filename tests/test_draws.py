"""Every draw is uniform over what it says it draws from, and the ways to draw agree."""

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from recall_tasks import draws


def rng() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(7))


def uniform_over(drawn: np.ndarray, every: list[tuple[int, ...]]) -> float:
    rows, counts = np.unique(drawn, axis=0, return_counts=True)
    assert {tuple(row) for row in rows.tolist()} == set(every)
    return stats.chisquare(counts).pvalue


def test_permutations_are_uniform():
    assert uniform_over(draws.shuffled(rng(), 24_000, 4), list(permutations(range(4)))) > 1e-3


def test_items_are_mixed_with_their_repeats():
    items = np.broadcast_to(np.array([5, 5, 9, 9], np.int32), (12_000, 4))
    assert uniform_over(draws.mixed(rng(), items), sorted(set(permutations((5, 5, 9, 9))))) > 1e-3


@pytest.mark.parametrize("dense", [True, False])
def test_subsets_and_their_order_are_uniform(dense, monkeypatch):
    monkeypatch.setattr(draws, "_dense", lambda size, among: dense)
    assert uniform_over(np.sort(draws.subsets(rng(), 20_000, 3, 6), axis=1), list(combinations(range(6), 3))) > 1e-3
    assert uniform_over(draws.distinct(rng(), 24_000, 2, 5), list(permutations(range(5), 2))) > 1e-3


def test_floyd_in_rounds_is_floyd_step_by_step():
    size, among = 40, 60
    last = np.arange(among - size, among, dtype=np.int32)
    drawn = rng().integers(0, last + 1, size=(200, size), dtype=np.int32)
    expected = []
    for row in drawn.tolist():
        chosen: list[int] = []
        for draw, highest in zip(row, last.tolist(), strict=True):
            chosen.append(highest if draw in chosen else draw)
        expected.append(chosen)
    assert np.array_equal(draws._floyd(drawn, last), expected)


@pytest.mark.parametrize(("size", "width", "among"), [(2, 2, 7), (2, 3, 8), (3, 1, 5), (1, 2, 2), (0, 2, 3)])
def test_spans_take_every_arrangement_alike(size, width, among):
    every = [c for c in combinations(range(among - width + 1), size) if all(np.diff(c) >= width)]
    starts = draws.spans(rng(), 20_000, size, width, among)
    assert len(every) == 1 or uniform_over(starts, every) > 1e-3
    assert starts.shape == (20_000, size)


@pytest.mark.parametrize("taken", [0, 1, 4, 7])
def test_spans_beside_another_take_every_arrangement_alike(taken):
    every = [
        c for c in combinations(range(8), 2) if all(np.diff(c) >= 2) and all(abs(start - taken) >= 2 for start in c)
    ]
    assert uniform_over(draws.spans_beside(rng(), 20_000, 2, 2, 9, taken), every) > 1e-3


def test_floats_are_ordered_by_their_worth():
    keys = rng().standard_exponential((50, 33))
    assert np.array_equal(draws.order(keys.copy().view(np.uint64)), np.argsort(keys, axis=1))
