"""The extra `lab` of the package: what it installs is needed by every command but show, ls and export."""

from __future__ import annotations

from importlib.util import find_spec

from .flags import Mistake

WITHOUT_LAB = ("show", "ls", "export")
LAB = ("duckdb", "matplotlib", "pandas", "pydantic", "safetensors", "scipy", "seaborn", "sklearn")
INSTALL = 'pip install "recall-tasks[lab]"'


def missing_packages() -> list[str]:
    """Packages of the extra that cannot be imported here."""
    return [name for name in LAB if find_spec(name) is None]


def require_lab(command: str) -> None:
    """Raises Mistake where a command that needs the extra lacks a package of it."""
    if missing := missing_packages():
        raise Mistake(f"{command} needs the extra lab: {INSTALL} (not installed: {', '.join(missing)})")
