"""What of the past is still in the state, in a form a linear reader can use.

The addresses are frozen and only the values vary: one row of the task is taken as a template, and its
stored values are drawn afresh, everything else as it was. Item j then always has the same key and the
same place, so "which value had item j?" is a linear question of an additive memory, of a key-value cache,
of Legendre coefficients and of a recurrent state alike. Values are uniform and independent, so chance is
exact. Readers see states of some rows and are asked about others.

The state is taken after the last token that is read before any value is shown again: the end of the row,
or the delimiter where answers are echoed. Controls: the same reader on states dealt to the wrong rows
(must fall to chance) and on an untrained model of the same seed (what the architecture keeps unlearned).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import SequenceModel
from recall_tasks import IGNORE, Batch, Stored, Stream, Task, bounds

from .evaluate import PIECE
from .experiment import Run
from .probes import READERS
from .statistics import wilson

RECORD = "probe.json"
SHAPE = {"readers": list, "probes": list}
TRAIN_ROWS, TEST_ROWS = 768, 384
CONTROL_READER = next(iter(READERS))
"""Controls are read by the first, which is the fastest."""

ITEMS = 8
"""Items read per model; tasks that store fewer are given several templates, so ages are spread."""


def templates(task: Task, length: int, seed: int) -> Iterator[Batch]:
    """Rows whose addresses will be frozen, one at a time, enough of them for `ITEMS` items."""
    stream = Stream(task, length, "probe", seed)
    stored = probed_row(task, length).stored.values.shape[1]
    for i in range(max(1, ITEMS // stored)):
        yield stream.rows(i, 1)


def check(run: Run, wanted: Mapping[str, Any]) -> None:
    """Raises ValueError for a reader that there is not, and where states of the task cannot be probed item by item."""
    for reader in wanted["readers"]:
        if reader not in READERS:
            raise ValueError(f"unknown reader {reader!r}: choose of {', '.join(READERS)}")
    probed_row(run.task.task, run.task.length)


def remaining(record: dict[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The readers that have not read yet."""
    left = [reader for reader in wanted["readers"] if not record or reader not in record["readers"]]
    return {"readers": left} if left else None


