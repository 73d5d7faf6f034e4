"""N-gram look-up: the n-gram is unique by construction, its place uniform, and the ceiling above all readers."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from recall_tasks import BLOCK, NGramCopy, Stream
from recall_tasks.bounds import ceiling
from recall_tasks.generators.ngram_copy import DIRECTIONS

HARD = NGramCopy(num_tokens=15, ngram=5, num_symbols=2)


def parts(task: NGramCopy, batch) -> tuple[np.ndarray, np.ndarray]:
    """The strings and the n-grams."""
    n, whole, length = task.ngram, task.ngram + task.num_tokens, batch.tokens.shape[1]
    if task.direction == "suffix":
        first = length - task.num_asked
        return batch.tokens[:, :whole], batch.tokens[:, first - n + 1 : first + 1]
    return batch.tokens[:, n + 1 : n + 1 + whole], batch.tokens[:, :n]


def test_rows_token_for_token():
    suffix = NGramCopy(num_tokens=4, ngram=2, num_symbols=5, num_asked=2)
    row = [5, 3, 3, 6, 3, 4, 0, 1, 3, 6, 0]  # s3 s1 s1 s4 s1 s2 . | s1 s4 .
    assert suffix.solve(row) == {9: 3, 10: 4}
    assert suffix.solve(row[:9]) == {}
    assert " ".join(map(suffix.spell, row)) == "s3 s1 s1 s4 s1 s2 . | s1 s4 ."
    prefix = NGramCopy(num_tokens=4, ngram=2, num_symbols=5, num_asked=2, direction="prefix")
    row = [3, 6, 1, 5, 3, 3, 6, 3, 4, 1, 0]
    assert prefix.solve(row) == {9: 3, 10: 4}
    assert prefix.solve(row[:9]) == {}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("num_asked", [1, 4])
def test_the_ngram_occurs_once(direction, num_asked):
    task = NGramCopy(15, 5, 2, num_asked, direction)
    batch = Stream(task, 40).rows(0, 8 * BLOCK)
    string, gram = parts(task, batch)
    windows = np.lib.stride_tricks.sliding_window_view(string, 5, axis=1)
    assert ((windows == gram[:, None, :]).all(axis=2).sum(axis=1) == 1).all()


def test_the_place_is_uniform_and_so_are_ngram_and_answer():
    task = NGramCopy(15, 5, 2, 4)
    batch = Stream(task, 40).rows(0, 20 * BLOCK)
    assert stats.chisquare(np.bincount(batch.origins[:, 0] - 5, minlength=12)).pvalue > 1e-3
    codes = (parts(task, batch)[1] - 2) @ 2 ** np.arange(5)
    assert stats.chisquare(np.bincount(codes, minlength=32)).pvalue > 1e-3
    for answers in batch.answers.T:
        assert stats.chisquare(np.bincount(answers - 2, minlength=2)).pvalue > 1e-3


def grown(line: tuple[int, ...], bits: tuple[int, ...], more: int) -> dict[tuple[int, ...], float]:
    """Every string of two symbols that may grow from the end of the line, and its probability."""
    if not more:
        return {line: 1.0}
    allowed = [s for s in (0, 1) if (*line, s)[-len(bits) :] != bits]
    return {k: p / len(allowed) for s in allowed for k, p in grown((*line, s), bits, more - 1).items()}


def test_the_string_grows_uniformly_over_what_is_allowed():
    task = NGramCopy(num_tokens=3, ngram=3, num_symbols=2)
    expected: Counter = Counter()
    for bits in itertools.product((0, 1), repeat=3):
        for place in range(3):
            for right, p in grown(bits, bits, 3 - place).items():
                for left, q in grown(bits[::-1], bits[::-1], place).items():
                    expected[place, *left[:2:-1], *right] += p * q / 24
    batch = Stream(task, task.min_length).rows(0, 20 * BLOCK)
    drawn = np.column_stack([batch.origins[:, 0] - 3, parts(task, batch)[0] - 2])
    seen = Counter(map(tuple, drawn.tolist()))
    assert set(seen) <= set(expected)
    keys = sorted(expected)
    counts, laws = [seen[key] for key in keys], [len(batch) * expected[key] for key in keys]
    assert stats.chisquare(counts, laws).pvalue > 1e-3


def test_no_reader_of_the_query_alone_beats_the_ceiling_of_no_state():
    # The best guess from the whole n-gram, fitted and scored on the same rows, which flatters it.
    for task in (HARD, NGramCopy(7, 1, 16), NGramCopy(7, 2, 4)):
        batch = Stream(task, 40).rows(0, 20 * BLOCK)
        codes = (parts(task, batch)[1] - 2) @ task.num_symbols ** np.arange(task.ngram)
        best = Counter(zip(codes.tolist(), batch.answers[:, 0].tolist(), strict=True))
        score = sum(max(best[c, a] for a in task.answers) for c in set(codes.tolist())) / len(batch)
        assert task.chance < score < ceiling(0, task, 40)


def test_a_long_ngram_says_next_to_nothing():
    assert np.isclose(NGramCopy(num_symbols=32, ngram=12).payload_bits(64), 80)
    assert 79.8 < NGramCopy(num_symbols=32).payload_bits(64) < 80
    assert NGramCopy(num_symbols=32, ngram=2).payload_bits(64) < NGramCopy(num_symbols=32).payload_bits(64)
    assert np.isclose(NGramCopy(num_symbols=32, direction="prefix", ngram=12).payload_bits(64), 5)


@pytest.mark.parametrize(("symbols", "score"), [(4, 0.28), (8, 0.35), (32, 0.73)])
def test_what_followed_one_symbol_is_right_as_often_as_is_said(symbols, score):
    batch = Stream(NGramCopy(num_symbols=symbols), 64).rows(0, 2048)
    right = 0
    for tokens, asked, answer in zip(batch.tokens.tolist(), batch.asked[:, 0], batch.answers[:, 0], strict=True):
        before = [t for t in range(asked) if tokens[t] == tokens[asked]]
        right += bool(before) and tokens[before[-1] + 1] == answer
    assert abs(right / 2048 - score) < 0.03


def test_shares_are_how_often_symbols_are_asked():
    task = NGramCopy(num_tokens=6, num_asked=3)
    batch = Stream(task, 40).rows(0, 8 * BLOCK)
    hits = batch.origins[:, :, None] == batch.stored.positions[:, None, :]
    assert np.allclose(hits.mean(axis=(0, 1)), task.shares, atol=0.01)
    assert np.allclose(task.shares * 12, [1, 2, 3, 3, 2, 1])


def test_feedback_shows_the_answer_before():
    batch = Stream(NGramCopy(num_asked=4, feedback=True), 40).rows(0, 32)
    assert np.array_equal(batch.tokens[:, -3:], batch.answers[:, :-1])
    assert (Stream(NGramCopy(num_asked=4), 40).rows(0, 32).tokens[:, -3:] == 0).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_asked": 17}, r"at most the 16 symbols behind an n-gram, not 17 \(try --num-asked 16\)"),
        ({"ngram": 0}, r"ngram must be from 1 to 4,194,304, not 0"),
        ({"ngram": 1, "num_symbols": 32}, r"below half of num_symbols\^ngram, 16, not 16 \(try --ngram 2\)"),
        ({"num_symbols": 2}, r"below half of num_symbols\^ngram, 4, not 16 \(try --ngram 6\)"),
        ({"direction": "infix"}, r"choose one of suffix, prefix"),
    ],
)
def test_wrong_fields_are_refused_in_words(fields, message):
    with pytest.raises(ValueError, match=message):
        NGramCopy(**fields)
