"""What the model itself answers when it is asked for each item: one more reader of its states, the one that counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models import SequenceModel

from ..evaluation.evaluate import PIECE, device_of
from .capture import read_on
from .templates import Drawn, Labels, Question, Tokens

Floats = NDArray[np.float64]


@torch.no_grad()
def logits_at(
    model: SequenceModel, states: list[Any], tokens: Tokens, places: Labels, origins: Labels | None = None
) -> Tensor:
    """What the model says at places [q] of tokens [B, m] that follow the states: [B, q, V].

    origins [q]: where the answers were written, for memories that are `told`; without, they are told nothing.
    """
    device, (B, q) = device_of(model), (len(tokens), len(places))
    asked = torch.arange(B).repeat_interleave(q).to(device), torch.from_numpy(places).repeat(B).to(device)
    told = torch.full(tokens.shape, -1, dtype=torch.int64, device=device)
    if origins is not None:
        told[:, places] = torch.from_numpy(origins).to(device)
    following = torch.from_numpy(np.ascontiguousarray(tokens)).to(device)
    logits: Tensor = model(following, asked, states, told if model.uses_oracle else None)[0]
    return logits.view(B, q, -1)


@torch.no_grad()
def answered(model: SequenceModel, question: Question, drawn: Drawn) -> tuple[Floats, Labels]:
    """Natural log-probabilities [n, q, V] of what the model says of q items, and which these are, [q].

    Every item is asked for after the same `question.end` tokens. q is 0 where items cannot be asked for apart.
    Raises ValueError for a model that is told where answers were written: it answers nothing by itself.
    """
    if model.uses_oracle:
        raise ValueError("a model that is told where answers are does not show what it remembers")
    model.eval()
    device, end = device_of(model), question.end
    step = max(1, PIECE // question.template.tokens.shape[1])
    asked = list(question.asking(drawn))
    items = np.concatenate([asking.items for asking in asked]) if asked else np.zeros(0, np.int64)
    parts = []
    for start in range(0, len(drawn.tokens) if asked else 0, step):
        rows = slice(start, start + step)
        states = read_on(model, torch.from_numpy(drawn.tokens[rows, :end]).to(device), None)
        said = []
        for asking in asked:
            logits = logits_at(model, states, asking.tokens[rows], asking.places)
            said.append(F.log_softmax(logits.double(), dim=-1).cpu().numpy())
        parts.append(np.concatenate(said, axis=1))
    if not parts:
        return np.zeros((len(drawn.tokens), 0, question.num_values)), items
    return np.concatenate(parts), items
