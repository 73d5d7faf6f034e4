"""A memory that holds bindings answers keys it never saw there; a decoder that knows keys alone does not."""

from typing import ClassVar, NamedTuple

import numpy as np
import pytest
import torch

from models import Memory, SequenceModel, build
from recall_tasks import MQAR, Copy, Needle, Stream
from runners.probe.capture import states_at
from runners.probe.information import description_length
from runners.probe.own_read import answers_to_keys, bindings, key_control_labels, own_reads
from runners.probe.readers.bilinear import Bilinear
from runners.probe.readers.reader import SharedDecoder
from runners.probe.readers.ridge import Ridge

torch.set_num_threads(1)
TASK = MQAR(num_pairs=4, num_keys=8, num_values=8)
LENGTH, ROWS, SEEN = 24, 600, 400
PARTS = (slice(None, SEEN), slice(SEEN, None))


class Table(NamedTuple):
    S: torch.Tensor
    last: torch.Tensor


class Associative(Memory):
    """S_t = S_{t-1} + x_{t-1} x_t^T, y_t = S_{t-1}^T x_t: what followed each token."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x, state=None):
        S, last = state or Table(x.new_zeros(len(x), self.width, self.width), x.new_zeros(len(x), self.width))
        answers = []
        for token in x.unbind(1):
            answers.append(torch.einsum("bkv,bk->bv", S, token))
            S, last = S + last[:, :, None] * token[:, None], token
        return torch.stack(answers, dim=1), Table(S, last)

    definition = forward

    def state_floats(self, length):
        return self.width * (self.width + 1)

    def contents(self, state):
        return state._asdict()


def associative():
    vocab = TASK.vocab_size
    model = SequenceModel(vocab, TASK.answers, Associative, width=vocab, layers=1, mlp_ratio=0)
    model.embedding.data = torch.eye(vocab)
    return model


def scores(reader, X, y):
    seen, fresh = PARTS
    return reader.fit(X[seen], y[seen]).score(X[fresh], y[fresh])


@pytest.fixture(scope="module")
def rows():
    return bindings(TASK, LENGTH, ROWS)


@pytest.fixture(scope="module")
def control(rows):
    return key_control_labels(rows.keys, 8, np.random.default_rng(1))


def test_an_associative_memory_answers_fresh_keys_and_not_their_control(rows, control):
    (answers,) = answers_to_keys(associative(), rows)
    assert scores(SharedDecoder(Ridge()), answers, rows.labels) == 1
    assert scores(SharedDecoder(Ridge()), answers, control) < 0.25


def test_who_knows_the_key_alone_solves_the_control_and_not_the_bindings(rows, control):
    keys = np.eye(rows.keys.max() + 1)[rows.keys].reshape(ROWS, -1)
    assert scores(SharedDecoder(Ridge()), keys, control) == 1
    assert scores(SharedDecoder(Ridge()), keys, rows.labels) < 0.25


def test_a_bilinear_reader_asks_the_state_as_the_memory_does(rows, control):
    model = associative()
    state = next(states_at(model, rows.tokens, [rows.tokens.shape[1]])).states[0]
    X = np.concatenate([state.S.flatten(1).numpy(), rows.keys], axis=1)
    assert scores(Bilinear(vectors=np.eye(TASK.vocab_size), pairs=1000), X, rows.labels) > 0.95
    assert scores(Ridge(), X, rows.labels) < 0.6  # the same numbers, asked the same whatever the key
    assert scores(Bilinear(pairs=1000), X, control) == 1
    nothing = np.concatenate([np.ones((ROWS, 3)), rows.keys], axis=1)
    assert scores(Bilinear(pairs=1000), nothing, control) == 1
    assert scores(Bilinear(pairs=1000), nothing, rows.labels) < 0.25


@pytest.mark.parametrize(
    "memory", ["linear", "attention", "gru", "oracle:segment=5", "grm:segment=5", "oracle:segment=5|gru+linear"]
)
def test_asking_is_reading_one_token_more_and_changes_nothing(memory):
    model = build(memory, TASK.vocab_size, TASK.answers, width=8).eval()
    drawn = bindings(TASK, LENGTH, 5)
    tokens, keys, places = (torch.from_numpy(a) for a in (drawn.tokens, drawn.keys, drawn.positions))
    answers = own_reads(model, next(states_at(model, drawn.tokens, [drawn.tokens.shape[1]])).states, keys, places)
    said = []
    hooks = [block.memory.register_forward_hook(lambda m, i, out: said.append(out[0][:, -1])) for block in model.blocks]
    for item in range(4):
        said.clear()
        longer = torch.cat([tokens, keys[:, item : item + 1]], dim=1)
        told = torch.full_like(longer, -1)
        told[:, -1] = places[:, item]
        with torch.no_grad():
            model(longer, (torch.arange(5), torch.full((5,), tokens.shape[1])), None, told)
        for layer in range(2):
            torch.testing.assert_close(answers[layer][:, item], said[layer], atol=1e-5, rtol=1e-4)
    for hook in hooks:
        hook.remove()
    flat = answers_to_keys(model, drawn)
    for layer in range(2):
        np.testing.assert_allclose(flat[layer], answers[layer].flatten(1).numpy(), atol=1e-6)


def test_bindings_are_fresh_rows_of_the_probe_split(rows):
    drawn = Stream(TASK, LENGTH, "probe").rows(0, ROWS).tokens[:, : rows.tokens.shape[1]]
    assert ((rows.tokens == drawn) | (rows.tokens == 0)).all()
    assert (rows.tokens[:, :8] == drawn[:, :8]).all()
    assert not rows.tokens[:, 8:].any()  # what was asked in the row is not asked here
    assert (np.take_along_axis(rows.tokens, rows.positions, axis=1) == rows.labels + TASK.answers.start).all()
    assert len(np.unique(rows.keys, axis=0)) > ROWS / 2
    assert (rows.ages == rows.tokens.shape[1] - 1 - rows.positions[0]).all()
    places = bindings(Needle(num_needles=2), 64, 50).positions
    assert len(np.unique(places[:, 0])) > 10


def test_the_control_gives_each_key_one_value_of_as_much_entropy():
    keys = np.tile(np.arange(512), (2, 1))
    control = key_control_labels(keys, 8, np.random.default_rng(0))
    assert (control[0] == control[1]).all()
    assert (np.bincount(control[0], minlength=8) == 64).all()


class Witness(Ridge):
    """Notes which sequences it was fitted to, and which it chose by; their numbers are the states."""

    noted: ClassVar[list[tuple[set[float], set[float]]]] = []

    def learn(self, X, y, chosen_by):
        assert (np.unique(X, return_counts=True)[1] == 4).all()
        self.noted.append((set(X.ravel()), set(chosen_by[0].ravel())))
        super().learn(X, y, chosen_by)


def test_items_of_one_sequence_are_never_on_both_sides():
    X, y = np.repeat(np.arange(400.0)[:, None], 4, axis=1), np.random.default_rng(0).integers(0, 4, (400, 4))
    Witness.noted.clear()
    description_length(SharedDecoder(Witness()), X, y, 4)
    assert [len(seen) + len(held_out) for seen, held_out in Witness.noted] == [50, 100, 200]
    for seen, held_out in Witness.noted:
        assert not seen & held_out
        assert seen | held_out == set(range(len(seen) + len(held_out)))


def test_what_cannot_be_asked_by_key_is_refused():
    with pytest.raises(ValueError, match="copy: items are not asked for by a key alone"):
        bindings(Copy(num_tokens=4), 24, 8)
    with pytest.raises(ValueError, match="needle: items are not asked for by a key alone"):
        bindings(Needle(num_needles=2, values_per_key=2), 64, 8)
    with pytest.raises(ValueError, match="13 numbers a sequence cannot be divided evenly among 3 items"):
        SharedDecoder(Ridge()).fit(np.ones((20, 13)), np.zeros((20, 3), int))


def test_no_global_generator_is_touched(rows):
    model = associative()
    numbers, torchs = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    X = np.concatenate([answers_to_keys(model, rows)[0], rows.keys], axis=1)
    first, again = (Bilinear(pairs=200).fit(X, rows.labels).predict_log_proba(X[:9]) for _ in range(2))
    assert (first == again).all()
    assert (numbers == np.random.get_state()[1]).all()  # noqa: NPY002
    assert (torchs == torch.get_rng_state()).all()
