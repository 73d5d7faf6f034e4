"""Cost of reading N caches: microseconds a token for one segment of 32 tokens that follows N cached ones,
4 sequences, width 32, k = 2 chosen, one thread, in its processor time.

    route      what decides between the caches: the gate's logits over all N, and the choice or softmax
    read       asking the open memory's caches: all N of them, or the chosen ones alone
    append     the state that comes back holds N + 1 caches, and copying them grows with N whoever reads
    forward    the whole call: projections, writing, routing, reading, appending
    fwd+bwd    the same and its gradients, none of which go into caches of earlier calls
    into       the same with gradients into all N caches: those of SSC are zeros but for the chosen

`of grm` is fwd+bwd divided by GRM's over the same rule. SSC reads the chosen states alone if its `read` stays
flat down the column while GRM's grows with N; `flat` is each memory's exponent of `read` from N = 32 on. A
residual memory over rules of one matrix keeps the sum of its caches, so N is 1 there whatever it says."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from models import MEMORIES, build_memory
from models.caching.memory import Access, CachingMemory
from models.caching.reading import read_all, read_chosen
from models.rules import RULES

from .lengths import exponent
from .resident import keep_freed_memory
from .tables import Columns, Line
from .timing import seconds

WIDTH, ROWS, SEGMENT = 32, 4, 32
COUNTS = (8, 32, 128, 512, 1024)
NAMES = ("residual", "grm", "soup", "ssc")
BASES = tuple(base for base in ("linear", "titans") if base in RULES)
REPEATS = 9


def filled_state(memory: CachingMemory, N: int, grown: bool = False) -> Any:
    """A state behind N segments, its caches drawn: what is in them costs nothing more or less to read."""
    x = torch.randn(ROWS, SEGMENT, WIDTH)
    with torch.no_grad():
        _, state = memory(x)
    kept = memory.num_caches(N)
    caches = tuple(torch.randn(ROWS, stack.shape[1], kept, *stack.shape[3:]) for stack in state.caches)
    pools = torch.randn(ROWS, state.pools.shape[1], N, state.pools.shape[3])
    for a in (*caches, pools) if grown else ():
        a.requires_grad_()
    return state._replace(caches=caches, pools=pools, seen=N * SEGMENT)


def microseconds(call: Callable[[], object]) -> float:
    """Microseconds a token."""
    return 1e6 * seconds(call, repeats=REPEATS, warmup=2, clock=time.process_time) / (ROWS * SEGMENT)


def costs(memory: CachingMemory, N: int) -> list[float]:
    """route, read, append, forward, fwd+bwd, into."""
    x = torch.randn(ROWS, SEGMENT, WIDTH, requires_grad=True)
    state, grown = filled_state(memory, N), filled_state(memory, N, grown=True)
    sparse = hasattr(memory, "route")

    def backward(state: Any) -> None:
        memory.zero_grad(set_to_none=True)
        memory(x, state)[0].square().mean().backward()

    with torch.no_grad():
        q, k, *_ = memory.inputs(x, state.recent)
        u, p = memory.gate.queries(x, q), memory.gate.pooled(x, k)

        def route() -> tuple[Tensor, ...]:
            access = Access(q, partial(memory.gate.logits, u, p, state.pools), lambda: state.caches, None, state.seen)
            return memory.route(access) if sparse else memory.weights(access).tensor_split([1], dim=-1)

        _, *routed = route()
        if not sparse:
            routed = [routed[0][..., -state.caches[0].shape[2] :]]
        ask = read_chosen if sparse else read_all
        parts = [
            microseconds(route),
            microseconds(lambda: ask(memory.rule, state.caches, q, *routed)),
            microseconds(lambda: [torch.cat([stack, stack[:, :, :1]], dim=2) for stack in state.caches]),
            microseconds(lambda: memory(x, state)),
        ]
    return [*parts, microseconds(lambda: backward(state)), microseconds(lambda: backward(grown))]


def table(bases: Sequence[str] = BASES, counts: Sequence[int] = COUNTS) -> Iterator[Line]:
    costs_of = ("route", "read", "append", "forward", "fwd+bwd", "into", "of grm")
    yield Columns({"base": "<10", "memory": "<10", "N": ">6"} | dict.fromkeys(costs_of, ">9.2f") | {"flat": ">7.2f"})
    for base in bases:
        grm: dict[int, float] = {}
        for name in sorted(NAMES, key=lambda name: name != "grm"):
            torch.manual_seed(0)
            memory = build_memory(MEMORIES[name], WIDTH, base=base, segment=SEGMENT)
            reads = []
            for N in counts:
                with keep_freed_memory():
                    found = costs(memory, N)
                grm.setdefault(N, found[4])
                reads.append(found[1])
                flat = exponent(counts[1:], reads[1:]) if counts[-1] == N else None
                yield base, name, N, *found, found[4] / grm[N], flat
