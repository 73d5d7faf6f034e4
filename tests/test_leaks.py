"""The checks for leaks see each kind of leak, and cry over nothing else."""

import inspect
import math
from dataclasses import dataclass

import custom_memories
import numpy as np
import pytest
import torch
from scipy import stats

from models import MEMORIES, build
from models.memories.linear import LinearAttention
from models.memory import Memory
from recall_tasks import MQAR, TASKS, Batch, Stream, make_task
from recall_tasks.bounds import bag_floor
from recall_tasks.readers import Memoryless, accuracy
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.evaluation.evaluate import score
from runners.training.loop import train
from runners.training.sanity import (
    Leak,
    check_causal,
    check_cut_off,
    check_untrained,
    cut_off_accuracy,
    interval,
    questions_alone,
)

torch.set_num_threads(1)
TINY = TaskSetting("mqar", 12, {"num_pairs": 2, "num_keys": 8, "num_values": 8})


def model_of(task, memory):
    """Without an MLP, so that what a memory says is what is read out."""
    return build(memory, task.vocab_size, task.answers, width=16, layers=1, mlp_ratio=0, seed=0)


class Peeking(Memory):
    """Says at each place what stands at the next one."""

    def __init__(self, width):
        super().__init__()

    def forward(self, x, state=None):
        ahead = torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1)
        return 50 * ahead, ()

    definition = forward

    def state_floats(self, length):
        return 0

    def contents(self, state):
        return {}


@dataclass(frozen=True)
class Revealing(MQAR):
    """MQAR in which the right answer is the very token that asks: the task leaks."""

    name = "revealing"

    def draw(self, rng, rows, length):
        drawn = super().draw(rng, rows, length)
        tokens = drawn.tokens.copy()
        np.put_along_axis(tokens, drawn.asked, drawn.answers, axis=1)
        return Batch(tokens, drawn.asked, drawn.answers, drawn.origins, drawn.stored)


def test_the_interval_is_never_narrower_than_the_exact_one():
    for rows in (16, 128):
        for right in range(0, rows + 1, 4):
            low, high = interval(right / rows, rows, alpha=0.01)
            exact = stats.binomtest(right, rows).proportion_ci(0.99, "exact")
            assert low <= exact.low + 1e-12 <= exact.high - 1e-12 <= high


@pytest.mark.parametrize(("share", "rows"), [(0.0, 64), (1.0, 64), (0.25, 128)])
def test_the_interval_ends_where_the_relative_entropy_is_spent(share, rows):
    low, high = interval(share, rows)
    assert 0 <= low <= share <= high <= 1
    for end in {low, high} - {0.0, 1.0}:
        spent = sum(p * math.log(p / q) for p, q in ((share, end), (1 - share, 1 - end)) if p > 0)
        assert spent == pytest.approx(math.log(2e6) / rows)


@pytest.mark.parametrize("memory", MEMORIES)
def test_an_untrained_model_of_every_memory_passes(memory):
    run = Run(TINY, ModelSetting(memory, width=16), Training())
    assert check_untrained(run)["rows"] == 128
    check_cut_off(run.build(), Stream(run.task.task, 12, "test"))


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_untrained_models_pass_on_every_task(name):
    task = make_task(name, None)
    length = max(40, task.min_length)
    for memory in ("linear", "hybrid"):
        for seed in range(3):
            run = Run(TaskSetting(name, length), ModelSetting(memory), Training(), seed)
            check_untrained(run)
            check_cut_off(run.build(), Stream(task, length, "test"))


def test_an_untrained_model_that_knows_is_a_leak(tmp_path, monkeypatch):
    monkeypatch.setattr("runners.training.sanity.check_kind", lambda *memory: None)  # which would see it first
    brought = tmp_path / "peeking.py"
    brought.write_text(f"import torch\nfrom models.memory import Memory\n\n\n{inspect.getsource(Peeking)}")
    task = TaskSetting("copy", 32, {"num_tokens": 8, "feedback": True})
    run = Run(task, ModelSetting(f"{brought}:Peeking", layers=1, mlp_ratio=0), Training())
    with pytest.raises(Leak, match=r"^Peeking, untrained, scores 0\.\d+ on 128 sequences where 0\.\d+ is the most"):
        check_untrained(run)


@pytest.mark.parametrize("seed", range(3))
def test_a_running_sum_scores_what_a_bag_does_and_is_no_leak(seed):
    task = TaskSetting("mqar", 16, {"num_pairs": 2, "num_keys": 64, "num_values": 64})
    run = Run(task, ModelSetting(f"{custom_memories.__file__}:Summing", layers=1, mlp_ratio=0), Training(), seed)
    check = check_untrained(run)
    assert check["low"] > task.task.chance
    assert check["floor"] >= bag_floor(task.task, 16)


