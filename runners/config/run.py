"""Configuration of a run: everything that decides its result, as frozen data with an identity.

A Run round-trips through JSON; keys it does not know are refused. Its identity is a hash of its
canonical JSON, all defaults written out, so two Runs that would give the same numbers have one name.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from models import build, check_options, memory_options
from recall_tasks import Task, make_task

from ..formatting import safe_name
from .curriculum import POLICIES, Policy, check_policy
from .custom_code import load_memory, source_digest

if TYPE_CHECKING:  # torch, which a mistyped command does without
    from models import Memory, SequenceModel

Option = bool | int | float | str | None
Validated = TypeVar("Validated")
STRICT = ConfigDict(extra="forbid", strict=True)
LONGEST_NAME = 200
"""Most bytes in the name of a run's directory: file systems take 255, and names of its other files are longer."""
CLOCK = 120.0
"""`seconds` in every identity: it was a limit by the clock once, and now it decides nothing that is measured."""
YOUNGER = {"unbounded": False}
"""Options that came after identities were published: left out of them at these values, as when there were none."""
LARGEST_FLOAT = 2**1023
LAYERS = 1024
LARGEST_SIZE = 2**31 - 1
NUMBERS = 2**28
"""Most parameters and constants of a model: 1 GiB, far beyond what is trained here."""
SMALL, LARGE = 2**24, 2**12
"""Numbers in a model, and sizes of its options, below which it is not counted: counting takes a second."""


def setting(default: Any, meaning: str, **flag: Any) -> Any:
    """A field with its text in `--help`; `flag`: the `kind` and `choices` of its values."""
    return field(default=default, metadata={"help": meaning, **flag})


@cache
def field_types(kind: type) -> dict[str, tuple[type, ...]]:
    """The types that each field of a dataclass takes, as it declares them."""
    hints = get_type_hints(kind)
    taken = {f.name: get_args(hint) if isinstance(hint := hints[f.name], UnionType) else (hint,) for f in fields(kind)}
    return {name: tuple(get_origin(one) or one for one in types) for name, types in taken.items()}


def conform(settings: object) -> None:
    """Give each field its declared type: 60 becomes 60.0, and numbers of NumPy become Python's.

    Raises ValueError, with the field, its value and what it takes, for a value of another type.
    """
    for name, types in field_types(type(settings)).items():  # type: ignore[arg-type]  # a class has a hash
        value = getattr(settings, name)
        value = value.item() if isinstance(value, np.generic) else value
        if types == (float,) and type(value) is int:
            value = float(value) if abs(value) < LARGEST_FLOAT else math.inf  # which is then out of range
        if type(value) not in types:
            takes = " or ".join("None" if one is type(None) else one.__name__ for one in types)
            raise ValueError(f"{name} takes {takes}, not {value!r}")
        object.__setattr__(settings, name, value)


