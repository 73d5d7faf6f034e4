"""One training step (forward, backward, clip, AdamW) on one thread: matrix FLOPs a second over the rate
of a 1024-cubed matmul in the same run. FLOPs are those the step's matrix products need, a causal
attention counted at half its square; what is not a matrix product (norms, convolution, softmax, the
optimiser) counts as time and not as FLOPs, and is most of what keeps the ratio from 1."""

from collections.abc import Iterator

from models import MEMORIES, build
from recall_tasks import MQAR, Stream
from runners.training.adamw import AdamW
from runners.training.loop import step

from .tables import Columns, Line
from .timing import matmul_rate, seconds

CELLS = [(64, 64, 64, 8), (32, 256, 32, 32)]
TALLIED = ("attention", "linear")


def flops(memory: str, rows: int, length: int, width: int, layers: int = 2, ratio: int = 2) -> float:
    """Matrix FLOPs of forward and backward (three times forward), without the read-out."""
    dense = 2 * width * width * (3 + 1 + 2 * ratio)
    mixing = {"attention": 2 * width * length, "linear": 2 * (2 * 32 * width / 2 + 2 * width * width)}[memory]
    return 3.0 * rows * length * layers * (dense + mixing)


def table() -> Iterator[Line]:
    rate = matmul_rate()
    yield f"matmul rate {rate:.0f} GFLOP/s"
    yield Columns(
        {
            "memory": "<17",
            "sequences": ">10",
            "length": ">8",
            "width": ">7",
            "ms/step": ">9.1f",
            "GFLOP/s": ">9.1f",
            "of matmul": ">11.2f",
            "of attention": ">14.2f",
        }
    )
    for rows, length, width, pairs in CELLS:
        task = MQAR(num_pairs=pairs, num_keys=127, num_values=128)
        batch = Stream(task, length).rows(0, rows)
        reference = None
        for memory in MEMORIES:
            model = build(memory, task.vocab_size, task.answers, width=width)
            optimiser = AdamW(model.parameters(), 0.01)
            took = seconds(lambda: step(model, optimiser, batch, 1.0, 1e-3))  # noqa: B023
            reference = reference or took
            achieved = flops(memory, rows, length, width) / took / 1e9 if memory in TALLIED else None
            of_matmul = achieved / rate if achieved else None
            yield memory, rows, length, width, 1e3 * took, achieved, of_matmul, took / reference
