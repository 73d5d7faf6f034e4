"""The `recall` command, which hands over to the runners: part of this package in a wheel, beside it in a checkout."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from .checkout import CHECKOUT


def main() -> int:
    """Exit status of the command that `sys.argv` names."""
    if CHECKOUT:  # before the `models` or `runners` of a project the command is called in
        sys.path.insert(0, str(CHECKOUT))
    try:
        run: Callable[[], int] = importlib.import_module(".runners.cli.main", __package__).main
    except KeyboardInterrupt:
        return 130
    return run()
