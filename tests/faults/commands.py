"""The command itself, with workers of its own: its group is killed, or it alone is killed or interrupted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .stage import Stage
from .sweep import Broken, check_kept, check_told, contents, finished

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 600


def commands(stage: Stage, number: int) -> Iterator[str]:
    """`recall compare` on two workers, disturbed at a random moment and given again: as if it never had been."""
    if not number:
        return
    began = time.monotonic()
    undisturbed = stage.scratch / "command"
    status, err = _ended(_begun(undisturbed))
    if status or err:
        raise Broken(f"the command, undisturbed, ended with {status}: {err}")
    took, reference = time.monotonic() - began, contents(undisturbed)
    for _ in range(number):
        folder = stage.scratch / "disturbed"
        shutil.rmtree(folder, ignore_errors=True)
        alone = stage.random.random() < 0.7
        blow = stage.random.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT] if alone else [signal.SIGKILL])
        after = stage.random.uniform(0.1, 0.9) * took
        why = f"{blow.name} to {'the command alone' if alone else 'all of it'} after {after:.1f} s"
        command = _begun(folder)
        time.sleep(after)
        os.kill(command.pid, blow) if alone else os.killpg(command.pid, blow)
        status, err = _ended(command)
        if status not in (0, 130, -blow):
            raise Broken(f"{why}: it ended with {status}: {err}")
        check_told(err, why)
        before = finished(folder) if folder.exists() else {}
        status, err = _ended(_begun(folder))
        if status or err:
            raise Broken(f"{why}: given again, it ended with {status}: {err}")
        check_kept(folder, before, why)
        if contents(folder) != reference:
            raise Broken(f"{why}: its results are not those of an undisturbed command")
        if left := sorted(path.name for path in folder.glob(".*")):
            raise Broken(f"{why}: left behind: {', '.join(left)}")
        yield f"{why}: {len(before)} runs finished, all kept, the rest trained"


def _begun(folder: Path) -> subprocess.Popen[str]:
    words = ["compare", "--preset", "smoke", "--updates", "30", "--workers", "2", "--out", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "runners", *words],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _ended(command: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = command.communicate(timeout=PATIENCE)
    return command.returncode, err
