"""Studies by name, for `recall compare --preset` and `recall sweep`. Adding one is a function, a line, and its time.

Those that may carry a claim have five seeds, and a grid of learning rates unless they say that they have one rate.
The others are a first look: three seeds, at one rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from models import MEMORIES, memory_options
from models.presets import MATCHED_PARAMETERS, MATCHED_STATE, Preset

from ..config.length_modes import FIXED_LOAD, MODES
from ..config.run import ModelSetting, Option, Run, TaskSetting, Training
from ..measures.extrapolation import FAR, LADDER, ROWS
from .study import Ask, Study, Wish


def longer(ladder: Sequence[int] = LADDER, rows: int = ROWS, mode: str = FIXED_LOAD) -> Ask:
    """A request for tests at these multiples of the training length; `mode`: see `length_modes.py`."""
    other_mode: dict[str, Wish] = {} if mode == FIXED_LOAD else {"mode": mode}
    return Ask("extrapolation", {"ladder": list(ladder), "rows": rows, **other_mode})


def probe_request(*tasks: str, readers: Sequence[str] = ("ridge",), also: Sequence[str] = ("causal", "routing")) -> Ask:
    """A request for probes of runs on these tasks: readers, interventions on states, routing of gates."""
    return Ask("probe", {"readers": list(readers), "also": list(also)}, tasks)


MQAR = TaskSetting("mqar", 64, {"num_pairs": 16, "num_keys": 64, "num_values": 64})
DEMO_TASKS = (
    MQAR,
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
    """Seven memories on three tasks of 64 tokens: a first look."""
    training = Training(updates=300, tokens=4096)
    asks = [longer(rows=128), probe_request("copy")]
    return Study.grid("demo", DEMO_TASKS, DEMO_MODELS, training, seeds=3, asks=asks)


def smoke() -> Study:
    """Three memories on one small task, to see that everything works."""
    task = TaskSetting("mqar", 32, {"num_pairs": 4, "num_keys": 16, "num_values": 16})
    training = Training(updates=200, tokens=2048)
    models = (ModelSetting("attention"), ModelSetting("linear"), ModelSetting("gru"))
    return Study.grid("smoke", [task], models, training, seeds=1, asks=[longer([1, 4]), probe_request("mqar")])


def long() -> Study:
    """The same seven on MQAR with 32 pairs in 256 tokens: a first look."""
    task = TaskSetting("mqar", 256, {"num_pairs": 32, "num_keys": 127, "num_values": 128})
    training = Training(updates=4000)
    return Study.grid("long", [task], DEMO_MODELS, training, seeds=3, asks=[longer(), probe_request("mqar")])


RATES = (3e-3, 1e-2, 3e-2)
"""The grid of all presets that have one: a factor of three below and above the rate of the others."""


def fair() -> Study:
    """The seven of the demo on MQAR and needle, each at the best of three learning rates."""
    training = Training(updates=1000, tokens=4096)
    asks = [longer(rows=128), probe_request("mqar")]
    return Study.grid("fair", DEMO_TASKS[:2], DEMO_MODELS, training, seeds=5, rates=RATES, asks=asks)


def length() -> Study:
    """The seven of the demo trained on MQAR of 16, 32 and 64 tokens alike, tested to 4,096: load and distance too.

    Keys are many, so that load can grow with length: to 256 pairs in 2,048 tokens, where it stays.
    """
    task = TaskSetting("mqar", 64, {"num_pairs": 8, "num_keys": 256, "num_values": 64})
    training = Training(updates=800, tokens=4096, policy="mixture", curriculum=3)
    asks = [longer(FAR, rows=64, mode=mode) for mode in MODES]
    return Study.grid("length", [task], DEMO_MODELS, training, seeds=5, rates=RATES, asks=asks)


SMALL: dict[str, Option] = {"segment": 4, "block": 4, "window": 8, "num_coefficients": 16, "num_samples": 8}
"""Options of whatever memory has them, so that rows of 16 tokens are four segments or blocks, or two windows."""

SMALL_OWN: dict[str, dict[str, Option]] = {
    "window": {"window": 12},
    "hippo": {"window": 16},
    "lmu": {"order": 16, "window": 16},
    "lmu_parallel": {"order": 16, "window": 16},
    "transformer_xl": {"cache": 8},
    "melodi": {"num_memory": 8, "num_summary": 8},
}
"""What single memories need beside: windows that reach as far as most questions do, and memories of two blocks."""


def small(memory: str) -> ModelSetting:
    """A memory of the registry at a size for rows of 16 tokens."""
    known = memory_options(MEMORIES[memory])
    options = {name: value for name, value in SMALL.items() if name in known}
    return ModelSetting(memory, options | SMALL_OWN.get(memory, {}))


def memories() -> Study:
    """Every memory of the registry on three tasks of 16 tokens, three seeds: a first look."""
    alphabets: dict[str, Option] = {"num_keys": 8, "num_values": 8}
    tasks = (
        TaskSetting("mqar", 16, {"num_pairs": 3, **alphabets}),
        TaskSetting("needle", 16, {"num_needles": 3, "num_asked": 3, "haystack": "uniform", **alphabets}),
        TaskSetting("copy", 16, {"num_tokens": 6, "feedback": True}),
    )
    training = Training(updates=1200, tokens=2048, learning_rate=5e-3)
    return Study.grid("memories", tasks, map(small, MEMORIES), training, seeds=3, asks=[longer([1])])


PLAIN: dict[str, Option] = {"size": 12}
CACHED: dict[str, Option] = PLAIN | {"segment": 8}


def caching() -> Study:
    """Memory Caching and its controls, where one matrix of 12 x 12 is too small: a first look.

    Six seeds, the fewest with which each of the eleven contrasts of docs/memories.md can be shown.
    """
    models = [
        ModelSetting("linear", PLAIN),
        ModelSetting("linear", {"size": size_of_equal_bytes(ModelSetting("grm", CACHED), MQAR)}, label=EQUAL),
        ModelSetting("delta", PLAIN),
        ModelSetting("log_linear", PLAIN),
        ModelSetting("log_linear_plus", PLAIN),
        ModelSetting("residual", CACHED),
        ModelSetting("residual", CACHED | {"start": "checkpoint"}, label="residual, checkpoints"),
        ModelSetting("grm", CACHED),
        ModelSetting("grm", CACHED | {"start": "checkpoint"}, label="grm, checkpoints"),
        ModelSetting("grm", CACHED | {"base": "delta"}, label="grm over delta"),
        ModelSetting("grm", CACHED | {"gate": "position"}, label="grm, gate of position"),
        ModelSetting("grm", CACHED | {"detach": True}, label="grm, detached caches"),
        ModelSetting("ssc", CACHED),
        ModelSetting("random_ssc", CACHED),
        ModelSetting("oracle", CACHED),
    ]
    training = Training(updates=800, tokens=2048)
    return Study.grid("caching", [MQAR], models, training, seeds=6, asks=[longer(rows=64)])


EQUAL = "linear, equal bytes"


def size_of_equal_bytes(model: ModelSetting, task: TaskSetting) -> int:
    """The size at which one matrix of linear attention takes as many bytes as this memory does."""

    def floats(setting: ModelSetting) -> int:
        return Run(task, setting).build().fullest_floats(task.length)

    wanted = floats(model)
    return min(range(1, 65), key=lambda size: abs(floats(ModelSetting("linear", {"size": size})) - wanted))


BANKED: dict[str, Option] = {"num_samples": 32, "block": 16}


def elastic() -> Study:
    """Elastic Memory over N, and what else N numbers could be spent on: a first look.

    Six seeds, the fewest with which each of the eight contrasts of docs/memories.md can be shown.
    """
    banks = [("legendre", N) for N in (8, 16, 32, 64, 128)]
    banks += [(bank, 16) for bank in ("cosine", "means", "samples", "random")]
    models = []
    for sampling in ("uniform", "exponential"):
        for bank, N in banks:
            options = BANKED | {"bank": bank, "num_coefficients": N, "sampling": sampling}
            models.append(ModelSetting("elastic", options, label=f"{bank} {N}, {sampling}"))
    training = Training(updates=500, tokens=2048)
    return Study.grid("elastic", [MQAR], models, training, seeds=6, asks=[longer([1, 2, 4], rows=128)])


def matched_model(preset: Preset) -> ModelSetting:
    """A model of `models/presets.py`."""
    return ModelSetting(str(preset.memory), dict(preset.options), preset.width)


def parameters() -> Study:
    """Every memory in models of equal parameters on MQAR with 16 pairs in 64 tokens, at one learning rate."""
    training = Training(updates=300, tokens=4096)
    models = map(matched_model, MATCHED_PARAMETERS.values())
    return Study.grid("parameters", [MQAR], models, training, seeds=5, asks=[longer(rows=128)], matched="parameters")


def equal_bytes() -> Study:
    """Memories of 16 KiB a layer on MQAR with 32 pairs in 256 tokens, at one learning rate."""
    task = TaskSetting("mqar", 256, {"num_pairs": 32, "num_keys": 64, "num_values": 64})
    training = Training(updates=600)
    models = map(matched_model, MATCHED_STATE.values())  # equal in 256 tokens, so no longer rows are asked
    return Study.grid("bytes", [task], models, training, seeds=5, asks=[longer([1], rows=128)], matched="bytes")


def capacity() -> Study:
    """Memories at several state sizes, trained at every load from 1 to 64 pairs of MQAR, asked at each.

    The rows of a mixture are of every length at every load: a load that only came in rows of its own length
    would be unknown in the rows of 192 tokens in which all are asked.
    """
    task = TaskSetting("mixture", 192, {"of": "mqar:num_keys=64,num_values=64", "max_load": 64})
    sizes: dict[str, tuple[dict[str, Option], tuple[int, ...]]] = {
        "linear": ({}, (8, 12, 16, 24)),
        "delta": ({}, (8, 12, 16, 24)),
        "grm": ({"segment": 48}, (4, 8)),
    }
    models = [
        ModelSetting(memory, options | {"size": size}, label=f"{memory} {size}")
        for memory, (options, several) in sizes.items()
        for size in several
    ]
    models += [ModelSetting("gru", width=width, label=f"gru, width {width}") for width in (16, 64)]
    training = Training(updates=1500, tokens=4096, policy="fixed")
    asks = [Ask("capacity", {"loads": [1, 2, 4, 8, 16, 32, 64], "length": 192, "rows": 128})]
    return Study.grid("capacity", [task], [*models, ModelSetting("attention")], training, seeds=5, asks=asks)


PRESETS: dict[str, Callable[[], Study]] = {
    "demo": demo,
    "smoke": smoke,
    "long": long,
    "fair": fair,
    "length": length,
    "memories": memories,
    "caching": caching,
    "elastic": elastic,
    "capacity": capacity,
    "parameters": parameters,
    "bytes": equal_bytes,
}

MINUTES = {
    "demo": 10, "smoke": 1, "long": 70, "fair": 60, "length": 25, "memories": 15, "caching": 12, "elastic": 14,
    "capacity": 30, "parameters": 50, "bytes": 75,
}  # fmt: skip
"""About how long each takes on two cores: as measured, or at most as long as its updates take."""
