"""A Run is data: it travels through JSON, refuses what it does not know, and has one identity."""

import json
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.studies.study import Ask, Study

RUN = Run(TaskSetting("mqar", 32, {"num_pairs": 4}), ModelSetting("grm", {"segment": 8}), Training(), 3)


def test_a_run_travels_through_json():
    again = Run.from_json(json.loads(json.dumps(RUN.to_json())))
    assert again == RUN
    assert again.identity == RUN.identity


@pytest.mark.parametrize("path", [(), ("task",), ("model",), ("training",)], ids=lambda path: "-".join(path) or "run")
def test_unknown_keys_are_refused(path):
    content = RUN.to_json()
    inside = content
    for key in path:
        inside = inside[key]
    inside["momentum"] = 1
    with pytest.raises(ValueError, match="momentum"):
        Run.from_json(content)


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ("training", "updates", "many"),
        ("training", "learning_rate", -1.0),
        ("training", "advance_at", 1.5),
        ("task", "length", 11),
        ("task", "length", "64"),
        ("task", "name", "mqr"),
        ("task", "fields", {"num_pears": 3}),
        ("model", "memory", "gmr"),
        ("model", "options", {"segments": 3}),
        ("model", "options", {"segment": "8"}),
        ("model", "width", 0),
        ("model", "width", 33.5),
    ],
)
def test_a_run_that_cannot_be_is_refused_with_a_sentence(where, key, value):
    content = RUN.to_json()
    content[where][key] = value
    with pytest.raises(ValueError, match=r"\w+ \w+") as refused:
        Run.from_json(content)
    assert "\n" not in str(refused.value)


def test_defaults_written_out_are_the_same_run():
    plain = Run(TaskSetting("mqar", 32, {"num_pairs": 4}), ModelSetting("grm"))
    spelled = Run(TaskSetting("mqar", 32, {"num_pairs": 4, "num_keys": 32}), ModelSetting("grm", {"segment": 32}))
    assert plain.identity == spelled.identity


def test_whatever_decides_the_result_changes_the_identity():
    others = [
        replace(RUN, seed=4),
        replace(RUN, training=Training(learning_rate=2e-3)),
        replace(RUN, model=ModelSetting("grm", {"segment": 16})),
        replace(RUN, model=ModelSetting("ssc", {"segment": 8})),
        replace(RUN, task=TaskSetting("mqar", 64, {"num_pairs": 4})),
        replace(RUN, task=TaskSetting("mqar", 32, {"num_pairs": 5})),
    ]
    assert len({run.identity for run in [RUN, *others]}) == 1 + len(others)


def test_a_label_names_the_run_and_leaves_its_identity():
    assert replace(RUN, model=replace(RUN.model, label="mine")).identity == RUN.identity


def test_published_identities_stay():
    assert RUN.identity == "6374ee023d97aa77"


def test_a_guard_is_no_part_of_a_run():
    assert replace(RUN, training=Training(seconds=7)).identity == RUN.identity


@pytest.mark.parametrize("name", [f.name for f in fields(Training) if f.type == "float"])
def test_an_integer_is_as_good_as_a_float(name):
    one, other, third = (Training(**{name: value}) for value in (1, 1.0, np.int64(1)))
    assert repr(one) == repr(other) == repr(third)
    assert replace(RUN, training=one).identity == replace(RUN, training=other).identity


def test_options_and_fields_of_tasks_are_floats_where_they_are_declared_so():
    def run(one):
        return Run(TaskSetting("noisy", 64, {"noise": one}), ModelSetting("elastic", {"corruption": one}))

    assert json.dumps(run(0).to_json()) == json.dumps(run(0.0).to_json())


WRONG = {
    "training": lambda value: Training(updates=value),
    "number": lambda value: Training(clip=value),
    "word": lambda value: Training(policy=value),
    "model": lambda value: ModelSetting("linear", width=value),
    "memory": lambda value: ModelSetting(value),
    "options": lambda value: ModelSetting("linear", value),
    "option": lambda value: replace(RUN, model=ModelSetting("grm", {"segment": value})),
    "task": lambda value: TaskSetting(value, 32),
    "field": lambda value: replace(RUN, task=TaskSetting("mqar", 32, {"num_pairs": value})),
    "field name": lambda value: replace(RUN, task=TaskSetting("mqar", 32, {str(value): 3})),
    "seed": lambda value: replace(RUN, seed=value),
    "part": lambda value: replace(RUN, training=value),
    "request": lambda value: Ask("states", value),
    "runs": lambda value: Study("study", value),
    "seeds": lambda value: Study.grid("study", [RUN.task], [RUN.model], Training(), value),
}


@pytest.mark.parametrize("wrong", [None, True, [7], b"7", 10**400, 1j], ids=lambda value: str(value)[:9])
@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_a_wrong_type_is_one_value_error(make, wrong):
    if wrong == 10**400 and make in (WRONG["seeds"], WRONG["model"]):
        pytest.skip("it is an integer")
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        make(wrong)


@pytest.mark.slow
def test_identity_is_the_same_in_another_process():
    code = "import json, sys; from runners.config.run import Run; print(Run.from_json(json.load(sys.stdin)).identity)"
    root = Path(__file__).parent.parent
    told = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(RUN.to_json()),
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == RUN.identity


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(-5, 200),
    pairs=st.integers(-2, 60),
    width=st.integers(-1, 40),
    heads=st.integers(-1, 5),
    rate=st.floats(allow_nan=True, allow_infinity=False),
)
def test_any_configuration_stands_or_is_refused(length, pairs, width, heads, rate):
    try:
        run = Run(
            TaskSetting("mqar", length, {"num_pairs": pairs}),
            ModelSetting("linear", {"heads": heads}, width=width),
            Training(learning_rate=rate),
        )
    except ValueError:
        assert length < 3 * pairs or not 0 < pairs <= 32 or width < 1 or heads < 1 or width % heads or not rate > 0
    else:
        assert length >= 3 * pairs > 0
        assert width % heads == 0
        assert rate > 0
        assert run.name


def test_a_memory_of_ones_own_comes_from_a_file(tmp_path):
    mine = tmp_path / "mine.py"
    source = "from models.memories.linear import LinearAttention\nclass Mine(LinearAttention): pass\n"
    mine.write_text(source)
    run = Run(TaskSetting("mqar", 32), ModelSetting(f"{mine}:Mine"))
    assert type(run.build().blocks[0].memory).__name__ == "Mine"
    with pytest.raises(ValueError, match="no memory 'Yours'"):
        Run(TaskSetting("mqar", 32), ModelSetting(f"{mine}:Yours"))
    mine.write_text(source + "# changed\n")
    assert Run(TaskSetting("mqar", 32), ModelSetting(f"{mine}:Mine")).identity != run.identity
