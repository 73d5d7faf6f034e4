"""The contract of a memory, over every memory of the registry and several settings of each."""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from settings import IDS, SETTINGS
from torch import Tensor

from models import MEMORIES, build, build_memory, memory_options
from models.contract import check_contract
from models.layers import ShortConvolution, recent_floats
from models.memories.attention import Attention, rotate
from models.memories.sliding_window import SlidingWindow
from models.memory import Memory, State, num_floats
from models.sequence_model import SequenceModel

torch.set_num_threads(1)
WIDTH = 8

every_memory = pytest.mark.parametrize(("name", "options"), SETTINGS, ids=IDS)


def make(name: str, options: dict[str, Any], dtype: torch.dtype = torch.float64) -> Memory:
    torch.manual_seed(1)
    return build_memory(MEMORIES[name], WIDTH, **options).to(dtype)


def tokens(T: int, dtype: torch.dtype = torch.float64, B: int = 2) -> Tensor:
    return torch.randn(B, T, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(T)).to(dtype)


def parts(state: State) -> list[Tensor]:
    """The tensors of a state, in order."""
    if isinstance(state, Tensor):
        return [state]
    return [t for part in state for t in parts(part)] if isinstance(state, tuple | list) else []


def counters(state: State) -> list[int]:
    if isinstance(state, tuple | list):
        return [n for part in state for n in counters(part)]
    return [] if isinstance(state, Tensor) else [state]


def assert_same(a: State, b: State, atol: float = 1e-10) -> None:
    assert type(a) is type(b)
    assert counters(a) == counters(b)
    for mine, other in zip(parts(a), parts(b), strict=True):
        assert mine.shape == other.shape
        assert torch.allclose(mine, other, atol=atol, rtol=0)


def gradients(memory: Memory, y: Tensor, state: State, x: Tensor) -> list[Tensor]:
    """Of one number that all outputs and the whole state have a part in, to x and every parameter."""
    loss = sum((a * torch.linspace(-1, 2, a.numel()).view(a.shape).to(a)).sum() for a in [y, *parts(state)])
    wanted = [x, *memory.parameters()]
    found = torch.autograd.grad(loss, wanted, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(w) if g is None else g for g, w in zip(found, wanted, strict=True)]


def assert_same_gradients(a: list[Tensor], b: list[Tensor]) -> None:
    assert all(torch.allclose(mine, other, atol=1e-9) for mine, other in zip(a, b, strict=True))


@every_memory
def test_the_fast_form_is_the_definition(name: str, options: dict[str, Any]) -> None:
    """At several lengths: the definition goes on from one to the next, the fast form starts anew."""
    memory, x = make(name, options), tokens(24).requires_grad_()
    slow, state = x[:, :0], None
    for start, T in pairwise((0, 1, 2, 7, 9, 24)):
        y, state = memory.definition(x[:, start:T], state)
        slow, (fast, last) = torch.cat([slow, y], dim=1), memory(x[:, :T])
        assert torch.allclose(fast, slow, atol=1e-10)
        assert_same(last, state)
        if T in (7, 24):
            assert_same_gradients(gradients(memory, fast, last, x), gradients(memory, slow, state, x))


def in_pieces(form: Any, x: Tensor, cuts: tuple[int, ...]) -> tuple[Tensor, State]:
    state, reads = None, []
    for piece in x.tensor_split(cuts, dim=1):
        y, state = form(piece, state)
        reads.append(y)
    return torch.cat(reads, dim=1), state


@every_memory
def test_a_state_hands_over_at_any_cut(name: str, options: dict[str, Any]) -> None:
    memory, x = make(name, options), tokens(24).requires_grad_()
    whole, last = memory(x)
    once = gradients(memory, whole, last, x)
    for cuts in ((1, 7, 23), (3, 4, 5, 6)):
        joined, state = in_pieces(memory, x, cuts)
        assert torch.allclose(joined, whole, atol=1e-10)
        assert_same(state, last)
        assert_same_gradients(gradients(memory, joined, state, x), once)


@every_memory
@torch.no_grad()
def test_a_state_hands_over_at_random_cuts_and_at_every_token(name: str, options: dict[str, Any]) -> None:
    memory, x = make(name, options), tokens(75)
    random = torch.randint(1, 75, (6,), generator=torch.Generator().manual_seed(len(name) + len(options)))
    for T, cuts in ((75, random.unique().tolist()), (18, range(1, 18))):
        whole, last = memory(x[:, :T])
        joined, state = in_pieces(memory, x[:, :T], tuple(cuts))
        assert torch.allclose(joined, whole, atol=1e-9)
        assert_same(state, last, atol=1e-9)


