"""The mechanism of Memory Caching over any rule: segments, caches, pools. `memories/caching.py` has the equations.

A call is cut at the ends of segments into pieces. All tokens are written first, whole independent segments
of one length at the same time; then every piece gets its access to memories: its queries, the logits of its
gate, and the caches before it. `definition` goes token by token and reads with `read_token`.

Shapes: q, k [B, H, T, K], v [B, H, T, V], caches a stack [B, H, N, in, out] for every layer of the memory.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers import Projections, recent_floats
from ..memory import Memory
from ..options import meanings
from ..recurrent import Recurrent
from ..rule import Multiply, Open
from ..rules import rule_of
from .gates import Gate
from .layout import join_runs, merge_segments, repeat_start, split_segments, stack_caches
from .options import CachingOptions
from .reading import read_all
from .segments import Piece, Segments, powers, runs

Layers = tuple[Tensor, ...]
Positions = Tensor | None


class Caches(NamedTuple):
    """State of a caching memory.

    M: what the rule carries in the open segment; caches: a stack [B, H, N, in, out] for every layer.

    pooled [B, H, P]: the sum over the open segment; pools [B, H, N, P]: those of the closed ones.
    recent [B, 3, D]: the last inputs of the convolution; seen: tokens so far.
    """

    recent: Tensor | None
    M: Open
    pooled: Tensor
    caches: Layers
    pools: Tensor
    seen: int


class Access(NamedTuple):
    """Access of one piece of the sequence to its memories: its queries, and its gate's logits and caches on request.

    `logits()` are [B, H, C, 1 + N]; `caches()` those before the piece, a stack [B, H, N, in, out] for every layer. They
    are calls because some memories have no gate, and some need no copy of all caches for every piece. `oracle_caches`
    [B, C] numbers the cache that holds each token's answer, -1 for none; `first` is the first token's position.
    """

    q: Tensor
    logits: Callable[[], Tensor]
    caches: Callable[[], Layers]
    oracle_caches: Positions
    first: int


class CachingMemory(Recurrent):
    """Segments, caches and pools, shared by all forms of Memory Caching. A form adds how they are read."""

    period = 1
    options: ClassVar[Mapping[str, str]] = meanings(CachingOptions)

    def __init__(self, width: int, options: CachingOptions = CachingOptions()) -> None:
        Memory.__init__(self)
        heads, segment = options.heads, options.segment
        self.project = Projections(width, heads, 3, options.size)
        size = self.project.size
        deep = {name: getattr(options, name) for name in ("expansion", "inner", "unbounded")}
        rule = rule_of(options.base, heads, size, **deep)
        self.segments = Segments((segment,) if options.division == "constant" else powers(segment))
        if wrong := [length for length in self.segments.lengths if length % rule.inner]:
            raise ValueError(
                f"segment {wrong[0]} must be a multiple of {rule.inner} tokens, the inner chunk of base {options.base}"
            )
        self.goes_on = options.start == "checkpoint"
        self.detach = options.detach
        self.assemble(width, rule)
        self.gate = Gate(width, heads, rule.size)

    def weights(self, access: Access) -> Tensor:
        """Weights of the open memory, first, and of the caches before it, oldest first: [B, H, C, 1 + N]."""
        return access.logits().softmax(-1)

    @abstractmethod
    def mix(self, multiply: Multiply, accesses: list[Access]) -> Tensor:
        """The fast form's reads [B, H, T, V], from the access of every piece."""

    def read_token(self, memories: Layers, q: Tensor, weights: Tensor) -> Tensor:
        """The definition's read of one token q [B, H, 1, K] in memories [B, H, 1 + N, in, out]."""
        return read_all(self.rule, memories, q, weights)

    def append_caches(self, stack: Tensor, ends: list[Tensor]) -> Tensor:
        """The caches with those of segments that ended: [B, H, N, in, out] and more [B, H, 1, in, out]."""
        return stack_caches([stack, *ends])

    def begin(self, x: Tensor) -> Caches:
        M, B, H, P = self.rule.start(x), x.shape[0], self.rule.heads, self.gate.pooled_size
        caches = tuple(W.new_zeros(B, H, 0, *W.shape[2:]) for W in self.rule.matrices(M))
        return Caches(None, M, x.new_zeros(B, H, P), caches, x.new_zeros(B, H, 0, P), 0)

    def forward(
        self, x: Tensor, state: Caches | None = None, oracle_positions: Positions = None
    ) -> tuple[Tensor, Caches]:
        """Whole independent segments are written at once; then each reads the caches before it.

        oracle_positions [B, T]: where the answer of each token was written, -1 for unknown; an oracle reads there.
        """
        multiply, accesses, after = self.write_call(x, state, oracle_positions)
        return self.read_out(self.mix(multiply, accesses)), after

    def routing(self, x: Tensor, state: Caches | None = None, oracle_positions: Positions = None) -> Tensor:
        """The weights that `forward` of the same would read each memory with: [B, H, T, 1 + N].

        The open memory of each token first, then the caches, oldest first: all N there are before the last token,
        with weight 0 where one was yet to come. Caches that are not chosen have weight 0 too. Raises ValueError
        where memories are summed and not weighed.
        """
        _, accesses, _ = self.write_call(x, state, oracle_positions)
        weights = [self.weights(access) for access in accesses]
        N = weights[-1].shape[-1]
        return torch.cat([F.pad(w, (0, N - w.shape[-1])) for w in weights], dim=2)

    def write_call(
        self, x: Tensor, state: Caches | None, oracle_positions: Positions
    ) -> tuple[Multiply, list[Access], Caches]:
        """All of the fast form but the reading: multiplication by open memories, accesses, and the state after."""
        state = state or self.begin(x)
        q, k, v, g, recent = self.inputs(x, state.recent)
        pieces = self.segments.pieces(state.seen, x.shape[1])
        multiply, ends, M = self.write(x, state.M, k, v, g, pieces)
        u, p = self.gate.queries(x, q), self.gate.pooled(x, k)
        here, pools, pooled = self.pool(state.pooled, p, pieces)

        history = [self.cache_history(stack, more) for stack, more in zip(state.caches, ends, strict=True)]
        every_pool, old = stack_caches([state.pools, *pools]), state.pools.shape[2]
        accesses, first = [], state.seen
        sizes = [piece.length for piece in pieces]
        where: Sequence[Tensor | None] = [None] * len(sizes)
        if oracle_positions is not None:
            where = torch.split(self.cache_of(oracle_positions), sizes, dim=1)
        # A segment at a time, so that what it weighs stays in the processor's cache; split and cat,
        # because the gradient of a slice is as large as what it was cut from.
        parts = zip(*(torch.split(a, sizes, dim=2) for a in (q, u, here)), where, strict=True)
        for s, (q_s, u_s, here_s, where_s) in enumerate(parts):
            logits = partial(self.gate.logits, u_s, here_s, every_pool[:, :, : old + s])
            accesses.append(Access(q_s, logits, partial(self.caches_before, history, s), where_s, first))
            first += sizes[s]
        caches = tuple(self.append_caches(stack, more) for stack, more in zip(state.caches, ends, strict=True))
        return multiply, accesses, Caches(recent, M, pooled, caches, every_pool, first)

    def cache_history(self, stack: Tensor, ends: list[Tensor]) -> list[Tensor]:
        """One layer's caches before the call, and those added at the end of each piece."""
        return [stack, *ends]

    def caches_before(self, history: list[list[Tensor]], s: int) -> Layers:
        """The caches that piece s of a call may read."""
        return tuple(stack_caches(stacks[: s + 1]) for stacks in history)

    def write(
        self, x: Tensor, M: Open, k: Tensor, v: Tensor, g: Tensor, pieces: list[Piece]
    ) -> tuple[Multiply, list[list[Tensor]], Open]:
        """Multiplication of tokens by their open memory; matrices [B, H, 1, in, out] of every end; the open memory."""
        parts: list[tuple[int, int, Multiply]] = []
        ends: list[list[Tensor]] = [[] for _ in range(self.rule.depth)]
        start = 0
        for n, (length, ahead, closes) in runs(pieces, alone=self.goes_on):
            T = n * length
            k_n, v_n, g_n = (split_segments(a[:, :, start : start + T], n) for a in (k, v, g))
            if not self.goes_on and not ahead:
                M = type(M)(*(repeat_start(a, n) for a in self.rule.start(x)))
            multiply, M = self.rule.write(M, k_n, v_n, g_n)
            parts.append((n, T, multiply))
            start += T
            if closes:
                for stack, W in zip(ends, self.rule.matrices(M), strict=True):
                    W = merge_segments(W, n).unsqueeze(3)
                    stack += (W.detach() if self.detach else W).unbind(2)
        if pieces[-1].closes and not self.goes_on:
            M = self.rule.start(x)
        return join_runs(parts), ends, M

    def pool(self, pooled: Tensor, p: Tensor, pieces: list[Piece]) -> tuple[Tensor, list[Tensor], Tensor]:
        """Pools of the open segment at every token and of each segment that ends, and the open sum."""
        here: list[Tensor] = []
        pools: list[Tensor] = []
        start = 0
        for n, (length, ahead, closes) in runs(pieces, alone=False):
            tokens = p[:, :, start : start + n * length].reshape(*p.shape[:2], n, length, -1)
            upto = torch.ones(length, length, device=p.device, dtype=p.dtype).tril()  # faster than `cumsum`
            sums = upto @ tokens + pooled[:, :, None, None] if ahead else upto @ tokens
            count = torch.arange(ahead + 1, ahead + length + 1, device=p.device)[:, None]
            means = sums / count if self.gate.mean else sums
            here.append(means.flatten(2, 3))
            start += n * length
            if closes:
                pools += means[:, :, :, -1:].unbind(2)
            pooled = sums[:, :, -1, -1]
        return torch.cat(here, dim=2), pools, torch.zeros_like(pooled) if pieces[-1].closes else pooled

    def cache_of(self, positions: Tensor) -> Tensor:
        """Number of the segment that each position lies in; -1 stays."""
        rounds = positions // self.segments.cycle * len(self.segments.lengths)
        ends = torch.tensor(self.segments.ends, device=positions.device)
        segment = torch.bucketize(positions % self.segments.cycle, ends, right=True)
        return torch.where(positions < 0, positions, rounds + segment)

    def definition(
        self, x: Tensor, state: Caches | None = None, oracle_positions: Positions = None
    ) -> tuple[Tensor, Caches]:
        recent, M, pooled, caches, pools, seen = state or self.begin(x)
        q, k, v, g, recent = self.inputs(x, recent)
        u, p = self.gate.queries(x, q), self.gate.pooled(x, k)
        where = None if oracle_positions is None else self.cache_of(oracle_positions)
        reads = []
        for t in range(x.shape[1]):
            token = slice(t, t + 1)
            M = self.rule.step(M, k[:, :, t], v[:, :, t], g[:, :, t])
            pooled = pooled + p[:, :, t]
            seen += 1
            count = self.segments.ahead(seen - 1) + 1
            here = (pooled / count if self.gate.mean else pooled).unsqueeze(2)
            logits = partial(self.gate.logits, u[:, :, token], here, pools)
            now = None if where is None else where[:, token]
            weights = self.weights(Access(q, logits, partial(tuple, caches), now, seen - 1))
            open_ = self.rule.matrices(M)
            memories = tuple(torch.cat([W.unsqueeze(2), stack], dim=2) for W, stack in zip(open_, caches, strict=True))
            reads.append(self.read_token(memories, q[:, :, token], weights))
            if count == self.segments.lengths[self.segments.closed(seen - 1) % len(self.segments.lengths)]:
                last = [W.detach() if self.detach else W for W in open_]
                caches = tuple(
                    self.append_caches(stack, [W.unsqueeze(2)]) for stack, W in zip(caches, last, strict=True)
                )
                pools, pooled = torch.cat([pools, here], dim=2), torch.zeros_like(pooled)
                M = M if self.goes_on else self.rule.start(x)
        return self.read_out(torch.cat(reads, dim=2)), Caches(recent, M, pooled, caches, pools, seen)

    def state_floats(self, length: int) -> int:
        closed, pool = self.segments.closed(length), self.rule.heads * self.gate.pooled_size
        cached = self.num_caches(closed) * self.rule.matrix_floats()
        return self.rule.floats() + cached + (1 + closed) * pool + recent_floats(self.width)

    def num_caches(self, closed: int) -> int:
        """Number of caches after so many segments have ended."""
        return closed

    def contents(self, state: Caches) -> dict[str, Tensor]:
        assert state.recent is not None  # only before the first token
        carried = state.M._asdict().items()
        deep = len(state.caches) > 1
        return (
            {"recent": state.recent}
            | {f"open_{name}": part for name, part in carried if isinstance(part, Tensor)}
            | {f"caches_{n}" if deep else "caches": stack for n, stack in enumerate(state.caches, 1)}
            | {"open_pool": state.pooled, "pools": state.pools}
        )

    def views(self, state: Caches) -> dict[str, Tensor]:
        """Each memory by itself, [B, H, numbers], all layers of a deep one together: `open`, `cache 1` the oldest."""
        caches = torch.cat([stack.flatten(3) for stack in state.caches], dim=3)
        opened = torch.cat([W.flatten(2) for W in self.rule.matrices(state.M)], dim=2)
        return {"open": opened} | {f"cache {n}": cache for n, cache in enumerate(caches.unbind(2), 1)}
