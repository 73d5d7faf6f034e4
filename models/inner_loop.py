"""The inner loop of a deep memory: gradient descent on M(x) = x + W_2^T sigma(W_1^T x), a chunk of tokens at a time.

A token (k, v) has a loss L. With z = W_1^T k, h = sigma(z) and e = dL/dM(k) its gradients are

    dL/dW_1 = k d^T        dL/dW_2 = h e^T        d = (W_2 e) sigma'(z)

All gradients of an inner chunk are taken at the weights it began with (Behrouz, Zhong, Mirrokni 2024, Titans, arXiv
2501.00663, section 3.2). Weights W and momentum S are then linear in them, so no token needs weights of its own:

    W_t = a_t W_0 + f_t S_0 - sum_{i<=t} G_ti left_i right_i^T        left right^T = k d^T or h e^T
    S_C = c S_0 - sum_i m_i left_i right_i^T

A loop of matmuls carries the weights from chunk to chunk, and only what depends on them. An inner chunk changes
the result, unlike chunks elsewhere: C = 1 is the recurrence that takes every gradient at the last weights.

Shapes: X sequences x heads, N chunks, C tokens of one, K size of keys and values, F width inside, k, v [N, X, C, K],
W_1, S_1 [X, K, F], W_2, S_2 [X, F, K].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .chunk_momentum import Chunks, Contributions, Momentum
from .rule import Multiply
from .transforms import at_least_single, inside_transform

Layers = tuple[Tensor, Tensor]
"""One tensor for W_1 and one for W_2."""

Error = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(h, W_2, k, v) -> e."""


