"""Invented results of a small comparison: 3 tasks, 4 memories, 3 seeds, three learning rates, every table filled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from runners.config.length_modes import FIXED_LOAD
from runners.results.tables import Results
from runners.statistics import cluster_interval, wilson

MEMORIES = ("attention", "linear", "gru", "<b>x</b>")
TASKS = {"mqar": (8, 64), "needle": (1, 64), "copying": (16, 16)}  # questions a row, values
SKILL = {"attention": 1.0, "linear": 0.9, "gru": 0.55, "<b>x</b>": 0.3}
FLOATS = {"attention": 8192, "linear": 1024, "gru": 1024, "<b>x</b>": 128}
"""Numbers of the state at length 128; those of attention grow with it."""
LENGTH, ROWS = 128, 96
TENTHS = range(0, 10, 3)
"""Depths and positions at which rows are asked."""


def synthetic(memories: Sequence[str] = MEMORIES, seeds: int = 3, tasks: Sequence[str] = tuple(TASKS)) -> Results:
    """Accuracy falls with length and distance; attention and linear solve all, the others nothing."""
    return results_of(tuple(memories), seeds, tuple(tasks))


@lru_cache(maxsize=8)
def results_of(memories: tuple[str, ...], seeds: int, tasks: tuple[str, ...]) -> Results:
    """The same tables for every test that asks for them: tests change copies."""
    rng = np.random.default_rng(0)
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seed in range(seeds):
        for task in tasks:
            for memory in memories:
                key = {"run": f"{task}-{memory}-{seed}", "task": task, "memory": memory, "seed": seed}
                for name, rows in one_run(task, memory, rng).items():
                    tables[name] += [key | row for row in rows]
                tables["rates"] += [key | row for row in rates(memory, seed)]
                for name, rows in capacity(task, memory, seed).items():
                    tables[name] += [key | row for row in rows]
    study = {
        "name": "demo & more",
        "command": "recall compare --preset demo",
        "runs": [{"task": {"name": t}, "model": {"memory": m}, "seed": s} for t in tasks for m in memories
                 for s in range(seeds)],
        "versions": {"torch": "2.13.0", "numpy": "2.4"},
        "machine": {"system": "Linux", "processor": "<one> core", "cores": 2},
        "seconds": 754.2,
        "checksums": {f"{t}-128-test": "5f1c0b77" for t in tasks},
        "written": "a day in May",
    }  # fmt: skip
    return Results(**{name: pd.DataFrame(rows) for name, rows in tables.items()}, study=study)


def one_run(task: str, memory: str, rng: np.random.Generator) -> dict[str, list[dict[str, Any]]]:
    """Every table of one run, without the columns that name it."""
    questions, values = TASKS[task]
    skill = SKILL[memory] + (0 if SKILL[memory] == 1 else rng.normal(0, 0.02))
    solved = SKILL[memory] >= 0.9
    payload = questions * np.log2(values)
    out: dict[str, list[dict[str, Any]]] = {"scores": [], "sequences": [], "distances": [], "breakdown": []}
    ladder = [("test", LENGTH), *(("extrapolation", LENGTH * 2**i) for i in range(5))]
    for kind, length in ladder:
        p = skill * (1 - (0.12 * np.log2(length / LENGTH) if memory != "attention" else 0))
        right = rng.binomial(questions, p, ROWS)
        accuracy = right.sum() / (questions * ROWS)
        low, high = cluster_interval(right, np.full(ROWS, questions))
        state = 4 * FLOATS[memory] * (length // LENGTH if memory == "attention" else 1)
        took = int(rng.integers(150, 900)) if solved else None
        out["scores"].append(
            {"kind": kind, "mode": FIXED_LOAD, "length": length, "load": questions, "train_length": LENGTH,
             "num_sequences": ROWS,
             "num_questions": questions, "accuracy": accuracy, "low": low, "high": high,
             "exact": float((right == questions).mean()), "chance": 1 / values, "memoryless": 1 / values,
             "bag": 1 / questions, "position": 1.0 if task == "copying" else 1 / values + 0.01,
             "recency": 1 / values + 0.02, "ceiling": 1.0,
             "payload_bits": payload, "recalled_bits": payload * accuracy,
             "state_bytes": state, "state_bytes_at_end": state,
             "parameters": 41_216, "solved": solved, "diverged": False,
             "stopped": "solved" if solved else "updates", "checksum": "5f1c0b77",
             "updates_to_half": took, "updates_to_solve": took, "seconds_to_solve": took and took / 20,
             "initial": 1 / values, "cut_off": 1 / values + 0.001,
             "updates": took or 2000, "tokens": 8192 * (took or 2000), "seconds": (took or 2000) / 20}
        )  # fmt: skip
        out["sequences"] += [
            {
                "kind": kind,
                "mode": FIXED_LOAD,
                "length": length,
                "sequence": i,
                "num_correct": int(r),
                "num_questions": questions,
            }
            for i, r in enumerate(right)
        ]
        for by, tenth in [(by, tenth) for by in ("depth", "position") for tenth in TENTHS]:
            a = float(np.clip(p - 0.02 * tenth + rng.normal(0, 0.01), 0, 1))
            bounds = dict(zip(("low", "high"), map(float, wilson(60 * a, 60)), strict=True))
            out["breakdown"].append(
                {"kind": kind, "mode": FIXED_LOAD, "length": length, "by": by, "low_edge": tenth / 10,
                 "high_edge": (tenth + 1) / 10,
                 "num_sequences": 40, "num_questions": 60, "accuracy": a, **bounds}
            )  # fmt: skip
        for b in range(2, int(np.log2(length))):
            a = float(np.clip(p - 0.03 * b * (memory != "attention") + rng.normal(0, 0.01), 0, 1))
            out["distances"].append(
                {"kind": kind, "mode": FIXED_LOAD, "length": length, "distance_low": 2**b,
                 "distance_high": 2 ** (b + 1) - 1,
                 "num_questions": 200, "accuracy": a, "low": max(0, a - 0.05), "high": min(1, a + 0.05)}
            )  # fmt: skip
    return out | {"curves": curve(skill, solved, rng)} | probed(skill, questions, values, memory, rng)


def curve(skill: float, solved: bool, rng: np.random.Generator) -> list[dict[str, Any]]:
    updates = np.arange(10, 600 if solved else 2001, 10)
    stage = np.minimum(3, updates // 120)
    a = np.clip(skill / (1 + np.exp(-(updates - 120 * stage - 50) / 15)) + rng.normal(0, 0.02, len(updates)), 0, 1)
    return [
        {"update": int(u), "tokens": int(u) * 8192, "seconds": u / 20, "stage": int(s) + 1, "loss": 1 - x,
         "stage_length": 16 * 2 ** int(s), "stage_load": 2 ** int(s), "accuracy": x}
        for u, s, x in zip(updates, stage, a, strict=True)
    ]  # fmt: skip


def rates(memory: str, seed: int) -> list[dict[str, Any]]:
    """Every rate at which a memory was trained: the middle one is best, and gru diverges at the highest."""
    rows = []
    for rate, lost in ((0.003, 0.04), (0.01, 0.0), (0.03, 0.2)):
        accuracy = None if memory == "gru" and rate == 0.03 else max(0.0, SKILL[memory] - lost - 0.001 * seed)
        took = 300 if accuracy and accuracy > 0.89 else None
        rows.append({"learning_rate": rate, "validation": accuracy, "solved": took is not None,
                     "updates_to_solve": took, "chosen": rate == 0.01})  # fmt: skip
    return rows


def capacity(task: str, memory: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Every load that a memory was asked at one length: the more skill, the more it holds."""
    rng = np.random.default_rng(seed)
    values, floats = TASKS[task][1], FLOATS[memory]
    out: dict[str, list[dict[str, Any]]] = {"capacity": [], "capacity_sequences": []}
    for load in (1, 4, 16, 64):
        right = rng.binomial(load, 1 / (1 + load / (200 * SKILL[memory] ** 4)), 24)
        share = right.sum() / (24 * load)
        out["capacity"].append(
            {"length": 192, "load": load, "family": "matrix" if floats == 1024 else memory, "accuracy": share,
             "chance": 1 / values, "bag": 1 / load, "ceiling": 1.0, "state_bytes": 4 * floats, "state_floats": floats,
             "recalled_bits": load * share, "bits_per_state_bit": load * share / (32 * floats)}
        )  # fmt: skip
        out["capacity_sequences"] += [
            {"length": 192, "load": load, "sequence": i, "num_correct": int(r), "num_questions": load}
            for i, r in enumerate(right)
        ]
    return out


