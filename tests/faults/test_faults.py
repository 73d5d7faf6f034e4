"""A small part of `python -m tests.faults` for every change: nothing finished is lost, nothing damaged is trusted."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("scenes", [["kills"], ["refusals", "full disks", "damage", "two at once", "folders"]])
def test_a_disturbed_sweep_ends_as_an_undisturbed_one(scenes):
    words = ["-m", "tests.faults", "--points", "10", "--seed", "7", "--scenes", *scenes]
    ran = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not ran.stderr
