"""recall allow: code that records of runs may name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..config.custom_code import allow
from .flags import Mistake, Parser


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall allow",
        description="Allow the memories in Python files, as they are now, to be imported by commands that read runs.\n"
        "Code that you trained on this machine is allowed already. Read a file before you allow it.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.py", help="files that records name")
    for file in parser.parse_args(words).files:
        if not (file.suffix == ".py" and file.is_file()):
            raise Mistake(f"{file} is no Python file that can be read")
        allow(f"{file.resolve()}:")
    return 0
