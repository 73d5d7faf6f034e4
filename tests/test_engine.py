"""Jobs run side by side, a failure is told and contained, and nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runners.engine import Job, execute


def double(x, watch):
    watch(f"doubling {x}")
    return 2 * x


def stumble(watch):
    raise ValueError("no such thing")


def die(watch):
    os._exit(9)


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


def test_workers_have_one_thread_each_and_leave_this_process_as_it_was():
    before = dict(os.environ)
    assert finished(execute([Job("t", threads, ())], 1)) == {"t": (1, "1")}
    assert dict(os.environ) == before


def test_jobs_run_side_by_side():
    pids = finished(execute([Job(str(i), who, ()) for i in range(2)], 2))
    assert len({*pids.values(), os.getpid()}) == 3


def test_no_jobs_no_workers():
    assert list(execute([], 2)) == []


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from runners.engine import Job, execute\n"
        "def work(watch):\n"
        "    while True:\n"
        "        watch(os.getpid())\n"
        "        time.sleep(0.05)\n"
        "if __name__ == '__main__':\n"
        "    for event in execute([Job('a', work, ()), Job('b', work, ())], 2):\n"
        "        if event.kind == 'progress':\n"
        "            print(event.content, flush=True)\n"
    )
    root = Path(__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(root)}
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=environment, text=True)
    pids = set()
    while len(pids) < 2:
        pids.add(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        if not any(map(alive, pids)):
            break
        time.sleep(0.1)
    assert not any(map(alive, pids))
