"""Every memory on a GPU: the numbers of the CPU, and a run from training to its probe. `python -m tests.gpu`

No machine without a GPU can run it: it ends there with status 2 and one line.
"""

from __future__ import annotations

import sys
import tempfile

import torch

from models import MEMORIES, build
from runners.cli.main import main
from runners.execution.job import choose_device

LENGTH, CLOSE = 131, 1e-3
"""Tokens, and the largest difference of logits and gradients, relative to the largest number."""


def numbers(name: str, device: str) -> list[torch.Tensor]:
    """Logits and gradients of a model on a device, as they are on the CPU."""
    model = build(name, 64, range(32, 64), width=32, seed=1).to(device)
    tokens = torch.randint(0, 64, (4, LENGTH), generator=torch.Generator().manual_seed(0)).to(device)
    queries = torch.arange(4, device=device), torch.tensor([5, 60, 100, 130], device=device)
    oracle = torch.full_like(tokens, -1) if model.uses_oracle else None
    logits, _ = model(tokens, queries, None, oracle)
    logits.logsumexp(-1).sum().backward()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return [tensor.detach().cpu() for tensor in (logits, *gradients)]


def differs(name: str, device: str) -> str:
    """The largest difference from the CPU, or an empty string where it is rounding."""
    pairs = zip(numbers(name, "cpu"), numbers(name, device), strict=True)
    worst = max(float((here - there).abs().max() / (here.abs().max() + 1e-6)) for here, there in pairs)
    return f"differs by {worst:.1e}" if not worst < CLOSE else ""


def gpu_main() -> int:
    """0 where all agree, 1 where some do not, 2 without a GPU."""
    if (device := choose_device("auto")) == "cpu":
        print("no GPU on this machine", file=sys.stderr)
        return 2
    found = {name: differs(name, device) for name in MEMORIES}
    for name, difference in found.items():
        print(f"{name:16} {difference or 'agrees'}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        words = ["--preset", "smoke", "--device", device, "--workers", "1", "--out", folder]
        statuses = [main(["compare", *words]), main(["probe", folder, "--device", device, "--workers", "1"])]
    return 1 if any(found.values()) or any(statuses) else 0


if __name__ == "__main__":
    sys.exit(gpu_main())
