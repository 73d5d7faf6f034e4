"""One thread for each test process, said before any numerical library is loaded: two processes share two cores."""

import os
import tempfile

from hypothesis import HealthCheck, settings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("RECALL_CACHE", tempfile.mkdtemp(prefix="recall-cache-"))  # not the list of allowed code at home
# A busy machine fails no test.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
