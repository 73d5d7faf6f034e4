"""Which memory holds an answer and whether the gate looks there: hand-made models whose truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models import SequenceModel, build, build_memory
from models.caching.memory import CachingMemory
from models.memories.caching import GRM, SSC, Residual, Soup
from models.memories.controls import Average, RandomSSC, with_oracle_gate
from models.rule import multiplier
from models.rules import RULES
from models.sequence_model import norm
from recall_tasks import Batch, Stored, Task
from recall_tasks.generators.copying import Copy
from recall_tasks.generators.mqar import MQAR
from recall_tasks.generators.parity import Parity
from runners.evaluation.evaluate import predict
from runners.measures.probe import INTERVENTIONS, ROUTING
from runners.probe.interventions import UNMEASURED
from runners.probe.routing import UNSAID, routing
from runners.probe.templates import Question, Samples, questions

torch.set_num_threads(1)
WIDTH, ROWS = 8, 40
GATED = (GRM, Soup, SSC, RandomSSC, Average)


def make(form: type[CachingMemory], **options: Any) -> Any:
    torch.manual_seed(1)
    return build_memory(form, WIDTH, **options).double()


def tokens(T: int, B: int = 2) -> Tensor:
    return torch.randn(B, T, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(T))


def answered(memory: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """What each memory answers one token, [B, H, 1 + N, V], the open one first; and the state after."""
    _, after = memory.definition(x, state)
    q = memory.inputs(x, state.recent)[0]
    stacks = zip(memory.rule.matrices(after.M), after.caches, strict=True)
    memories = [torch.cat([W.unsqueeze(2), stack], dim=2) for W, stack in stacks]
    each = [memory.rule.read(multiplier(tuple(W[:, :, n] for W in memories)), q) for n in range(memories[0].shape[2])]
    return torch.cat(each, dim=2), after


@pytest.mark.parametrize("form", [GRM, SSC, RandomSSC, Average])
@pytest.mark.parametrize("base", ["linear", "titans"])
@pytest.mark.parametrize("start", ["independent", "checkpoint"])
def test_routing_weighs_the_answers_of_all_memories_into_the_read(
    form: type[CachingMemory], base: str, start: str
) -> None:
    inner = {"inner": 4} if RULES[base].depth > 1 else {}
    memory, x = make(form, segment=4, heads=2, base=base, start=start, **inner), tokens(1)
    _, state = memory(tokens(13))
    weights = memory.routing(x, state)
    answers, _ = answered(memory, x, state)
    assert weights.shape == (2, 2, 1, 4)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 2, 1, dtype=torch.float64))
    assert torch.allclose(memory.read_out(weights @ answers), memory(x, state)[0], atol=1e-10)


def test_routing_of_soup_mixes_its_matrices() -> None:
    memory, x = make(Soup, segment=4, base="dla", inner=4), tokens(1)
    _, state = memory(tokens(13))
    weights, after = memory.routing(x, state), memory(x, state)[1]
    stacks = zip(memory.rule.matrices(after.M), after.caches, strict=True)
    mixed = [torch.einsum("bhn,bhnio->bhio", weights[:, :, 0], torch.cat([W[:, :, None], s], 2)) for W, s in stacks]
    read = memory.rule.read(multiplier(tuple(mixed)), memory.inputs(x, state.recent)[0])
    assert torch.allclose(memory.read_out(read), memory(x, state)[0], atol=1e-10)


def test_routing_that_chooses_every_cache_is_that_of_gated_residual_memory() -> None:
    dense, sparse, x = make(GRM, segment=4), make(SSC, segment=4, chosen=3), tokens(1)
    states = [memory(tokens(13))[1] for memory in (dense, sparse)]
    assert torch.allclose(dense.routing(x, states[0]), sparse.routing(x, states[1]))
    sparse.chosen = 1
    weights = sparse.routing(x, states[1])
    assert ((weights[..., 1:] > 0).sum(-1) == 1).all()
    assert (weights[..., 0] > 0).all()


@pytest.mark.parametrize("cut", [0, 3, 8])
def test_routing_of_many_tokens_is_that_of_each_with_nothing_on_caches_to_come(cut: int) -> None:
    memory, x = make(SSC, segment=4, division="logarithmic", heads=2), tokens(14)
    state = memory(x[:, :cut])[1] if cut else None
    whole = memory.routing(x[:, cut:], state)
    assert whole.shape == (2, 2, 14 - cut, 1 + memory.segments.closed(13))
    for t in range(cut, 14):
        alone = memory.routing(x[:, t : t + 1], state)
        n = alone.shape[-1]
        assert n == 1 + memory.segments.closed(t)
        assert torch.allclose(whole[:, :, t - cut : t - cut + 1, :n], alone)
        assert (whole[:, :, t - cut, n:] == 0).all()
        _, state = memory(x[:, t : t + 1], state)


def test_a_sum_weighs_nothing() -> None:
    memory = make(Residual, segment=4)
    for call in (lambda: memory.routing(tokens(1)), lambda: with_oracle_gate(memory)):
        with pytest.raises(ValueError, match=r"sums its memories|no gate"):
            call()


@pytest.mark.parametrize("form", GATED)
@pytest.mark.parametrize("base", ["linear", "dla"])
def test_a_gate_that_knows_the_position_reads_one_memory_and_else_is_as_it_was(
    form: type[CachingMemory], base: str
) -> None:
    inner = {"inner": 4} if RULES[base].depth > 1 else {}
    memory, x = make(form, segment=4, base=base, **inner), tokens(1)
    informed = with_oracle_gate(memory)
    assert isinstance(informed, form)
    assert not memory.uses_oracle
    assert all(a is b for a, b in zip(memory.parameters(), informed.parameters(), strict=True))
    _, state = memory(tokens(13))
    answers, _ = answered(memory, x, state)
    for place, column in ((0, 1), (7, 2), (11, 3), (12, 0), (13, 0)):
        told = torch.full((2, 1), place)
        wanted = memory.read_out(answers[:, :, column : column + 1])
        assert torch.allclose(informed(x, state, told)[0], wanted, atol=1e-10)
        assert torch.allclose(informed.definition(x, state, told)[0], wanted, atol=1e-10)
        assert (informed.routing(x, state, told)[..., column] == 1).all()
    for untold in (None, torch.full((2, 1), -1), torch.full((2, 1), 16)):
        assert torch.allclose(informed(x, state, untold)[0], memory(x, state)[0], atol=1e-12)


TASK = MQAR(num_pairs=6, num_keys=8, num_values=8)
LENGTH, SEGMENT = 30, 8


def planted(memory: str = "grm", task: Task = TASK, **options: Any) -> SequenceModel:
    """A linear memory that binds every token to the one before it, and reads without loss: width is the vocabulary."""
    D = task.vocab_size
    model = build(memory, D, task.answers, width=D, layers=1, mlp_ratio=0, **{"segment": SEGMENT} | options)
    inner: Any = model.blocks[0].memory
    with torch.no_grad():
        model.embedding.copy_(torch.eye(D))
        inner.project.weight.copy_(torch.eye(D).repeat(1, 3))
        inner.project.taps.zero_()
        inner.project.taps[0, :D] = 1  # queries and values are tokens, keys the tokens before them
        inner.project.taps[1, D : 2 * D] = 1
        inner.project.taps[0, 2 * D :] = 1
        inner.read_out.weight.copy_(torch.eye(D))
        if "weight" in dict(inner.gate.named_parameters()):
            inner.gate.weight.zero_()
    return model


def question(task: Task = TASK, length: int = LENGTH) -> Question:
    return next(questions(task, length, 0))


def rows(model: SequenceModel, asked: Question | None = None) -> list[dict[str, Any]]:
    return routing(model, asked or question(), ROWS, np.random.default_rng(3))


def drawn(asked: Question) -> Samples:
    """The same rows again."""
    return asked.sample(ROWS, np.random.default_rng(3))


def only(table: list[dict[str, Any]], layer: int = 1) -> list[dict[str, Any]]:
    return [row for row in table if row["layer"] == layer]


def test_every_item_is_in_the_segment_it_was_written_in() -> None:
    asked = question()
    for row, position in zip(only(rows(planted(gate="constant"))), asked.positions, strict=True):
        assert row["segment"] == position // SEGMENT
        assert row["num_memories"] == 1 + LENGTH // SEGMENT
        assert row["age"] == LENGTH - 1 - position


@pytest.mark.parametrize(("segment", "length", "age", "looked_at"), [(8, 30, 3, 0), (10, 18, 0, 1)])
def test_a_gate_that_always_looks_at_one_memory_misses_the_others_and_only_by_routing(
    segment: int, length: int, age: int, looked_at: int
) -> None:
    model, asked = planted(gate="position", segment=segment), question(length=length)
    gate: Any = model.blocks[0].memory.gate
    gate.weight.data[:, age] = 100.0
    labels, there = drawn(asked).labels, asked.positions // segment == looked_at
    assert 0 < there.sum() < len(there)
    for item, row in enumerate(only(rows(model, asked))):
        assert row["oracle"] == 1
        assert row["entropy"] == pytest.approx(0)
        assert row["right"] == row["weight"] == there[item]
        guessed = (labels[:, item] == 0).mean()  # of logits that are all alike, the first
        assert row["accuracy"] == pytest.approx(1 if there[item] else guessed)
        assert row["low"] <= row["accuracy"] <= row["high"]
        assert row["oracle_low"] < row["oracle_high"] == 1


def test_what_a_memory_has_lost_no_router_finds() -> None:
    model, labels = planted(gate="constant"), drawn(question()).labels
    D = TASK.vocab_size
    memory: Any = model.blocks[0].memory
    memory.project.taps.data[:, 2 * D :] = 0
    for item, row in enumerate(only(rows(model))):
        assert row["accuracy"] == row["oracle"] == pytest.approx((labels[:, item] == 0).mean())


@pytest.mark.parametrize("start", ["independent", "checkpoint"])
def test_a_gate_without_a_mind_weighs_evenly(start: str) -> None:
    for row in only(rows(planted(gate="constant", start=start))):
        N = row["num_memories"] - 1
        assert row["even"] == pytest.approx(1 / (N + 1))
        assert row["weight"] == row["right"] == pytest.approx(row["even"])
        assert row["entropy"] == pytest.approx(math.log2(N + 1))
        later = N + 1 - row["segment"] if start == "checkpoint" else 1
        assert row["holding"] == pytest.approx(later / (N + 1))
        assert row["accuracy"] == row["oracle"] == 1


@pytest.mark.parametrize("start", ["independent", "checkpoint"])
def test_an_oracle_looks_where_the_answer_is(start: str) -> None:
    for row in only(rows(planted("oracle", start=start))):
        assert row["right"] == row["weight"] == 1
        assert row["entropy"] == pytest.approx(0)
        assert row["accuracy"] == row["oracle"] == 1


def with_key(asked: Question, item: int) -> Batch:
    """The drawn rows, and after them the item's key."""
    read = drawn(asked)
    key = np.full((ROWS, 1), asked.template.stored.keys[0, item], np.int32)
    place = np.full_like(key, read.tokens.shape[1])
    answers = (read.labels[:, item, None] + TASK.answers.start).astype(np.int32)
    origins = np.full_like(place, asked.positions[item])
    return Batch(np.concatenate([read.tokens, key], axis=1), place, answers, origins, Stored(place, key, answers))