def measure(
    run: Run, model: SequenceModel, wanted: Mapping[str, Any], watch: Callable[[Any], None]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What each reader read: {"readers", "probes"}; keeps no tensors."""
    watch("probing the state")
    return {"readers": list(wanted["readers"]), "probes": probe(run, model, tuple(wanted["readers"]))}, {}


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {name: old[name] + new[name] for name in ("readers", "probes")}


def probed_row(task: Task, length: int) -> Batch:
    """A row of the task, whose states can be probed item by item; raises ValueError where they cannot.

    Values are redrawn under frozen addresses, so each must be written once before any is shown again.
    """
    block = Stream(task, length, "probe").block(0)
    row = block[0]
    if (block.stored.values == IGNORE).any():
        raise ValueError(f"{task.name}: rows store different loads; probe a run on the task itself")
    if len(_before_repeats(row, task)) <= row.stored.positions.max():
        raise ValueError(f"{task.name}: shows values again while it still writes; its states cannot be probed by item")
    return row


def _before_repeats(row: Batch, task: Task) -> NDArray[np.int32]:
    """The row's tokens up to the first value that is shown again; values that nobody asks for stay as they are."""
    shown, positions = row.tokens[0], row.stored.positions[0]
    again = np.isin(shown, np.arange(task.alphabet.start, task.alphabet.stop))
    again[positions if task.shows_answers else np.arange(positions.max() + 1)] = False
    end = int(np.argmax(again)) if again.any() else len(shown)
    before: NDArray[np.int32] = shown[:end]
    return before


def revalued(template: Batch, task: Task, rows: int, rng: np.random.Generator) -> Batch:
    """`rows` copies of the template up to the capture, each with fresh values: tokens and stored truth only."""
    positions, stored = template.stored.positions[0], template.stored
    shown = _before_repeats(template, task)
    values = rng.integers(task.alphabet.start, task.alphabet.stop, (rows, len(positions)), dtype=np.int32)
    tokens = np.tile(shown, (rows, 1))
    tokens[:, positions] = values
    places, keys = (np.tile(a, (rows, 1)) for a in (stored.positions, stored.keys))
    return replace(template, tokens=tokens, stored=Stored(places, keys, values))


@torch.no_grad()
def capture(model: SequenceModel, tokens: NDArray[np.int32]) -> list[NDArray[np.float64]]:
    """The state of each layer's memory after the last token: [n, floats] a layer, every content flattened."""
    model.eval()
    nowhere = torch.empty(0, dtype=torch.int64)
    rows = max(1, PIECE // tokens.shape[1])
    parts: list[list[NDArray[np.float64]]] = [[] for _ in model.blocks]
    for start in range(0, len(tokens), rows):
        _, states = model(torch.from_numpy(tokens[start : start + rows]), (nowhere, nowhere))
        for layer, state in enumerate(states):
            contents = model.blocks[layer].memory.contents(state)
            flat = torch.cat([content.flatten(1) for content in contents.values()], dim=1)
            parts[layer].append(flat.double().numpy())
    return [np.concatenate(part) for part in parts]


def probe(run: Run, trained: SequenceModel, readers: tuple[str, ...] = tuple(READERS)) -> list[dict[str, Any]]:
    """Tidy rows: for each layer, reader, control and item, its age and how well it was read."""
    task, length = run.task.task, run.task.length
    rng = np.random.Generator(np.random.Philox(key=[run.seed, 2]))
    rows: list[dict[str, Any]] = []
    for number, template in enumerate(templates(task, length, run.seed)):
        batch = revalued(template, task, TRAIN_ROWS + TEST_ROWS, rng)
        labels = (batch.stored.values - task.alphabet.start).astype(np.int64)
        chosen = np.unique(np.linspace(0, labels.shape[1] - 1, ITEMS).round().astype(int))
        ages = batch.tokens.shape[1] - 1 - template.stored.positions[0]
        states = {"none": capture(trained, batch.tokens), "untrained": capture(run.build(), batch.tokens)}
        states["shuffled"] = [s[rng.permutation(len(s))] for s in states["none"]]
        for control, layers in states.items():
            for layer, state in enumerate(layers):
                for reader in readers:
                    if control != "none" and reader != CONTROL_READER:
                        continue
                    right, converged = read(reader, state, labels[:, chosen], len(task.alphabet))
                    for item, hits in zip(chosen, right.T, strict=True):
                        rows.append(
                            {
                                "content": "state",
                                "layer": layer + 1,
                                "reader": reader,
                                "control": control,
                                "item": int(item) + number * labels.shape[1],
                                "age": int(ages[item]),
                                "features": state.shape[1],
                                "converged": converged,
                                **_scores(hits, task),
                            }
                        )
    return rows


def read(
    reader: str, states: NDArray[np.float64], labels: NDArray[np.int64], values: int
) -> tuple[NDArray[np.bool_], bool]:
    """Fit on the first rows, read the rest: right [TEST_ROWS, items], and whether the fit converged."""
    train, test = states[:TRAIN_ROWS], states[TRAIN_ROWS:]
    mean, scale = train.mean(0), train.std(0)
    varies = scale > 1e-9 * max(1.0, float(np.abs(train).max(initial=0.0)))
    if not varies.any():  # a state that never changes tells nothing: the reader guesses the first value
        return labels[TRAIN_ROWS:] == 0, True
    train, test = ((s[:, varies] - mean[varies]) / scale[varies] for s in (train, test))
    fitted = READERS[reader](values).fit(train, labels[:TRAIN_ROWS])
    return np.asarray(fitted.predict(test) == labels[TRAIN_ROWS:]), fitted.converged


def _scores(right: NDArray[np.bool_], task: Task) -> dict[str, Any]:
    low, high = wilson(int(right.sum()), len(right))
    accuracy = float(right.mean())
    return {
        "num_rows": len(right),
        "accuracy": accuracy,
        "low": float(low),
        "high": float(high),
        "chance": 1 / len(task.alphabet),
        "bits": bounds.item_bits(accuracy, len(task.alphabet)),
    }
