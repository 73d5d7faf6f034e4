"""What each law of placement promises about slots, order and distance."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import MQAR, Stream
from recall_tasks.bounds import bag_floor, position_floor
from recall_tasks.generators.placement import parse


def mqar(pairs: int, placement: str, **fields) -> MQAR:
    return MQAR(num_pairs=pairs, placement=placement, **fields)


@pytest.mark.parametrize(("pairs", "low", "high"), [(4, 3, 12), (4, 3, 30), (1, 5, 5), (2, 1, 4)])
def test_within_keeps_its_range_and_says_nothing(pairs, low, high):
    batch = Stream(mqar(pairs, f"within:{low}-{high}"), high + 2).rows(0, 4096)
    assert batch.distances.min() == low
    assert batch.distances.max() == high
    table = np.zeros((high + 2, pairs))
    np.add.at(table, (batch.asked, batch.origins // 2), 1)
    table = table[table.any(axis=1)]
    assert len(table) == high - low - 2 * pairs + 3
    assert pairs == 1 or stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize(("pairs", "low", "high"), [(3, 1, 9), (3, 4, 18), (1, 3, 6), (2, 2, 5)])
def test_even_makes_every_distance_equally_likely(pairs, low, high):
    batch = Stream(mqar(pairs, f"even:{low}-{high}"), high + 2).rows(0, 6144)
    one = np.random.default_rng(0).integers(0, pairs, 6144)  # distances of one row exclude each other
    counts = np.bincount(batch.distances[np.arange(6144), one])[low:]
    assert len(counts) == high - low + 1
    assert stats.chisquare(counts).pvalue > 1e-3
    gap = (high - low + 1) // pairs
    assert pairs == 1 or (np.diff(batch.stored.positions, axis=1) == gap).all()


@pytest.mark.parametrize("placement", ["within:8-64", "even:3-66"])
def test_no_slot_gives_its_pair_away(placement):
    task = mqar(8, placement, num_values=4096)
    assert position_floor(task, 70) < 1.1 * bag_floor(task, 70)


def test_fillers_fill_the_gaps_between_pairs():
    tokens = Stream(mqar(3, "even:2-16", num_fillers=4), 30).rows(0, 64).tokens
    assert (tokens > 0).all()


def test_a_fixed_distance_gives_the_order_away():
    task = mqar(4, "distance:9-20")
    distances = Stream(task, 40).rows(0, 512).distances
    assert (distances == distances[:, :1]).all()
    assert set(np.unique(distances)) == set(range(9, 21))
    assert position_floor(task, 40) == 1.0


def test_the_first_slot_of_the_power_law_follows_its_weights():
    batch = Stream(mqar(1, "power:0.5"), 14).rows(0, 24_576)
    weight = np.arange(1, 7) ** -0.5
    counts = np.bincount((batch.asked[:, 0] - 2) // 2, minlength=6)
    assert stats.chisquare(counts, 24_576 * weight / weight.sum()).pvalue > 1e-3


def test_the_power_law_draws_without_replacement_in_order():
    batch = Stream(mqar(2, "power:0.5"), 10).rows(0, 6144)
    by_pair = np.take_along_axis((batch.asked - 4) // 2, np.argsort(batch.origins, axis=1), axis=1)
    weight = np.arange(1, 4) ** -0.5
    weight /= weight.sum()
    expected = {(a, b): weight[a] * weight[b] / (1 - weight[a]) for a in range(3) for b in range(3) if a != b}
    pairs, counts = np.unique(by_pair, axis=0, return_counts=True)
    assert stats.chisquare(counts, [6144 * expected[tuple(p)] for p in pairs.tolist()]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        ("nowhere", r"unknown placement 'nowhere': uniform, power:A"),
        ("power:2", r"unknown placement"),
        ("power:x", r"unknown placement"),
        ("uniform:3", r"unknown placement"),
        ("within:3", r"8 pairs need distances from 3 to at least 24, not 3 \(try --placement within:3-24\)"),
        ("within:3-23", r"try --placement within:3-24"),
        ("within:0-90", r"8 pairs can be asked 1 tokens after their answers at the nearest, not 0 .*within:1-90"),
        ("even:1-63", r"a multiple of 8 distances from 1, for example to 64, not 63 \(try --placement even:1-64\)"),
        ("even:1-70", r"try --placement even:1-72"),
        ("distance:3-9", r"try --placement distance:15-15"),
        ("distance:20-19", r"try --placement distance:20-20"),
    ],
)
def test_what_cannot_be_placed_is_refused_in_words(placement, message):
    with pytest.raises(ValueError, match=message):
        MQAR(placement=placement)


@pytest.mark.parametrize("pairs", [1, 2, 3, 8, 21])
@pytest.mark.parametrize("word", ["within", "even", "distance"])
def test_the_mend_works(pairs, word):
    with pytest.raises(ValueError, match="try --placement") as refused:
        parse(f"{word}:{2 * pairs}-{2 * pairs - 1}", pairs)
    mend = str(refused.value).rpartition("--placement ")[2].rstrip(")")
    task = mqar(pairs, mend)
    low, high = map(int, mend.partition(":")[2].split("-"))
    distances = Stream(task, task.min_length).rows(0, 64).distances
    assert low <= distances.min()
    assert distances.max() <= high
