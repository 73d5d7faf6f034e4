"""The example agent: it acts as it learns, it learns, and its curve is kept."""

import csv

import numpy as np
import pytest
import torch

from models import MEMORIES
from recall_tasks import MQAR
from recall_tasks.bounds import bag_floor
from recall_tasks.environments.vector import RecallVectorEnv
from runners.agent import ActorCritic, Learning, evaluate, learn, main, play
from runners.arguments import Mistake

torch.set_num_threads(1)
TINY = MQAR(num_pairs=2, num_keys=4, num_values=4)


@pytest.mark.parametrize("memory", MEMORIES)
def test_acting_step_by_step_is_reading_the_row(memory):
    agent = ActorCritic(TINY, memory, width=16)
    envs = RecallVectorEnv(4, TINY, 12, autoreset_mode="Disabled")
    played = play(agent, envs, seed=0, greedy=True)
    assert np.array_equal(played.tokens.numpy(), envs.batch.tokens)
    logits, _, _ = agent(played.tokens)
    chosen = logits.gather(2, played.actions[..., None])[..., 0]
    assert torch.allclose(chosen, logits.amax(-1), atol=1e-4)
    assert torch.equal(played.query, torch.from_numpy(envs.batch.targets >= 0))


def test_the_same_seed_learns_the_same_and_touches_nothing_global():
    before = torch.get_rng_state()
    curves = [learn(TINY, 8, "linear", Learning(updates=21, lanes=8, seed=3))[1] for _ in range(2)]
    assert [p.mean_return for p in curves[0]] == [p.mean_return for p in curves[1]]
    assert [p.update for p in curves[0]] == [20, 21]
    assert curves[0][-1].steps == 21 * 8 * 8
    assert torch.equal(torch.get_rng_state(), before)


def test_the_clock_ends_learning():
    _, curve = learn(TINY, 8, "linear", Learning(seconds=0.0, lanes=8))
    assert len(curve) == 1


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["linear", "attention"])
def test_reward_alone_teaches_recall(memory):
    agent, curve = learn(TINY, 8, memory, Learning(updates=160, seconds=120.0))
    assert curve[0].mean_return < 0.8
    # More than whoever knows which values were shown, but not whose.
    assert evaluate(agent, TINY, 8) > 0.9 > bag_floor(TINY, 8) + 0.2


@pytest.mark.parametrize("suffix", ["csv", "png"])
def test_the_command_shows_and_keeps_the_curve(tmp_path, capsys, suffix):
    out = tmp_path / f"curve.{suffix}"
    words = ["--memory", "linear", "--num-pairs", "2", "--length", "12", "--updates", "25", "--lanes", "4"]
    assert main([*words, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("mqar, 2 pairs, 12 tokens: chance 0.031, bag 0.516")
    assert "test return" in shown
    if suffix == "csv":
        table = list(csv.DictReader(out.read_text().splitlines()))
        assert [row["update"] for row in table] == ["20", "25"]
    assert out.stat().st_size > 50


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--task", "mqarr"], "unknown task 'mqarr': did you mean mqar"),
        (["--memory", "brain"], "unknown memory 'brain'"),
        (["--num-pears", "2"], "did you mean --num-pairs"),
        (["--length", "3"], "need at least 24 tokens, not 3"),
        (["--out", "curve.txt"], "ends in .csv, .png or .svg, not curve.txt"),
    ],
)
def test_a_mistake_is_one_line(words, told):
    with pytest.raises(Mistake, match=told):
        main(words)
