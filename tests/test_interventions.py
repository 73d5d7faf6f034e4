"""States taken apart and put together again, and what models answer after that."""

import functools

import numpy as np
import pytest
import torch
from settings import IDS, SETTINGS
from torch import nn

from models import MEMORIES, SequenceModel, build, build_memory
from models.memory import Memory
from recall_tasks import Copy, Needle, Stream
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.probe.capture import flatten
from runners.probe.interventions import choose_items, difference, interventions
from runners.probe.paused_model import Part, answers, patch_from_previous, pause, replace_contents, unflatten
from runners.probe.templates import Question, questions
from runners.probe.verdict import Claim, decide, verdict
from runners.storage.records import with_current_names
from runners.training.loop import train

torch.set_num_threads(1)
TASK = TaskSetting("mqar", 24, {"num_pairs": 4, "num_keys": 8, "num_values": 8})
ROWS = (300, 200, 150)


def rng():
    return np.random.default_rng(0)


@functools.cache
def solved():
    """A model of attention that recalls, its question, and what interventions found."""
    run = Run(TASK, ModelSetting("attention", width=16), Training(updates=300, tokens=1024))
    model, outcome, _ = train(run)
    assert outcome.solved
    question = next(questions(run.task.task, run.task.length, 0))
    return model, question, interventions(model, question, rng(), counts=ROWS)


def found(rows, kind, layer=0, content="state"):
    return [row for row in rows if (row["kind"], row["layer"], row["content"]) == (kind, layer, content)]


def mean(rows, name):
    assert rows
    return np.mean([row[name] for row in rows])


def alike(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(alike, a, b))
    return a == b


every_memory = pytest.mark.parametrize(("name", "options"), SETTINGS, ids=IDS)


@pytest.mark.parametrize("T", [7, 8])
@every_memory
def test_contents_put_back_are_the_state_and_anothers_are_anothers(name, options, T):
    memory = build_memory(MEMORIES[name], 8, **options)
    generator = torch.Generator().manual_seed(0)
    x, more = torch.randn(3, T, 8, generator=generator), torch.randn(3, 2, 8, generator=generator)
    with torch.no_grad():
        _, state = memory(x)
        contents = memory.contents(state)
        kept = {key: tensor.clone() for key, tensor in contents.items()}
        assert alike(replace_contents(state, contents, contents), state)
        assert alike(replace_contents(state, contents, unflatten(flatten(*contents.values()), contents)), state)
        other = replace_contents(state, contents, patch_from_previous(contents))
        assert torch.allclose(memory(more, other)[0], memory(more, memory(x.roll(1, 0))[1])[0], atol=1e-5)
        assert all(torch.equal(tensor, kept[key]) for key, tensor in contents.items())


def test_a_tensor_under_two_names_is_replaced_under_each():
    memory = build_memory(MEMORIES["dla"], 8, inner=4)
    _, state = memory(torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(0)))
    contents = memory.contents(state)
    assert contents["W1"] is contents["begun1"]
    ones, twos = torch.ones_like(contents["W1"]), 2 * torch.ones_like(contents["W1"])
    both = replace_contents(state, contents, {"W1": ones, "begun1": twos}).M
    assert both.W1 is ones
    assert both.begun1 is twos
    one = replace_contents(state, contents, {"begun1": twos}).M
    assert one.W1 is contents["W1"]
    assert one.begun1 is twos


def test_what_cannot_be_replaced_is_refused():
    memory = MEMORIES["linear"](8)
    _, state = memory(torch.zeros(2, 3, 8))
    contents = memory.contents(state)
    view = contents | {"S": contents["S"][:]}
    with pytest.raises(ValueError, match="S is a view or a copy"):
        replace_contents(state, view, view)
    with pytest.raises(ValueError, match="no 'h' to replace: it has recent, S"):
        replace_contents(state, contents, {"h": contents["S"]})
    with pytest.raises(ValueError, match=r"S is .* cannot take its place"):
        replace_contents(state, contents, {"S": contents["S"][:1]})
    with pytest.raises(ValueError, match="numbers a sequence, not 3"):
        unflatten(np.zeros((2, 3)), contents)


def test_with_anothers_states_a_model_answers_as_it_did_for_that_one():
    run = Run(TASK, ModelSetting("gru", width=16), Training(updates=40, tokens=512))
    model, _, _ = train(run)
    question = next(questions(run.task.task, run.task.length, 0))
    drawn = question.sample(60, rng())
    held = pause(model, drawn.tokens[:, : question.end])
    for asking in question.queries(drawn):
        intact = answers(model, held, asking)
        assert np.array_equal(answers(model, held, asking, Part(), patch_from_previous), np.roll(intact, 1, axis=0))


def test_a_model_that_recalls_follows_the_states_it_is_given():
    _, _, rows = solved()
    assert mean(found(rows, "intact"), "accuracy") > 0.98
    assert mean(found(rows, "patched"), "follows") > 0.98
    assert mean(found(rows, "patched"), "accuracy") < 0.02
    whole, parts = found(rows, "patched", 1), found(rows, "patched", 1, "values")
    assert mean(whole, "follows") == mean(parts, "follows") == 1  # values are bound in the first layer
    assert mean(found(rows, "patched", 1, "keys"), "follows") < 0.02


