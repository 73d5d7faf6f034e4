"""Every memory is a function like any other: differentiated twice, mapped over weights, autocast, copied, compiled."""

from __future__ import annotations

import copy
import re
import runpy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from settings import IDS, SETTINGS
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import functional_call, grad, grad_and_value, jvp, stack_module_state, vmap

from models import MEMORIES, SequenceModel, build_memory, transforms
from models.hierarchy import members
from models.inner_loop import bound
from models.memory import Memory
from models.rule import unit

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, in forward mode
WIDTH, T, HALVES = 8, 9, (torch.bfloat16, torch.float16)

LAST = {name: i for i, (name, _) in enumerate(SETTINGS)}.values()
"""One setting of each memory, the last one, whose blocks end within T tokens; the others are slow."""
every_memory = pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(*setting, id=id, marks=() if i in LAST else pytest.mark.slow)
        for i, (setting, id) in enumerate(zip(SETTINGS, IDS, strict=True))
    ],
)


def make(name: str, options: dict[str, Any]) -> Memory:
    torch.manual_seed(1)
    return build_memory(MEMORIES[name], WIDTH, **options).double()


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def in_two(memory: Callable[..., Any], x: Tensor) -> Tensor:
    """The outputs of x, read in two pieces: a state is handed over."""
    first, state = memory(x[:, :5])
    return torch.cat([first, memory(x[:, 5:], state)[0]], dim=1)


def dot(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([(x * y).sum() for x, y in zip(a, b, strict=True)]).sum()


class Cubed:
    """sum y^3 of a memory, of an input and of one of its weights; a place and a direction."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.memory = make(name, options)
        self.weight, value = next((key, w) for key, w in self.memory.named_parameters() if key.endswith("taps"))
        self.at = normal(1, T, WIDTH), value.detach()
        self.along = normal(1, T, WIDTH, seed=1), normal(*value.shape, seed=2)

    def outputs(self, x: Tensor, weight: Tensor) -> Tensor:
        return in_two(lambda *inputs: functional_call(self.memory, {self.weight: weight}, inputs), x)

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        return self.outputs(x, weight).pow(3).sum()

    def slope(self, step: float, create_graph: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The derivative in the direction, some steps from the place, and the place."""
        place = tuple((a + step * b).requires_grad_() for a, b in zip(self.at, self.along, strict=True))
        return dot(torch.autograd.grad(self(*place), place, create_graph=create_graph), self.along), place

    def curvature(self) -> Tensor:
        """v^T H v by autograd."""
        slope, place = self.slope(0, create_graph=True)
        return dot(torch.autograd.grad(slope, place), self.along)


@every_memory
def test_second_derivatives_are_differences_of_first_ones(name: str, options: dict[str, Any]) -> None:
    if name == "transformer_xl" or "corruption" in options:
        pytest.skip("gradients stop by definition, so that they are not those of the function")
    cubed = Cubed(name, options)
    differences = (cubed.slope(1e-5)[0] - cubed.slope(-1e-5)[0]) / 2e-5
    assert torch.allclose(cubed.curvature(), differences, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@every_memory
def test_forward_mode_agrees_with_backward_passes(name: str, options: dict[str, Any]) -> None:
    cubed = Cubed(name, options)
    y, moved = jvp(cubed.outputs, cubed.at, cubed.along)
    assert torch.allclose((3 * y**2 * moved).sum(), cubed.slope(0)[0])
    with forward_ad.dual_level():
        dual = cubed.outputs(*map(forward_ad.make_dual, cubed.at, cubed.along))
        assert torch.allclose(forward_ad.unpack_dual(dual).tangent, moved)
    _, moved_gradient = jvp(grad(cubed, argnums=(0, 1)), cubed.at, cubed.along)
    assert torch.allclose(dot(moved_gradient, cubed.along), cubed.curvature())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hippo", {"order": 3, "measure": "lagt", "window": 11}),
        ("lmu_parallel", {"order": 3, "window": 11}),
        ("elastic", {"block": 3, "num_coefficients": 7, "corruption": 0.7}),
        ("log_linear", {}),
    ],
)
def test_constants_made_inside_a_transform_serve_later_calls(name: str, options: dict[str, Any]) -> None:
    members.cache_clear()
    memory, x = make(name, options), normal(1, T, WIDTH)
    inside = vmap(grad(lambda x: memory(x)[0].pow(3).sum()))(x.unsqueeze(0))[0]
    assert torch.allclose(inside, grad(lambda x: memory(x)[0].pow(3).sum())(x))
    x.requires_grad_()
    assert torch.allclose(inside, torch.autograd.grad(memory(x)[0].pow(3).sum(), x)[0])


def in_cast(half: torch.dtype, make: Callable[[], Tensor]) -> Tensor:
    with torch.autocast("cpu", half):
        return make()


