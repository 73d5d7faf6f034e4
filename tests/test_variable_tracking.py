"""Chains keep their order, mix in every way, and pay only the reader that follows them to the end."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from recall_tasks import Stream, VariableTracking
from recall_tasks.generators.bindings import Bindings


def links(tokens: list[int], task: VariableTracking) -> dict[int, int]:
    """What each name is set to, name or value, in order of writing."""
    found: dict[int, int] = {}
    for before, token in pairwise(tokens):
        if before == 1:
            break
        if before in task.keys and before not in found and (token in task.keys or token in task.answers):
            found[before] = token
    return found


def follow(batch, task: VariableTracking, hops: int, rng: np.random.Generator) -> float:
    """Accuracy of the reader that follows so many hops and then guesses."""
    right = []
    for tokens, asked, answers in zip(batch.tokens.tolist(), batch.asked, batch.answers, strict=True):
        held = links(tokens, task)
        for t, answer in zip(asked.tolist(), answers.tolist(), strict=True):
            at = held[tokens[t]]
            for _ in range(hops):
                at = held.get(at, at)
            guess = rng.integers(task.answers.start, task.answers.stop)
            right.append((at if at in task.answers else guess) == answer)
    return float(np.mean(right))


def test_a_row_by_hand():
    task = VariableTracking(num_chains=2, num_hops=1, num_names=4, num_values=2)
    # . ? k0 k1 k2 k3 v0 v1 are 0 to 7
    mark, k0, k1, k2, k3, v0, v1 = range(1, 8)
    assert task.solve([k2, v1, k0, v0, 0, k1, k2, k3, k0, mark, k3, k1]) == {10: v0, 11: v1}
    assert task.min_length == 11


@pytest.mark.parametrize("asks", ["last", "chain", "all"])
def test_who_is_asked(asks):
    task = VariableTracking(num_chains=3, num_hops=2, asks=asks, num_values=500)
    batch = Stream(task, 40).rows(0, 200)
    for tokens, answers in zip(batch.tokens.tolist(), batch.answers.tolist(), strict=True):
        held, asked = links(tokens, task), tokens[tokens.index(1) + 1 :]
        last = set(held) - set(held.values())
        assert len(held) == 9
        assert len(last) == 3
        assert len(set(asked)) == len(asked) == {"last": 3, "chain": 3, "all": 9}[asks]
        if asks == "last":
            assert set(asked) == last
        if asks == "chain":
            assert len(last & set(asked)) == 1
            assert len(set(answers)) == 1


def test_every_interleaving_is_as_likely():
    task = VariableTracking(num_chains=2, num_hops=1)
    batch = Stream(task, task.min_length).rows(0, 6144)
    names, sources = batch.tokens[:, 0:8:2], batch.tokens[:, 1:8:2]
    first = names[:, :1]
    of_first = (names == first) | (sources == first)
    counts = np.unique(of_first @ 2 ** np.arange(4), return_counts=True)[1]
    assert len(counts) == 3  # aabb, abab, abba
    assert stats.chisquare(counts).pvalue > 1e-3


def test_names_are_set_before_they_are_used():
    task = VariableTracking(num_hops=4, num_chains=3, num_fillers=7)
    for tokens in Stream(task, 64).rows(0, 100).tokens.tolist():
        held = links(tokens, task)
        for place, source in enumerate(held.values()):
            assert source in task.answers or source in list(held)[:place]


@pytest.mark.parametrize(("asks", "chains", "hops"), [("last", 3, 1), ("chain", 2, 2), ("all", 1, 2)])
def test_questions_come_in_any_order(asks, chains, hops):
    task = VariableTracking(num_chains=chains, num_hops=hops, asks=asks)
    tokens = Stream(task, task.min_length).rows(0, 6144).tokens
    text = 2 * task.num_links
    names, asked = tokens[:, 0:text:2], tokens[:, text + 1 :]
    places = np.argmax(names[:, None, :] == asked[:, :, None], axis=2)
    for order in (np.argsort(places, axis=1), np.argsort(asked, axis=1)):
        counts = np.unique(order @ 3 ** np.arange(3), return_counts=True)[1]
        assert len(counts) == 6
        assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(
    ("asks", "hops", "expected"),
    [("last", 1, 0), ("last", 2, 0), ("last", 3, 1), ("all", 1, 1 / 2), ("chain", 2, 3 / 4)],
)
def test_a_reader_of_few_hops_scores_what_the_docstring_says(asks, hops, expected):
    task = VariableTracking(num_chains=3, num_hops=3, asks=asks, num_values=8)
    score = follow(Stream(task, 48).rows(0, 600), task, hops, np.random.default_rng(0))
    assert abs(score - (expected + (1 - expected) / 8)) < 0.03


def test_without_hops_it_is_associative_recall():
    task = VariableTracking(num_hops=0)
    for tokens in Stream(task, 40).rows(0, 64).tokens.tolist():
        assert task.solve(tokens) == Bindings.solve(task, tokens)
    assert follow(Stream(task, 40).rows(0, 64), task, 0, np.random.default_rng(0)) == 1.0


def test_fillers_stand_between_the_assignments_only():
    with_fillers = Stream(VariableTracking(num_fillers=3), 50).rows(0, 64).tokens
    task = VariableTracking(num_fillers=3)
    assert (with_fillers[:, :45] > 1).all()
    assert set(np.unique(with_fillers)) & set(task.fillers) == set(task.fillers)
    assert np.isin(with_fillers[:, 46:], task.keys).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_chains": 11}, r"11 chains of 3 need 33 names, not 32 \(try --num-names 33\)"),
        ({"num_hops": -1}, r"num_hops must be at least 0, not -1"),
        ({"asks": "first"}, r"unknown asks 'first': choose one of last, chain, all"),
        ({"num_values": 1}, r"num_values must be at least 2, not 1"),
    ],
)
def test_wrong_fields_are_refused_in_words(fields, message):
    with pytest.raises(ValueError, match=message):
        VariableTracking(**fields)
