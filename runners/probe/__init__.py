"""Readable, used, or lost: the past in the states of a memory, in bits that a reader can use.

For any array of states:

    table = probe(states, labels, sequences=ids)        one record for each reader, control and item
    Ridge().fit(X, y).score(X_new, y_new)               readers are scikit-learn estimators
    Eraser().fit(X, z).transform(X_new)                 states in which no linear reader finds z any more
    description_length(Ridge(), X, y, num_values)       online code length of the labels

For any module that keeps to the contract of a memory, or a whole model:

    probe_memory(memory, inputs, labels)                the same, of every content of its state
    with StateStore() as store:                         states at chosen times, on disk where they are many
        capture(memory, inputs, [32, 64], store)

`recall probe` does all of it to finished runs, see `runners/measures/probe.py`.
"""

from __future__ import annotations

from .api import probe, probe_memory
from .capture import capture, full_state, parts
from .erasure import Eraser
from .factorise import Components, factorise
from .information import Bits, CodeLength, description_length, usable_bits
from .readers import MLP, READERS, Levels, Logistic, Prior, Reader, Ridge
from .splits import Split, split
from .state_store import StateStore
from .templates import Question, questions

__all__ = [
    "MLP", "READERS", "Bits", "CodeLength", "Components", "Eraser", "Levels", "Logistic", "Prior", "Question", "Reader",
    "Ridge", "Split", "StateStore", "capture", "description_length", "factorise", "full_state", "parts", "probe",
    "probe_memory", "questions", "split", "usable_bits",
]  # fmt: skip
