"""Interventions on states: does a model use what a probe reads?

Sequences of a question are read up to where items are asked for. Then, item by item, the model is asked

    intact   with the states it has
    erased   after concept erasure (`erasure`) took the item's value out of them
    random   after as many directions of what else varies in them were taken out: the control
    patched  with those of another sequence, whose answers it should give (activation patching, or interchange
             intervention: Geiger et al. 2021, arXiv 2106.02997)

for all layers together (layer 0) and for each alone; patched also for each named content. Erased states are read by a
reader fitted to a third set of sequences: one fitted to the eraser's own finds nothing, by construction.

Shapes: n sequences, r axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import SequenceModel

from .capture import PausedModule, flatten
from .erasure import Eraser, random_like, span_of
from .information import BETWEEN, usable_bits
from .paused_model import Change, Part, answers, flat, patch_from_previous, pause, unflatten
from .readers.ridge import Ridge
from .reading import rate
from .state_store import Floats, Labels
from .templates import ITEMS, Queries, Question, spread

COUNTS = (768, 512, 384)
"""Sequences to fit erasers to, to fit readers of erased states to, and to ask about."""
PER_LABEL, MOST = 1.2, 3072
"""Sequences to fit erasers to for each other value of each other item: as many are taken, up to a limit."""
UNMEASURED = (
    *("excess", "excess_low", "excess_high", "changed", "bits_before", "bits_after"),
    *("follows", "follows_low", "follows_high"),
)

Correct = NDArray[np.bool_]
Record = dict[str, Any]


class Group(NamedTuple):
    """Sequences of one purpose: the model paused after them, and their labels [n, K]."""

    paused: list[PausedModule]
    labels: Labels


def interventions(
    model: SequenceModel,
    question: Question,
    rng: np.random.Generator,
    items: int = ITEMS,
    counts: tuple[int, int, int] | None = None,
) -> list[Record]:
    """Records of at most so many items, spread evenly; none where the task asks for no item by itself.

    counts  sequences to fit erasers to, to fit readers of erased states to, and to ask about: `COUNTS`, unless the
            task stores so much that erasers take more

    The columns are those of `INTERVENTIONS` in measures/probe.py; anything not measured is NaN. `drop` is from the same
    sequences intact, `excess` from the control; erasers that had too few sequences to be `sure` erase less; records of
    patching count sequences whose value is another there. The model is left in evaluation mode; one with oracle
    positions reads none. Raises ValueError for a model whose answers are not the values that the task stores, and for
    fewer than 2 sequences to ask about.
    """
    needed = sequences_needed(len(question.positions), question.num_values)
    counts = counts or (min(MOST, max(COUNTS[0], needed)), *COUNTS[1:])
    if counts[-1] < 2:
        raise ValueError(f"interventions ask about at least 2 sequences, not {counts[-1]}: each gets another's state")
    samples = [question.sample(count, rng) for count in counts]
    queries = choose_items(list(question.queries(samples[-1])), items)
    if not queries:
        return []
    if model.answers != (alphabet := question.task.alphabet):
        raise ValueError(f"the model answers {model.answers}, the task stores {alphabet}: take a model of this task")
    groups = [Group(pause(model, some.tokens[:, : question.end]), some.labels) for some in samples]
    records = list(patching(model, queries, groups[-1]))
    for layer in range(len(model.blocks) + 1):
        records += erasing(model, queries, Part(layer), groups, rng)
    ages, chance = question.ages(question.end), 1 / question.num_values
    return [{**record, "age": int(ages[record["item"]]), "chance": chance} for record in records]


def patching(model: SequenceModel, queries: Sequence[Queries], asked: Group) -> Iterator[Record]:
    """Records of intact states, and of those of the sequence before, among those that are read side by side."""
    donors = np.concatenate([np.roll(some.sequences, 1) for some in asked.paused])
    contents = asked.paused[0].contents
    whole = [Part(layer) for layer in range(len(contents) + 1)]
    single = [Part(layer, name) for layer, own in enumerate(contents, 1) for name in own]
    for some in queries:
        intact = answers(model, asked.paused, some)
        for item, before in zip(some.items, intact.T, strict=True):
            correct = before == asked.labels[:, item]
            yield outcome(Part(), "intact", item, correct, correct)
        for part in whole + single:
            patched = answers(model, asked.paused, some, part, patch_from_previous)
            for item, before, after in zip(some.items, intact.T, patched.T, strict=True):
                own, other = asked.labels[:, item], asked.labels[donors, item]
                differs = own != other
                if differs.any():
                    correct = (before == own)[differs], (after == own)[differs]
                    follows = rate((after == other)[differs], "follows", "follows_")
                    yield outcome(part, "patched", item, *correct) | follows


def erasing(
    model: SequenceModel, queries: Sequence[Queries], part: Part, groups: Sequence[Group], rng: np.random.Generator
) -> Iterator[Record]:
    """Records of erased and of random, for groups that erasers are fitted to, that read them, and that are asked."""
    fit, fresh, asked = groups
    V, X = len(model.answers), flat(fit.paused, part)
    sure = len(fit.labels) >= sequences_needed(fit.labels.shape[1], V)
    span = span_of(X)
    Z, Z_asked = (span.coordinates(flat(group.paused, part)) for group in (fresh, asked))
    for some in (one for several in queries for one in one_by_one(several)):
        item = int(some.items[0])
        # A model may need what is weak in its states: nothing but the value goes, and `bits_after` says what is left.
        others, own = np.delete(fit.labels, item, axis=1), asked.labels[:, item]
        eraser = Eraser(weak=0).fit(X, fit.labels[:, item], others if others.size else None, span)
        control = random_like(eraser, rng)
        intact, erased, random = (
            answers(model, asked.paused, some, part, change)[:, 0] == own
            for change in (None, erase_with(eraser), erase_with(control))
        )
        before, after = (
            bits_read(change(Z), fresh.labels[:, item], change(Z_asked), own, V)
            for change in (np.asarray, eraser.along_axes)
        )
        costs = difference("excess", random, erased) | {"bits_before": before, "bits_after": after}
        for kind, one, correct, more in (("erased", eraser, erased, costs), ("random", control, random, {})):
            removed = {"rank": one.rank_, "changed": one.changed(Z_asked), "sure": sure}
            yield outcome(part, kind, item, intact, correct) | removed | more


def sequences_needed(items: int, num_values: int) -> int:
    """Sequences to fit erasers to: with fewer than other values, other items cannot be separated."""
    return int(PER_LABEL * (items - 1) * (num_values - 1))


def erase_with(eraser: Eraser) -> Change:
    """A change of contents: erasing."""
    return lambda contents: unflatten(eraser.transform(flatten(*contents.values())), contents)


def bits_read(Z: Floats, labels: Labels, Z_test: Floats, test: Labels, V: int) -> float:
    """Usable bits of states Z_test [m, r] for ridge fitted to states Z [n, r]."""
    if not Z.shape[1]:  # a state that never varies
        return 0.0
    logs = Ridge(V).fit(Z, labels).predict_log_proba(Z_test)
    return float(usable_bits(logs[:, None], np.full((1, V), -np.log(V)), test[:, None]).bits[0])


def choose_items(queries: Sequence[Queries], most: int) -> list[Queries]:
    """Queries for at most so many of the items, spread evenly, one for each."""
    every = np.unique([item for some in queries for item in some.items])
    chosen = every[spread(len(every), most)]
    narrowed = []
    for some in queries:
        items, first = np.unique(some.items, return_index=True)
        first = first[np.isin(items, chosen)]
        if len(first):
            narrowed.append(Queries(some.tokens, some.positions[first], some.items[first]))
    return narrowed


def one_by_one(queries: Queries) -> Iterator[Queries]:
    """The query for each item by itself, and nothing after it."""
    for position, item in zip(queries.positions, queries.items, strict=True):
        yield Queries(queries.tokens[:, : position + 1], np.array([position]), np.array([item]))


def outcome(part: Part, kind: str, item: int, intact: Correct, correct: Correct) -> Record:
    """A record of an intervention, with NaN for what only some kinds measure."""
    place = {"layer": part.layer, "content": part.content, "kind": kind, "item": int(item)}
    return (
        place
        | {"rank": 0, "num_sequences": len(correct)}
        | rate(correct)
        | difference("drop", intact, correct)
        | dict.fromkeys(UNMEASURED, float("nan"))
        | {"sure": None}
    )


def difference(name: str, before: Correct, after: Correct) -> Record:
    """Accuracy before less that after, on the same sequences, with a 95 % interval that holds near 0 and 1 as well.

    One sequence more is counted on either side (Bonett and Price 2012, "Adjusted Wald confidence interval for a
    difference of binomial proportions based on paired data").
    """
    n, lost, won = len(before), int((before & ~after).sum()), int((after & ~before).sum())
    p, q = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    half = BETWEEN * float(np.sqrt((p + q - (p - q) ** 2) / (n + 2)))
    bounds = max(p - q - half, -1.0), min(p - q + half, 1.0)
    return {name: (lost - won) / n, f"{name}_low": bounds[0], f"{name}_high": bounds[1]}
