"""One thread for each test process, said before any numerical library is loaded: two processes share two cores."""

import os
import tempfile

import pytest
from hypothesis import HealthCheck, settings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("RECALL_CACHE", tempfile.mkdtemp(prefix="recall-cache-"))  # not the list of allowed code at home
# A busy machine fails no test.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def jobs_here(monkeypatch):
    """Jobs of commands are done in this process: a worker takes two seconds to import torch."""
    from runners.execution.job import execute_here  # numpy, which the variables above come before

    for module in ("compare", "measure"):
        monkeypatch.setattr(f"runners.cli.{module}.execute", lambda jobs, workers=None: execute_here(jobs))


@pytest.fixture
def nothing_allowed(monkeypatch, tmp_path):
    """A user who has allowed no code yet, with a list of their own."""
    monkeypatch.setenv("RECALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RECALL_ALLOWED_CODE", "")
