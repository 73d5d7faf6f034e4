"""Softmax attention of queries to keys and values: torch's fused kernel, differentiable more than once.

The kernel itself has one derivative, no rule for `vmap` and none for forward mode. There torch's composition of
products and a softmax stands in, slower and larger.

Shapes: q [..., I, d], k, v [..., J, d]; mask [..., I, J], True or 0 where a query sees a key.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from .transforms import inside_transform


def plain_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """`Attend` in plain operations."""
    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)


class Attend(torch.autograd.Function):
    """torch's kernel with its own backward pass, unless that pass is to be differentiated in its turn."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.rest = mask, causal
        with torch.enable_grad():
            ctx.inputs = q, k, v = tuple(a.detach().requires_grad_() for a in (q, k, v))
            ctx.reads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        return ctx.reads.detach()  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        if torch.is_grad_enabled() or ctx.reads is None:
            found = torch.func.vjp(lambda *inputs: plain_attention(*inputs, *ctx.rest), q, k, v)[1](dy)
        else:
            found = torch.autograd.grad(ctx.reads, ctx.inputs, dy)
            ctx.reads = None
        return *found, None, None


def softmax_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """Each query's mean of the values, weighed by the softmax of its products with the keys over sqrt d."""
    if inside_transform():
        return plain_attention(q, k, v, mask, causal)
    if torch.is_grad_enabled() and any(a.requires_grad for a in (q, k, v)):
        return Attend.apply(q, k, v, mask, causal)  # type: ignore[no-untyped-call,no-any-return]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
