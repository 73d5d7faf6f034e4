"""An agent that learns from reward alone, its memory any of `models.MEMORIES`: advantage actor-critic
(Mnih et al. 2016, "Asynchronous Methods for Deep Reinforcement Learning", arXiv 1602.01783).

    python -m runners.examples.actor_critic --task mqar --memory linear --num-pairs 2 --length 16 --updates 700

It acts one token at a time, carrying its state from step to step, and learns from whole sequences at once. Its
answers never change what follows, so a discount of 0 credits each answer with its own reward.
"""

from __future__ import annotations

import csv
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import MEMORIES, State, build
from models.sequence_model import norm
from recall_tasks import TASKS, Task, make_task
from recall_tasks.bounds import bag_floor
from recall_tasks.environments.vector import MOST_LANES, RecallVectorEnv

from ..cli.flags import Mistake, Parser, add_fields, explicit_values, flag, integer, one_of

SUFFIXES = (".csv", ".png", ".svg")
ROUNDS, TEST_LANES = 8, 64


def _option(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class Learning:
    """Settings of learning. `seconds` is a guard: learning that reaches it has failed.

    Lane i plays seed `seed * lanes + i`, so that no two seeds share sequences. Raises ValueError for a number out of
    its limits.
    """

    updates: int = _option(700, "sequences of every lane: a minute at the defaults")
    seconds: float = _option(3600.0, "guard: processor time after which learning is given up")
    lanes: int = _option(128, "sequences played at once")
    learning_rate: float = _option(5e-3, "step size of AdamW")
    discount: float = _option(0.0, "credit of an answer for later rewards, 0 to 1")
    entropy: float = _option(0.01, "weight of the policy's entropy in the loss")
    clip: float = _option(1.0, "largest norm of a gradient")
    seed: int = _option(0, "seed of weights, sequences and sampled actions")

    def __post_init__(self) -> None:
        for name, most in (("updates", 2**48), ("lanes", MOST_LANES)):
            if type(value := getattr(self, name)) is not int or not 1 <= value <= most:
                raise ValueError(f"{flag(name)} takes an integer from 1 to {most:,}, not {value!r}")
        last = 2**63 // self.lanes - 1
        if type(self.seed) is not int or not 0 <= self.seed <= last:
            raise ValueError(f"--seed takes an integer from 0 to {last} with {self.lanes} lanes, not {self.seed!r}")
        for name in ("seconds", "learning_rate", "clip"):
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{flag(name)} takes a finite number above 0, not {value!r}")
        if not 0 <= self.entropy < math.inf:
            raise ValueError(f"--entropy takes a finite number from 0, not {self.entropy!r}")
        if not 0 <= self.discount <= 1:
            raise ValueError(f"--discount takes a number from 0 to 1, not {self.discount!r}")


@dataclass(frozen=True)
class Point:
    """A point of the learning curve: mean return of the last sequences, after so many updates, steps and seconds."""

    update: int
    steps: int
    seconds: float
    mean_return: float


class ActorCritic(nn.Module):
    """A sequence model with an action and an expected reward at every token."""

    def __init__(self, task: Task, memory: str, width: int = 32, layers: int = 1, seed: int = 0) -> None:
        super().__init__()
        # One more id than the task has: the pad.
        self.model = build(memory, task.vocab_size + 1, task.answers, width=width, layers=layers, seed=seed)
        self.critic = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor, states: list[State] | None = None) -> tuple[Tensor, Tensor, list[State]]:
        """tokens [B, T] -> logits [B, T, actions], values [B, T], and the states after them."""
        x, after = F.embedding(tokens, self.model.embedding), []
        for block, before in zip(self.model.blocks, states or [None] * len(self.model.blocks), strict=True):
            x, state = block.remember(x, before)
            x = block.think(x)
            after.append(state)
        x, answers = norm(x), self.model.answers
        return x @ self.model.embedding[answers.start : answers.stop].T, x @ self.critic, after


@dataclass(frozen=True)
class Rollout:
    """One sequence of each lane, all [N, L]: tokens, actions, rewards, and True at queries."""

    tokens: Tensor
    actions: Tensor
    rewards: Tensor
    queries: Tensor


