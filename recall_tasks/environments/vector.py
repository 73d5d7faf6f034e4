"""Many environments of a task in lock step: lane i of seed s is `RecallEnv` of seed s + i, step for step."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from .. import picture
from ..batch import Batch
from ..stream import Stream
from ..task import Task, told
from .infos import Bools, Infos, ended_and_begun, told_to
from .resets import check_following, wanted_lanes, wanted_rows, wanted_seeds
from .rows import Rows, Shelf
from .setting import OVER, Setting
from .single import RecallEnv
from .tape import Tape

Floats = NDArray[np.float64]
MOST_LANES = 2**20


class RecallVectorEnv(VectorEnv[Any, NDArray[np.integer[Any]], NDArray[Any]]):
    """What `SyncVectorEnv` gives for as many `RecallEnv`, value for value, many times faster.

    `autoreset_mode` is a mode of Gymnasium's or its word (NextStep, SameStep, Disabled); the other keywords
    are those of `Setting.of`. `reset` takes a seed (lane i gets seed + i) or a list of seeds (None: the lane
    goes on), and the options `index` (a row for all lanes, or a list of them) and `reset_mask` (an array of
    bools: the lanes to reset). What is returned may be kept and changed: nothing writes to it or reads it
    again. Within one step the masks of an info (`_t`, `_query`, ...) may be one array, since a copy for each
    key costs a tenth of a step: copy a mask before changing it.

    Lane i of seed s + 1 is lane i + 1 of seed s, as in Gymnasium: space seeds by `num_envs` for runs that
    share no rows. Rows are drawn by blocks of up to 256 for each lane; what does not fit 256 MiB is drawn
    again, a window at a time. Where lanes are many, rows long and questions at every step, this costs:
    1000 lanes of 10,000 tokens take tens of seconds a reset, and steps a second fall as rows grow.
    """

    def __init__(
        self,
        num_envs: int,
        task: str | Task,
        length: int | None = None,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **keywords: Any,
    ) -> None:
        if type(num_envs) is not int or not 1 <= num_envs <= MOST_LANES:
            raise ValueError(f"num_envs takes a whole number from 1 to 2^20, not {told(num_envs, int)}")
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError:
            modes = ", ".join(mode.value for mode in AutoresetMode)
            raise ValueError(f"unknown autoreset_mode {autoreset_mode!r}: choose one of {modes}") from None
        self.setting = Setting.of(task, length, **keywords)
        self.num_envs = num_envs
        self.metadata = RecallEnv.metadata | {"autoreset_mode": self.autoreset_mode}
        self.render_mode = self.setting.render_mode
        self.single_observation_space = self.setting.observations
        self.single_action_space = self.setting.actions
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

        self._same_step = self.autoreset_mode == AutoresetMode.SAME_STEP
        self._discrete = self.setting.observation == "discrete"
        self._shelf = Shelf(num_envs)
        self._tape = Tape(self.setting, self._shelf, self.setting.length + (not self._same_step))
        self._all = np.ones(num_envs, np.bool_)
        self._answers = (self.setting.task.num_answers,)
        self._said = np.zeros((num_envs, self.setting.length if self.render_mode else 0), np.int32)

    @property
    def streams(self) -> tuple[Stream | None, ...]:
        """Where each lane's rows come from; None before its first reset."""
        return tuple(self._shelf.streams)

    @property
    def rows(self) -> Rows:
        """The number of each lane's present row: [N], -1 before the first reset."""
        return self._tape.standing()[0]

    @property
    def batch(self) -> Batch:
        """The present rows and their questions, as a Batch of N. Raises ResetNeeded before the first reset."""
        self._check_started()
        return self._shelf.batch(self.rows)

    def _check_started(self) -> None:
        if not self._tape.started:
            raise ResetNeeded(f"{self.setting.task.name}: no row before the first reset (call envs.reset())")

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Any, Infos]:
        """The first observations of rows 0 of new seeds, of the rows `options["index"]`, or of the next."""
        mask, index = wanted_lanes(options, self.num_envs), wanted_rows(options, self.num_envs)
        streams = [
            self.setting.stream(lane_seed) if lane_seed is not None and wanted else None
            for lane_seed, wanted in zip(wanted_seeds(seed, self.num_envs), mask, strict=True)
        ]
        if not self._tape.started and not mask.all():
            self._check_started()
        rows, places = self._tape.standing()
        if index is None:
            going_on = [bool(wanted) and stream is None for wanted, stream in zip(mask, streams, strict=True)]
            check_following(int(rows[going_on].max(initial=-1)) + 1)
        super().reset(seed=seed if isinstance(seed, int) else None)

        rows, places = np.where(mask, rows + 1, rows), np.where(mask, 0, places)
        for lane, held in enumerate(self._shelf.streams):
            stream = streams[lane] or held or self.setting.stream(int(self.np_random.integers(2**63)))
            if stream is not held:
                self._shelf.seed(lane, stream)
                rows[lane] = 0
        if index is not None:
            rows = np.where(mask, index, rows)
        self._tape.move(rows, places, fresh=any(streams))

        (token, query, t, phase), (target, *_) = self._tape.now()
        infos = told_to(mask, query=query, t=t, correct=False, target=-1, distance=0)
        return self._observed(token, query, phase), infos | self._exposed(mask, target)

    def step(self, actions: Any) -> tuple[Any, Floats, Bools, Bools, Infos]:
        """Answer each lane's token. A lane whose row is over goes on as the autoreset mode says.

        Raises ValueError for actions that are none, ResetNeeded before the first reset and, with autoreset
        disabled, after the end of a row.
        """
        tape = self._tape
        try:
            said = np.asarray(actions)
        except (ValueError, OverflowError):  # lists of different lengths
            said = np.array(None)
            self._refuse(said, actions)
        if not tape.started:
            self._check_started()
        _, (target, distance, reward, asks, last, over) = tape.now()
        if over:
            said = self._beside_the_pad(said)
        if said.shape != self._all.shape or said.dtype.kind not in "iu" or self._out_of_range(said):
            self._refuse(said, actions)
        if self.render_mode is not None:
            self._note(said)
        none = np.zeros(self.num_envs, np.bool_)
        ended = tape.standing()[1] == self.setting.length - 1 if last else none.copy()
        correct = said == target if asks else none.copy()
        rewards = reward * correct if asks else np.zeros(self.num_envs)

        tape.advance()
        (token, query, t, phase), (to_come, *_) = tape.now()
        if last and self._same_step:
            left = {"query": False, "t": self.setting.length, "correct": correct}
            final = left | {"target": target, "distance": distance}
            present = {"query": query, "t": t, "correct": correct & ~ended}
            present |= {"target": np.where(ended, -1, target), "distance": np.where(ended, 0, distance)}
            if self.setting.expose_target:
                final, present = final | {"next_target": -1}, present | {"next_target": to_come}
            infos = ended_and_begun(ended, final, present, lambda: self.setting.shown(self.setting.pad, False, OVER))
        else:
            mask = self._all.copy()  # one for all keys: every lane has each of them
            infos = {
                "query": query, "_query": mask, "t": t, "_t": mask, "correct": correct, "_correct": mask,
                "target": target, "_target": mask, "distance": distance, "_distance": mask,
            }  # fmt: skip
            if self.setting.expose_target:
                infos |= self._exposed(self._all, to_come)
        observed = token if self._discrete else self._observed(token, query, phase)
        return observed, rewards, ended, none, infos

    def _exposed(self, mask: Bools, target: Rows) -> Infos:
        return told_to(mask, next_target=target) if self.setting.expose_target else {}

    def _observed(self, token: Rows, query: Bools, phase: Rows | None) -> Any:
        if self.setting.observation == "dict":
            return {"token": token, "query": query.astype(np.int64), "phase": phase}
        if self._discrete:
            return token
        vectors = np.zeros((self.num_envs, self.setting.pad + 1), np.float32)
        vectors[np.arange(self.num_envs), token] = 1
        return vectors

    def _out_of_range(self, said: NDArray[Any]) -> bool:
        try:
            # The quickest look at both limits that numpy has; what it returns is of no use.
            np.ravel_multi_index((said,), self._answers)
        except ValueError:
            return True
        return False

    def _beside_the_pad(self, said: NDArray[Any]) -> NDArray[Any]:
        """Actions where some rows are over: those count for nothing, and without autoreset there are none."""
        over = self._tape.standing()[1] == self.setting.length
        if self.autoreset_mode == AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"{self.setting.task.name}: lane {int(over.argmax())} took the {self.setting.length} steps of its row "
                "(call envs.reset(), with options={'reset_mask': ...} for some lanes)"
            )
        return np.where(over, 0, said) if said.shape == over.shape else said

    def _refuse(self, said: NDArray[Any], given: Any) -> None:
        name, answers = self.setting.task.name, self.setting.task.num_answers
        whole = said.dtype.kind in "iu" or all(type(action) is int for action in said.flat)
        outside = (said < 0) | (said >= answers) if whole else self._all
        if said.shape != self._all.shape or not whole or not outside.any():
            wrong = reprlib.repr(given) if said.dtype == object else f"{said.dtype} of shape {said.shape}"
            raise ValueError(f"{name}: actions are an array of {self.num_envs} whole numbers, not {wrong}")
        lane = int(outside.argmax())
        raise ValueError(
            f"{name}: lane {lane}: action {said[lane]} is not one of {answers} answers, 0 to {answers - 1}"
        )

    def _note(self, said: NDArray[Any]) -> None:
        """Keep what was said, for pictures."""
        places = self._tape.standing()[1]
        lanes = np.flatnonzero(places < self.setting.length)
        self._said[lanes, places[lanes]] = said[lanes]

    def render(self) -> tuple[Any, ...] | None:
        """A picture of each lane, as `RecallEnv.render` has it; None without a render mode."""
        if self.render_mode is None:
            return None
        batch, places = self.batch, self._tape.standing()[1].tolist()
        draw = picture.ansi if self.render_mode == "ansi" else picture.rgb_array
        return tuple(
            draw(self.setting.seen(batch[lane], t, self._said[lane, :t].tolist())) for lane, t in enumerate(places)
        )
