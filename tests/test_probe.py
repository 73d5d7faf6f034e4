"""Probes report what is in a state: the bits that were put there, none where there are none, nothing by a leak."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge as SklearnRidge

from models import MEMORIES, Memory
from models.hippo import legendre
from runners.memory_guide.experiments import coefficients
from runners.probe import (
    Components,
    Levels,
    Ridge,
    StateStore,
    capture,
    factorise,
    full_state,
    probe,
    probe_memory,
    split,
)
from runners.probe.information import best_steepness, log_softmax, true_log_prob, usable_bits
from runners.probe.readers import READERS
from runners.probe.state_store import Joint, Table, on_disk

torch.set_num_threads(1)


def drawn(rows=1500, items=3, values=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, values, (rows, items))
    return rng, labels, np.eye(values)[labels].reshape(rows, -1)


def trained_row(table, **where):
    where = {"control": "none", "reader": "ridge"} | where
    for column, value in where.items():
        table = table[table[column] == value]
    return table


# --- honesty ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flips", [0.0, 0.3, 0.6])
def test_the_bits_that_are_there_are_reported_within_their_interval(flips):
    """A state that shows a value through a channel that replaces it by chance holds what the channel passes."""
    rng, labels, _ = drawn(rows=6000, items=4)
    lost = rng.random(labels.shape) < flips
    shown = np.where(lost, rng.integers(0, 4, labels.shape), labels)
    state = np.eye(4)[shown].reshape(len(labels), -1) @ rng.standard_normal((16, 40))
    right, wrong = 1 - flips * 3 / 4, flips / 4
    true = 2 + right * np.log2(right) + (3 * wrong * np.log2(wrong) if wrong else 0)
    rows = trained_row(probe(state, labels, sequences=range(len(labels))))
    slack = 0.02  # what 3,600 rows to fit on cost, and a doubt of 1 in 1,200
    assert (rows["bits_low"] - slack <= true).all()
    assert (rows["bits_high"] + slack >= true).all()


@pytest.mark.parametrize("reader", ["ridge", "logistic"])
def test_on_noise_there_is_no_selectivity_and_there_are_no_bits(reader):
    rng, labels, _ = drawn()
    rows = trained_row(
        probe(rng.standard_normal((1500, 30)), labels, sequences=range(1500), readers=[reader]), reader=reader
    )
    assert (abs(rows["selectivity"]) < 0.12).all()
    assert (rows["bits"] < 0.01).all()
    assert (rows["low"] <= rows["chance"]).all()


@pytest.mark.parametrize("values", [8, 64])
def test_values_that_come_unevenly_tell_nothing_by_that(values):
    """A reader of noise knows which values are common, as who sees no state does: that is no information."""
    rng = np.random.default_rng(0)
    odds = 1 / np.arange(1, values + 1)
    labels = rng.choice(values, (2000, 4), p=odds / odds.sum())
    rows = trained_row(probe(rng.standard_normal((2000, 20)), labels, sequences=range(2000), num_values=values))
    assert (abs(rows["bits"]) < 0.02).all()
    assert (abs(rows["accuracy"] - rows["chance"]) < 0.08).all()
    assert rows["item_bits"].max() < np.log2(values)


def test_rows_of_one_sequence_are_not_counted_as_many():
    """Eight tokens that share a state and a label are one fact: intervals are those of the sequences."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 500)
    states = np.eye(2)[np.where(rng.random(500) < 0.3, 1 - labels, labels)] + 0.01 * rng.standard_normal((500, 2))
    once = trained_row(probe(states, labels, sequences=range(500)))
    often = trained_row(probe(states.repeat(8, 0), labels.repeat(8), sequences=np.repeat(np.arange(500), 8)))
    for low, high in (("low", "high"), ("bits_low", "bits_high")):
        wide = (often[high] - often[low]).item() / (once[high] - once[low]).item()
        assert 0.75 < wide < 1.35


def test_bits_of_a_reader_that_rarely_errs_are_bounded_as_if_it_had_erred_once_more():
    """A channel that fails once in 200 rows often fails in none of 256: certainty is not what was measured."""
    rng, covered, p = np.random.default_rng(0), 0, 0.995
    logs = np.log(np.where(np.eye(16) == 1, p, (1 - p) / 15))
    true = 4 + p * np.log2(p) + (1 - p) * np.log2((1 - p) / 15)
    for _ in range(400):
        labels = rng.integers(0, 16, (256, 1))
        shown = np.where(rng.random((256, 1)) < p, labels, (labels + rng.integers(1, 16, (256, 1))) % 16)
        found = usable_bits(logs[shown], np.full((1, 16), -np.log(16)), labels)
        covered += bool(found.low[0] <= true <= found.high[0] + 1e-9)
    assert covered / 400 > 0.9


