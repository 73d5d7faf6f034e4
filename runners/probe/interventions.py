"""What a model answers once the states it goes on from were changed: does it use what a probe reads?

Rows of a question are read up to where items are asked. Then, item by item, the model is asked

    intact        with the states it has
    erased        after least-squares concept erasure (`erase`) took the item's value out of them
    random        after as many directions of what else varies in them were taken out: the control
    transplanted  with those of another row, whose values are others: it should answer that row's

for all layers together (layer 0) and for each alone, and where transplanted for each named content too. Erasers are
fitted to other rows than are asked about, and what is still readable in erased states is read by a reader fitted to a
third set: one fitted to the eraser's own rows finds nothing, by construction.

Shapes: n rows, r axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import SequenceModel

from ..statistics import wilson
from .erasure import Eraser, random_like, spanned
from .held import Change, Held, Part, answers, flat, hold
from .information import BETWEEN, usable_bits
from .readers.ridge import Ridge
from .substitution import exchanged, flattened, restored
from .templates import ITEMS, Asking, Drawn, Labels, Question, spread

ROWS = (768, 512, 384)
"""To fit erasers to, to fit readers of erased states to, and to ask about."""
PER_LABEL, MOST = 1.2, 3072
"""Rows to fit erasers to for each other value of each other item that could be: as many are taken, up to a limit."""
UNMEASURED = (
    *("excess", "excess_low", "excess_high", "changed", "bits_before", "bits_after"),
    *("follows", "follows_low", "follows_high"),
)
TINY = float(np.finfo(np.float64).tiny)

Floats = NDArray[np.float64]
Right = NDArray[np.bool_]
Row = dict[str, Any]


def interventions(
    model: SequenceModel,
    question: Question,
    rng: np.random.Generator,
    items: int = ITEMS,
    rows: tuple[int, int, int] | None = None,
) -> list[Row]:
    """Tidy rows, for at most so many items, evenly chosen; none where the task asks for no item by itself.

    rows  how many to fit erasers to, to fit readers of erased states to, and to ask about; `ROWS`, unless the task
          stores so much that erasers take more

        layer, content, kind, item, age
        num_rows, accuracy, low, high, chance
        drop, drop_low, drop_high            share right when intact less that after, of the same rows
        excess, excess_low, excess_high      erased: share right after the control less that after erasing
        follows, follows_low, follows_high   transplanted: share that answers what the other row holds
        rank                                 directions removed; 0 where none were
        sure                                 erased, random: erasers had rows enough; with fewer they erase less
        changed                              erased, random: share of the states' variance that went with them
        bits_before, bits_after              erased: usable bits that ridge reads in fresh rows

    Intervals are of 95 %, what is not measured is NaN, and rows of transplants are those whose value is another there.
    The model is left in evaluation mode; one that is told where answers are is told nothing. Raises ValueError for a
    model whose answers are not the values that the task stores, and for fewer than 2 rows to ask about.
    """
    rows = rows or (int(min(MOST, max(ROWS[0], needed(len(question.positions), question.num_values)))), *ROWS[1:])
    if rows[-1] < 2:
        raise ValueError(f"interventions ask about 2 rows at least, not {rows[-1]}: each is given another's state")
    fitted, fresh, asked = (question.draw(count, rng) for count in rows)
    askings = narrowed(list(question.asking(asked)), items)
    if not askings:
        return []
    if model.answers != (alphabet := question.task.alphabet):
        raise ValueError(f"the model answers {model.answers}, the task stores {alphabet}: take a model of this task")
    held, trained, read = (hold(model, drawn.tokens[:, : question.end]) for drawn in (asked, fitted, fresh))
    found = list(transplants(model, askings, held, asked.labels))
    for layer in range(len(model.blocks) + 1):
        found += erasures(model, askings, Part(layer), (trained, read, held), (fitted, fresh, asked), rng)
    ages, V = question.ages(question.end), question.num_values
    return [{**row, "age": int(ages[row["item"]]), "chance": 1 / V} for row in found]


def transplants(model: SequenceModel, askings: Sequence[Asking], held: Sequence[Held], labels: Labels) -> Iterator[Row]:
    """Intact, and with what the row before holds, among those that are read side by side."""
    donors = np.concatenate([np.roll(some.rows, 1) for some in held])
    whole = [Part(layer) for layer in range(len(held[0].contents) + 1)]
    named = [Part(layer, name) for layer, own in enumerate(held[0].contents, 1) for name in own]
    for asking in askings:
        intact = answers(model, held, asking)
        for item, said in zip(asking.items, intact.T, strict=True):
            right = said == labels[:, item]
            yield row(Part(), "intact", item, right, right)
        for part in whole + named:
            after = answers(model, held, asking, part, exchanged)
            for item, before, said in zip(asking.items, intact.T, after.T, strict=True):
                own, other = labels[:, item], labels[donors, item]
                some = own != other
                if some.any():
                    right = (before == own)[some], (said == own)[some]
                    follows = (said == other)[some]
                    low, high = wilson(int(follows.sum()), len(follows))
                    moved = {"follows": float(follows.mean()), "follows_low": float(low), "follows_high": float(high)}
                    yield row(part, "patched", item, *right) | moved


def erasures(
    model: SequenceModel,
    askings: Sequence[Asking],
    part: Part,
    held: Sequence[list[Held]],
    drawn: Sequence[Drawn],
    rng: np.random.Generator,
) -> Iterator[Row]:
    """Erased and random; `held` and `drawn` of the rows to fit to, to read and to ask about."""
    labels, known, own = (one.labels for one in drawn)
    sure = len(labels) >= needed(labels.shape[1], len(model.answers))
    X = flat(held[0], part)
    span = spanned(X)
    Z, asked = (span.coordinates(flat(some, part)) for some in held[1:])
    for asking in (one for several in askings for one in singly(several)):
        item = int(asking.items[0])
        others = np.delete(labels, item, axis=1)
        eraser = Eraser().fit(X, labels[:, item], others if others.size else None, span)
        control = random_like(eraser, rng)
        intact, erased, random = (
            answers(model, held[2], asking, part, change)[:, 0] == own[:, item]
            for change in (None, without(eraser), without(control))
        )
        before, after = (
            bits_read(change(Z), known[:, item], change(asked), own[:, item], len(model.answers))
            for change in (np.asarray, eraser.along_axes)
        )
        for kind, one, right in (("erased", eraser, erased), ("random", control, random)):
            left = np.square(asked - one.along_axes(asked)).sum() / max(np.square(asked).sum(), TINY)
            more = difference("excess", random, erased) | {"bits_before": before, "bits_after": after}
            taken = {"rank": one.rank_, "changed": float(left), "sure": sure}
            yield row(part, kind, item, intact, right) | taken | (more if one is eraser else {})


def needed(items: int, num_values: int) -> float:
    """Rows to fit erasers to: with fewer than other values that could be, what else is stored cannot be held apart."""
    return PER_LABEL * (items - 1) * (num_values - 1)


def without(eraser: Eraser) -> Change:
    """Contents after erasing."""
    return lambda contents: restored(eraser.transform(flattened(contents)), contents)


def bits_read(Z: Floats, labels: Labels, asked: Floats, own: Labels, V: int) -> float:
    """Usable bits of states [n, r] that ridge reads after learning from others."""
    if not Z.shape[1]:  # a state that never varies
        return 0.0
    told = Ridge(V).fit(Z, labels).predict_log_proba(asked)
    return float(usable_bits(told[:, None], np.full((1, V), -np.log(V)), own[:, None]).bits[0])


def narrowed(askings: Sequence[Asking], most: int) -> list[Asking]:
    """At most so many of the items, evenly chosen, each asked for once."""
    if not askings:
        return []
    every = np.unique(np.concatenate([asking.items for asking in askings]))
    chosen = every[spread(len(every), most)]
    found = []
    for asking in askings:
        items, first = np.unique(asking.items, return_index=True)
        first = first[np.isin(items, chosen)]
        if len(first):
            found.append(Asking(asking.tokens, asking.places[first], asking.items[first]))
    return found


def singly(asking: Asking) -> Iterator[Asking]:
    """Each item by itself, and nothing after it."""
    for place, item in zip(asking.places, asking.items, strict=True):
        yield Asking(asking.tokens[:, : place + 1], np.array([place]), np.array([item]))


def row(part: Part, kind: str, item: int, intact: Right, right: Right) -> Row:
    """What is said of any; what others measure is NaN."""
    low, high = wilson(int(right.sum()), len(right))
    scores = {"num_sequences": len(right), "accuracy": float(right.mean()), "low": float(low), "high": float(high)}
    return (
        {"layer": part.layer, "content": part.content, "kind": kind, "item": int(item), "rank": 0, **scores}
        | difference("drop", intact, right)
        | dict.fromkeys(UNMEASURED, float("nan"))
        | {"sure": None}
    )


def difference(name: str, before: Right, after: Right) -> Row:
    """Share right before less that after, of the same rows, with an interval that holds near 0 and 1 as well: one row
    more is counted on either side (Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data")."""
    n, lost, won = len(before), int((before & ~after).sum()), int((after & ~before).sum())
    p, q = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    half = BETWEEN * float(np.sqrt((p + q - (p - q) ** 2) / (n + 2)))
    bounds = max(p - q - half, -1.0), min(p - q + half, 1.0)
    return {name: (lost - won) / n, f"{name}_low": bounds[0], f"{name}_high": bounds[1]}
