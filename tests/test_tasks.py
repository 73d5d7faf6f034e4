"""What every task promises, over the registry at a small and a middle size, and what some add to it."""

import json

import numpy as np
import pytest
import torch
from scipy import stats

from recall_tasks import BLOCK, IGNORE, MQAR, TASKS, Batch, MultiQuery, Needle, Stream, Task, make_task
from recall_tasks.bounds import bag_floor, position_floor
from recall_tasks.readers import Bag, Guess, Oracle, Position, Window, accuracy

SMALL: dict[str, dict] = {
    "associative": {"num_pairs": 2, "num_keys": 3, "num_values": 4},
    "mqar": {"num_pairs": 2, "num_keys": 3, "num_values": 4},
    "multi_query": {"num_pairs": 2, "num_queries": 5, "num_keys": 3, "num_values": 4},
    "needle": {"num_needles": 2, "num_keys": 3, "num_values": 4},
    "copy": {"num_tokens": 3, "num_symbols": 4},
    "selective_copy": {"num_tokens": 3, "num_symbols": 4},
}
OTHERS = [
    (MQAR(num_pairs=4, num_fillers=5), 40),
    (MQAR(num_pairs=4, placement="power:0.01"), 40),
    (MQAR(num_pairs=4, placement="distance:9-20"), 40),
    (MQAR(num_pairs=20, num_keys=24), 96),
    (MultiQuery(num_pairs=3, num_queries=10, values_per_key=3), 40),
    (Needle(num_needles=4, num_asked=3, haystack="uniform"), 40),
    (Needle(num_needles=2, num_asked=2, values_per_key=3, haystack="uniform"), 40),
    (Needle(num_needles=5, num_asked=2, depth=0.5), 40),
    (make_task("copy", feedback=True), 30),
    (make_task("selective_copy", feedback=True, num_tokens=12), 60),
]
CASES = [(make_task(name, **SMALL[name]), 16) for name in TASKS] + [(c(), 64) for c in TASKS.values()] + OTHERS


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].name}-{case[1]}")
def case(request) -> tuple[Task, int]:
    return request.param


def drawn(case: tuple[Task, int], rows: int = 512, **stream) -> Batch:
    return Stream(*case, **stream).rows(0, rows)


def same(a: Batch, b: Batch) -> bool:
    return all(np.array_equal(x, b.arrays()[name]) for name, x in a.arrays().items())


def test_every_task_has_a_small_case():
    assert set(SMALL) == set(TASKS)


def test_the_oracle_is_always_right(case):
    assert accuracy(Oracle(), drawn(case), case[0]) == 1.0


def test_the_oracle_needs_only_what_came_before(case):
    # Were an answer readable only from later tokens, the oracle would miss it in the prefix.
    task, batch = case[0], drawn(case, 24)
    for tokens, asked, answers in zip(batch.tokens.tolist(), batch.asked, batch.answers, strict=True):
        for q in range(len(asked)):
            solved = task.solve(tokens[: asked[q] + 1])
            assert solved == dict(zip(asked[: q + 1].tolist(), answers[: q + 1].tolist(), strict=True))


def test_a_uniform_guess_scores_chance(case):
    task, batch = case[0], drawn(case, 4096)
    right = (Guess(np.random.default_rng(0)).answer(batch, task) == batch.answers).sum()
    low, high = stats.binom.interval(0.9999, batch.answers.size, task.chance)
    assert low <= right <= high
    assert np.isclose(task.chance, 1 / len(task.answers))


def test_answers_are_uniform_over_the_alphabet(case):
    task, batch = case[0], drawn(case, 4096)
    counts = np.bincount(batch.answers[:, 0] - task.answers.start, minlength=task.num_answers)
    assert stats.chisquare(counts).pvalue > 1e-5


def test_ids_shapes_and_order(case):
    task, length = case
    batch = drawn(case)
    assert batch.tokens.shape == (512, length)
    assert batch.asked.shape == batch.answers.shape == batch.origins.shape == (512, task.num_questions(length))
    assert all(a.dtype == np.int32 and a.flags.writeable for a in Stream(*case).block(0).arrays().values())
    assert batch.tokens.min() >= 0
    assert batch.tokens.max() < task.vocab_size
    assert np.isin(batch.answers, task.answers).all()
    assert (np.diff(batch.asked, axis=1) > 0).all()
    assert (batch.origins < batch.asked).all()
    assert batch.asked.max() < length
    spelled = [task.spell(token) for token in range(task.vocab_size)]
    assert len(set(spelled)) == task.vocab_size, "two tokens are spelled alike"


def test_origins_hold_the_answers(case):
    batch = drawn(case)
    assert np.array_equal(np.take_along_axis(batch.tokens, batch.origins, axis=1), batch.answers)
    assert (batch.origins[:, :, None] == batch.stored.positions[:, None, :]).any(axis=2).all()
    assert np.array_equal(batch.distances, batch.asked - batch.origins)


