"""Disturb sweeps at many points, and print a table of what was kept. Exit status 1 where a promise was broken."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import torch

from .commands import commands
from .damage import damages
from .disks import full_disks, refusals
from .folders import folders
from .kills import doubles, kills
from .stage import undisturbed
from .sweep import Broken

SCENES = {
    "kills": (kills, 1.0),
    "refusals": (refusals, 0.4),
    "full disks": (full_disks, 0.1),
    "damage": (damages, 0.2),
    "two at once": (doubles, 0.1),
    "folders": (folders, 0.0),
    "command": (commands, 0.03),
}
"""Each scene, and its faults for each point asked for."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--points", type=int, default=300, metavar="N", help="kills; other faults in proportion")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the points and moments that are drawn")
    parser.add_argument("--scenes", nargs="+", default=list(SCENES), choices=SCENES, help="only these")
    parser.add_argument("--quiet", action="store_true", help="the table alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table, broken = [], 0
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        stage = undisturbed(Path(scratch), Random(arguments.seed))
        print(f"an undisturbed sweep takes {stage.seconds:.2f} s and has {stage.points} points", flush=True)
        for name in arguments.scenes:
            scene, share = SCENES[name]
            faults, began, kept = 0, time.monotonic(), "kept"
            try:
                for line in scene(stage, math.ceil(share * arguments.points)):
                    faults += 1
                    if not arguments.quiet:
                        print(f"{name}: {line}", flush=True)
            except (Broken, ValueError) as error:
                faults, kept, broken = faults + 1, "BROKEN", broken + 1
                print(f"{name}: BROKEN: {error}", flush=True)
            table.append(f"{name:<14} {faults:>6} {time.monotonic() - began:>8.1f}   {kept}")
    print(f"\n{'scene':<14} {'faults':>6} {'seconds':>8}   promises")
    print("\n".join(table))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
