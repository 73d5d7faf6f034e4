"""Count recall and frequency: worked rows, the laws of counts, what must be told apart."""

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from recall_tasks import CountRecall, Frequency, Stream, make_task
from recall_tasks.bounds import ceiling


def tokens_of(task, words):
    spelled = {task.spell(token): token for token in range(task.vocab_size)}
    return [spelled[word] for word in words.split()]


COUNTS = {"num_counted": 2, "num_symbols": 4, "max_count": 2}


@pytest.mark.parametrize(
    ("task", "row", "answers"),
    [
        (CountRecall(**COUNTS), "s3 - - - . ? s1 s3", {6: "n0", 7: "n1"}),
        (
            CountRecall(**COUNTS, asked="every"),
            "s3 - . ? s1 s3 - s3 . ? s3 s1",
            {4: "n0", 5: "n1", 10: "n2", 11: "n0"},
        ),
        (Frequency(num_shown=3), ". s3 s7 s3 . . s3 s7 s5 ?", {9: "s3"}),
        (Frequency(num_shown=3, rank=2), "s3 s7 s3 s3 s7 s5 ?", {6: "s7"}),
        (Frequency(num_shown=2, rank=2, margin=2), "s1 s1 s0 s1 s0 s1 ?", {6: "s0"}),
    ],
)
def test_rows_worked_by_hand(task, row, answers):
    solved = task.solve(tokens_of(task, row))
    assert {t: task.spell(answer) for t, answer in solved.items()} == answers


def test_counts_after_each_round_are_uniform_and_independent():
    task = CountRecall(num_counted=3, num_symbols=3, max_count=4, asked="every")
    batch = Stream(task, task.min_length + 7).rows(0, 4096)
    symbols = np.take_along_axis(batch.tokens, batch.asked, axis=1).reshape(4096, 4, 3)
    order = np.argsort(symbols, axis=2)
    counts = np.take_along_axis((batch.answers - task.answers.start).reshape(4096, 4, 3), order, axis=2)
    for done in range(1, 5):
        here = counts[:, done - 1]
        joint = here @ (done + 1) ** np.arange(3)
        assert stats.chisquare(np.bincount(joint, minlength=(done + 1) ** 3)).pvalue > 1e-5
    first_place = symbols[:, 0, 0] - task.alphabet.start - 1
    assert stats.chisquare(np.bincount(first_place * 5 + counts[:, -1, 0], minlength=15)).pvalue > 1e-5


def test_each_round_deals_one_card_for_each_symbol():
    task = CountRecall(num_counted=3, num_symbols=5, max_count=4)
    batch = Stream(task, 40).rows(0, 512)
    cards = batch.stored.values.reshape(512, 4, 3)
    face_down = task.alphabet.start
    for one, other in combinations(range(3), 2):
        assert ((cards[..., one] != cards[..., other]) | (cards[..., one] == face_down)).all()
    assert 0.45 < (cards != face_down).mean() < 0.55
    # A symbol that was shown is asked about, and its origin is where it was shown first.
    shown = batch.answers > task.answers.start
    symbols = np.take_along_axis(batch.tokens, batch.asked, axis=1)
    first = (batch.tokens[:, None, :] == symbols[:, :, None]).argmax(axis=2)
    assert np.array_equal(batch.origins[shown], first[shown])
    assert (batch.origins[~shown] == 0).all()


def test_blanks_stand_before_every_mark():
    task = CountRecall(num_counted=2, num_symbols=2, max_count=3, asked="every")
    spelled = [task.spell(token) for token in Stream(task, task.min_length + 7).rows(0, 1).tokens[0]]
    assert [i for i, word in enumerate(spelled) if word == "."] == [0, 3, 4, 10, 11, 17, 18]
    assert [i for i, word in enumerate(spelled) if word == "?"] == [5, 12, 19]


@pytest.mark.parametrize("asked", ["last", "every"])
def test_no_bits_allow_the_commonest_count_of_each_round(asked):
    task = CountRecall(num_counted=4, num_symbols=4, max_count=3, asked=asked)
    rounds = (1, 2, 3) if asked == "every" else (3,)
    assert np.isclose(ceiling(0, task, 64), np.mean([1 / (done + 1) for done in rounds]), atol=2e-3)
    # Whoever keeps two counts of four whole and guesses the others stays below.
    kept = np.mean([(1 + 1 / (done + 1)) / 2 for done in rounds])
    assert kept < ceiling(2 * np.log2(4), task, 64)
    assert ceiling(task.payload_bits(64), task, 64) == 1


@pytest.mark.parametrize("task", [Frequency(num_shown=4, margin=2), Frequency(num_shown=5, num_symbols=7, rank=3)])
def test_counts_are_strictly_ordered_and_stand_anywhere(task):
    length = task.min_length + 6
    batch = Stream(task, length).rows(0, 4096)
    counts = np.array([np.bincount(row, minlength=task.vocab_size)[2:] for row in batch.tokens])
    ranked = -np.sort(-counts, axis=1)
    assert (ranked[:, : task.num_shown] == task.counts).all()
    assert not ranked[:, task.num_shown :].any()
    said = np.take_along_axis(counts, batch.answers - 2, axis=1)
    assert (said == task.counts[task.rank - 1]).all()
    assert stats.chisquare(np.bincount(batch.answers[:, 0] - 2, minlength=task.num_symbols)).pvalue > 1e-5
    is_answer = batch.tokens == batch.answers
    assert stats.chisquare(is_answer[:, :-1].sum(axis=0)).pvalue > 1e-5
    assert (batch.tokens[:, -1] == 1).all()
    assert (batch.tokens[:, :-1] != 1).all()


@pytest.mark.parametrize(("num_shown", "num_symbols", "rank"), [(2, 3, 1), (3, 3, 3), (3, 4, 2), (4, 4, 1), (4, 4, 3)])
def test_frequency_must_tell_apart_at_least_its_payload(num_shown, num_symbols, rank):
    # Sets of symbols shown once, each of which some common rest of the row completes to other answers.
    task = Frequency(num_shown=num_shown, num_symbols=num_symbols, rank=rank)
    sets = [np.isin(np.arange(num_symbols), s) for s in combinations(range(num_symbols), num_shown // 2)]
    whole = set(permutations(task.counts + [0] * (num_symbols - num_shown)))
    ends = [{tuple(np.array(c) - s): c.index(task.counts[rank - 1]) for c in whole if (c - s >= 0).all()} for s in sets]
    for one, other in combinations(ends, 2):
        assert any(one[rest] != other[rest] for rest in one.keys() & other.keys())
    assert task.payload_bits(64) == np.log2(max(len(sets), num_symbols))


def test_fewer_symbols_ask_a_rank_they_have():
    assert Frequency(num_shown=6, rank=4).at_load(2) == Frequency(num_shown=2, rank=2)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("count_recall", {"num_counted": 9}, r"need an alphabet as large, not 8 \(try --num-symbols 9\)"),
        ("count_recall", {"max_count": 0}, "max_count must be at least 1, not 0"),
        ("count_recall", {"asked": "first"}, "choose one of last, every"),
        ("frequency", {"num_shown": 40}, r"40 symbols .* not 32 \(try --num-symbols 40\)"),
        ("frequency", {"rank": 7}, "rank must be from 1 to 6, not 7"),
        ("frequency", {"margin": 0}, "margin must be at least 1, not 0"),
    ],
)
def test_wrong_fields_are_refused_in_words(name, fields, message):
    with pytest.raises(ValueError, match=message):
        make_task(name, **fields)
