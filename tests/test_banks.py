"""What banks keep and read, against plain lists, quadrature and each other."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from models.banks import BANKS, Bank, Sampling
from models.banks.random import Random, hash_positions
from models.banks.slots import EMPTY, Slots
from models.banks.store import Store
from models.hippo.legendre import Array

every_bank = pytest.mark.parametrize("name", BANKS)
UNIFORM = Sampling()


def remembered(bank: Bank, f: Array, points: int) -> Array:
    """The memory tokens [points, d] of the signal f [t, d], one block after another."""
    C = np.zeros((bank.N, f.shape[1]))
    for t in range(0, len(f), bank.L):
        P, K = bank.block(t)
        C = P @ C + K @ f[t : t + bank.L]
    return bank.read(len(f), UNIFORM.places(points, len(f))) @ C


@pytest.mark.parametrize(("N", "L"), [(1, 4), (7, 3), (32, 4)])
@every_bank
def test_a_constant_is_read_as_that_constant(name: str, N: int, L: int) -> None:
    read = remembered(BANKS[name](N, L), np.full((8 * L, 1), 2.5), 11)
    assert np.allclose(read, 2.5, atol=1e-10)


@pytest.mark.parametrize("t0", [0, 3, 12])
@every_bank
def test_many_blocks_are_one_after_another(name: str, t0: int) -> None:
    bank = BANKS[name](7, 3)
    for (P, K), (P_one, K_one) in zip(bank.spans(t0, 5), Bank.spans(bank, t0, 5), strict=True):
        assert np.allclose(K, K_one, atol=1e-12)
        assert np.allclose(P, P_one, atol=1e-12) or t0 == 0  # of nothing, nothing is carried


@pytest.mark.parametrize("t0", [0, 6, 600])
@every_bank
def test_a_block_is_what_its_source_defines(name: str, t0: int) -> None:
    bank = BANKS[name](16, 6)
    for fast, slow in zip(bank.block(t0), bank.defined(t0), strict=True):
        assert np.allclose(fast, slow, atol=1e-10)


@pytest.mark.parametrize(("N", "L"), [(3, 4), (8, 4), (5, 2)])
def test_means_are_those_of_the_cells_of_a_list(N: int, L: int) -> None:
    f = np.random.default_rng(0).normal(size=6 * L)
    cells: list[float] = [0.0] * N
    for t in range(0, len(f), L):
        fine = [c for c in cells for _ in range(t)] + [x for x in f[t : t + L].tolist() for _ in range(N)]
        size = t + L  # a token is N fine cells, a cell of t + L tokens t + L of them
        cells = [sum(fine[n * size : (n + 1) * size]) / size for n in range(N)]
    assert np.allclose(remembered(BANKS["means"](N, L), f[:, None], N)[:, 0], cells, atol=1e-12)


@pytest.mark.parametrize(("N", "L"), [(3, 4), (8, 4), (5, 2), (4, 1)])
def test_samples_are_the_tokens_of_a_list_nearest_to_the_places(N: int, L: int) -> None:
    held: list[int] = []
    for t in range(L, 9 * L, L):
        seen = sorted({*held, *range(t - L, t)})
        places = [Fraction(2 * n + 1, 2 * N) * t for n in range(N)]
        held = [min(seen, key=lambda j: abs(j + Fraction(1, 2) - place)) for place in places]
        read = remembered(BANKS["samples"](N, L), np.arange(t)[:, None] * 1.0, N)
        assert read[:, 0].tolist() == held


def python_hash(x: int, seed: int) -> int:
    for turn in (1, 2):
        x = (x + (seed + turn) * 0x9E3779B97F4A7C15) % 2**64
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        x ^= x >> 31
    return x


@pytest.mark.parametrize("L", [1, 4, 20])
def test_random_tokens_are_those_of_least_hash_at_any_block_length(L: int) -> None:
    bank = Random(6, L, seed=3)
    for t in (20, 40, 60):
        kept = sorted(sorted(range(t), key=lambda j: python_hash(j, 3))[:6])
        assert bank.saved_positions(t).tolist() == kept
        nearest = [min(kept, key=lambda j: abs(j + 0.5 - (s + 0.5) / 9 * t)) for s in range(9)]
        assert remembered(bank, np.arange(t)[:, None] * 1.0, 9)[:, 0].tolist() == nearest


def test_every_token_is_as_likely_to_be_kept_at_random() -> None:
    N, t, seeds = 8, 40, 2000
    kept = [np.argsort(hash_positions(np.arange(t), seed))[:N] for seed in range(seeds)]
    counts = np.bincount(np.concatenate(kept), minlength=t)
    expected = seeds * N / t
    chi_square = ((counts - expected) ** 2).sum() / (expected * (1 - N / t)) * (t - 1) / t
    assert 14 < chi_square < 80  # 39 degrees of freedom: beyond these once in ten thousand


@pytest.mark.parametrize("name", ["samples", "random"])
def test_choices_are_rows_of_at_most_one_one(name: str) -> None:
    bank = BANKS[name](6, 4)
    assert isinstance(bank, Slots)
    for t in (0, 4, 8, 40):
        rows = np.concatenate(bank.block(t), axis=1)
        assert set(np.unique(rows)) <= {0.0, 1.0}
        assert np.array_equal(rows.sum(1), bank.saved_positions(t + 4) != EMPTY)


@pytest.mark.parametrize(("name", "L"), [("means", 12), ("samples", 12), ("samples", 3), ("random", 12), ("random", 3)])
def test_with_room_for_all_tokens_all_tokens_are_read(name: str, L: int) -> None:
    f = np.random.default_rng(1).normal(size=(12, 2))
    assert np.allclose(remembered(BANKS[name](12, L), f, 12), f, atol=1e-12)


def test_cosines_are_carried_by_least_squares() -> None:
    bank, t0 = BANKS["cosine"](6, 5), 15
    nodes, weights = np.polynomial.legendre.leggauss(60)
    y, w = (nodes + 1) / 2, weights / 2
    phi = bank.read(20, y)
    assert np.allclose((phi * w[:, None]).T @ phi, np.eye(6), atol=1e-12)
    P, K = bank.block(t0)
    assert np.allclose(P, 0.75 * (bank.read(20, 0.75 * y) * w[:, None]).T @ phi, atol=1e-12)
    cells = [(bank.read(20, (j + y) / 20) * w[:, None]).sum(0) / 20 for j in range(15, 20)]
    assert np.allclose(K, np.array(cells).T, atol=1e-12)


def test_polynomials_are_best_on_what_is_smooth_and_nothing_is_good_on_noise() -> None:
    N, L, t = 16, 16, 256
    x = UNIFORM.places(t, t)
    smooth = sum(np.sin(2 * np.pi * k * x + k) for k in (0.5, 1.0, 2.0))[:, None]
    noise = np.random.default_rng(0).normal(size=(t, 64))
    error = {
        name: [np.mean((remembered(kind(N, L), f, t) - f) ** 2) / np.mean(f**2) for f in (smooth, noise)]
        for name, kind in BANKS.items()
    }
    legendre, cosine, means, samples, random = (error[name][0] for name in BANKS)
    assert 100 * legendre < cosine < 1e-4
    assert 100 * cosine < min(means, samples) < 0.05
    assert samples < random
    assert all(error[name][1] > 0.85 for name in BANKS)
    assert max(error[name][1] for name in ("legendre", "cosine", "means")) < 1 < error["samples"][1]


@pytest.mark.parametrize(
    ("words", "left", "expected"),
    [
        ("uniform", False, [0.125, 0.375, 0.625, 0.875]),
        ("uniform", True, [0, 0.25, 0.5, 0.75]),
        ("exponential", True, [0, 0.5, 0.75, 0.875]),
        ("exponential", False, [1 - 2**-0.5, 1 - 2**-1.5, 1 - 2**-2.5, 1 - 2**-3.5]),
        ("exponential 0.1", True, [0, 0.9, 0.99, 0.999]),
        ("1, 0.5 0.25,0", False, [1, 0.5, 0.25, 0]),
    ],
)
def test_sampling_says_where_memory_is_read(words: str, left: bool, expected: list[float]) -> None:
    assert np.allclose(Sampling.parse(words, 4, left).places(4, 16), expected)


@pytest.mark.parametrize(
    ("words", "left", "mend"),
    [
        ("", False, "places from 0 to 1"),
        ("linear", False, "places from 0 to 1"),
        ("uniform 0.5", False, "places from 0 to 1"),
        ("exponential 1.5", False, "alpha between 0 and 1"),
        ("0.1 0.2 0.3 1.1", False, "from 0, the oldest, to 1"),
        ("0.1 0.2 nan 1", False, "from 0, the oldest, to 1"),
        ("0.1 0.5", False, "need num_samples = 2, not 4"),
        ("0.1 0.2 0.3 0.4", True, "have no cells"),
    ],
)
def test_sampling_that_says_nothing_is_refused(words: str, left: bool, mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        Sampling.parse(words, 4, left)


def test_slots_between_given_places_stand_evenly_in_rank() -> None:
    given = Sampling.parse("0.9 0.1 0.5", 3)
    assert np.allclose(given.places(5, 10), [0.1, 0.26, 0.5, 0.74, 0.9])


def test_what_is_kept_of_constants_has_a_bound() -> None:
    store, made = Store(1000), []

    def make(i: int) -> Array:
        made.append(i)
        return np.full(30, float(i))

    for i in range(100):
        for key in (i, 0):
            assert store.get(key, partial(make, key))[0] == key
            assert store.bytes == 240 * len(store.values) <= 1000
    assert made == list(range(100))  # what is used again and again is never made again
    assert 50 not in store
    store.put("large", np.ones(1000))
    assert list(store.values) == ["large"]
