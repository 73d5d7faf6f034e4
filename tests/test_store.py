"""A run is there whole or not at all, nothing damaged is trusted, and nothing that is read is executed."""

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from runners import storage
from runners.config.custom_code import allow
from runners.config.run import ModelSetting, Run, TaskSetting, Training

RUN = Run(TaskSetting("mqar", 32, {"num_pairs": 4}), ModelSetting("linear", width=8))
OTHER = RUN.with_seed(1)
WEIGHTS = {"w": torch.arange(6.0).view(2, 3)}
OUTPUTS = {"test/said": torch.arange(6, dtype=torch.int32).view(2, 3)}
FILES = ("run.json", "result.json", "weights.safetensors", "outputs.safetensors")


def write(folder, run=RUN):
    return storage.write_run(folder, run, {"scores": [{"accuracy": 0.5}]}, WEIGHTS, OUTPUTS)


@pytest.fixture
def place(tmp_path):
    return write(tmp_path)


def one_line(error):
    assert isinstance(error, ValueError)
    assert str(error).isprintable(), str(error)


def test_what_is_written_is_read(place):
    result = storage.load_result(place)
    assert storage.load_run(place) == RUN
    assert result["scores"] == [{"accuracy": 0.5}]
    assert torch.equal(storage.load_weights(place)["w"], WEIGHTS["w"])
    assert torch.equal(storage.load_tensors(place, "outputs", result["outputs"])["test/said"], OUTPUTS["test/said"])
    assert storage.is_finished(place.parent, RUN)
    assert storage.find_runs([place.parent]) == storage.find_runs([place]) == [place]
    assert sorted(p.name for p in place.iterdir()) == sorted(FILES)


def test_others_may_read_what_one_writes(place):
    mask = os.umask(0)
    os.umask(mask)
    assert place.stat().st_mode & 0o777 == 0o777 & ~mask
    assert {(place / name).stat().st_mode & 0o777 for name in FILES} == {0o666 & ~mask}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone", "link", "pipe", "directory"])
def test_damage_is_refused_in_one_line_that_says_what_to_do(place, tmp_path_factory, name, damage):
    path = place / name
    content = path.read_bytes()
    path.unlink()
    if damage == "flip":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage in ("cut", "empty"):
        path.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    elif damage == "link":
        outside = tmp_path_factory.mktemp("outside") / name
        outside.write_bytes(content)
        path.symlink_to(outside)
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage == "directory":
        path.mkdir()
    with pytest.raises(storage.CorruptRun, match=r"damaged|no run.json|no result.json") as refused:
        storage.is_finished(place.parent, RUN)
    assert str(place) in str(refused.value)
    assert "to run it again" in str(refused.value)
    one_line(refused.value)


def everything(place):
    """All that can be read of a run, as comparable values."""
    result = storage.load_result(place)
    tensors = {**storage.load_weights(place), **storage.load_tensors(place, "outputs", result["outputs"])}
    return (
        storage.load_run(place),
        result,
        {name: t.tolist() for name, t in tensors.items()},
        storage.load_settings(place),
    )


