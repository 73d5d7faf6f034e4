"""Compressing a signal [T, 32 channels] into N Legendre coefficients (LegS): samples a second (tokens times
channels) of the closed form beside the token-by-token recurrence, in one run, in processor time.

    whole     c = K f: one matrix product over all tokens
    blocks    c <- P c + K f: one for every block of 128 tokens
    step      c <- Abar c + Bbar f_k, the exact recurrence: a matrix of N x N for every token, which changes
    cheap     c <- c + (B f_k - A c) / k, Euler's steps, whose A c is a running sum of N numbers: nothing that
              goes token by token costs less (timed on random c: for k < N these steps do not even stay bounded)

Constants (K, P, Abar, Bbar) depend on T alone and are kept by whoever compresses more than once: the first
four rates are without building them, `build` is the seconds that takes for `whole` and `blocks`, and `new` the
ratio of `whole` to `step` when both build theirs. A step costs the same at every place, so `step` and
`cheap` are timed over the last 256 tokens alone."""

import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.hippo.legendre import carry, step, transition, write_weights

from .tables import Columns, Line
from .timing import seconds

CHANNELS, BLOCK, TIMED = 32, 128, 256
SIZES = (64, 256)
LENGTHS = (1024, 4096, 16384, 65536)


def rounded(*constants: object) -> tuple[Tensor, ...]:
    return tuple(torch.as_tensor(constant, dtype=torch.float32) for constant in constants)


def multiply_transition(B: Tensor, c: Tensor) -> Tensor:
    """A c for B [N, 1] and c [N, channels], by a running sum: off the diagonal, where n + 1 stands, A is B B^T."""
    diagonal = torch.arange(1, len(B) + 1)[:, None] - B.square()
    return torch.addcmul(B * (B * c).cumsum(0), diagonal, c)


def measure_setting(N: int, T: int) -> tuple[float, ...]:
    """Rates, ratios and seconds of one size and length."""
    f = torch.randn(T, CHANNELS)
    began = time.process_time()
    (K,) = rounded(write_weights(N, T))
    build_whole = time.process_time() - began
    whole = seconds(lambda: K @ f, repeats=5, warmup=1, clock=time.process_time)

    began = time.process_time()
    spans = [(t, min(t + BLOCK, T)) for t in range(0, T, BLOCK)]
    parts = [rounded(carry(N, t0, t1), write_weights(N, t1, t1 - t0)) for t0, t1 in spans]
    build_blocks = time.process_time() - began

    def in_blocks() -> Tensor:
        c = torch.zeros(N, CHANNELS)
        for (P, K), f_block in zip(parts, f.split(BLOCK), strict=True):
            c = torch.addmm(K @ f_block, P, c)
        return c

    blocks = seconds(in_blocks, repeats=5, warmup=1, clock=time.process_time)

    timed = min(TIMED, T)
    began = time.process_time()
    steps = [rounded(*step(N, k)) for k in range(T - timed, T)]
    build_step = (time.process_time() - began) / timed
    start, last = torch.randn(N, CHANNELS), f[-timed:]

    def by_steps() -> Tensor:
        c = start
        for (Abar, Bbar), f_k in zip(steps, last, strict=True):
            c = torch.addmm(torch.outer(Bbar, f_k), Abar, c)
        return c

    (B,) = rounded(transition(N)[:, :1])

    def cheaply() -> Tensor:
        c = start
        for k, f_k in enumerate(last, T - timed + 1):
            c = torch.add(c, B * f_k - multiply_transition(B, c), alpha=1 / k)
        return c

    exact = seconds(by_steps, repeats=3, warmup=1, clock=time.process_time) / timed
    cheap = seconds(cheaply, repeats=3, warmup=1, clock=time.process_time) / timed
    rates = [CHANNELS * T / whole, CHANNELS * T / blocks, CHANNELS / exact, CHANNELS / cheap]
    new = T * (exact + build_step) / (whole + build_whole)
    return *rates, T * exact / whole, T * cheap / whole, T * cheap / blocks, new, build_whole, build_blocks


def table(sizes: Sequence[int] = SIZES, lengths: Sequence[int] = LENGTHS) -> Iterator[Line]:
    rates = dict.fromkeys(("whole", "blocks", "step", "cheap"), ">15,.0f")
    ratios = dict.fromkeys(("whole/step", "whole/cheap", "blocks/cheap"), ">14,.0f")
    yield Columns({"N": ">4", "T": ">8,"} | rates | ratios | {"new": ">8,.0f", "build": ">9.3f", "(blocks)": ">9.3f"})
    for N in sizes:
        for T in lengths:
            yield N, T, *measure_setting(N, T)