def test_bits_of_a_weak_signal_are_a_lower_bound_that_more_sequences_raise():
    """Of about .38 bits that endless sequences find in 64 numbers."""
    rng, found = np.random.default_rng(0), []
    ways = np.random.default_rng(9).standard_normal((8, 64)) / 10
    for n in (1280, 5120):
        y = rng.integers(0, 8, n)
        X, train = ways[y] + rng.standard_normal((n, 64)), 3 * n // 4
        logs = Ridge(8).fit(X[:train], y[:train]).predict_log_proba(X[train:])[:, None]
        found.append(usable_bits(logs, np.full((1, 8), -np.log(8)), y[train:, None]))
    assert found[0].bits[0] < found[1].bits[0] < 0.378
    assert max(one.low[0] for one in found) < 0.378


def test_numbers_that_vary_by_rounding_alone_are_left_out():
    """Standardised, they would weigh as much as the others."""
    rng, labels, onehot = drawn(rows=800)
    dead = 3 * (1 + 2e-6 * rng.standard_normal((800, 2000)))
    found = trained_row(probe(np.concatenate([onehot, dead], axis=1), labels, sequences=range(800)))
    assert (found["accuracy"] == 1).all()
    assert factorise(Table(np.concatenate([onehot, dead], axis=1)), np.arange(480)).varying == 12


