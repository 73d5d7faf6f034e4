"""The parts every memory shares: short convolution, projections to heads, MLP."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .transforms import inside_transform

TAPS = 4


def fresh_taps(channels: int) -> Tensor:
    """Taps [4, channels] that begin as an even mix of a token and the one before it, and a little of the rest."""
    taps = 0.1 * torch.randn(TAPS, channels)
    taps[:2] += 0.5**0.5
    return taps


class Convolve(torch.autograd.Function):
    """y_t = sum_j taps_j * x_{t-j}: padded [B, 3 + T, C], its first three places the past, taps [4, C] -> [B, T, C].

    Shifted multiply-adds in place: on a CPU three times faster than a grouped `nn.Conv1d`, and half the
    backward pass of the same lines under autograd, which pads every slice's gradient with zeros.
    """

    @staticmethod
    def forward(ctx: Any, padded: Tensor, taps: Tensor) -> Tensor:
        ctx.save_for_backward(padded, taps)
        y = padded[:, TAPS - 1 :] * taps[0]
        for j in range(1, TAPS):
            y.addcmul_(padded[:, TAPS - 1 - j : -j], taps[j])
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        padded, taps = ctx.saved_tensors
        if torch.is_grad_enabled():  # this pass is to be differentiated in its turn
            return torch.func.vjp(shifted_sum, padded, taps)[1](dy)  # type: ignore[no-any-return]
        dx, dtaps = torch.empty_like(padded), torch.empty_like(taps)
        dx[:, : TAPS - 1] = 0
        torch.mul(dy, taps[0], out=dx[:, TAPS - 1 :])
        product = dy * padded[:, TAPS - 1 :]
        dtaps[0] = product.sum((0, 1))
        for j in range(1, TAPS):
            dx[:, TAPS - 1 - j : -j].addcmul_(dy, taps[j])
            dtaps[j] = torch.mul(dy, padded[:, TAPS - 1 - j : -j], out=product).sum((0, 1))
        return dx, dtaps


def shifted_sum(padded: Tensor, taps: Tensor) -> Tensor:
    """`Convolve` in plain operations."""
    T = padded.shape[1] - TAPS + 1
    return sum(padded[:, TAPS - 1 - j :][:, :T] * taps[j] for j in range(TAPS))  # type: ignore[return-value]


def convolve(padded: Tensor, taps: Tensor) -> Tensor:
    """SiLU of `Convolve`. With it a token can decline to write; without, linear memories learn half as fast."""
    y = shifted_sum(padded, taps) if inside_transform() else Convolve.apply(padded, taps)  # type: ignore[no-untyped-call]
    return F.silu(y)


def with_past(x: Tensor, recent: Tensor | None) -> Tensor:
    """x [B, T, D] behind the three inputs before it, or behind zeros: [B, 3 + T, D]."""
    return F.pad(x, (0, 0, TAPS - 1, 0)) if recent is None else torch.cat([recent, x], dim=1)


class ShortConvolution(nn.Module):
    """Depthwise causal convolution of four taps and SiLU, after the projections and before every memory.

    It lets a token see its neighbours, without which one layer cannot bind a key to the value beside
    it. Every memory has it, so no comparison turns on who does. What it carries is the last three
    inputs of the layer, from which those of its channels follow.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.taps = nn.Parameter(fresh_taps(channels))

    def forward(self, x: Tensor, recent: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x [B, T, D] and the last three inputs [B, 3, D] -> the same shapes."""
        padded = with_past(x, recent)
        return convolve(padded, self.taps), padded[:, x.shape[1] :]


def check_sizes(**sizes: int) -> None:
    """Raises ValueError for a size below 1, by its name."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, not {size}")


def check_rotary(size: int) -> None:
    """Raises ValueError for heads of odd size: rotary positions turn channels in pairs."""
    if size % 2:
        raise ValueError(f"rotary positions need an even head size, not {size}")


def head_size(width: int, heads: int, size: int = 0) -> int:
    """The size of a head: the one given, or the width's equal share where none is (0)."""
    if heads < 1 or (size == 0 and width % heads):
        raise ValueError(f"{heads} heads do not divide a width of {width}")
    if size < 0:
        raise ValueError(f"a head holds at least 1 channel (0: its share of the width), not {size}")
    return size or width // heads


class Projections(nn.Module):
    """x [B, T, D] -> `count` tensors [B, H, T, K]: one matrix, then a short convolution and SiLU.

    K is D/H, or `size` where it is given: a state may be larger than the model around it.
    """

    def __init__(self, width: int, heads: int, count: int = 3, size: int = 0) -> None:
        super().__init__()
        self.heads, self.count, self.size = heads, count, head_size(width, heads, size)
        channels = count * heads * self.size
        self.weight = nn.Parameter(torch.randn(width, channels) * width**-0.5)
        self.taps = nn.Parameter(fresh_taps(channels))

    def forward(self, x: Tensor, recent: Tensor | None = None) -> tuple[tuple[Tensor, ...], Tensor]:
        """The projections, and the last three inputs [B, 3, D] for the call that continues this one."""
        B, T, _ = x.shape
        padded = with_past(x, recent)
        split = convolve(padded @ self.weight, self.taps).view(B, T, self.count, self.heads, self.size)
        return split.permute(2, 0, 3, 1, 4).unbind(0), padded[:, T:]


class ReadOut(nn.Module):
    """[B, H, T, V] -> [B, T, D]: optional RMS norm of each head, then one matrix; V is D/H or `size`."""

    def __init__(self, width: int, heads: int, norm: bool = True, size: int = 0) -> None:
        super().__init__()
        V = head_size(width, heads, size)
        self.scale = nn.Parameter(torch.ones(heads, 1, V)) if norm else None
        self.weight = nn.Parameter(torch.randn(heads * V, width) * (heads * V) ** -0.5)

    def forward(self, reads: Tensor) -> Tensor:
        B, H, T, V = reads.shape
        if self.scale is not None:
            reads = F.rms_norm(reads, (V,), eps=1e-6) * self.scale
        return reads.transpose(1, 2).reshape(B, T, H * V) @ self.weight


class MLP(nn.Module):
    """Two matrices with a SiLU between, of `ratio` times the width inside."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.inner = nn.Parameter(torch.randn(width, ratio * width) * width**-0.5)
        self.outer = nn.Parameter(torch.randn(ratio * width, width) * (ratio * width) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x @ self.inner) @ self.outer


def recent_floats(width: int) -> int:
    """Numbers a short convolution carries."""
    return (TAPS - 1) * width
