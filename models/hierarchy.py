"""Linear attention over buckets that double with age: what both forms of log-linear attention share.

`memories/log_linear.py` has the equations. Tokens fall into blocks of 2^g that begin at a multiple of 2^g: a block
is a binary tree over chunks of C tokens, C x C attention inside a chunk, sums of pairs above, and past it the
buckets it began with, whose level is the same for all its tokens. O(T log T).

Shapes: q, k, u [B, H, T, K], v [B, H, T, V]; L levels; in a block P = 2^g tokens, N chunks, G = B H.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .layers import Projections, ReadOut, recent_floats
from .memory import Memory
from .transforms import outside_transforms

CHUNK = 32


class Buckets(NamedTuple):
    """S [B, H, n, K, V], keys [B, H, n, K]: the buckets, oldest first, and the sums of their keys.

    n is the number of ones of `seen`, the tokens so far, in binary. Where weights need no keys, they
    are [B, H, n, 0]. recent [B, 3, D]: the last inputs of the convolution.
    """

    recent: Tensor
    S: Tensor
    keys: Tensor
    seen: int


class Bucket(NamedTuple):
    """S [.., K, V] and the sum of keys [.., K] of `size` tokens, a power of two."""

    S: Tensor
    keys: Tensor
    size: int

    @property
    def level(self) -> int:
        """Where a later token finds it."""
        return self.size.bit_length()

    @property
    def mean(self) -> Tensor:
        return self.keys / self.size

    def merged(self, other: Bucket) -> Bucket:
        return Bucket(self.S + other.S, self.keys + other.keys, self.size + other.size)


def aligned_sizes(seen: int, T: int) -> Iterator[int]:
    """Sizes of the fewest blocks of 2^g tokens, each at a multiple of its size, that cover T tokens from `seen` on."""
    while T:
        largest = 1 << (T.bit_length() - 1)
        size = min(largest, seen & -seen) if seen else largest
        yield size
        seen, T = seen + size, T - size


@lru_cache(maxsize=64)
def members(C: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[C, L, C]: 1 where token s of a chunk is in the bucket of level l of token t."""
    with outside_transforms():  # made while evaluating, used again while training
        t = torch.arange(C, device=device)
        level = torch.frexp((t[:, None] ^ t).double()).exponent.tril()  # bit_length; 0 above the diagonal
        one_hot = level[:, None] == torch.arange(C.bit_length(), device=device)[:, None]
        one_hot[:, 0] = torch.eye(C, dtype=torch.bool, device=device)
        return one_hot.to(dtype)


def present(P: int, outside: int, device: torch.device) -> Tensor:
    """[P, L]: whether a token of a block has a bucket at each level of the block, and `outside` more that all have."""
    bits = torch.arange(P, device=device)[:, None] >> torch.arange(P.bit_length() - 1, device=device) & 1
    return F.pad(F.pad(bits, (1, 0), value=1), (0, outside), value=1).bool()


