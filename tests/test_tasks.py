"""What every task promises, over the registry: at its defaults, at a light load and at drawn settings."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from cases import cases, fields_of, middle
from golden import FILE, batch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from recall_tasks import BLOCK, IGNORE, MQAR, TASKS, Batch, MultiQuery, Needle, Stream, Task, make_task
from recall_tasks.contract import by_row, examine, same
from recall_tasks.readers import Memoryless, Oracle, Recency, Window, accuracy
from recall_tasks.task import DIMENSIONS

CASES = cases(2)
GOLDEN = json.loads(FILE.read_text())


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].name}-{case[1]}")
def case(request) -> tuple[Task, int]:
    return request.param


@pytest.fixture(params=TASKS, ids=str)
def default(request) -> tuple[Task, int]:
    task = TASKS[request.param]()
    return task, middle(task)


def drawn(case: tuple[Task, int], rows: int = 256, **stream) -> Batch:
    return Stream(*case, **stream).rows(0, rows)


# What is drawn


def test_every_task_keeps_the_contract(case):
    assert [finding for finding in examine(*case) if finding.failed] == []


def test_arrays_are_whole_and_writeable(case):
    assert all(a.dtype == np.int32 and a.flags.writeable for a in Stream(*case).block(0).arrays().values())


def test_no_answer_is_spelled_as_filler(case):
    task = case[0]
    assert all(task.spell(token)[0] != "f" for ids in (task.answers, task.alphabet) for token in ids)


def test_answers_were_written_where_items_are(case):
    task, batch = case[0], drawn(case)
    if not task.derived:
        items = (batch.origins[:, :, None] == batch.stored.positions[:, None, :]).any(axis=2)
        assert items[batch.asking].all()
    spare = batch.stored.values == IGNORE
    assert not (batch.asking.all() and spare.any()), "spare items only where there are spare questions"


def test_targets_are_the_answers_and_nothing_else(case):
    batch = drawn(case)
    held = np.take_along_axis(batch.targets, batch.asked, axis=1)
    assert np.array_equal(held[batch.asking], batch.answers[batch.asking])
    assert np.array_equal((batch.targets != IGNORE).sum(axis=1), batch.asking.sum(axis=1))


def test_answers_are_balanced(case):
    task, batch = case[0], drawn(case, 2048)
    if task.balanced and task.num_answers <= 256:
        for answers in (batch.answers[:, -1], batch.answers[:, batch.answers.shape[1] // 2]):
            counts = np.bincount(answers[answers != IGNORE] - task.answers.start, minlength=task.num_answers)
            assert not counts.any() or stats.chisquare(counts).pvalue > 1e-6


def test_shares_are_how_often_items_are_asked(case):
    task, length = case
    batch = drawn(case, 2048)
    assert np.isclose(sum(weight for weight, _ in task.bottlenecks(length)), 1)
    assert all(np.isclose(shares.sum(), 1) and (shares >= 0).all() for _, shares in task.bottlenecks(length))
    if task.independent:
        held = max(len(shares) for _, shares in task.bottlenecks(length))
        assert np.isclose(task.payload_bits(length), held * np.log2(task.num_answers))
    # Needles are stored in order of place, where a chosen depth favours some; their values are exchangeable.
    chosen = getattr(task, "depth", None) is not None
    if task.independent and not chosen:
        hits = batch.origins[:, :, None] == batch.stored.positions[:, None, :]
        assert np.allclose(hits.mean(axis=(0, 1)), task.shares, atol=0.05)


def test_only_feedback_shows_an_answer_after_its_question(case):
    task, length = case
    batch = drawn(case, 1024)
    following = np.take_along_axis(batch.tokens, np.minimum(batch.asked + 1, length - 1), axis=1)
    shown = following == batch.answers
    inside = batch.asking & (batch.asked + 1 < length)
    if task.shows_answers:
        assert shown[:, :-1][inside[:, :-1]].all()
    elif task.balanced and inside.any():
        assert shown[inside].mean() < task.chance + 0.1, "the answer follows its question"


# What can be scored


def test_a_window_is_right_exactly_where_the_answer_is_near(case):
    task, batch = case[0], drawn(case, 128)
    for size in (1, 12, 40):
        right = Window(size, np.random.default_rng(0)).answer(batch, task) == batch.answers
        near = batch.asking & (batch.distances < size)
        far = batch.asking & ~near
        assert right[near].all()
        low, high = stats.binom.interval(0.99999, far.sum(), task.chance)
        assert low <= right[far].sum() <= high


def test_tokens_before_a_question_do_not_give_it_away(case):
    # A table from the token one or two steps before to the answer, where that token is not the answer itself.
    task, length = case
    fit, batch = Stream(task, length).rows(0, 2048), drawn(case, 1024, split="test")
    for steps in (1, 2):
        if not task.independent or not (batch.distances > steps).any():
            continue
        table = Memoryless([moved(fit, steps)])
        right = table.answer(moved(batch, steps), task) == batch.answers
        mean, error = by_row(
            right, dataclasses.replace(batch, answers=np.where(batch.distances > steps, batch.answers, IGNORE))
        )
        assert not mean > task.chance + 5 * error + 0.01


def moved(batch: Batch, steps: int) -> Batch:
    """The same questions put `steps` tokens earlier, where the answer was written before that."""
    fair = batch.distances > steps
    return dataclasses.replace(
        batch, asked=np.where(fair, batch.asked - steps, 0), answers=np.where(fair, batch.answers, IGNORE)
    )


def test_recency_is_right_where_nothing_came_between(case):
    task, batch = case[0], drawn(case)
    if not task.derived:
        right = Recency().answer(batch, task) == batch.answers
        values = np.cumsum(np.isin(batch.tokens, task.answers), axis=1)
        between = np.take_along_axis(values, batch.asked, 1) - np.take_along_axis(values, batch.origins, 1)
        assert right[batch.asking & (between == 0)].all()


# Rows and streams


def test_rows_do_not_depend_on_how_they_are_read(default):
    whole = drawn(default, 2 * BLOCK)
    stream = Stream(*default)
    for start, count in ((0, 1), (7, 30), (BLOCK - 3, 6), (BLOCK, BLOCK), (2 * BLOCK - 1, 1)):
        assert same(stream.rows(start, count), whole[start : start + count])


def test_other_seeds_and_splits_give_other_rows(default):
    first = drawn(default, 64)
    for other in ({"seed": 1}, {"split": "test"}, {"split": "validation"}, {"split": "probe"}):
        assert not np.array_equal(first.tokens, drawn(default, 64, **other).tokens)


def test_global_generators_are_neither_used_nor_touched(default):
    first = drawn(default)
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    drawn(default, seed=3)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert str(numpy_state) == str(np.random.get_state())  # noqa: NPY002
    np.random.seed(999)  # noqa: NPY002
    torch.manual_seed(999)
    assert same(first, drawn(default))


def test_the_first_rows_are_what_they_were(default):
    name = default[0].name
    now, then = batch(TASKS[name]), GOLDEN[name]
    changed = [key for key in now if now[key] != then[key]]
    assert not changed, f"{name} draws other rows ({', '.join(changed)}): raise its version, run tests/golden.py"


def test_golden_rows_are_of_the_registry():
    assert list(GOLDEN) == list(TASKS)


# Sizes and fields


def test_one_less_than_the_least_length_is_refused_with_the_mend(case):
    least = case[0].min_length
    with pytest.raises(ValueError, match=rf"at least {least} tokens, not {least - 1} \(try --length {least}"):
        Stream(case[0], least - 1)


def test_the_mend_in_the_message_works(case):
    task = case[0]
    fits = task.largest_load(task.min_length - 1)
    if fits:
        lighter = task.at_load(fits)
        assert lighter.min_length <= task.min_length - 1
        assert getattr(lighter, task.load) == fits
        assert lighter.vocab_size == task.vocab_size, "a lighter task speaks the same language"


def test_wrong_lengths_are_refused(default):
    for length in (0, -1, 2**30, 32.0, True, "32", None, np.int64(32)):
        with pytest.raises(ValueError, match=r"length|tokens"):
            Stream(default[0], length)


@pytest.mark.parametrize("name", TASKS)
def test_every_field_says_what_it_is_and_what_it_moves(name):
    for f in dataclasses.fields(TASKS[name]):
        assert f.metadata["moves"] in DIMENSIONS
        assert f.metadata["help"]
        assert f.metadata["kind"] is not str or f.metadata["choices"] or f.metadata["help"].count(":")


@pytest.mark.parametrize("name", TASKS)
def test_one_dimension_moves_at_a_time(name):
    task = TASKS[name]()
    length = 4 * middle(task)
    for f in dataclasses.fields(task):
        value, moves = getattr(task, f.name), f.metadata["moves"]
        if f.metadata["kind"] is not int or moves not in ("vocabulary", "load"):
            continue
        try:
            other = dataclasses.replace(task, **{f.name: 2 * value or 4})
        except ValueError:
            continue
        if moves == "vocabulary":
            assert other.min_length == task.min_length
            assert other.num_questions(length) == task.num_questions(length)
            assert len(other.shares) == len(task.shares)
        else:
            assert other.payload_bits(length) > task.payload_bits(length)
    if not task.derived:
        assert task.payload_bits(length) == task.payload_bits(2 * length), "length alone stores no more"


@pytest.mark.parametrize(("name", "preset"), [(n, p) for n, c in TASKS.items() for p in c.presets])
def test_presets_are_playable_at_their_length(name, preset):
    task, published = make_task(name, preset=preset), TASKS[name].presets[preset]
    assert published.note
    rows = Stream(task, published.length).block_rows if published.length > 4096 else 4
    assert accuracy(Oracle(), Stream(task, published.length).rows(0, min(4, rows)), task) == 1.0


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(draw=st.data())
@pytest.mark.parametrize("name", TASKS)
def test_whatever_is_asked_is_valid_or_refused(name, draw):
    given_fields = fields_of(TASKS[name], lambda options: draw.draw(st.sampled_from(options)))
    try:
        task = make_task(name, **given_fields)
    except ValueError as refusal:
        words = str(refusal)
        assert words.startswith(f"{name}: ") or "placement" in words
        assert any(mend in words for mend in ("try ", "must be", "choose one of", "at least", "takes", "or ")), words
        return
    length = task.min_length + draw.draw(st.sampled_from((0, 1, 2, 5, 16)))
    if length <= 512:
        rows = task.draw(np.random.default_rng(0), 3, length)
        assert accuracy(Oracle(), rows, task) == 1.0
        assert rows.tokens.shape == (3, length)
        assert rows.asked.shape[1] == task.num_questions(length)
        assert task.payload_bits(length) >= 0


@pytest.mark.parametrize("name", TASKS)
def test_loads_of_a_wrong_type_are_refused(name):
    for wrong in (2.5, "3", None, True, [3], np.int64(3), np.float32(1)):
        with pytest.raises(ValueError, match=f"{name}: {TASKS[name].load} takes a whole number, not "):
            make_task(name, **{TASKS[name].load: wrong})


@pytest.mark.parametrize("name", TASKS)
def test_ids_of_no_token_are_refused(name):
    task = TASKS[name]()
    for wrong in (-1, task.vocab_size, 1.5, "k1", None):
        with pytest.raises(ValueError, match=f"{name}: ids are whole numbers from 0 to {task.vocab_size - 1}, not"):
            task.spell(wrong)
    for tokens in ([0, task.vocab_size], [-1, 0], [1.5]):
        with pytest.raises(ValueError, match="ids are whole numbers"):
            task.solve(tokens)
    assert task.solve([]) == {}


def test_a_stream_needs_a_task():
    for wrong in ("mqar", MQAR, None):
        with pytest.raises(ValueError, match=r"a stream takes a task such as MQAR\(\)"):
            Stream(wrong, 64)


def test_numpy_numbers_are_refused_with_the_plain_one():
    with pytest.raises(ValueError, match=r"num_pairs takes a whole number, not np.int64\(3\) \(int64; pass 3\)"):
        MQAR(num_pairs=np.int64(3))
    with pytest.raises(ValueError, match=r"pass 7"):
        Stream(MQAR(), 64, seed=np.int32(7))


def test_every_field_that_an_option_must_change_is_in_the_message():
    with pytest.raises(ValueError, match="--num-pairs 5 --num-queries 10"):
        Stream(MultiQuery(num_pairs=8, num_queries=16), 20)
    with pytest.raises(ValueError, match="--num-needles 2 --num-asked 2"):
        Stream(Needle(num_needles=4, num_asked=4), 9)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("mqra", {}, r"unknown task 'mqra': did you mean mqar"),
        ("xyz", {}, r"unknown task 'xyz': choose one of associative, mqar"),
        ("mqar", {"pairs": 3}, r"unknown field 'pairs': its fields are num_pairs, num_keys"),
        ("mqar", {"preset": "zoo"}, r"unknown preset 'zoo': "),
        ("mqar", {"num_pairs": -1}, r"num_pairs must be at least 1, not -1"),
        ("mqar", {"num_pairs": 33}, r"33 pairs need as many keys, not 32 \(try --num-keys 33\)"),
        ("mqar", {"num_values": 1}, r"num_values must be at least 2, not 1"),
        ("mqar", {"num_values": 2**25}, r"over the limit"),
        ("mqar", {"num_values": 2**31}, r"num_values must be at most 2,147,483,647, not 2,147,483,648"),
        (
            "copy",
            {"num_tokens": 5_000_000},
            r"symbols take 10,000,000 tokens at these fields, over the limit of 4,194,304",
        ),
        ("ngram_copy", {"ngram": 2**30}, r"ngram must be from 1 to 4,194,304"),
        ("autoencode", {"num_ranks": 2**30}, r"cards are over the limit of 16,777,216"),
        ("mqar", {"placement": "nowhere"}, r"unknown placement 'nowhere'"),
        ("associative", {"num_pairs": 40}, r"try --num-keys 40"),
        ("multi_query", {"num_queries": 7}, r"8 values need as many questions, not 7 \(try --num-queries 8\)"),
        ("multi_query", {"num_pairs": 40, "num_queries": 80}, r"try --num-keys 40"),
    ],
)
def test_wrong_fields_are_refused_in_words(name, fields, message):
    with pytest.raises(ValueError, match=message):
        make_task(name, **fields)


def test_fields_override_presets_and_whole_numbers_become_floats():
    assert make_task("needle", preset="multikey", num_needles=6).num_needles == 6
    assert type(make_task("needle", depth=1).depth) is float
