"""The example agent: it acts as it learns, it learns, and its curve is kept."""

import csv

import numpy as np
import pytest
import torch

from models import MEMORIES
from recall_tasks import MQAR, make_task
from recall_tasks.bounds import bag_floor
from recall_tasks.environments.vector import RecallVectorEnv
from runners.cli.flags import Mistake
from runners.examples.actor_critic import ActorCritic, Learning, Point, evaluate, learn, main, play

torch.set_num_threads(1)
TINY = MQAR(num_pairs=2, num_keys=4, num_values=4)


@pytest.mark.parametrize("memory", MEMORIES)
def test_acting_step_by_step_is_reading_the_sequence(memory):
    agent = ActorCritic(TINY, memory, width=16)
    envs = RecallVectorEnv(4, TINY, 12, autoreset_mode="Disabled")
    rollout = play(agent, envs, seed=0)
    assert np.array_equal(rollout.tokens.numpy(), envs.batch.tokens)
    logits, _, _ = agent(rollout.tokens)
    chosen = logits.gather(2, rollout.actions[..., None])[..., 0]
    assert torch.allclose(chosen, logits.amax(-1), atol=1e-4)
    assert torch.equal(rollout.queries, torch.from_numpy(envs.batch.targets >= 0))


def test_the_same_seed_learns_the_same_and_touches_nothing_global():
    before = torch.get_rng_state()
    curves = [learn(TINY, 8, "linear", Learning(updates=21, lanes=3, seed=3))[1] for _ in range(2)]
    assert [p.mean_return for p in curves[0]] == [p.mean_return for p in curves[1]]
    assert [p.update for p in curves[0]] == [20, 21]
    assert curves[0][-1].steps == 21 * 3 * 8
    assert torch.equal(torch.get_rng_state(), before)


def test_learning_that_its_guard_ends_has_failed():
    with pytest.raises(TimeoutError, match="--seconds"):
        learn(TINY, 8, "linear", Learning(seconds=1e-9, lanes=8))


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["linear", "attention"])
def test_reward_alone_teaches_recall(memory):
    agent, curve = learn(TINY, 8, memory, Learning(updates=160))
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
        (["--out", "curve.txt"], "ending in .csv, .png or .svg, not curve.txt"),
    ],
)
def test_a_mistake_is_one_line(words, told):
    with pytest.raises(Mistake, match=told):
        main(words)


LIMITS = {
    "--updates 0": "--updates takes an integer from 1",
    "--lanes 0": "--lanes takes an integer from 1 to 1,048,576, not 0",
    "--lanes 2000000": "--lanes takes an integer from 1",
    "--seed -1": "--seed takes an integer from 0 to .* with 128 lanes, not -1",
    f"--seed {2**63}": "--seed takes an integer",
    "--learning-rate 0": "--learning-rate takes a finite number above 0, not 0.0",
    "--learning-rate nan": "--learning-rate takes a finite",
    "--clip inf": "--clip takes a finite number above 0",
    "--entropy -1": "--entropy takes a finite number from 0",
    "--discount 1.5": "--discount takes a number from 0 to 1, not 1.5",
    "--seconds nan": "--seconds takes a finite number above 0",
    "--length 0": "need at least 24 tokens, not 0|length .* 0",
    "--out nowhere/at/all.csv": "no folder nowhere",
}


@pytest.mark.parametrize(("words", "told"), LIMITS.items(), ids=LIMITS.keys())
def test_a_number_out_of_its_limits_is_refused_before_learning(words, told, monkeypatch):
    monkeypatch.setattr("runners.examples.actor_critic.learn", None)
    with pytest.raises(Mistake, match=told):
        main(words.split())


def test_a_single_question_teaches_no_nan():
    learning = Learning(updates=3, lanes=1)
    task = make_task("associative")
    agent, _ = learn(task, task.min_length, "linear", learning)
    assert all(bool(torch.isfinite(weights).all()) for weights in agent.parameters())


def test_seeds_that_follow_each_other_share_no_sequences(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "runners.examples.actor_critic.play",
        lambda a, envs, seed=None, guesses=None: seen.append(seed) or play(a, envs, seed, guesses),
    )
    for seed in (0, 1, 2):
        learn(TINY, 8, "linear", Learning(updates=2, lanes=8, seed=seed))
    assert seen == [0, None, 8, None, 16, None]


def test_the_command_takes_one_thread_and_any_case_of_a_suffix(tmp_path, capsys):
    torch.set_num_threads(2)
    words = ["--num-pairs", "2", "--length", "12", "--updates", "1", "--lanes", "2"]
    assert main([*words, "--out", str(tmp_path / "curve.CSV")]) == 0
    assert torch.get_num_threads() == 1
    assert "update" in (tmp_path / "curve.CSV").read_text()
    assert "on 512 sequences" in capsys.readouterr().out


def test_an_interrupt_is_one_line_and_keeps_the_curve(tmp_path, capsys, monkeypatch):
    def stopped(task, length, memory, learning, watch):
        watch(Point(20, 160, 0.5, 0.25))
        raise KeyboardInterrupt

    monkeypatch.setattr("runners.examples.actor_critic.learn", stopped)
    out = tmp_path / "curve.csv"
    assert main(["--num-pairs", "2", "--out", str(out)]) == 130
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [f"stopped after 160 steps, the curve so far is in {out}"]
    assert out.read_text().splitlines()[1] == "20,160,0.5,0.25"
