"""A million tokens in pieces of 8,192 through one layer, without gradients: width 32, defaults, one thread, in its
processor time.

Every memory takes part whose state after a million tokens is at most twice the one after ten thousand. `late` is
the rate over the last half of what was done, divided by the rate over the first: below 1, tokens cost more the
later they come. `MiB` is resident memory after a tenth, and what has come to it at the end: about 0 where memory
is constant (elastic keeps the constants it has built, up to 256 MiB, for all layers and later calls). A memory
that would take longer than half a minute is stopped, and says after how much."""

import time
from collections.abc import Iterator, Sequence

import torch

from models import MEMORIES

from .resident import resident
from .tables import Columns, Line

WIDTH, LENGTH, PIECE, LONGEST = 32, 1_000_000, 8192, 30.0
GROWTH = 2.0


def prefill(name: str, length: int, piece: int) -> tuple[float | str | None, ...]:
    """A memory's record after its name."""
    torch.manual_seed(0)
    memory = MEMORIES[name](WIDTH)
    generator = torch.Generator().manual_seed(0)
    state, done, tenth = None, 0, resident()
    times, tokens = [0.0], [0]
    early = 0.0
    with torch.no_grad():
        while done < length and (times[-1] < LONGEST or not done):
            x = torch.randn(1, min(piece, length - done), WIDTH, generator=generator)
            began = time.process_time()
            _, state = memory(x, state)
            times.append(times[-1] + time.process_time() - began)
            done += x.shape[1]
            tokens.append(done)
            if not early and done >= length / 10:
                early = tenth = resident()
    end, half = resident(), len(times) // 2
    rates = [(tokens[b] - tokens[a]) / max(times[b] - times[a], 1e-9) for a, b in ((0, half), (half, -1))]
    late = rates[1] / rates[0] if len(tokens) > 2 else None
    remark = None
    if done < length:
        remark = f"stopped after {done:,} tokens: all would take {length / done * times[-1]:,.0f} s at this rate"
        remark += "" if early else "; MiB from the start"
    return done / times[-1], late, tenth, end - tenth, 4 * memory.fullest_floats(done) / 1024, remark


def table(names: Sequence[str] = (), length: int = LENGTH, piece: int = PIECE) -> Iterator[Line]:
    numbers = {"tokens/s": ">12,.0f", "late": ">7.2f", "MiB": ">9.1f", "more": ">9+.1f", "state KiB": ">11.1f"}
    yield Columns({"memory": "<18"} | numbers | {"remark": "<60"})
    for name in names or MEMORIES:
        memory = MEMORIES[name](WIDTH)
        growth = memory.fullest_floats(10**6) / memory.fullest_floats(10**4)
        if growth > GROWTH:
            remark = f"left out: its state grows {growth:,.0f} times from 10^4 to 10^6 tokens"
            yield name, None, None, None, None, None, remark
        else:
            yield name, *prefill(name, length, piece)
