"""Output where the encoding is narrow (ASCII, Latin-1, cp437, cp932): what it lacks is said in ASCII."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

LIKE = dict(
    zip("–—−×…·•≤≥→←’‘“”━│▁▂▃▄▅▆▇█", [*"---x", "...", *".*", "<=", ">=", "->", "<-", *"''\"\"-|_..-=+*#"], strict=True)
)
"""Characters, and what is printed in their place."""


def say_everything() -> None:
    """Let stdout and stderr print what their encoding lacks: 0.90-0.95 for 0.90–0.95."""
    codecs.register_error("like", in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="like")


def in_ascii(error: UnicodeError) -> tuple[str, int]:
    """The error handler: a substitute for the characters that cannot be encoded, and where they end."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(substitute, error.object[error.start : error.end])), error.end


def substitute(character: str) -> str:
    """A character in ASCII: its like, its base letter, or a question mark."""
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return LIKE.get(character) or plain or "?"
