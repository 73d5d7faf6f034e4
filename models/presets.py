"""Models of every memory at equal cost: at equal parameters, and at an equal state.

A comparison at one width gives memories different numbers of parameters and states of very different size.
Here one of the two is made equal, each to within a few percent, which the tests check by building the models:

    parameters   of the whole model, equal to those of attention at width 32, by the width
    state        of one layer, 4,096 floats or 16 KiB at width 32, by the memory's own options

Models have two layers, an MLP of twice the width and 129 tokens: the blank, 64 keys and 64 values of MQAR.

A state is what `state_floats` counts, the inputs of the short convolution too, at its fullest in 256 tokens: what
has to be kept free for it. After the 256th itself every open block is empty and log-linear attention is down to one
bucket, which would flatter both.

`python -m models.presets` prints the tables. `matching` searches for a memory of one's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import build, find
from .options import build_memory, memory_options

if TYPE_CHECKING:  # torch, which the table of presets does without
    from .memory import Memory
    from .sequence_model import SequenceModel

WIDTH, LAYERS, MLP_RATIO = 32, 2, 2
VOCABULARY, ANSWERS = 129, range(65, 129)
TOKENS = 256

PARAMETERS, PARAMETERS_OFF = 21_280, 0.04
"""Of a model, and by what share one may miss it: a step of the width is 5 %."""

STATE, STATE_OFF = 4096, 0.05
"""Floats of a layer's state, and by what share one may miss them: a step of a matrix's size is 3 %."""

LIMIT = 256
"""The largest width or option that `matching` tries."""


@dataclass(frozen=True)
class Preset:
    """A memory, by name or as a class, the options that differ from its defaults, and the width around it."""

    memory: str | type[Memory]
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    width: int = WIDTH

    def build(self, seed: int = 0) -> SequenceModel:
        options: dict[str, Any] = {**self.options, "width": self.width, "layers": LAYERS, "mlp_ratio": MLP_RATIO}
        return build(self.memory, VOCABULARY, ANSWERS, seed=seed, **options)

    def parameters(self) -> int:
        """Of the whole model."""
        return sum(p.numel() for p in self.build().parameters())

    def state(self) -> int:
        """Floats of one layer's state at its fullest."""
        return build_memory(find(self.memory), self.width, **self.options).fullest_floats(TOKENS)


def by_name(*presets: Preset) -> dict[str, Preset]:
    return {str(preset.memory): preset for preset in presets}


CACHING = {"segment": 16}
MATCHED_PARAMETERS = by_name(
    Preset("attention"),
    Preset("window", {"window": 16}),
    Preset("linear"),
    Preset("gated"),
    Preset("swla"),
    Preset("delta"),
    Preset("gated_delta"),
    Preset("log_linear", width=31),
    Preset("log_linear_plus", width=30),
    Preset("residual", CACHING),
    Preset("grm", CACHING, 30),
    Preset("soup", CACHING, 30),
    Preset("ssc", CACHING, 30),
    Preset("random_ssc", CACHING, 30),
    Preset("oracle", CACHING, 30),
    Preset("average", CACHING),
    Preset("dla", width=23),
    Preset("titans", width=23),
    Preset("elastic", {"block": 16}),
    Preset("gru", width=28),
    Preset("hippo", width=31),
    Preset("lmu"),
    Preset("lmu_parallel", {"order": 16, "channels": 8}, 28),
    Preset("transformer_xl", {"block": 16, "cache": 16}),
    Preset("memorizing", {"block": 16}),
    Preset("infini", {"block": 16}),
    Preset("melodi", {"block": 16, "num_memory": 4, "num_summary": 4}),
    Preset("hybrid", {"window": 16}, 26),
)
"""By the width. Segments, blocks and windows are a quarter of 64 tokens; they add nothing to learn but in `melodi`."""

UNMATCHED_PARAMETERS: dict[str, str] = {}
"""Memories without such a width, and why."""

