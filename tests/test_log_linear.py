"""Log-linear attention: its buckets are a number in binary, its fast form the dense one, its extremes are known."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models import build_memory, hierarchy
from models.hierarchy import Hierarchy, aligned_sizes
from models.memories.caching import GRM
from models.memories.linear import LinearAttention
from models.memories.log_linear import LogLinear, LogLinearPlus

torch.set_num_threads(1)
WIDTH = 8
KINDS = [LogLinear, LogLinearPlus]

both = pytest.mark.parametrize("kind", KINDS)


def make(kind: type[Hierarchy], **options: int) -> Hierarchy:
    """A memory away from its initial values, whose weights differ from token to token and level to level."""
    torch.manual_seed(1)
    memory = build_memory(kind, WIDTH, **options).double()
    with torch.no_grad():
        for parameter in memory.parameters():
            parameter += 0.5 * torch.randn_like(parameter)
    return memory


def tokens(T: int, B: int = 2) -> Tensor:
    return torch.randn(B, T, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(T))


def same(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, atol=1e-10, rtol=0)


def prefix_buckets(t: int) -> dict[int, range]:
    """The buckets of the tokens 0 .. t by level, read off the digits of t."""
    found, start = {}, 0
    for p in reversed(range(t.bit_length())):
        if t & 1 << p:
            found[p + 1] = range(start, start + (1 << p))
            start += 1 << p
    return found | {0: range(t, t + 1)}


@pytest.mark.parametrize("T", [1, 7, 32, 33, 100, 256])
def test_equal_weights_are_linear_attention(T: int) -> None:
    torch.manual_seed(0)
    memory, plain = LogLinear(WIDTH, heads=2).double(), LinearAttention(WIDTH, heads=2).double()
    assert torch.allclose(F.softplus(memory.bias), torch.ones(2, 16).double())
    with torch.no_grad():
        memory.bias.fill_(math.log(math.e - 1))  # one to the last digit of float64
    plain.load_state_dict({key: p for key, p in memory.state_dict().items() if key not in ("weight", "bias")})
    assert same(memory(tokens(T))[0], plain(tokens(T))[0])


def test_buckets_are_where_two_numbers_first_differ() -> None:
    for t in range(130):
        buckets = prefix_buckets(t)
        assert sorted(s for bucket in buckets.values() for s in bucket) == list(range(t + 1))
        assert all((t ^ s).bit_length() == level for level, bucket in buckets.items() for s in bucket)
        assert len(buckets) <= t.bit_length() + 1


@pytest.mark.parametrize("levels", [2, 5, 16])
@pytest.mark.parametrize("T", [5, 50, 64])
def test_the_fast_form_is_the_dense_one(T: int, levels: int) -> None:
    """(Q K^T * M) V with M_ts = lambda_t of level bit_length(t xor s), T x T."""
    memory, x = make(LogLinear, heads=2, levels=levels), tokens(T)
    (q, k, v), _ = memory.project(x)
    lambdas = torch.log1p(torch.exp(torch.einsum("btd,dhl->bhtl", x, memory.weight) + memory.bias[:, None]))
    M = torch.zeros(2, 2, T, T, dtype=torch.float64)
    for t in range(T):
        for s in range(t + 1):
            M[:, :, t, s] = lambdas[:, :, t, min((t ^ s).bit_length(), levels - 1)]
    assert same(memory(x)[0], memory.read_out((q @ k.mT * M) @ v))


@pytest.mark.parametrize("level", [0, 1, 3, 6])
def test_a_weight_at_one_level_reads_that_bucket_alone(level: int) -> None:
    memory, x = make(LogLinear), tokens(75)
    with torch.no_grad():
        memory.weight.zero_()
        memory.bias.fill_(-1e4)[:, level] = 1.0
    (q, k, v), _ = memory.project(x)
    y, _ = memory(x)
    for t in range(75):
        bucket = list(prefix_buckets(t).get(level, ()))
        read = q[:, :, t : t + 1] @ (k[:, :, bucket].mT @ v[:, :, bucket])
        assert same(y[:, t : t + 1], memory.read_out(read * math.log1p(math.e)))


def mix_one_by_one(u: list, q: list, k: list, v: list) -> list:
    """Log-linear++ of one head in numbers: each argument is T lists."""
    reads = []
    dot = lambda a, b: sum(x * y for x, y in zip(a, b, strict=True))  # noqa: E731
    for t in range(len(q)):
        matches, answers = [], []
        for bucket in prefix_buckets(t).values():
            mean = [sum(k[s][i] for s in bucket) / len(bucket) for i in range(len(q[t]))]
            matches.append(math.exp(dot(u[t], mean) / math.sqrt(len(mean))))
            answers.append([sum(dot(q[t], k[s]) * v[s][i] for s in bucket) for i in range(len(v[t]))])
        reads.append([dot(matches, column) / sum(matches) for column in zip(*answers, strict=True)])
    return reads


@pytest.mark.parametrize("T", [6, 45])
def test_log_linear_plus_is_a_softmax_over_the_mean_keys_of_buckets(T: int) -> None:
    memory, x = make(LogLinearPlus, heads=2), tokens(T, B=1)
    (q, k, v), _ = memory.project(x)
    u = (x @ memory.connector).view(1, T, 2, -1).transpose(1, 2)
    reads = [mix_one_by_one(*(a[0, head].tolist() for a in (u, q, k, v))) for head in range(2)]
    assert same(memory(x)[0], memory.read_out(torch.tensor([reads], dtype=torch.float64)))


def test_without_a_connector_log_linear_plus_is_the_mean_over_buckets() -> None:
    memory, x = make(LogLinearPlus), tokens(70)
    with torch.no_grad():
        memory.connector.zero_()
    (q, k, v), _ = memory.project(x)
    count = torch.tensor([t.bit_count() + 1.0 for t in range(70)], dtype=torch.float64)[:, None]
    assert same(memory(x)[0], memory.read_out((q @ k.mT).tril() @ v / count))


@pytest.mark.parametrize("segment", [1, 8, 64])
def test_where_the_second_segment_begins_log_linear_plus_is_grm(segment: int) -> None:
    """At t = 2^p both weigh the first 2^p tokens against the token itself."""
    memory, grm = make(LogLinearPlus, heads=2), build_memory(GRM, WIDTH, heads=2, segment=segment).double()
    grm.load_state_dict({"gate.weight" if key == "connector" else key: p for key, p in memory.state_dict().items()})
    x = tokens(segment + 1)
    assert same(memory(x)[0][:, -1], grm(x)[0][:, -1])


@both
def test_buckets_after_37_tokens_hold_32_and_4_and_1(kind: type[Hierarchy]) -> None:
    memory, x = make(kind), tokens(37)
    (_, k, v), _ = memory.project(x)
    _, state = memory(x)
    cuts = (32, 36)
    sums = [a.mT @ b for a, b in zip(k.tensor_split(cuts, dim=2), v.tensor_split(cuts, dim=2), strict=True)]
    assert same(state.S, torch.stack(sums, dim=2))
    if kind is LogLinearPlus:
        assert same(state.keys, torch.stack([a.sum(2) for a in k.tensor_split(cuts, dim=2)], dim=2))


@both
def test_a_state_is_as_many_buckets_as_its_length_has_ones(kind: type[Hierarchy]) -> None:
    memory = make(kind)
    for T in range(1, 70):
        _, state = memory(tokens(T))
        assert state.S.shape[2] == bin(T).count("1")
        assert memory.state_floats(T) == sum(part[0].numel() for part in memory.contents(state).values())


@both
def test_pieces_of_37_are_a_thousand_tokens(kind: type[Hierarchy]) -> None:
    memory, x = make(kind, heads=2), tokens(1000)
    whole, last = memory(x)
    state, reads = None, []
    for piece in x.split(37, dim=1):
        y, state = memory(piece, state)
        reads.append(y)
    assert same(torch.cat(reads, dim=1), whole)
    assert state.seen == last.seen == 1000
    assert all(torch.allclose(a, b, atol=0, rtol=1e-10) for a, b in zip(state[:3], last[:3], strict=True))


@both
def test_the_definition_goes_on_from_any_count(kind: type[Hierarchy]) -> None:
    memory, x = make(kind), tokens(140)
    for cut in (31, 64, 95, 127):
        y, last = memory(x[:, cut:], memory(x[:, :cut])[1])
        slow, end = memory.definition(x[:, cut:], memory(x[:, :cut])[1])
        assert same(y, slow)
        assert same(last.S, end.S)
        assert same(last.keys, end.keys)


@both
def test_the_length_of_a_chunk_changes_nothing(kind: type[Hierarchy], monkeypatch: pytest.MonkeyPatch) -> None:
    memory, x = make(kind), tokens(90)
    whole, last = memory(x)
    for chunk in (1, 4, 128):
        monkeypatch.setattr(hierarchy, "CHUNK", chunk)
        y, state = memory(x)
        assert same(y, whole)
        assert same(state.S, last.S)


def test_blocks_lie_on_multiples_of_their_size_and_are_few() -> None:
    for seen in range(70):
        for T in range(1, 70):
            at = seen
            for size in (sizes := list(aligned_sizes(seen, T))):
                assert size & (size - 1) == 0
                assert at % size == 0
                at += size
            assert at == seen + T
            assert len(sizes) <= 2 * T.bit_length()


def test_levels_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="levels must be at least 1, not 0"):
        LogLinear(WIDTH, levels=0)