@torch.no_grad()
def play(
    agent: ActorCritic, envs: RecallVectorEnv, seed: int | None = None, guesses: torch.Generator | None = None
) -> Rollout:
    """Sequence 0 of a seed, or the next one, on every lane. Actions are sampled with `guesses`, or the likeliest."""
    observation, info = envs.reset(seed=seed)
    states, columns = None, []
    for _ in range(envs.setting.length):
        tokens = torch.from_numpy(observation)
        logits, _, states = agent(tokens[:, None], states)
        policy = logits[:, 0].softmax(-1)
        actions = policy.argmax(-1) if guesses is None else torch.multinomial(policy, 1, generator=guesses)[:, 0]
        queries = torch.from_numpy(info["query"])
        observation, rewards, _, _, info = envs.step(actions.numpy())
        columns.append((tokens, actions, torch.from_numpy(rewards).float(), queries))
    return Rollout(*(torch.stack(column, dim=1) for column in zip(*columns, strict=True)))


def update(agent: ActorCritic, optimiser: torch.optim.Optimizer, rollout: Rollout, learning: Learning) -> None:
    """One policy gradient step, at the queries alone: elsewhere an action changes nothing."""
    logits, values, _ = agent(rollout.tokens)
    queries = rollout.queries
    gains = rollout.rewards * queries.sum(1, keepdim=True)  # 1 for a correct answer, for any number of queries
    returns, later = torch.zeros_like(gains), torch.zeros(len(gains))
    for t in reversed(range(gains.shape[1])):
        later = gains[:, t] + learning.discount * later
        returns[:, t] = later
    log_probs = logits[queries].log_softmax(-1)
    taken = log_probs.gather(1, rollout.actions[queries][:, None])[:, 0]
    entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
    advantage = (returns - values.detach())[queries]
    # Divided by its root mean square: a single query has no standard deviation.
    advantage = advantage / (advantage.square().mean().sqrt() + 1e-6)
    actor = -(taken * advantage).mean()
    critic = F.mse_loss(values[queries], returns[queries])
    optimiser.zero_grad()
    (actor + 0.5 * critic - learning.entropy * entropy).backward()
    torch.nn.utils.clip_grad_norm_(agent.parameters(), learning.clip)
    optimiser.step()


def learn(
    task: Task,
    length: int,
    memory: str = "linear",
    learning: Learning | None = None,
    watch: Callable[[Point], None] = lambda point: None,
) -> tuple[ActorCritic, list[Point]]:
    """A trained agent and its learning curve: a point every 20 updates, also passed to `watch`.

    Raises TimeoutError where its guard ends learning.
    """
    learning = learning or Learning()
    envs = RecallVectorEnv(learning.lanes, task, length, autoreset_mode="Disabled")
    agent = ActorCritic(task, memory, seed=learning.seed)
    optimiser = torch.optim.AdamW(agent.parameters(), lr=learning.learning_rate, weight_decay=0.0)
    start, curve, recent = time.perf_counter(), list[Point](), list[float]()
    guard = time.process_time() + learning.seconds
    guesses = torch.Generator().manual_seed(learning.seed)
    for number in range(1, learning.updates + 1):
        rollout = play(agent, envs, learning.seed * learning.lanes if number == 1 else None, guesses)
        update(agent, optimiser, rollout, learning)
        recent.append(float(rollout.rewards.sum(1).mean()))
        seconds = time.perf_counter() - start
        if number % 20 == 0 or number == learning.updates:
            steps = number * learning.lanes * length
            curve.append(Point(number, steps, seconds, float(np.mean(recent))))
            watch(curve[-1])
            recent.clear()
        if number < learning.updates and time.process_time() > guard:
            raise TimeoutError(f"{learning.seconds:g} s of processor time are over (--seconds moves this guard)")
    return agent, curve


def evaluate(agent: ActorCritic, task: Task, length: int, rounds: int = ROUNDS, lanes: int = TEST_LANES) -> float:
    """Mean return of the likeliest answers on `rounds * lanes` sequences of the test split."""
    envs = RecallVectorEnv(lanes, task, length, split="test", autoreset_mode="Disabled")
    rollouts = [play(agent, envs, 0 if number == 0 else None) for number in range(rounds)]
    return float(torch.cat([rollout.rewards for rollout in rollouts]).sum(1).mean())