def test_targets_are_the_answers_and_nothing_else(case):
    batch = drawn(case)
    assert np.array_equal(np.take_along_axis(batch.targets, batch.asked, axis=1), batch.answers)
    assert ((batch.targets != IGNORE).sum(axis=1) == case[0].num_questions(case[1])).all()


def test_what_is_stored_was_written(case):
    task, batch = case[0], drawn(case)
    stored, each = batch.stored, getattr(case[0], "values_per_key", 1)
    assert stored.positions.shape[1] == len(task.shares)
    assert np.array_equal(np.take_along_axis(batch.tokens, stored.positions, axis=1), stored.values)
    assert (np.diff(stored.positions, axis=1) > 0).all(), "items are in order of position"
    for tokens, positions, keys in zip(batch.tokens, stored.positions, stored.keys, strict=True):
        for position, key in zip(positions, keys, strict=True):
            while key >= 0 and tokens[position] in task.answers:
                position -= 1
            assert key < 0 or tokens[position] == key
        assert keys[0] < 0 or set(np.unique(keys, return_counts=True)[1]) == {each}, "keys are distinct"


def test_shares_are_how_often_items_are_asked(case):
    task, batch = case[0], drawn(case, 4096)
    hits = batch.origins[:, :, None] == batch.stored.positions[:, None, :]
    # Needles are stored in order of place, where a chosen depth favours some; their values are exchangeable.
    if getattr(task, "depth", None) is None:
        assert np.allclose(hits.mean(axis=(0, 1)), task.shares, atol=0.03)
    assert np.isclose(task.shares.sum(), 1)
    assert np.isclose(task.payload_bits(case[1]), len(task.shares) * np.log2(task.num_answers))


def test_answers_are_shown_after_the_first_question_only_as_feedback(case):
    task, batch = case[0], drawn(case)
    later = np.arange(case[1]) >= batch.asked[:, :1]
    shown = (np.isin(batch.tokens, task.answers) & later).sum(axis=1)
    assert (shown == (task.num_questions(case[1]) - 1 if task.shows_answers else 0)).all()


def test_rows_do_not_depend_on_how_they_are_read(case):
    whole = drawn(case, 2 * BLOCK)
    stream = Stream(*case)
    for start, count in ((0, 1), (7, 30), (BLOCK - 3, 6), (BLOCK, BLOCK), (2 * BLOCK - 1, 1)):
        assert same(stream.rows(start, count), whole[start : start + count])


def test_other_seeds_and_splits_give_other_rows(case):
    first = drawn(case, 64)
    for other in ({"seed": 1}, {"split": "test"}, {"split": "validation"}, {"split": "probe"}):
        assert not np.array_equal(first.tokens, drawn(case, 64, **other).tokens)


def test_global_generators_are_neither_used_nor_touched(case):
    first = drawn(case)
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    drawn(case, seed=3)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert str(numpy_state) == str(np.random.get_state())  # noqa: NPY002
    np.random.seed(999)  # noqa: NPY002
    torch.manual_seed(999)
    assert same(first, drawn(case))


def test_the_least_length_fits_and_one_less_is_refused(case):
    task = case[0]
    least = task.min_length
    assert accuracy(Oracle(), Stream(task, least).rows(0, 8), task) == 1.0
    with pytest.raises(ValueError, match=rf"at least {least} tokens, not {least - 1} \(try --length {least}"):
        Stream(task, least - 1)


def test_the_mend_in_the_message_works(case):
    task = case[0]
    fits = task.largest_load(task.min_length - 1)
    if fits:
        assert task.at_load(fits).min_length <= task.min_length - 1
        assert getattr(task.at_load(fits), task.load) == fits
    bigger = task.at_load(getattr(task, task.load) + 1)
    assert bigger.min_length > task.min_length


def test_every_field_that_an_option_must_change_is_in_the_message():
    with pytest.raises(ValueError, match="--num-pairs 5 --num-queries 10"):
        Stream(MultiQuery(num_pairs=8, num_queries=16), 20)
    with pytest.raises(ValueError, match="--num-needles 2 --num-asked 2"):
        Stream(Needle(num_needles=4, num_asked=4), 9)


@pytest.mark.parametrize("length", [0, -1, 2**30, 32.0, True, "32", None])
def test_wrong_lengths_are_refused(case, length):
    with pytest.raises(ValueError, match=r"length|tokens"):
        Stream(case[0], length)