AGES = range(3, 123, 15)
"""Of the eight items that are probed, at the end of 128 tokens."""
SEGMENT = 32
CACHED = ("gru", "<b>x</b>")
"""Memories that keep a state of every segment, the last of them open."""
DECAY = {"attention": 4000, "linear": 60, "gru": 12, "<b>x</b>": 10}


def probed(
    skill: float, questions: int, values: int, memory: str, rng: np.random.Generator
) -> dict[str, list[dict[str, Any]]]:
    """Attention keeps all, others fade with age or, where they are cached, with the place in the segment."""
    out: dict[str, list[dict[str, Any]]] = {"probes": [], "interventions": [], "routing": []}

    def add(item: int, time: int, share: float, **other: Any) -> None:
        written = LENGTH - 1 - AGES[item]
        keys = {"layer": 0, "content": "state", "time": time, "end": time == LENGTH, "reader": "ridge",
                "control": "none", "reduced": 0, "item": item, "age": time - 1 - written,
                "written": written}  # fmt: skip
        out["probes"].append(keys | other | reading(share, questions, values, rng))

    for item, age in enumerate(AGES):
        written, chance = LENGTH - 1 - age, 1 / values
        for time in (t for t in range(16, LENGTH + 1, 16) if t > written):
            add(item, time, skill * kept(memory, time - 1 - written, time))
        at_end = skill * kept(memory, age, LENGTH)
        for control, share in (
            ("shuffled", 0.0),
            ("control", 0.0),
            ("input", float(age < 8)),
            ("untrained", 0.3 * at_end),
        ):
            add(item, LENGTH, share, control=control)
        for reader, share in (("prior", 0.0), ("logistic", 0.9 * at_end), ("model", 0.8 * at_end * (memory != "gru"))):
            add(item, LENGTH, share, reader=reader)
        for layer in (1, 2):
            add(item, LENGTH, 0.5 * layer * at_end, layer=layer)
        for cache in range(LENGTH // SEGMENT) if memory in CACHED else ():
            content = "open" if cache == LENGTH // SEGMENT - 1 else f"cache {cache + 1}"
            add(item, LENGTH, at_end * (cache == written // SEGMENT), content=content, layer=2)
        low_high = {"low": 0.0, "high": 1.0, "chance": chance, "num_sequences": 128}
        for kind, share in (("intact", 1.0), ("erased", 0.1), ("random", 0.95), ("patched", 0.9)):
            answered = max(chance, 0.8 * share * at_end * (memory != "gru"))
            follows = {"accuracy": answered, "low": max(0, answered - 0.04), "high": min(1, answered + 0.04)}
            if kind == "patched":
                bounds = {"follows_low": max(0, answered - 0.06), "follows_high": min(1, answered + 0.06)}
                follows = {"accuracy": chance, "low": 0.0, "high": 0.2, "follows": answered} | bounds
            bits = {"bits_before": 3 * at_end, "bits_after": 0.1} if kind == "erased" else {}
            excess = 0.8 * 0.85 * at_end * (memory != "gru") if kind == "erased" else np.nan
            more = {
                "excess": excess,
                "excess_low": excess - 0.04,
                "excess_high": excess + 0.04,
                "changed": 0.2,
                "sure": True,
            }
            more |= {name.replace("excess", "drop"): value + 0.05 for name, value in more.items() if "excess" in name}
            rest = more | dict.fromkeys(("follows", "follows_low", "follows_high", "bits_before", "bits_after"), np.nan)
            out["interventions"].append(
                {"layer": 0, "content": "state", "kind": kind, "item": item, "age": age, "rank": 4}
                | low_high | rest | follows | bits
            )  # fmt: skip
        if memory in CACHED:
            out["routing"].append(
                {"layer": 2, "item": item, "age": age, "segment": written // SEGMENT, "num_memories": 4,
                 "weight": 0.3 + 0.6 * (age < 40), "right": 0.4 + 0.6 * (age < 40), "entropy": 1.2, "even": 0.25,
                 "num_sequences": 128, "accuracy": 0.8 * at_end, "oracle": at_end, "low": 0.1, "high": 0.9}
            )  # fmt: skip
    return out


def kept(memory: str, age: int, time: int) -> float:
    """The share of an item that is left; a cached one stops fading where its segment ends."""
    if memory in CACHED:
        end = ((time - 1 - age) // SEGMENT + 1) * SEGMENT
        age = min(time, end) - (time - age)
    return float(np.exp(-age / DECAY[memory]))


def reading(share: float, questions: int, values: int, rng: np.random.Generator) -> dict[str, Any]:
    """What a reader that is right about this share of the rows, and guesses in the others, is said to have read."""
    chance, all_of_it = 1 / values, float(np.log2(values))
    a = float(np.clip(chance + (1 - chance) * share + rng.normal(0, 0.01), 0, 1))
    bits = share * all_of_it + rng.normal(0, 0.05)
    return {"features": 1024, "rank": 256.0, "converged": True, "num_sequences": 256, "accuracy": a,
            "low": max(0, a - 0.04), "high": min(1, a + 0.04), "chance": chance, "bits": bits, "bits_low": bits - 0.2,
            "bits_high": bits + 0.2, "item_bits": all_of_it, "num_items": questions,
            "bits_half": np.nan, "codelength": all_of_it - 0.8 * share * all_of_it, "error": np.nan}  # fmt: skip
