"""The contract of a memory, tried on random inputs: before every run, and in tests over the registry.

Outputs are finite and as large as the inputs. A state is tensors [B, ...] and plain numbers in tuples, and holds as
many numbers as `state_floats` says after every length, `fullest_floats` at most, all of them in `contents`. The state
handed in is left as it is. A sequence gives the same at once, in pieces, in single steps, alone (in training too where
nothing is drawn) and anywhere in a batch; no token changes what was given before it. Nothing is drawn in evaluation,
and in training from torch's generator alone. Where a class defines `definition` together with `forward`, or below it,
they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from .memory import Memory, State, num_floats
from .options import build_memory
from .seeding import seeded_draws

BATCH, LENGTH, STEPS = 3, 131, 16
"""Sequences, their tokens, and the first of them that are read one by one too."""
AHEAD = 7
"""Tokens that others follow on a second reading, which must not change their outputs."""
CUTS = (1, 3, 10, 17, 64, 100)
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Largest difference by rounding, relative to the largest number."""


class BrokenContract(ValueError):
    """A memory that is not what `models.memory` says a memory is."""


@lru_cache
def check_kind(kind: type[Memory], width: int, options: tuple[tuple[str, Any], ...]) -> None:
    """`check_contract` of a memory that is built for it, once for each class and its options."""
    with seeded_draws(0):
        memory = build_memory(kind, width, **dict(options))
    check_contract(memory, width)


@torch.no_grad()
def check_contract(memory: Memory, width: int) -> None:
    """Raises BrokenContract: the memory, what was found, and the mend. Left in evaluation mode."""
    like = next((w for w in memory.parameters() if w.is_floating_point()), torch.empty(0))
    x = torch.randn(BATCH, LENGTH, width, generator=torch.Generator().manual_seed(0)).to(like)
    positions = torch.arange(LENGTH).expand(BATCH, -1).to(like.device) // 2

    def read(form: Callable[..., Any], x: Tensor, cuts: tuple[int, ...] = ()) -> tuple[Tensor, State]:
        """Outputs and last state of a sequence read in pieces; the state of each is checked."""
        state, outputs, start = None, [], 0
        for piece in x.tensor_split(cuts, dim=1):
            where = (positions[: len(x), start : start + piece.shape[1]],) if memory.uses_oracle else ()
            before, handed = [part.clone() for part in tensors_of(state)], tensors_of(state)
            y, state = form(piece, state, *where)
            if not all(map(torch.equal, before, handed)):
                refuse(memory, "it changes the state handed in, which others may hold: return another")
            start += piece.shape[1]
            check_output(memory, y, piece)
            check_state(memory, state, start, len(x), x.dtype)
            outputs.append(y)
        return torch.cat(outputs, dim=1), state

    memory.eval()
    start = x[:, :STEPS]
    first, whole = read(memory, start), read(memory, x)
    draws, go_on = "draw nothing in evaluation, and keep nothing outside the state", "go on from the state handed in"
    check_same(memory, first, read(memory, start), "a second time", draws)
    other = torch.cat([start[:, :AHEAD], -start[:, AHEAD:]], dim=1)
    if not is_same(lambda part: part[:, :AHEAD], first[0], read(memory, other)[0][:, :AHEAD]):
        mend = "let an output depend on its own token and those before it alone"
        refuse(memory, f"it looks ahead: other tokens from {AHEAD} on change its outputs before them: {mend}")
    check_same(memory, whole, read(memory, x, CUTS), "in pieces", go_on)
    check_same(memory, first, read(memory, start, tuple(range(1, STEPS))), "in single steps", go_on)
    apart = "keep the sequences of a batch apart"
    check_same(memory, first, read(memory, start[1:2]), "alone", apart, lambda part: part[1:2])
    check_same(memory, first, read(memory, start.flip(0)), "elsewhere in a batch", apart, lambda part: part.flip(0))
    if defines_both(type(memory)):
        check_same(memory, first, read(memory.definition, start), "by its definition", "make it the same as forward")
    fullest, said = max(map(memory.state_floats, range(1, LENGTH + 1))), memory.fullest_floats(LENGTH)
    if said != fullest:
        mend = "leave fullest_floats and period as they are, or let them agree with state_floats"
        refuse(memory, f"its state is at most {fullest:,} numbers in {LENGTH} tokens, not {said:,}: {mend}")
    named, size = sum(part[:1].numel() for part in memory.contents(whole[1]).values()), num_floats(whole[1])
    if named != size:
        refuse(memory, f"contents name {named:,} of the {size:,} numbers of its state: name every tensor once")
    memory.train()
    one, two, drawn = (seeded_call(partial(read, memory), start, seed) for seed in (0, 0, 1))
    alone = read(memory, start[1:2])
    memory.eval()
    check_same(memory, one, two, "from the same seed in training", "draw from torch's generator alone")
    if all(map(partial(is_same, lambda part: part), parts_of(one), parts_of(drawn))):  # dropout depends on the batch
        check_same(memory, one, alone, "alone, in training,", apart, lambda part: part[1:2])


