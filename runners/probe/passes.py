"""Everything that can be probed of a finished run: by name, what it is, its table and what measures it.

Adding one is a function from `Asked` to rows, and a line here and in `probing`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from .beyond import causal, routed
from .context import Asked
from .kept import kept
from .keyed import bilinear, own_read
from .others import coded_by, read_by


class Measured(NamedTuple):
    words: str
    table: str
    rows: Callable[[Asked], list[dict[str, Any]]]


MEASURED: dict[str, Measured] = {
    "ridge": Measured("ridge regression: layers, contents and times, with controls", "probes", kept),
    "logistic": Measured("multinomial logistic regression", "probes", partial(read_by, "logistic")),
    "own": Measured("what the memory itself answers to a key, decoded; keys and places vary", "probes", own_read),
    "bilinear": Measured("bilinear in the state and the key; keys and places vary", "probes", bilinear),
    "mlp": Measured("a small neural net, by description length alone", "probes", partial(coded_by, "mlp")),
    "causal": Measured("is it used: erased, and transplanted between sequences", "interventions", causal),
    "routing": Measured("which cache holds what, and whether the gates look there", "routing", routed),
}

__all__ = ["MEASURED", "Asked"]