def test_a_label_that_leaks_through_the_type_of_a_token_is_caught_by_the_control():
    """The states know their token and nothing else; the label follows the token. Accuracy is 1, selectivity 0."""
    rng = np.random.default_rng(0)
    types = rng.integers(0, 24, 3000)
    labels = rng.permutation(24)[types] % 4
    states = np.eye(24)[types] @ rng.standard_normal((24, 40))
    rows = trained_row(probe(states, labels, sequences=np.arange(3000) // 3, types=types))
    assert rows["accuracy"].item() > 0.99
    assert abs(rows["selectivity"].item()) < 0.01
    honest = trained_row(probe(states, labels, sequences=np.arange(3000) // 3))
    assert honest["selectivity"].item() > 0.5  # the control that is not told of types sees nothing


def test_a_label_that_leaks_through_its_place_is_caught_by_the_control_and_by_the_input():
    places = np.tile(np.arange(10), 200)
    labels, rng = places % 2, np.random.default_rng(0)
    states = np.eye(10)[places] + 0.01 * rng.standard_normal((2000, 10))
    table = probe(states, labels, sequences=np.arange(2000) // 10, types=places, inputs=np.eye(10)[places])
    assert abs(trained_row(table)["selectivity"].item()) < 0.05
    assert trained_row(table, control="input")["accuracy"].item() == 1


def test_no_state_of_a_sequence_that_is_tested_was_fitted_on():
    sequences = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 7))
    parts = [set(sequences[part]) for part in split(sequences, 3)]
    assert [len(part) for part in parts] == [60, 20, 20]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_labels_of_whole_sequences_cannot_be_learnt_from_their_tokens():
    """Each sequence has a state of its own that all its tokens share: split by token this would score 1."""
    rng, sequences = np.random.default_rng(0), np.repeat(np.arange(300), 8)
    states = rng.standard_normal((300, 400))[sequences]
    labels = rng.integers(0, 4, 300)[sequences]
    rows = trained_row(probe(states, labels, sequences=sequences))
    assert rows["accuracy"].item() < 0.5
    assert trained_row(probe(states, labels, sequences=range(2400)))["accuracy"].item() > 0.95


def test_a_probe_is_told_of_which_sequence_its_states_are():
    with pytest.raises(TypeError, match="sequences"):
        probe(np.ones((100, 3)), np.zeros(100, int))


def test_states_dealt_to_the_wrong_rows_tell_nothing():
    _, labels, onehot = drawn()
    table = probe(onehot, labels, sequences=range(1500))
    assert (trained_row(table)["accuracy"] == 1).all()
    assert (abs(trained_row(table, control="shuffled")["accuracy"] - 0.25) < 0.1).all()


def test_legs_coefficients_are_read_as_well_as_their_resolution_allows():
    rng, N, length = np.random.default_rng(0), 16, 64
    x = rng.integers(0, 2, (12288, length)) * 2.0 - 1
    states = coefficients(N, x)
    fit, test = states[:8192], states[8192:]
    wrong = np.square(Levels().fit(fit, x[:8192]).predict(test) - x[8192:]).mean(0) / x[8192:].var(0)
    assert np.abs(1 - wrong - legendre.resolution(N, length)).max() < 0.04


# --- readers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [10, 400])
def test_ridge_is_scikit_learns_at_the_same_strength(features):
    rng, labels, onehot = drawn(rows=300)
    X = onehot @ rng.standard_normal((12, features)) + rng.standard_normal((300, features))
    made = Ridge(4, alphas=(0.1,)).fit(X[:240], labels[:240], (X[240:], labels[240:]))
    standard = (X - X[:240].mean(0)) / X[:240].std(0)
    alpha = 0.1 * np.square(made.axes_.transform(X[:240])).sum(0).mean()
    theirs = SklearnRidge(alpha=alpha).fit(standard[:240], np.eye(4)[labels[:240]].reshape(240, -1))
    guesses = theirs.predict(standard[240:]).reshape(60, 3, 4)
    np.testing.assert_allclose(
        made._scores(made.axes_.transform(X[240:]), slice(None)),
        guesses - np.stack([np.bincount(c, minlength=4) / 240 for c in labels[:240].T]),
        atol=1e-9,
    )


@pytest.mark.parametrize("features", [12, 500])
def test_one_factorisation_for_all_is_the_readers_own(features):
    rng, labels, onehot = drawn(rows=400)
    X = onehot @ rng.standard_normal((12, features)) + 0.5 * rng.standard_normal((400, features))
    rows = split(range(400))
    found = factorise(Table(X), rows.train)
    Z = found.scores
    own = Ridge(4).fit(X[rows.train], labels[rows.train], (X[rows.validation], labels[rows.validation]))
    shared = Ridge(4, orthogonal=True).fit(
        Z[rows.train], labels[rows.train], (Z[rows.validation], labels[rows.validation])
    )
    assert (own.alpha_ == shared.alpha_).all()
    np.testing.assert_allclose(own.predict_log_proba(X[rows.test]), shared.predict_log_proba(Z[rows.test]), atol=1e-6)


def test_axes_of_some_rows_are_not_standardised_anew_for_fewer():
    """Description length fits on the first rows alone: directions of noise must not be given the weight of signal."""
    rng, labels, onehot = drawn(rows=1000)
    X = onehot @ rng.standard_normal((12, 600)) + 0.3 * rng.standard_normal((1000, 600))
    Z = factorise(Table(X), np.arange(800)).scores
    half = Ridge(4, orthogonal=True).fit(Z[:400], labels[:400])
    assert half.score(Z[800:], labels[800:]) > 0.99


def test_components_are_those_of_standardised_states_and_the_same_from_rows_as_from_numbers():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 30)) * np.linspace(1, 9, 30)
    wide = np.concatenate([X, X, X], axis=1)
    assert np.allclose(np.abs(Components(5).fit_transform(X)), np.abs(PCA(5).fit_transform((X - X.mean(0)) / X.std(0))))
    assert np.allclose(np.abs(Components(5).fit_transform(wide)), np.sqrt(3) * np.abs(Components(5).fit_transform(X)))
    narrow, broad = factorise(Table(X), np.arange(50)), factorise(Table(wide), np.arange(50))
    assert np.allclose(np.abs(broad.scores[:, :5]), np.sqrt(3) * np.abs(narrow.scores[:, :5]))
    assert narrow.rank == pytest.approx(broad.rank)


def test_effective_rank_counts_directions_of_equal_strength():
    rng = np.random.default_rng(0)
    turned = np.linalg.qr(rng.standard_normal((5000, 7)))[0]
    assert factorise(Table(turned), np.arange(5000)).rank == pytest.approx(7, abs=1e-6)


@pytest.mark.parametrize("reader", ["ridge", "logistic"])
def test_a_state_that_never_changes_leaves_what_is_usual(reader):
    labels = np.random.default_rng(0).integers(0, 4, (200, 2))
    made = READERS[reader](num_values=4).fit(np.ones((200, 5)), labels)
    assert np.allclose(np.exp(made.predict_log_proba(np.ones((3, 5)))).sum(-1), 1)
    assert abs(made.score(np.ones((200, 5)), labels) - 0.25) < 0.1


# --- bits ------------------------------------------------------------------------------------------------


def test_scores_are_made_as_steep_as_loses_least():
    rng = np.random.default_rng(0)
    scores, labels = rng.standard_normal((500, 1, 5)), rng.integers(0, 5, (500, 1))
    scores[np.arange(500), 0, labels[:, 0]] += 1
    steep = best_steepness(scores, labels)
    losses = [
        -true_log_prob(log_softmax(scores * s), labels).mean() for s in np.geomspace(steep[0] / 4, steep[0] * 4, 41)
    ]
    assert int(np.argmin(losses)) == 20
    assert best_steepness(-scores, labels)[0] == 0


def test_bits_of_a_certain_reader_are_all_there_are_and_of_a_guess_none():
    labels = np.arange(8).repeat(10)[:, None]
    even = np.full((1, 8), -np.log(8))
    certain = np.where(np.eye(8)[labels] == 1, 0.0, -np.inf)
    assert usable_bits(certain, even, labels).bits[0] == pytest.approx(3)
    assert usable_bits(np.broadcast_to(even, (80, 1, 8)), even, labels).bits[0] == pytest.approx(0)


# --- states ----------------------------------------------------------------------------------------------


def test_states_beyond_the_limit_go_to_disk_and_come_back_the_same(tmp_path):
    blocks = [np.random.default_rng(i).standard_normal((30, 50)).astype(np.float32) for i in range(4)]
    with StateStore() as held, StateStore(limit=7000, folder=tmp_path) as moved:
        for shelf in (held, moved):
            for block in blocks:
                shelf.add({"a": block, "b": block[:, :3]})
        assert not list(tmp_path.iterdir())  # files without a name: nothing is left, however a process ends
        assert moved.in_memory <= 7000
        assert all(on_disk(block) for block in moved.blocks[:3])
        for name, columns in (("a", (3, 40)), ("b", (0, 3))):
            assert moved[name].shape == held[name].shape
            np.testing.assert_array_equal(moved[name].columns(*columns), held[name].columns(*columns))
        joint = Joint([moved["a"], moved["b"]])
        np.testing.assert_array_equal(joint.columns(48, 52), np.concatenate(blocks)[:, [48, 49, 0, 1]])
        once, twice = (factorise(shelf["a"], np.arange(80)) for shelf in (held, moved))
        np.testing.assert_array_equal(once.scores, twice.scores)
    with pytest.raises(KeyError, match="no state 'a' in this store: it holds nothing any more"):
        moved["a"]


def test_a_shelf_takes_the_same_states_every_time_and_says_what_it_holds(tmp_path):
    with StateStore() as shelf:
        shelf.add({"a": np.ones((2, 3), np.float32)})
        assert list(shelf.widths) == ["a"]
        assert np.asarray(shelf["a"]).tolist() == [[1, 1, 1]] * 2
        with pytest.raises(KeyError, match="no state 'b' in this store: it holds a"):
            shelf["b"]
        for block in ({"b": np.ones((2, 3))}, {"a": np.ones((2, 4))}, {"a": np.ones(3)}):
            with pytest.raises(ValueError, match="a block holds every state as"):
                shelf.add(block)
    with (
        StateStore(limit=0, folder=tmp_path / "gone") as shelf,
        pytest.raises(OSError, match=r"no room for 24 bytes of states in .*gone \(set TMPDIR"),
    ):
        shelf.add({"a": np.ones((2, 3), np.float32)})


@pytest.mark.parametrize("name", MEMORIES)
def test_any_memory_can_be_captured_at_any_time(name):
    torch.manual_seed(0)
    memory = MEMORIES[name](8)
    inputs = np.random.default_rng(0).standard_normal((5, 12, 8)).astype(np.float32)
    with StateStore() as shelf, torch.no_grad():
        capture(memory, inputs, [4, 12], shelf)
        for time in (4, 12):
            _, state = memory(torch.from_numpy(inputs[:, :time]))
            direct = np.concatenate([part.flatten(1).numpy() for part in memory.contents(state).values()], axis=1)
            kept = full_state(shelf, time, 1)
            assert kept.shape == (5, memory.state_floats(time))
            np.testing.assert_allclose(kept.columns(0, kept.shape[1]), direct, atol=1e-4)


class Sum(Memory):
    """y_t = x_1 + ... + x_t."""

    def forward(self, x, state=None):
        total = x.cumsum(1) + (0 if state is None else state[0].unsqueeze(1))
        return total, (total[:, -1],)

    definition = forward

    def state_floats(self, length):
        return 8

    def contents(self, state):
        return {"sum": state[0], "nothing": torch.zeros(len(state[0]), 2)}


class Nameless(Sum):
    def contents(self, state):
        return {}


def test_a_memory_of_ones_own_is_probed_content_by_content():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (600, 2))
    inputs = rng.standard_normal((600, 6, 8)).astype(np.float32) * 0.01
    inputs[:, 1, :4] += np.eye(4, dtype=np.float32)[labels[:, 0]]
    inputs[:, 4, 4:] += np.eye(4, dtype=np.float32)[labels[:, 1]]
    table = probe_memory(Sum(), inputs, labels, times=[3, 6])
    read = table[table["control"] == "none"].set_index(["time", "content", "item"])["accuracy"]
    assert set(table["content"]) == {"state", "sum"}  # what never varies is left out
    assert (read[3, "sum", 0], read[6, "sum", 0], read[6, "sum", 1]) == (1, 1, 1)
    assert read[3, "sum", 1] < 0.4  # not written yet
    spilled = probe_memory(Sum(), inputs, labels, times=[3, 6], limit=0)
    assert table.equals(spilled)


