"""Configuration of a run: everything that decides its result, as frozen data with an identity.

A Run round-trips through JSON; keys it does not know are refused. Its identity is a hash of its
canonical JSON, all defaults written out, so two Runs that would give the same numbers have one name.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, with_config

from models import build, memory_options
from models.notation import Mixer, Stack, format_stack, pattern_of
from models.stack import check_stack, is_alone, number_of_layers, with_options
from recall_tasks import Task, make_task

from ..formatting import safe_name
from .curriculum import POLICIES, Policy, check_policy
from .custom_code import class_title, load_memory, read_stack, source_digest, with_absolute_file
from .custom_tasks import all_fields, task_kind
from .model_sizes import check_sizes, half_precision
from .validation import STRICT, conform, setting, validate

if TYPE_CHECKING:  # torch, which a mistyped command does without
    from models import Memory, SequenceModel

Option = bool | int | float | str | None
LONGEST_NAME = 200
"""Most bytes in the name of a run's directory: file systems take 255, and names of its other files are longer."""
CLOCK = 120.0
"""`seconds` in every identity: it was a limit by the clock once, and now it decides nothing that is measured."""
DTYPES = {"float32": 4, "bfloat16": 2}
"""Bytes of a number."""
YOUNGER = {"unbounded": False}
"""Options that came after identities were published: left out of them at these values, as when there were none."""
YOUNGER_SETTINGS = {"dtype": "float32"}
"""Settings of models likewise, left out of records too."""


