"""Parameters as derived: what each memory learns, counted by hand from its equations.

D is the width, H heads of K channels each; `o` holds every option. A new memory needs its line in FORMULAS.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from settings import IDS, SETTINGS

from models import MEMORIES, build, build_memory, memory_options

Formula = Callable[[int, int, int, Any], int]
TAPS = 4
AGES = 16
"""Segments that a gate by position tells apart."""


def projected(D: int, channels: int) -> int:
    """A matrix without bias and a convolution of its channels."""
    return D * channels + TAPS * channels


def attention(D: int, H: int, K: int, o: Any) -> int:
    """q, k, v and the matrix after the heads: 4 D^2 + 12 D."""
    return projected(D, 3 * H * K) + H * K * D


def linear(D: int, H: int, K: int, o: Any) -> int:
    """The same, and a scale after the norm of each head."""
    return projected(D, 3 * H * K) + H * K + H * K * D


def scalars(D: int, H: int, count: int) -> int:
    """So many gates a head: a linear map with bias each."""
    return count * H * (D + 1)


GATES = {"linear": 0, "gated": 2, "swla": 3, "delta": 1, "gated_delta": 2, "dla": 1, "titans": 3}
"""Scalars of a token and head, by rule: decays, strengths or rates, and momentum."""


def recurrent(rule: str) -> Formula:
    """Linear attention, the scalars of the rule, and of the deep ones an empty W_1 [K, F] and W_2 [F, K], F = e K."""

    def formula(D: int, H: int, K: int, o: Any) -> int:
        empty = 2 * H * K * (o.expansion or 4) * K if rule in ("dla", "titans") else 0
        return linear(D, H, K, o) + scalars(D, H, GATES[rule]) + empty

    return formula


def cached(D: int, H: int, K: int, o: Any) -> int:
    """The base: a cache is a state, not something learned."""
    return recurrent(o.base)(D, H, K, o)


def gated_caches(D: int, H: int, K: int, o: Any) -> int:
    """The base and W_u, D to the size of a pool, or a logit for every age."""
    pool = D if o.pool.endswith("inputs") else K
    return cached(D, H, K, o) + {"inputs": D * H * pool, "position": D * H * AGES}.get(o.gate, 0)


def elastic(D: int, H: int, K: int, o: Any) -> int:
    """Attention: the bank is given, and changes to it are N^2 + N L + S N."""
    N, S, L = o.num_coefficients, o.num_samples, o.block
    return attention(D, H, K, o) + (N * N + N * L + S * N if o.learned else 0)


def gru(D: int, H: int, K: int, o: Any) -> int:
    """Three gates of W x, U h and two biases, between a convolution and a matrix."""
    return TAPS * D + 3 * (D * D + D * D + D + D) + D * D


def hippo(D: int, H: int, K: int, o: Any) -> int:
    """w_x, w_h, then W_gx, W_hx, W_gc, W_hc: the coefficients' own matrices are given."""
    return TAPS * D + D + D + 2 * D * D + 2 * D * o.order + D * D


def lmu(D: int, H: int, K: int, o: Any) -> int:
    """e_x, e_h, e_m, then W_x, W_h, W_m."""
    m = o.order * o.channels
    return TAPS * D + (D + D + m) * o.channels + D * D + D * D + m * D + D * D


def lmu_parallel(D: int, H: int, K: int, o: Any) -> int:
    """W_u with its convolution, W_m, W_x, a scale and a matrix."""
    d = o.channels or D
    return projected(D, d) + o.order * d * D + D * D + D + D * D


FORMULAS: dict[str, Formula] = {
    "attention": attention,
    "window": attention,
    "linear": linear,
    "gated": recurrent("gated"),
    "swla": recurrent("swla"),
    "delta": recurrent("delta"),
    "gated_delta": recurrent("gated_delta"),
    "dla": recurrent("dla"),
    "titans": recurrent("titans"),
    "log_linear": lambda D, H, K, o: linear(D, H, K, o) + scalars(D, H, o.levels),
    "log_linear_plus": lambda D, H, K, o: linear(D, H, K, o) + D * H * K,
    "residual": cached,
    "grm": gated_caches,
    "soup": gated_caches,
    "ssc": gated_caches,
    "random_ssc": gated_caches,
    "oracle": gated_caches,
    "average": cached,
    "elastic": elastic,
    "gru": gru,
    "hippo": hippo,
    "lmu": lmu,
    "lmu_parallel": lmu_parallel,
    "transformer_xl": attention,
    "memorizing": lambda D, H, K, o: attention(D, H, K, o) + H,
    "infini": lambda D, H, K, o: linear(D, H, K, o) + H,
    "melodi": lambda D, H, K, o: attention(D, H, K, o) + o.num_summary * D + o.num_memory * (o.block + o.num_summary),
    "hybrid": lambda D, H, K, o: recurrent("gated")(D, H, K, o) + attention(D, H, K, o),
}


def derived(name: str, D: int, options: dict[str, Any]) -> int:
    o = SimpleNamespace(**{"heads": 1, "size": 0} | memory_options(MEMORIES[name]) | options)
    return FORMULAS[name](D, o.heads, o.size or D // o.heads, o)


def test_every_memory_has_a_formula() -> None:
    assert set(FORMULAS) == set(MEMORIES)


@pytest.mark.parametrize("D", [8, 24])
@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=IDS)
def test_a_memory_learns_as_much_as_its_equations_say(name: str, options: dict[str, Any], D: int) -> None:
    memory = build_memory(MEMORIES[name], D, **options)
    assert sum(p.numel() for p in memory.parameters()) == derived(name, D, options)


@pytest.mark.parametrize(("layers", "ratio", "vocabulary"), [(2, 2, 129), (1, 0, 7), (3, 4, 20)])
@pytest.mark.parametrize("name", MEMORIES)
def test_a_model_is_an_embedding_and_layers_of_memory_and_mlp(
    name: str, layers: int, ratio: int, vocabulary: int
) -> None:
    D = 16
    model = build(name, vocabulary, range(1, 5), width=D, layers=layers, mlp_ratio=ratio)
    layer = derived(name, D, {}) + 2 * ratio * D * D
    assert sum(p.numel() for p in model.parameters()) == vocabulary * D + layers * layer
