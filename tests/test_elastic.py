"""What Elastic Memory promises: attention where there is room, the past through its bank alone, swaps and noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models import SequenceModel, build, build_memory
from models.banks import BANKS, Sampling, blocks
from models.banks.legendre import Legendre
from models.memories.attention import Attention
from models.memories.corruption import Corruption
from models.memories.elastic import Elastic
from models.memories.resampling import with_sampling

torch.set_num_threads(1)
SMALL: dict[str, Any] = {"block": 4, "num_coefficients": 6, "num_samples": 3}
DOUBLE = torch.zeros((), dtype=torch.float64)

every_bank = pytest.mark.parametrize("bank", BANKS)


def make(**options: Any) -> Elastic:
    torch.manual_seed(1)
    return build_memory(Elastic, 8, **options).double()


def tokens(T: int, B: int = 2) -> Tensor:
    return torch.randn(B, T, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(T))


def given(memory: Elastic, T: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values the memory takes for its own from now on, whatever its input."""
    d = 8 // memory.heads
    generator = torch.Generator().manual_seed(7)
    drawn = torch.randn(3, 2, memory.heads, T, d, dtype=torch.float64, generator=generator)
    q, k, v = (a.requires_grad_() for a in drawn.unbind())
    memory.project.register_forward_hook(lambda module, x, out: ((q, k, v), out[1]))
    return q, k, v


def matching_attention(memory: Elastic, rope: bool) -> Attention:
    attention = Attention(8, memory.heads, rope=rope).double()
    attention.load_state_dict(memory.state_dict())
    return attention


@pytest.mark.parametrize("sampling", ["uniform", "exponential"])
@every_bank
def test_one_block_is_attention(bank: str, sampling: str) -> None:
    memory, x = make(heads=2, bank=bank, sampling=sampling), tokens(32)
    assert torch.allclose(memory(x)[0], matching_attention(memory, True)(x)[0], atol=1e-12)


@pytest.mark.parametrize("bank", ["means", "samples", "random"])
def test_two_blocks_with_room_for_every_token_are_attention(bank: str) -> None:
    memory, x = make(bank=bank, block=8, num_coefficients=8, num_samples=8, rope=False), tokens(16)
    assert torch.allclose(memory(x)[0], matching_attention(memory, False)(x)[0], atol=1e-12)


def test_half_pi_coefficients_a_token_keep_the_tokens_apart() -> None:
    L = 16
    G, _, _, _ = blocks.fold(Legendre(math.ceil(math.pi / 2 * L), L), L, 0, 2, 1, DOUBLE)
    read = G[L:]
    assert not G[:L].any()
    assert (read - torch.eye(L)).square().sum(1).mean() < 0.1
    assert torch.linalg.matrix_rank(read, rtol=1e-2) == L


@every_bank
def test_a_block_sees_earlier_blocks_through_memory_and_never_itself(bank: str) -> None:
    made = BANKS[bank](8, 4, Sampling(exponential=True))
    G, J, _, _ = blocks.fold(made, 5, 3, 3, 3, DOUBLE)
    of_token = G.view(3, 5, 2, 4)  # memory token of a block [3, 5] from tokens of a block [2, 4]
    for i in range(3):
        assert of_token[i, :, :i].abs().sum() > 0 or i == 0
        assert not of_token[i, :, i:].any()
    assert J.view(3, 5, 8).flatten(1).norm(dim=1).min() > 0


def test_a_fixed_bank_adds_nothing_to_train() -> None:
    assert make(num_coefficients=99).state_dict().keys() == Attention(8).state_dict().keys()
    count = [sum(p.numel() for p in memory.parameters()) for memory in (make(num_coefficients=99), Attention(8))]
    assert count[0] == count[1]


def test_the_past_is_reached_through_its_coefficients_alone() -> None:
    memory, x = make(num_coefficients=5, num_samples=4, block=4), tokens(12).requires_grad_()
    _, state = memory(x[:, :8])
    (gradient,) = torch.autograd.grad(memory(x[:, 8:], state)[0][:, 0].sum(), x, retain_graph=True)
    assert gradient[:, :8].abs().sum((0, 2)).min() > 0
    forgotten = state._replace(CK=state.CK.detach(), CV=state.CV.detach(), recent=state.recent.detach())
    (gradient,) = torch.autograd.grad(memory(x[:, 8:], forgotten)[0][:, 0].sum(), x)
    assert not gradient[:, :8].any()