@every_memory
@torch.no_grad()
def test_weights_and_states_survive_a_file(name: str, options: dict[str, Any]) -> None:
    memory, other = make(name, options), build_memory(MEMORIES[name], WIDTH, **options).double()
    other.load_state_dict(load(save(memory.state_dict())))
    (y, state), (again, _) = memory(tokens(9)), other(tokens(9))
    assert torch.equal(y, again)
    contents = memory.contents(state)
    read = load(save({key: part.contiguous().clone() for key, part in contents.items()}))
    assert all(torch.equal(read[key], part) for key, part in contents.items())


@every_memory
def test_nothing_is_seen_before_it_comes(name: str, options: dict[str, Any]) -> None:
    """Sequence t of the batch looks at its output at t alone."""
    memory, x = make(name, options), tokens(17, B=17).requires_grad_()
    y, _ = memory(x)
    later = torch.ones(17, 17).triu(1).bool()[..., None]
    (gradient,) = torch.autograd.grad(y.diagonal().square().sum(), x)
    assert not gradient.masked_select(later).any()
    assert gradient.diagonal().any(dim=0).all()
    with torch.no_grad():
        other, _ = memory(torch.where(later, torch.randn_like(x) * 10, x))
    assert torch.allclose(other.masked_fill(later, 0), y.masked_fill(later, 0), atol=1e-12)


@every_memory
def test_a_memory_keeps_the_contract_it_is_tried_for_before_a_run(name: str, options: dict[str, Any]) -> None:
    check_contract(make(name, options), WIDTH)


@every_memory
@torch.no_grad()
def test_the_size_of_a_state_is_counted_from_its_tensors_and_a_probe_may_read_it_whole(
    name: str, options: dict[str, Any]
) -> None:
    memory, x, state = make(name, options), tokens(70), None
    for start, T in pairwise((0, 1, 2, 3, 4, 5, 8, 9, 31, 32, 33, 70)):
        _, state = memory(x[:, start:T], state)
        read = memory.contents(state).values()
        assert memory.state_floats(T) == num_floats(state) == sum(tensor[0].numel() for tensor in read)
        assert all(tensor.shape[0] == 2 for tensor in [*parts(state), *read])


@every_memory
def test_a_state_is_at_its_fullest_where_it_was_largest_so_far(name: str, options: dict[str, Any]) -> None:
    memory, fullest = make(name, options), 0
    for T in range(1, 140):
        fullest = max(fullest, memory.state_floats(T))
        assert memory.fullest_floats(T) == fullest
    assert memory.fullest_floats(10**6) >= memory.state_floats(10**6)  # at once, for every memory of the house


def test_whoever_says_anew_how_large_a_state_is_does_not_inherit_when_it_is_fullest() -> None:
    class Sawtooth(MEMORIES["linear"]):  # type: ignore[misc, name-defined]
        def state_floats(self, length: int) -> int:
            return 10 * (length % 7)

    assert [Sawtooth(WIDTH).fullest_floats(T) for T in (3, 6, 7, 20)] == [30, 60, 60, 60]


@every_memory
@torch.no_grad()
def test_a_state_is_never_changed_in_place(name: str, options: dict[str, Any]) -> None:
    memory = make(name, options)
    _, state = memory(tokens(9))
    kept, count = [tensor.clone() for tensor in parts(state)], counters(state)
    for form in (memory, memory.definition):
        first, _ = form(tokens(6), state)
        again, _ = form(tokens(6), state)
        assert torch.equal(first, again)
    assert all(torch.equal(a, b) for a, b in zip(parts(state), kept, strict=True))
    assert counters(state) == count


@every_memory
@torch.no_grad()
def test_single_precision_is_close(name: str, options: dict[str, Any]) -> None:
    y64, _ = make(name, options)(tokens(70))
    y32, state = make(name, options, torch.float32)(tokens(70, torch.float32))
    assert y32.dtype == torch.float32
    assert all(tensor.dtype == torch.float32 for tensor in parts(state))
    assert (y32 - y64).abs().max() < 1e-4 * y64.abs().max()


@every_memory
def test_half_precision_is_finite(name: str, options: dict[str, Any]) -> None:
    x = tokens(70, torch.bfloat16).requires_grad_()
    y, state = make(name, options, torch.bfloat16)(x)
    y.sum().backward()
    assert y.dtype == torch.bfloat16
    assert all(tensor.isfinite().all() for tensor in [y, x.grad, *parts(state)])


@every_memory
def test_hard_inputs_keep_numbers_and_gradients_finite(name: str, options: dict[str, Any]) -> None:
    """A batch of zeros, of one token repeated and of large numbers: what is not finite in one is not in the sum."""
    memory, drawn = make(name, options, torch.float32), tokens(40, torch.float32)
    large = 1.0 if options.get("unbounded") else 1e3  # whatever comes, numbers are finite by shortening alone
    x = torch.cat([torch.zeros_like(drawn), drawn[:, :1].expand_as(drawn), drawn * large]).requires_grad_()
    y, state = memory(x)
    found = gradients(memory, y, state, x)
    assert all(tensor.isfinite().all() for tensor in [y, *parts(state), *found])