CACHES = {"segment": 32, "size": 21}
MATCHED_STATE = by_name(
    Preset("window", {"window": 64}),
    Preset("linear", {"size": 64}),
    Preset("gated", {"size": 64}),
    Preset("swla", {"size": 62}),
    Preset("delta", {"size": 64}),
    Preset("gated_delta", {"size": 64}),
    Preset("log_linear", {"size": 22}),
    Preset("log_linear_plus", {"size": 22}),
    Preset("residual", {"segment": 32, "size": 45}),
    Preset("grm", CACHES),
    Preset("soup", CACHES),
    Preset("ssc", CACHES),
    Preset("random_ssc", CACHES),
    Preset("oracle", CACHES),
    Preset("average", CACHES),
    Preset("dla", {"size": 16}),
    Preset("titans", {"size": 13}),
    Preset("elastic", {"num_coefficients": 48, "block": 16}),
    Preset("transformer_xl", {"block": 64, "cache": 64}),
    Preset("memorizing", {"block": 32, "queue": 32}),
    Preset("infini", {"block": 48}),
    Preset("melodi", {"block": 32, "num_memory": 16, "num_summary": 16}),
    Preset("hybrid", {"window": 46}),
)
"""By the size of matrices, or the tokens or coefficients kept. Parameters are not equal, but for half as many more."""

UNMATCHED_STATE = {
    "attention": "keeps every token: the budget is full after 62, and 256 need four times as much",
    "gru": "keeps as many numbers as it is wide: 16 KiB need a model of a thousand times the parameters",
    "hippo": "writes one number a token: 256 tokens do not fill 16 KiB",
    "lmu": "writes one number a token, which do not fill 16 KiB, or more by matrices of fifteen times the model",
    "lmu_parallel": "reads all of its state by one matrix: 16 KiB make the model thirteen times as large",
}
"""Memories without such options, and why."""


def matching(memory: str | type[Memory], knob: str = "width", **options: bool | int | float | str) -> Preset:
    """The preset with these options whose `knob` comes nearest: the width to PARAMETERS, an option to STATE.

    Tries 1 to LIMIT, passing over what the memory refuses. Raises ValueError for a knob that is no integer.
    """
    known = memory_options(find(memory))
    if knob != "width" and type(known.get(knob)) is not int:
        takes = ", ".join(["width", *(name for name, value in known.items() if type(value) is int)])
        raise ValueError(f"{knob!r} is no integer option: it is one of {takes}")
    found: list[tuple[int, int, Preset]] = []
    refused = ""
    for value in range(1, LIMIT + 1):
        try:
            if knob == "width":
                preset = Preset(memory, options, value)
                off = preset.parameters() - PARAMETERS
            else:
                preset = Preset(memory, {**options, knob: value})
                off = preset.state() - STATE
        except ValueError as error:
            refused = str(error)
            continue
        found.append((abs(off), value, preset))
        if knob == "width" and off > PARAMETERS:
            break  # wider models only have more
    if not found:
        raise ValueError(f"no {knob} from 1 to {LIMIT} will do: {refused}")
    off, _, nearest = min(found, key=lambda candidate: candidate[:2])
    goal, allowed = (PARAMETERS, PARAMETERS_OFF) if knob == "width" else (STATE, STATE_OFF)
    if off > allowed * goal:
        raise ValueError(
            f"no {knob} from 1 to {LIMIT} comes within {allowed:.0%} of {goal:,}: the nearest is {off / goal:.0%} off"
        )
    return nearest


def table() -> Iterator[str]:
    """What is matched and by how much it is off, a line each, then what is not matched and why."""
    tables = (
        ("parameters", MATCHED_PARAMETERS, UNMATCHED_PARAMETERS, PARAMETERS),
        ("state", MATCHED_STATE, UNMATCHED_STATE, 4 * STATE),
    )
    for name, presets, without, goal in tables:
        yield f"matched {name}: {goal:,}{' bytes' if name == 'state' else ''}"
        yield f"  {'memory':<16}{'width':>5}{'parameters':>12}{'state bytes':>13}{'off':>8}  options"
        for memory, preset in presets.items():
            parameters, state = preset.parameters(), 4 * preset.state()
            off = (parameters if name == "parameters" else state) / goal - 1
            options = " ".join(f"{key}={value}" for key, value in preset.options.items())
            line = f"  {memory:<16}{preset.width:>5}{parameters:>12,}{state:>13,}{off:>+8.1%}  {options}"
            yield line.rstrip()
        for memory, reason in without.items():
            yield f"  {memory:<16}{reason}"
        yield ""


if __name__ == "__main__":
    print("\n".join(table()))
