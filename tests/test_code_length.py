"""The code is short where states tell the labels, and as long as the labels where they do not."""

from itertools import pairwise

import numpy as np
import pytest

from runners.probe.information import LEAST, PORTIONS, description_length, true_log_prob
from runners.probe.readers.logistic import Logistic
from runners.probe.readers.mlp import MLP
from runners.probe.readers.reader import Prior
from runners.probe.readers.ridge import Ridge

V = 8
RNG_KEY = 7


def labels(rows, items=3):
    return np.random.default_rng(RNG_KEY).integers(0, V, (rows, items))


def test_states_that_say_the_labels_are_coded_in_little_more_than_the_first_portions():
    y = labels(1200)
    found = description_length(Ridge(), np.eye(V)[y].reshape(1200, -1), y, V)
    assert found.bits.shape == (3,)
    assert found.uniform == 3
    sent_as_they_are = 75 / 1200 * 3
    assert (found.bits > sent_as_they_are).all()
    assert (found.bits < sent_as_they_are + 0.15).all()
    assert (found.compression > 8).all()


@pytest.mark.parametrize("reader", [Prior(), Ridge(), Logistic(), MLP()], ids=lambda reader: type(reader).__name__)
def test_noise_is_coded_in_as_many_bits_as_the_labels_have(reader):
    y = labels(800, 2)
    X = np.random.default_rng(0).standard_normal((800, 30))
    found = description_length(reader, X, y, V)
    assert (found.compression < 1.02).all()
    assert (found.bits < 3.1).all()


def test_labels_that_must_be_worked_out_are_shorter_for_a_reader_that_computes():
    """Exclusive or: no linear reader gains by it, and the one that computes pays for the rows it learns from."""
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (600, 8))
    y = (signs[:, :3].prod(1, keepdims=True) > 0).astype(np.int64)
    linear, computing = (description_length(reader, signs, y, 2) for reader in (Ridge(), MLP()))
    assert linear.compression < 1.02
    assert computing.compression > 1.5
    said = description_length(MLP(), np.concatenate([signs[:, :7], 2.0 * y - 1], axis=1), y, 2)
    assert said.bits < 0.8 * computing.bits
    assert MLP(2).fit(signs[:480], y[:480]).score(signs[480:], y[480:]) == 1  # accuracy tells the two not apart


def test_the_code_is_the_sum_of_its_portions():
    """The definition, portion by portion, by readers fitted here."""
    y, rng = labels(640), np.random.default_rng(0)
    X = np.eye(V)[y].reshape(640, -1) + rng.standard_normal((640, 3 * V))
    ends = [40, 80, 160, 320, 640]
    total = 40 * 3 * np.ones(3)
    for start, end in pairwise(ends):
        logs = Ridge(V).fit(X[:start], y[:start]).predict_log_proba(X[start:end])
        total -= true_log_prob(logs, y[start:end]).sum(0) / np.log(2)
    np.testing.assert_allclose(description_length(Ridge(), X, y, V).bits, total / 640)


def test_a_portion_is_coded_by_what_came_before_it_alone():
    y = labels(640, 1)
    X = np.eye(V)[y[:, 0]] + np.random.default_rng(0).standard_normal((640, V))
    worse = y.copy()
    worse[320:] = (worse[320:] + 1) % V
    right, wrong = (description_length(Ridge(), X, labels, V).bits for labels in (y, worse))
    assert wrong > 3 > right


def test_the_portions_are_those_of_the_source():
    assert PORTIONS[0] == 0.1
    assert PORTIONS[-1] == 100
    ratios = np.array(PORTIONS[1:]) / PORTIONS[:-1]
    assert (abs(ratios - 2) < 0.05).all()


def test_one_item_may_be_given_alone_and_the_reader_stays_unfitted():
    y, reader = labels(200, 1), Ridge()
    X = np.eye(V)[y[:, 0]]
    assert (description_length(reader, X, y[:, 0], V).bits == description_length(reader, X, y, V).bits).all()
    assert not hasattr(reader, "classes_")
    assert reader.num_values == 0


def test_too_few_rows_for_two_portions_are_refused():
    with pytest.raises(ValueError, match=f"at least {2 * LEAST} sequences, not 79"):
        description_length(Ridge(), np.ones((79, 2)), labels(79), V)
    assert np.isfinite(description_length(Ridge(), np.eye(V)[labels(80, 1)[:, 0]], labels(80, 1), V).bits).all()