@pytest.fixture
def known(place):
    return place, everything(place)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(FILES),
    at=st.floats(0, 1),
    how=st.sampled_from(["flip", "cut", "insert", "drop"]),
    random=st.data(),
)
def test_any_damage_leaves_the_content_or_is_refused(known, name, at, how, random):
    place, before = known
    path = place / name
    content = path.read_bytes()
    i = min(int(at * len(content)), len(content) - 1)
    bits = random.draw(st.binary(min_size=1, max_size=6))
    changed = {
        "flip": content[:i] + bytes(a ^ b for a, b in zip(content[i:], bits, strict=False)) + content[i + len(bits) :],
        "cut": content[:i],
        "insert": content[:i] + bits + content[i:],
        "drop": content[:i] + content[i + len(bits) :],
    }[how]
    path.write_bytes(changed)
    try:
        assert everything(place) == before
    except ValueError as error:
        one_line(error)
    finally:
        path.write_bytes(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@pytest.fixture
def beside(place):
    """A run with the records of a study and of a failure beside it."""
    storage.write_failure(place.parent, OTHER, "it died", "died", "", 1.0)
    asked = {"name": "demo", "runs": [RUN.name], "command": "", "seconds": 1.0}
    storage.write_record(place.parent / "study.json", asked)
    return place


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["run.json", "result.json", "study.json", "failed.json"]), value=JSON, random=st.data())
def test_a_record_that_is_well_sealed_and_ill_formed_is_refused(beside, name, value, random):
    place, folder = beside, beside.parent
    path = {"failed.json": folder / f"{OTHER.name}.failed.json", "study.json": folder / name}.get(name, place / name)
    kept, content = path.read_bytes(), storage.read_record(path)
    inside = content
    if name == "run.json" and random.draw(st.booleans()):
        inside = content[random.draw(st.sampled_from(["task", "model", "training"]))]
    key = random.draw(st.sampled_from(sorted(inside)) | st.text(max_size=4))
    if random.draw(st.booleans()):
        inside[key] = value
    elif random.draw(st.booleans()):
        inside.pop(key, None)
    else:
        content = value
    path.write_bytes(storage.record_bytes(content))
    reads = [
        partial(read, place)
        for read in (storage.load_run, storage.load_result, storage.load_weights, storage.load_settings)
    ]
    reads += [partial(storage.is_finished, folder, RUN), partial(storage.load_study, folder)]
    for read in [*reads, partial(storage.load_failure, folder, OTHER)]:
        try:
            read()
        except ValueError as error:
            one_line(error)
    path.write_bytes(kept)


BOMBS = {
    "deep": b"[" * 200_000 + b"]" * 200_000,
    "deep inside": b'{"digest": "", "content": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "not a number": b'{"digest": "", "content": NaN}',
    "without end": b'{"digest": "", "content": 1e999}',
    "digits": b'{"digest": "", "content": ' + b"9" * 10_000 + b"}",
    "a list": b"[1, 2]",
    "not text": bytes(range(256)),
    "half a letter": b'{"digest": "\\ud800", "content": "\\ud800"}',
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("name", ["run.json", "result.json"])
def test_json_that_attacks_is_refused(place, name, bomb):
    (place / name).write_bytes(BOMBS[bomb])
    with pytest.raises(storage.CorruptRun, match="damaged") as refused:
        storage.load_run(place)
    one_line(refused.value)


def test_a_record_larger_than_any_is_not_read(place):
    with open(place / "result.json", "r+b") as file:
        file.truncate(2**40)  # a hole: it takes no room
    with pytest.raises(storage.CorruptRun, match="more than a record has"):
        storage.load_result(place)


def header(**entry):
    text = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | entry}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8)


