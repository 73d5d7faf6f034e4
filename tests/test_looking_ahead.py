"""A memory that sees the whole of its blocks looks ahead, wherever in the row a block ends."""

import pytest
import torch

from models import build
from models.memory import Memory
from recall_tasks import MQAR, Stream
from runners.training.sanity import Leak, check_causal


class Blocked(Memory):
    """Says at each place the sum of its block, later tokens too: the commonest slip of a form in chunks."""

    block = 16

    def __init__(self, width):
        super().__init__()

    def forward(self, x, state=None):
        parts = [part.sum(1, keepdim=True).expand_as(part) for part in x.split(self.block, dim=1)]
        return torch.cat(parts, dim=1), ()

    definition = forward

    def state_floats(self, length):
        return 0

    def contents(self, state):
        return {}


@pytest.mark.parametrize("block", [2, 3, 4, 16, 31])
@pytest.mark.parametrize("length", [32, 62, 64])
def test_a_memory_that_sees_its_whole_block_is_caught(block, length, monkeypatch):
    monkeypatch.setattr(Blocked, "block", block)
    task = MQAR(num_pairs=3)
    model = build(Blocked, task.vocab_size, task.answers, width=16)
    with pytest.raises(Leak, match="looks ahead"):
        check_causal(model, Stream(task, length, "validation"))
