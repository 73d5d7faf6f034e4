"""A Ray cluster does what this machine does: the same events, limits and results, and nothing is left of it."""

import os
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from processes import gone, running

from runners.execution.engines import Job, Limits, execute, open_engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs ray, an optional extra"),
]


def double(x, watch):
    watch(f"doubling {x}")
    return 2 * x


def stumble(watch):
    raise ValueError("no such thing")


def die(watch):
    os._exit(9)


def sleep(watch):
    with subprocess.Popen(["sleep", "60"]) as child:
        watch((os.getpid(), os.getppid(), child.pid))


def hold(watch):
    held = bytearray(500 * 10**6)
    time.sleep(5)
    return len(held)


def place(watch):
    supervisor = Path(f"/proc/{os.getppid()}/maps").read_text()
    return os.environ["OMP_NUM_THREADS"], "ray" in sys.modules, "torch" in supervisor


JOBS = [Job("stumble", stumble, ()), Job("die", die, ()), *(Job(str(i), double, (i,)) for i in range(3))]


def told(events):
    """What was said of each job, in order; of a failure its sentence, not its traceback."""
    said = {}
    for event in events:
        said.setdefault(event.job, []).append((event.kind, event.content, event.why))
    return said


@pytest.fixture(scope="module")
def cluster():
    """Two CPUs on the loopback address, started and ended by us; its workers find this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        with open_engine("ray", 2, "local"):
            import ray  # it reads its environment when it is imported

            (node,) = ray.nodes()
            assert node["NodeManagerAddress"] == "127.0.0.1"
            yield
    assert not ray.is_initialized()
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert node["RayletSocketName"] not in lines


@pytest.mark.usefixtures("cluster")
def test_both_engines_tell_the_same():
    assert told(execute(JOBS, engine="ray")) == told(execute(JOBS, 2))


@pytest.mark.usefixtures("cluster")
def test_both_engines_write_the_same_runs(tmp_path):
    from runners.config.run import ModelSetting, TaskSetting, Training
    from runners.execution.sweep import carry_out  # not above: workers import this file
    from runners.storage import read_record
    from runners.studies.study import Ask, Study

    task = TaskSetting("mqar", 12, {"num_pairs": 2, "num_keys": 4, "num_values": 4})
    training = Training(updates=20, tokens=256)
    models = [ModelSetting("linear", width=8), ModelSetting("gru", width=8)]
    study = Study.grid("both", [task], models, training, 1, asks=[Ask("extrapolation", {"ladder": [1, 2], "rows": 8})])
    for name in ("local", "ray"):
        folder = tmp_path / name
        events = list(carry_out(study, folder, partial(execute, workers=2, engine=name)))
        assert sorted(event.job for event in events if event.kind == "finished") == sorted(r.name for r in study.runs)
    first, second = (
        {path.relative_to(tmp_path / name): path for path in (tmp_path / name).rglob("*.*") if path.is_file()}
        for name in ("local", "ray")
    )
    assert first.keys() == second.keys()
    assert len(first) >= 8
    for name, path in first.items():
        if path.suffix == ".json":
            assert timeless(read_record(path)) == timeless(read_record(second[name])), name
        else:
            assert path.read_bytes() == second[name].read_bytes(), name


def timeless(content):
    """A record without its times, which differ from run to run."""
    if isinstance(content, dict):
        return {key: timeless(value) for key, value in content.items() if "seconds" not in key}
    return [timeless(value) for value in content] if isinstance(content, list) else content


@pytest.mark.usefixtures("cluster")
def test_a_worker_has_one_thread_and_no_ray_and_its_supervisor_no_torch():
    assert told(execute([Job("it", place, ())], engine="ray"))["it"][-1][1] == ("1", False, False)


@pytest.mark.usefixtures("cluster")
def test_limits_hold_and_leave_no_process_behind():
    jobs = [Job("sleep", sleep, ()), Job("hold", hold, ()), Job("well", double, (1,))]
    said = told(execute(jobs, engine="ray", limits=Limits(seconds=3, memory_mb=300, cpus=0.5)))
    assert {name: events[-1][2] for name, events in said.items()} == {"sleep": "time", "hold": "memory", "well": ""}
    worker, _, child = said["sleep"][1][1]
    assert gone([worker, child])


@pytest.mark.usefixtures("cluster")
def test_what_is_left_is_cancelled():
    events = execute([Job(name, sleep, ()) for name in "abc"], workers=1, engine="ray")
    worker, _, child = next(event.content for event in events if event.kind == "progress")
    assert all(map(running, (worker, child)))
    events.close()
    assert gone([worker, child])


@pytest.mark.usefixtures("cluster")
def test_a_supervisor_that_is_killed_takes_its_own_job_and_no_other():
    events = execute([Job("long", sleep, ()), Job("well", double, (1,))], workers=1, engine="ray")
    pids = next(event.content for event in events if event.kind == "progress")
    os.kill(pids[1], 9)
    said = told(events)
    assert said["long"][-1][2] == "died"
    assert said["well"][-1][1] == 2
    assert gone(pids)


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("limits", [Limits(gpus=0.5), Limits(cpus=64), Limits(memory_mb=10**9)])
def test_what_no_machine_has_is_refused_at_once(limits):
    with pytest.raises(ValueError, match="no machine of the Ray cluster can ever run a job"):
        list(execute(JOBS, engine="ray", limits=limits))


@pytest.mark.usefixtures("cluster")
def test_a_folder_that_machines_do_not_share_is_refused(tmp_path, monkeypatch):
    with open_engine("ray", folder=tmp_path):
        assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(Path, "write_text", lambda *_: None)  # as on a disk of this machine alone
    with pytest.raises(ValueError, match="does not see"), open_engine("ray", folder=tmp_path):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "ray://host:1", "host", "host:99999999"])
def test_an_address_without_a_cluster_is_refused(address, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(ValueError, match=r"no Ray cluster answers|HOST:PORT"), open_engine("ray", address=address):
        pass


def test_without_ray_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'recall-tasks\[ray\]'"), open_engine("ray"):
        pass


def test_a_temporary_folder_too_deep_for_sockets_is_a_line(monkeypatch):
    def refuse(*words, **settings):
        raise OSError("AF_UNIX path length cannot exceed 107 bytes")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", refuse)
    with pytest.raises(ValueError, match="set RAY_TMPDIR"), open_engine("ray", address="local"):
        pass