LIES = {
    "longer": header(data_offsets=[0, 80]),
    "another shape": header(shape=[3]),
    "a shape beyond all bounds": header(shape=[2**62, 2**62]),
    "nothing, beyond all bounds": header(shape=[0, 2**62, 2**62], data_offsets=[0, 0])[:-8],
    "no such type": header(dtype="F31"),
    "negative": header(data_offsets=[-8, 0]),
    "a header without end": (2**62).to_bytes(8, "little") + bytes(8),
    "nothing": b"",
    "a pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("lie", LIES)
def test_tensors_whose_header_lies_are_refused(place, lie):
    path = place / "outputs-x.safetensors"
    path.write_bytes(LIES[lie])
    with pytest.raises(storage.CorruptRun, match="damaged") as refused:
        storage.load_tensors(place, "outputs-x", storage.digest(LIES[lie]))
    one_line(refused.value)


def test_tensors_are_kept_with_their_digest(place):
    expected = storage.write_tensors(place, "states", WEIGHTS)
    assert torch.equal(storage.load_tensors(place, "states", expected)["w"], WEIGHTS["w"])
    (place / "states.safetensors").write_bytes(save({"w": torch.zeros(2, 3)}))
    with pytest.raises(storage.CorruptRun, match="that file alone; no run is lost"):
        storage.load_tensors(place, "states", expected)
    with pytest.raises(storage.CorruptRun, match="it is missing"):
        storage.load_tensors(place, "nothing", expected)


def evil(folder, name="evil.py"):
    folder.mkdir(exist_ok=True)
    path, trace = folder / name, folder.parent / "executed"
    path.write_text(
        f"open({str(trace)!r}, 'w').close()\n"
        "from models.memories.linear import LinearAttention\nclass Evil(LinearAttention): pass\n"
    )
    return path, trace


@pytest.mark.parametrize("where", ["run", "folder", "link to the folder", "link out of the folder", "dots"])
def test_code_that_lies_in_a_folder_of_runs_is_never_imported(tmp_path, where):
    folder = tmp_path / "runs"
    folder.mkdir()
    place = write(folder)
    path, trace = evil(place if where == "run" else folder)
    if where == "link to the folder":
        (tmp_path / "alias").symlink_to(folder)
        path = tmp_path / "alias" / path.name
    elif where == "link out of the folder":
        outside, trace = evil(tmp_path / "outside")
        path.unlink()
        path.symlink_to(outside)
    elif where == "dots":
        path = folder / "nowhere" / ".." / path.name
    foreign = RUN.to_json()
    foreign["model"] |= {"memory": f"{path}:Evil", "label": "linear"}
    (place / "run.json").write_bytes(storage.record_bytes(foreign))
    with pytest.raises(storage.CorruptRun, match="no code is loaded from there") as refused:
        storage.load_run(place)
    one_line(refused.value)
    with pytest.raises(storage.CorruptRun, match="another run than its name says"):
        storage.is_finished(folder, RUN)
    storage.load_settings(place)
    assert not trace.exists()


def test_whether_a_run_is_finished_imports_no_other_memory(tmp_path):
    path, trace = evil(tmp_path / "elsewhere")
    place = write(tmp_path / "runs")
    foreign = RUN.to_json()
    foreign["model"] |= {"memory": f"{path}:Evil", "label": "linear"}
    (place / "run.json").write_bytes(storage.record_bytes(foreign))
    with pytest.raises(storage.CorruptRun, match="another run than its name says"):
        storage.is_finished(place.parent, RUN)
    assert not trace.exists()


def test_a_memory_inside_the_folder_of_its_runs_is_refused_before_it_is_trained(tmp_path):
    path, _ = evil(tmp_path / "runs", "mine.py")
    run = Run(RUN.task, ModelSetting(f"{path}:Evil", width=8))
    with pytest.raises(storage.CorruptRun, match="keep the file of a memory outside"):
        storage.is_finished(tmp_path / "runs", run)


def test_weights_are_not_read_by_other_code_than_wrote_them(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("from models.memories.linear import LinearAttention\nclass Mine(LinearAttention): pass\n")
    run = Run(TaskSetting("mqar", 32, {"num_pairs": 4}), ModelSetting(f"{mine}:Mine", width=8))
    place = storage.write_run(tmp_path / "runs", run, {}, WEIGHTS)
    allow(f"{mine}:Mine")
    assert storage.load_run(place) == run
    mine.write_text(mine.read_text() + "# changed\n")
    with pytest.raises(storage.CorruptRun, match="trained with other code"):
        storage.load_run(place)
    mine.unlink()
    assert storage.load_settings(place)["model"]["label"] == "Mine"  # a report needs no code


def test_defaults_written_out_are_the_same_finished_run(tmp_path):
    plain = Run(RUN.task, ModelSetting("grm", width=8))
    spelled = Run(RUN.task, ModelSetting("grm", {"segment": 32}, width=8))
    storage.write_run(tmp_path, plain, {}, WEIGHTS)
    assert storage.is_finished(tmp_path, spelled)


def test_a_run_of_an_older_version_keeps_its_name(tmp_path):
    run = Run(RUN.task, replace(RUN.model, options={"heads": 1}), Training(seconds=30.0, clip=1.0))
    older = run.to_json() | {"training": run.to_json()["training"] | {"clip": 1}}
    object.__setattr__(run, "identity", run.identity_of(older))
    place = write(tmp_path, run)
    storage.write_record(place / "run.json", older)
    assert storage.load_run(place).name == place.name != replace(run).name
    assert not storage.is_finished(tmp_path, replace(run))


def test_a_changed_number_is_refused(place):
    record = json.loads((place / "result.json").read_text())
    record["content"]["scores"][0]["accuracy"] = 0.9
    (place / "result.json").write_text(json.dumps(record))
    with pytest.raises(storage.CorruptRun, match="damaged"):
        storage.load_result(place)


REFUSALS = {
    errno.ENOSPC: (storage.FullDisk, "no room is left in .*free some"),
    errno.EDQUOT: (storage.FullDisk, "no room is left in .*free some"),
    errno.EIO: (storage.UnwritableFolder, "the disk of .* fails"),
    errno.EROFS: (storage.UnwritableFolder, "cannot write to .*choose another with --out"),
    errno.EACCES: (storage.UnwritableFolder, "cannot write to .*choose another with --out"),
}


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["open", "fsync", "replace", "rename", "mkdir"])
def test_a_write_that_fails_says_why_and_leaves_nothing(tmp_path, monkeypatch, call, number):
    real, folder = getattr(os, call), tmp_path / "runs"
    folder.mkdir()

    def fail(*arguments, **named):
        if call == "open" and not arguments[1] & os.O_CREAT:
            return real(*arguments, **named)
        raise OSError(number, os.strerror(number), str(folder))

    kind, said = REFUSALS[number]
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(kind, match=said) as refused:
            write(folder)
    assert str(folder) in str(refused.value)
    one_line(refused.value)
    assert not storage.is_finished(folder, RUN)
    assert list(folder.iterdir()) == []
    write(folder)
    assert storage.is_finished(folder, RUN)


def test_an_old_record_stays_where_a_new_one_cannot_be_written(place, monkeypatch):
    path = place / "probe.json"
    storage.write_record(path, [1])

    def full(opened):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(storage.FullDisk):
            storage.write_record(path, [2])
    assert storage.read_record(path) == [1]
    assert sorted(p.name for p in place.iterdir()) == sorted([*FILES, "probe.json"])


def test_a_rename_is_flushed_with_its_folder(tmp_path, monkeypatch):
    calls, fsync, rename, replace = [], os.fsync, os.rename, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (calls.append(("fsync", Path(f"/proc/self/fd/{fd}").resolve())), fsync(fd))
    )
    monkeypatch.setattr(os, "rename", lambda a, b: (calls.append(("rename", Path(b))), rename(a, b)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append(("rename", Path(b))), replace(a, b)))
    place = write(tmp_path)
    renames = [i for i, (call, _) in enumerate(calls) if call == "rename"]
    assert len(renames) == len(FILES) + 1
    for i in renames:  # the file before its rename, its folder after it
        assert calls[i + 1] == ("fsync", calls[i][1].parent)
        assert calls[i - 1][0] == "fsync"
    assert calls[renames[-1]] == ("rename", place)


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_in_the_way_of_a_run_is_named(tmp_path, kind):
    way = tmp_path / RUN.name
    way.write_text("") if kind == "file" else (way / "mine").mkdir(parents=True)
    with pytest.raises(storage.CorruptRun, match=r"in the way|no run.json"):
        storage.is_finished(tmp_path, RUN)
    with pytest.raises(ValueError, match=r"in the way|no run.json") as refused:
        write(tmp_path)
    one_line(refused.value)
    assert [p.name for p in tmp_path.iterdir()] == [RUN.name]


