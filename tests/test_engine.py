"""Jobs run side by side, a failure is told and contained, and nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import gone, running

from runners.execution.engines import Job, Limits, execute, open_engine

KEPT = []


def double(x, watch):
    watch(f"doubling {x}")
    return 2 * x


def stumble(watch):
    raise ValueError("no such thing")


def die(watch):
    os._exit(9)


def perish(watch):
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(watch):
    time.sleep(60)


def talk(watch):
    while True:
        watch("still here")
        time.sleep(0.01)


def keep(megabytes, watch):
    KEPT.append(bytearray(megabytes * 10**6))
    time.sleep(0.5)
    return len(KEPT)


def beget(watch):
    with subprocess.Popen(["sleep", "60"]) as child:
        watch((os.getpid(), child.pid))


def imported(name, watch):
    return name in sys.modules


def threads(watch):
    import torch

    return torch.get_num_threads(), os.environ["OPENBLAS_NUM_THREADS"]


def who(watch):
    time.sleep(0.3)
    return os.getpid()


def finished(events):
    return {event.job: event.content for event in events if event.kind == "finished"}


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_job_is_done_once_and_told(workers):
    events = list(execute([Job(str(i), double, (i,)) for i in range(5)], workers))
    assert finished(events) == {str(i): 2 * i for i in range(5)}
    for i in range(5):
        assert [e.kind for e in events if e.job == str(i)] == ["started", "progress", "finished"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_job_that_raises_fails_alone(workers):
    events = list(execute([Job("bad", stumble, ()), Job("good", double, (1,))], workers))
    assert finished(events) == {"good": 2}
    (failed,) = [e for e in events if e.kind == "failed"]
    assert failed.job == "bad"
    assert "no such thing" in failed.content
    assert "Traceback" in failed.log


def test_a_process_that_dies_takes_its_own_job_and_no_other():
    jobs = [Job("dead", die, ()), *(Job(str(i), double, (i,)) for i in range(3))]
    events = list(execute(jobs, 1))
    assert finished(events) == {str(i): 2 * i for i in range(3)}
    (failed,) = [e for e in events if e.kind == "failed"]
    assert failed.job == "dead"
    assert "status 9" in failed.content


@pytest.mark.slow
def test_workers_have_one_thread_each_and_leave_this_process_as_it_was():
    before = dict(os.environ)
    assert finished(execute([Job("t", threads, ())], 1)) == {"t": (1, "1")}
    assert dict(os.environ) == before


def test_jobs_run_side_by_side():
    pids = finished(execute([Job(str(i), who, ()) for i in range(2)], 2))
    assert len({*pids.values(), os.getpid()}) == 3


def test_no_jobs_no_workers():
    assert list(execute([], 2)) == []


PROC = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")


@PROC
def test_workers_and_what_they_started_end_when_their_parent_is_killed_however_quiet_they_are(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from runners.execution.engines import Job, execute\n"
        "import subprocess\n"
        "def work(watch):\n"
        "    child = subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL)\n"
        "    watch((os.getpid(), child.pid))\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    for event in execute([Job('a', work, ()), Job('b', work, ())], 2):\n"
        "        if event.kind == 'progress':\n"
        "            print(*event.content, flush=True)\n"
    )
    root = Path(__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(root)}
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=environment, text=True)
    pids = set()
    while len(pids) < 4:
        pids.update(map(int, parent.stdout.readline().split()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(pids)


@PROC
@pytest.mark.parametrize("close", [True, False])
def test_closing_the_iterator_and_a_limit_leave_no_process_behind(close):
    events = execute([Job("parent", beget, ())], 1, limits=Limits(None if close else 0.5))
    pids = next(event.content for event in events if event.kind == "progress")
    assert all(map(running, pids))
    if close:
        events.close()
    else:
        assert [event.why for event in events] == ["time"]
    assert gone(pids)


@pytest.mark.parametrize("job", [sleep, talk])
def test_a_job_over_its_time_is_stopped_and_no_other(job):
    jobs = [Job("long", job, ()), *(Job(str(i), double, (i,)) for i in range(3))]
    began = time.monotonic()
    events = list(execute(jobs, 1, limits=Limits(seconds=0.5)))
    assert time.monotonic() - began < 10
    assert finished(events) == {str(i): 2 * i for i in range(3)}
    (failed,) = [event for event in events if event.kind == "failed"]
    assert (failed.job, failed.why) == ("long", "time")
    assert "stopped after 0.5 s" in failed.content


@PROC
@pytest.mark.slow
def test_a_job_over_its_memory_is_stopped_and_what_others_left_is_not_charged_to_it():
    jobs = [Job(f"{size} {i}", keep, (size,)) for size in (100, 500) for i in range(3 if size == 100 else 1)]
    events = list(execute(jobs, 1, limits=Limits(memory_mb=300)))
    assert finished(events) == {"100 0": 1, "100 1": 1, "100 2": 1}
    (failed,) = [event for event in events if event.kind == "failed"]
    assert (failed.job, failed.why) == ("500 0", "memory")
    assert "300 MB" in failed.content


def test_a_job_that_is_killed_is_told_with_its_likely_cause():
    (failed,) = [event for event in execute([Job("dead", perish, ())], 1) if event.kind == "failed"]
    assert failed.why == "died"
    assert "SIGKILL" in failed.content
    assert "memory is the likely cause" in failed.content


def test_what_the_kernel_ends_for_want_of_memory_is_said_to_be(monkeypatch):
    counts = iter([3, 4])
    monkeypatch.setattr("runners.execution.worker._times_out_of_memory", lambda: next(counts))
    (failed,) = [event for event in execute([Job("dead", perish, ())], 1) if event.kind == "failed"]
    assert failed.why == "memory"
    assert "kernel" in failed.content


def test_a_failure_says_why():
    events = execute([Job("bad", stumble, ()), Job("dead", die, ())], 1)
    assert [event.why for event in events if event.kind == "failed"] == ["error", "died"]


def test_workers_stay_from_one_call_to_the_next_and_end_with_the_last():
    with open_engine(workers=1) as run:
        first, second = (finished(run([Job("who", who, ())]))["who"] for _ in "12")
        assert first == second
        os.kill(first, signal.SIGKILL)
        time.sleep(0.2)
        assert finished(run([Job("who", who, ())]))["who"] != first  # one that died meanwhile is replaced
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_jobs_that_were_left_are_ended_before_others_begin():
    with open_engine(workers=1) as run:
        left = run([Job("long", sleep, ()), Job("never", double, (1,))])
        assert next(left).kind == "started"
        left.close()
        assert finished(run([Job("next", double, (2,))])) == {"next": 4}


def test_workers_import_while_they_wait_and_a_module_that_cannot_be_is_left_to_the_job():
    for name, there in (("colorsys", True), ("no_such_module", False)):
        with open_engine(workers=1, imports=[name]) as run:
            assert finished(run([Job("it", imported, (name,))])) == {"it": there}


REFUSED = {
    "more than 0 seconds, not 0": lambda: Limits(seconds=0),
    "more than 0 MB, not -1": lambda: Limits(memory_mb=-1),
    "more than 0 CPUs, not 0": lambda: Limits(cpus=0),
    "0 GPUs or more, not -0.5": lambda: Limits(gpus=-0.5),
    "not nan": lambda: Limits(gpus=float("nan")),
    "must be integers, not 1.5": lambda: Limits(gpus=1.5),
    "workers=0 has none": lambda: list(execute([], 0, limits=Limits(seconds=1))),
    "--engine ray": lambda: list(execute([], 1, limits=Limits(gpus=1))),
    "choose one of local, ray": lambda: list(execute([], 1, "slurm")),
    "no address": lambda: list(execute([], 1, "local", "auto")),
}


@pytest.mark.parametrize("words", REFUSED)
def test_limits_that_cannot_be_held_are_refused(words):
    with pytest.raises(ValueError, match=words):
        REFUSED[words]()
