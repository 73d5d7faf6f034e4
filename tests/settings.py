"""The settings at which every memory of the registry is held to its contract: each at its defaults, and more."""

from __future__ import annotations

from typing import Any

from models import MEMORIES

SETTINGS: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in MEMORIES] + [
    ("attention", {"heads": 2, "rope": True}),
    ("window", {"window": 4, "heads": 2}),
    ("window", {"window": 8, "rope": True}),
    ("window", {"window": 1}),
    ("linear", {"heads": 2}),
    ("elastic", {"block": 4, "num_coefficients": 6, "num_samples": 3, "heads": 2}),
    ("elastic", {"block": 8, "num_coefficients": 12, "num_samples": 5, "exponential": True}),
    ("elastic", {"block": 4, "num_coefficients": 3, "num_samples": 6, "rope": False}),
    ("elastic", {"block": 1, "num_coefficients": 4, "num_samples": 2, "exponential": True}),
    ("residual", {"segment": 4, "heads": 2}),
    ("grm", {"segment": 4, "heads": 2}),
    ("ssc", {"segment": 4, "chosen": 1}),
]
IDS = [name + "".join(f"-{key}={value}" for key, value in options.items()) for name, options in SETTINGS]
