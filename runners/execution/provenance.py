"""Provenance of a result: versions, commit, machine."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

from recall_tasks.checkout import CHECKOUT

from ..config.custom_code import distributions_in
from ..training.checkpoint import instructions
from .job import cores


def environment(device: str = "cpu", memory: str = "") -> dict[str, Any]:
    """Versions, commit, machine and device, which a result depends on beside its run.

    memory   word of the run's layers: the packages that it names are among the versions
    """
    packages = dict.fromkeys(("torch", "numpy", "scikit-learn", "recall-tasks", *distributions_in(memory)))
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}
    return {"versions": versions, "machine": machine(device), "commit": commit(), "device": device}


def machine(device: str = "cpu") -> dict[str, Any]:
    """Operating system, processor, the instruction set or GPU that computes, and number of cores."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {"system": platform.system(), "processor": model, "instructions": instructions(device), "cores": cores()}


def commit() -> str:
    """The checkout's commit, `+` where files differ from it, empty outside a checkout."""
    if CHECKOUT is None or not shutil.which("git"):  # a wheel may lie in another project's repository
        return ""
    describe = ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    described = subprocess.run(describe, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return described.stdout.strip()
