"""A task as a Gymnasium environment: an episode is a row, a step is a token and an answer to it."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from .. import picture
from ..batch import Batch
from ..stream import Stream
from ..task import Task
from .resets import check_following, wanted_row
from .setting import ASKING, OVER, RENDER_MODES, STORING, Setting, worth

Info = dict[str, Any]


class RecallEnv(gymnasium.Env[Any, int]):
    """Observation t is token t, action t answers it, and its reward comes back from the same step.

    A right answer to one of a row's Q questions is worth 1/Q, all else 0: the return is the accuracy.
    The last of `length` steps terminates and shows the pad, a token of its own. Episode e of seed s is
    row e of `Stream(task, length, split, s)`: `reset(seed=s)` starts at row 0, `reset()` goes on to the
    next, `reset(options={"index": k})` jumps to row k. Without any seed, one is drawn.

    Every info holds `query` (whether the observation asks) and `t` (its place in the row), and of the
    step just taken `correct`, `target` (the right action, -1 where nothing was asked) and `distance`
    (tokens since the answer was written, 0 where nothing was asked).

    Keywords as in `Setting.of`. `stream` is where the rows come from, `row` the number of the present one.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 8}  # type: ignore[misc]

    def __init__(self, task: str | Task, length: int | None = None, **keywords: Any) -> None:
        self.setting = Setting.of(task, length, **keywords)
        self.render_mode = self.setting.render_mode
        self.observation_space = self.setting.observations
        self.action_space = self.setting.actions  # type: ignore[assignment]
        self.stream: Stream | None = None
        self.row = -1
        self._block: tuple[int, Batch] | None = None

    @property
    def batch(self) -> Batch:
        """The present row and its questions, as a Batch of one. Raises ResetNeeded before the first."""
        if self._block is None or self.stream is None:
            raise ResetNeeded(f"{self.setting.task.name}: no row before the first reset (call env.reset())")
        return self._block[1][self.row % self.stream.block_rows]

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Any, Info]:
        """The first observation of row 0 of a new seed, of the row `options["index"]`, or of the next."""
        index = wanted_row(options)
        if index is None and seed is None:
            check_following(self.row + 1)
        stream = None if seed is None else self.setting.stream(seed)
        super().reset(seed=seed)
        if stream is None and self.stream is None:
            stream = self.setting.stream(int(self.np_random.integers(2**63)))
        if stream is not None:
            self.stream, self._block, self.row = stream, None, -1
        self.row = self.row + 1 if index is None else index
        self._begin()
        return self._shown(), self._info(False, -1, 0)

    def _begin(self) -> None:
        """Draw the row's block where it is not at hand, and lay out the row."""
        assert self.stream is not None  # reset sees to it
        number = self.row // self.stream.block_rows
        if self._block is None or self._block[0] != number:
            self._block = number, self.stream.block(number)
        task, batch = self.setting.task, self.batch
        asking = batch.asking[0]
        actions = batch.answers[0] - task.answers.start
        questions = zip(
            *(a[asking].tolist() for a in (batch.asked[0], actions, batch.distances[0], worth(asking))), strict=True
        )
        self._questions: dict[int, tuple[int, int, float]] = {t: (a, d, w) for t, a, d, w in questions}
        self._first = min(self._questions, default=self.setting.length)
        self._tokens: list[int] = [*batch.tokens[0].tolist(), self.setting.pad]
        if self.setting.observable == "full":
            for t, (answer, _, _) in self._questions.items():
                self._tokens[t] = task.answers[answer]
        self._t = 0
        self._said: list[int] = []

    def step(self, action: int) -> tuple[Any, float, bool, bool, Info]:
        """Answer the present token. Raises ValueError for an action that is none, ResetNeeded outside a row."""
        if self._block is None or self._t == self.setting.length:
            when = "before the first row" if self._block is None else f"after the {self._t} steps of a row"
            raise ResetNeeded(f"{self.setting.task.name}: step {when} (call env.reset())")
        said = self._checked(action)
        self._said.append(said)
        target, distance, reward = self._questions.get(self._t, (-1, 0, 0.0))
        correct = said == target
        self._t += 1
        over = self._t == self.setting.length
        return self._shown(), reward if correct else 0.0, over, False, self._info(correct, target, distance)

    def _checked(self, action: Any) -> int:
        task = self.setting.task
        try:
            said = operator.index(action)
        except TypeError:
            said = None
        # Python takes True for 1, but lanes of bools are a mask given by mistake: both refuse it.
        if said is None or isinstance(action, bool | np.bool_):
            raise ValueError(f"{task.name}: an action is a whole number, not {action!r}")
        if not 0 <= said < task.num_answers:
            raise ValueError(
                f"{task.name}: action {said} is not one of {task.num_answers} answers, 0 to {task.num_answers - 1}"
            )
        return said

    def _shown(self) -> Any:
        t = self._t
        phase = OVER if t == self.setting.length else ASKING if t >= self._first else STORING
        return self.setting.shown(self._tokens[t], t in self._questions, phase)

    def _info(self, correct: bool, target: int, distance: int) -> Info:
        t = self._t
        info = {"query": t in self._questions, "t": t, "correct": correct, "target": target, "distance": distance}
        if self.setting.expose_target:
            info["next_target"] = self._questions[t][0] if t in self._questions else -1
        return info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are allowed: all of them. A mask that knew more would tell what the observation does not."""
        return np.ones(self.setting.task.num_answers, np.bool_)

    def render(self) -> Any:
        """The row up to the present token, as text or as a picture; None without a render mode."""
        if self.render_mode is None:
            return None
        seen = self.setting.seen(self.batch, self._t, self._said)
        return picture.ansi(seen) if self.render_mode == "ansi" else picture.rgb_array(seen)