def test_a_token_that_tells_its_answer_is_a_leak():
    class Silent(Peeking):
        def forward(self, x, state=None):
            return torch.zeros_like(x), ()

    model = model_of(Revealing(2, num_keys=8, num_values=8), Silent)
    check_cut_off(model, Stream(MQAR(2, num_keys=8, num_values=8), 12, "test"))
    with pytest.raises(Leak, match="cut off"):
        check_cut_off(model, Stream(Revealing(2, num_keys=8, num_values=8), 12, "test"))


def test_a_memory_that_looks_ahead_is_a_leak_where_answers_follow():
    task = make_task("copy", None, num_tokens=8, feedback=True)
    assert task.shows_answers
    model = model_of(task, Peeking)
    assert score(model, Stream(task, 32, "test"), 64).accuracy > 0.5
    with pytest.raises(Leak, match="cut off"):
        check_cut_off(model, Stream(task, 32, "test"))


def test_a_memory_that_keeps_rows_outside_its_state_is_a_leak():
    task = MQAR(num_pairs=2, num_keys=8, num_values=8)

    class Keeping(torch.nn.Module):
        """Reads a key's value from the rows of the call before."""

        answers, uses_oracle = task.answers, False

        def forward(self, tokens, asked, states=None, origins=None):
            rows, self.kept = getattr(self, "kept", tokens), tokens
            shown = [rows[b].tolist() for b in asked[0]]
            keys = [tokens[b, t].item() for b, t in zip(*asked, strict=True)]
            said = [row[row.index(key) + 1] if key in row else 0 for row, key in zip(shown, keys, strict=True)]
            return torch.nn.functional.one_hot(torch.tensor(said) - task.answers.start, 8).float(), []

    with pytest.raises(Leak, match="cut off"):
        check_cut_off(Keeping(), Stream(task, 12, "test"))


@pytest.mark.parametrize("name", ["mqar", "majority", "ngram_copy", "copy", "count_recall", "mixture"])
def test_no_table_from_the_asking_token_beats_the_floor(name):
    task = make_task(name, None)
    length = max(40, task.min_length)
    alone = questions_alone(Stream(task, length, "test").rows(0, 128))
    check = cut_off_accuracy(model_of(task, MEMORIES["gru"]), Stream(task, length, "test"))
    if task.balanced:
        assert check["floor"] == task.chance
    else:
        assert check["floor"] >= accuracy(Memoryless([alone]), alone, task)
        assert check["accuracy"] <= check["floor"]
    assert check["low"] <= check["floor"]


def test_a_question_alone_begins_its_row_and_is_followed_by_what_followed_it():
    batch = Stream(MQAR(num_pairs=3, num_keys=8, num_values=8), 20, "test").rows(0, 9)
    alone = questions_alone(batch)
    for row in range(9):
        asked = batch.asked[row, row % 3]
        after = batch.tokens[row, asked:]
        assert alone.tokens[row, : len(after)].tolist() == after.tolist()
        assert not alone.tokens[row, len(after) :].any()
        assert alone.answers[row].tolist() == [batch.answers[row, row % 3]]
    assert not alone.asked.any()
    assert (alone.origins == -1).all()


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["attention", "oracle"])
def test_a_trained_model_without_its_memory_is_back_at_chance(memory):
    options = {"segment": 8} if memory == "oracle" else {}
    run = Run(TINY, ModelSetting(memory, options), Training(updates=400, tokens=1024))
    model, outcome, _ = train(run)
    assert outcome.solved
    check = check_cut_off(model, Stream(run.task.task, 12, "test"))
    assert check["accuracy"] < 0.3
    assert check["floor"] == 1 / 8


class Peeks(LinearAttention):
    """Reads the token after its own."""

    def forward(self, x, state=None):
        return super().forward(torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1) + x, state)


def test_a_memory_that_looks_ahead_is_caught_before_it_trains():
    stream = Stream(MQAR(num_pairs=3), 24, "validation")
    causal = build(LinearAttention, stream.task.vocab_size, stream.task.answers, width=16)
    check_causal(causal, stream)
    with pytest.raises(Leak, match="looks ahead: other tokens from position 12"):
        check_causal(build(Peeks, stream.task.vocab_size, stream.task.answers, width=16), stream)


@pytest.mark.parametrize("name", MEMORIES)
def test_no_memory_of_the_house_is_suspected_of_looking_ahead(name):
    stream = Stream(MQAR(num_pairs=3), 24, "validation")
    check_causal(build(MEMORIES[name], stream.task.vocab_size, stream.task.answers, width=16), stream)
