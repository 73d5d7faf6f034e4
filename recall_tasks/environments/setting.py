"""What an environment is made of: a task, the length of its rows, and how much of them is shown."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Dict, Discrete
from numpy.typing import NDArray

from .. import make_task
from ..batch import Batch
from ..picture import Seen
from ..stream import SPLITS, Stream
from ..task import Task, told

OBSERVATIONS = ("discrete", "dict", "onehot")
OBSERVABLE = ("partial", "full")
RENDER_MODES = ("ansi", "rgb_array")
STORING, ASKING, OVER = range(3)
"""Phases of an episode: nothing was asked yet, something was, the row is over."""

DEFAULT_LENGTH = 64


@dataclass(frozen=True)
class Setting:
    """The keywords of an environment, checked; see `of`."""

    task: Task
    length: int
    split: str
    observation: str
    observable: str
    expose_target: bool
    render_mode: str | None

    @staticmethod
    def of(
        task: str | Task,
        length: int | None = None,
        *,
        split: str = "train",
        preset: str | None = None,
        observation: str = "discrete",
        observable: str = "partial",
        expose_target: bool = False,
        render_mode: str | None = None,
        registered: str | None = None,
        **fields: Any,
    ) -> Setting:
        """A task by name with its `preset` and `fields`, or as it is.

        length         tokens, and steps of an episode; without it the preset's, or 64, or what the task needs
        observation    discrete: the token; dict: token, query (does it ask) and phase; onehot: a float32 vector
        observable     partial: the row's tokens; full: the right answer stands where a question is asked, so
                       that the same pipeline must reach a return of 1 without any memory
        expose_target  infos hold `next_target`, the action that answers the observation they come with
        render_mode    ansi, rgb_array or None
        registered     given by Gymnasium: the task of the id, which `task` must be

        Raises ValueError for anything unknown, of a wrong type or that does not fit.
        """
        _check_task(task, registered)
        if preset is not None and not isinstance(preset, str):
            raise ValueError(f"preset takes a word or None, not {told(preset, str)}")
        preset_length = None
        if isinstance(task, Task):
            if preset is not None or fields:
                raise ValueError(f"{task.name}: a task that is made takes no preset and no fields, {[*fields]}")
        else:
            _check_known(task, fields)
            fields_task = make_task(task, preset, **fields)
            preset_length = fields_task.presets[preset].length if preset else None
            task = fields_task
        choices = {"split": SPLITS, "observation": OBSERVATIONS, "observable": OBSERVABLE}
        given = {"split": split, "observation": observation, "observable": observable}
        if render_mode is not None:
            choices["render_mode"], given["render_mode"] = RENDER_MODES, render_mode
        for name, value in given.items():
            if not isinstance(value, str) or value not in choices[name]:
                raise ValueError(f"{task.name}: unknown {name} {value!r}: choose one of {', '.join(choices[name])}")
        if type(expose_target) is not bool:
            raise ValueError(f"{task.name}: expose_target takes true or false, not {told(expose_target, bool)}")
        if length is None:
            length = preset_length or max(DEFAULT_LENGTH, task.min_length)
        task.check_length(length)
        return Setting(task, length, split, observation, observable, expose_target, render_mode)

    def stream(self, seed: int) -> Stream:
        """Where the rows of an environment seeded with `seed` come from."""
        return Stream(self.task, self.length, self.split, seed)

    @property
    def pad(self) -> int:
        """The token shown when a row is over: one more than the ids of the task."""
        return self.task.vocab_size

    @property
    def actions(self) -> Discrete:
        """Action a says the token `task.answers[a]`."""
        return Discrete(self.task.num_answers)

    @property
    def observations(self) -> Space[Any]:
        ids = self.pad + 1
        if self.observation == "dict":
            return Dict({"token": Discrete(ids), "query": Discrete(2), "phase": Discrete(3)})
        return Discrete(ids) if self.observation == "discrete" else Box(0, 1, (ids,), np.float32)

    def shown(self, token: int, query: bool, phase: int) -> Any:
        """One observation."""
        if self.observation == "dict":
            return {"token": token, "query": int(query), "phase": phase}
        if self.observation == "discrete":
            return token
        vector = np.zeros(self.pad + 1, np.float32)
        vector[token] = 1
        return vector

    def seen(self, row: Batch, t: int, said: Sequence[int]) -> Seen:
        """For a picture: a row, a Batch of one, up to its place t, and the actions before it."""
        targets = row.targets[0]
        tokens = np.where(targets >= 0, targets, row.tokens[0]) if self.observable == "full" else row.tokens[0]
        asked = {at: int(targets[at]) - self.task.answers.start for at in row.asked[row.asking].tolist() if at <= t}
        return Seen(self.task, self.length, [*tokens.tolist(), self.pad][: t + 1], asked, said)


def worth(asking: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The reward of each question, 1 / Q of its row's Q: the same shape, 0 for spare ones.

    The k-th is k / Q - (k - 1) / Q in floats: equal but for the last bit, and a return that gathers all of
    them, in order, is 1.0 exactly (by Sterbenz' lemma neither the differences nor the sums are rounded).
    """
    number = np.cumsum(asking, axis=-1)
    total = np.maximum(number[..., -1:], 1)
    reward: NDArray[np.float64] = number / total - (number - asking) / total
    return reward


def _check_task(task: Any, registered: str | None) -> None:
    """Refuse what names no task and is none, and another task than that of the id that was made."""
    from .. import TASKS

    if isinstance(task, type) and issubclass(task, Task) and registered == task.name and registered not in TASKS:
        return  # the custom class that the id was registered with
    if not isinstance(task, str | Task):
        made = f"; pass {task.__name__}()" if isinstance(task, type) and issubclass(task, Task) else ""
        raise ValueError(f"task takes a name such as 'mqar' or a task such as MQAR(), not {told(task, str)}{made}")
    if registered is not None and registered != (name := task if isinstance(task, str) else task.name):
        raise ValueError(f"this id is of the task {registered}, not {name}: make the id of {name}, without task=")


def _check_known(task: str | type[Task], fields: Mapping[str, Any]) -> None:
    """Refuse a keyword that neither the environment nor its task has; an unknown task is refused elsewhere."""
    from .. import TASKS

    kind = TASKS.get(task) if isinstance(task, str) else task
    if kind is None:
        return
    own = [
        name
        for name, p in inspect.signature(Setting.of).parameters.items()
        if p.kind is p.KEYWORD_ONLY and name != "registered"
    ]
    known = ["length", *own, *(f.name for f in dataclasses.fields(kind))]
    for name in fields:
        if name not in known:
            close = difflib.get_close_matches(name, known)
            meant = f"did you mean {' or '.join(close)}?" if close else f"choose among {', '.join(known)}"
            raise ValueError(f"{kind.name}: unknown keyword {name!r}: {meant}")
