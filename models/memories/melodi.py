"""MELODI's short-term memory: windows compressed to a few tokens (Chen et al. 2024, arXiv 2410.03156).

The sequence is cut into windows of L tokens. Z are the memory's tokens, U the summary's, both as wide as the
model. Over a window X, one causal attention runs along Z, then X, then U:

    y_X, y_U = attention([X, U] to [Z, X, U])          X sees Z and its own past, U sees Z, all of X and its own past
    U <- U + y_U                                       at the window's end
    Z <- W [norm(X + y_X); norm(U)]  (+ U)             W [tokens of Z, L + tokens of U] mixes tokens, not channels

Z and U share the projections of X, after a norm and without the convolution: they are not neighbours.
Positions are rotary along Z, X, U. In the first window there is no Z to see, and U is learned.

As understood: the paper stacks such layers, hands U from layer to layer, and has a long-term memory beside;
this is one layer by itself, as Elastic Memory (arXiv 2602.11212) re-implements it. That U goes from window
to window here is read off that paper's table, where the state is Z and U, U's tokens are learned, and the
number of parameters added is that of U and of one W. The addition of U to Z where they are equally many is in
the authors' code; their bias and learned norms are left out.

Shapes: B batch, T time, D width, H heads, K head size; Z [B, Nz, D], U [B, Nu, D]; r tokens in the open window.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import Projections, ReadOut, check_rotary, check_sizes, recent_floats
from ..memory import Memory
from ..softmax import softmax_attention
from .attention import rotate


class Tokens(NamedTuple):
    """Z, U after the closed windows; of the open one k, v [B, H, r, K], k rotated, and x + y [B, r, D] of its tokens.

    recent [B, 3, D]: the last inputs of the convolution.
    """

    recent: Tensor
    Z: Tensor
    U: Tensor
    k: Tensor
    v: Tensor
    open: Tensor
    closed: int


def norm(x: Tensor) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), eps=1e-6)


class Melodi(Memory):
    """A few tokens that attend to a window at its end and are mixed with it into the memory of the next."""

    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "block": "tokens of a window, attended to among themselves, then compressed",
        "num_memory": "memory tokens a window attends to",
        "num_summary": "summary tokens that attend to a window at its end",
    }

    def __init__(
        self, width: int, heads: int = 1, block: int = 32, num_memory: int = 16, num_summary: int = 16
    ) -> None:
        super().__init__()
        check_sizes(block=block, num_memory=num_memory, num_summary=num_summary)
        self.project = Projections(width, heads)
        self.summary = nn.Parameter(torch.randn(num_summary, width))
        self.mix = nn.Parameter(torch.randn(num_memory, block + num_summary) * (block + num_summary) ** -0.5)
        self.read_out = ReadOut(width, heads, norm=False)
        check_rotary(self.project.size)
        self.width, self.heads, self.L, self.Nz, self.Nu = width, heads, block, num_memory, num_summary
        self.period = self.L

    def begin(self, x: Tensor, state: Tokens | None) -> tuple[Tensor, Tensor, Tensor, Tokens]:
        """Queries, keys and values of x, not rotated, and the state they come to."""
        (q, k, v), recent = self.project(x, state.recent if state else None)
        if state is None:
            B, D = x.shape[0], self.width
            U = self.summary.expand(B, -1, -1)
            state = Tokens(recent, x.new_zeros(B, self.Nz, D), U, k[:, :, :0], v[:, :, :0], x[:, :0], 0)
        return q, k, v, state._replace(recent=recent)

    def project_tokens(self, tokens: Tensor, place: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [B, H, N, K] of memory or summary tokens, the first of them at `place`."""
        B, N, _ = tokens.shape
        split = F.silu(norm(tokens) @ self.project.weight).view(B, N, 3, self.heads, -1)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        return rotate(q, place), rotate(k, place), v

    def place(self, x: Tensor, r: int) -> Tensor:
        """x [B, H, T, K] rotated by the places of its tokens along Z, X, U; r of the first window came before."""
        B, H, T, K = x.shape
        n = -(-(r + T) // self.L)
        if n == 1:
            return rotate(x, self.Nz + r)
        padded = F.pad(x, (0, 0, r, n * self.L - r - T)).view(B, H, n, self.L, K)
        return rotate(padded, self.Nz).flatten(2, 3)[:, :, r : r + T]

    def forward(self, x: Tensor, state: Tokens | None = None) -> tuple[Tensor, Tokens]:
        """A window at a time, for each needs the memory of the one before, and not linearly."""
        q, k, v, (recent, Z, U, k_open, v_open, open, closed) = self.begin(x, state)
        T, r = x.shape[1], open.shape[1]
        q, k = self.place(q, r), self.place(k, r)
        ends = [*range(self.L - r, T, self.L), T]
        sizes, ys = [end - start for start, end in pairwise([0, *ends])], []
        # Not slices, whose gradients are as large as what they were cut from.
        for query, key, value, token in zip(*(torch.split(a, sizes, dim=-2) for a in (q, k, v, x)), strict=True):
            n = query.shape[2]
            k_open, v_open = torch.cat([k_open, key], dim=2), torch.cat([v_open, value], dim=2)
            keys, values = [k_open], [v_open]
            if closed:
                _, key, value = self.project_tokens(Z, 0)
                keys, values = [key, *keys], [value, *values]
            if k_open.shape[2] == self.L:
                asked, key, value = self.project_tokens(U, self.Nz + self.L)
                query, keys, values = torch.cat([query, asked], dim=2), [*keys, key], [*values, value]
            k_all, v_all = torch.cat(keys, dim=2), torch.cat(values, dim=2)
            asking, total = query.shape[2], k_all.shape[2]  # who asks comes last among who is asked
            seen = torch.ones(asking, total, dtype=torch.bool, device=x.device).tril(total - asking)
            out = self.read_out(softmax_attention(query, k_all, v_all, seen))
            y, out = out[:, :n], out[:, n:]
            ys.append(y)
            open = torch.cat([open, token + y], dim=1)
            if k_open.shape[2] == self.L:
                U = U + out
                Z = torch.matmul(self.mix, torch.cat([norm(open), norm(U)], dim=1))
                Z = Z + U if self.Nz == self.Nu else Z
                k_open, v_open = (a.new_empty(*a.shape[:2], 0, a.shape[3]) for a in (k, v))
                open, closed = x.new_empty(x.shape[0], 0, x.shape[2]), closed + 1
        return torch.cat(ys, dim=1), Tokens(recent, Z, U, k_open, v_open, open, closed)

    def definition(self, x: Tensor, state: Tokens | None = None) -> tuple[Tensor, Tokens]:
        q, k, v, (recent, Z, U, k_open, v_open, open, closed) = self.begin(x, state)

        def read(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            """One token's read of the memory and of the window's keys and values so far."""
            if closed:
                _, k_memory, v_memory = self.project_tokens(Z, 0)
                keys, values = torch.cat([k_memory, keys], dim=2), torch.cat([v_memory, values], dim=2)
            logits = query @ keys.transpose(2, 3) * keys.shape[-1] ** -0.5
            out: Tensor = self.read_out(logits.softmax(-1) @ values)
            return out

        ys = []
        for t in range(x.shape[1]):
            place = self.Nz + k_open.shape[2]
            k_open = torch.cat([k_open, rotate(k[:, :, t : t + 1], place)], dim=2)
            v_open = torch.cat([v_open, v[:, :, t : t + 1]], dim=2)
            ys.append(read(rotate(q[:, :, t : t + 1], place), k_open, v_open))
            open = torch.cat([open, x[:, t : t + 1] + ys[-1]], dim=1)
            if k_open.shape[2] == self.L:
                outs = []
                for i in range(self.Nu):
                    asked, key, value = self.project_tokens(U[:, i : i + 1], self.Nz + self.L + i)
                    k_open, v_open = torch.cat([k_open, key], dim=2), torch.cat([v_open, value], dim=2)
                    outs.append(read(asked, k_open, v_open))
                U = U + torch.cat(outs, dim=1)
                mixed = torch.einsum("zl,bld->bzd", self.mix[:, : self.L], norm(open))
                Z = mixed + torch.einsum("zu,bud->bzd", self.mix[:, self.L :], norm(U))
                Z = Z + U if self.Nz == self.Nu else Z
                k_open, v_open, open, closed = k[:, :, :0], v[:, :, :0], x[:, :0], closed + 1
        return torch.cat(ys, dim=1), Tokens(recent, Z, U, k_open, v_open, open, closed)

    def state_floats(self, length: int) -> int:
        return self.width * (self.Nz + self.Nu + 3 * (length % self.L)) + recent_floats(self.width)

    def contents(self, state: Tokens) -> dict[str, Tensor]:
        return {
            "recent": state.recent,
            "memory": state.Z,
            "summary": state.U,
            "open_keys": state.k,
            "open_values": state.v,
            "open_outputs": state.open,
        }