def test_a_task_travels_as_json(case):
    task = case[0]
    spec = json.loads(json.dumps(task.spec()))
    name, version = spec.pop("task"), spec.pop("version")
    assert make_task(name, **spec) == task
    assert version == task.version


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("mqra", {}, r"unknown task 'mqra': did you mean mqar"),
        ("xyz", {}, r"unknown task 'xyz': choose one of associative, mqar"),
        ("mqar", {"pairs": 3}, r"unknown field 'pairs': its fields are num_pairs, num_keys"),
        ("mqar", {"preset": "zoo"}, r"unknown preset 'zoo': choose one of zoology"),
        ("mqar", {"num_pairs": 2.0}, r"num_pairs takes a whole number, not 2.0 \(float\)"),
        ("mqar", {"num_pairs": True}, r"num_pairs takes a whole number, not True \(bool\)"),
        ("mqar", {"num_pairs": -1}, r"num_pairs must be at least 1, not -1"),
        ("mqar", {"num_pairs": None}, r"num_pairs takes a whole number, not None"),
        ("mqar", {"num_pairs": 33}, r"33 pairs need as many keys, not 32 \(try --num-keys 33\)"),
        ("mqar", {"num_values": 1}, r"num_values must be at least 2, not 1"),
        ("mqar", {"num_values": 2**25}, r"over the limit"),
        ("mqar", {"placement": "nowhere"}, r"unknown placement 'nowhere'"),
        ("mqar", {"placement": "distance:3-9"}, r"try --placement distance:15-9"),
        ("associative", {"num_pairs": 40}, r"try --num-keys 40"),
        (
            "multi_query",
            {"num_queries": 7},
            r"8 values need as many questions, not 7 \(try --num-queries 8\)",
        ),
        ("multi_query", {"num_pairs": 40, "num_queries": 80}, r"try --num-keys 40"),
        ("needle", {"num_asked": 2}, r"at most the 1 needles written, not 2 \(try --num-asked 1\)"),
        ("needle", {"num_needles": 40}, r"try --num-keys 40"),
        ("needle", {"depth": 1.5}, r"depth must be from 0 to 1, not 1.5"),
        ("needle", {"depth": float("nan")}, r"depth must be from 0 to 1, not nan"),
        ("needle", {"depth": "half"}, r"depth takes a number, not 'half'"),
        ("needle", {"depth": 0.5, "values_per_key": 2}, r"try --values-per-key 1"),
        ("needle", {"haystack": "essay"}, r"choose one of constant, uniform"),
        ("copy", {"feedback": 1}, r"feedback takes true or false, not 1"),
        ("copy", {"num_tokens": 0}, r"num_tokens must be at least 1, not 0"),
        ("selective_copy", {"num_symbols": 1}, r"num_symbols must be at least 2, not 1"),
    ],
)
def test_wrong_fields_are_refused_in_words(name, fields, message):
    with pytest.raises(ValueError, match=message):
        make_task(name, **fields)


@pytest.mark.parametrize(("name", "preset"), [(n, p) for n, c in TASKS.items() for p in c.presets])
def test_presets_are_playable(name, preset):
    task = make_task(name, preset=preset)
    assert accuracy(Oracle(), Stream(task, task.min_length + 5).rows(0, 4), task) == 1.0


def test_fields_override_presets_and_whole_numbers_become_floats():
    assert make_task("needle", preset="multikey", num_needles=6).num_needles == 6
    assert make_task("needle", depth=1).depth == 1.0
    assert type(make_task("needle", depth=1).depth) is float


@pytest.mark.parametrize("size", [1, 12, 30, 64])
def test_a_window_is_right_exactly_where_the_answer_is_near(case, size):
    task, batch = case[0], drawn(case, 256)
    right = Window(size, np.random.default_rng(0)).answer(batch, task) == batch.answers
    far = batch.distances >= size
    assert right[~far].all()
    low, high = stats.binom.interval(0.9999, far.sum(), task.chance)
    assert low <= right[far].sum() <= high


# Single tasks


