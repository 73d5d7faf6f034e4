"""One thread for each test process, said before any numerical library is loaded: two processes share two cores."""

import os
import tempfile

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("RECALL_CACHE", tempfile.mkdtemp(prefix="recall-cache-"))  # not the list of allowed code at home
