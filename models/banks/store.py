"""What is worth keeping once made, within a bound of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

V = TypeVar("V")


def size(value: Any) -> int:
    """Bytes of arrays, tensors and tuples of them."""
    return sum(map(size, value)) if isinstance(value, tuple) else int(value.nbytes)


class Store:
    """Values by key. Past `limit` bytes the one used longest ago goes first; the newest always stays."""

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes = limit, 0
        self.values: OrderedDict[Hashable, Any] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self.values

    def put(self, key: Hashable, value: Any) -> None:
        self.bytes += size(value) - (size(self.values.pop(key)) if key in self.values else 0)
        self.values[key] = value
        while self.bytes > self.limit and len(self.values) > 1:
            self.bytes -= size(self.values.popitem(last=False)[1])

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of the key, made where it is not values."""
        if key not in self.values:
            self.put(key, make())
        self.values.move_to_end(key)
        value: V = self.values[key]
        return value
