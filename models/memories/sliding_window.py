"""Attention to the last w tokens, t - w + 1 .. t, and no further (Beltagy et al. 2020, arXiv 2004.05150).

What is further away is gone from the layer, so its state stops growing: the floor for questions over
more than (layers x (w - 1)) tokens, and the fair opponent of a memory of as many numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers import Projections, ReadOut, check_rotary, recent_floats
from ..memory import Memory
from ..softmax import softmax_attention
from .attention import rotate


class Window(NamedTuple):
    """k, v [B, H, min(t, w-1), d], the last ones; `seen` is t, from which rotary positions go on; recent [B, 3, D]."""

    recent: Tensor
    k: Tensor
    v: Tensor
    seen: int


def attend(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor) -> Tensor:
    """Many short attentions: q [B, H, N, I, d], k, v [B, H, N, J, d], hidden [N, I, J] -> [B, H, N, I, d].

    A mask of numbers, once: given booleans, torch would turn them into numbers on both passes.
    """
    B, H, N, _, d = q.shape
    mask = q.new_zeros(hidden.shape).masked_fill(hidden, -torch.inf).unsqueeze(1).repeat(B * H, 1, 1, 1)
    q, k, v = (a.reshape(B * H * N, 1, -1, d) for a in (q, k, v))
    return softmax_attention(q, k, v, mask).view(B, H, N, -1, d)


def attend_in_bands(q: Tensor, k: Tensor, v: Tensor, w: int) -> Tensor:
    """q [B, H, T, d] are the last T of the places of k, v [B, H, J, d]; J - T is w - 1 at most.

    Chunks of w queries meet their own keys and the chunk of keys before: T x 2w products, not T x T.
    """
    B, H, T, d = q.shape
    past = k.shape[2] - T
    C = min(w, T)
    N = -(-T // C)
    q = F.pad(q, (0, 0, 0, N * C - T)).view(B, H, N, C, d)
    k, v = (F.pad(a, (0, 0, w - past, N * C - T)) for a in (k, v))  # w places before the first query
    if N == 1:
        k, v = k.unsqueeze(2), v.unsqueeze(2)
    else:
        k, v = (a.view(B, H, N + 1, C, d) for a in (k, v))
        k, v = (torch.cat([a[:, :, :-1], a[:, :, 1:]], dim=3) for a in (k, v))
    i = torch.arange(C, device=q.device)[:, None]
    j = torch.arange(w + C, device=q.device)
    chunk = torch.arange(N, device=q.device)[:, None, None]
    hidden = (j <= i) | (j > i + w) | (j + chunk * C < w - past)
    return attend(q, k, v, hidden).view(B, H, N * C, d)[:, :, :T]


class SlidingWindow(Memory):
    """Attention to the last `window` tokens, the present one among them. `rope` adds rotary positions."""

    period = 1
    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "window": "tokens a query sees, itself among them",
        "rope": "rotate queries and keys by their position",
    }

    def __init__(self, width: int, heads: int = 1, window: int = 32, rope: bool = False) -> None:
        super().__init__()
        if window < 1:
            raise ValueError(f"a window holds at least the token itself: window >= 1, not {window}")
        self.project = Projections(width, heads)
        self.read_out = ReadOut(width, heads, norm=False)
        self.width, self.window, self.rope = width, window, rope
        if rope:
            check_rotary(width // heads)

    def extend(self, x: Tensor, state: Window | None) -> tuple[Tensor, Window]:
        """The queries of x, and all keys and values they may see: the state before it is cut to w - 1."""
        (q, k, v), recent = self.project(x, state.recent if state else None)
        seen = 0 if state is None else state.seen
        if self.rope:
            q, k = rotate(q, seen), rotate(k, seen)
        if state is not None:
            k, v = torch.cat([state.k, k], dim=2), torch.cat([state.v, v], dim=2)
        return q, Window(recent, k, v, seen + x.shape[1])

    def cut(self, state: Window) -> Window:
        first = max(0, state.k.shape[2] - (self.window - 1))
        return state._replace(k=state.k[:, :, first:], v=state.v[:, :, first:])

    def forward(self, x: Tensor, state: Window | None = None) -> tuple[Tensor, Window]:
        q, window = self.extend(x, state)
        return self.read_out(attend_in_bands(q, window.k, window.v, min(self.window, window.k.shape[2]))), self.cut(
            window
        )

    def definition(self, x: Tensor, state: Window | None = None) -> tuple[Tensor, Window]:
        q, window = self.extend(x, state)
        T, total = x.shape[1], window.k.shape[2]
        reads = []
        for t in range(T):
            last = total - T + t + 1
            first = max(0, last - self.window)
            k, v = window.k[:, :, first:last], window.v[:, :, first:last]
            logits = torch.einsum("bhk,bhjk->bhj", q[:, :, t], k) * k.shape[-1] ** -0.5
            reads.append(torch.einsum("bhj,bhjv->bhv", logits.softmax(-1), v))
        return self.read_out(torch.stack(reads, dim=2)), self.cut(window)

    def state_floats(self, length: int) -> int:
        return 2 * self.width * min(length, self.window - 1) + recent_floats(self.width)

    def contents(self, state: Window) -> dict[str, Tensor]:
        return {"recent": state.recent, "keys": state.k, "values": state.v}
