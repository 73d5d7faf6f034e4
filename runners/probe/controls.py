"""Controls of ridge: states that hold less, or none, and the model's own answers.

docs/probing.md says what each rules out. Addresses are frozen, so the one type that a state has beside its values is
its sequence: that is what the control task labels here. Where keys vary too, every key is a type: see `own_read`.
"""

from __future__ import annotations

from functools import partial
from itertools import chain

import numpy as np

from .capture import Inputs
from .context import ProbeContext, Record, Template, probe_records
from .factorise import Factors, factorise
from .information import add_doubt, best_steepness, log_softmax, usable_bits
from .paused_model import answer_log_proba
from .reading import Reading, control_labels, score_records
from .splits import shuffled_order
from .state_store import Table
from .templates import Samples

INPUTS = 8
"""Last tokens that the reader of the input is given."""


def label_controls(context: ProbeContext, template: Template, factors: Factors, layer: int) -> list[Record]:
    """Records of ridge with labels of the control task, and with labels of other sequences."""
    rng, labels, end = context.rng(7), template.labels, template.question.end
    other = {
        "control": control_labels(labels, np.arange(len(labels)), rng),
        "shuffled": labels[shuffled_order(template.parts, rng)],
    }
    read = partial(context.read, template, factors, end, layer)
    return list(chain.from_iterable(read(labels=wrong, control=control) for control, wrong in other.items()))


def untrained_states(context: ProbeContext, template: Template) -> list[Record]:
    """Records of ridge on each layer of the model before training."""
    read = partial(context.read, template, time=template.question.end, control="untrained")
    states = context.states_at_end(template, "untrained", context.run.build())
    return list(chain.from_iterable(read(factors, layer=layer) for layer, factors in states))


def without_state(context: ProbeContext, template: Template) -> list[Record]:
    """Records of ridge on the last tokens, and of the prior."""
    end = template.question.end
    last = template.samples.tokens[:, max(0, end - INPUTS) : end]
    factors = factorise(Table(one_hot_tokens(last)), template.parts.train)
    return context.read(template, factors, end, control="input") + context.read(template, factors, end, reader="prior")


def one_hot_tokens(tokens: Inputs) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Tokens [n, m] as one-hot columns of those that occur."""
    columns = (tokens[:, :, None] == np.unique(tokens)).reshape(len(tokens), -1)
    return np.asarray(columns, np.float32)


def model_answers(context: ProbeContext, template: Template) -> list[Record]:
    """Records of the model's own answers, as sure as those of the validation sequences allow, as for any reader."""
    question, parts, samples = template.question, template.parts, template.samples
    if context.model.uses_oracle:
        return []
    logs, labels = [], []
    for part in (parts.validation, parts.test):
        answers, items = answer_log_proba(context.model, question, Samples(samples.tokens[part], samples.labels[part]))
        chosen = np.isin(items, template.chosen)
        items = items[chosen]
        logs.append(answers[:, chosen])
        labels.append(samples.labels[part][:, items])
    if not len(items):
        return []
    prior = template.prior(samples.labels[:, items])
    steep = best_steepness(logs[0], labels[0])[:, None]
    sure = add_doubt(log_softmax(logs[1] * steep), len(logs[0]))
    reading = Reading(sure.argmax(-1) == labels[1], usable_bits(sure, prior, labels[1]), True, prior)
    scores = [score | {"features": 0, "rank": None} for score in score_records(reading)]
    return probe_records("ridge", template.items(question.end, items), scores, reader="model")
