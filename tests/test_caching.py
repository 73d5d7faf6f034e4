"""What the paper of Memory Caching says of its special cases, and what follows from its equations."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from models import MEMORIES, build, build_memory, rules
from models.caching.memory import CachingMemory
from models.caching.reading import read_all, read_chosen
from models.caching.segments import Piece, Segments, powers
from models.contract import check_contract
from models.memories.caching import GRM, SSC, Residual, Soup
from models.memories.controls import Average, Oracle, RandomSSC
from models.memories.linear import Additive, LinearAttention
from models.post_training import only_gates, with_caching
from models.rule import Rule
from models.rules import RULES

torch.set_num_threads(1)
WIDTH, T = 8, 24
FORMS = (Residual, GRM, Soup, SSC)
every_form = pytest.mark.parametrize("form", FORMS)
every_base = pytest.mark.parametrize("base", RULES)


def make(form: type[CachingMemory], **options: Any) -> CachingMemory:
    torch.manual_seed(1)
    return build_memory(form, WIDTH, **options).double()


def same(a: nn.Module, b: nn.Module) -> None:
    """Give b the weights of a that it has too."""
    b.load_state_dict(a.state_dict(), strict=False)


def tokens(length: int = T, B: int = 2) -> Tensor:
    return torch.randn(B, length, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(length))


class Plain(nn.Module):
    """A read-out that changes nothing, so that reads can be compared and not only their direction."""

    def forward(self, reads: Tensor) -> Tensor:
        return reads.transpose(1, 2).flatten(2)


def reads(memory: Any, x: Tensor, *state: Any) -> Tensor:
    memory.read_out = Plain()
    return memory(x, *state)[0]


def base_of(base: str) -> dict[str, Any]:
    return {"base": base, "inner": 4} if RULES[base].depth > 1 else {"base": base}


@every_form
@every_base
@pytest.mark.parametrize("start", ["independent", "checkpoint"])
def test_one_segment_is_the_base_memory(form: type[CachingMemory], base: str, start: str) -> None:
    memory = make(form, segment=T, start=start, **base_of(base))
    plain = build_memory(MEMORIES[base], WIDTH, **({"inner": 4} if RULES[base].depth > 1 else {})).double()
    same(memory, plain)
    assert torch.allclose(memory(tokens())[0], plain(tokens())[0], atol=1e-12)


@pytest.mark.parametrize("segment", [1, 4, 5, 24])
def test_summed_independent_caches_are_linear_attention_over_everything(segment: int) -> None:
    memory, plain = make(Residual, segment=segment), LinearAttention(WIDTH).double()
    same(memory, plain)
    assert torch.allclose(memory(tokens())[0], plain(tokens())[0], atol=1e-10)


@pytest.mark.parametrize("base", [name for name, rule in RULES.items() if rule.depth == 1])
@pytest.mark.parametrize("start", ["independent", "checkpoint"])
def test_soup_of_one_matrix_is_gated_residual_memory(base: str, start: str) -> None:
    soup, grm = make(Soup, segment=4, base=base, start=start), make(GRM, segment=4, base=base, start=start)
    assert torch.allclose(soup(tokens())[0], grm(tokens())[0], atol=1e-12)


@pytest.mark.parametrize("base", [name for name, rule in RULES.items() if rule.depth > 1])
def test_soup_of_deep_memories_is_another_memory(base: str) -> None:
    soup, grm = make(Soup, segment=4, base=base, inner=4), make(GRM, segment=4, base=base, inner=4)
    a, b = reads(soup, tokens()), reads(grm, tokens())
    assert torch.allclose(a[:, :4], b[:, :4], atol=1e-12)  # nothing is cached yet
    assert not torch.allclose(a[:, 8:], b[:, 8:], atol=1e-6)


@every_base
def test_choosing_every_cache_is_gated_residual_memory(base: str) -> None:
    options = {"segment": 4, "heads": 2, **base_of(base)}
    all_of_them, grm = make(SSC, chosen=5, **options), make(GRM, **options)
    x, other = tokens().requires_grad_(), tokens().requires_grad_()
    (y, _), (z, _) = all_of_them(x), grm(other)
    assert torch.allclose(y, z, atol=1e-12)
    y.square().sum().backward()
    z.square().sum().backward()
    assert torch.allclose(x.grad, other.grad, atol=1e-10)
    assert not torch.allclose(make(SSC, chosen=1, **options)(tokens())[0], y, atol=1e-6)


def test_a_constant_gate_is_the_sum_over_how_many_there_are() -> None:
    even, plain = make(GRM, segment=4, gate="constant"), make(Residual, segment=4)
    memories = 1 + torch.arange(T, dtype=torch.float64) // 4
    assert torch.allclose(reads(even, tokens()) * memories[:, None], reads(plain, tokens()), atol=1e-12)


class Vector(NamedTuple):
    diagonal: Tensor


class Valueless(Rule):
    """M(q) = k_t * q: a memory that holds the last key alone (Eqs. 18-20)."""

    def start(self, like: Tensor) -> Vector:
        return Vector(like.new_zeros(like.shape[0], self.heads, self.size, self.size))

    def step(self, M: Vector, k: Tensor, v: Tensor, g: Tensor) -> Vector:
        return Vector(torch.diag_embed(k))

    def matrices(self, M: Vector) -> tuple[Tensor, ...]:
        return (M.diagonal,)

    def floats(self) -> int:
        return self.heads * self.size**2


def test_segments_of_one_token_without_values_are_gated_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, "valueless", Valueless)
    memory, x = make(GRM, segment=1, base="valueless", scaled=False), tokens()
    (q, k, _), _ = memory.project(x)
    u = memory.gate.queries(x, q)
    logits = (u @ k.transpose(2, 3)).masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf)
    attention = q * (logits.softmax(-1) @ k)
    assert torch.allclose(reads(memory, x), attention.squeeze(1), atol=1e-12)


def read_weights(memory: CachingMemory, t: int) -> Tensor:
    """[T]: how much of each token's value the read of token t holds, for values and keys that are all the same."""
    length = t + 1
    v = torch.zeros(1, 1, length, WIDTH, dtype=torch.float64, requires_grad=True)
    ones = torch.full((1, 1, length, WIDTH), WIDTH**-0.5, dtype=torch.float64)
    x = torch.zeros(1, length, WIDTH, dtype=torch.float64)
    memory.inputs = lambda x, recent: (ones, ones, v, ones[..., :0], x)  # type: ignore[method-assign]
    (weights,) = torch.autograd.grad(reads(memory, x)[0, t].sum(), v)
    return weights[0, 0].mean(-1)


