"""Finish a run: all its files, flushed to disk, then the rename that makes it count."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..config.run import Run
from .failures import checkpoint_path, forget_failure
from .partials import partial_directory
from .records import digest, sealed
from .runs import OUTPUTS, RECORD, WEIGHTS, is_finished
from .tensors import tensor_bytes
from .writing import flush_names, write_whole, writing


def write_run(
    folder: Path,
    run: Run,
    result: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor] | None = None,
) -> Path:
    """Finish a run: all its files, then the rename that makes it count; its directory.

    Of two that finish the same run the first stays. Raises UnwritableFolder, and then leaves nothing behind.
    """
    place = folder / run.name
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with partial_directory(folder) as partial:
            facts = {"name": run.name, "identity": run.identity}
            for key, file, tensors in (("weights", WEIGHTS, weights), ("outputs", OUTPUTS, outputs)):
                if tensors is not None:
                    content = tensor_bytes(tensors)
                    facts[key] = digest(content)
                    write_whole(partial / file, content)
            write_whole(partial / "run.json", sealed(run.to_json()))
            write_whole(partial / RECORD, sealed({**result, **facts}))
            try:
                os.rename(partial, place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not is_finished(folder, run):
                    raise
        flush_names(folder)
        forget_failure(folder, run)
        checkpoint_path(folder, run).unlink(missing_ok=True)
    return place
