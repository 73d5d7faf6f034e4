"""A finished run as a probe sees it: its questions, sequences sampled for them, their states, and result records.

Every record of the table of probes is made by `probe_records`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from models import SequenceModel
from recall_tasks import Task
from recall_tasks.generators.signal import Signal

from ..config.run import Run
from .capture import Inputs, capture, full_state, layers_of
from .factorise import Factors, factorise
from .readers.ridge import Levels
from .reading import Reading, fit_prior, make_reader, read, score_records, with_controls
from .splits import Index, Split, split
from .state_store import LIMIT, Floats, Labels, StateStore
from .templates import Question, Samples, questions, spread

Record = dict[str, Any]

MOST_ITEMS = 64
"""Items that are read of a sequence that stores more, spread evenly over their positions."""


class Items(NamedTuple):
    """Items that are read after `time` tokens, each [K]: number in the table, age and position in tokens.

    stored  items of a sequence, of which these are all or some
    end     True where it is at this time that items are asked for
    """

    numbers: Labels
    ages: Labels
    positions: Labels
    stored: int
    time: int
    end: bool


class Template(NamedTuple):
    """A question, the sequences sampled for it, their split, and the items that are read of them."""

    number: int
    question: Question
    samples: Samples
    parts: Split
    chosen: Labels

    @property
    def labels(self) -> Labels:
        """Labels of the items that are read: [n, items]."""
        return self.samples.labels[:, self.chosen]

    def items(self, time: int, chosen: Labels) -> Items:
        """Some items of this template; those of several templates are numbered one after the other."""
        stored, end = len(self.question.positions), time == self.question.end
        ages, positions = self.question.ages(time)[chosen], self.question.positions[chosen]
        return Items(chosen + self.number * stored, ages, positions, stored, time, end)

    def prior(self, labels: Labels) -> Floats:
        """`prior_of` this template's task."""
        return prior_of(self.question.task, labels, self.parts)


@dataclass(frozen=True)
class ProbeContext:
    """A run, its trained model, and how it is probed: see `measures/probe.py`.

    step       tokens between the times at which states are taken; 0: a quarter of the length
    dimension  principal components that states are also reduced to; 0: none
    limit      bytes of states in memory; the rest goes to disk
    """

    run: Run
    model: SequenceModel
    num_sequences: int
    watch: Callable[[Any], None]
    step: int = 0
    dimension: int = 64
    limit: int = LIMIT

    def templates(self) -> Iterator[Template]:
        """Templates with their sequences, sampled from the run's seed: the same for every pass."""
        task, length, seed = self.run.task.task, self.run.task.length, self.run.seed
        rng = self.rng(2)
        for number, question in enumerate(questions(task, length, seed)):
            self.watch(f"probing: sequences of template {number + 1}")
            chosen = spread(len(question.positions), MOST_ITEMS)
            samples = question.sample(self.num_sequences, rng)
            yield Template(number, question, samples, split(np.arange(self.num_sequences), seed), chosen)

    def rng(self, purpose: int) -> np.random.Generator:
        """Random numbers for one purpose and this run alone."""
        return np.random.Generator(np.random.Philox(key=[self.run.seed, purpose]))

    def times(self, question: Question) -> list[int]:
        """Times at which states are taken, in tokens read."""
        return question.times(self.step or max(1, -(-self.run.task.length // 4)))

    def full_states(
        self, tokens: Inputs, train: Index, words: str, model: SequenceModel | None = None
    ) -> Iterator[tuple[int, Factors]]:
        """Each layer (0: all together), and its whole state after these tokens on principal axes."""
        end = tokens.shape[1]
        with StateStore(self.limit) as store:
            capture(model or self.model, tokens, [end], store)
            for layer in layers_of(self.model):
                self.watch(f"probing: {words}, layer {layer or 'all'}")
                yield layer, factorise(full_state(store, end, layer), train)

    def states_at_end(
        self, template: Template, words: str, model: SequenceModel | None = None
    ) -> Iterator[tuple[int, Factors]]:
        """`full_states` of a template where its items are asked for."""
        tokens = template.samples.tokens[:, : template.question.end]
        return self.full_states(tokens, template.parts.train, words, model)

    def read(
        self,
        template: Template,
        factors: Factors,
        time: int,
        layer: int = 0,
        reader: str = "ridge",
        labels: Labels | None = None,
        **place: Any,
    ) -> list[Record]:
        """Records of the items that were written by then, read by one of `READERS` from states on principal axes.

        labels  in place of the template's own, as for a control
        place   `content`, `control` and `reduced`, where they are not the default of `probe_records`
        """
        written = template.question.ages(time)[template.chosen] >= 0
        chosen, labels = template.chosen[written], (template.labels if labels is None else labels)[:, written]
        scores = score_records(self.reading(template, factors, labels, reader))
        if isinstance(template.question.task, Signal) and reader == "ridge":
            errors = level_errors(factors.coordinates, labels, template.parts)
            scores = [score | {"error": float(error)} for score, error in zip(scores, errors, strict=True)]
        part = "ridge" if reader == "prior" else reader
        place |= {"layer": layer, "reader": reader, "features": factors.features, "rank": factors.rank}
        return probe_records(part, template.items(time, chosen), scores, **place)

    def reading(self, template: Template, factors: Factors, labels: Labels, reader: str = "ridge") -> Reading:
        """Labels [n, K] read from states on principal axes."""
        fresh = make_reader(reader, template.question.num_values, self.run.seed)
        return read(fresh, factors.coordinates, labels, template.parts, template.prior(labels))


def prior_of(task: Task, labels: Labels, parts: Split) -> Floats:
    """Log-probabilities [K, V] without a state: even where values are sampled evenly, fitted for signals."""
    V = len(task.alphabet)
    return fit_prior(labels, parts, V) if isinstance(task, Signal) else np.full((labels.shape[1], V), -np.log(V))


def probe_records(
    part: str,
    items: Items,
    scores: Sequence[Record],
    *,
    layer: int = 0,
    content: str = "state",
    reader: str = "",
    control: str = "none",
    reduced: int = 0,
    **more: Any,
) -> list[Record]:
    """Records of the table of probes, one an item: what was read, where, by which reader, with these scores.

    part  the pass whose records these are: they are replaced when it is done again
    """
    common = {"part": part, "layer": layer, "content": content, "reader": reader or part, "control": control}
    common |= {"reduced": reduced, "time": items.time, "end": items.end, "num_items": items.stored} | more
    places = zip(items.numbers.tolist(), items.ages.tolist(), items.positions.tolist(), scores, strict=True)
    return [common | {"item": item, "age": age, "written": position} | score for item, age, position, score in places]


def level_errors(Z: Floats, labels: Labels, parts: Split) -> Floats:
    """Test error of a linear reconstruction of levels, squared, over their variance, [K]; 1 is that of the mean."""
    train, validation, test = parts
    levels = Levels(orthogonal=True).fit(Z[train], labels[train], (Z[validation], labels[validation]))
    wrong = np.square(levels.predict(Z[test]) - labels[test]).mean(0)
    variance = np.square(labels[test] - labels[train].mean(0)).mean(0)
    return np.asarray(np.divide(wrong, variance, out=np.ones_like(wrong), where=variance > 0))


def with_selectivity(records: list[Record]) -> list[Record]:
    """Add `selectivity`, accuracy above that on the control task, where the same reader was given both."""
    for record, control in with_controls(records, "layer", "content", "reader", "reduced", "time", "item"):
        record["selectivity"] = None if control is None else record["accuracy"] - control
    return records