def test_of_two_that_finish_the_same_run_the_first_stays(place):
    again = storage.write_run(place.parent, RUN, {"scores": []}, WEIGHTS)
    assert again == place
    assert storage.load_result(place)["scores"] == [{"accuracy": 0.5}]
    assert [p.name for p in place.parent.iterdir()] == [place.name]


def test_a_finished_run_has_neither_failure_nor_checkpoint(tmp_path):
    storage.write_failure(tmp_path, RUN, "it died", "died", "", 1.0)
    storage.checkpoint_path(tmp_path, RUN).write_bytes(b"half")
    place = write(tmp_path)
    assert list(tmp_path.iterdir()) == [place]
    storage.checkpoint_path(tmp_path, RUN).write_bytes(b"half")  # as a kill between rename and removal leaves it
    storage.sweep_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [place]


def test_half_written_runs_are_never_found(tmp_path):
    half = tmp_path / ".abc.partial"
    half.mkdir()
    (half / "run.json").write_text("{}")
    assert not storage.is_finished(tmp_path, RUN)
    with pytest.raises(ValueError, match="no finished run"):
        storage.find_runs([tmp_path])


def test_a_sweep_takes_what_is_dead_and_leaves_what_is_alive(tmp_path, monkeypatch):
    """The sweep comes at every step of a write, with the leavings of killed processes beside it."""
    fsync, swept = os.fsync, []

    def sweep_then_fsync(opened):
        dead = tmp_path / f".{len(swept)}.partial"
        dead.mkdir()
        (dead / "run.json").write_text("{}")
        (tmp_path / ".file.partial").write_text("{}")
        with contextlib.suppress(FileExistsError):
            (tmp_path / f".{OTHER.name}.lock").touch()
        storage.sweep_partials(tmp_path)
        assert not dead.exists()
        assert not (tmp_path / ".file.partial").exists()
        assert not (tmp_path / f".{OTHER.name}.lock").exists()
        swept.append(dead)
        fsync(opened)

    monkeypatch.setattr(os, "fsync", sweep_then_fsync)
    with storage.claim(tmp_path, RUN) as ours:
        assert ours
        place = write(tmp_path)
        storage.write_record(place / "probe.json", [])
        assert (tmp_path / f".{RUN.name}.lock").exists()
    assert len(swept) > 8
    assert everything(place)[0] == RUN
    assert list(tmp_path.iterdir()) == [place]


