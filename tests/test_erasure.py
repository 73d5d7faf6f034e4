"""Concept erasure: on the rows it is fitted to, exact and least; on fresh rows, enough; elsewhere, harmless."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from runners.probe.erasure import Eraser, random_like, span_of

V = 4


def states(n, F, items, seed, noise=0.0, scale=1.0):
    """Values [n, items] of V each, and states in which they add up, the same way for every seed."""
    rng = np.random.default_rng(seed)
    ways = np.random.default_rng(99).standard_normal((items, V, F)) * scale
    y = rng.integers(0, V, (n, items))
    return sum(ways[j][y[:, j]] for j in range(items)) + noise * rng.standard_normal((n, F)), y


def means(X, y):
    return np.stack([X[y == value].mean(0) for value in np.unique(y)])


def guessed(reader, X, y, Xt, yt):
    """The share that a reader fitted to these states finds in those."""
    return reader.fit(X, y).score(Xt, yt)


@pytest.mark.parametrize("F", [12, 300])
@pytest.mark.parametrize("shrinkage", [0.0, 0.01, 1.0])
def test_after_erasing_every_value_has_the_same_mean(F, shrinkage):
    X, y = states(200, F, 2, 0, noise=1.0)
    X = X @ np.diag(np.geomspace(0.1, 100, F)) + 5
    left = means(Eraser(shrinkage).fit(X, y[:, 0]).transform(X), y[:, 0])
    assert np.abs(means(X, y[:, 0]) - X.mean(0)).max() > 1
    assert np.abs(left - X.mean(0)).max() < 1e-6


def test_what_is_erased_stays_erased_and_takes_one_direction_fewer_than_there_are_values():
    X, y = states(200, 30, 2, 0, noise=1.0)
    eraser = Eraser().fit(X, y[:, 0])
    once = eraser.transform(X)
    assert eraser.rank_ == V - 1
    assert np.allclose(eraser.transform(once), once)
    assert np.linalg.matrix_rank(X - once) == V - 1
    assert Eraser().fit(X, y).rank_ == 2 * (V - 1)


def test_no_projection_that_erases_changes_states_less():
    X, y = states(400, 10, 2, 0, noise=0.3)
    X = X @ np.random.default_rng(1).standard_normal((10, 10))
    centre, differences = X.mean(0), (means(X, y[:, 0]) - X.mean(0)).T
    axes = np.linalg.svd(differences, full_matrices=False)[0][:, : V - 1]
    orthogonal = X - (X - centre) @ axes @ axes.T
    assert np.allclose(means(orthogonal, y[:, 0]), centre)
    least = Eraser(0.0).fit(X, y[:, 0]).transform(X)
    for norm in (np.eye(10), np.linalg.inv(np.cov(X.T))):
        change, other = (np.einsum("ni,ij,nj->", X - Z, norm, X - Z) for Z in (least, orthogonal))
        assert change < 0.99 * other


def test_readers_of_fresh_rows_are_at_chance_and_other_items_stay():
    items = 8
    (X, y), (fresh, known), (asked, own) = (states(600, 1024, items, seed) for seed in range(3))
    eraser = Eraser().fit(X, y[:, 0], y[:, 1:])
    for reader in (RidgeClassifier(1.0), LogisticRegression(C=1.0)):
        before = guessed(reader, fresh, known[:, 0], asked, own[:, 0])
        after = guessed(reader, eraser.transform(fresh), known[:, 0], eraser.transform(asked), own[:, 0])
        assert before > 0.99
        assert abs(after - 1 / V) < 4 * np.sqrt(3 / 16 / len(own))
    for item in range(1, items):
        reader = RidgeClassifier(1.0).fit(fresh, known[:, item])
        assert reader.score(eraser.transform(asked), own[:, item]) > 0.99


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_noise_of_the_rows_it_was_fitted_to_is_no_imprint_of_the_value(noise):
    items = 16
    (X, y), (fresh, known), (asked, own) = (states(384, 512, items, seed, noise) for seed in range(3))
    found = {}
    for weak in (0.0, 0.1):
        eraser = Eraser(weak=weak).fit(X, y[:, 0], y[:, 1:])
        Z, Z_asked = eraser.transform(fresh), eraser.transform(asked)
        found[weak] = guessed(RidgeClassifier(1.0), Z, known[:, 0], Z_asked, own[:, 0])
        assert guessed(RidgeClassifier(1.0), Z, known[:, 1], Z_asked, own[:, 1]) > 0.95
    assert found[0.0] > 1 / V + 0.2
    assert found[0.1] < 1 / V + 0.1


def test_without_the_other_items_their_chance_agreements_are_written_into_the_states():
    (X, y), (fresh, known), (asked, own) = (states(n, 512, 16, seed) for seed, n in enumerate((300, 1200, 1200)))
    alone, told = (
        guessed(RidgeClassifier(1.0), eraser.transform(fresh), known[:, 0], eraser.transform(asked), own[:, 0])
        for eraser in (Eraser().fit(X, y[:, 0]), Eraser().fit(X, y[:, 0], y[:, 1:]))
    )
    assert alone > 1 / V + 0.15
    assert told < 1 / V + 0.05


def test_shrinkage_spares_fresh_states_where_rows_are_as_many_as_numbers():
    (many, labels), (X, y), (fresh, known) = (states(n, 200, 2, n, noise=4.0) for n in (4000, 201, 400))
    own, other = (RidgeClassifier(1.0).fit(many, column) for column in labels.T)
    without, with_some = (Eraser(shrinkage).fit(X, y[:, 0], y[:, 1:]) for shrinkage in (0.0, 0.01))
    assert own.score(fresh, known[:, 0]) > 0.9
    assert own.score(with_some.transform(fresh), known[:, 0]) < 0.6
    assert other.score(without.transform(fresh), known[:, 1]) < 0.8
    assert other.score(with_some.transform(fresh), known[:, 1]) > 0.9
    assert np.square(fresh - with_some.transform(fresh)).sum() < 0.2 * np.square(fresh - fresh.mean(0)).sum()


def test_the_control_removes_as_many_directions_and_as_much_and_leaves_the_value():
    (X, y), (asked, own) = (states(600, 1024, 8, seed) for seed in range(2))
    eraser = Eraser().fit(X, y[:, 0], y[:, 1:])
    control = random_like(eraser, np.random.default_rng(0))
    removed = [np.square(asked - one.transform(asked)).sum() for one in (eraser, control)]
    assert control.rank_ == eraser.rank_
    assert 0.5 < removed[1] / removed[0] < 3
    assert np.allclose(eraser.read_.T @ control.written_, 0)
    assert np.allclose(eraser.transform(control.transform(asked)), control.transform(eraser.transform(asked)))
    reader = RidgeClassifier(1.0).fit(X, y[:, 0])
    assert reader.score(control.transform(asked), own[:, 0]) > 0.99
    again = random_like(eraser, np.random.default_rng(0))
    assert np.array_equal(again.A_, control.A_)


def test_where_nothing_else_varies_the_control_removes_nothing():
    X, y = states(200, 20, 1, 0)
    eraser = Eraser().fit(X, y[:, 0])
    assert random_like(eraser, np.random.default_rng(0)).rank_ == 0
    assert np.allclose(eraser.transform(X), X.mean(0))


def test_coordinates_along_the_axes_are_an_isometry_of_standardised_states():
    X, y = states(50, 400, 3, 0, noise=1.0)
    span = span_of(X)
    Z, eraser = span.coordinates(X), Eraser(0.1).fit(X, y[:, 0], span=span)
    assert np.allclose(Z @ Z.T, span.standard @ span.standard.T)
    assert np.allclose(eraser.along_axes(Z), span.coordinates(eraser.transform(X)))


def test_states_that_never_vary_are_left_alone():
    X, y = np.ones((20, 5)), np.arange(20) % 2
    eraser = Eraser().fit(X, y)
    assert eraser.rank_ == random_like(eraser, np.random.default_rng(0)).rank_ == 0
    assert np.array_equal(eraser.transform(X), X)
    X = np.stack([y, 1e9 + 1e-3 * y], axis=1)  # the second is constant but for rounding
    assert np.array_equal(Eraser().fit(X, y).transform(X)[:, 1], X[:, 1])


def test_it_is_an_estimator_and_refuses_what_cannot_be():
    X, y = states(20, 5, 1, 0)
    assert clone(Eraser(0.5)).get_params() == {"shrinkage": 0.5, "weak": 0.1}
    with pytest.raises(ValueError, match="not fitted yet"):
        Eraser().transform(X)
    with pytest.raises(ValueError, match=r"from 0 to 1, not 1\.5"):
        Eraser(1.5).fit(X, y[:, 0])
    with pytest.raises(ValueError, match="20 states and 19 rows of labels"):
        Eraser().fit(X, y[1:, 0])
    with pytest.raises(ValueError, match="of 5 numbers, not 4"):
        Eraser().fit(X, y[:, 0]).transform(X[:, :4])
    with pytest.raises(ValueError, match="2 or more states, not 1"):
        Eraser().fit(X[:1], y[:1, 0])
