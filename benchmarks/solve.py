"""Updates and seconds until a validation accuracy of 99 % on MQAR, one thread, seeds 0, 1, 2 one after the other."""

import statistics
from collections.abc import Iterator

from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.training.loop import train

from .tables import Columns, Line

LONG = TaskSetting("mqar", 256, {"num_pairs": 32, "num_keys": 127, "num_values": 128})
ZOOLOGY = TaskSetting("mqar", 64, {"num_pairs": 4, "num_keys": 4095, "num_values": 4096, "placement": "power:0.01"})
CELLS = [
    (LONG, ModelSetting("attention"), 8192),
    (LONG, ModelSetting("elastic", {"num_coefficients": 192, "num_samples": 128}), 8192),
    (LONG, ModelSetting("grm", {"segment": 16}), 4096),
    (LONG, ModelSetting("ssc", {"segment": 16}), 4096),
    (LONG, ModelSetting("linear"), 4096),
    (ZOOLOGY, ModelSetting("attention", width=64), 8192),
]
"""Task, model, tokens an update."""

SEEDS = range(3)


def table() -> Iterator[Line]:
    setting = {"length": ">7", "pairs": ">6", "vocabulary": ">12,", "width": ">7", "memory": "<12", "tokens": ">7,"}
    yield Columns(setting | {"solved": ">7", "updates": ">9.0f", "seconds": ">9.1f", "accuracy": ">10.3f"})
    for task, model, tokens in CELLS:
        training = Training(updates=1300, tokens=tokens)
        outcomes = [train(Run(task, model, training, seed))[1] for seed in SEEDS]
        solved = [o for o in outcomes if o.updates_to_solve is not None]
        updates = statistics.median(o.updates_to_solve for o in solved) if solved else float("nan")
        took = statistics.median(o.seconds_to_solve for o in solved) if solved else float("nan")
        accuracy = statistics.median(o.validation or 0.0 for o in outcomes)
        sizes = (task.length, task.task.num_pairs, task.task.vocab_size, model.width)
        yield *sizes, model.memory, tokens, f"{len(solved)}/{len(outcomes)}", updates, took, accuracy
