"""The `recall` command. Its laboratory, models/ and runners/, lives in the checkout, not in the wheel."""

from __future__ import annotations

import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def main() -> int:
    """Hand over to the runners; from a bare wheel, say where they are."""
    if (CHECKOUT / "runners").is_dir():  # before the `models` or `runners` of a project the command is called in
        sys.path.insert(0, str(CHECKOUT))
    try:
        from runners.cli.main import main as run
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("runners", "models"):
            raise
        print(
            "recall: the laboratory (training, measuring, probing) lives in the checkout, not in this wheel: "
            "clone the repository and run `pip install -e .[lab]` in it",
            file=sys.stderr,
        )
        return 2
    return run()
