"""An agent that learns from reward alone, its memory any of `models.MEMORIES`: advantage actor-critic
(Mnih et al. 2016, "Asynchronous Methods for Deep Reinforcement Learning", arXiv 1602.01783).

    python -m runners.examples.actor_critic --task mqar --memory linear --num-pairs 2 --length 16 --seconds 60

It acts a token at a time, its state carried from step to step, and learns from whole rows at once. What
it says changes nothing it will see, so a discount of 0 credits each answer with its own reward.
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

from ..cli.flags import Mistake, Parser, add_fields, chosen, flag, one_of, whole

SUFFIXES = (".csv", ".png", ".svg")
ROUNDS, TEST_LANES = 8, 64


def _option(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class Learning:
    """How an agent learns. `seconds` and `updates`: whichever ends first. Lane i plays seed `seed * lanes + i`,
    so that no two seeds share rows. Raises ValueError for a number out of its limits.
    """

    updates: int = _option(100_000, "learn from so many rows of every lane at most")
    seconds: float = _option(60.0, "learn for so long at most; looked at after each update, the test comes on top")
    lanes: int = _option(128, "rows played at once")
    learning_rate: float = _option(5e-3, "step size of AdamW")
    discount: float = _option(0.0, "credit of an answer for the rewards after it, 0 to 1")
    entropy: float = _option(0.01, "how much undecided policies are favoured")
    clip: float = _option(1.0, "largest norm of a gradient")
    seed: int = _option(0, "of weights, rows and guesses")

    def __post_init__(self) -> None:
        for name, most in (("updates", 2**48), ("lanes", MOST_LANES)):
            if type(value := getattr(self, name)) is not int or not 1 <= value <= most:
                raise ValueError(f"{flag(name)} takes a whole number from 1 to {most:,}, not {value!r}")
        last = 2**63 // self.lanes - 1
        if type(self.seed) is not int or not 0 <= self.seed <= last:
            raise ValueError(f"--seed takes a whole number from 0 to {last} with {self.lanes} lanes, not {self.seed!r}")
        for name in ("seconds", "learning_rate", "clip"):
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{flag(name)} takes a finite number above 0, not {value!r}")
        if not 0 <= self.entropy < math.inf:
            raise ValueError(f"--entropy takes a finite number from 0, not {self.entropy!r}")
        if not 0 <= self.discount <= 1:
            raise ValueError(f"--discount takes a number from 0 to 1, not {self.discount!r}")


@dataclass(frozen=True)
class Point:
    """After so many updates, steps of all lanes and seconds: the mean return of the last rows."""

    update: int
    steps: int
    seconds: float
    mean_return: float


class ActorCritic(nn.Module):
    """A sequence model that says an action at every token, and how much reward it expects."""

    def __init__(self, task: Task, memory: str, width: int = 32, layers: int = 1, seed: int = 0) -> None:
        super().__init__()
        # One id more than the task has: the pad.
        self.model = build(memory, task.vocab_size + 1, task.answers, width=width, layers=layers, seed=seed)
        self.critic = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor, states: list[State] | None = None) -> tuple[Tensor, Tensor, list[State]]:
        """tokens [B, T] -> logits [B, T, actions], values [B, T], the states after them."""
        x = F.embedding(tokens, self.model.embedding)
        after = []
        for i, block in enumerate(self.model.blocks):
            x, state = block.remember(x, states[i] if states else None)
            x = block.think(x)
            after.append(state)
        x, answers = norm(x), self.model.answers
        return x @ self.model.embedding[answers.start : answers.stop].T, x @ self.critic, after


@dataclass(frozen=True)
class Rollout:
    """One row of each lane, all [N, L]: tokens, actions, rewards, and whether the token asked."""

    tokens: Tensor
    actions: Tensor
    rewards: Tensor
    query: Tensor


@torch.no_grad()
def play(
    agent: ActorCritic, envs: RecallVectorEnv, seed: int | None = None, guesses: torch.Generator | None = None
) -> Rollout:
    """Row 0 of a seed, or the next row, on every lane; actions drawn from the policy by `guesses`, or the likeliest."""
    observation, info = envs.reset(seed=seed)
    states, columns = None, []
    for _ in range(envs.setting.length):
        tokens = torch.from_numpy(observation)
        logits, _, states = agent(tokens[:, None], states)
        likely = logits[:, 0].softmax(-1)
        actions = likely.argmax(-1) if guesses is None else torch.multinomial(likely, 1, generator=guesses)[:, 0]
        query = torch.from_numpy(info["query"])
        observation, rewards, _, _, info = envs.step(actions.numpy())
        columns.append((tokens, actions, torch.from_numpy(rewards).float(), query))
    return Rollout(*(torch.stack(column, dim=1) for column in zip(*columns, strict=True)))


def update(agent: ActorCritic, optimiser: torch.optim.Optimizer, played: Rollout, learning: Learning) -> None:
    """One step along the policy gradient, at the tokens that ask: elsewhere an action changes nothing."""
    logits, values, _ = agent(played.tokens)
    gains = played.rewards * played.query.sum(1, keepdim=True)  # 1 for a right answer, whatever the row's Q
    returns, later = torch.zeros_like(gains), torch.zeros(len(gains))
    for t in reversed(range(gains.shape[1])):
        later = gains[:, t] + learning.discount * later
        returns[:, t] = later
    asked = played.query
    logs = logits[asked].log_softmax(-1)
    said = logs.gather(1, played.actions[asked][:, None])[:, 0]
    entropy = -(logs.exp() * logs).sum(-1).mean()
    advantage = (returns - values.detach())[asked]
    # By its root mean square: a deviation has no meaning where there is one question alone.
    advantage = advantage / (advantage.square().mean().sqrt() + 1e-6)
    actor = -(said * advantage).mean()
    critic = F.mse_loss(values[asked], returns[asked])
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
    """An agent that has learnt, and its curve of returns: a point, which `watch` sees too, every 20 updates."""
    learning = learning or Learning()
    envs = RecallVectorEnv(learning.lanes, task, length, autoreset_mode="Disabled")
    agent = ActorCritic(task, memory, seed=learning.seed)
    optimiser = torch.optim.AdamW(agent.parameters(), lr=learning.learning_rate, weight_decay=0.0)
    began, curve, recent = time.perf_counter(), list[Point](), list[float]()
    guesses = torch.Generator().manual_seed(learning.seed)
    for done in range(1, learning.updates + 1):
        played = play(agent, envs, learning.seed * learning.lanes if done == 1 else None, guesses)
        update(agent, optimiser, played, learning)
        recent.append(float(played.rewards.sum(1).mean()))
        seconds = time.perf_counter() - began
        last = done == learning.updates or seconds > learning.seconds
        if done % 20 == 0 or last:
            steps = done * learning.lanes * length
            curve.append(Point(done, steps, seconds, float(np.mean(recent))))
            watch(curve[-1])
            recent.clear()
        if last:
            break
    return agent, curve


def evaluate(agent: ActorCritic, task: Task, length: int, rounds: int = ROUNDS, lanes: int = TEST_LANES) -> float:
    """Mean return of its likeliest answers on `rounds * lanes` rows of the test split."""
    envs = RecallVectorEnv(lanes, task, length, split="test", autoreset_mode="Disabled")
    played = [play(agent, envs, 0 if number == 0 else None) for number in range(rounds)]
    return float(torch.cat([p.rewards for p in played]).sum(1).mean())


def save(curve: Sequence[Point], task: Task, path: Path) -> None:
    """The curve as a table (.csv) or a picture (.png, .svg)."""
    if path.suffix.lower() == ".csv":
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, fieldnames=list(asdict(curve[0])))
            table.writeheader()
            table.writerows(asdict(point) for point in curve)
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([p.steps for p in curve], [p.mean_return for p in curve])
    axes.axhline(task.chance, linestyle=":", color="grey")
    axes.set(xlabel="steps of all lanes", ylabel="mean return", ylim=(0, 1.02), title=task.name)
    figure.savefig(path)


def check_out(path: Path) -> None:
    """Refuse where no curve can be kept, before one is made."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"--out takes a name that ends in .csv, .png or .svg, not {path}")
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: there is no folder {path.parent} (make it first)")
    if path.is_dir():
        raise ValueError(f"--out {path}: this is a folder (name a file in it)")