class PerHead(Additive):
    """Each head forgets at a rate of its own, a parameter."""

    def __init__(self, heads: int, size: int) -> None:
        super().__init__(heads, size)
        self.rate = nn.Parameter(torch.randn(heads))

    def step(self, M: Any, k: Tensor, v: Tensor, g: Tensor) -> Any:
        return type(M)(M.S * self.rate.sigmoid()[:, None, None] + k.unsqueeze(-1) * v.unsqueeze(-2))


class OwnRead(Additive):
    def read(self, multiply: Any, q: Tensor) -> Tensor:
        return super().read(multiply, q).tanh()


@pytest.mark.parametrize("start", ["independent", "checkpoint"])
@every_form
def test_a_rule_with_parameters_of_each_head_is_cached_as_it_is_written(
    form: type[CachingMemory], start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rules.RULES, "per_head", PerHead)
    check_contract(make(form, base="per_head", segment=4, heads=2, start=start), WIDTH)


def test_a_rule_that_reads_in_its_own_way_is_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, "own", OwnRead)
    with pytest.raises(ValueError, match=r"own cannot be cached: OwnRead\.read is its own"):
        make(GRM, base="own")


def test_a_token_counts_once_for_every_checkpoint_that_has_it() -> None:
    memory = make(Residual, segment=4, start="checkpoint")
    multiplicity = [(22 // 4) - (t // 4) + 1 for t in range(23)]
    assert torch.allclose(read_weights(memory, 22), torch.tensor(multiplicity, dtype=torch.float64))


def test_gates_over_checkpoints_can_only_fall_with_recency() -> None:
    gate = torch.tensor([0.5, 0.1, 0.2, 0.05, 0.15])  # the open memory, then the caches, oldest first
    for start, expected in (("independent", [0.1, 0.2, 0.05, 0.15, 0.5]), ("checkpoint", [1.0, 0.9, 0.7, 0.65, 0.5])):
        memory = make(GRM, segment=4, start=start)
        memory.weights = lambda access: gate[: access.logits().shape[-1]].double().expand_as(access.logits())  # type: ignore
        weights = read_weights(memory, 19)
        assert torch.allclose(weights, torch.tensor(expected).repeat_interleave(4).double(), atol=1e-6)


def test_a_logarithmic_division_is_the_binary_expansion() -> None:
    assert powers(37) == (32, 4, 1)
    assert powers(64) == (64,)
    segments = Segments(powers(37))
    assert segments.pieces(0, 38) == [Piece(32, 0, True), Piece(4, 0, True), Piece(1, 0, True), Piece(1, 0, False)]
    assert segments.pieces(34, 3) == [Piece(2, 2, True), Piece(1, 0, True)]
    assert [segments.closed(t) for t in (0, 31, 32, 36, 37, 69, 74)] == [0, 0, 1, 2, 3, 4, 6]
    assert [segments.ahead(t) for t in (0, 31, 33, 36, 37, 38)] == [0, 31, 1, 0, 0, 1]
    memory = make(GRM, segment=37, division="logarithmic")
    assert memory(tokens(37))[1].caches[0].shape[2] == 3
    assert max(len(powers(length)) for length in range(1, 1025)) <= 10


@every_form
@every_base
def test_gradients_reach_through_caches_unless_they_are_detached(form: type[CachingMemory], base: str) -> None:
    for detach in (False, True):
        gate = {} if form is Residual else {"gate": "position"}  # what a gate pools is no cache: its gradient stays
        memory, x = make(form, segment=4, detach=detach, **gate, **base_of(base)), tokens(16).requires_grad_()
        (gradient,) = torch.autograd.grad(memory(x)[0][:, 15].sum(), x)
        assert gradient[:, 12:].any()
        assert bool(gradient[:, :8].any()) is not detach  # the short convolution reaches no further back than 9


@every_base
def test_caches_not_chosen_are_not_read(base: str) -> None:
    memory, x = make(SSC, segment=4, chosen=1, **base_of(base)), tokens(16)
    _, state = memory(x)
    y, _ = memory(tokens(1), state)
    used = []
    for n in range(4):
        broken = tuple(stack.clone() for stack in state.caches)
        for stack in broken:
            stack[:, :, n] = torch.nan
        z, _ = memory(tokens(1), state._replace(caches=broken))
        used.append([torch.equal(z[b], y[b]) for b in range(2)])
    assert [sum(not kept for kept in row) for row in zip(*used, strict=True)] == [1, 1]


def test_the_best_matching_caches_are_chosen_and_of_equals_the_newest() -> None:
    memory, x = make(SSC, segment=4, chosen=2), tokens(40)
    u, p = memory.gate.queries(x, x.unsqueeze(1)), memory.project(x)[0][1]
    pools = p.detach().unflatten(2, (10, 4)).mean(3)
    found = []
    route = memory.route
    memory.route = lambda access: found.append(route(access)[1]) or route(access)  # type: ignore[method-assign]
    memory(x)
    index = torch.cat(found, dim=2)
    for b in range(2):
        for t in range(12, 40):
            scores = [float(u[b, 0, t].detach() @ pools[b, 0, n]) for n in range(t // 4)]
            best = sorted(range(len(scores)), key=scores.__getitem__)[-2:]
            assert sorted(index[b, 0, t].tolist()) == sorted(best)
    found.clear()
    memory(x[:, :1].expand(-1, 40, -1))  # after the first segment, where the convolution still fills, all are alike
    assert torch.cat(found, dim=2)[:, :, 20:].amax(-1).eq(torch.arange(20, 40) // 4 - 1).all()


def test_ties_are_broken_alike_whatever_the_cut() -> None:
    for seed in range(10):
        torch.manual_seed(seed)
        memory = build_memory(SSC, WIDTH, segment=4, chosen=1, start="checkpoint").double()
        x = torch.randn(1, 1, WIDTH, dtype=torch.float64).expand(2, 120, -1)
        whole, _ = memory(x)
        state, parts = None, []
        for piece in x.split(7, dim=1):
            y, state = memory(piece, state)
            parts.append(y)
        assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-10)
        assert torch.allclose(memory.definition(x)[0], whole, atol=1e-10)
        assert torch.allclose(memory(x[:1])[0], whole[:1], atol=1e-10)


@every_base
def test_the_sparse_read_is_the_weighed_sum_over_what_was_chosen(base: str) -> None:
    rule = make(GRM, heads=2, **base_of(base)).rule
    generator = torch.Generator().manual_seed(0)
    B, H, N, C, k = 2, 2, 7, 11, 3
    layers = tuple(
        torch.randn(B, H, N, *W.shape[2:], dtype=torch.float64, generator=generator)
        for W in rule.matrices(rule.start(tokens()))
    )
    q = torch.randn(B, H, C, rule.size, dtype=torch.float64, generator=generator)
    index = torch.rand(B, H, C, N, generator=generator).argsort(-1)[..., :k]
    index[:, :, :4, 1:] = -1
    weights = torch.rand(B, H, C, k, dtype=torch.float64, generator=generator) * (index >= 0)
    dense = torch.zeros(B, H, C, N + 1, dtype=torch.float64).scatter(-1, index % (N + 1), weights)[..., :N]
    assert torch.allclose(read_chosen(rule, layers, q, index, weights), read_all(rule, layers, q, dense), atol=1e-10)


def test_random_routes_are_drawn_from_place_and_head_alone() -> None:
    def routes(draw: int, B: int = 2) -> Tensor:
        memory, found = make(RandomSSC, segment=4, chosen=2, heads=2, draw=draw), []
        original = memory.route
        memory.route = lambda access: found.append(original(access)) or found[-1]  # type: ignore
        memory(tokens(64, B=B))
        return torch.cat([index for _, index, _ in found], dim=2)

    index = routes(0)
    assert torch.equal(index[0], index[1])
    assert torch.equal(routes(0, B=1)[0], index[0])
    assert not torch.equal(routes(1), index)
    assert not torch.equal(index[:, 0], index[:, 1])
    late = index[0, :, 40:]
    assert (late >= 0).all()
    assert (late[..., 0] != late[..., 1]).all()
    assert len(late.unique()) == 15  # each cache there is, some time


def test_an_oracle_reads_the_segment_it_is_told_and_no_other() -> None:
    memory, x = make(Oracle, segment=4), tokens(20).requires_grad_()
    told = torch.full((2, 20), -1)
    told[0, 19], told[1, 18] = 6, 17  # in the second segment, and in the open one
    _, state = memory(x)
    y, _ = memory(x, None, told)
    plain, _ = memory(x)
    changed = (y != plain).any(-1).nonzero().tolist()
    assert changed == [[0, 19], [1, 18]]
    (q, k, v), _ = memory.project(x)
    only = (q[0, :, 19:] @ (k[0, :, 4:8].mT @ v[0, :, 4:8])).unsqueeze(0)
    assert torch.allclose(memory.read_out(only)[0, 0], y[0, 19], atol=1e-12)
    assert state.caches[0].shape[2] == 5
    pieces, between = memory(x[:, :13], None, told[:, :13])
    pieces, _ = memory(x[:, 13:], between, told[:, 13:])
    assert torch.allclose(pieces, y[:, 13:], atol=1e-12)
    assert torch.allclose(memory.definition(x, None, told)[0], y, atol=1e-12)


def test_an_oracle_knows_the_segments_of_a_logarithmic_division() -> None:
    memory, x = make(Oracle, segment=7, division="logarithmic"), tokens(14)  # segments of 4, 2, 1, 4, 2, 1
    (q, k, v), _ = memory.project(x)
    for place, (start, end) in {0: (0, 4), 3: (0, 4), 4: (4, 6), 6: (6, 7), 7: (7, 11), 12: (11, 13)}.items():
        told = torch.full((2, 14), -1)
        told[:, 13] = place
        only = q[:, :, 13:] @ (k[:, :, start:end].mT @ v[:, :, start:end])
        assert torch.allclose(memory.read_out(only)[:, 0], memory(x, None, told)[0][:, 13], atol=1e-12)
    yet_to_come = torch.full((2, 14), -1)
    yet_to_come[:, 3] = 13
    assert torch.equal(memory(x, None, yet_to_come)[0], memory(x)[0])


def test_averages_weigh_by_how_many_segments_ago() -> None:
    memory, x = make(Average, segment=4, decay=0.5, start="independent"), tokens(12)
    (q, k, v), _ = memory.project(x)
    segments = [q[:, :, 11:] @ (k[:, :, a : a + 4].mT @ v[:, :, a : a + 4]) for a in (0, 4, 8)]
    expected = sum(w * read for w, read in zip((1 / 7, 2 / 7, 4 / 7), segments, strict=True))
    assert torch.allclose(reads(memory, x)[:, 11], expected[:, 0, 0], atol=1e-12)
    assert not [name for name, _ in memory.gate.named_parameters()]


@every_base
def test_a_trained_memory_is_cached_without_training(base: str) -> None:
    options = {"inner": 4} if RULES[base].depth > 1 else {}
    model = build(base, 20, range(10, 20), width=WIDTH, heads=2, **options).double()
    ids, asked = torch.arange(16).remainder(20)[None], (torch.tensor([0]), torch.tensor([15]))
    plain, _ = model(ids, asked)
    for form in ("average", "residual", "grm", "soup", "ssc"):
        once, _ = with_caching(model, form, segment=16)(ids, asked)
        assert torch.allclose(once, plain, atol=1e-12)  # nothing has been cached by then
        often, _ = with_caching(model, form, segment=4, start="independent")(ids, asked)
        assert not torch.allclose(often, plain, atol=1e-6) or (form, base) == ("residual", "linear")
    again, _ = model(ids, asked)
    assert torch.equal(again, plain)


def test_an_average_that_forgets_at_once_is_the_open_memory() -> None:
    memory, x = make(Average, segment=4, decay=1e-300, start="independent"), tokens(12)
    alone, _ = make(Average, segment=100)(x[:, :4])
    assert torch.allclose(memory(x)[0][:, :4], alone, atol=1e-12)
    assert memory(x)[0].isfinite().all()


def test_gates_begin_as_the_seed_draws_them_and_options_are_checked() -> None:
    model = build("linear", 20, range(10, 20), width=WIDTH)
    first, again, other = (with_caching(model, "grm", seed=seed).blocks[0].memory.gate.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, with_caching(model, "grm", seed=0).blocks[1].memory.gate.weight)
    for options, mend in (
        ({"segmnt": 4}, "no option 'segmnt'"),
        ({"segment": "4"}, "segment takes int"),
        ({"heads": 2}, "leave it out"),
        ({"base": "delta"}, "leave it out"),
    ):
        with pytest.raises(ValueError, match=mend):
            with_caching(model, "grm", **options)
    with pytest.raises(ValueError, match="no form of Memory Caching"):
        with_caching(model, CachingMemory)


def test_the_gates_alone_are_trained() -> None:
    model = only_gates(with_caching(build("linear", 20, range(10, 20), width=WIDTH), "grm", segment=4))
    learning = [name for name, p in model.named_parameters() if p.requires_grad]
    assert learning == ["blocks.0.memory.gate.weight", "blocks.1.memory.gate.weight"]
    with pytest.raises(ValueError, match="no gate to train"):
        only_gates(with_caching(build("linear", 20, range(10, 20), width=WIDTH), "average"))
    with pytest.raises(ValueError, match="cannot be cached: train one of"):
        with_caching(build("attention", 20, range(10, 20), width=WIDTH), "grm")
    with pytest.raises(ValueError, match="no form of Memory Caching"):
        with_caching(build("linear", 20, range(10, 20), width=WIDTH), "gru")


def test_caches_are_smaller_than_keys_and_values_where_segments_are_longer_than_half_a_head() -> None:
    for segment in (8, 16, 17, 32, 64):
        cache, keys_and_values = build_memory(GRM, 32, segment=segment).rule.matrix_floats(), 2 * 32 * segment
        assert (cache < keys_and_values) == (segment > 16)


def test_summed_caches_are_one_matrix_however_many_there_were() -> None:
    memory = build_memory(Residual, WIDTH, segment=4)
    assert memory.state_floats(4) == memory.state_floats(400) == 2 * WIDTH**2 + 3 * WIDTH
    assert build_memory(GRM, WIDTH, segment=4).state_floats(400) == 101 * (WIDTH**2 + WIDTH) + 3 * WIDTH
    assert isinstance(memory.rule, Additive)


@pytest.mark.parametrize(
    ("form", "options", "mend"),
    [
        (GRM, {"segment": 0}, "at least 1 token"),
        (GRM, {"base": "lstm"}, "base is one of linear"),
        (GRM, {"division": "even"}, "constant, logarithmic"),
        (GRM, {"start": "middle"}, "independent, checkpoint"),
        (GRM, {"gate": "keys"}, "inputs, queries, position, constant"),
        (GRM, {"pool": "median"}, "mean, sum"),
        (GRM, {"pool": "mean_inputs", "gate": "queries"}, "compared with pooled keys"),
        (GRM, {"inner": 4}, "option of deep memories"),
        (SSC, {"chosen": 0}, "at least 1 cache"),
        (SSC, {"gate": "constant"}, "makes no choice"),
        (GRM, {"gate": "position", "pool": "sum"}, "nothing is pooled"),
        (GRM, {"gate": "constant", "scaled": False}, "nothing is pooled"),
        (RandomSSC, {"draw": 2**31}, "draw takes 0 to"),
        (Average, {"decay": 0.0}, "above 0 and at most 1"),
        (Average, {"decay": 1.5}, "above 0 and at most 1"),
    ],
)
def test_what_cannot_be_is_refused(form: type[CachingMemory], options: dict[str, Any], mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        build_memory(form, WIDTH, **options)
