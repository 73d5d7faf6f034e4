"""What training knows beside the weights, and how it takes it up again where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from models import SequenceModel

from ..config.run import Run
from .adamw import AdamW
from .checkpoint import UnusableCheckpoint, load, restore


@dataclass
class Ledger:
    """What training knows beside the weights, in JSON types: with them, all that decides how it goes on.

    mastered     stages of the curriculum
    used         rows drawn of each setting: pairs (number of the setting, rows)
    cooling      when the rate begins to fall, and the last update
    solve        update and seconds
    """

    update: int = 0
    tokens: int = 0
    seconds: float = 0.0
    mastered: int = 0
    used: list[tuple[int, int]] = field(default_factory=list)
    cooling: list[int] | None = None
    half: int | None = None
    solve: list[float] | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)
    warning: str | None = None


def resumed(
    checkpoint: Path | None,
    run: Run,
    model: SequenceModel,
    optimiser: AdamW,
    watch: Callable[[Any], None],
) -> Ledger:
    """The ledger of the checkpoint, weights and optimiser put where they were; a fresh one where there is none."""
    try:
        held = load(checkpoint, run) if checkpoint else None
        if held is None:
            return Ledger()
        if set(held.progress) != {f.name for f in fields(Ledger)}:
            raise UnusableCheckpoint(f"the checkpoint {checkpoint} was written by another version and was not used")
        restore(held, model, optimiser)
        return Ledger(**held.progress)
    except UnusableCheckpoint as error:
        warning = f"{error}: training started again from the beginning"
        watch(warning)
        return Ledger(warning=warning)


def mark(ledger: Ledger, validation: float, drawn: bool, solve_at: float, seconds: float) -> None:
    """Note which marks an accuracy on the validation split crosses."""
    if drawn and ledger.half is None and validation >= 0.5:
        ledger.half = ledger.update
    if validation >= solve_at:
        ledger.solve = [ledger.update, seconds]
