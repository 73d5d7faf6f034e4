"""What associative recall, MQAR and multi-query recall add to the contract of a task."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import BLOCK, MQAR, MultiQuery, Stream, make_task
from recall_tasks.bounds import bag_floor, position_floor


def test_slots_say_nothing_about_their_pairs():
    task = MQAR(num_pairs=4)
    batch = Stream(task, 16).rows(0, 40 * BLOCK)
    table = np.zeros((8, 4))
    np.add.at(table, (batch.asked - 8, batch.origins // 2), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3
    assert stats.chisquare(table.sum(axis=1)).pvalue > 1e-3
    order = batch.origins // 2 @ 4 ** np.arange(4)
    assert stats.chisquare(np.unique(order, return_counts=True)[1]).pvalue > 1e-3
    assert len(np.unique(order)) == 24


def test_the_power_law_leaks_which_pair_is_asked():
    # 16 pairs, few coincidences among 4096 values: the uniform law scores 1/16, this one nearly twice that.
    zoology = make_task("mqar", preset="zoology", num_pairs=16)
    fair = make_task("mqar", preset="zoology", num_pairs=16, placement="uniform")
    assert position_floor(zoology, 64) > 1.5 * bag_floor(zoology, 64)
    assert position_floor(fair, 64) < 1.15 * bag_floor(fair, 64)


@pytest.mark.parametrize(("low", "high"), [(9, 9), (9, 20), (30, 31)])
def test_distance_placement_is_exact(low, high):
    task = MQAR(num_pairs=5, placement=f"distance:{low}-{high}")
    batch = Stream(task, 50).rows(0, 1024)
    assert (batch.distances == batch.distances[:, :1]).all()
    assert set(np.unique(batch.distances)) == set(range(low, high + 1))


def test_the_key_of_associative_recall_is_uniform_over_the_pairs():
    batch = Stream(make_task("associative"), 20).rows(0, 4096)
    assert (batch.asked == 19).all()
    assert stats.chisquare(np.bincount(batch.origins[:, 0] // 2)).pvalue > 1e-3


def test_the_rth_asking_wants_the_rth_value():
    task = MultiQuery(num_pairs=3, num_queries=14, values_per_key=2)
    batch = Stream(task, 40).rows(0, 256)
    for tokens, asked, answers in zip(batch.tokens, batch.asked, batch.answers, strict=True):
        values = {tokens[p]: tokens[p + 1 : p + 3] for p in (0, 3, 6)}
        times = dict.fromkeys(values, 0)
        for t, answer in zip(asked, answers, strict=True):
            key = tokens[t]
            assert answer == values[key][times[key] % 2]
            times[key] += 1
        assert sorted(times.values()) == [4, 5, 5]


def test_questions_come_in_any_order():
    batch = Stream(MultiQuery(num_pairs=2, num_queries=4), 12).rows(0, 20 * BLOCK)
    orders = (batch.origins == 1) @ 2 ** np.arange(4)
    counts = np.unique(orders, return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-3