def test_keys_are_kept_before_they_are_rotated() -> None:
    (_, rotated), (_, plain) = (make(**SMALL, rope=rope)(tokens(11)) for rope in (True, False))
    for mine, other in zip(rotated[:5], plain[:5], strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("learned", [False, True])
@every_bank
def test_a_long_call_is_read_in_pieces(bank: str, learned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, x = make(**SMALL, bank=bank, learned=learned), tokens(61)
    whole, last = memory(x)
    monkeypatch.setattr(blocks, "PIECE", 8)
    pieces, state = memory(x)
    assert torch.allclose(pieces, whole, atol=1e-12)
    assert torch.allclose(state.CK, last.CK, atol=1e-12)
    assert torch.allclose(state.CV, last.CV, atol=1e-12)


@every_bank
def test_there_is_no_longest_length(bank: str) -> None:
    memory = make(**SMALL, bank=bank)
    _, state = memory(tokens(9))
    far = state._replace(blocks=5_000)
    (fast, last), (slow, end) = memory(tokens(10), far), memory.definition(tokens(10), far)
    assert torch.allclose(fast, slow, atol=1e-10)
    assert torch.allclose(last.CV, end.CV, atol=1e-10)
    assert last.blocks == 5_002


@pytest.mark.parametrize("learned", [False, True])
def test_constants_made_while_evaluating_serve_training(learned: bool) -> None:
    memory, x = make(block=3, num_coefficients=7, num_samples=2, learned=learned), tokens(11)
    with torch.inference_mode():
        evaluated, _ = memory(x)
    trained, _ = memory(x)
    trained.sum().backward()
    assert torch.equal(evaluated, trained)


def test_the_order_of_memory_tokens_says_nothing() -> None:
    first, x = make(**SMALL, sampling="0.1 0.4 0.9"), tokens(30)
    again = with_sampling(first, "0.9 0.1 0.4")
    assert torch.allclose(first(x)[0], again(x)[0], atol=1e-12)
    assert not torch.allclose(first(x)[0], with_sampling(first, "0.9 0.1 0.5")(x)[0], atol=1e-3)


@pytest.mark.parametrize(
    ("sampling", "S", "left"), [("exponential", 3, False), ("uniform", 5, True), ("0 1", 2, False)]
)
@every_bank
def test_a_memory_read_by_another_sampling_is_the_one_built_so(bank: str, sampling: str, S: int, left: bool) -> None:
    ids, where = torch.arange(40).view(2, 20) % 9, (torch.tensor([0, 1]), torch.tensor([19, 18]))
    trained, built = (
        build("elastic", 9, range(4, 9), width=8, block=4, num_coefficients=6, bank=bank, **options).double()
        for options in ({"num_samples": 3}, {"num_samples": S, "sampling": sampling, "left": left})
    )
    before = trained(ids, where)[0]
    changed = with_sampling(trained, sampling, S, left)
    assert isinstance(changed, SequenceModel)
    assert torch.equal(changed(ids, where)[0], built(ids, where)[0])
    assert torch.equal(trained(ids, where)[0], before)
    assert not torch.equal(changed(ids, where)[0], before)


def test_another_sampling_needs_a_memory_that_samples() -> None:
    with pytest.raises(ValueError, match="Attention holds no elastic memory"):
        with_sampling(Attention(8), "uniform")
    with pytest.raises(ValueError, match="a learned bank reads 3 memory tokens, not 4"):
        with_sampling(make(**SMALL, learned=True), "uniform", 4)


def test_full_corruption_leaves_memory_alone_to_see_by() -> None:
    memory = make(**SMALL, corruption=1.0)
    _, _, v = given(memory, 12)
    y, _ = memory(tokens(12))
    for t in range(12):
        (gradient,) = torch.autograd.grad(y[:, t].sum(), v, retain_graph=True)
        reached = gradient.abs().sum((0, 1, 3)) > 0
        assert reached.tolist() == [j < t // 4 * 4 for j in range(12)]


@pytest.mark.parametrize(("share", "count"), [(0.1, 1), (0.25, 2), (0.5, 4), (0.75, 6), (1.0, 8)])
def test_the_share_of_every_block_is_lost(share: float, count: int) -> None:
    k, v = torch.randn(2, 3, 2, 21, 4, dtype=torch.float64).unbind()
    lost = [a != b for a, b in zip(Corruption(share, 8, 0).apply(k, v, 5), (k, v), strict=True)]
    assert torch.equal(lost[0], lost[1])
    assert torch.equal(lost[0], lost[0][:1, :1, :, :1].expand_as(k))
    places = lost[0][0, 0, :, 0]
    assert [int(places[i : i + 8].sum()) for i in (0, 8)] == [count, count]
    assert share == 1 or not torch.equal(places[:8], places[8:16])


def test_noise_is_as_large_as_what_it_replaces() -> None:
    size = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    k = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 4000, 3))) * size
    v = torch.zeros_like(k)
    noisy, nothing = Corruption(1.0, 4000, 0).apply(k, v, 0)
    assert torch.allclose(noisy[0, 0, 2000:].std(0), size, rtol=0.1)
    assert not nothing.any()
    corruption = Corruption(1.0, 4, 2)
    _, eps = corruption.noise_positions(3, k[:, :, :3])
    noisy, _ = corruption.apply(k[:, :, :3], v[:, :, :3], 3)
    for j in range(3):
        earlier = sum((k[0, 0, i] ** 2 for i in range(j)), torch.zeros(3).double())
        scale = ((earlier + (k[0, 0, j] ** 2).sum() / 3) / (j + 1)).sqrt()
        assert torch.allclose(noisy[0, 0, j], eps[0, 0, j] * scale)


