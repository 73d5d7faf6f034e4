"""Run directories that survive anything: a run is there whole, or not at all.

A run is written into a hidden directory beside its place, flushed to disk, and renamed: the rename is
the moment it is finished. Every file's digest stands in the run's record, which carries its own; what
does not match is refused, never trusted. Weights are safetensors and records JSON, so loading them runs no
code; a memory of one's own is imported from its own file, and only if that is the file it was trained with
and lies outside the folder.

    <folder>/study.json                  what was asked for
    <folder>/<run name>/run.json         the Run
                        result.json      scores, curves, versions
                        weights.safetensors, outputs.safetensors
                        extrapolation.json, probe.json, ...     added later, each written whole
                        outputs-<measure>.safetensors, ...      tensors of a measure, digest in its record
    <folder>/<run name>.failed.json      why a run failed
    <folder>/.<run name>.checkpoint      where an interrupted run goes on
    <folder>/.<run name>.lock            held by the process that works on the run
    .<word>.partial                      what is being written; swept when nobody writes it any more
"""

from .claims import claimed
from .failures import checkpoint_path, forget_failure, load_failure, write_failure
from .finding import find_runs
from .finishing import write_run
from .folders import load_study, open_folder, sweep_partials
from .records import CorruptRun, digest, load_record, sealed, unsealed
from .runs import (
    EXTRAPOLATION,
    OUTPUTS,
    PROBE,
    RECORD,
    WEIGHTS,
    is_finished,
    load_model,
    load_result,
    load_run,
    load_settings,
    load_weights,
)
from .tensors import load_tensors, write_tensors
from .writing import FullDisk, UnwritableFolder, write_whole

__all__ = [
    "EXTRAPOLATION",
    "OUTPUTS",
    "PROBE",
    "RECORD",
    "WEIGHTS",
    "CorruptRun",
    "FullDisk",
    "UnwritableFolder",
    "checkpoint_path",
    "claimed",
    "digest",
    "find_runs",
    "forget_failure",
    "is_finished",
    "load_failure",
    "load_model",
    "load_record",
    "load_result",
    "load_run",
    "load_settings",
    "load_study",
    "load_tensors",
    "load_weights",
    "open_folder",
    "sealed",
    "sweep_partials",
    "unsealed",
    "write_failure",
    "write_run",
    "write_tensors",
    "write_whole",
]
