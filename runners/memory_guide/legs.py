"""What a linear reader wins back from LegS coefficients, against what can be won back.

Tokens are +1 or -1, independent. After t of them the coefficients are c = W x, W [N, t] (`hippo/legendre.py`).
The best linear guess of x_j is the j-th entry of W^+ W x, which explains the share r_j of its variance, the diagonal
of W^+ W: `legendre.resolution`. The reader is the ridge probe, and the coefficients are those that Elastic Memory
keeps, block after block.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from models.banks import BANKS, Sampling
from models.banks.blocks import remember
from models.hippo import legendre
from models.hippo.legendre import Array

from ..probe import Levels

LENGTH, BLOCK, ORDERS = 64, 8, (8, 16, 32)
ROWS = (16384, 4096)
"""To fit the reader on, and to test it."""


def table(orders: tuple[int, ...] = ORDERS, length: int = LENGTH, rows: tuple[int, int] = ROWS) -> pd.DataFrame:
    """N, age (tokens since), recovered (share of variance, by the probe), resolution."""
    rng = np.random.Generator(np.random.Philox(key=[0, 3]))
    tokens = np.float64(2) * rng.integers(0, 2, (sum(rows), length)) - 1
    told = []
    for N in orders:
        states = coefficients(N, tokens)
        reader = Levels().fit(states[: rows[0]], tokens[: rows[0]])
        wrong = reader.predict(states[rows[0] :]) - tokens[rows[0] :]
        recovered = 1 - np.square(wrong).mean(0) / tokens[rows[0] :].var(0)
        kept = legendre.resolution(N, length)
        told += [(N, length - 1 - j, float(recovered[j]), float(kept[j])) for j in range(length)]
    return pd.DataFrame(told, columns=["N", "age", "recovered", "resolution"])


def coefficients(N: int, x: Array) -> Array:
    """[rows, N] of the tokens x [rows, t], as Elastic Memory keeps them of one channel; t is a multiple of BLOCK."""
    bank = BANKS["legendre"](N, BLOCK, Sampling.parse("uniform", 1), 0)
    tokens = torch.from_numpy(x)[:, :, None]
    _, kept = remember(bank, 1, None, tokens.new_zeros(len(x), N, 1), tokens, 0)
    return np.asarray(kept.squeeze(2).numpy())