def main(words: Sequence[str]) -> int:
    """Train one agent, a line every second; the exit status. Torch is left with one thread."""
    torch.set_num_threads(1)  # the matrices are small: more threads cost more than they save
    parser = Parser(
        "python -m runners.examples.actor_critic", "Train a recurrent agent by reward alone.", add_help=False
    )
    parser.add_argument("--task", type=one_of("task", TASKS), default="mqar", metavar="TASK", help="what is asked")
    name = parser.parse_known_args(words)[0].task
    parser.add_argument("--help", "-h", action="help", help="show this and stop")
    parser.add_argument("--length", type=whole, metavar="N", help="tokens of a row (default: the least that fits)")
    parser.add_argument(
        "--memory", type=one_of("memory", MEMORIES), default="linear", metavar="NAME", help="its memory"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="the curve of returns, .csv, .png or .svg")
    add_fields(parser.add_argument_group("learning"), Learning)
    add_fields(parser.add_argument_group(f"fields of {name}"), TASKS[name])
    arguments = parser.parse_args(words)
    try:
        learning = Learning(**chosen(arguments, [f.name for f in fields(Learning)]))
        task = make_task(name, None, **chosen(arguments, [f.name for f in fields(TASKS[name])]))
        length = task.min_length if arguments.length is None else arguments.length
        task.check_length(length)
        if arguments.out:
            check_out(arguments.out)
    except ValueError as error:
        raise Mistake(str(error)) from None
    floors = {"chance": task.chance, "bag": bag_floor(task, length)}
    print(f"{task.name}, {task.load_words}, {length} tokens: " + ", ".join(f"{n} {x:.3f}" for n, x in floors.items()))
    shown, curve = 0.0, list[Point]()

    def tell(point: Point) -> None:
        nonlocal shown
        curve.append(point)
        if point.seconds - shown >= 1:
            shown = point.seconds
            print(f"{point.seconds:6.1f} s  {point.steps:>12,} steps  return {point.mean_return:.3f}", flush=True)

    status = 0
    try:
        agent, _ = learn(task, length, arguments.memory, learning, tell)
        began = time.perf_counter()
        score = evaluate(agent, task, length)
        seconds = time.perf_counter() - began
        print(
            f"test return {score:.3f} on {ROUNDS * TEST_LANES} rows ({seconds:.1f} s) after {curve[-1].steps:,} steps"
        )
    except KeyboardInterrupt:
        status = 130
    kept = ""
    if arguments.out and curve:
        save(curve, task, arguments.out)
        kept = f", the curve so far is in {arguments.out}"
    if status:
        print(f"stopped after {curve[-1].steps if curve else 0:,} steps{kept}")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Mistake as mistake:
        sys.exit(f"agent: {mistake}")
