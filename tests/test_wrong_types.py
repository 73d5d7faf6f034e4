"""What is given in a wrong type from Python is one ValueError, before anything is done."""

from typing import Any

import numpy as np
import pytest
import torch

from models import build
from models.memories.linear import LinearAttention
from recall_tasks import MQAR
from runners.compare import compare

TASK = MQAR(num_pairs=2, num_keys=4, num_values=4)
GIVEN: dict[str, Any] = {"tasks": [TASK], "memories": ["linear"], "length": 16, "seeds": 1}
TOKENS = torch.zeros(2, 5, dtype=torch.int64)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tasks": ["mqar"]}, {"tasks": [MQAR]}, {"tasks": None}, {"memories": None},
        {"memories": LinearAttention}, {"memories": [LinearAttention]}, {"memories": {"a": LinearAttention(8)}},
        {"memories": ["linear", "linear"]}, {"ladder": 4}, {"ladder": "12"}, {"ladder": np.array([1.5])},
        {"training": {"updates": 3}},
    ],
    ids=str,
)  # fmt: skip
def test_a_comparison_of_something_else_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compare(**GIVEN | wrong)


@pytest.mark.parametrize("seed", [1.5, None, -1, 2**63, True])
def test_a_model_has_a_whole_seed(seed: Any) -> None:
    with pytest.raises(ValueError, match="seed must be an integer"):
        build("linear", 9, range(9), seed=seed)


@pytest.mark.parametrize("memory", [LinearAttention(8), 3, ["linear"]], ids=["object", "number", "list"])
def test_a_memory_is_a_name_or_a_class(memory: Any) -> None:
    with pytest.raises(ValueError, match="a name or a class"):
        build(memory, 9, range(9))


@pytest.mark.parametrize(
    ("tokens", "queries"),
    [
        (TOKENS.float(), ([0], [1])), (TOKENS.numpy(), ([0], [1])), (TOKENS - 1, ([0], [1])), (TOKENS + 99, ([0], [1])),
        (TOKENS, ([0], [-1])), (TOKENS, ([-1], [0])), (TOKENS, ([0], [5])), (TOKENS, ([0.0], [1.0])), (TOKENS, ([0],)),
    ],
)  # fmt: skip
def test_a_model_reads_whole_numbers_within_its_range(tokens: Any, queries: Any) -> None:
    with pytest.raises(ValueError, match=r"run from 0 to|tensor of integers|two tensors"):
        build("linear", 9, range(9), width=8)(tokens, tuple(map(torch.tensor, queries)))
