"""A Run: everything that decides a result, as frozen data with an identity.

A Run round-trips through JSON; keys it does not know are refused. Its identity is a hash of its
canonical JSON, all defaults written out, so two Runs that would give the same numbers have one name.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from models import Memory, SequenceModel, build, check_options, memory_options
from recall_tasks import Task, make_task

from .curriculum import POLICIES, check_policy
from .custom_code import load_memory, source_digest
from .sizes import check_sizes

Option = bool | int | float | str | None
STRICT = ConfigDict(extra="forbid", strict=True)
LONGEST_NAME = 200
"""Bytes of a run's directory: file systems take 255, of which its other files need some."""


def setting(default: Any, meaning: str) -> Any:
    """A field with the words that `--help` shows for it."""
    return field(default=default, metadata={"help": meaning})


@with_config(STRICT)
@dataclass(frozen=True)
class TaskSetting:
    """A task by name, the fields that differ from its defaults, and the length it is trained at."""

    name: str
    length: int
    fields: dict[str, Option] = field(default_factory=dict)

    @cached_property
    def task(self) -> Task:
        if taken := {"name", "preset"} & self.fields.keys():
            raise ValueError(f"{self.name}: unknown field {min(taken)!r}")
        return make_task(self.name, None, **self.fields)


@with_config(STRICT)
@dataclass(frozen=True)
class ModelSetting:
    """A memory by name (or `file.py:Class`), its options, and the model around it."""

    memory: str
    options: dict[str, Option] = field(default_factory=dict)
    width: int = setting(32, "width of embedding and layers")
    layers: int = setting(2, "blocks of memory and MLP")
    mlp_ratio: int = setting(2, "width of the MLP over that of the model; 0 leaves it out")
    label: str = ""

    def __post_init__(self) -> None:
        if not self.label.isprintable():
            raise ValueError(f"a label is one line that can be printed, not {self.label!r}")
        path, colon, name = self.memory.rpartition(".py:")
        if colon:  # where the file is must not depend on where a later command is typed
            try:
                object.__setattr__(self, "memory", f"{Path(path + '.py').resolve()}:{name}")
            except (OSError, RuntimeError) as error:  # a name without end, links in a circle
                raise ValueError(f"the file of a memory cannot be found: {error}") from None
            object.__setattr__(self, "label", self.label or name)