class Hierarchy(Memory):
    """Linear attention over buckets, weighed by what a subclass says."""

    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "size": "channels of a head's keys and values; 0: its share of the width",
    }

    by_keys = False
    """Whether weights look at the mean keys of buckets, which are carried only then."""

    def __init__(self, width: int, heads: int = 1, size: int = 0) -> None:
        super().__init__()
        self.project = Projections(width, heads, 3, size)
        self.read_out = ReadOut(width, heads, size=size)
        self.width, self.heads, self.size = width, heads, self.project.size

    @abstractmethod
    def gate(self, x: Tensor) -> Tensor:
        """x [B, T, D] -> what weights are made of, [B, H or 1, T, ..]."""

    @abstractmethod
    def weigh(self, gate: Tensor, live: dict[int, Bucket]) -> Tensor:
        """One token's weights [B, H, n] of the buckets by level, from its gate [B, H or 1, ..]."""

    @abstractmethod
    def weights(self, gate: Tensor, k: Tensor, outside: list[Bucket]) -> Tensor:
        """A block's weights [G, P, L] of the levels of a chunk, then of the buckets outside; zero where there is none.

        gate [B, H or 1, P, ..], k [G N, C, K]. Outside a chunk, each S [G n, K, V]: of every level of the block's
        tree the first of all n pairs, smallest first, then with n = 1 those before the block.
        """

    def inputs(self, x: Tensor, state: Buckets | None) -> tuple[tuple[Tensor, ...], Tensor, list[Bucket]]:
        """q, k, v and gates of x; what the convolution carries on; the buckets, oldest first."""
        projected, recent = self.project(x, state.recent if state else None)
        past = []
        if state is not None:
            sizes = [1 << p for p in reversed(range(state.seen.bit_length())) if state.seen >> p & 1]
            past = [Bucket(*parts) for parts in zip(state.S.unbind(2), state.keys.unbind(2), sizes, strict=True)]
        return (*projected, self.gate(x)), recent, past

    def outputs(self, reads: list[Tensor], recent: Tensor, past: list[Bucket]) -> tuple[Tensor, Buckets]:
        S, keys = (torch.stack(parts, dim=2) for parts in zip(*((b.S, b.keys) for b in past), strict=True))
        return self.read_out(torch.cat(reads, dim=2)), Buckets(recent, S, keys, sum(b.size for b in past))

    def pooled(self, k: Tensor) -> Tensor:
        return k if self.by_keys else k[..., :0]

    def forward(self, x: Tensor, state: Buckets | None = None) -> tuple[Tensor, Buckets]:
        tokens, recent, past = self.inputs(x, state)
        sizes = list(aligned_sizes(state.seen if state else 0, x.shape[1]))
        reads = []
        for q, k, v, gate in zip(*(a.split_with_sizes(sizes, dim=2) for a in tokens), strict=True):
            read, last = self.block(q, k, v, gate, past)
            while past and past[-1].size == last.size:
                last = past.pop().merged(last)
            past.append(last)
            reads.append(read)
        return self.outputs(reads, recent, past)

    def block(self, q: Tensor, k: Tensor, v: Tensor, gate: Tensor, past: list[Bucket]) -> tuple[Tensor, Bucket]:
        """P = 2^g tokens at a multiple of P, behind buckets of at least P: their reads, and the bucket they become."""
        B, H, P, K = q.shape
        C = min(P, CHUNK)
        q, k, v = (a.reshape(-1, C, K) for a in (q, k, v))
        S, keys, size = k.mT @ v, self.pooled(k).sum(1), C
        outside = []
        while size < P:
            (S, S_odd), (keys, keys_odd) = (a.view(len(a) // 2, 2, *a.shape[1:]).unbind(1) for a in (S, keys))
            outside.append(Bucket(S, keys, size))
            S, keys, size = S + S_odd, keys + keys_odd, 2 * size
        outside += [Bucket(old.S.flatten(0, 1), old.keys.flatten(0, 1), old.size) for old in past]

        weights = self.weights(gate, k, outside).reshape(len(q), C, -1)
        inside, *others = weights.split_with_sizes([C.bit_length()] + [1] * len(outside), dim=-1)
        # For every place t in a chunk, over all chunks: [N, L] @ [L, C], far faster than a gather and its gradient.
        spread = (inside.transpose(0, 1) @ members(C, q.dtype, q.device)).transpose(0, 1)
        reads = (q @ k.mT * spread) @ v
        for weight, bucket in zip(others, outside, strict=True):
            # Both of a pair multiply by its first, the first itself with weight zero: cheaper than to cut it out.
            n = len(bucket.S)
            reads = torch.baddbmm(reads.view(n, -1, K), (weight * q).view(n, -1, K), bucket.S)
        return reads.view(B, H, P, K), Bucket(S.view(B, H, K, K), keys.view(B, H, keys.shape[-1]), P)

    def definition(self, x: Tensor, state: Buckets | None = None) -> tuple[Tensor, Buckets]:
        (q, k, v, gate), recent, past = self.inputs(x, state)
        live, seen, reads = {bucket.level: bucket for bucket in past}, state.seen if state else 0, []
        for t in range(x.shape[1]):
            live[0] = Bucket(torch.einsum("bhk,bhv->bhkv", k[:, :, t], v[:, :, t]), self.pooled(k[:, :, t]), 1)
            weights = self.weigh(gate[:, :, t], live)
            S = torch.stack([bucket.S for bucket in live.values()], dim=2)
            reads.append(torch.einsum("bhn,bhnkv,bhk->bhv", weights, S, q[:, :, t]).unsqueeze(2))
            seen += 1
            lowest = (seen & -seen).bit_length() - 1
            merged = live.pop(0)
            for level in range(1, lowest + 1):
                merged = live.pop(level).merged(merged)
            live[lowest + 1] = merged
        return self.outputs(reads, recent, [live[level] for level in sorted(live, reverse=True)])

    def state_floats(self, length: int) -> int:
        each = self.size**2 + (self.size if self.by_keys else 0)
        return length.bit_count() * self.heads * each + recent_floats(self.width)

    def fullest_floats(self, length: int) -> int:
        return self.state_floats((1 << (length + 1).bit_length() - 1) - 1)  # of all lengths, the one of most ones

    def contents(self, state: Buckets) -> dict[str, Tensor]:
        return {"recent": state.recent, "buckets": state.S} | ({"bucket_keys": state.keys} if self.by_keys else {})

    def views(self, state: Buckets) -> dict[str, Tensor]:
        """Each bucket's matrix by itself, [B, H, K, V]: `bucket 1` is the oldest, and the largest."""
        return {f"bucket {n}": S for n, S in enumerate(state.S.unbind(2), 1)}
