"""Mixtures and curricula: any task, at many lengths and loads, in rows of one shape."""

import numpy as np
import pytest

from recall_tasks import BLOCK, IGNORE, TASKS, Curriculum, Mixture, Stream, make_task
from recall_tasks.bounds import ceiling, floors
from recall_tasks.generators.blend import Blend, named
from recall_tasks.readers import Oracle, accuracy

PLAIN = [name for name, kind in TASKS.items() if not issubclass(kind, Blend)]


def ends(batch) -> np.ndarray:
    """Tokens up to the last that is not blank."""
    return batch.tokens.shape[1] - np.argmax(batch.tokens[:, ::-1] != 0, axis=1)


@pytest.mark.parametrize("blend", ["mixture", "curriculum"])
@pytest.mark.parametrize("name", PLAIN)
def test_any_task_can_be_blended(blend, name):
    load = min(4, getattr(TASKS[name](), TASKS[name].load))
    if name in ("repeat_previous", "n_back"):  # the lag shows nowhere in a row
        with pytest.raises(ValueError, match=r"do not show their load.*\(try --min-load 4\)"):
            make_task(blend, of=name, max_load=load)
        task = make_task(blend, of=name, max_load=load, min_load=load)
    else:
        task = make_task(blend, of=name, max_load=load)
    length = max(64, 2 * task.min_length)
    rows = Stream(task, length).rows(0, 2 * BLOCK)
    assert accuracy(Oracle(), rows, task) == 1.0
    assert rows.asked.shape[1] == task.num_questions(length)
    assert np.array_equal((rows.targets != IGNORE).sum(axis=1), rows.asking.sum(axis=1))


def test_a_mixture_takes_every_load_and_length():
    task = Mixture(max_load=8, min_load=2, shortest=16)
    rows = Stream(task, 64).rows(0, 64 * BLOCK)
    loads, counts = np.unique(rows.asking.sum(axis=1), return_counts=True)
    assert loads.tolist() == [2, 4, 8]
    assert np.allclose(counts / counts.sum(), 1 / 3, atol=0.07)  # 512 cells
    assert ends(rows).min() < 16
    assert ends(rows).max() == 64
    assert (ends(rows)[rows.asking.sum(axis=1) == 8] >= 24).all()
    # Two doublings from 16, 32 <= length < 64 in one and 64 alone in a third.
    short = (ends(rows) < 32)[rows.asking.sum(axis=1) == 2].mean()
    assert 0.3 < short < 0.6


def test_the_rows_of_a_mixture_are_rows_of_its_task():
    task = Mixture(max_load=4, min_load=4)
    for row in Stream(task, 32).rows(0, 64).tokens.tolist():
        pairs = dict(zip(row[:8:2], row[1:8:2], strict=True))
        asked = [token for token in row[8:] if token]
        assert len(pairs) == 4
        assert sorted(asked) == sorted(pairs)


def test_a_curriculum_doubles_load_and_length():
    task = Curriculum(max_load=8, min_load=2, stage_rows=2 * BLOCK)
    stream = Stream(task, 64)
    stages = [stream.block(b) for b in range(6)]
    assert [int(s.asking[0].sum()) for s in stages] == [2, 2, 4, 4, 8, 8]
    assert [int(ends(s).max()) for s in stages] == [16, 16, 32, 32, 64, 64]
    assert not stages[4].tokens.shape[1] - 64


def test_only_training_grows():
    task = Curriculum(max_load=8, min_load=2)
    assert (Stream(task, 64).rows(0, 8).asking.sum(axis=1) == 2).all()
    for split in ("validation", "test", "probe"):
        assert Stream(task, 64, split).rows(0, 8).asking.all()


def test_a_task_is_written_in_one_word():
    assert named("mqar", "x") == make_task("mqar")
    task = named("needle:depth=0.5,num_keys=3,haystack=uniform", "x")
    assert task == make_task("needle", depth=0.5, num_keys=3, haystack="uniform")
    assert named("mqar:placement=power:0.01", "x").placement == "power:0.01"
    assert named("copy:feedback=true", "x").feedback is True


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"of": "mqra"}, "mixture: of: unknown task 'mqra': did you mean mqar"),
        ({"of": "mqar:pairs=3"}, "mixture: of: mqar: unknown field 'pairs'"),
        ({"of": "mqar:num_keys=many"}, "mixture: of: num_keys takes a whole number, not 'many'"),
        ({"of": "mqar:num_keys"}, "mixture: of: num_keys takes a whole number, not ''"),
        ({"of": "copy:feedback=maybe"}, "mixture: of: feedback takes true or false, not 'maybe'"),
        ({"of": "mixture"}, "no blend itself"),
        ({"of": "mqar:num_pairs=3"}, r"the load of mqar is set by max_load, not in 'mqar:num_pairs=3'"),
        ({"max_load": 64}, r"64 pairs need as many keys, not 32 \(try --num-keys 64\), after the colon of --of"),
        ({"min_load": 9}, r"max_load must be at least the smallest load, 9, not 8 \(try --min-load 8\)"),
        ({"min_load": 0}, "min_load must be at least 1, not 0"),
        ({"shortest": 0}, "shortest must be at least 1, not 0"),
    ],
)
def test_wrong_blends_are_refused_in_words(fields, message):
    with pytest.raises(ValueError, match=message):
        Mixture(**fields)


def test_the_ceiling_of_a_mixture_is_that_of_its_rows():
    # A queue of the last 4 of 8 symbols, 48 bits, on rows of all lengths up to 15.
    task = Mixture(of="repeat_previous:num_symbols=4096", max_load=8, min_load=8, shortest=1)
    rows = Stream(task, 15, "test").rows(0, 4096)
    asks = rows.asking.sum(axis=1, keepdims=True)
    # 4 held of those still to be asked, at most 8: a window of q questions on q symbols asks for all of them.
    held = np.minimum(1, 4 / np.minimum(asks, 8))
    assert (held * asks).sum() / asks.sum() <= ceiling(48, task, 15) + 0.01
    assert np.isclose(sum(w for _, lengths in task.portions(15) for w, _ in lengths), 1)


def test_the_floor_of_a_mixture_is_below_its_ceiling():
    task = Mixture(of="majority:asked=last", max_load=16, min_load=2)
    assert floors(task, 64)["memoryless"] <= ceiling(0, task, 64) + 0.02
