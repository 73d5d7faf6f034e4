"""Experiments of the page beside its studies: swaps of finished runs, a probe of LegS, inner losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from models.banks import BANKS, Sampling
from models.banks.blocks import remember
from models.hippo import legendre
from models.hippo.legendre import Array
from models.rule import multiplier, unit
from models.rules import RULES
from models.seeding import seeded_draws

from ..config.messages import silent
from ..config.run import Option, Run
from ..execution.run_job import measure_run
from ..measures.requests import record_of
from ..measures.swap import swap_label
from ..probe import Levels
from ..statistics import crossed_interval
from ..studies.study import Study

SAMPLINGS = ("uniform", "exponential")
CORRUPTIONS = (0.0, 0.25, 0.5, 0.75)
COUNTS = ("num_correct", "num_questions")
SEQUENCES = 256
"""Test sequences of a swapped run."""

LENGTH, BLOCK, ORDERS = 64, 8, (8, 16, 32)
PROBED = (16384, 4096)
"""Sequences to fit the reader of LegS on, and to test it."""

PASSES, PAIRS, SIZE, SEEDS = (0, 1, 2, 4, 8, 16, 32), 16, 32, 8
Loss = Callable[[Tensor, Tensor], Tensor]
"""(M(k), v) -> the mean over pairs."""


def swaps(study: Study, folder: Path, num_sequences: int = SEQUENCES) -> pd.DataFrame:
    """Elastic Memory read otherwise than it was trained: its Legendre runs, finished, their weights as they are.

    N, kind, trained, read, seeds, mean, low, high

    kind   sampling: trained at uniform or exponential places, read at uniform or exponential ones
           corruption: a fraction of what a block sees of itself replaced by noise; its memory is as it was

    Answers are saved beside the run, so that no swap is tested twice. Names of runs are those of `presets.elastic`.
    """
    answers: dict[tuple[Any, ...], list[list[dict[str, Any]]]] = {}
    for run in study.runs:
        options = run.model.options
        if options.get("bank") != "legendre":
            continue
        changes: list[tuple[str, str, dict[str, Option]]] = [("sampling", s, {"sampling": s}) for s in SAMPLINGS]
        changes += [("corruption", f"{fraction:g}", {"corruption": fraction}) for fraction in CORRUPTIONS]
        for kind, read, change in changes:
            key = (options["num_coefficients"], kind, options["sampling"], read)
            answers.setdefault(key, []).append(swapped_answers(run, folder / run.name, change, num_sequences))
    records = []
    for key, seeds in answers.items():
        correct, questions = ([[one[name] for one in seed] for seed in seeds] for name in COUNTS)
        records.append((*key, len(seeds), *crossed_interval(correct, questions)))
    return pd.DataFrame(records, columns=["N", "kind", "trained", "read", "seeds", "mean", "low", "high"])


def swapped_answers(run: Run, place: Path, change: Mapping[str, Option], num_sequences: int) -> list[dict[str, Any]]:
    """Correct answers to each test sequence at the training length, with these options changed: the measure `swap`."""
    request = {"memory": run.model.memory, "options": dict(change), "ladder": [1], "rows": num_sequences}
    measure_run(str(place), {"swap": request}, silent)
    record, label = record_of(place, "swap") or {}, swap_label(request)
    return [one for one in record["swap_sequences"] if one["swapped"] == label and one["length"] == run.task.length]


def legs_probe(
    orders: tuple[int, ...] = ORDERS, length: int = LENGTH, num_sequences: tuple[int, int] = PROBED
) -> pd.DataFrame:
    """Tokens that the ridge probe recovers from LegS coefficients, beside the fraction that can be recovered.

    N, age (tokens since), recovered (fraction of variance, by the probe), resolution

    Tokens are +1 or -1, independent. After t of them the coefficients are c = W x, W [N, t] (`hippo/legendre.py`). The
    best linear guess of x_j is the j-th entry of W^+ W x, which explains a fraction of its variance that is the j-th
    entry of the diagonal of W^+ W: `legendre.resolution`. The coefficients are those that Elastic Memory keeps.
    """
    rng = np.random.Generator(np.random.Philox(key=[0, 3]))
    tokens = np.float64(2) * rng.integers(0, 2, (sum(num_sequences), length)) - 1
    fitted, tested = tokens[: num_sequences[0]], tokens[num_sequences[0] :]
    records = []
    for N in orders:
        states = coefficients(N, tokens)
        reader = Levels().fit(states[: len(fitted)], fitted)
        recovered = 1 - np.square(reader.predict(states[len(fitted) :]) - tested).mean(0) / tested.var(0)
        possible = legendre.resolution(N, length)
        records += [(N, length - 1 - j, float(recovered[j]), float(possible[j])) for j in range(length)]
    return pd.DataFrame(records, columns=["N", "age", "recovered", "resolution"])


def coefficients(N: int, x: Array) -> Array:
    """Coefficients [sequences, N] that Elastic Memory keeps of one channel x [sequences, t]; t a multiple of BLOCK."""
    bank = BANKS["legendre"](N, BLOCK, Sampling.parse("uniform", 1), 0)
    tokens = torch.from_numpy(x)[:, :, None]
    _, state = remember(bank, 1, None, tokens.new_zeros(len(x), N, 1), tokens, 0)
    return np.asarray(state.squeeze(2).numpy())


def inner_losses(passes: tuple[int, ...] = PASSES) -> pd.DataFrame:
    """Inner loss of deep memories that nobody trained, shown the same pairs again and again.

    rule, passes, loss (mean over pairs and seeds), least, most (over seeds)

    Keys are random of unit length, values standard normal; gates are at what they begin with. The loss is each memory's
    own, over all pairs: -<M(k), v> of DLA, |M(k) - v|^2 of Titans; 0 passes is the memory before.
    """
    records = []
    for name, loss in (("dla", hebbian_loss), ("titans", squared_loss)):
        curves = torch.stack([inner_curve(name, loss, seed, max(passes)) for seed in range(SEEDS)])
        records += [(name, n, *(float(f(curves[:, n])) for f in (torch.mean, torch.amin, torch.amax))) for n in passes]
    return pd.DataFrame(records, columns=["rule", "passes", "loss", "least", "most"])


@torch.no_grad()
def inner_curve(name: str, loss: Loss, seed: int, passes: int) -> Tensor:
    """The loss before the first pass and after each."""
    with seeded_draws(seed):
        rule = RULES[name](1, SIZE)
    draw = torch.Generator().manual_seed(seed)
    k, v = (torch.randn(1, 1, PAIRS, SIZE, generator=draw) for _ in range(2))
    k, g = unit(k), torch.tensor([bias for _, bias in rule.gates]).expand(1, 1, PAIRS, -1)
    M, losses = rule.start(k), []
    for n in range(passes + 1):
        if n:
            _, M = rule.write(M, k, v, g)
        losses.append(loss(rule.read(multiplier(rule.matrices(M)), k), v))
    return torch.stack(losses)


def hebbian_loss(read: Tensor, v: Tensor) -> Tensor:
    """Mean of -<M(k), v>."""
    return -(read * v).sum(-1).mean()


def squared_loss(read: Tensor, v: Tensor) -> Tensor:
    """Mean of |M(k) - v|^2."""
    return (read - v).square().sum(-1).mean()