def two_layers(memory: str) -> SequenceModel:
    return build(memory.format(f"segment={SEGMENT}"), TASK.vocab_size, TASK.answers, width=8)


def test_accuracy_is_what_the_model_says_when_asked() -> None:
    model, asked = two_layers("ssc:{}"), question()
    table = only(rows(model))
    for item, row in enumerate(table):
        batch = with_key(asked, item)
        assert row["accuracy"] == (predict(model, batch) == batch.answers).mean()
    assert len({row["accuracy"] for row in table}) > 1


@pytest.mark.parametrize("layer", ["{}", "gru|{}"])
def test_layers_told_are_oracles_with_the_same_weights(layer: str) -> None:
    grm, oracle = (layer.format(f"{name}:{{}}") for name in ("grm", "oracle"))
    own, all_told, second_told = map(two_layers, (grm, oracle, grm))
    for model in (all_told, second_told):
        model.load_state_dict(own.state_dict())
    second_told.blocks[1] = all_told.blocks[1]
    asked, table = question(), rows(own)
    assert [row["layer"] for row in table] == [0, 1, 2] * TASK.num_pairs
    for number, model in ((0, all_told), (2, second_told)):
        for item, row in enumerate(only(table, number)):
            batch = with_key(asked, item)  # whose only question is the key: what is told before is nothing
            assert row["oracle"] == (predict(model, batch) == batch.answers).mean()


