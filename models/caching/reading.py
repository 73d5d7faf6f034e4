"""Reading many cached memories: all of them in a few matmuls, or for each token the chosen ones alone.

Shapes: N caches whose layers are [B, H, N, in, out], C tokens x [B, H, C, in], weights [B, H, C, N].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..rule import Rule
from ..transforms import inside_transform

TILE = 8
"""Tokens that share one copy of a cache's matrices: fewer cost copies, more cost padding."""


def weighted_sum(matrices: Tensor, x: Tensor, weights: Tensor) -> Tensor:
    """sum_n weights_n (x W_n) for one layer: one product, as the weights may be drawn into x."""
    return (weights.unsqueeze(-1) * x.unsqueeze(3)).flatten(3) @ matrices.flatten(2, 3)


class Weigh(torch.autograd.Function):
    """`weighted_sum` for pieces one after the other, each over the first caches of a stack: as many as it has weights.

    Under autograd every piece would keep a copy of its caches and of x times its weights, N^2 of each in
    all. Here gradients are worked out again, and those of all pieces added up in one place.
    """

    @staticmethod
    def forward(ctx: Any, matrices: Tensor, x: Tensor, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(matrices, x, *weights)
        return weigh(matrices, x, *weights)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        matrices, x, *weights = ctx.saved_tensors
        dmatrices, dx, dweights, start = torch.zeros_like(matrices), torch.empty_like(x), [], 0
        for w in weights:
            C, n = w.shape[2:]
            piece = slice(start, start + C)
            start += C
            x_s, dy_s, W = x[:, :, piece].unsqueeze(3), dy[:, :, piece], matrices[:, :, :n].flatten(2, 3)
            # The gradient of w x, as [B, H, C, n, in].
            d = (dy_s @ W.mT).view(*w.shape, x.shape[-1])
            dx[:, :, piece] = (w.unsqueeze(3) @ d).squeeze(3)
            dweights.append((d @ x_s.mT).squeeze(4))
            dmatrices[:, :, :n] += ((w.unsqueeze(-1) * x_s).flatten(3).mT @ dy_s).view_as(dmatrices[:, :, :n])
        return dmatrices, dx, *dweights


def weigh(matrices: Tensor, x: Tensor, *weights: Tensor) -> Tensor:
    """`Weigh` in plain operations."""
    pieces = zip(torch.split(x, [w.shape[2] for w in weights], dim=2), weights, strict=True)
    return torch.cat([weighted_sum(matrices[:, :, : w.shape[3]], x_s, w) for x_s, w in pieces], dim=2)


def weighted_sum_by_piece(matrices: Tensor, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """x [B, H, T, in] in pieces of C_s tokens, whose weights [B, H, C_s, n_s] are over the first n_s caches."""
    y: Tensor = (weigh if inside_transform() else Weigh.apply)(matrices, x, *weights)
    return y


def read_all(rule: Rule, layers: tuple[Tensor, ...], q: Tensor, weights: Tensor) -> Tensor:
    """sum_n weights_n M^(n)(q): every cache answers, and the answers are weighed."""
    if rule.depth == 1:
        return weighted_sum(layers[0], q, weights)
    x = q.unsqueeze(2)  # [B, H, 1, C, in]: all caches are asked the same
    for matrices in layers[:-1]:
        x = rule.activation(x @ matrices)
    last = (weights.transpose(2, 3).unsqueeze(-1) * x).transpose(2, 3).flatten(3)
    return torch.addcmul(last @ layers[-1].flatten(2, 3), weights.sum(-1, keepdim=True), q)


def read_chosen(rule: Rule, layers: tuple[Tensor, ...], q: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """sum_j weights_j M^(index_j)(q): index, weights [B, H, T, k], index -1 where there is nothing to choose.

    Pairs of a token and a cache are sorted by cache and laid out in tiles of one cache each, so that
    reading costs the pairs there are, however many caches exist: a copy of a cache serves a tile.
    """
    B, H, N = layers[0].shape[:3]
    T = index.shape[2]
    lane = torch.arange(B * H, device=q.device).view(B, H, 1, 1) * N
    token = torch.arange(B * H * T, device=q.device).view(B, H, T, 1).expand_as(index)[index >= 0]
    cache, order = (index + lane)[index >= 0].sort(stable=True)
    count = torch.bincount(cache, minlength=B * H * N)
    tiles = (count + TILE - 1) // TILE
    first = (tiles.cumsum(0) - tiles) * TILE - (count.cumsum(0) - count)
    slot = torch.arange(len(cache), device=q.device) + first[cache]
    filled = int(tiles.sum()) * TILE
    source = torch.full((filled,), B * H * T, device=q.device).scatter(0, slot, token[order])
    owner = torch.repeat_interleave(torch.arange(len(tiles), device=q.device), tiles)

    none = q.new_zeros(1, q.shape[-1])  # the padding of a tile asks nothing
    x = torch.cat([q.flatten(0, 2), none]).index_select(0, source).view(-1, TILE, q.shape[-1])
    asked = x
    for number, matrices in enumerate(layers):
        x = x if number == 0 else rule.activation(x)
        x = x @ matrices.flatten(0, 2).index_select(0, owner)
    if rule.depth > 1:
        x = x + asked
    place = torch.empty_like(slot).scatter(0, order, slot)  # of each pair, in the order of tokens
    share = weights[index >= 0].unsqueeze(-1) * x.flatten(0, 1).index_select(0, place)
    total = q.new_zeros(B * H * T, x.shape[-1]).index_add(0, token, share)
    return total.view(B, H, T, -1)
