"""A model goes wherever its weights are: no memory makes a tensor on the CPU by itself.

The meta device has shapes and no numbers, and refuses to meet tensors of another device: it stands for a GPU.
"""

import pytest
import torch

from models import MEMORIES, build

CHOOSING = {"ssc", "random_ssc"}
"""These look at numbers to choose caches, which the meta device has not."""


@pytest.mark.parametrize("name", [name for name in MEMORIES if name not in CHOOSING])
def test_forward_and_backward_stay_on_the_device_of_the_weights(name):
    model = build(name, 129, range(65, 129), width=32).to("meta")
    tokens = torch.zeros(2, 40, dtype=torch.long, device="meta")
    asked = (torch.arange(2, device="meta"), torch.full((2,), 35, device="meta"))
    told = torch.full((2, 40), -1, device="meta") if model.uses_oracle else None
    logits, states = model(tokens, asked, None, told)
    logits.sum().backward()
    assert logits.device.type == "meta"
    logits, _ = model(tokens[:, :7], asked, states, None if told is None else told[:, :7])
    assert logits.device.type == "meta"
