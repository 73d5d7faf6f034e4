"""recall allow: code that records of runs may name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..config.custom_code import allow
from ..config.installed_modules import is_dotted
from .flags import Mistake, Parser, memory


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall allow",
        description="Allow the memories in Python files, and classes of installed modules, as they are now, to be\n"
        "imported by commands that read runs. Code that you trained on this machine is allowed already.\n"
        "Read a file before you allow it.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE.py", help="files that records name, or MODULE:CLASS")
    for word in parser.parse_args(words).files:
        if is_dotted(word):
            allow(memory(word))
            continue
        file = Path(word)
        if not (file.suffix == ".py" and file.is_file()):
            raise Mistake(f"{file} is no Python file that can be read")
        allow(f"{file.resolve()}:")
    return 0
