"""Options of memories: keyword parameters of a constructor, or the fields of one frozen dataclass.

    class Mine(Memory):
        def __init__(self, width: int, decay: float = 1.0) -> None: ...

    class Mine(Memory):
        def __init__(self, width: int, options: MineOptions = MineOptions()) -> None: ...

Either way they are flat everywhere else: `decay=0.5` in `build`, `--decay 0.5` on the command line, `{"decay": 0.5}`
in a run's configuration. The second way suits a memory of more than eight options, and memories that share theirs.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from functools import lru_cache
from numbers import Number
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # torch, which the names of options do without
    from .memory import Memory

M = TypeVar("M", bound="Memory")
V = TypeVar("V", bool, int, float, str)


def option(default: V, meaning: str) -> V:
    """A field of a dataclass of options: its default, and what it means in words."""
    value: V = field(default=default, metadata={"meaning": meaning})
    return value


def meanings(kind: type) -> dict[str, str]:
    """The meaning of every option of a dataclass of options, in order."""
    return {f.name: f.metadata["meaning"] for f in fields(kind)}


def option_defaults(memory: type[Memory]) -> Any | None:
    """The dataclass object that is a memory's one parameter after its width; None for one of plain parameters."""
    parameters = parameters_after_width(memory)
    alone = parameters[0].default if len(parameters) == 1 else None
    return alone if is_dataclass(alone) else None


def memory_options(memory: type[Memory]) -> dict[str, Any]:
    """The options a memory takes beside its width, with their defaults."""
    if (defaults := option_defaults(memory)) is not None:
        return {f.name: getattr(defaults, f.name) for f in fields(defaults)}
    return {p.name: p.default for p in parameters_after_width(memory)}


@lru_cache(maxsize=256)  # a study asks for those of a few memories ten thousand times
def parameters_after_width(memory: type[Memory]) -> tuple[inspect.Parameter, ...]:
    """The parameters of a memory's constructor but the first."""
    parameters = list(inspect.signature(memory).parameters.values())[1:]
    return tuple(p for p in parameters if p.kind is not p.VAR_KEYWORD)


def takes_more(memory: type[Memory]) -> bool:
    """True for a constructor that hands on keywords which it does not name."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(memory).parameters.values())


def check_options(memory: type[Memory], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, each in the type of its default: 1 becomes 1.0 where that is a float, as do numbers of NumPy.

    Raises ValueError for an option that the memory does not have, or a value of another type.
    """
    known, given = memory_options(memory), dict[str, Any]()
    for name, value in options.items():
        if name not in known and not takes_more(memory):
            takes = ", ".join(known) or "no options"
            raise ValueError(f"{memory.__name__} has no option {name!r}: it takes {takes}")
        plain, kind = value, type(known.get(name, ""))
        if isinstance(value, Number) and hasattr(value, "item"):
            plain = value.item()
        if name not in known or known[name] is None:  # of another's module, whose default is no plain value
            given[name] = plain
            continue
        if type(plain) is not kind and (type(plain), kind) != (int, float):
            raise ValueError(f"{memory.__name__}: {name} takes {kind.__name__} values, not {value!r}")
        try:
            given[name] = kind(plain)
        except OverflowError:
            raise ValueError(f"{memory.__name__}: {name} takes float values, and {value:.0e} is too large") from None
    return given


def build_memory(memory: type[M], width: int, **options: Any) -> M:
    """One layer's memory from flat options. Raises ValueError for values that it refuses."""
    if (defaults := option_defaults(memory)) is not None:
        options = {"options": type(defaults)(**options)}
    return memory(width, **options)
