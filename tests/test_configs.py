"""Any configuration is a Run or is refused in one line, quickly, whatever it holds."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import MEMORIES, memory_options
from recall_tasks import TASKS
from runners.config.model_sizes import LAYERS, NUMBERS
from runners.config.run import ModelSetting, Run, TaskSetting, Training

RUN = Run(
    TaskSetting("mqar", 32, {"num_pairs": 4}),
    ModelSetting("grm", {"segment": 8}, width=8, label="mine"),
    Training(updates=10, learning_rate=3e-3),
    seed=3,
)
GOOD = RUN.to_json()
PATIENCE = 60.0
"""Seconds after which a refusal hangs: far beyond what the busiest machine needs."""

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.sampled_from([2**31, 2**63, 10**9, 10**30, 10**400, -(2**63), 10**6]),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["", "mqar", "x.py:Y", "/nowhere/x.py:Y", "a\nb", "\0", "\x1b", "\ud800", "../x.py:", "é"]),
    st.sampled_from([np.int64(4), np.float32(0.5), b"bytes", 1j, {1, 2}]),
    st.lists(st.integers(0, 4), max_size=3),
    st.dictionaries(st.sampled_from(["heads", "segment", "num_pairs", "", "a\nb"]), st.integers(-1, 9), max_size=2),
)  # fmt: skip


def attempt(content):
    """The Run, or None where it was refused as it should be."""
    began = time.monotonic()
    try:
        return Run.from_json(content)
    except ValueError as error:
        refused = str(error)
    assert refused.isprintable(), repr(refused)
    assert refused.startswith("run configuration: ")
    assert time.monotonic() - began < PATIENCE
    return None


def check_round_trip(run):
    again = Run.from_json(json.loads(json.dumps(run.to_json())))
    assert again == run
    assert (again.identity, again.name) == (run.identity, run.name)
    assert len(run.name.encode()) <= 200
    assert run.name.isprintable()
    assert not set(run.name) & set("/\\\0")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=ODD, choice=st.data())
def test_one_odd_value_is_a_run_or_is_refused(value, choice):
    content = json.loads(json.dumps(GOOD))
    inside = choice.draw(st.sampled_from([content, *(content[part] for part in ("task", "model", "training"))]))
    inside = choice.draw(st.sampled_from([inside, content["task"]["fields"], content["model"]["options"]]))
    key = choice.draw(st.sampled_from([*inside, "unknown", "name", "width", "seed", "a\nb"]))
    if choice.draw(st.integers(0, 5)):
        inside[key] = value
    else:
        inside.pop(key, None)
    if (run := attempt(content)) is not None:
        check_round_trip(run)


@settings(max_examples=30, deadline=None)
@given(content=st.recursive(ODD, lambda inner: st.dictionaries(st.sampled_from([*GOOD, "x"]), inner, max_size=4)))
def test_what_is_no_configuration_is_refused(content):
    assert attempt(content) is None


def nearby(default):
    """Values of the kind of a default: small ones, and some that cannot be."""
    if type(default) is bool:
        return st.booleans()
    if type(default) is int:
        return st.sampled_from([default, 1, 2, 3, 4, 8, 0, -1, 10**9, 2**40])
    if type(default) is float:
        return st.sampled_from([default, 0.0, 0.5, 1.0, -1.0, 1e300, 1e-300, math.nan, math.inf])
    return st.sampled_from([default, "", "nothing", "a\nb"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(task=st.sampled_from(sorted(TASKS)), memory=st.sampled_from(sorted(MEMORIES)), choice=st.data())
def test_any_task_with_any_memory_is_a_run_or_is_refused(task, memory, choice):
    fields = {name: getattr(TASKS[task], name, None) for name in TASKS[task].__dataclass_fields__}
    options = memory_options(MEMORIES[memory])

    def some(known):
        names = choice.draw(st.sets(st.sampled_from(sorted(known)), max_size=2)) if known else ()
        return {name: choice.draw(nearby(known[name])) for name in names}

    content = {
        "task": {"name": task, "length": choice.draw(st.sampled_from([64, 200, 1, 0])), "fields": some(fields)},
        "model": {"memory": memory, "options": some(options), "width": choice.draw(st.sampled_from([8, 16, 7]))},
    }
    if (run := attempt(content)) is not None:
        check_round_trip(run)


@pytest.mark.parametrize(
    ("part", "key", "value", "said"),
    [
        ("model", "width", 10**9, "over the limit|cannot be built"),
        ("model", "width", 20_000, "over the limit"),
        ("model", "width", 10**30, "integers up to"),
        ("model", "layers", 10**6, f"at most {LAYERS:,}"),
        ("model", "layers", 10**12, f"at most {LAYERS:,}"),
        ("model", "mlp_ratio", 10**9, "over the limit|cannot be built"),
        ("model", "options", {"size": 10**8}, "over the limit|cannot be built"),
        ("model", "options", {"size": 10**30}, "integers up to"),
        ("task", "fields", {"num_pairs": 10**9}, "need as many keys"),
        ("task", "fields", {"num_values": 10**9}, "over the limit"),
        ("task", "length", 10**12, "over the limit"),
        ("model", "label", "x" * 300, "shorten the label"),
        ("model", "label", "two\nlines", "one line"),
        ("model", "memory", "x" * 5000 + ".py:Y", "no file|cannot be found"),
    ],
)
def test_sizes_beyond_all_bounds_are_refused_before_memory_is_taken(part, key, value, said):
    content = json.loads(json.dumps(GOOD))
    content["model"]["options"] = {}
    content[part][key] = value
    began = time.monotonic()
    with pytest.raises(ValueError, match=said):
        Run.from_json(content)
    assert time.monotonic() - began < PATIENCE


def test_the_limit_counts_what_is_built():
    """Width w, 2 layers of linear attention: some 2 (4 w^2 + 4 w^2) numbers; the limit lies between these two."""
    below, above = (int((NUMBERS / 16) ** 0.5 * factor) // 8 * 8 for factor in (0.5, 2.0))
    assert 12 * above**2 > NUMBERS > 24 * below**2
    with pytest.raises(ValueError, match=r"a model of [\d,]+ numbers is over the limit"):
        Run(RUN.task, ModelSetting("linear", width=above))


def test_a_circle_of_links_is_refused(tmp_path):
    (tmp_path / "mine.py").symlink_to(tmp_path / "mine.py")
    with pytest.raises(ValueError, match=r"cannot be found|no file"):
        Run(TaskSetting("mqar", 32), ModelSetting(f"{tmp_path}/mine.py:Mine"))  # Python 3.13 resolves it to itself


def test_what_is_nested_without_end_is_refused():
    content = []
    for _ in range(20_000):
        content = [content]
    assert attempt(content) is None


def shuffled(content, random):
    if not isinstance(content, dict):
        return content
    keys = list(content)
    random.shuffle(keys)
    return {key: shuffled(content[key], random) for key in keys}


@settings(max_examples=10, deadline=None)
@given(random=st.randoms(), label=st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20))
def test_identity_depends_neither_on_the_order_of_keys_nor_on_the_label(random, label):
    content = json.loads(json.dumps(GOOD))
    content["task"]["fields"] |= {"num_keys": 16, "num_values": 16}
    plain = Run.from_json(content).identity
    content["model"]["label"] = label
    run = Run.from_json(shuffled(content, random))
    assert run.identity == plain
    check_round_trip(run)
