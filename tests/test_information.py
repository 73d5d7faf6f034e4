"""Rate-distortion bounds against algorithms that know nothing of their closed forms."""

from itertools import product

import numpy as np
import pytest

from recall_tasks.information import matching_bits, mean_bits, naming_bits


def blahut_arimoto(score: np.ndarray, price: float) -> tuple[float, float]:
    """Accuracy and bits of the best channel at a price, from a score for each of V values and each report."""
    gain = np.exp2(price * score)
    reports = np.full(score.shape[1], 1 / score.shape[1])
    for _ in range(3000):
        channel = reports * gain
        channel /= channel.sum(axis=1, keepdims=True)
        reports = channel.mean(axis=0)
    accuracy = (channel * score).sum(axis=1).mean()
    ratio = np.log2(np.maximum(channel, 1e-300) / np.maximum(channel.mean(axis=0), 1e-300))
    return float(accuracy), float((channel * ratio).sum(axis=1).mean())


def matching_scores(V: int) -> np.ndarray:
    """How often each set of values to call "same" is right, for each true value: [V, 2^V]."""
    sets = np.array(list(product((0, 1), repeat=V)))
    held = sets.T
    others = sets.sum(axis=1) - held
    return 0.5 * held + 0.5 * (1 - others / (V - 1))


@pytest.mark.parametrize("V", [2, 3, 5])
@pytest.mark.parametrize("price", [1.0, 3.0, 6.0])
def test_matching_is_the_rate_distortion_function(V, price):
    accuracy, bits = blahut_arimoto(matching_scores(V), price)
    assert np.isclose(matching_bits(accuracy, V), bits, atol=2e-4)
    assert matching_bits(accuracy, V) <= bits + 1e-9, "never above the truth"


@pytest.mark.parametrize("V", [2, 3, 5])
@pytest.mark.parametrize("price", [1.0, 3.0, 6.0])
def test_naming_is_the_rate_distortion_function(V, price):
    accuracy, bits = blahut_arimoto(np.eye(V), price)
    assert np.isclose(naming_bits(accuracy, V), bits, atol=1e-6)


@pytest.mark.parametrize("V", [2, 3, 16, 100, 4096])
def test_matching_rises_convexly_from_nothing_to_the_whole_value(V):
    accuracy = np.linspace(0.5, 1, 401)
    bits = matching_bits(accuracy, V)
    assert bits[0] == 0
    assert bits[-1] == np.log2(V)
    assert np.isclose(matching_bits(1 - 1e-13, V), np.log2(V), atol=1e-6)
    assert (np.diff(bits) >= 0).all()
    assert (np.diff(bits, 2) >= -1e-9).all()
    assert (bits <= naming_bits(2 * accuracy - 1, V) + 1).all(), "naming it would do as well, nearly"
    assert matching_bits(0.2, V) == 0


@pytest.mark.parametrize("V", [4, 16, 64])
def test_no_hash_matches_better_than_the_bound(V):
    rng = np.random.default_rng(V)
    for buckets in (2, 4, V // 2):
        table = np.arange(V) % buckets
        value = rng.integers(0, V, 40_000)
        same = rng.random(len(value)) < 0.5
        shown = np.where(same, value, (value + rng.integers(1, V, len(value))) % V)
        accuracy = ((table[value] == table[shown]) == same).mean()
        error = 4 * np.sqrt(accuracy * (1 - accuracy) / len(value))
        assert matching_bits(accuracy - error, V) <= np.log2(buckets)
        exact = 1 - (V / buckets - 1) / (V - 1) / 2
        assert matching_bits(exact, V) <= np.log2(buckets) + 1e-9


def test_a_hash_into_even_buckets_is_nearly_the_best():
    # 16 values in 4 buckets of 4: 2 bits, wrong for 3 of the 15 others.
    assert 1.9 < matching_bits(0.9, 16) <= 2


def test_two_values_are_named_by_matching():
    accuracy = np.linspace(0.5, 1, 51)
    assert np.allclose(matching_bits(accuracy, 2), naming_bits(accuracy, 2), atol=1e-4)


@pytest.mark.parametrize("sizes", [(2,), (5,), (2, 3, 4), tuple(range(2, 18)), (4, 4, 2)])
def test_the_mean_of_namings_inverts_what_the_bits_allow(sizes):
    for bits in np.linspace(0, np.log2(max(sizes)), 23):
        allowed = []
        for size in sizes:
            grid = np.linspace(1 / size, 1, 20_001)
            allowed.append(grid[naming_bits(grid, size) <= bits + 1e-12].max())
        found = mean_bits(np.mean(allowed), sizes)
        assert found <= bits + 1e-6, "never above the truth"
        assert np.isclose(found, bits, atol=2e-3)


def test_of_one_size_the_mean_is_naming():
    accuracy = np.linspace(0.2, 1, 81)
    assert np.allclose(mean_bits(accuracy, (5,)), naming_bits(accuracy, 5), atol=1e-3)
    assert mean_bits(1 / 5, (5,)) == 0
    assert mean_bits(1.0, (5, 2)) == np.log2(5)
