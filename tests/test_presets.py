"""Models at matched cost are matched: counted by building them and by reading what they carry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models import MEMORIES, build_memory, find
from models.memories.linear import LinearAttention
from models.memory import num_floats
from models.presets import (
    LAYERS,
    MATCHED_PARAMETERS,
    MATCHED_STATE,
    PARAMETERS,
    PARAMETERS_OFF,
    STATE,
    STATE_OFF,
    TOKENS,
    UNMATCHED_PARAMETERS,
    UNMATCHED_STATE,
    VOCABULARY,
    Preset,
    matching,
    table,
)
from recall_tasks import make_task
from runners.studies.presets import PRESETS

torch.set_num_threads(1)


@pytest.mark.parametrize("name", MATCHED_PARAMETERS)
def test_models_have_as_many_parameters_as_attention(name: str) -> None:
    parameters = sum(p.numel() for p in MATCHED_PARAMETERS[name].build().parameters())
    goal = sum(p.numel() for p in Preset("attention", width=32).build().parameters())
    assert goal == PARAMETERS
    assert abs(parameters / goal - 1) <= PARAMETERS_OFF


@pytest.mark.parametrize("name", MATCHED_STATE)
def test_layers_carry_as_much_as_is_kept_free_for_them(name: str) -> None:
    preset = MATCHED_STATE[name]
    memory = build_memory(find(preset.memory), preset.width, **preset.options)
    fullest = max(range(1, TOKENS + 1), key=memory.state_floats)
    with torch.inference_mode():
        _, state = memory(torch.randn(1, fullest, preset.width, generator=torch.Generator().manual_seed(0)))
    assert abs(num_floats(state) / STATE - 1) <= STATE_OFF
    assert preset.state() == memory.fullest_floats(TOKENS) == num_floats(state)


@pytest.mark.parametrize("name", MATCHED_STATE)
def test_an_equal_state_does_not_make_another_model(name: str) -> None:
    assert 0.5 <= MATCHED_STATE[name].parameters() / PARAMETERS <= 1.5


@pytest.mark.parametrize(
    ("presets", "without"),
    [(MATCHED_PARAMETERS, UNMATCHED_PARAMETERS), (MATCHED_STATE, UNMATCHED_STATE)],
    ids=["parameters", "state"],
)
def test_every_memory_is_matched_or_it_is_said_why_not(presets: dict[str, Preset], without: dict[str, str]) -> None:
    assert sorted([*presets, *without]) == sorted(MEMORIES)
    assert all(name == preset.memory for name, preset in presets.items())
    assert all(len(reason.split()) > 5 for reason in without.values())


@pytest.mark.parametrize("name", [name for name, preset in MATCHED_PARAMETERS.items() if preset.width != 32])
def test_a_width_that_matches_is_found(name: str) -> None:
    chosen = MATCHED_PARAMETERS[name]
    found = matching(name, **chosen.options)
    assert abs(found.parameters() - PARAMETERS) <= abs(chosen.parameters() - PARAMETERS)


@pytest.mark.parametrize(
    ("name", "knob"), [("linear", "size"), ("window", "window"), ("memorizing", "queue"), ("hybrid", "window")]
)
def test_an_option_that_matches_is_found(name: str, knob: str) -> None:
    chosen = MATCHED_STATE[name]
    found = matching(name, knob, **{key: value for key, value in chosen.options.items() if key != knob})
    assert abs(found.state() - STATE) <= abs(chosen.state() - STATE)
    assert found.width == 32


def test_a_memory_of_ones_own_is_matched_too() -> None:
    class Mine(LinearAttention):
        pass

    assert matching(Mine).width == 32
    assert matching(Mine, "size", heads=4) == Preset(Mine, {"heads": 4, "size": 32})


def test_what_cannot_be_turned_is_refused() -> None:
    with pytest.raises(ValueError, match="'rope' is no integer option: it is one of width, heads"):
        matching("attention", "rope")
    with pytest.raises(ValueError, match="no heads from 1 to 256 will do: block must be at least 1"):
        matching("transformer_xl", "heads", block=0)


def test_the_tables_name_every_memory() -> None:
    lines = list(table())
    for name in MEMORIES:
        assert sum(line.split()[:1] == [name] for line in lines) == 2, name


@pytest.mark.slow
def test_the_tables_are_printed() -> None:
    command = [sys.executable, "-m", "models.presets"]
    printed = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines() == list(table())
    assert not printed.stderr


@pytest.mark.parametrize(
    ("study", "presets"), [("parameters", MATCHED_PARAMETERS), ("bytes", MATCHED_STATE)], ids=["parameters", "bytes"]
)
def test_a_study_holds_what_is_matched(study: str, presets: dict[str, Preset]) -> None:
    runs = PRESETS[study]().runs
    assert {run.label for run in runs} == set(presets)
    for run in runs:
        assert run.model.options == presets[run.label].options
        assert run.model.width == presets[run.label].width
        assert run.model.layers == LAYERS
        assert run.task.task.vocab_size == VOCABULARY
        assert run.task.length <= TOKENS


def test_the_vocabulary_is_that_of_mqar() -> None:
    task = make_task("mqar", num_keys=64, num_values=64)
    assert (task.vocab_size, task.answers) == (VOCABULARY, range(65, 129))


def test_a_match_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="the nearest is"):
        matching("linear", "heads")