def test_a_run_is_claimed_once(tmp_path):
    with storage.claim(tmp_path, RUN) as first, storage.claim(tmp_path, RUN) as second:
        assert (first, second) == (True, False)
        with storage.claim(tmp_path, OTHER) as other:
            assert other
    assert list(tmp_path.iterdir()) == []
    with storage.claim(tmp_path, RUN) as again:
        assert again


CLAIM = """
import os, sys, time
from pathlib import Path
from runners import storage
from runners.config.run import Run
import json
run, folder, log = Run.from_json(json.loads(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
for child in range(8):
    if os.fork() == 0:
        held = 0
        for _ in range(60):
            with storage.claim(folder, run) as ours:
                if ours:
                    held += 1
                    alone = os.open(log, os.O_CREAT | os.O_EXCL)  # fails where another is inside
                    os.close(alone)
                    os.unlink(log)
        os._exit(0 if held else 3)
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for child in range(8)))
"""


@pytest.mark.slow
def test_of_many_processes_one_is_inside(tmp_path):
    words = [sys.executable, "-c", CLAIM, json.dumps(RUN.to_json()), str(tmp_path), str(tmp_path / "inside")]
    ran = subprocess.run(words, cwd=Path(__file__).parent.parent, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_claim_ends_with_its_process(tmp_path):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with storage.claim(tmp_path, RUN) as ours:
            os.write(writing, b"1" if ours else b"0")
            signal_never_comes, _ = os.pipe()
            os.read(signal_never_comes, 1)
        os._exit(1)
    assert os.read(reading, 1) == b"1"
    with storage.claim(tmp_path, RUN) as ours:
        assert not ours
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert list(tmp_path.iterdir()) != [], "it was killed: its lock file is there"
    with storage.claim(tmp_path, RUN) as ours:
        assert ours
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_locks_is_refused_and_swept_by_age(tmp_path, monkeypatch):
    def none(opened, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("runners.storage.locks.fcntl.flock", none)
    with pytest.raises(storage.UnwritableFolder, match="its file system has no locks"), storage.claim(tmp_path, RUN):
        pass
    place = write(tmp_path)
    assert storage.is_finished(tmp_path, RUN)
    for name, age in ((".young.partial", None), (".old.partial", (0, 0))):
        (tmp_path / name).mkdir()
        if age:
            os.utime(tmp_path / name, age)
    (tmp_path / f".{OTHER.name}.lock").unlink(missing_ok=True)
    storage.sweep_partials(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} - {place.name, f".{RUN.name}.lock"} == {".young.partial"}


def test_failures_are_counted_until_forgotten(tmp_path):
    assert storage.load_failure(tmp_path, RUN) is None
    storage.write_failure(tmp_path, RUN, "out of memory", "memory", "log", 2.5)
    storage.write_failure(tmp_path, RUN, "it died", "died", "", 1.0)
    told = storage.load_failure(tmp_path, RUN)
    assert told == {
        "name": RUN.name, "identity": RUN.identity, "reason": "it died", "kind": "died", "log": "", "attempts": 2,
        "seconds": 1.0,
    }  # fmt: skip
    assert storage.load_failure(tmp_path, OTHER) is None
    with pytest.raises(ValueError, match="one of error, died, time, memory"):
        storage.write_failure(tmp_path, RUN, "", "bad luck", "", 0.0)
    (tmp_path / f"{RUN.name}.failed.json").rename(tmp_path / f"{OTHER.name}.failed.json")
    with pytest.raises(storage.CorruptRun, match="not about this run"):
        storage.load_failure(tmp_path, OTHER)
    storage.forget_failure(tmp_path, OTHER)
    storage.forget_failure(tmp_path, OTHER)
    assert list(tmp_path.iterdir()) == []


OURS = {
    "nothing": [],
    "a study": ["study.json", "photo.jpg"],
    "runs": ["mqar/run.json", "photo.jpg"],
    "studies": ["demo/study.json", "photo.jpg"],
    "an interrupted run": [f".{RUN.name}.checkpoint"],
    "a failed run": [f"{RUN.name}.failed.json"],
    "a report": ["report.html", "figures/length.png"],
    "notes and logs": ["notes.txt", "ideas.md", "a.log", ".DS_Store"],
    "an empty folder": ["demo/"],
}
FOREIGN = {"photos": ["photo.jpg"], "a project": ["src/main.py", "README.md"], "a record": ["results.json"]}


def fill(folder, names):
    for name in names:
        path = folder / name
        path.mkdir(parents=True) if name.endswith("/") else path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()


@pytest.mark.parametrize("content", OURS)
def test_a_folder_of_ours_is_opened(tmp_path, content):
    fill(tmp_path, OURS[content])
    before = sorted(tmp_path.rglob("*"))
    storage.open_folder(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("content", FOREIGN)
def test_a_folder_of_others_is_not(tmp_path, content):
    fill(tmp_path, FOREIGN[content])
    with pytest.raises(storage.UnwritableFolder, match=r"holds no runs but other things .*--out") as refused:
        storage.open_folder(tmp_path)
    one_line(refused.value)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "runs"
    path.write_text("")
    for folder in (path, path / "demo"):
        with pytest.raises(storage.UnwritableFolder, match=r"cannot write to .*--out") as refused:
            storage.open_folder(folder)
        one_line(refused.value)


def test_a_missing_place_is_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="no directory"):
        storage.find_runs([tmp_path / "nowhere"])


def test_nan_is_refused_rather_than_written_as_bad_json():
    with pytest.raises(ValueError, match=r"not JSON compliant|Out of range"):
        storage.record_bytes({"loss": float("nan")})


def test_a_damaged_record_beside_a_run_costs_that_record_alone(place):
    (place / "probe.json").write_text("[]")
    with pytest.raises(storage.CorruptRun, match="delete that file alone"):
        storage.read_record(place / "probe.json")
    (place.parent / "study.json").write_text("{}")
    with pytest.raises(storage.CorruptRun, match="no run is lost"):
        storage.load_study(place.parent)


def test_a_name_of_two_lines_is_told_in_one(tmp_path):
    folder = tmp_path / "two\nlines"
    place = write(folder)
    assert storage.find_runs([folder]) == [place]
    (place / "result.json").unlink()
    with pytest.raises(storage.CorruptRun, match=r"two\\nlines") as refused:
        storage.load_run(place)
    one_line(refused.value)


def test_a_run_found_twice_is_one(place, tmp_path_factory):
    assert storage.find_runs([place, place.parent, place.parent / "." / place.name]) == [place]
    elsewhere = tmp_path_factory.mktemp("elsewhere") / place.name
    shutil.copytree(place, elsewhere)
    assert storage.find_runs([place, elsewhere]) == [place]
    (elsewhere / "result.json").write_bytes(storage.record_bytes({"scores": []}))
    with pytest.raises(ValueError, match="are results of one run"):
        storage.find_runs([place, elsewhere])


def test_a_copy_under_another_name_does_not_count(place):
    shutil.copytree(place, place.parent / "copy")
    with pytest.raises(storage.CorruptRun, match="a copy would count twice"):
        storage.load_result(place.parent / "copy")


def test_a_failure_that_is_not_of_the_disk_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match=r"JSON|range"):
        storage.write_run(tmp_path, RUN, {"loss": float("inf")}, WEIGHTS)
    assert list(tmp_path.iterdir()) == []
