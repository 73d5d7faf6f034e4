"""Options of a memory are the same flat words whether its constructor takes them one by one or as one object."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, dataclass

import pytest
import torch

from models import MEMORIES, build_memory, check_options, memory_options
from models.memories.linear import LinearAttention
from models.option_source import declared_options
from models.options import meanings, option, option_defaults

OBJECTS = sorted(name for name, kind in MEMORIES.items() if option_defaults(kind))


@dataclass(frozen=True)
class PowerOptions:
    power: int = option(2, "exponent of the reads")
    sign: float = option(1.0, "factor of the reads")


class Power(LinearAttention):
    options = meanings(PowerOptions)

    def __init__(self, width: int, options: PowerOptions = PowerOptions()) -> None:
        super().__init__(width)
        self.power, self.sign = options.power, options.sign


class Plain(LinearAttention):
    def __init__(self, width: int, power: int = 2, sign: float = 1.0) -> None:
        super().__init__(width)
        self.power, self.sign = power, sign


@pytest.mark.parametrize("kind", [Power, Plain])
def test_fields_and_parameters_are_the_same_options(kind: type[Power | Plain]) -> None:
    assert memory_options(kind) == {"power": 2, "sign": 1.0}
    assert list(memory_options(kind)) == ["power", "sign"]
    memory = build_memory(kind, 8, power=3)
    assert (memory.power, memory.sign, memory.width) == (3, 1.0, 8)
    with pytest.raises(ValueError, match=f"{kind.__name__} has no option 'strength': it takes power, sign"):
        check_options(kind, {"strength": 1})
    with pytest.raises(ValueError, match=f"{kind.__name__}: power takes int values, not 1.5"):
        check_options(kind, {"power": 1.5})


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_of_options_is_its_fields_and_cannot_change(name: str) -> None:
    kind = MEMORIES[name]
    defaults = option_defaults(kind)
    assert asdict(defaults) == memory_options(kind)
    with pytest.raises(FrozenInstanceError):
        defaults.heads = 2
    weights = []
    for build in (lambda: build_memory(kind, 8, heads=2), lambda: kind(8, type(defaults)(heads=2))):
        torch.manual_seed(0)
        weights.append(torch.cat([p.flatten() for p in build().parameters()]))
    assert torch.equal(*weights)


@pytest.mark.parametrize("name", MEMORIES)
def test_the_source_of_a_memory_declares_the_options_that_its_class_has(name: str) -> None:
    assert list(declared_options(name).items()) == list(memory_options(MEMORIES[name]).items())


def test_no_memory_takes_more_than_eight_parameters_one_by_one() -> None:
    for name, kind in MEMORIES.items():
        if option_defaults(kind) is None:
            assert len(memory_options(kind)) <= 8, name
    assert {"grm", "residual", "ssc", "average", "elastic"} <= set(OBJECTS)
