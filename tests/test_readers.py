"""Readers say what a state holds, as probabilities, and nothing where it holds nothing."""

import numpy as np
import pytest
from sklearn.base import clone

from runners.probe.factorise import factorise
from runners.probe.information import true_log_prob
from runners.probe.readers.bilinear import Bilinear
from runners.probe.readers.logistic import Logistic
from runners.probe.readers.mlp import MLP
from runners.probe.readers.reader import SharedDecoder, best_candidate
from runners.probe.readers.ridge import Ridge
from runners.probe.state_store import Table

N, K, V = 500, 2, 4
READERS = [Logistic(), MLP(), Bilinear(pairs=500), SharedDecoder(Logistic())]
NAMES = [type(reader).__name__ for reader in READERS]


def hot(y, V=V):
    return np.eye(V)[y]


def posed(reader, signal, seed=0, rows=N):
    """Rows as the reader takes them, whose values stand in the state as a one-hot `signal` times as large as noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, V, (rows, K))
    X = signal * hot(y).reshape(rows, -1) + rng.standard_normal((rows, K * V))
    return (np.concatenate([X, np.tile(np.arange(K), (rows, 1))], axis=1) if isinstance(reader, Bilinear) else X), y


def bits_lost(reader, X, y):
    return -true_log_prob(reader.predict_log_proba(X), y).mean(0) / np.log(2)


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
def test_a_reader_finds_what_is_there_and_nothing_where_there_is_nothing(reader):
    X, y = posed(reader, 5)
    there = clone(reader).fit(X[:400], y[:400])
    assert there.score(X[400:], y[400:]) > 0.95
    assert bits_lost(there, X[400:], y[400:]).max() < 0.4
    X, y = posed(reader, 0)
    nothing = clone(reader).fit(X[:400], y[:400])
    assert abs(nothing.score(X[400:], y[400:]) - 1 / V) < 0.1
    assert abs(bits_lost(nothing, X[400:], y[400:]) - np.log2(V)).max() < 0.1


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
def test_probabilities_are_of_all_values_and_sum_to_1(reader):
    X, y = posed(reader, 1, rows=200)
    p = clone(reader).set_params(num_values=9).fit(X, np.minimum(y, 2)).predict_proba(X)
    assert p.shape == (200, K, 9)
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-9)
    assert p.min() > 0


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
@pytest.mark.parametrize("seen", [[0], [2], [0, 2]])
def test_a_value_never_seen_is_unlikely_and_not_impossible(reader, seen):
    X, y = posed(reader, 5, rows=200)
    known = np.isin(y, seen).all(1) if len(seen) > 1 else np.ones(200, bool)
    labels = y if len(seen) > 1 else np.full_like(y, seen[0])
    fitted = clone(reader).set_params(num_values=V).fit(X[known], labels[known])
    p = fitted.predict_proba(X[known])
    assert 0 < p[..., 1].max() < 0.1
    assert bits_lost(fitted, X, np.ones_like(y)).max() < 15


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
@pytest.mark.parametrize("still", [1.0, 1e9])
def test_states_that_never_vary_leave_what_is_usual(reader, still):
    X, _ = posed(reader, 0)
    y = np.random.default_rng(0).choice(V, (N, K), p=[0.7, 0.1, 0.1, 0.1])
    wide = K if isinstance(reader, Bilinear) else 0
    X[:, : X.shape[1] - wide] = still
    fitted = clone(reader).set_params(num_values=V + 1).fit(X[:400], y[:400])
    np.testing.assert_allclose(fitted.predict_proba(X[400:]).mean((0, 1)), [0.7, 0.1, 0.1, 0.1, 0], atol=0.08)


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
def test_readers_are_scikit_learn_estimators_and_draw_from_their_own_generator(reader):
    X, y = posed(reader, 1, rows=200)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again = (clone(reader).fit(X, y).predict_log_proba(X) for _ in range(2))
    assert (first == again).all()
    assert (before == np.random.get_state()[1]).all()  # noqa: NPY002
    params = reader.get_params(deep=False)
    assert params["num_values"] == 0
    assert type(reader)(**params).get_params().keys() == reader.get_params().keys()
    if "random_state" in params:
        some = {"pairs": 50} if "pairs" in params else {}
        one, other = (clone(reader).set_params(random_state=seed, **some).fit(X, y) for seed in (0, 1))
        assert (one.predict_log_proba(X) != other.predict_log_proba(X)).any()


@pytest.mark.parametrize("reader", [Logistic(), MLP()], ids=NAMES[:2])
def test_two_values_are_read_as_any_number_is(reader):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    X = hot(y, 2) * 5 + rng.standard_normal((N, 2))
    fitted = clone(reader).fit(X[:400], y[:400])
    assert fitted.predict_proba(X).shape == (N, 2)
    assert fitted.score(X[400:], y[400:]) > 0.95


def test_logistic_probabilities_are_those_of_a_softmax_that_made_the_labels():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6000, 3))
    logits = X @ rng.standard_normal((3, V))
    truth = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    y = (truth.cumsum(1) < rng.random((6000, 1))).sum(1)
    assert abs(Logistic().fit(X, y).predict_proba(X) - truth).mean() < 0.015


def test_only_the_leading_components_are_read():
    """The value stands in a direction of little variance beside eight of much: cut to eight, it is gone."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, V, N)
    loud = rng.standard_normal((N, 8)) @ rng.standard_normal((8, 40))
    X = loud + hot(y) @ rng.standard_normal((V, 40)) / 5
    assert Logistic(components=16).fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.95
    assert Logistic(components=8).fit(X[:400], y[:400]).score(X[400:], y[400:]) < 0.5


