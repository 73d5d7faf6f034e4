"""An episode as a person watches it: a table of its last steps, or a strip of coloured cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .task import Task

STEPS = 24
ROLES = {"k": "key", "v": "value", "s": "symbol", "f": "filler", ".": "blank"}

CELLS, LINES = 32, 32
CELL, MARK = 8, 4
COLOURS = {"k": (70, 130, 220), "v": (230, 160, 50), "s": (230, 160, 50), "f": (110, 110, 120), ".": (45, 45, 50)}
CONTROL, RIGHT, WRONG, NOW = (190, 90, 200), (60, 200, 90), (220, 60, 60), (255, 255, 255)


@dataclass(frozen=True)
class Seen:
    """A row as far as it was shown.

    tokens   those shown so far, the present one last; the pad where the row is over
    targets  the right action at each place that asked, the present one included
    said     the actions so far
    """

    task: Task
    length: int
    tokens: Sequence[int]
    targets: Mapping[int, int]
    said: Sequence[int]


def ansi(seen: Seen) -> str:
    """The last steps, a line each: place, token, role; where it was asked, the target, the answer and its verdict."""
    task, t = seen.task, len(seen.said)
    right = sum(seen.said[at] == target for at, target in seen.targets.items() if at < t)
    asked = sum(at < t for at in seen.targets)
    lines = [("t", "token", "role", "target", "answer", "")]
    for at in range(max(0, t + 1 - STEPS), min(t + 1, seen.length)):
        word = task.spell(seen.tokens[at])
        target, answer, verdict = "", "", ""
        if at in seen.targets and at < t:
            target, answer = (task.spell(task.answers[a]) for a in (seen.targets[at], seen.said[at]))
            verdict = "right" if seen.said[at] == seen.targets[at] else "wrong"
        elif at in seen.targets:
            target = "?"
        lines.append((str(at), word, ROLES.get(word[0], "control"), target, answer, verdict))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    head = f"{task.name}  step {t} of {seen.length}  {right} of {asked} right"
    return "\n".join([head, *table])


def rgb_array(seen: Seen) -> NDArray[np.uint8]:
    """A row of up to 1024 tokens, or the page of it that is being shown: a cell for each token, coloured by
    role, shaded by id.

    Under a token is a mark: green where it was answered rightly, red where not, white under the present
    one. The size is the same throughout an episode: [12 lines, 256, 3], lines of 32 tokens, 32 at most.
    """
    lines = min(LINES, -(-seen.length // CELLS))
    page = lines * CELLS
    t = len(seen.said)
    first = min(t, seen.length - 1) // page * page
    cells = np.zeros((page, CELL + MARK, CELL, 3), np.uint8)
    for cell, at in enumerate(range(first, min(first + page, t + 1, seen.length))):
        token = seen.tokens[at]
        colour = COLOURS.get(seen.task.spell(token)[0], CONTROL)
        # Steps of the golden ratio keep the shades of neighbouring ids apart.
        shade = 0.6 + 0.4 * (token * 0.618034 % 1)
        cells[cell, :CELL] = np.multiply(colour, shade).astype(np.uint8)
        if at == t:
            cells[cell, CELL:] = NOW
        elif at in seen.targets:
            cells[cell, CELL:] = RIGHT if seen.said[at] == seen.targets[at] else WRONG
        cells[cell, :, -1] = 0
    strip = cells.reshape(lines, CELLS, CELL + MARK, CELL, 3).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(strip.reshape(lines * (CELL + MARK), CELLS * CELL, 3))