def save(curve: Sequence[Point], task: Task, path: Path) -> None:
    """Write the curve as a table (.csv) or a picture (.png, .svg)."""
    if path.suffix.lower() == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, fieldnames=list(asdict(curve[0])))
            table.writeheader()
            table.writerows(asdict(point) for point in curve)
        return
    from matplotlib.figure import Figure  # slow to load, and only a picture needs it

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([p.steps for p in curve], [p.mean_return for p in curve])
    axes.axhline(task.chance, linestyle=":", color="grey")
    axes.set(xlabel="steps of all lanes", ylabel="mean return", ylim=(0, 1.02), title=task.name)
    figure.savefig(path)


def check_out(path: Path) -> None:
    """Raises ValueError if no curve can be written to the path: before any learning."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"--out takes a file name ending in .csv, .png or .svg, not {path}")
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: no folder {path.parent} (make it first)")
    if path.is_dir():
        raise ValueError(f"--out {path} is a folder (name a file in it)")


def main(words: Sequence[str]) -> int:
    """Exit status after training one agent, with a line every second. Leaves torch with one thread."""
    torch.set_num_threads(1)  # the matrices are small: more threads would be slower
    parser = Parser(
        f"python -m {__package__}.actor_critic", "Train a recurrent agent from reward alone.", add_help=False
    )
    parser.add_argument("--task", type=one_of("task", TASKS), default="mqar", metavar="TASK", help="task to play")
    name = parser.parse_known_args(words)[0].task
    parser.add_argument("--help", "-h", action="help", help="print this and stop")
    parser.add_argument("--length", type=integer, metavar="N", help="tokens per sequence (default: fewest that fit)")
    memory = one_of("memory", MEMORIES)
    parser.add_argument("--memory", type=memory, default="linear", metavar="NAME", help="memory of the agent")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file of the learning curve: .csv, .png or .svg")
    add_fields(parser.add_argument_group("learning"), Learning)
    add_fields(parser.add_argument_group(f"fields of {name}"), TASKS[name])
    arguments = parser.parse_args(words)
    try:
        learning = Learning(**explicit_values(arguments, [f.name for f in fields(Learning)]))
        task = make_task(name, None, **explicit_values(arguments, [f.name for f in fields(TASKS[name])]))
        length = task.min_length if arguments.length is None else arguments.length
        task.check_length(length)
        if arguments.out:
            check_out(arguments.out)
    except ValueError as error:
        raise Mistake(str(error)) from None
    floors = {"chance": task.chance, "bag": bag_floor(task, length)}
    print(f"{task.name}, {task.load_words}, {length} tokens: " + ", ".join(f"{n} {x:.3f}" for n, x in floors.items()))
    printed_at, curve = 0.0, list[Point]()

    def watch(point: Point) -> None:
        nonlocal printed_at
        curve.append(point)
        if point.seconds - printed_at >= 1:
            printed_at = point.seconds
            print(f"{point.seconds:6.1f} s  {point.steps:>12,} steps  return {point.mean_return:.3f}", flush=True)

    status, reason = 0, ""
    try:
        agent, _ = learn(task, length, arguments.memory, learning, watch)
        start = time.perf_counter()
        score = f"{evaluate(agent, task, length):.3f} on {ROUNDS * TEST_LANES} sequences"
        print(f"test return {score} ({time.perf_counter() - start:.1f} s) after {curve[-1].steps:,} steps")
    except KeyboardInterrupt:
        status = 130
    except TimeoutError as error:
        status, reason = 1, f": {error}"
    if arguments.out and curve:
        save(curve, task, arguments.out)
    if status:
        saved = f", the curve so far is in {arguments.out}" if arguments.out and curve else ""
        print(f"stopped after {curve[-1].steps if curve else 0:,} steps{saved}{reason}")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Mistake as mistake:
        sys.exit(f"agent: {mistake}")
