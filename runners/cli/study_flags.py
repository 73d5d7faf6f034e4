"""A study on the command line: flags that select a part of it, and its progress while it is executed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.notation import split_stacks

from ..execution.engines import Event, choose_device, cores
from .console import plain_console
from .flags import Mistake, Parser, add_list, flag, integer, memory, number, one_of, task

if TYPE_CHECKING:  # torch, which help does not wait for
    from ..execution.progress import Board
    from ..studies.study import Study

TRAINING_FLAGS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "updates": (integer, "N", "budget of updates"),
    "seconds": (number, "X", "guard: processor time of an attempt, after which a run is left unfinished"),
    "tokens": (integer, "N", "tokens per update"),
    "policy": (str, "WORD", "length and load of updates: adaptive, schedule, fixed, uniform or mixture"),
    "curriculum": (integer, "N", "stages of doubling length and load"),
    "weights": (str, "X,X,...", "of the stages in a mixture, shortest first"),
}
"""Fields of `Training` that have a flag. Repeated here, as importing `Training` takes as long as importing torch."""
STUDY_FLAGS = ("tasks", "memories", "seeds", "rates", "match", *TRAINING_FLAGS)
MATCHED = ("parameters", "bytes")


def add_study_flags(parser: Parser) -> None:
    """Add the flags that select a part of a study, or train its runs differently."""
    group = parser.add_argument_group("part of the study")
    add_list(group, "--tasks", read=task, metavar="TASK", help="only these tasks of the study")
    add_list(
        group, "--memories", read=memory, split=split_stacks, metavar="MEMORY",
        help="only these memories, or others, or FILE.py:CLASS; options as in grm:segment=16, layers as in "
        "3*gated_delta+attention",
    )  # fmt: skip
    group.add_argument("--seeds", type=integer, metavar="N", help="this many seeds, from 0")
    group = parser.add_argument_group("training, for every run")
    for name, (read, word, meaning) in TRAINING_FLAGS.items():
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


def selection(arguments: argparse.Namespace) -> dict[str, Any]:
    """The study flags that were set, by name. Raises ValueError for values of training that are out of range."""
    from ..config.run import Training  # numpy and pydantic, as above

    flags = {name: getattr(arguments, name) for name in STUDY_FLAGS if getattr(arguments, name) is not None}
    for rate in flags.get("rates", [Training().learning_rate]):
        Training(learning_rate=rate, **{name: value for name, value in flags.items() if name in TRAINING_FLAGS})
    return flags


def select_part(study: Study, flags: Mapping[str, Any]) -> Study:
    """The selected part of a study; all of it without flags. Raises ValueError for parts it does not have."""
    rest = dict(flags)
    match = rest.pop("match", study.matched)
    return replace(study.narrowed(**rest), matched=match)


def positive(flag: str, value: int | None) -> int | None:
    """The value of a flag. Raises Mistake below 1."""
    if value is not None and value < 1:
        raise Mistake(f"{flag} takes at least 1, not {value}")
    return value


def announced_device(word: str) -> str:
    """The device that a word names; `auto` says which it takes. Raises ValueError for one that is not here."""
    device = choose_device(word)
    if word == "auto":
        print(f"device: {device}", file=sys.stderr, flush=True)
    return device


def follow_study(
    events: Iterable[Event], study: Study, folder: Path, command: str, workers: int | None, mark: str = ""
) -> Board | None:
    """Print the progress of a study, and return the board at its end.

    After Ctrl-C: print what is saved and that `command` goes on, and return None. Raises Mistake for a file that
    cannot be written.
    """
    from ..execution.plan import missing  # torch, as above
    from ..execution.progress import Board, follow

    console, total = plain_console(), len(study.runs)
    left = len(missing(study, folder))
    board = Board(study, total - left, min(workers or cores(), max(1, left)), mark)
    try:
        follow(events, board, console)
        return board
    except KeyboardInterrupt:
        saved = f"{total - len(missing(study, folder))} of {total} runs are finished and saved in {folder}"
        console.print(f"Stopped. {saved}; `{command}` goes on from there.{mark}", soft_wrap=True)
        return None
    except OSError as error:
        raise Mistake(f"cannot write {error.filename}: {error.strerror}; finished runs are saved in {folder}") from None
