"""What of the past is still in a state, in a form that a reader can use, in bits; and whether it is used.

For any array of states:

    table = probe(states, labels, sequences=ids)        a row for each reader, control and item
    Ridge().fit(X, y).score(X_new, y_new)               readers are scikit-learn estimators
    Eraser().fit(X, y).transform(X_new)                 what no linear reader finds y in any more
    description_length(Ridge(), X, y, num_values)       how short the labels become

For any module that keeps to the contract of a memory, or a whole model:

    probe_memory(memory, inputs, labels)                the same, of every content of its state
    with Shelf() as shelf:                              states at chosen times, on disk where they are many
        capture(memory, inputs, [32, 64], shelf)

`recall probe` asks all of it of finished runs, see `runners/measures/probe.py`.
"""

from __future__ import annotations

from .api import probe
from .capture import capture, parts, whole
from .description import DescriptionLength, description_length
from .erasure import Eraser
from .factorise import Components, factorise
from .information import Bits, usable_bits
from .of_memory import probe_memory
from .readers import MLP, READERS, Levels, Logistic, Prior, Reader, Ridge
from .splits import Split, split
from .state_store import Shelf
from .templates import Question, questions

__all__ = [
    "MLP",
    "READERS",
    "Bits",
    "Components",
    "DescriptionLength",
    "Eraser",
    "Levels",
    "Logistic",
    "Prior",
    "Question",
    "Reader",
    "Ridge",
    "Shelf",
    "Split",
    "capture",
    "description_length",
    "factorise",
    "parts",
    "probe",
    "probe_memory",
    "questions",
    "split",
    "usable_bits",
    "whole",
]
