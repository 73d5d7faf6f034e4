"""Memory of this process as Linux counts it, in MiB; NaN where there is no /proc.

What was freed goes back to the system before it is counted, so that it neither hides a peak nor looks like
growth. While a clock runs it is kept: glibc maps anything above 32 MiB anew at every call, and that the
kernel clears those pages would look as if long sequences cost more a token.
"""

import ctypes
import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc/self")
TO_PEAK = "5"
"""Written to `clear_refs`, it makes the highest mark begin anew at what is resident."""


LIBC = ctypes.CDLL(None)
TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""glibc's numbers for `mallopt`."""


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """What is freed inside stays with the process."""
    set_option = getattr(LIBC, "mallopt", lambda option, value: None)
    set_option(MMAP_MAX, 0)
    set_option(TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        set_option(MMAP_MAX, 65536)
        set_option(TRIM_THRESHOLD, 2**17)


def status(field: str) -> float:
    """MiB of a field of /proc/self/status: VmRSS now, VmHWM at the highest."""
    if not (PROC / "status").exists():
        return math.nan
    line = next(line for line in (PROC / "status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def resident() -> float:
    """MiB in use, once what is free has been given back."""
    gc.collect()
    getattr(LIBC, "malloc_trim", lambda pad: None)(0)
    return status("VmRSS")


def peak(call: Callable[[], object]) -> float:
    """MiB that a call takes at its highest, beyond what was there before."""
    before = resident()
    if not math.isnan(before):
        (PROC / "clear_refs").write_text(TO_PEAK)
    call()
    return status("VmHWM") - before