def test_erasing_a_value_costs_its_answers_and_erasing_as_much_else_does_not():
    _, _, rows = solved()
    for row in found(rows, "erased"):
        assert row["rank"] == 7
        assert row["accuracy"] < 0.4
        assert row["drop_low"] > 0.5
        assert row["excess_low"] > 0.5
        assert row["bits_before"] > 2.0
        assert row["bits_after"] < row["bits_before"] - 1
    for row in found(rows, "random"):
        assert row["accuracy"] > 0.9
        assert row["rank"] == 7
        assert row["changed"] > 0.1


def test_the_verdict_of_a_model_that_recalls_is_used():
    _, _, rows = solved()
    said = verdict(probes(0.99), rows)
    assert said.words == "used"
    assert "hurt: yes" in str(said)


class Forgetful(Memory):
    """Carries nothing but a count of tokens."""

    def __init__(self, width):
        super().__init__()
        self.mix = nn.Linear(width, width)

    def forward(self, x, state=None):
        seen = state[0] if state else x.new_zeros(len(x), 1)
        return self.mix(x), (seen + x.shape[1],)

    definition = forward

    def state_floats(self, length):
        return 1

    def contents(self, state):
        return {"seen": state[0]}


def test_a_memory_that_keeps_nothing_is_absent():
    task = TASK.task
    question = next(questions(task, TASK.length, 0))
    model = SequenceModel(task.vocab_size, task.answers, Forgetful, width=8, layers=1)
    rows = interventions(model, question, rng(), counts=(60, 60, 2000))
    assert {row["rank"] for row in rows} == {0}
    assert all(row["bits_before"] == 0 for row in found(rows, "erased"))
    assert all(row["drop"] == 0 for row in rows)
    assert verdict(probes(0.125), rows).words == "absent"


def probes(accuracy, control=0.125, half=0.02):
    same = {"reader": "ridge", "layer": 0, "content": "state", "end": True, "reduced": 0, "item": 0, "chance": 0.125}
    return [
        same | {"control": name, "accuracy": share, "low": share - half, "high": share + half}
        for name, share in (("none", accuracy), ("control", control))
    ]


def cost(name, share, half):
    return {name: share, f"{name}_low": share - half, f"{name}_high": share + half}


def behaviour(accuracy, excess, half=0.02, changed=0.2, sure=True, left=0.1):
    same = {"layer": 0, "content": "state", "chance": 0.125, "item": 0, "sure": sure}
    return [
        same | {"kind": "intact", "accuracy": accuracy, "low": accuracy - half, "high": accuracy + half},
        same
        | {"kind": "erased", "changed": 0.2, "bits_before": 3.0, "bits_after": 3.0 * left}
        | cost("excess", excess, half)
        | cost("drop", excess + 0.1, half),
        same | {"kind": "random", "changed": changed},
    ]


@pytest.mark.parametrize(
    ("read", "answered", "excess", "said"),
    [
        (0.13, 0.13, 0.0, "absent"),
        (0.9, 0.13, 0.0, "present but unused"),
        (0.9, 0.9, 0.7, "used"),
        (0.13, 0.9, 0.0, "used, but not linearly readable"),
        (0.9, 0.9, 0.01, "used in another form"),
        (0.16, 0.13, 0.0, "absent"),  # surely above the control, and by nothing that matters
    ],
)
def test_a_verdict_is_what_the_claims_say(read, answered, excess, said):
    assert verdict(probes(read), behaviour(answered, excess)).words == said


def test_erasing_is_held_against_what_it_costs_itself_and_against_as_much_of_something_else():
    """A control that helps would make any erasing look costly; one that had nothing to take out, all the more."""
    rows = behaviour(0.9, 0.7)
    assert (
        verdict(probes(0.9), [row | (cost("drop", 0.0, 0.02) if "drop" in row else {}) for row in rows]).words != "used"
    )
    assert verdict(probes(0.9), behaviour(0.9, 0.7, changed=0.01)).words == "undecided"
    assert verdict(probes(0.9), behaviour(0.9, 0.01, sure=False)).words == "undecided"  # too few rows to erase by
    assert verdict(probes(0.9), behaviour(0.9, 0.7, sure=False)).words == "used"
    assert verdict(probes(0.9), behaviour(0.9, 0.01, left=0.3)).words == "undecided"  # what was erased is still read


def test_a_memory_that_keeps_the_last_of_many_items_is_not_absent():
    """On the average over 32 items next to nothing is read or answered; of the one that is kept, all."""
    read, asked = [], []
    for item in range(32):
        kept = item == 31
        read += [row | {"item": item} for row in probes(0.98 if kept else 0.125)]
        asked += [row | {"item": item} for row in behaviour(0.98 if kept else 0.125, 0.8 if kept else 0.0)]
    said = verdict(read, asked)
    assert said.words == "used"
    assert said.readable.estimate == 0.98
    assert verdict(read, [row for row in asked if row["item"] < 31]).words == "present, not asked"