@with_config(STRICT)
@dataclass(frozen=True)
class TaskSetting:
    """A task by name, the fields that differ from its defaults, and the length it is trained at."""

    name: str
    length: int
    fields: dict[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        conform(self)
        object.__setattr__(self, "name", with_absolute_file(self.name))

    @property
    def title(self) -> str:
        """Name of the task in tables."""
        return class_title(self.name)

    @cached_property
    def task(self) -> Task:
        if taken := {"name", "preset"} & self.fields.keys():
            raise ValueError(f"{self.name}: unknown field {min(taken)!r}")
        return make_task(task_kind(self.name), None, **{str(name): value for name, value in self.fields.items()})


@with_config(STRICT)
@dataclass(frozen=True)
class ModelSetting:
    """The memories of a model (a name, `file.py:Class`, or a stack of them), their options, and the model around them.

    memory    in any word of `models.notation`; then the name of a memory alone, or the word of the layers repeated
    options   of a memory alone; those of a stack stand in its word
    layers    0 is as many as the word names, or 2 where it names one

    Raises ValueError for what is no notation or has options twice, and for a number of layers that does not fit.
    """

    memory: str
    options: dict[str, Option] = field(default_factory=dict)
    width: int = setting(32, "width of embedding and layers")
    layers: int = setting(0, "blocks of memory and MLP; 0 stands for 2, or for as many as a stack names")
    mlp_ratio: int = setting(2, "width of the MLP over that of the model; 0 leaves it out")
    label: str = ""
    dtype: str = setting(
        "float32", "precision of weights, states and products; updates are of a copy in float32", choices=tuple(DTYPES)
    )  # fmt: skip

    def __post_init__(self) -> None:
        conform(self)
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype takes {' or '.join(DTYPES)}, not {self.dtype!r}")
        if not self.label.isprintable():
            raise ValueError(f"a label is one line that can be printed, not {self.label!r}")
        named = with_options(with_paths(read_stack(self.memory)), self.options)
        stack = pattern_of(named)
        alone = stack[0][0] if is_alone(stack) else Mixer(format_stack(stack))
        if any(":" in mixer.name for layer in stack for mixer in layer):
            short = alone.title if is_alone(stack) else format_stack(without_paths(stack))
            object.__setattr__(self, "label", self.label or short)
        object.__setattr__(self, "memory", alone.name)
        object.__setattr__(self, "options", dict(alone.options))
        object.__setattr__(self, "layers", number_of_layers(named, self.layers))

    @property
    def item_size(self) -> int:
        """Bytes of a number in the state."""
        return DTYPES[self.dtype]

    @cached_property
    def stack(self) -> Stack:
        """The layers that are repeated."""
        return with_options(read_stack(self.memory), self.options)

    def with_stack(self, stack: Stack) -> ModelSetting:
        """The same model of other layers."""
        if is_alone(stack):
            return replace(self, memory=stack[0][0].name, options=dict(stack[0][0].options))
        return replace(self, memory=format_stack(stack), options={})

    @cached_property
    def found(self) -> Stack:
        """The layers with classes, and options in their types. Raises ValueError for what does not exist."""
        return check_stack(self.stack, load_memory)

    @cached_property
    def settled(self) -> ModelSetting:
        """The same model, with options in their types. Raises ValueError for what does not exist."""
        return self.with_stack(self.found)


def with_paths(stack: Stack, folder: str | Path = "") -> Stack:
    """The stack with the absolute path of every file (`with_absolute_file`)."""

    def locate(mixer: Mixer) -> Mixer:
        name = with_absolute_file(mixer.name, folder)
        path = name.rpartition(":")[0] if ".py:" in name else ""
        if not is_alone(stack) and (odd := re.search(r"[()|+*=,:]", path)):
            raise ValueError(f"{path} cannot stand in a stack, for {odd[0]!r} means something there: rename the folder")
        return replace(mixer, name=name)

    return tuple(tuple(map(locate, layer)) for layer in stack)


def without_paths(stack: Stack) -> Stack:
    """The stack with names that have no file or module."""
    return tuple(tuple(replace(mixer, name=mixer.title) for mixer in layer) for layer in stack)


@with_config(STRICT)
@dataclass(frozen=True)
class Training:
    """Training settings, the same for every model of a comparison; integers are as good as floats.

    `seconds` is a guard: it decides no number and is no part of a run's identity, since a run that reaches it is not
    finished. Each attempt has all of it, and goes on from the checkpoint of the one before.
    """

    updates: int = setting(2000, "budget of updates; the last fifth cools down")
    seconds: float = setting(3600.0, "guard: processor time of an attempt, after which the run is left unfinished")
    tokens: int = setting(8192, "tokens an update: longer sequences come in smaller batches")
    learning_rate: float = setting(1e-2, "peak rate of AdamW")
    weight_decay: float = setting(0.01, "weight decay of AdamW")
    warmup: int = setting(50, "updates until the peak rate")
    clip: float = setting(1.0, "limit of the gradient's norm")
    policy: str = setting(
        "adaptive", "length and load of updates: stages, the next at advance_at (adaptive) or after equal parts of the "
        "budget (schedule), the task itself (fixed), sampled lengths (uniform) or sampled stages (mixture)",
        choices=tuple(POLICIES),
    )  # fmt: skip
    curriculum: int = setting(4, "stages of doubling length and load")
    weights: str | None = setting(
        None, "of the stages in a mixture, shortest first: 1,1,2,4 (default: all alike)", kind=str
    )
    advance_at: float = setting(0.9, "training accuracy that moves on to the next stage, if adaptive")
    solve_at: float = setting(0.99, "validation accuracy that counts as solved and starts the cool-down")

    def __post_init__(self) -> None:
        conform(self)
        ranges = {"updates": (1, 10**9), "tokens": (1, 2**28), "curriculum": (1, 22), "warmup": (0, 10**9)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} takes an integer from {low} to {high:,}, not {value!r}")
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
    """One training run: task, model, training and seed. Raises ValueError for an impossible combination."""

    task: TaskSetting
    model: ModelSetting
    training: Training = Training()
    seed: int = 0

    def __post_init__(self) -> None:
        conform(self)
        task = self.task.task
        task.check_length(self.task.length)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed takes an integer from 0 to 2^63 - 1, not {self.seed}")
        here = all_fields(task, self.task.fields, self.task.name)
        object.__setattr__(self, "task", replace(self.task, fields=here))
        model = replace(self.model) if ".py:" in self.model.memory else self.model  # a file may have changed since
        object.__setattr__(self, "model", model.settled)
        self._check_build()
        if (taken := len(self.name.encode(errors="replace"))) > LONGEST_NAME:
            raise ValueError(f"the run's name takes {taken} bytes, over the limit of {LONGEST_NAME}: shorten the label")
        _ = self.identity  # fixed now: the file of a custom memory may change while the run waits

    @property
    def label(self) -> str:
        """Name of the memory in tables and figures."""
        return self.model.label or self.model.memory

    @cached_property
    def identity(self) -> str:
        """Hash of everything that decides the result: 8 bytes as hexadecimal."""
        written = self.to_json()
        return self.identity_of(written | {"training": written["training"] | {"seconds": CLOCK}})

    def identity_of(self, written: Mapping[str, Any]) -> str:
        """Identity of this run as its JSON has it: as run.json has it, the one that earlier versions gave it."""
        model, stack = written["model"] | {"label": ""}, self.model.found
        if is_alone(stack):
            model["options"] = dict(spelled_out(replace(stack[0][0], options=model["options"])).options)
        else:
            spelled = self.model.with_stack(tuple(tuple(map(spelled_out, layer)) for layer in stack))
            model |= {"memory": spelled.memory, "options": spelled.options}
        everything = dict(written) | {
            "task": self.task.task.spec() | {"length": self.task.length},
            "model": model,
            "source": source_digest(self.model.memory, self.task.name),
        }
        canonical = json.dumps(everything, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()

    @property
    def name(self) -> str:
        """Name of the run's directory: a readable part, then a unique one."""
        return f"{self._words}-{self.identity[:8]}"

    @cached_property
    def _words(self) -> str:
        rate = self.training.learning_rate
        marked = "" if rate == Training().learning_rate else f"-lr{rate:g}"
        return safe_name(f"{self.task.title}-{self.task.length}-{self.label}{marked}-s{self.seed}")

    def policy(self) -> Policy:
        """The choice of a length for each update."""
        task, how = self.task, self.training
        return POLICIES[how.policy](task.task, task.length, how.curriculum, how.updates, self.seed, how.weights)

    def build(self) -> SequenceModel:
        """The untrained model, initialised from the run's seed."""
        task, stack = self.task.task, self.model.found
        sizes = {name: getattr(self.model, name) for name in ("width", "layers", "mlp_ratio")}
        try:
            check_sizes(task, stack, **sizes)
            model = build(stack, task.vocab_size, task.answers, seed=self.seed, **sizes)
            if self.model.dtype != "float32":
                half_precision(model, self.label)
            return model
        except (RuntimeError, MemoryError, OverflowError) as error:  # from torch, for sizes beyond all bounds
            raise ValueError(f"{self.label} cannot be built at these sizes: {str(error).splitlines()[0]}") from None

    def _check_build(self) -> None:
        """Build the model, unless one of another seed has been built: a study has hundreds of runs."""
        task = self.task.task
        kinds = tuple(mixer.kind for layer in self.model.found for mixer in layer)
        key = (kinds, repr((task.vocab_size, task.answers, replace(self.model, label=""))))
        if key not in _BUILT:
            self.build()
            _BUILT.add(key)

    @cached_property
    def has_state(self) -> bool:
        """False for a model with nothing to probe: one with somebody's module that reads whole sequences only."""
        return ":" not in self.model.memory or not self.build().reads_whole

    def with_seed(self, seed: int) -> Run:
        return replace(self, seed=seed)

    def to_json(self) -> dict[str, Any]:
        written = dict(_ADAPTER.dump_python(self, mode="json"))
        model = {
            name: value for name, value in written["model"].items() if (name, value) not in YOUNGER_SETTINGS.items()
        }
        return written | {"model": model}

    @staticmethod
    def from_json(content: Any) -> Run:
        """The inverse of `to_json`. Raises ValueError for unknown keys, wrong types and impossible settings."""
        return validate(_ADAPTER, content, "run configuration")


def spelled_out(mixer: Mixer) -> Mixer:
    """The mixer with the defaults of its options, but for those that are younger than identities."""
    options = memory_options(mixer.kind) | dict(mixer.options) if mixer.kind else mixer.options
    older = {name: options[name] for name in sorted(options) if (name, options[name]) not in YOUNGER.items()}
    return replace(mixer, options=older)


_ADAPTER = TypeAdapter(Run)
_BUILT: set[tuple[tuple[type[Memory] | None, ...], str]] = set()
"""Memories and sizes of which a model has been built."""
