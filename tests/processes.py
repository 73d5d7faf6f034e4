"""Which processes there are: no test leaves one behind."""

import time
from pathlib import Path


def running(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def gone(pids, seconds=10):
    """Whether none of them runs any more, within some seconds."""
    until = time.monotonic() + seconds
    while any(map(running, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