def test_what_intervals_do_not_say_is_undecided():
    assert verdict(probes(0.2, half=0.15), behaviour(0.13, 0.0)).words == "undecided"
    assert verdict(probes(0.9), behaviour(0.2, 0.0, half=0.15)).words == "undecided"
    assert verdict(probes(0.9), behaviour(0.9, 0.1, half=0.15)).words == "undecided"
    assert verdict(probes(0.9), behaviour(0.5, 0.3), floor=0.5).words == "present but unused"
    yes, no, unsure = (Claim("", *bounds, 0.1, 0.05) for bounds in ((0.8, 0.7, 0.9), (0.1, 0.0, 0.14), (0.2, 0.0, 0.4)))
    assert decide(yes, yes, None) == "undecided"
    assert decide(unsure, yes, yes) == "undecided"
    assert decide(unsure, yes, no) == "undecided"
    assert decide(no, yes, None) == "used, but not linearly readable"
    with pytest.raises(ValueError, match="there is no control 'shuffled'"):
        verdict(probes(0.9), behaviour(0.9, 0.7), control="shuffled")


def test_the_interval_of_a_difference_covers_it():
    chances, n, trials = np.array([0.62, 0.2, 0.03, 0.15]), 150, 2000  # both, only before, only after, neither
    drawn = rng().choice(4, (trials, n), p=chances)
    covered = [
        row["drop_low"] <= 0.17 <= row["drop_high"]
        for row in (difference("drop", np.isin(one, (0, 1)), np.isin(one, (0, 2))) for one in drawn)
    ]
    assert 0.93 < np.mean(covered) < 0.98
    none = difference("drop", np.ones(50, bool), np.ones(50, bool))
    assert none["drop_low"] < 0 == none["drop"] < none["drop_high"]


@pytest.mark.parametrize("memory", ["oracle", "linear"])
def test_several_layers_and_memories_that_are_told(memory):
    task = TASK.task
    model = build(memory, task.vocab_size, task.answers, width=8, layers=2)
    question = next(questions(task, TASK.length, 0))
    rows = interventions(model, question, rng(), items=2, counts=(80, 60, 20))
    assert {row["item"] for row in rows} == {0, 3}
    assert {row["layer"] for row in rows if row["kind"] == "erased"} == {0, 1, 2}
    names = set(pause(model, question.sample(2, rng()).tokens)[0].contents[0])
    held = pause(model, question.sample(2, rng()).tokens)[0]
    assert set(Part(2).select(held)) == {f"layer2/{name}" for name in names}
    assert set(Part(1, "recent").select(held)) == {"layer1/recent"}
    assert len(Part().select(held)) == 2 * len(names)
    for layer in (1, 2):
        assert {row["content"] for row in rows if row["layer"] == layer} == {"state", *names}
    assert len({tuple(row) for row in rows}) == 1  # the same columns in every row
    again = interventions(model, question, rng(), items=2, counts=(80, 60, 20))
    assert repr(again) == repr(rows)


def test_where_order_asks_each_item_is_asked_at_its_place():
    task = Copy(num_tokens=5)
    question = Question(task, Stream(task, 16, "probe").rows(0, 1))
    drawn = question.sample(4, rng())
    (asking,) = choose_items(list(question.queries(drawn)), 3)
    assert asking.items.tolist() == [0, 2, 4]
    model = build("linear", task.vocab_size, task.answers, width=8, layers=1)
    rows, places = torch.arange(4).repeat_interleave(3), torch.from_numpy(asking.positions + question.end).repeat(4)
    logits, _ = model(torch.from_numpy(drawn.tokens), (rows, places))
    said = answers(model, pause(model, drawn.tokens[:, : question.end]), asking)
    assert np.array_equal(said, logits.argmax(-1).view(4, 3).numpy())
    rows = interventions(model, question, rng(), items=3, counts=(60, 50, 10))
    assert {row["item"] for row in rows} == {0, 2, 4}


def test_a_single_item_is_erased_too():
    task = Needle(num_needles=1)
    question = Question(task, Stream(task, 16, "probe").rows(0, 1))
    model = build("gru", task.vocab_size, task.answers, width=8, layers=1)
    rows = interventions(model, question, rng(), counts=(200, 50, 10))
    assert {row["item"] for row in rows} == {0}
    assert found(rows, "random")[0]["rank"] < found(rows, "erased")[0]["rank"]


def test_models_of_other_tasks_are_refused():
    task = TASK.task
    question = next(questions(task, TASK.length, 0))
    model = build("gru", task.vocab_size, range(3), width=8)
    with pytest.raises(ValueError, match=r"the model answers range\(0, 3\), the task stores range"):
        interventions(model, question, rng(), counts=(50, 50, 5))
    with pytest.raises(ValueError, match="at least 2 sequences, not 1"):
        interventions(model, question, rng(), counts=(50, 50, 1))


def test_records_of_before_0_2_say_patched_too():
    old = {"interventions": [{"kind": "transplanted", "item": 0}, {"kind": "intact", "item": 0}], "probes": []}
    assert [record["kind"] for record in with_current_names(old)["interventions"]] == ["patched", "intact"]
