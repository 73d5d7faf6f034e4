"""Validation of settings: fields in their declared types, plain data as frozen dataclasses, errors in one line."""

from __future__ import annotations

import json
import math
from dataclasses import field, fields
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

Validated = TypeVar("Validated")
STRICT = ConfigDict(extra="forbid", strict=True)
"""Keys that a dataclass does not know are refused, and no value is converted."""
LARGEST_FLOAT = 2**1023


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