def test_slots_say_nothing_about_their_pairs():
    task = MQAR(num_pairs=4)
    batch = Stream(task, 16).rows(0, 40 * BLOCK)
    table = np.zeros((8, 4))
    np.add.at(table, (batch.asked - 8, batch.origins // 2), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3
    assert stats.chisquare(table.sum(axis=1)).pvalue > 1e-3
    order = batch.origins // 2 @ 4 ** np.arange(4)
    assert stats.chisquare(np.unique(order, return_counts=True)[1]).pvalue > 1e-3
    assert len(np.unique(order)) == 24


def test_the_power_law_leaks_which_pair_is_asked():
    # 16 pairs, few coincidences among 4096 values: the uniform law scores 1/16, this one nearly twice that.
    zoology = make_task("mqar", preset="zoology", num_pairs=16)
    fair = make_task("mqar", preset="zoology", num_pairs=16, placement="uniform")
    assert position_floor(zoology, 64) > 1.5 * bag_floor(zoology, 64)
    assert position_floor(fair, 64) < 1.15 * bag_floor(fair, 64)


@pytest.mark.parametrize(("low", "high"), [(9, 9), (9, 20), (30, 31)])
def test_distance_placement_is_exact(low, high):
    task = MQAR(num_pairs=5, placement=f"distance:{low}-{high}")
    batch = Stream(task, 50).rows(0, 1024)
    assert (batch.distances == batch.distances[:, :1]).all()
    assert set(np.unique(batch.distances)) == set(range(low, high + 1))


def test_the_key_of_associative_recall_is_uniform_over_the_pairs():
    batch = Stream(make_task("associative"), 20).rows(0, 4096)
    assert (batch.asked == 19).all()
    assert stats.chisquare(np.bincount(batch.origins[:, 0] // 2)).pvalue > 1e-3


def test_the_rth_asking_wants_the_rth_value():
    task = MultiQuery(num_pairs=3, num_queries=14, values_per_key=2)
    batch = Stream(task, 40).rows(0, 256)
    for tokens, asked, answers in zip(batch.tokens, batch.asked, batch.answers, strict=True):
        values = {tokens[p]: tokens[p + 1 : p + 3] for p in (0, 3, 6)}
        times = dict.fromkeys(values, 0)
        for t, answer in zip(asked, answers, strict=True):
            key = tokens[t]
            assert answer == values[key][times[key] % 2]
            times[key] += 1
        assert sorted(times.values()) == [4, 5, 5]


def test_questions_come_in_any_order():
    batch = Stream(MultiQuery(num_pairs=2, num_queries=4), 12).rows(0, 20 * BLOCK)
    orders = (batch.origins == 1) @ 2 ** np.arange(4)
    counts = np.unique(orders, return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


def test_needles_take_every_arrangement_alike():
    batch = Stream(Needle(num_needles=2), 8).rows(0, 20 * BLOCK)
    places, counts = np.unique(batch.stored.positions, axis=0, return_counts=True)
    assert len(places) == 6  # two pairs in six tokens
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("depth", [0.0, 0.25, 0.5, 1.0])
def test_a_needle_stands_at_its_depth(depth):
    alone = Stream(Needle(depth=depth), 103).rows(0, 32)
    assert (alone.origins - 1 == round(depth * 99)).all()
    among = Stream(Needle(num_needles=5, num_asked=2, depth=depth), 103).rows(0, 4096)
    assert abs((among.origins[:, 0] - 1).mean() - depth * 98) < 1


def test_a_uniform_haystack_has_no_blanks_and_every_filler():
    task = Needle(haystack="uniform", num_fillers=5)
    hay = Stream(task, 64).rows(0, 512).tokens[:, :-2]
    assert set(np.unique(hay)) == {*task.keys, *task.answers, *task.fillers}
    assert len(task.fillers) == 5
    assert set(np.unique(Stream(Needle(), 64).rows(0, 512).tokens[:, :-2])) == {0, *task.keys, *task.answers}


def test_distractors_are_not_asked_and_never_share_the_key():
    batch = Stream(Needle(num_needles=4, num_asked=2), 40).rows(0, 512)
    assert (np.sum(batch.stored.keys[:, :, None] == batch.tokens[:, None, -2:], axis=1) == 1).all()


@pytest.mark.parametrize("name", ["copy", "selective_copy"])
def test_feedback_shows_the_answer_before(name):
    without = Stream(make_task(name), 30).rows(0, 64)
    shown = Stream(make_task(name, feedback=True), 30).rows(0, 64)
    assert np.array_equal(shown.tokens[:, -7:], shown.answers[:, :-1])
    assert (without.tokens[:, -7:] == 0).all()
    assert (shown.tokens[:, -8] == 1).all()


def test_selective_copying_scatters_its_symbols_uniformly():
    batch = Stream(make_task("selective_copy", num_tokens=3), 12).rows(0, 20 * BLOCK)
    counts = np.bincount(batch.stored.positions.ravel(), minlength=9)
    # Places of a row exclude each other, which shrinks the statistic by 1 - 3/9.
    assert stats.chi2.sf(stats.chisquare(counts).statistic / (1 - 3 / 9), 8) > 1e-3


def test_bag_reader_scores_the_bag_floor(case):
    task, batch = case[0], drawn(case, 1024)
    right = (Bag().answer(batch, task) == batch.answers).mean(axis=1)
    assert abs(right.mean() - bag_floor(task)) < 4 * right.std() / 32 + 1e-9


def test_position_reader_knows_the_order_and_no_more():
    batch = Stream(make_task("copy"), 30).rows(0, 256)
    assert accuracy(Position([batch]), batch, make_task("copy")) == 1.0
    fair = MQAR(num_pairs=16, num_keys=16, num_values=4096)
    fitted = Position([Stream(fair, 64, "probe").rows(0, 2048)])
    assert accuracy(fitted, Stream(fair, 64).rows(0, 1024), fair) < 0.08
