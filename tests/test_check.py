"""Every line of a memory's contract is tried by itself: a class that breaks one fails that check, with the mend."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from custom_memories import Hidden, Restless
from torch import Tensor, nn

from models import MEMORIES
from models.adapt import adapt
from models.contract import CHECKS, examine
from models.memory import Memory
from runners.cli.main import main


class Sums(Memory):
    """The sum of all inputs, mixed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.mix = width, nn.Linear(width, width)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        sums = x.cumsum(1) + (0 if state is None else state.h[:, None])
        return self.mix(sums), Hidden(sums[:, -1])

    def definition(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, outputs = torch.zeros_like(x[:, 0]) if state is None else state.h, []
        for token in x.unbind(1):
            h = h + token
            outputs.append(self.mix(h))
        return torch.stack(outputs, 1), Hidden(h)

    def state_floats(self, length: int) -> int:
        return self.width

    def contents(self, state: Any) -> dict[str, Tensor]:
        return state._asdict()


class Dropping(Sums):
    """pieces give the same; single steps give the same"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return super().forward(x, None)


class Ahead(Sums):
    """no output looks ahead; pieces give the same; single steps give the same"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        return y + 0.1 * torch.cat([x[:, 1:], x[:, -1:]], 1), state


class Mixing(Sums):
    """sequences of a batch are apart; training draws from the seed alone"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        return y - y.mean(0, keepdim=True), state

    definition = forward


class Understated(Sums):
    """the state is as large as is said"""

    def state_floats(self, length: int) -> int:
        return self.width // 2


class Growing(Sums):
    """the state is as large as is said; contents name the whole state"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = super().forward(x, state and state[0])
        return y, (after, x if state is None else torch.cat([state[1], x], 1))

    definition = forward

    def contents(self, state: Any) -> dict[str, Tensor]:
        return state[0]._asdict()


class Dead(Sums):
    """every weight has a gradient"""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.spare = nn.Linear(width, 1)


class Other(Sums):
    """by its definition the same"""

    def definition(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().definition(x, state)
        return 1.01 * y, state


class Single(Sums):
    """float64 is followed; bfloat16 is followed"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        return y.float(), state

    definition = forward


class Here(Sums):
    """the device is followed"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return super().forward(x, Hidden(torch.zeros(len(x), self.width, dtype=x.dtype)) if state is None else state)

    definition = forward


class Writing(Sums):
    """the state handed in is left alone"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = super().forward(x, state)
        if state is not None:
            state.h.copy_(after.h)
        return y, after

    definition = forward


BREAKING = (Dropping, Ahead, Mixing, Understated, Growing, Dead, Other, Single, Here, Writing)


def faults(memory: Memory, width: int = 8) -> dict[str, str]:
    return {finding.check: finding.detail for finding in examine(memory, width) if finding.failed}


@pytest.mark.parametrize("kind", BREAKING, ids=lambda kind: kind.__name__)
def test_a_broken_line_fails_its_own_checks_and_no_others(kind: type[Memory]) -> None:
    found = faults(kind(8))
    assert list(found) == str(kind.__doc__).split("; ")
    assert all(": " in detail or detail.startswith("as where ") for detail in found.values())  # the mend


def test_numbers_that_change_between_calls_are_seen() -> None:
    assert "a second time gives the same" in faults(Restless(8))


@pytest.mark.parametrize("kind", [Sums, adapt(nn.LSTM), adapt(nn.GRUCell)])
def test_a_sound_memory_fails_none(kind: type[Memory]) -> None:
    findings = list(examine(kind(8), 8))
    assert [finding.check for finding in findings if not finding.failed] == list(CHECKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMORIES)
def test_no_memory_of_the_registry_fails_one(name: str) -> None:
    assert not faults(MEMORIES[name](32), 32)


def test_the_command_lists_every_check_and_ends_with_1_where_one_fails(capsys: pytest.CaptureFixture) -> None:
    assert main(["check", f"{__file__}:Dropping", "torch.nn:GRUCell", "--width", "8"]) == 1
    told = capsys.readouterr().out
    assert all(told.count(check) >= 2 for check in CHECKS)
    assert "a sequence read in two pieces gives other outputs than at once (off by " in " ".join(told.split())
    assert told.count("FAILS") == 2


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (
            "torch.nn:Conv1d",
            r"needs kernel_size beside a width: give it in parentheses, Conv1d\(kernel_size=\.\.\.\)",
        ),
        ("torch.nn:LSTMM", "did you mean LSTM"),
        ("torch.nn:LSTM(layers=2)", "LSTM has no option 'layers': it takes num_layers"),
        ("torch.nn:ReLU", "ReLU takes no width by a known name"),
        ("torch.nn:MultiheadAttention(num_heads=2)", "does not read x"),
        ("torch.nn:LSTM(num_layers=0)", "LSTM cannot be built at width 32"),
        ("nowhere.at.all:X", "no module nowhere.at.all is installed"),
        ("test_check:Sums", r"belongs to no installed package: name its file, as .*test_check\.py:Sums"),
        ("collections:OrderedDict", "belongs to no installed package"),
    ],
)
def test_what_cannot_be_a_memory_is_one_sentence(word: str, why: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["check", word]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert re.search(why, told), told