class Bend(torch.autograd.Function):
    """sigma and sigma' of the exact GELU, z Phi(z) and Phi(z) + z phi(z), from one Phi and one phi."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> tuple[Tensor, Tensor]:
        Phi = torch.erf(z * 0.5**0.5).add_(1).mul_(0.5)
        phi = z.square().mul_(-0.5).exp_().mul_((2 * math.pi) ** -0.5)
        slope = torch.addcmul(Phi, z, phi)
        ctx.save_for_backward(z, phi, slope)
        return Phi.mul_(z), slope

    @staticmethod
    def backward(ctx: Any, dh: Tensor, dslope: Tensor) -> Tensor:
        z, phi, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # this pass is to be differentiated in its turn
            return torch.func.vjp(bend, z)[1]((dh, dslope))[0]  # type: ignore[no-any-return]
        return torch.sub(2, z.square()).mul_(phi).mul_(dslope).addcmul_(dh, slope)


def bend(z: Tensor) -> tuple[Tensor, Tensor]:
    """`Bend` in plain operations."""
    Phi = (1 + torch.erf(z * 0.5**0.5)) / 2
    return z * Phi, Phi + z * torch.exp(-z.square() / 2) * (2 * math.pi) ** -0.5


class Descent(NamedTuple):
    """How gradients are taken: e of a token, and what root mean square h and d are shortened to, if they are."""

    error: Error
    limit: float | None = None


def gradients(W: Layers, k: Tensor, v: Tensor, descent: Descent) -> tuple[Tensor, Tensor, Tensor]:
    """h, e, d of tokens k, v [..., C, K] at the weights [..., K, F] and [..., F, K]."""
    h, slope = bend(k @ W[0]) if inside_transform() else Bend.apply(k @ W[0])  # type: ignore[no-untyped-call]
    e = descent.error(h, W[1], k, v)
    d = (e @ W[1].mT) * slope
    if descent.limit is None:
        return h, e, d
    return bound(h, descent.limit), e, bound(d, descent.limit)


def bound(e: Tensor, limit: float) -> Tensor:
    """e, shortened where its root mean square is above the limit."""
    wide = at_least_single(e)
    return (wide * (limit * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-12)).clamp(max=1)).to(e)


class Tokens(NamedTuple):
    """k, v [N, X, C, K] on their grid."""

    k: Tensor
    v: Tensor
    chunks: Chunks


class Turn(torch.autograd.Function):
    """a W + f S - x^T y and c S - p^T q: the end of a chunk out of its start, in few passes over the weights."""

    @staticmethod
    def forward(
        ctx: Any, W: Tensor, S: Tensor, a: Tensor, f: Tensor, c: Tensor, x: Tensor, y: Tensor, p: Tensor, q: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(W, S, a, f, c, x, y, p, q)
        return (W * a).addcmul_(S, f).baddbmm_(x.mT, y, alpha=-1), (S * c).baddbmm_(p.mT, q, alpha=-1)

    @staticmethod
    def backward(ctx: Any, dW: Tensor, dS: Tensor) -> tuple[Tensor, ...]:
        W, S, a, f, c, x, y, p, q = ctx.saved_tensors
        da, df, dc = ((d * of).sum((1, 2), keepdim=True) for d, of in ((dW, W), (dW, S), (dS, S)))
        before = (dS * c).addcmul_(dW, f)
        dx, dy = torch.bmm(y, dW.mT).neg_(), torch.bmm(x, dW).neg_()
        dp, dq = torch.bmm(q, dS.mT).neg_(), torch.bmm(p, dS).neg_()
        return dW * a, before, da, df, dc, dx, dy, dp, dq


def turn(W: Tensor, S: Tensor, *numbers: Tensor) -> tuple[Tensor, Tensor]:
    """`Turn` in plain operations."""
    a, f, c, x, y, p, q = numbers
    return torch.baddbmm(W * a + S * f, x.mT, y, alpha=-1), torch.baddbmm(S * c, p.mT, q, alpha=-1)


class DescentResult(NamedTuple):
    """W, S: weights and momentum after the last token; begun: the weights its chunk began with."""

    W: Layers
    S: Layers | None
    begun: Layers
    multiply: Multiply


def learn(
    W: Layers, S: Layers | None, begun: Layers, contributions: Contributions, tokens: Tokens, descent: Descent
) -> DescentResult:
    """The first chunk takes its gradients at `begun`, every other at its own beginning.

    Numbers of the contributions are multiplied into k and e, the short sides of their layers.
    """
    chunks, keys = tokens.chunks, tokens.k.unbind(0)
    last = contributions.G[:, :, -1].unsqueeze(-1)
    ends, scaled = last.unbind(0), (tokens.k * last).unbind(0)
    turns: list[tuple[Tensor, ...]] = []
    if contributions.momentum:
        a, f, c, m = contributions.momentum
        turns = list(zip(*(x.unbind(0) for x in (a[:, :, -1:], f[:, :, -1:], c, tokens.k * m, m)), strict=True))
    move = turn if inside_transform() else Turn.apply
    starts: list[tuple[Layers, Layers | None]] = []
    lefts: list[Layers] = []
    rights: list[Layers] = []
    for n, (k, v) in enumerate(zip(keys, tokens.v.unbind(0), strict=True)):
        starts.append((W, S))
        begun = W if n else begun
        h, e, d = gradients(begun, k, v, descent)
        lefts.append((k, h))
        rights.append((d, e))
        kw, ew = scaled[n], e * ends[n]
        if S is None:
            W = torch.baddbmm(W[0], kw.mT, d, alpha=-1), torch.baddbmm(W[1], h.mT, ew, alpha=-1)
        else:
            *keep, kp, m_n = turns[n]
            first = move(W[0], S[0], *keep, kw, d, kp, d)
            second = move(W[1], S[1], *keep, h, ew, h, e * m_n)
            W, S = (first[0], second[0]), (first[1], second[1])

    def multiply(layer: int, x: Tensor) -> Tensor:
        batch, x = len(x), chunks.cut(x)
        W, S = [W[layer] for W, _ in starts], [S[layer] for _, S in starts if S]
        own = multiply_starts(x, W, S, contributions.momentum)
        inside = zip(x.unbind(0), contributions.G.unbind(0), lefts, rights, own, strict=True)
        parts = [torch.baddbmm(y, (x @ left[layer].mT) * G, right[layer], alpha=-1) for x, G, left, right, y in inside]
        return chunks.join(parts, batch)

    return DescentResult(W, S, begun, multiply)


def multiply_starts(x: Tensor, W: list[Tensor], S: list[Tensor], momentum: Momentum | None) -> list[Tensor]:
    """W_0^T x, or a_t W_0^T x + f_t S_0^T x, of every chunk, x [N, X, C, in]."""
    if momentum is None:
        return [x_n @ W_n for x_n, W_n in zip(x.unbind(0), W, strict=True)]
    a, f = momentum.a, momentum.f
    if x.shape[-1] < W[0].shape[-1]:  # on the short side again
        parts = zip((x * a).unbind(0), (x * f).unbind(0), W, S, strict=True)
        return [torch.baddbmm(x_a @ W_n, x_f, S_n) for x_a, x_f, W_n, S_n in parts]
    gated = zip(x.unbind(0), a.unbind(0), f.unbind(0), W, S, strict=True)
    return [torch.addcmul(a_n * (x_n @ W_n), f_n, x_n @ S_n) for x_n, a_n, f_n, W_n, S_n in gated]