@with_config(STRICT)
@dataclass(frozen=True)
class Training:
    """How a model is trained; the same for every model of a comparison.

    A run that meets `seconds`, the limit by the clock, is not reproducible and says so.
    """

    updates: int = setting(2000, "budget of updates; the last fifth cools down")
    seconds: float = setting(120.0, "limit of a run by the clock")
    tokens: int = setting(8192, "tokens an update: longer rows come in smaller batches")
    learning_rate: float = setting(1e-2, "peak rate of AdamW")
    weight_decay: float = setting(0.01, "weight decay of AdamW")
    warmup: int = setting(50, "updates until the peak rate")
    clip: float = setting(1.0, "limit of the gradient's norm")
    policy: str = field(
        default="adaptive",
        metadata={
            "help": "what updates train on: stages, the next one at advance_at (adaptive) or each an equal share of "
            "the budget (schedule), the task itself (fixed), lengths drawn (uniform) or stages drawn (mixture)",
            "choices": tuple(POLICIES),
        },
    )
    curriculum: int = setting(4, "stages of doubling length and load")
    weights: str | None = field(
        default=None,
        metadata={"help": "of the stages in a mixture, shortest first: 1,1,2,4 (default: all alike)", "kind": str},
    )
    advance_at: float = setting(0.9, "training accuracy that moves on to the next stage, if adaptive")
    solve_at: float = setting(0.99, "validation accuracy that counts as solved and starts the cool-down")

    def __post_init__(self) -> None:
        whole = {"updates": (1, 10**9), "tokens": (1, 2**28), "curriculum": (1, 22), "warmup": (0, 10**9)}
        for name, (low, high) in whole.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name} takes a whole number from {low} to {high:,}, not {value!r}")
        for name in ("seconds", "learning_rate", "clip", "weight_decay"):
            value = getattr(self, name)
            least = "at least" if name == "weight_decay" else "above"
            fits = value >= 0 if name == "weight_decay" else value > 0
            if not (fits and math.isfinite(value)):
                raise ValueError(f"{name} must be {least} 0 and finite, not {value}")
        check_policy(self.policy, self.weights, self.curriculum)
        for name in ("advance_at", "solve_at"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is an accuracy above 0 and at most 1, not {getattr(self, name)}")


@with_config(STRICT)
@dataclass(frozen=True)
class Run:
    """One training run: task, model, training and seed. Raises ValueError where they cannot stand together."""

    task: TaskSetting
    model: ModelSetting
    training: Training = Training()
    seed: int = 0

    def __post_init__(self) -> None:
        self.task.task.check_length(self.task.length)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed takes a whole number from 0 to 2^63 - 1, not {self.seed}")
        self._check_build()
        if (taken := len(self.name.encode(errors="replace"))) > LONGEST_NAME:
            raise ValueError(f"the run's name takes {taken} bytes, over the limit of {LONGEST_NAME}: shorten the label")
        _ = self.identity  # fixed now: a memory's own file may change while the run waits

    @property
    def label(self) -> str:
        """The memory's name as people read it."""
        return self.model.label or self.model.memory

    @cached_property
    def identity(self) -> str:
        """Eight bytes, in hexadecimal, of the hash of everything that decides the result."""
        memory = load_memory(self.model.memory)
        everything = {
            "task": self.task.task.spec() | {"length": self.task.length},
            "model": _ADAPTER.dump_python(self)["model"]
            | {"label": "", "options": memory_options(memory) | self.model.options},
            "source": source_digest(self.model.memory),
            "training": _ADAPTER.dump_python(self)["training"],
            "seed": self.seed,
        }
        canonical = json.dumps(everything, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()

    @property
    def name(self) -> str:
        """The run's directory: readable first, unique last."""
        rate = self.training.learning_rate
        tried = "" if rate == Training().learning_rate else f"-lr{rate:g}"
        words = f"{self.task.name}-{self.task.length}-{self.label}{tried}-s{self.seed}"
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in words)
        return f"{safe}-{self.identity[:8]}"

    def build(self) -> SequenceModel:
        """The untrained model, initialised from the run's seed."""
        task, model = self.task.task, self.model
        kind = load_memory(model.memory)
        check_options(kind, model.options)
        try:
            check_sizes(kind, task.vocab_size, task.answers, model.width, model.layers, model.mlp_ratio, model.options)
            return build(
                kind,
                task.vocab_size,
                task.answers,
                width=model.width,
                layers=model.layers,
                mlp_ratio=model.mlp_ratio,
                seed=self.seed,
                **model.options,
            )
        except (RuntimeError, MemoryError, OverflowError) as error:  # what torch says of sizes beyond all bounds
            raise ValueError(f"{self.label} cannot be built at these sizes: {str(error).splitlines()[0]}") from None

    def _check_build(self) -> None:
        """Build it, unless a model of another seed has shown that it can be built: a study has hundreds of runs."""
        task, model = self.task.task, self.model
        sizes = (task.vocab_size, task.answers, model.width, model.layers, model.mlp_ratio, model.options)
        shown = (load_memory(model.memory), repr(sizes))
        if shown not in _BUILT:
            self.build()
            _BUILT.add(shown)

    def with_seed(self, seed: int) -> Run:
        return replace(self, seed=seed)

    def to_json(self) -> dict[str, Any]:
        return dict(_ADAPTER.dump_python(self, mode="json"))

    @staticmethod
    def from_json(content: Any) -> Run:
        """The inverse of `to_json`. Raises ValueError for unknown keys, wrong types and impossible settings."""
        try:
            text = json.dumps(content)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"run configuration: it is no JSON: {error}") from None
        try:
            return _ADAPTER.validate_json(text)  # strict, as JSON understands it
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValueError(" ".join(f"run configuration: {where or 'run'}: {first['msg']}".split())) from None


_ADAPTER = TypeAdapter(Run)
_BUILT: set[tuple[type[Memory], str]] = set()
"""Memories and sizes that a model has been built of."""
