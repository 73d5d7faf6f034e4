"""What a probe may read beside contents: parts of a state, and what its memory makes of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from settings import IDS, SETTINGS
from torch import Tensor

from models import MEMORIES, build_memory
from models.caching.memory import CachingMemory
from models.hippo import measures
from models.memories.attention import rotate
from models.memories.caching import GRM, Residual
from models.memories.elastic import Elastic
from models.memories.hippo import HiPPO, reconstruct_signal
from models.memories.lmu import LMU
from models.memories.log_linear import LogLinear
from models.memory import Memory, State

torch.set_num_threads(1)
WIDTH = 8


def make(name: str, options: dict[str, Any]) -> Any:
    torch.manual_seed(1)
    return build_memory(MEMORIES[name], WIDTH, **options).double()


def tokens(T: int, B: int = 3) -> Tensor:
    return torch.randn(B, T, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(T))


def first_rows(state: State, count: int) -> State:
    if isinstance(state, Tensor):
        return state[:count]
    if isinstance(state, tuple):
        parts = [first_rows(part, count) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=IDS)
def test_views_are_of_each_row_by_itself(name: str, options: dict[str, Any]) -> None:
    memory = make(name, options)
    for T in (1, 9):
        _, state = memory(tokens(T))
        views, fewer = memory.views(state), memory.views(first_rows(state, 2))
        assert list(views) == list(fewer)
        assert not set(views) & set(memory.contents(state))
        for view, part in zip(views.values(), fewer.values(), strict=True):
            assert view.shape[0] == 3
            assert view[0].numel()
            assert torch.isfinite(view).all()
            assert torch.allclose(view[:2], part, atol=1e-12)


def test_a_memory_that_says_nothing_has_no_views() -> None:
    class Plain(Memory):
        forward = definition = state_floats = contents = None  # type: ignore[assignment]

    assert Plain().views(None) == {}


CACHED = [(n, o) for n, o in SETTINGS if issubclass(MEMORIES[n], CachingMemory) and "segment" in o]


@pytest.mark.parametrize(("name", "options"), CACHED)
@pytest.mark.parametrize("T", [1, 14, 15])
def test_views_of_caches_are_the_contents_cache_by_cache(name: str, options: dict[str, Any], T: int) -> None:
    memory = make(name, options)
    _, state = memory(tokens(T))
    views, contents = memory.views(state), memory.contents(state)
    caches = [view for title, view in views.items() if title != "open"]
    assert len(caches) == memory.num_caches(memory.segments.closed(T))
    assert torch.equal(views["open"], torch.cat([W.flatten(2) for W in memory.rule.matrices(state.M)], dim=2))
    stacks = [content.flatten(3) for title, content in contents.items() if title.startswith("caches")]
    assert torch.equal(torch.stack([*caches, views["open"]], dim=2)[:, :, :-1], torch.cat(stacks, dim=3))


def test_the_oldest_cache_is_the_first() -> None:
    memory, x = build_memory(GRM, WIDTH, segment=4).double(), tokens(11)
    _, early = memory(x[:, :5])
    _, late = memory(x)
    assert list(memory.views(late)) == ["open", "cache 1", "cache 2"]
    assert torch.allclose(memory.views(early)["cache 1"], memory.views(late)["cache 1"])


def test_caches_that_are_kept_as_their_sum_are_one_view() -> None:
    torch.manual_seed(1)
    memory, apart, x = (
        build_memory(Residual, WIDTH, segment=4).double(),
        build_memory(GRM, WIDTH, segment=4).double(),
        tokens(11),
    )
    apart.load_state_dict(memory.state_dict(), strict=False)
    views, each = memory.views(memory(x)[1]), apart.views(apart(x)[1])
    assert list(views) == ["open", "caches summed"]
    assert torch.allclose(views["caches summed"], each["cache 1"] + each["cache 2"])
    assert torch.allclose(views["open"], each["open"])


def test_views_of_buckets_are_the_contents_bucket_by_bucket() -> None:
    memory = LogLinear(WIDTH, heads=2).double()
    _, state = memory(tokens(13))
    views = memory.views(state)
    assert list(views) == ["bucket 1", "bucket 2", "bucket 3"]  # 8, 4 and 1
    assert torch.equal(torch.stack(list(views.values()), dim=2), memory.contents(state)["buckets"])


ELASTIC = [o for n, o in SETTINGS if n == "elastic" and "corruption" not in o]


@pytest.mark.parametrize("options", ELASTIC)
@pytest.mark.parametrize("T", [24, 25, 66])
def test_the_next_token_attends_to_the_reconstruction_and_its_block(options: dict[str, Any], T: int) -> None:
    memory: Elastic = make("elastic", options)
    for constant in memory.learned.values():
        torch.nn.init.constant_(constant, 0.01)
    _, state = memory(tokens(T))
    x = tokens(1)
    (q, k, v), _ = memory.project(x, state.recent)
    k, v = torch.cat([state.k, k], dim=2), torch.cat([state.v, v], dim=2)
    if memory.rope:
        q, k = rotate(q, k.shape[2] - 1), rotate(k, 0)
    if views := memory.views(state):
        k, v = (torch.cat([views[f"reconstructed {of}"], a], dim=2) for of, a in (("keys", k), ("values", v)))
    assert bool(views) == (T >= memory.L)
    reads = (q @ k.mT * k.shape[-1] ** -0.5).softmax(-1) @ v
    assert torch.allclose(memory.read_out(reads), memory.definition(x, state)[0], atol=1e-10)


@pytest.mark.parametrize("measure", ["legs", "legt", "lmu", "fourier"])
def test_a_smooth_signal_is_reconstructed(measure: str) -> None:
    def signals(points: int) -> Tensor:
        x = torch.arange(points, dtype=torch.float64).add(0.5).unsqueeze(1) / points
        return torch.cat([(torch.pi * x).sin() ** 2, x * (torch.pi * x).sin() ** 2], dim=1)

    N, T = 12, 96
    c = torch.tensor(measures.write_weights(measure, N, T, T).copy()) @ signals(T)
    assert torch.allclose(reconstruct_signal(measure, c[None])[0], signals(N), atol=0.03)


@pytest.mark.parametrize("measure", ["legs", "legt"])
def test_hippo_reconstructs_what_it_wrote(measure: str) -> None:
    torch.manual_seed(1)
    memory, T = HiPPO(WIDTH, order=12, measure=measure, window=96).double(), 96
    torch.nn.init.zeros_(memory.w_h)
    x = torch.linspace(0, 1, T, dtype=torch.float64)[:, None] ** 2 * tokens(1, B=2)
    written = memory.conv(x)[0] @ memory.from_x[:, 0]
    found = memory.views(memory(x)[1])["reconstruction"]
    assert torch.allclose(found, written[:, T // 24 :: T // 12], atol=0.1 * written.abs().max().item())


def test_lmu_reconstructs_what_each_channel_wrote() -> None:
    torch.manual_seed(1)
    memory, T = LMU(WIDTH, order=12, window=96, channels=2).double(), 96
    torch.nn.init.zeros_(memory.e_h)
    x = torch.linspace(0, 1, T, dtype=torch.float64)[:, None] ** 2 * tokens(1, B=2)
    written = memory.conv(x)[0] @ memory.e_x
    found = memory.views(memory(x)[1])["reconstruction"]
    assert torch.allclose(found, written[:, T // 24 :: T // 12], atol=0.1 * written.abs().max().item())