def test_a_probe_leaves_global_randomness_alone():
    _, labels, onehot = drawn()
    before = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    first = probe(onehot, labels, sequences=range(1500), readers=list(READERS)[:3], random_state=5)
    assert (before[0] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert torch.equal(before[1], torch.random.get_rng_state())
    np.random.seed(9)  # noqa: NPY002
    assert first.equals(probe(onehot, labels, sequences=range(1500), readers=list(READERS)[:3], random_state=5))


# --- what cannot be probed -------------------------------------------------------------------------------

STATES, LABELS = np.random.default_rng(0).standard_normal((400, 6)), np.arange(400) % 4
MISTAKES = {
    "too few for the values": ((STATES[:60], LABELS[:60]), "4 values take 10 training sequences each, 67 in all"),
    "too few for the state": (
        (np.tile(STATES, 4000), LABELS),
        "a state of 24,000 numbers takes one training sequence .*, 625 in",
    ),
    "constant": ((np.ones((400, 6)), LABELS), "none of the 6 numbers of these states varies"),
    "not finite": ((np.full((400, 6), np.nan), LABELS), "not finite"),
    "labels that are no numbers": ((STATES, LABELS * 0.5), "labels are integers"),
    "labels below 0": ((STATES, LABELS - 1), "values counted from 0, not -1"),
    "more labels than states": ((STATES[:300], LABELS), "300 states, 400 labels"),
    "labels that are all one": ((STATES, LABELS * 0), "all labels are .*: there is nothing to read"),
    "words": ((np.full((400, 6), "a"), LABELS), "states are real numbers, not"),
    "no table": ((STATES[:, 0], LABELS), r"states are \[sequences, numbers\]"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_with_its_mend(mistake):
    (states, labels), said = MISTAKES[mistake]
    with pytest.raises(ValueError, match=said) as error:
        probe(states, labels, sequences=range(len(states)))
    assert "\n" not in str(error.value)


def test_a_memory_that_names_no_contents_is_told_to():
    with pytest.raises(ValueError, match="Nameless names no contents to be probed: return its state's tensors by name"):
        probe_memory(Nameless(), np.zeros((100, 4, 8), np.float32), LABELS[:100])
    with pytest.raises(ValueError, match="after 1 to 4 inputs, not after"):
        probe_memory(Sum(), np.zeros((100, 4, 8), np.float32), LABELS[:100], times=[9])


def test_a_module_of_another_kind_is_sent_to_its_states():
    with pytest.raises(ValueError, match=r"GRU is no memory .*: give its states to probe\(\) instead"):
        probe_memory(torch.nn.GRU(8, 8), np.zeros((100, 4, 8), np.float32), LABELS[:100])
    states = torch.nn.Linear(6, 6)(torch.from_numpy(STATES).float())
    assert len(probe(states, LABELS > 1, sequences=range(400))) == 3  # a tensor with gradients, labels of truth


class Shapeless(Sum):
    def contents(self, state):
        return {"sum": state[0].sum(0)}


class Infinite(Sum):
    def contents(self, state):
        return {"sum": state[0] / 0}


def test_what_is_no_state_is_named():
    inputs = np.ones((100, 4, 8), np.float32)
    with pytest.raises(ValueError, match=r"Shapeless: content 'sum' must be a tensor \[100, ...\], not \[8\]"):
        probe_memory(Shapeless(), inputs, LABELS[:100])
    with pytest.raises(ValueError, match="state 4/layer1/sum holds numbers that are not finite"):
        probe_memory(Infinite(), inputs, LABELS[:100])
    for readers in ([], "ridge"):
        with pytest.raises(ValueError, match="readers are a list of at least one of prior"):
            probe(STATES, LABELS, sequences=range(400), readers=readers)
    with pytest.raises(ValueError, match="reduced to at least 1 component, not 0"):
        probe(STATES, LABELS, sequences=range(400), dimension=0)


def test_an_unknown_reader_is_named():
    with pytest.raises(ValueError, match="unknown reader 'rigde': choose of prior, ridge"):
        probe(STATES, LABELS, sequences=range(400), readers=["rigde"])