@every_memory
def test_every_parameter_has_a_part_in_the_answer(name: str, options: dict[str, Any]) -> None:
    memory = make(name, options)
    y, _ = memory(tokens(40))
    y.square().sum().backward()
    untouched = [key for key, p in memory.named_parameters() if p.grad is None or not p.grad.any()]
    assert not untouched


@pytest.mark.parametrize("window", [24, 25, 100])
def test_a_window_over_everything_is_attention(window: int) -> None:
    x, near, full = (
        tokens(24),
        make("window", {"window": window, "rope": True}),
        make("attention", {"rope": True}),
    )
    assert torch.allclose(near(x)[0], full(x)[0], atol=1e-12)


def test_a_window_sees_its_last_tokens_and_no_more() -> None:
    x = tokens(24).requires_grad_()
    y, _ = make("window", {"window": 5})(x)
    (gradient,) = torch.autograd.grad(y[:, 20].sum(), x)
    assert gradient.abs().sum((0, 2)).nonzero().flatten().tolist() == list(
        range(16 - 3, 21)
    )  # the convolution sees three further back


@pytest.mark.parametrize("memory", [Attention(8, rope=True), SlidingWindow(8, rope=True)], ids=["all", "window"])
def test_rotary_positions_are_relative(memory: Memory) -> None:
    q, k = tokens(1)[0, 0], tokens(2)[0, 0]
    products = [rotate(q.view(1, 1, 1, -1), t) @ rotate(k.view(1, 1, 1, -1), t - 3).mT for t in (3, 50, 10**5)]
    assert torch.allclose(products[0], products[1], atol=1e-12)
    assert torch.allclose(products[0], products[2], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "mend"),
    [
        ("window", {"window": 0}, "window >= 1"),
        ("elastic", {"block": 0}, "block must be at least 1"),
        ("elastic", {"num_samples": 0}, "num_samples must be at least 1"),
        ("elastic", {"num_coefficients": 0}, "num_coefficients must be at least 1"),
        ("attention", {"heads": 3}, "3 heads do not divide a width of 8"),
        ("elastic", {"heads": 8}, "even head size"),
        ("window", {"heads": 8, "rope": True}, "even head size"),
    ],
)
def test_sizes_that_cannot_be_are_refused(name: str, options: dict[str, Any], mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        make(name, options)


def test_the_short_convolution_is_a_grouped_convolution() -> None:
    conv, x = ShortConvolution(WIDTH).double(), tokens(9)
    weight = conv.taps.T.flip(1).unsqueeze(1)  # torch's taps run from the oldest to the newest
    plain = F.silu(F.conv1d(F.pad(x.mT, (3, 0)), weight, groups=WIDTH).mT)
    y, recent = conv(x)
    assert torch.allclose(y, plain, atol=1e-12)
    assert torch.equal(recent, x[:, -3:])
    assert recent[0].numel() == recent_floats(WIDTH)
    first, between = conv(x[:, :2])
    second, _ = conv(x[:, 2:], between)
    assert torch.allclose(torch.cat([first, second], dim=1), plain, atol=1e-12)


@every_memory
@torch.no_grad()
def test_a_model_reads_a_sequence_in_pieces(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = SequenceModel(
        20, range(10, 20), lambda width: build_memory(MEMORIES[name], width, **options), WIDTH
    ).double()
    ids = torch.randint(0, 20, (2, 19))
    rows, places = torch.tensor([0, 1, 1]), torch.tensor([18, 15, 18])
    whole, last = model(ids, (rows, places))
    nothing = torch.empty(0, dtype=torch.long)
    _, states = model(ids[:, :6], (nothing, nothing))
    _, states = model(ids[:, 6:13], (nothing, nothing), states)
    pieces, states = model(ids[:, 13:], (rows, places - 13), states)
    assert whole.shape == (3, 10)
    assert torch.allclose(pieces, whole, atol=1e-10)
    assert_same(states, last)


@pytest.mark.parametrize("name", MEMORIES)
def test_every_option_is_explained(name: str) -> None:
    assert set(MEMORIES[name].options) == set(memory_options(MEMORIES[name]))


@pytest.mark.parametrize("name", MEMORIES)
def test_no_option_is_called_as_something_else_is(name: str) -> None:
    """`build` takes options beside its own arguments, and a memory's name is one of them."""
    assert not set(memory_options(MEMORIES[name])) & set(inspect.signature(build).parameters)