def test_memory_is_made_of_what_was_there_before_the_noise() -> None:
    x = tokens(22)
    (clean, whole), (noisy, last) = (make(**SMALL, corruption=share)(x) for share in (0.0, 0.5))
    for mine, other in zip(whole[:5], last[:5], strict=True):
        assert torch.equal(mine, other)
    assert not torch.allclose(clean, noisy, atol=1e-2)


def test_the_random_bank_keeps_other_tokens_by_another_seed() -> None:
    x = tokens(30)
    first, again, other = (make(**SMALL, bank="random", draw_seed=seed)(x)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-3)


def test_noise_follows_from_seed_and_place_alone() -> None:
    x, before = tokens(22), torch.get_rng_state()
    memory = make(**SMALL, corruption=0.5)
    torch.set_rng_state(before)
    y, _ = memory(x)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.allclose(memory(x[1:])[0], y[1:], atol=1e-12)
    assert not torch.allclose(make(**SMALL, corruption=0.5, draw_seed=1)(x)[0], y, atol=1e-2)
    assert make(**SMALL, corruption=0.0).corruption is None


@every_bank
def test_a_learned_bank_begins_as_the_fixed_one(bank: str) -> None:
    fixed, learned, x = make(**SMALL, bank=bank), make(**SMALL, bank=bank, learned=True), tokens(30)
    assert torch.allclose(fixed(x)[0], learned(x)[0], atol=1e-12)
    assert torch.allclose(fixed(x)[1].CK, learned(x)[1].CK, atol=1e-12)
    more = [sum(p.numel() for p in memory.parameters()) for memory in (learned, fixed)]
    assert more[0] - more[1] == 6 * 6 + 6 * 4 + 3 * 6


def test_a_learned_bank_is_the_definition_once_it_has_changed() -> None:
    memory, x = make(**SMALL, learned=True), tokens(30)
    before = memory(x)[0]
    memory(x)[0].square().sum().backward()
    for name in ("P", "K", "R"):
        weight = memory.learned[name]
        assert weight.grad is not None
        assert weight.grad.abs().min() > 0
        torch.nn.init.normal_(weight, std=0.1)
    fast, slow = memory(x), memory.definition(x)
    assert torch.allclose(fast[0], slow[0], atol=1e-10)
    assert torch.allclose(fast[1].CV, slow[1].CV, atol=1e-10)
    assert not torch.allclose(fast[0], before, atol=1e-3)


def test_the_block_update_is_the_one_of_the_paper() -> None:
    memory, x = make(**SMALL), tokens(11)
    _, k, v = given(memory, 11)
    state = memory(x)[1]
    C = np.zeros((2, 1, 6, 8))
    for i in (0, 1):
        P, K = Legendre(6, 4).defined(4 * i)
        C = P @ C + K @ k.detach().numpy()[:, :, 4 * i : 4 * i + 4]
    assert np.allclose(state.CK.detach(), C, atol=1e-12)
    assert torch.equal(state.v, v[:, :, 8:])


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        ({"bank": "fourier"}, "choose one of legendre, cosine"),
        ({"sampling": "0.2 0.4"}, "need num_samples = 2, not 32"),
        ({"corruption": 1.5}, "a share from 0 to 1, not 1.5"),
        ({"draw_seed": -1}, "at least 0, not -1"),
        ({"num_coefficients": 9000}, "takes 1 to 8,640"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        make(**options)
