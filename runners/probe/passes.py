"""Everything that `recall probe` can do to a finished run, one pass each.

`PASSES` is the only list. Readers of `READERS` get a pass of their own, which reads whole states where items are asked
for; ridge alone reads every layer, content and time, with all controls. Anything else is a `Pass` and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .beyond import causal, routed
from .context import ProbeContext
from .kept import kept
from .keyed import bilinear, own_read
from .others import coded_by, read_by
from .readers import READERS


@dataclass(frozen=True)
class Pass:
    """One thing to measure of a run: its name, its meaning, the table its records go to, and what makes them."""

    name: str
    meaning: str
    table: str
    records: Callable[[ProbeContext], list[dict[str, Any]]]


READING = [
    Pass(name, reader.meaning, "probes", kept if name == "ridge" else partial(read_by, name))
    for name, reader in READERS.items()
    if reader.sees_state and not reader.strong
]
KEYED = [
    Pass("own", "the memory's own answer to a key, decoded; keys and places vary", "probes", own_read),
    Pass("bilinear", "bilinear in the state and the key; keys and places vary", "probes", bilinear),
]
CODING = [
    Pass(name, f"{reader.meaning}, by its code length alone", "probes", partial(coded_by, name))
    for name, reader in READERS.items()
    if reader.strong
]
BEYOND_READING = [
    Pass("causal", "use of what is read: erased, and patched in from other sequences", "interventions", causal),
    Pass("routing", "which cache holds an answer, and whether gates find it", "routing", routed),
]

PASSES = {each.name: each for each in (*READING, *KEYED, *CODING, *BEYOND_READING)}
"""In the order in which they are done and listed."""
