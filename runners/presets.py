"""Studies by name, for `recall compare --preset`. Adding one is a function and a line."""

from __future__ import annotations

from collections.abc import Callable

from .experiment import ModelSetting, TaskSetting, Training
from .study import Study

DEMO_TASKS = (
    TaskSetting("mqar", 64, {"num_pairs": 16, "num_keys": 64, "num_values": 64}),
    TaskSetting("needle", 64, {"num_needles": 4, "haystack": "uniform"}),
    TaskSetting("copy", 64, {"num_tokens": 16, "feedback": True}),
)
DEMO_MODELS = (
    ModelSetting("attention"),
    ModelSetting("window", {"window": 16}),
    ModelSetting("linear"),
    ModelSetting("grm", {"segment": 16}),
    ModelSetting("ssc", {"segment": 16}),
    ModelSetting("elastic", {"num_coefficients": 64, "num_samples": 32, "block": 16}),
    ModelSetting("gru"),
)


def demo() -> Study:
    """Seven memories on three tasks of 64 tokens, three seeds: under five minutes on two cores."""
    training = Training(updates=300, seconds=30.0, tokens=4096)
    return Study.grid(
        "demo", DEMO_TASKS, DEMO_MODELS, training, seeds=3, rows=128, probed=("mqar",), readers=("ridge",)
    )


def smoke() -> Study:
    """Three memories on one small task: half a minute, to see that everything works."""
    task = TaskSetting("mqar", 32, {"num_pairs": 4, "num_keys": 16, "num_values": 16})
    training = Training(updates=200, seconds=20.0, tokens=2048)
    models = (ModelSetting("attention"), ModelSetting("linear"), ModelSetting("gru"))
    return Study.grid("smoke", [task], models, training, seeds=1, ladder=(1, 4), probed=("mqar",))


def long() -> Study:
    """The same seven on MQAR with 32 pairs in 256 tokens, three seeds: forty-five minutes at most."""
    task = TaskSetting("mqar", 256, {"num_pairs": 32, "num_keys": 127, "num_values": 128})
    training = Training(updates=4000, seconds=240.0)
    return Study.grid("long", [task], DEMO_MODELS, training, seeds=3, probed=("mqar",))


PRESETS: dict[str, Callable[[], Study]] = {
    "demo": demo,
    "smoke": smoke,
    "long": long,
}
