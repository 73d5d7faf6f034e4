"""Models whose layers hold different memories, and memories side by side in a layer."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import torch

from models import MEMORIES, build, build_memory
from models.contract import check_contract
from models.parallel import Parallel
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.measures.capacity import family
from runners.probe.paused_model import patch_from_previous, replace_contents
from runners.studies.matching import check_matched
from runners.studies.presets import PRESETS
from runners.studies.study import Study
from runners.training.swap import swap_memory

torch.set_num_threads(1)
TASK = TaskSetting("mqar", 16, {"num_pairs": 3})


def model(word, **sizes):
    return build(word, 20, range(10, 20), width=8, **sizes)


def run_of(word, **sizes):
    return Run(TASK, ModelSetting(word, width=8, **sizes))


def side_by_side(*names):
    torch.manual_seed(0)
    return Parallel([build_memory(MEMORIES[name], 8) for name in names], names).double()


def test_layers_are_those_that_a_stack_names():
    made = [block.memory for block in model("2*grm:segment=4,base=delta+attention:heads=2").blocks]
    grm = build_memory(MEMORIES["grm"], 8, segment=4, base="delta")
    assert [str(memory) for memory in made] == [*2 * [str(grm)], str(build_memory(MEMORIES["attention"], 8, heads=2))]
    assert made[0].state_floats(9) == grm.state_floats(9)


def test_a_stack_of_one_memory_is_that_memory():
    one, other = model("3*linear").state_dict(), model("linear", layers=3).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_a_stack_is_repeated_in_a_model_of_more_layers():
    assert ModelSetting("linear+attention", layers=4) == ModelSetting("linear+attention+linear+attention")
    layers = [type(block.memory) for block in model("linear+gru", layers=4).blocks]
    assert layers == [MEMORIES["linear"], MEMORIES["gru"]] * 2


@torch.no_grad()
def test_memories_side_by_side_are_their_sum():
    block, x = side_by_side("linear", "window"), torch.randn(2, 9, 8, dtype=torch.float64)
    (one, S), (two, kv) = (memory(x) for memory in block.memories)
    y, state = block(x)
    assert torch.equal(y, one + two)
    parts = [*block.memories[0].contents(S).values(), *block.memories[1].contents(kv).values()]
    assert all(map(torch.equal, block.contents(state).values(), parts))
    assert block.state_floats(9) == sum(memory.state_floats(9) for memory in block.memories)


@pytest.mark.parametrize("names", ["linear window", "elastic oracle linear linear", "gru log_linear"])
def test_memories_side_by_side_keep_the_contract(names):
    check_contract(side_by_side(*names.split()), 8)


@torch.no_grad()
def test_a_memory_side_by_side_with_another_goes_on_from_the_contents_of_another_sequence():
    block, x, more = side_by_side("linear", "window", "linear"), *torch.randn(2, 3, 5, 8, dtype=torch.float64)
    _, state = block(x)
    other = replace_contents(state, block.contents(state), patch_from_previous(block.contents(state)))
    assert torch.allclose(block(more, other)[0], block(more, block(x.roll(1, 0))[1])[0])


def test_contents_of_memories_side_by_side_are_named_after_them():
    block = side_by_side("linear", "gru", "linear")
    names = set(block.contents(block(torch.zeros(1, 2, 8).double())[1]))
    assert {name.rpartition(".")[0] for name in names} == {"linear.1", "linear.2", "gru"}


@pytest.mark.parametrize("word", ["elastic:block=8+transformer_xl:block=12,cache=12+gru", "log_linear+elastic:block=6"])
def test_a_stack_is_fullest_when_its_layers_together_are(word):
    made = model(word)
    for length in range(1, 140):
        floats = [sum(block.memory.state_floats(t) for block in made.blocks) for t in range(1, length + 1)]
        assert made.fullest_floats(length) == max(floats)
        both = Parallel([block.memory for block in made.blocks], ["x"] * len(made.blocks))
        assert both.fullest_floats(length) == max(floats)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ModelSetting("grm:segment=4"), ModelSetting("grm", {"segment": 4})),
        (ModelSetting("linear+linear"), ModelSetting("linear")),
        (ModelSetting("linear+linear:size=0"), ModelSetting("linear")),
        (ModelSetting("gru+grm:segment=4,base=delta"), ModelSetting("gru+grm:base=delta,segment=4,heads=1")),
    ],
)
def test_equal_models_have_one_identity(one, other):
    assert Run(TASK, one).identity == Run(TASK, other).identity


def test_runs_of_presets_keep_their_identities():
    """Hashed as they were before a model could hold several memories."""
    published = {"smoke": "a0ec17f89f83b496", "demo": "c742ea974cff638e", "bytes": "f8ef99268abf33e8"}
    for name, expected in published.items():
        identities = " ".join(sorted(run.identity for run in PRESETS[name]().runs))
        assert hashlib.blake2b(identities.encode(), digest_size=8).hexdigest() == expected


def test_stacks_that_differ_are_different_runs():
    words = ["linear+gru", "gru+linear", "linear|gru", "gru|linear", "linear", "2*linear+gru", "linear:size=4+gru"]
    assert len({run_of(word).identity for word in words}) == len(words)


def test_a_run_of_a_stack_survives_json():
    run = run_of("2*grm:segment=4|gru+attention")
    again = Run.from_json(run.to_json())
    assert again == run
    assert (again.identity, again.label) == (run.identity, "2*grm:segment=4|gru+attention")
    assert replace(run, seed=1).build().state_dict().keys() == run.build().state_dict().keys()


@pytest.mark.parametrize(
    ("word", "sizes", "message"),
    [
        ("linear+grm:foo=2", {}, "grm:foo=2: GRM has no option 'foo': it takes heads"),
        ("linear+grm:segment=x", {}, "grm:segment=x: GRM: segment takes int values, not 'x'"),
        ("linear+nobody", {}, "unknown memory 'nobody'"),
        ("linear+gru", {"layers": 3}, "layers takes a multiple of the 2 that linear.gru names, not 3"),
        ("3*linear", {"layers": 2}, "layers takes a multiple of the 3"),
        ("linear+grm", {"options": {"segment": 4}}, "holds several memories: write segment behind"),
        ("grm:segment=4", {"options": {"segment": 4}}, "has segment, which is given beside it too"),
        ("lin ear", {}, "'lin ear' is no memory"),
    ],
)
def test_a_stack_that_cannot_be_is_refused_in_one_line(word, sizes, message):
    with pytest.raises(ValueError, match=rf"^[^\n]*{message}[^\n]*$"):
        run_of(word, **sizes)


def test_a_setting_made_before_its_file_changed_runs_the_code_of_its_digest(tmp_path):
    code = "from models.memories.gru import GRU\nclass Mine(GRU):\n    number = {}\n"
    file = tmp_path / "mine.py"
    setting = ModelSetting(f"gru+{file}:Mine", width=8)
    for number in (1, 2):
        file.write_text(code.format(number))
        assert Run(TASK, setting).build().blocks[1].memory.number == number


def test_a_match_names_the_options_of_every_layer():
    runs = run_of("gru"), run_of("gru", mlp_ratio=1), run_of("linear+window:window=4")
    study = Study("matched", runs, matched="bytes")
    with pytest.raises(ValueError, match=r"linear\+window:window=4 has .*change its options \(heads, size, window\)"):
        check_matched(study)


def test_stacks_of_one_family_differ_in_sizes_alone():
    words = ["grm:segment=4,base=delta+gru", "grm:segment=8,base=delta,size=4+gru", "2*linear|gru", "linear:size=4"]
    assert [family(run_of(word)) for word in words] == [*2 * ["grm:base=delta+gru"], "linear|gru", "linear"]


def test_no_memory_takes_the_place_of_a_stack():
    run = run_of("linear+gru")
    with pytest.raises(ValueError, match=r"^linear\+gru is a stack: a swap puts one memory in the place of one"):
        swap_memory(run, run.build(), "average")