def model_of(name: str, options: dict[str, Any], seed: int = 0) -> SequenceModel:
    torch.manual_seed(seed)
    return SequenceModel(20, range(10, 20), lambda width: build_memory(MEMORIES[name], width, **options), WIDTH, 1)


def ask(model: Callable[..., Any], uses_oracle: bool) -> Tensor:
    """The loss of three answers at the end of two sequences, read in two pieces."""
    ids = (torch.arange(2 * T) * 7 % 20).view(2, T)
    where = (torch.arange(T) // 2 - 1).expand(2, T) if uses_oracle else None
    none = torch.empty(0, dtype=torch.long)
    _, states = model(ids[:, :5], (none, none), None, None if where is None else where[:, :5])
    queries = torch.tensor([0, 1, 1]), torch.tensor([3, 1, 3])
    logits, _ = model(ids[:, 5:], queries, states, None if where is None else where[:, 5:])
    return F.cross_entropy(logits.double(), torch.tensor([1, 2, 3]))


@every_memory
def test_a_population_of_models_is_each_of_them(name: str, options: dict[str, Any]) -> None:
    """Losses and gradients of two models by `vmap` over stacked weights, and of one after the other."""
    models = [model_of(name, options, seed).double() for seed in range(2)]
    weights, buffers = stack_module_state(models)
    oracle = models[0].uses_oracle

    def loss(weights: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
        return ask(lambda *inputs: functional_call(models[0], (weights, buffers), inputs), oracle)

    found, losses = vmap(grad_and_value(loss))(weights, buffers)
    for seed, model in enumerate(models):
        alone = ask(model, oracle)
        assert torch.allclose(losses[seed], alone, atol=1e-10)
        each = dict(model.named_parameters())
        wanted = torch.autograd.grad(alone, list(each.values()), allow_unused=True, materialize_grads=True)
        for key, gradient in zip(each, wanted, strict=True):
            assert torch.allclose(found[key][seed], gradient, atol=1e-10), key


@every_memory
def test_a_memory_under_autocast_keeps_its_bits(name: str, options: dict[str, Any]) -> None:
    memory, x = make(name, options).float(), normal(2, T, WIDTH).float().requires_grad_()
    y, *cast = in_two(memory, x), *(in_cast(half, lambda: in_two(memory, x)) for half in HALVES)
    assert all(torch.equal(other, y) for other in cast)
    wanted, *found = (torch.autograd.grad(other.pow(3).sum(), x)[0] for other in (y, *cast))
    assert all(torch.equal(other, wanted) for other in found)


@pytest.mark.parametrize("half", HALVES)
def test_a_model_under_autocast_is_near(half: torch.dtype) -> None:
    model = model_of("titans", {})
    plain, cast = ask(model, False), in_cast(half, lambda: ask(model, False))
    assert cast != plain
    assert torch.allclose(cast, plain, rtol=0.03)
    wanted, found = (torch.autograd.grad(loss, model.embedding)[0] for loss in (plain, cast))
    assert (found - wanted).norm() < 0.1 * wanted.norm()


@pytest.mark.parametrize("shorten", [unit, lambda x: bound(x, 4.0)], ids=["unit", "bound"])
def test_a_length_of_zero_has_a_gradient_in_half_precision(shorten: Callable[[Tensor], Tensor]) -> None:
    x = torch.zeros(3, WIDTH, dtype=torch.float16, requires_grad=True)
    assert torch.autograd.grad(shorten(x).sum(), x)[0].isfinite().all()


@every_memory
def test_copies_of_a_memory_and_of_its_state_answer_alike(name: str, options: dict[str, Any]) -> None:
    memory, x = make(name, options), normal(2, T, WIDTH)
    with torch.no_grad():
        _, state = memory(x)
        assert torch.equal(copy.deepcopy(memory)(x, copy.deepcopy(state))[0], memory(x, state)[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler warns of its own calls
@pytest.mark.parametrize("name", ["attention", "linear", "gated_delta", "elastic"])  # all 28 take minutes
def test_a_compiled_memory_computes_the_same(name: str) -> None:
    torch.compiler.reset()
    memory, x = make(name, {}), normal(2, T, WIDTH).requires_grad_()
    plain = in_two(memory, x)
    compiled = in_two(torch.compile(memory, backend="eager"), x)
    assert torch.allclose(compiled, plain, atol=1e-10)
    wanted, found = (torch.autograd.grad(y.pow(3).sum(), x)[0] for y in (plain, compiled))
    assert torch.allclose(found, wanted, atol=1e-10)


def test_a_torch_without_the_private_names_is_named_with_the_mend(monkeypatch):
    monkeypatch.delattr(torch._C, "_DisableFuncTorch")
    with pytest.raises(ImportError, match=rf"torch {re.escape(torch.__version__)} lacks .*: install torch 2.8 to 2.15"):
        runpy.run_path(transforms.__file__)
