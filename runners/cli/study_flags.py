"""Flags that take part of a study, or train its runs in another way."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .flags import Parser, add_list, flag, integer, number, one_of

if TYPE_CHECKING:
    from ..studies import Study

TRAINED: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "updates": (integer, "N", "budget of updates"),
    "seconds": (number, "X", "limit of training by the clock"),
    "tokens": (integer, "N", "tokens an update"),
    "policy": (str, "WORD", "what updates train on: adaptive, schedule, fixed, uniform or mixture"),
    "curriculum": (integer, "N", "stages of doubling length and load"),
    "weights": (str, "X,X,...", "of the stages in a mixture, shortest first"),
}
"""Fields of `Training` that have a flag, and how each is read. They are not read off it: its import waits for torch."""
PARTS = ("tasks", "memories", "seeds", "rates", "match", *TRAINED)
MATCHED = ("parameters", "bytes")


def add_narrowing(parser: Parser) -> None:
    group = parser.add_argument_group("part of the study")
    add_list(group, "--tasks", read=str, metavar="TASK", help="only these tasks of the study")
    add_list(group, "--memories", read=str, metavar="MEMORY", help="only these memories, or others, or FILE.py:CLASS")
    group.add_argument("--seeds", type=integer, metavar="N", help="this many seeds, from 0")
    group = parser.add_argument_group("training, for every run")
    for name, (read, word, meaning) in TRAINED.items():
        group.add_argument(flag(name), type=read, metavar=word, help=meaning)
    rates = group.add_mutually_exclusive_group()
    rates.add_argument(
        "--learning-rate", dest="rates", type=lambda text: [number(text)], metavar="X",
        help="peak learning rate, in place of a grid",
    )  # fmt: skip
    add_list(
        rates, "--learning-rates", dest="rates", read=number, metavar="X", blanks=False,
        help="a grid for all memories alike; each is shown at its best rate, chosen on validation",
    )  # fmt: skip
    group.add_argument(
        "--match", type=one_of("cost", MATCHED), metavar="COST",
        help=f"refuse memories whose models are not equal in {' or '.join(MATCHED)}",
    )  # fmt: skip


def parts(arguments: argparse.Namespace) -> dict[str, Any]:
    """The flags that were given."""
    return {name: getattr(arguments, name) for name in PARTS if getattr(arguments, name) is not None}


def narrowed(study: Study, given: dict[str, Any]) -> Study:
    """The study as the flags say, as it is where there are none. Raises ValueError for parts it does not have."""
    rest = dict(given)
    match = rest.pop("match", study.matched)
    return replace(study.narrowed(**rest), matched=match)
