"""Run directories that survive crashes: a run is there whole, or not at all.

A run is written into a hidden directory beside its place, flushed to disk, and renamed: with the rename it is
finished. The digest of every file stands in the run's record, which has its own; a file that does not match is
refused. Weights are safetensors and records JSON, so loading them runs no code; a custom memory is imported from
its own file, and only if that is the file it was trained with and lies outside the folder.

    <folder>/study.json                  the study and the command
    <folder>/<run name>/run.json         the Run
                        result.json      scores, curves, versions
                        weights.safetensors, outputs.safetensors
                        extrapolation.json, probe.json, ...     added later, each written whole
                        outputs-<measure>.safetensors, ...      tensors of a measure, digest in its record
    <folder>/<run name>.failed.json      why a run failed
    <folder>/.<run name>.checkpoint      where an interrupted run goes on
    <folder>/.<run name>.lock            locked by the process that works on the run
    .<word>.partial                      a file being written; swept when its writer is gone
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .folders import *  # noqa: F403
    from .records import *  # noqa: F403
    from .run_records import *  # noqa: F403
    from .runs import *  # noqa: F403
else:

    def __getattr__(name: str) -> Any:
        """Names of the files here, when they are first asked for: `runs` loads torch, which queries do without."""
        for file in ("records", "folders", "run_records", "runs"):
            if hasattr(module := importlib.import_module(f".{file}", __name__), name):
                return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