@with_config(STRICT)
@dataclass(frozen=True)
class TaskSetting:
    """A task by name, the fields that differ from its defaults, and the length it is trained at."""

    name: str
    length: int
    fields: dict[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        conform(self)

    @cached_property
    def task(self) -> Task:
        if taken := {"name", "preset"} & self.fields.keys():
            raise ValueError(f"{self.name}: unknown field {min(taken)!r}")
        return make_task(self.name, None, **{str(name): value for name, value in self.fields.items()})


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
        conform(self)
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
        here = {name: getattr(task, name) for name in self.task.fields}
        options = check_options(load_memory(self.model.memory), self.model.options)
        object.__setattr__(self, "task", replace(self.task, fields=here))
        object.__setattr__(self, "model", replace(self.model, options=options))
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
        written = _ADAPTER.dump_python(self)
        return self.identity_of(written | {"training": written["training"] | {"seconds": CLOCK}})

    def identity_of(self, written: Mapping[str, Any]) -> str:
        """Identity of this run as its JSON has it: as run.json has it, the one that earlier versions gave it."""
        options = memory_options(load_memory(self.model.memory)) | written["model"]["options"]
        options = {name: value for name, value in options.items() if (name, value) not in YOUNGER.items()}
        everything = dict(written) | {
            "task": self.task.task.spec() | {"length": self.task.length},
            "model": written["model"] | {"label": "", "options": options},
            "source": source_digest(self.model.memory),
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
        return safe_name(f"{self.task.name}-{self.task.length}-{self.label}{marked}-s{self.seed}")

    def policy(self) -> Policy:
        """The choice of a length for each update."""
        task, how = self.task, self.training
        return POLICIES[how.policy](task.task, task.length, how.curriculum, how.updates, self.seed, how.weights)

    def build(self) -> SequenceModel:
        """The untrained model, initialised from the run's seed."""
        task, model = self.task.task, self.model
        kind = load_memory(model.memory)
        try:
            check_sizes(kind, task, model)
            return build_model(kind, task, model, self.seed)
        except (RuntimeError, MemoryError, OverflowError) as error:  # from torch, for sizes beyond all bounds
            raise ValueError(f"{self.label} cannot be built at these sizes: {str(error).splitlines()[0]}") from None

    def _check_build(self) -> None:
        """Build the model, unless one of another seed has been built: a study has hundreds of runs."""
        task = self.task.task
        key = (load_memory(self.model.memory), repr((task.vocab_size, task.answers, replace(self.model, label=""))))
        if key not in _BUILT:
            self.build()
            _BUILT.add(key)

    def with_seed(self, seed: int) -> Run:
        return replace(self, seed=seed)

    def to_json(self) -> dict[str, Any]:
        return dict(_ADAPTER.dump_python(self, mode="json"))

    @staticmethod
    def from_json(content: Any) -> Run:
        """The inverse of `to_json`. Raises ValueError for unknown keys, wrong types and impossible settings."""
        return validate(_ADAPTER, content, "run configuration")


def validate(adapter: TypeAdapter[Validated], content: Any, what: str) -> Validated:
    """The adapter's object from plain data. Raises ValueError, in one line with the place of the mistake."""
    try:
        return adapter.validate_json(json.dumps(content))  # strict, as JSON understands it
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "unexpected_keyword_argument":
            reason = "unknown key"
        raise ValueError(" ".join(": ".join(filter(None, (what, where, reason))).split())) from None
    except (TypeError, RecursionError) as error:
        raise ValueError(f"{what}: it is no JSON: {error}") from None


def check_sizes(kind: type[Memory], task: Task, model: ModelSetting) -> None:
    """Raises ValueError for more than LAYERS layers, and for a model of more than NUMBERS numbers."""
    width, layers, mlp_ratio, options = model.width, model.layers, model.mlp_ratio, model.options
    if any(type(size) is not int or size < 0 for size in (width, layers, mlp_ratio)):
        return  # `build` refuses it
    for name, value in {"width": width, "mlp_ratio": mlp_ratio, **options}.items():
        if type(value) is int and abs(value) > LARGEST_SIZE:
            raise ValueError(f"{name} takes integers up to {LARGEST_SIZE:,}, not {value:,}")
    if layers > LAYERS:
        raise ValueError(f"layers takes at most {LAYERS:,}, not {layers:,}")
    plain = task.vocab_size * width + layers * (8 + 2 * mlp_ratio) * width**2
    if plain <= SMALL and all(abs(value) <= LARGE for value in options.values() if type(value) is int):
        return
    one, two = (numbers_in(kind, task, replace(model, layers=n)) for n in (1, 2))
    numbers = one + (layers - 1) * (two - one)
    if numbers > NUMBERS:
        raise ValueError(f"a model of {numbers:,} numbers is over the limit of {NUMBERS:,}: choose smaller sizes")


def numbers_in(kind: type[Memory], task: Task, model: ModelSetting) -> int:
    """Count of a model's parameters and constants, without memory for them."""
    import torch  # as above

    with torch.device("meta"):
        built = build_model(kind, task, model)
    return sum(tensor.numel() for tensor in (*built.parameters(), *built.buffers()))


def build_model(kind: type[Memory], task: Task, model: ModelSetting, seed: int = 0) -> SequenceModel:
    """The untrained model of these sizes for a task."""
    sizes: dict[str, Any] = {"width": model.width, "layers": model.layers, "mlp_ratio": model.mlp_ratio}
    return build(kind, task.vocab_size, task.answers, seed=seed, **sizes | model.options)


_ADAPTER = TypeAdapter(Run)
_BUILT: set[tuple[type[Memory], str]] = set()
"""Memories and sizes of which a model has been built."""