def test_states_on_their_axes_already_are_taken_as_they_are():
    X, y = posed(Logistic(), 2)
    X = X * np.geomspace(1, 100, X.shape[1])
    on_axes = factorise(Table(X), np.arange(320)).scores
    plain, given = Logistic(V), Logistic(V, orthogonal=True)
    for reader, Z in ((plain, X), (given, on_axes)):
        reader.fit(Z[:320], y[:320], (Z[320:400], y[320:400]))
    np.testing.assert_allclose(given.predict_proba(on_axes), plain.predict_proba(X), atol=1e-3)


def test_the_fittest_way_is_the_one_that_is_best_once_it_is_as_sure_as_it_may_be():
    """The first is far too sure of what it mostly knows; the second knows less and says it mildly."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, V, N)
    mostly, seldom = (np.where(rng.random(N) < share, y, rng.integers(0, V, N)) for share in (0.9, 0.2))
    best, steep = best_candidate(np.stack([100 * hot(mostly), 0.5 * hot(seldom)], axis=1), y)
    assert best == 0
    assert steep < 0.1


def test_a_fit_that_ran_out_of_steps_says_so(monkeypatch):
    X, y = posed(Logistic(), 1)
    assert Logistic().fit(X, y).converged_
    monkeypatch.setattr("runners.probe.readers.logistic.STEPS", 1)
    assert not Logistic().fit(X, y).converged_
    assert not SharedDecoder(Logistic()).fit(X, y).converged_
    monkeypatch.setattr("runners.probe.readers.mlp.EPOCHS", 1)
    assert not MLP().fit(X, y).converged_


def test_a_bilinear_reader_of_one_key_is_ridge_regression():
    """Where all keys are the same the kernel is that of the states: alike up to the strengths to choose from."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, V, (N, 1))
    X = hot(y[:, 0]) * 2 + rng.standard_normal((N, V))
    with_key = np.concatenate([X, np.zeros((N, 1))], axis=1)
    bilinear = Bilinear().fit(with_key[:400], y[:400]).predict_proba(with_key[400:])
    ridge = Ridge().fit(X[:400], y[:400]).predict_proba(X[400:])
    assert abs(bilinear - ridge).max() < 0.05


def test_keys_with_alike_vectors_are_read_alike():
    """A key that was never seen is read by its vector; without vectors it has nothing in common with others."""
    rng = np.random.default_rng(0)
    y, keys = rng.integers(0, V, (N, 1)), rng.integers(0, 4, (N, 1))
    X = np.concatenate([hot(y[:, 0]) * 5 + rng.standard_normal((N, V)), keys], axis=1)
    fresh = X.copy()
    fresh[:, -1] = 4
    vectors = np.eye(5)
    vectors[4] = vectors[0]
    assert Bilinear(vectors=vectors).fit(X[:400], y[:400]).score(fresh[400:], y[400:]) > 0.9
    assert Bilinear().fit(X[:400], y[:400]).score(fresh[400:], y[400:]) < 0.5


def test_what_cannot_be_read_is_refused():
    X, y = posed(Bilinear(), 1)
    with pytest.raises(ValueError, match="at least 1 principal component, not 0"):
        Logistic(components=0).fit(X, y)
    with pytest.raises(ValueError, match="2 numbers a sequence for 2 items: give the state, then a key for each item"):
        Bilinear().fit(X[:, -2:], y)
    with pytest.raises(ValueError, match=r"keys are integers from 0 to 0, not 0 to 1"):
        Bilinear(vectors=np.eye(1)).fit(X, y)
    with pytest.raises(ValueError, match="keys are integers"):
        Bilinear().fit(X[:, :-1], y)
