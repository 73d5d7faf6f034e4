"""A study is data: it travels through JSON, is read from what a person writes, and refuses what cannot be."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners import storage
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.execution.sweep import check_study, record_study
from runners.studies.presets import DEMO_MODELS, DEMO_TASKS, MINUTES, PRESETS
from runners.studies.question import part_of_question, question_of
from runners.studies.study import FEW_SEEDS, MATCHED, Ask, Study
from runners.studies.study_file import load_study

TASKS = (
    TaskSetting("mqar", 32, {"num_pairs": 4, "num_keys": 16, "num_values": 16}),
    TaskSetting("needle", 32, {"num_needles": 2}),
    TaskSetting("copy", 32, {"num_tokens": 4}),
)
MODELS = tuple(ModelSetting(memory, width=8, layers=1) for memory in ("linear", "gru", "attention"))
TRAINING = Training(updates=5)
ASKS = (Ask("extrapolation", {"ladder": [1, 2], "rows": 8}), Ask("probe", {"readers": ["ridge"]}, ("mqar",)))
STUDY = Study.grid("small", TASKS, MODELS, TRAINING, 2, (0.003, 0.01), ASKS)
WRITTEN: dict[str, Any] = {
    "name": "small",
    "tasks": [dataclasses.asdict(task) for task in TASKS],
    "models": [{"memory": model.memory, "width": 8, "layers": 1} for model in MODELS],
    "training": {"updates": 5},
    "seeds": 2,
    "rates": [0.003, 0.01],
    "asks": [
        {"measure": "extrapolation", "wanted": {"ladder": [1, 2], "rows": 8}},
        {"measure": "probe", "wanted": {"readers": ["ridge"]}, "tasks": ["mqar"]},
    ],
}


preset = cache(lambda name: PRESETS[name]())


def write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)


@settings(max_examples=25, deadline=None)
@given(
    tasks=st.lists(st.sampled_from(range(3)), min_size=1, unique=True),
    models=st.lists(st.sampled_from(range(3)), min_size=1, unique=True),
    seeds=st.integers(1, 3),
    rates=st.lists(st.floats(1e-6, 1.0), max_size=3, unique=True),
    rows=st.integers(1, 99),
    matched=st.sampled_from(["", *MATCHED]),
    policy=st.sampled_from(["adaptive", "fixed", "mixture"]),
)
def test_a_study_travels_through_json(
    tasks: list[int], models: list[int], seeds: int, rates: list[float], rows: int, matched: str, policy: str
) -> None:
    study = Study.grid(
        "any", [TASKS[i] for i in tasks], [MODELS[i] for i in models], Training(policy=policy), seeds, rates,
        [Ask("extrapolation", {"ladder": [1], "rows": rows})], matched,
    )  # fmt: skip
    again = Study.from_json(json.loads(json.dumps(study.to_json())))
    assert again == study
    assert [run.name for run in again.runs] == [run.name for run in study.runs]


@pytest.mark.parametrize("path", [(), ("runs", 0), ("runs", 1, "training"), ("asks", 0)], ids=str)
def test_unknown_keys_are_refused_with_their_place(path: tuple[Any, ...]) -> None:
    content = STUDY.to_json()
    inside: Any = content
    for key in path:
        inside = inside[key]
    inside["momentum"] = 1
    place = r"\.".join(map(str, [*path, "momentum"]))
    with pytest.raises(ValueError, match=rf"^study: {place}: unknown key$"):
        Study.from_json(content)


REFUSED = {
    "no runs": ({"runs": []}, "has no runs"),
    "a run twice": ({"runs": [STUDY.runs[0].to_json()] * 2}, f"has run {STUDY.runs[0].name} twice"),
    "no name": ({"name": "../here"}, "a study's name is its folder's"),
    "matched in colour": ({"matched": "colour"}, "matched takes parameters or bytes, not 'colour'"),
    "asked on nothing": ({"asks": [{"measure": "probe", "tasks": ["mqra"]}]}, "probe is asked on 'mqra'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_study_that_cannot_be_is_refused_with_a_sentence(case: str) -> None:
    change, said = REFUSED[case]
    with pytest.raises(ValueError, match=said) as refused:
        Study.from_json(STUDY.to_json() | change)
    assert "\n" not in str(refused.value)


def test_the_grid_that_a_person_writes_is_the_grid(tmp_path: Path) -> None:
    assert load_study(write(tmp_path / "any.json", WRITTEN)) == STUDY


def test_what_is_left_out_of_a_file_has_a_default(tmp_path: Path) -> None:
    brief = {"tasks": [{"name": "mqar", "length": 32}], "models": ["linear", {"memory": "gru"}]}
    study = load_study(write(tmp_path / "brief.json", brief))
    task = TaskSetting("mqar", 32)
    assert study == Study.grid("brief", [task], [ModelSetting("linear"), ModelSetting("gru")], Training(), FEW_SEEDS)


def test_runs_may_be_listed_one_by_one(tmp_path: Path) -> None:
    assert load_study(write(tmp_path / "listed.json", STUDY.to_json())) == STUDY


MISWRITTEN = {
    "a word for a list": ({"tasks": "mqar"}, "tasks: "),
    "an unknown key": ({"seed": 3}, "seed: unknown key"),
    "no such memory": ({"models": ["liner"]}, "liner"),
    "no such field": ({"tasks": [{"name": "mqar", "length": 32, "fields": {"num_pears": 3}}]}, "num_pears"),
    "rows too short": ({"tasks": [{"name": "mqar", "length": 3}]}, "not 3"),
    "a rate twice": ({"rates": [0.1, 0.1]}, "each learning rate once"),
    "no such measure": ({"asks": [{"measure": "extrapolate"}]}, "did you mean extrapolation"),
    "a measure without its wish": ({"asks": [{"measure": "probe"}]}, "a probe names at least one of readers"),
    "no such reader": ({"asks": [{"measure": "probe", "wanted": {"readers": ["rigde"]}}]}, "rigde"),
    "no seeds": ({"seeds": 0}, "at least 1 seed"),
}


@pytest.mark.parametrize("case", MISWRITTEN)
def test_a_mistake_in_a_file_is_one_line_that_names_it(case: str, tmp_path: Path) -> None:
    change, said = MISWRITTEN[case]
    path = write(tmp_path / "mine.json", WRITTEN | change)
    with pytest.raises(ValueError, match=r"mine\.json: ") as refused:
        load_study(path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_preset_is_a_study() -> None:
    assert load_study("smoke") == preset("smoke")


def test_a_folder_of_runs_says_what_it_was_asked_for(tmp_path: Path) -> None:
    record_study(STUDY, tmp_path, 0.0, "recall compare")
    assert load_study(str(tmp_path)) == STUDY
    assert load_study(str(tmp_path / "study.json")) == STUDY
    (tmp_path / "study.json").write_text((tmp_path / "study.json").read_text().replace("mqar", "copy", 1))
    with pytest.raises(storage.CorruptRun):
        load_study(str(tmp_path))


def test_no_code_in_a_folder_of_runs_is_imported(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    content = STUDY.to_json()
    content["runs"][0]["model"]["memory"] = f"{tmp_path / 'evil.py'}:Evil"
    (tmp_path / "study.json").write_bytes(storage.record_bytes({"study": content}))
    with pytest.raises(storage.CorruptRun, match="inside a folder of runs"):
        load_study(str(tmp_path))


STACK = "mine.py:Mine(heads=2)+attention"


def test_a_memory_of_ones_own_is_sought_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from models.memories.linear import LinearAttention as Mine\n")
    path = write(tmp_path / "own.json", {"tasks": [{"name": "mqar", "length": 32}], "models": ["mine.py:Mine", STACK]})
    assert [run.label for run in load_study(path).runs[:2]] == ["Mine", "Mine:heads=2+attention"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("dmeo", "unknown study 'dmeo': did you mean demo?"),
        ("nothing/like/it", "no file nothing/like/it"),
        ("missing.json", "no file missing.json"),
        (".", "holds no study.json"),
    ],
)
def test_what_is_no_study_is_told_in_a_line(
    word: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"study") as refused:
        load_study(word)
    assert said in str(refused.value)


def test_a_file_that_is_no_json_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{'name': 1}")
    with pytest.raises(ValueError, match=r"bad\.json cannot be read as JSON: [^\n]*$"):
        load_study(str(tmp_path / "bad.json"))


def part(study: Study, **chosen: Any) -> Study:
    return part_of_question(question_of(study), **chosen).study()


def test_a_part_is_what_the_whole_would_have_run() -> None:
    assert question_of(STUDY).study() == STUDY
    small = part(STUDY, tasks=["needle"], memories=["gru"], seeds=1)
    assert all(run in STUDY.runs for run in small.runs)
    assert len(small.runs) == len(STUDY.rates)
    assert [ask.measure for ask in small.asks] == ["extrapolation"]
    assert part(STUDY, tasks=["copy", "mqar"]).asks == STUDY.asks
    assert part(STUDY, fields={"learning_rate": 0.1}).rates == (0.1,)
    assert part(STUDY, fields={"policy": "fixed"}).rates == STUDY.rates
    assert {run.training.policy for run in part(STUDY, fields={"policy": "fixed"}).runs} == {"fixed"}
    with pytest.raises(ValueError, match="has no task 'mqra'"):
        part(STUDY, tasks=["mqra"])


def test_memories_that_differ_in_options_join_a_study_with_its_sizes_and_stacks_with_their_layers() -> None:
    words = ["grm:segment=4", "grm:segment=8", "3*linear+attention", "linear|window"]
    models = part(STUDY, memories=words, seeds=1, fields={"learning_rate": 0.1}).runs
    assert [run.model.memory for run in models[:4]] == ["grm", "grm", *words[2:]]
    assert [run.model.layers for run in models[:4]] == [STUDY.runs[0].model.layers] * 2 + [
        4,
        STUDY.runs[0].model.layers,
    ]
    with pytest.raises(ValueError, match="'grm:segment=4' is named twice"):
        part(STUDY, memories=["grm:segment=4", "grm(segment=4)"])


def test_runs_that_are_no_grid_are_not_made_one() -> None:
    study = Study("odd", (Run(TASKS[0], MODELS[0]), Run(TASKS[1], MODELS[1])))
    with pytest.raises(ValueError, match="is no grid"):
        part(study, seeds=1)


def test_a_measure_may_be_asked_for_several_things() -> None:
    asks = [Ask("extrapolation", {"ladder": [1]}), ASKS[1], Ask("extrapolation", {"ladder": [2]}, ("mqar",))]
    study = Study.grid("several", TASKS, MODELS[:1], TRAINING, 1, asks=asks)
    mqar, needle, _ = study.runs
    assert study.request(mqar) == {
        "extrapolation": [{"ladder": [1]}, {"ladder": [2]}],
        "probe": [{"readers": ["ridge"]}],
    }
    assert study.request(needle) == {"extrapolation": [{"ladder": [1]}]}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_asked_what_they_ask(name: str) -> None:
    study = preset(name)
    check_study(study)
    assert study.name == name
    assert MINUTES[name] > 0


def test_presets_that_may_carry_a_claim_have_seeds_and_a_grid() -> None:
    for name in ("fair", "length"):
        study = preset(name)
        assert len({run.seed for run in study.runs}) >= FEW_SEEDS
        assert len(study.rates) >= 3
    for name in ("parameters", "bytes"):
        study = preset(name)
        assert len({run.seed for run in study.runs}) >= FEW_SEEDS
        assert len(study.rates) == 1
        assert "one learning rate" in str(PRESETS[name].__doc__)
    for name in ("memories", "caching", "elastic", "demo", "long"):
        assert "a first look" in str(PRESETS[name].__doc__).splitlines()[0]


def test_the_demo_trains_what_it_always_did() -> None:
    study = preset("demo")
    trained = Training(updates=300, tokens=4096, learning_rate=1e-2, policy="adaptive", curriculum=4)
    assert {run.training for run in study.runs} == {trained}
    assert len(study.runs) == len(DEMO_TASKS) * len(DEMO_MODELS) * 3
