"""Autoencode: cards are dealt from real decks, and the payload is the entropy of the dealing."""

import itertools
from collections import Counter
from math import comb, log2

import numpy as np
import pytest
from scipy import stats

from recall_tasks import BLOCK, Autoencode, Stream, make_task
from recall_tasks.bounds import ceiling
from recall_tasks.generators.autoencode import dealing_bits


def dealings(dealt: int, suits: int, each: int) -> dict[tuple[int, ...], float]:
    """Every string of suits and its probability, by dealing every card in turn."""
    deck = [suit for suit in range(suits) for _ in range(each)]
    hands = Counter(itertools.permutations(deck, dealt))
    total = sum(hands.values())
    return {hand: count / total for hand, count in hands.items()}


def test_a_row_token_for_token():
    task = Autoencode(num_tokens=4)
    row = [4, 2, 2, 3, 0, 1, 0, 0, 0]  # s2 s0 s0 s1 . |
    assert task.solve(row) == {5: 3, 6: 2, 7: 2, 8: 4}
    assert " ".join(map(task.spell, row[:6])) == "s2 s0 s0 s1 . |"


def test_a_whole_deck_holds_every_suit_alike():
    batch = Stream(make_task("autoencode", preset="popgym_easy"), 104).rows(0, 256)
    counts = (batch.stored.values[:, :, None] == np.arange(2, 6)).sum(axis=1)
    assert (counts == 13).all()
    assert np.array_equal(batch.answers, batch.stored.values[:, ::-1])


@pytest.mark.parametrize(("dealt", "suits", "ranks", "decks"), [(4, 2, 2, 1), (3, 3, 1, 2), (3, 2, 3, 1)])
def test_cards_are_dealt_by_the_law_and_its_entropy_is_the_payload(dealt, suits, ranks, decks):
    law = dealings(dealt, suits, ranks * decks)
    task = Autoencode(dealt, num_symbols=suits, num_ranks=ranks, num_decks=decks)
    assert np.isclose(task.payload_bits(64), -sum(p * np.log2(p) for p in law.values()))
    hands = Counter(map(tuple, (Stream(task, 12).rows(0, 20 * BLOCK).stored.values - 2).tolist()))
    assert set(hands) == set(law)
    counts, expected = zip(*((hands[h], 20 * BLOCK * law[h]) for h in sorted(law)), strict=True)
    assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_the_payload_of_whole_decks_is_the_multinomial():
    ways = comb(52, 13) * comb(39, 13) * comb(26, 13)
    assert np.isclose(dealing_bits(52, 4, 13), log2(ways))
    assert np.isclose(Autoencode(1).payload_bits(64), 2)
    assert np.isclose(dealing_bits(8, 4, 10**6), 16, atol=1e-3), "a huge deck is no deck"


def test_the_counts_of_a_deck_come_for_free():
    # Naming one suit for every card of a whole deck is a quarter right and takes no bits: the ceiling allows more.
    whole = make_task("autoencode", preset="popgym_easy")
    assert ceiling(0, whole, 104) > 0.25
    assert ceiling(whole.payload_bits(104), whole, 104) == 1
    assert not whole.independent
    assert whole.balanced
    assert not Autoencode(feedback=True).balanced


def test_more_cards_take_more_decks():
    assert Autoencode().at_load(52).num_decks == 1
    assert Autoencode().at_load(53).num_decks == 2
    assert Autoencode().at_load(53).vocab_size == Autoencode().vocab_size
    with pytest.raises(ValueError, match=r"53 cards cannot be dealt from 52 \(try --num-decks 2\)"):
        Autoencode(53)
    with pytest.raises(ValueError, match=r"autoencode: 16 cards need at least 32 tokens, not 31"):
        Stream(Autoencode(), 31)
