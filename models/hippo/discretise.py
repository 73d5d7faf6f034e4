"""From an equation of continuous time to a step of one token: c_k = Abar c_(k-1) + Bbar f_k.

    (I - a D A) c_k = (I + (1 - a) D A) c_(k-1) + D B f_k        generalised bilinear, D the step
    a = 0 forward Euler, 1/2 bilinear, 1 backward Euler
    Abar = exp(D A), Bbar = int_0^D exp(s A) B ds                zero-order hold (ZOH): a token is held

ZOH is exact for tokens that are held and stable wherever the equation is, so memories use nothing else.
Forward Euler is not: LegS multiplies the coefficient n by 1 - (n+1)/k at token k, which grows without bound
while k < N/2 (beyond single precision's largest number from N = 64 on, for a start at k = 1); LegT and the LMU need a
window of the order of N^2 tokens. The bilinear rule is stable, and rings: a fast coefficient is multiplied by
nearly -1. The rules stay here to be compared.

For LegS the step of the rules from k tokens to k + 1 is D = 1/k; ZOH is exact in log time, D = ln((k+1)/k).
"""

from __future__ import annotations

import numpy as np
import torch

from ..transforms import outside_transforms
from . import legendre
from .legendre import Array
from .matrices import Pair, legs

RULES = {"forward": 0.0, "bilinear": 0.5, "backward": 1.0}
"""How much of a step is taken at its end."""


def generalised_bilinear(A: Array, B: Array, step: float, a: float) -> Pair:
    """Abar [N, N] and Bbar [N]; a is how much of the step is taken at its end."""
    identity = np.eye(len(A))
    both: Array = np.column_stack([identity + (1 - a) * step * A, step * B])
    solved = np.linalg.solve(identity - a * step * A, both).astype(np.float64)
    return solved[:, :-1], solved[:, -1]


def zoh(A: Array, B: Array, step: float) -> Pair:
    """Abar [N, N] and Bbar [N] by one exponential of (A B; 0 0), so A need not have an inverse."""
    N = len(A)
    held = np.zeros((N + 1, N + 1))
    held[:N, :N], held[:N, N] = A, B
    with outside_transforms():
        moved: Array = torch.linalg.matrix_exp(torch.from_numpy(step * held)).numpy()
    return moved[:N, :N], moved[:N, N]


def rule_parameter(rule: str) -> float | None:
    """The rule's a, None for ZOH. Raises ValueError for a rule that does not exist."""
    if rule != "zoh" and rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}: choose one of {', '.join(RULES)}, zoh")
    return RULES.get(rule)


def discretise(A: Array, B: Array, step: float, rule: str = "zoh") -> Pair:
    """One step of dc/dt = A c + B f; for a window of theta tokens, step = 1 / theta.

    Raises ValueError for a step of 0 or less, and for an unknown rule.
    """
    a = rule_parameter(rule)
    if step <= 0:
        raise ValueError(f"a step must be longer than 0, not {step}")
    return zoh(A, B, step) if a is None else generalised_bilinear(A, B, step, a)


def legs_step(N: int, k: int, rule: str = "zoh") -> Pair:
    """LegS from k tokens to k + 1. By any rule the first token (k = 0) is a constant: c = f e_0."""
    a = rule_parameter(rule)
    if a is None or k == 0:
        return legendre.step(N, k)
    return generalised_bilinear(*legs(N), 1 / k, a)


def legs_run(N: int, f: Array, rule: str = "zoh", first: int = 0) -> Array:
    """The coefficients [N, ...] of a signal f [T, ...], step after step, as the paper's code has them.

    first = 0 begins with the first token. first = 1, the code's own habit, begins as if one token of 0 had
    been there before, which costs more than the choice of a rule. `legendre.write_weights(N, T) @ f`
    gives the numbers of ZOH from 0 at once.
    """
    c = np.zeros((N, *f.shape[1:]))
    for j, token in enumerate(f):
        Abar, Bbar = legs_step(N, first + j, rule)
        c = Abar @ c + np.multiply.outer(Bbar, token)
    return c
