"""Chunks of matrix products for memories S [K, V] whose every write is k v^T under one decay a head and token.

    S_t = alpha_t S_{t-1} + k_t v_t^T        `write_decayed`: gated linear attention, sliding window linear attention
    S_t = alpha_t S_{t-1} + beta_t k_t (v_t - alpha_t S_{t-1}^T k_t)^T       `write_corrected`: the delta rules

Inside a chunk of C tokens that begins at S_0, with D_tj = alpha_{j+1} ... alpha_t for j <= t, else 0, and a_t = D_t0,

    S_t^T q = a_t S_0^T q + sum_j D_tj (k_j . q) v_j,        S_C = a_C S_0 + sum_j D_Cj k_j v_j^T.

Every D is the exponential of a sum of finite logarithms <= 0: nothing overflows, and nothing is divided by a decay.
The sums are taken over their own terms, not as differences of running sums, which lose digits under strong decay.

The delta rules write u_t = v_t - alpha_t S_{t-1}^T k_t with strength beta_t, where u_t hangs on the u before it. Over
a chunk that is one triangular system, L_tj = beta_t D_tj (k_t . k_j) for j < t (the WY form of Yang et al. 2024,
arXiv 2406.06484; with decay Yang, Kautz, Hatamizadeh 2024, arXiv 2412.06464):

    beta u = (I + L)^{-1} beta (v - a S_0^T k)

It is solved by substitution. The product (I - L)(I + L^2)(I + L^4)... is the same in exact arithmetic, but where
keys repeat its factors grow until single precision holds nothing of the answer.

Shapes: k [B, H, T, K], v [B, H, T, V], log_alpha, beta [B, H, T], S [B, H, K, V]; N = B H T/C chunks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .rule import Multiply
from .transforms import at_least_single, inside_transform

CHUNK = 32
"""Work inside a chunk grows with C, work between chunks with K V / C: the two meet near C = K."""


class Decays(NamedTuple):
    """What is left within a chunk: from its start to each token, between tokens, from each token to its end.

    first [N, C, 1], between [N, C, W C], last [N, W C, 1] for W writes a token.
    """

    first: Tensor
    between: Tensor
    last: Tensor


def decays(log_alpha: Tensor, writes: int = 1) -> Decays:
    """log_alpha [N, C] of chunks."""
    C = log_alpha.shape[1]
    i = torch.arange(C, device=log_alpha.device)
    terms = (i[:, None, None] <= i[:, None]) & (i[:, None, None] > i)  # [i, t, j]: token i decays between j and t
    between = (log_alpha @ terms.view(C, C * C).to(log_alpha)).view(-1, C, C).exp().tril()
    upto = log_alpha.new_ones(C, C).tril()
    first, last = (log_alpha @ upto.mT).exp(), (log_alpha @ upto.tril(-1)).exp()
    return Decays(first.unsqueeze(-1), between.repeat(1, 1, writes), last.unsqueeze(-1).repeat(1, writes, 1))


def no_decay(like: Tensor) -> Decays:
    """Decays of 1 for every chunk of like [N, C, K]."""
    ones = like.new_ones(1, like.shape[1], 1)
    return Decays(ones, ones.expand(-1, -1, like.shape[1]).tril(), ones)


def into_chunks(x: Tensor, C: int) -> Tensor:
    """x [B, H, T, ...] as chunks [N, C, ...], the last one filled up with zeros."""
    short = -x.shape[2] % C
    if short:
        x = F.pad(x, (0, 0) * (x.dim() - 3) + (0, short))
    return x.reshape(-1, C, *x.shape[3:])


def multiply_by(starts: Tensor, left: Decays, k: Tensor, v: Tensor, C: int) -> Multiply:
    """Multiplication by the matrices of chunks that begin at `starts` [N, K, V] and write k v^T."""

    def multiply(layer: int, q: Tensor) -> Tensor:
        B, H, T, _ = q.shape
        q = into_chunks(q, C)
        inside = torch.bmm(torch.bmm(q, k.mT) * left.between, v)
        return torch.baddbmm(inside, q * left.first, starts).view(B, H, -1, v.shape[-1])[:, :, :T]

    return multiply


def write_decayed(S: Tensor, log_alpha: Tensor, *writes: tuple[Tensor, Tensor]) -> tuple[Multiply, Tensor]:
    """Every (k, v) of `writes` added at its token: multiplication by the matrices, and the last of them."""
    (B, H, K, V), T = S.shape, log_alpha.shape[2]
    C = min(CHUNK, T)
    k, v = (torch.cat([into_chunks(x, C) for x in part], dim=1) for part in zip(*writes, strict=True))
    left = decays(into_chunks(log_alpha, C), len(writes))
    added = torch.bmm((k * left.last).mT, v).view(B, H, -1, K, V)
    keep = left.first[:, -1:].view(B, H, -1, 1, 1)
    starts = []
    for a, new in zip(keep.unbind(2), added.unbind(2), strict=True):
        starts.append(S)
        S = torch.addcmul(new, a, S)
    return multiply_by(torch.stack(starts, dim=2).view(-1, K, V), left, k, v, C), S


class Inverse(torch.autograd.Function):
    """(I + L)^{-1}, L the part of x [N, C, C] below its diagonal; the gradient is two products, no second solve."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        X = substitute(x)
        ctx.save_for_backward(X)
        return X

    @staticmethod
    def backward(ctx: Any, dX: Tensor) -> Tensor:
        X: Tensor = ctx.saved_tensors[0]
        return (X.mT @ dX @ X.mT).tril(-1).neg_()