def check_output(memory: Memory, y: Tensor, x: Tensor) -> None:
    """Raises BrokenContract for outputs of another shape than the inputs, and for numbers that are not finite."""
    if not isinstance(y, Tensor) or y.shape != x.shape:
        found = list(y.shape) if isinstance(y, Tensor) else type(y).__name__
        refuse(memory, f"outputs are {found}, not {list(x.shape)} as the inputs")
    if not (finite := y.isfinite().all(-1).all(0)).all():
        refuse(memory, f"outputs are not finite numbers (nan or inf, first at token {int(finite.int().argmin())})")


def check_state(memory: Memory, state: State, length: int, batch: int, dtype: torch.dtype) -> None:
    """Raises BrokenContract for a state of other parts than tensors [batch, ...], or of another size than is said."""
    for part in parts_of(state):
        if isinstance(part, Tensor):
            if part.dim() < 1 or len(part) != batch:
                refuse(memory, f"its state holds a tensor {list(part.shape)}: keep the batch of {batch} first")
            if part.is_complex() or part.element_size() > max(4, dtype.itemsize):
                refuse(memory, f"its state holds {part.dtype}: keep real numbers of {dtype}, as they are counted")
        elif part is not None and not isinstance(part, int | float):
            refuse(memory, f"its state holds a {type(part).__name__}: keep tensors and plain numbers in a NamedTuple")
    if type(said := memory.state_floats(length)) is not int:
        refuse(memory, f"state_floats gives {said!r}: let it give an int, the numbers of one sequence")
    if (found := num_floats(state)) != said:
        tokens = f"{length:,} token{'s' * (length != 1)}"
        mend = "let state_floats count every tensor of the state"
        refuse(memory, f"its state holds {found:,} numbers after {tokens}, not {said:,} as state_floats says: {mend}")


def check_same(
    memory: Memory,
    one: tuple[Tensor, State],
    other: tuple[Tensor, State],
    how: str,
    mend: str,
    of_batch: Callable[[Tensor], Tensor] = lambda part: part,
) -> None:
    """Raises BrokenContract where outputs or states differ by more than rounding; `of_batch` selects those of `one`."""
    for what, mine, theirs in zip(("other outputs", "another state"), one, other, strict=True):
        expected, found = list(parts_of(mine)), list(parts_of(theirs))
        if len(expected) != len(found) or not all(map(partial(is_same, of_batch), expected, found)):
            refuse(memory, f"a sequence read {how} gives {what} than at once: {mend}")


def is_same(of_batch: Callable[[Tensor], Tensor], one: Any, other: Any) -> bool:
    """True for tensors that differ by rounding at most, and for equal numbers."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return bool(one == other)
    one = of_batch(one)
    limit = TOLERANCE.get(one.dtype, 0.0) * (float(one.abs().max()) if one.numel() else 0.0)
    return one.shape == other.shape and not bool(((one - other).abs() > limit).any())


def parts_of(state: State) -> Iterator[Any]:
    """Everything in nested tuples and lists, in order."""
    if isinstance(state, tuple | list):
        for part in state:
            yield from parts_of(part)
    else:
        yield state


def tensors_of(state: State) -> list[Tensor]:
    """The tensors of a state, in order."""
    return [part for part in parts_of(state) if isinstance(part, Tensor)]


def defines_both(kind: type[Memory]) -> bool:
    """True where `definition` is not `forward` and was written with it or for it: in its class or one below."""
    forward, definition = (
        next(i for i, c in enumerate(kind.__mro__) if name in vars(c)) for name in ("forward", "definition")
    )
    return definition <= forward and kind.definition is not kind.forward


def seeded_call(form: Callable[[Tensor], Any], x: Tensor, seed: int) -> Any:
    """What a form gives from a seed."""
    with seeded_draws(seed):
        return form(x)


def refuse(memory: Memory, why: str) -> None:
    raise BrokenContract(f"{type(memory).__name__}: {why}")
