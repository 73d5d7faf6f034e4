"""The notation of layers: what a word stands for, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.notation import Mixer, format_stack, parse_stack, split_stacks

NAMES = st.sampled_from(["linear", "grm", "mine.py:Mine", "/x/y/mine.py:Mine", "torch.nn:LSTM"])
VALUES = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.sampled_from(
    ["delta", "a+b", "a,b=c", "3", "true", "a b", "(", "it's", "a\\b", "a\nb", ""]
)  # fmt: skip
MIXERS = st.builds(Mixer, NAMES, st.dictionaries(st.sampled_from(["segment", "base", "heads"]), VALUES))
STACKS = st.lists(st.lists(MIXERS, min_size=1, max_size=3).map(tuple), min_size=1, max_size=5).map(tuple)


@given(STACKS)
def test_a_stack_is_read_from_the_word_that_it_is_written_as(stack):
    assert parse_stack(format_stack(stack)) == stack


@given(st.lists(STACKS, min_size=1, max_size=4))
def test_a_list_is_split_between_its_words(stacks):
    assert [parse_stack(word) for word in split_stacks(",".join(map(format_stack, stacks)))] == stacks


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("grm(segment=16, base=delta)", "grm:segment=16,base=delta"),
        ("linear+linear+attention", "2*linear+attention"),
        ("linear | window + gru", "linear|window+gru"),
        ("grm:p=1e3", "grm:p=1000.0"),
    ],
)
def test_two_ways_to_write_one_stack(word, other):
    assert parse_stack(word) == parse_stack(other)


def test_folders_of_a_file_may_be_called_anything():
    assert parse_stack("/home/c++/a,b(1)/mine.py:Mine") == ((Mixer("/home/c++/a,b(1)/mine.py:Mine"),),)


@pytest.mark.parametrize(
    "word",
    [
        "", "+", "linear+", "a||b", "0*linear", "9999*linear", "512*linear+513*gru", "linear:", "grm:a=", "grm:a=1,a=2",
        "linear|2*gru", "a b", "file.py", "grm(a=1", "grm:=3",
    ],
)  # fmt: skip
def test_what_is_no_notation_is_refused_in_one_line(word):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse_stack(word)
