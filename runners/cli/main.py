"""The command line `recall COMMAND`, and the list of its commands.

A command is a module of this folder whose `run(words)` returns the exit status. It is imported when it is named, so
that help does not wait for torch. A user's mistake is one line on stderr and exit status 2; a fault of ours is a
traceback.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence

from ..measures import MEASURES
from ..storage import printable
from .extra import WITHOUT_LAB, require_lab
from .flags import Mistake, Parser, one_of
from .plain_text import say_everything

OF_MEASURES = {measure.command: measure.meaning for measure in MEASURES.values()}

COMMANDS = {
    "ls": "list tasks, memories, presets, measures, readers, figures and published settings",
    "show": "print sequences of a task: tokens, answers, distances",
    "export": "write sequences of a task to a file for other programs",
    "check": "try a memory on random inputs: does it keep its contract?",
    "train": "train one memory on one task and save the run",
    "compare": "train many memories on many tasks, then test, probe and report",
    "sweep": "execute the missing runs of a study: here, on all cores, or on a cluster",
    **OF_MEASURES,
    "query": "query all finished runs in SQL, or export their tables",
    "diff": "compare two runs or studies: configuration and results",
    "verify": "recompute every score from the saved answers",
    "report": "write the report of finished runs: one page, figures, tables",
    "allow": "let records of runs name a Python file that was not trained on this machine",
}

EPILOGUE = """\
start here:
  recall show mqar --length 64 --num-pairs 8      print a sequence
  recall compare --preset demo                    seven memories on three tasks
  recall train mqar grm --help                    every field of a task, a memory and the training
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of one command: 0, 2 for a user's mistake, 130 if interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    say_everything()
    parser = Parser(prog="recall", description="A wind tunnel for sequence memories.", epilog=EPILOGUE)
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, meaning in COMMANDS.items():
        commands.add_parser(name, help=meaning, add_help=False)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if not words or words[0] in ("-h", "--help"):
            parser.print_help()
            return 0
        if not words[0].startswith("-"):
            one_of("command", COMMANDS)(words[0])
        arguments, rest = parser.parse_known_args(words[:1])
        if arguments.version:
            from recall_tasks import __version__  # numpy, which help does not wait for

            print(f"recall_tasks {__version__}")
            return 0
        if rest:
            parser.error(f"unknown option {rest[0]}")
        if arguments.command not in WITHOUT_LAB:
            require_lab(arguments.command)
        if arguments.command in OF_MEASURES:
            from .measure import run  # rich and the engine, which help does without

            return run(next(m for m in MEASURES.values() if m.command == arguments.command), words[1:])
        command = importlib.import_module(f".{arguments.command}", __package__)
        return int(command.run(words[1:]))
    except Mistake as mistake:
        print(f"recall: {' '.join(str(mistake).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("recall: stopped; finished work is saved", file=sys.stderr)
        return 130
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # its reader, such as `head`, has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if error.filename is None:
            raise
        print(f"recall: {printable(error.filename)}: {error.strerror}", file=sys.stderr)
        return 2


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