def substitute(x: Tensor) -> Tensor:
    """`Inverse` in plain operations."""
    wide = at_least_single(x)  # half precision has no triangular solve
    one = torch.eye(x.shape[-1], dtype=wide.dtype, device=x.device).expand(x.shape)
    X: Tensor = torch.linalg.solve_triangular(wide, one, upper=False, unitriangular=True).to(x)
    return X


def inverse(x: Tensor) -> Tensor:
    """(I + L)^{-1}, L the part of x [N, C, C] below its diagonal."""
    return substitute(x) if inside_transform() else Inverse.apply(x)  # type: ignore[no-untyped-call]


def write_corrected(S: Tensor, log_alpha: Tensor | None, k: Tensor, v: Tensor, beta: Tensor) -> tuple[Multiply, Tensor]:
    """Every k answers v to the fraction beta: multiplication by the matrices, and the last of them.

    Without log_alpha nothing decays.
    """
    (B, H, K, V), T = S.shape, k.shape[2]
    C = min(CHUNK, T)
    k, v, beta = into_chunks(k, C), into_chunks(v, C), into_chunks(beta, C).unsqueeze(-1)
    left = no_decay(k) if log_alpha is None else decays(into_chunks(log_alpha, C))
    scaled = k * beta
    solved = inverse(torch.bmm(scaled, k.mT) * left.between)
    # beta u = constant - linear S_0
    constant, linear = torch.bmm(solved, v * beta), torch.bmm(solved, scaled * left.first)
    ends = (k * left.last).mT
    keep = left.first[:, -1:] * torch.eye(K, dtype=k.dtype, device=k.device)
    carries = torch.baddbmm(keep, ends, linear, alpha=-1).view(B * H, -1, K, K)
    added = torch.bmm(ends, constant).view(B * H, -1, K, V)
    starts, S = [], S.reshape(B * H, K, V)
    for P, new in zip(carries.unbind(1), added.unbind(1), strict=True):
        starts.append(S)
        S = torch.baddbmm(new, P, S)
    before = torch.stack(starts, dim=1).view(-1, K, V)
    return multiply_by(before, left, k, torch.baddbmm(constant, linear, before, alpha=-1), C), S.view(B, H, K, V)
