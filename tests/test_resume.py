"""A run that was interrupted anywhere ends with the very numbers of one that was not, or starts again and says so."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runners.config.curriculum import POLICIES
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.execution.provenance import environment
from runners.storage import UnwritableFolder
from runners.training import checkpoint as checkpoints
from runners.training import loop as training
from runners.training.adamw import AdamW
from runners.training.checkpoint import ForeignCheckpoint, UnusableCheckpoint
from runners.training.loop import train

torch.set_num_threads(1)
ROOT = Path(__file__).parent.parent
TINY = TaskSetting("mqar", 48, {"num_pairs": 3, "num_keys": 4, "num_values": 4})
MEMORIES = {
    "linear": {},
    "gru": {},
    "attention": {},
    "titans": {"inner": 4},
    "grm": {"segment": 16},
    "ssc": {"segment": 8},
    "random_ssc": {"segment": 8},
    "oracle": {"segment": 16},
    "elastic": {"block": 16, "num_coefficients": 4, "num_samples": 3},
}


class Interrupted(Exception):
    pass


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    """At the validation split: a run of these tests is over before others have looked once."""
    monkeypatch.setattr(training, "CHECK", 5)
    monkeypatch.setattr(training, "VALIDATION_SEQUENCES", 32)


def tiny(memory="linear", policy="adaptive", **fields):
    fields = {"updates": 12, "tokens": 256, "warmup": 3, "advance_at": 0.26, "solve_at": 0.3} | fields
    model = ModelSetting(memory, MEMORIES[memory], width=8, layers=1, mlp_ratio=0)
    return Run(TINY, model, Training(policy=policy, curriculum=3, **fields), seed=1)


def until(updates, run, path, **options):
    """Train until so many updates are made, in all, and then let the machine fail."""
    step, left = training.step, updates

    def failing(*given):
        nonlocal left
        if left == 0:
            raise Interrupted
        left -= 1
        return step(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "step", failing)
        with pytest.raises(Interrupted):
            train(run, checkpoint=path, **options)


def kept(model, outcome, curve):
    """All that must be the same: everything but the time it took."""
    weights = {name: w.numpy().tobytes() for name, w in model.state_dict().items()}
    outcome = dataclasses.replace(outcome, seconds=0.0, seconds_to_solve=None)
    return weights, outcome, [{**point, "seconds": 0.0} for point in curve]


WHOLE = {}


def whole(run):
    """The same run, never interrupted."""
    if run.identity not in WHOLE:
        WHOLE[run.identity] = kept(*train(run))
    return WHOLE[run.identity]


def test_the_runs_of_these_tests_advance_solve_and_cool():
    """Else they would not show that stages, marks and the schedule are kept."""
    _, outcome, curve = whole(tiny(updates=24))
    assert outcome.solved
    assert outcome.updates_to_solve < 12
    assert {point["stage"] for point in curve} == {1, 2}


@pytest.mark.parametrize("updates", [1, 5, 11])
def test_interrupted_after_any_update_a_run_ends_the_same(updates, tmp_path):
    run, path = tiny(), tmp_path / "kept"
    until(updates, run, path, every=0)
    assert kept(*train(run, checkpoint=path, every=0)) == whole(run)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@given(cuts=st.lists(st.integers(1, 23), min_size=1, max_size=3, unique=True))
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_interrupted_more_than_once_a_run_of_any_policy_ends_the_same(policy, cuts, tmp_path):
    run, path, made = tiny(policy=policy, updates=24), tmp_path / "kept", 0
    path.unlink(missing_ok=True)
    for cut in sorted(cuts):
        if cut < whole(run)[1].updates:
            until(cut - made, run, path, every=0)
            made = cut
    assert kept(*train(run, checkpoint=path)) == whole(run)


@pytest.mark.parametrize("memory", MEMORIES)
def test_every_kind_of_memory_resumes(memory, tmp_path):
    run, path = tiny(memory, updates=7), tmp_path / "kept"
    until(4, run, path, every=0)
    assert kept(*train(run, checkpoint=path)) == whole(run)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_resumes_after_any_update(policy, tmp_path):
    run = tiny(policy=policy)
    for updates in range(1, whole(run)[1].updates):
        path = tmp_path / str(updates)
        until(updates, run, path, every=0)
        assert kept(*train(run, checkpoint=path)) == whole(run)


def test_a_run_goes_on_from_an_older_checkpoint_too(tmp_path):
    run, path = tiny(), tmp_path / "kept"
    until(4, run, path, every=0)
    older = path.read_bytes()
    until(5, run, path, every=0)
    path.write_bytes(older)
    assert kept(*train(run, checkpoint=path)) == whole(run)


def test_a_model_that_was_given_goes_on_with_what_it_learns_alone(tmp_path):
    run, path = tiny(), tmp_path / "kept"
    models = [run.build() for _ in range(3)]
    for model in models:
        model.embedding.requires_grad_(False)
    expected = kept(*train(run, model=models[0]))
    until(5, run, path, model=models[1], every=0)
    assert kept(*train(run, model=models[2], checkpoint=path)) == expected


def test_checkpoints_change_nothing_and_are_kept_no_more_often_than_asked(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(training, "save", lambda *given: saved.append(given))
    assert kept(*train(tiny(), checkpoint=tmp_path / "kept")) == whole(tiny())
    assert not saved
    train(tiny(), checkpoint=tmp_path / "kept", every=0)
    assert len(saved) == 12
    with pytest.raises(ValueError, match="at least 0 seconds"):
        train(tiny(), checkpoint=tmp_path / "kept", every=-1)


def test_a_slow_disk_takes_no_more_than_its_share(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(training, "save", lambda *given: saved.append(time.sleep(0.02)))
    began = time.perf_counter()
    train(tiny(updates=100, solve_at=1.0), checkpoint=tmp_path / "kept", every=1e-9)
    assert 1 <= len(saved) <= 2 + training.SPENT * (time.perf_counter() - began) / 0.02


def test_times_of_all_parts_add_up(tmp_path):
    run, path = tiny(solve_at=1.0), tmp_path / "kept"
    until(5, run, path, every=0)
    held = checkpoints.load(path, run)
    model, optimiser = run.build(), AdamW(run.build().parameters(), 0.01)
    checkpoints.save(path, run, model, optimiser, held.progress | {"seconds": 100.5})
    assert train(run, checkpoint=path)[1].seconds > 100.5


def test_a_run_that_its_guard_stops_is_left_unfinished_and_goes_on(tmp_path):
    run, path = tiny(seconds=1e-9), tmp_path / "kept"
    for update in range(1, run.training.updates):
        with pytest.raises(TimeoutError, match=f"at update {update} of .* --seconds"):
            train(run, checkpoint=path)
    assert kept(*train(run, checkpoint=path)) == whole(tiny())


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_checkpoint_is_whole_or_refused(place, bit, cut, tmp_path):
    run, path = tiny(), tmp_path / "kept"
    model = run.build()
    checkpoints.save(path, run, model, AdamW(model.parameters(), 0.01), {"update": 3, "curve": [0.1]})
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    if cut:
        del content[at:]
    else:
        content[at] ^= 1 << bit
    path.write_bytes(bytes(content))
    with pytest.raises(UnusableCheckpoint, match="damaged"):
        checkpoints.load(path, run)


def test_after_a_damaged_checkpoint_training_starts_again_and_says_so(tmp_path):
    run, path, said = tiny(), tmp_path / "kept", []
    until(8, run, path, every=0)
    path.write_bytes(path.read_bytes()[:-1])
    weights, outcome, curve = kept(*train(run, said.append, checkpoint=path))
    assert (weights, dataclasses.replace(outcome, warning=None), curve) == whole(run)
    assert said[0] == outcome.warning
    assert "damaged and was not used: training started again from the beginning" in outcome.warning


@pytest.mark.parametrize("wrong", ["torch", "ledger", "model"])
def test_a_checkpoint_of_other_versions_is_not_used(wrong, tmp_path, monkeypatch):
    run, path = tiny(), tmp_path / "kept"
    until(5, run, path, every=0)
    held = checkpoints.load(path, run)
    model = ModelSetting("linear", width=9, layers=1) if wrong == "model" else run.model
    model, progress = dataclasses.replace(run, model=model).build(), held.progress
    if wrong == "ledger":
        progress = progress | {"unheard_of": 1}
    with monkeypatch.context() as patch:
        if wrong == "torch":
            patch.setattr(torch, "__version__", "1.0")
        checkpoints.save(path, run, model, AdamW(model.parameters(), 0.01), progress)
    weights, outcome, curve = kept(*train(run, checkpoint=path))
    assert (weights, dataclasses.replace(outcome, warning=None), curve) == whole(run)
    assert outcome.warning


def test_going_on_with_other_instructions_is_said_and_recorded(tmp_path, monkeypatch):
    run, path, said = tiny(), tmp_path / "kept", []
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(checkpoints, "instructions", lambda device="cpu": "arm64 NEON")
        until(5, run, path, every=0)
    _, outcome, _ = train(run, said.append, checkpoint=path)
    (line,) = [message for message in said if isinstance(message, str)]
    assert f"an arm64 NEON processor, and this is {checkpoints.instructions()}" in line
    assert outcome.warning in line
    assert (outcome.updates, environment()["machine"]["instructions"]) == (12, checkpoints.instructions())


def test_the_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "kept"
    until(5, tiny(), path, every=0)
    before = path.read_bytes()
    with pytest.raises(ForeignCheckpoint, match="another run"):
        train(tiny().with_seed(2), checkpoint=path)
    assert path.read_bytes() == before


def test_a_disk_that_takes_no_checkpoint_is_one_clear_error(tmp_path):
    with pytest.raises(UnwritableFolder, match="cannot write"):
        train(tiny(), checkpoint=tmp_path / "nowhere" / "kept", every=0)


def test_a_checkpoint_holds_no_code(tmp_path):
    until(3, tiny(), tmp_path / "kept", every=0)
    content = (tmp_path / "kept").read_bytes()
    assert int.from_bytes(content[:8], "little") < len(content)
    assert content[8:9] == b"{"


@pytest.mark.slow
def test_a_killed_process_leaves_a_checkpoint_to_go_on_from(tmp_path):
    run, path, reached = tiny(updates=300, solve_at=1.0), tmp_path / "kept", 0
    code = (
        "import json, sys, torch; torch.set_num_threads(1); from pathlib import Path;"
        "from runners.training.loop import train;"
        "from runners.config.run import Run;"
        "train(Run.from_json(json.loads(sys.argv[1])), checkpoint=Path(sys.argv[2]), every=0)"
    )
    words = [sys.executable, "-c", code, json.dumps(run.to_json()), str(path)]
    for seconds in (0.1, 0.23, 0.31):
        before = path.stat().st_ino if path.exists() else None
        child = subprocess.Popen(words, cwd=ROOT)
        while child.poll() is None and (path.stat().st_ino if path.exists() else None) == before:
            time.sleep(0.01)
        time.sleep(seconds)
        child.kill()
        child.wait()
        reached, last = checkpoints.load(path, run).progress["update"], reached
        assert last < reached < 300
    assert kept(*train(run, checkpoint=path)) == whole(run)