def test_items_that_order_asks_for_are_asked_at_their_places() -> None:
    task = Copy(num_tokens=5)
    asked = question(task, 24)
    model: Any = build("grm", task.vocab_size, task.answers, width=8, segment=4, layers=1)
    read, table, template = drawn(asked), only(rows(model, asked)), asked.template
    assert [row["item"] for row in table] == list(range(5))
    assert [row["num_memories"] for row in table] == [1 + place // 4 for place in template.asked[0]]
    inputs = norm(model.embedding[torch.from_numpy(read.tokens).long()])
    weights = model.blocks[0].memory.routing(inputs).detach()
    for row, place in zip(table, template.asked[0], strict=True):
        assert row["weight"] == pytest.approx(weights[:, :, place, 1 + row["segment"]].mean().item(), rel=1e-4)
    places, origins = (np.repeat(part, ROWS, axis=0) for part in (template.asked, template.origins))
    answers = (read.labels + task.alphabet.start).astype(np.int32)
    batch = Batch(read.tokens, places, answers, origins, template.stored)
    assert [row["accuracy"] for row in table] == list((predict(model, batch) == answers).mean(0))


def test_a_task_that_asks_for_no_item_by_itself_is_refused() -> None:
    task = Parity()
    model = build("grm", task.vocab_size, task.answers, width=8, segment=4, layers=1)
    with pytest.raises(ValueError, match="parity asks for no item by itself"):
        rows(model, question(task, 17))


@pytest.mark.parametrize(("memory", "options"), [("linear", {}), ("residual", {"segment": 4})])
def test_a_model_that_weighs_no_caches_is_refused(memory: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="weighs no caches"):
        rows(build(memory, TASK.vocab_size, TASK.answers, width=8, **options))


def test_looking_leaves_the_model_as_it_was() -> None:
    model = planted(gate="constant")
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    assert only(rows(model)) == only(rows(model))
    assert not model.blocks[0].memory._forward_pre_hooks
    assert type(model.blocks[0].memory) is GRM
    assert all(torch.equal(before[name], weights) for name, weights in model.state_dict().items())


def test_what_a_record_of_a_probe_cannot_say_may_be_missing_from_it() -> None:
    assert {c.name for c in ROUTING.columns if c.missing} == set(UNSAID)
    assert {c.name for c in INTERVENTIONS.columns if c.missing} == {*UNMEASURED, "sure"}
