"""The contract of a memory, tried on random inputs: before every run, by `recall check`, and in tests of all.

Outputs are finite and as large as the inputs, and rest on no later token. A state is tensors [B, ...] and plain numbers
in tuples, and holds as many numbers as `state_floats` says after every length, `fullest_floats` at most, all of them in
`contents`. The state handed in is left as it is. A sequence gives the same at once, in
pieces, in single steps, alone and anywhere in a batch. Nothing is drawn in evaluation, and in training from torch's
generator alone. Where a class defines `definition` together with `forward`, or below it, they agree. Precision and
device follow the weights, and every weight has a gradient.

Two ways to ask. `check_contract` tries what takes milliseconds (`FAST`) and raises the first fault. `examine` tries
all of `CHECKS`, one by one, and tells what each found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor

from .memory import Memory, State, num_floats
from .options import build_memory, memory_options
from .seeding import seeded_draws

BATCH, LENGTH, STEPS = 3, 131, 16
"""Sequences, their tokens, and the first of them that are read one by one too."""
CUTS = (1, 3, 10, 17, 64, 100)
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Largest difference by rounding, relative to the largest number."""


class BrokenContract(ValueError):
    """A memory that is not what `models.memory` says a memory is."""


class NotTried(Exception):
    """A check that does not concern this memory, or cannot be made of it."""


class Finding(NamedTuple):
    """The result of one check: `detail` says what was found, where it `failed` the mend, where it was skipped why."""

    check: str
    failed: bool
    detail: str
    skipped: bool = False


@lru_cache
def check_kind(kind: type[Memory], width: int, options: tuple[tuple[str, Any], ...]) -> None:
    """`check_contract` of a memory that is built for it, once for each class and its options."""
    with seeded_draws(0):
        memory = build_memory(kind, width, **dict(options))
    check_contract(memory, width)


def check_contract(memory: Memory, width: int) -> None:
    """Raises BrokenContract: the memory, what was found, and the mend. Left in evaluation mode."""
    trial = Trial(memory, width)
    for name in FAST:
        try:
            CHECKS[name](trial)
        except NotTried:
            continue


def examine(memory: Memory, width: int) -> Iterator[Finding]:
    """What each check finds, whatever the others do. Left in evaluation mode."""
    trial, known = Trial(memory, width, each=False), dict[str, str]()
    for name, check in CHECKS.items():
        memory.eval()  # which a check that failed in training left there
        try:
            yield Finding(name, False, check(trial))
        except NotTried as why:
            yield Finding(name, False, str(why), skipped=True)
        except Exception as error:
            found = str(error) if isinstance(error, BrokenContract) else f"it raises {type(error).__name__}: {error}"
            found = " ".join(found.removeprefix(f"{type(memory).__name__}: ").split())
            yield Finding(name, True, f"as where {known[found]}" if found in known else found)
            known.setdefault(found, name)


class Trial:
    """A memory under trial and the inputs x [3, 131, width] that it is tried on.

    each   whether every state that is seen is checked, and not in its own check alone
    """

    def __init__(self, memory: Memory, width: int, each: bool = True) -> None:
        self.memory, self.width, self.each = memory.eval(), width, each
        like = next((w for w in memory.parameters() if w.is_floating_point()), torch.empty(0))
        self.x = torch.randn(BATCH, LENGTH, width, generator=torch.Generator().manual_seed(0)).to(like)
        written = torch.arange(LENGTH).expand(BATCH, -1).to(like.device) // 2
        self.positions = torch.where(torch.arange(LENGTH).to(like.device) % 3 == 2, -1, written)

    @property
    def start(self) -> Tensor:
        return self.x[:, :STEPS]

    @cached_property
    def first(self) -> tuple[Tensor, State]:
        """Outputs and state of the first tokens, read at once."""
        return self.read(self.memory, self.start)

    @cached_property
    def whole(self) -> tuple[Tensor, State]:
        """Outputs and state of all tokens, read at once."""
        return self.read(self.memory, self.x)

    @torch.no_grad()
    def read(self, form: Callable[..., Any], x: Tensor, cuts: tuple[int, ...] = ()) -> tuple[Tensor, State]:
        """Outputs and last state of a sequence read in pieces."""
        state, outputs, start = None, [], 0
        for piece in x.tensor_split(cuts, dim=1):
            before = [part.clone() for part in tensors_of(state)] if self.each else []
            handed = tensors_of(state) if self.each else []
            y, state = self.call(form, piece, state, start)
            if not all(map(torch.equal, before, handed)):
                refuse(self.memory, "it changes the state handed in, which others may hold: return another")
            start += piece.shape[1]
            check_output(self.memory, y, piece)
            if self.each:
                check_state(self.memory, state, start, len(x), x.dtype)
            outputs.append(y)
        return torch.cat(outputs, dim=1), state

    def call(self, form: Callable[..., Any], x: Tensor, state: State = None, start: int = 0) -> tuple[Tensor, State]:
        """One call of a form, with positions of answers where the memory takes them."""
        where = self.positions[:1, start : start + x.shape[1]].expand(len(x), -1)
        y, state = form(x, state, *((where.to(x.device),) if self.memory.uses_oracle else ()))
        return y, state

    def compare(
        self, how: str, mend: str, other: tuple[Tensor, State], one: tuple[Tensor, State] | None = None
    ) -> None:
        """Raises BrokenContract where this reading is another than that at once, of as many tokens."""
        at_once = self.first if other[0].shape[1] == STEPS else self.whole
        check_same(self.memory, at_once, other, how, mend)


GO_ON = "go on from the state handed in"
DRAWS = "draw nothing in evaluation, and keep nothing outside the state"
APART = "keep the sequences of a batch apart"


def check_outputs(trial: Trial) -> str:
    """Finite outputs [B, T, D], and a state of tensors [B, ...] and numbers, of single or lower precision."""
    check_parts(trial.memory, trial.first[1], BATCH, trial.x.dtype)
    y, state = trial.whole
    check_parts(trial.memory, state, BATCH, y.dtype)
    return f"{BATCH} x {LENGTH} x {trial.width}, finite"


def check_causal(trial: Trial) -> str:
    """Outputs before each token that are the same whatever it and those after it are."""
    T = LENGTH
    later = torch.arange(T).expand(T, -1) >= torch.arange(T)[:, None]  # [cut, token]
    one, other = (trial.x[row : row + 1].expand(T, -1, -1) for row in (0, 1))
    changed = torch.where(later[..., None].to(one.device), other, one)
    with torch.no_grad():
        expected, found = trial.call(trial.memory, one[:1])[0], trial.call(trial.memory, changed)[0]
        limit = TOLERANCE.get(one.dtype, 0.0) * float(expected.abs().max())
        suspects = ((found - expected).abs().amax(-1) > limit) & ~later.to(one.device)
        for cut in suspects.any(1).nonzero().flatten().tolist():
            y = trial.call(trial.memory, changed[cut : cut + 1])[0]  # alone: a batch that is mixed is another fault
            off = (y - expected)[0, :cut].abs().amax(-1)
            if float(off.max()) > limit:
                token = int((off > limit).int().argmax())
                why = f"other tokens from {cut} on change the output at token {token} by {float(off[token]):.1e}"
                refuse(trial.memory, f"it looks ahead: {why}: let no output use what comes after it")
    return f"{T} tokens"


def check_repeats(trial: Trial) -> str:
    """The same numbers a second time."""
    trial.compare("a second time", DRAWS, trial.read(trial.memory, trial.start))
    return ""


def check_pieces(trial: Trial) -> str:
    """The same outputs and state in pieces."""
    only_with_state(trial)
    if not trial.each:
        trial.compare("in two pieces", go_on(trial.memory), trial.read(trial.memory, trial.x, (LENGTH // 2,)))
    trial.compare("in pieces", go_on(trial.memory), trial.read(trial.memory, trial.x, CUTS))
    return f"2 and {len(CUTS) + 1} pieces"


def check_steps(trial: Trial) -> str:
    """The same outputs and state in single steps."""
    only_with_state(trial)
    x = trial.start if trial.each else trial.x
    trial.compare("in single steps", go_on(trial.memory), trial.read(trial.memory, x, tuple(range(1, x.shape[1]))))
    return f"{x.shape[1]} steps"


def check_alone(trial: Trial) -> str:
    """The same outputs and state for a sequence alone, and elsewhere in the batch."""
    memory, x = trial.memory, trial.start
    for how, there in (("alone", slice(1, 2)), ("elsewhere in a batch", torch.tensor([2, 1, 0]))):
        of_batch = lambda part, there=there: part[there]  # noqa: E731
        check_same(memory, trial.first, trial.read(memory, x[there]), how, APART, of_batch)
    return ""


def go_on(memory: Memory) -> str:
    """The mend of a memory that does not continue."""
    adapted = "one_by_one" in memory_options(type(memory))
    return GO_ON + (", or set one_by_one=true: single steps after the first piece" if adapted else "")


def check_handed(trial: Trial) -> str:
    """A state that is left as it was when it is handed on."""
    only_with_state(trial)
    state = trial.first[1]
    before = [part.clone() for part in tensors_of(state)]
    with torch.no_grad():
        trial.call(trial.memory, trial.x[:, STEPS:], state, STEPS)
    if not all(map(torch.equal, before, tensors_of(state))):
        refuse(trial.memory, "it changes the state handed in, which others may hold: return another")
    return ""


def check_size(trial: Trial) -> str:
    """As many numbers in the state as `state_floats` says, and `fullest_floats` at most."""
    memory, lengths = trial.memory, (1, 2, 3, STEPS, STEPS + 1, 64, LENGTH)
    for length in () if trial.each else lengths:
        with torch.no_grad():
            state = trial.call(memory, trial.x[:, :length])[1]
        check_state(memory, state, length, BATCH, trial.x.dtype)
    sizes = [memory.state_floats(length) for length in range(1, LENGTH + 1)]
    fullest, said = max(sizes), memory.fullest_floats(LENGTH)
    if said != fullest:
        mend = "leave fullest_floats and period as they are, or let them agree with state_floats"
        refuse(memory, f"its state is at most {fullest:,} numbers in {LENGTH} tokens, not {said:,}: {mend}")
    if min(sizes) == fullest:
        return f"{fullest:,} numbers at any length"
    return f"{sizes[0]:,} numbers after 1 token, {sizes[-1]:,} after {LENGTH}, at most {fullest:,}"


def check_contents(trial: Trial) -> str:
    """Contents that name every tensor of the state once."""
    only_with_state(trial)
    memory, (_, state) = trial.memory, trial.whole
    contents = memory.contents(state)
    named, size = sum(part[:1].numel() for part in contents.values()), num_floats(state)
    if named != size:
        refuse(memory, f"contents name {named:,} of the {size:,} numbers of its state: name every tensor once")
    return ", ".join(contents)


def check_training(trial: Trial) -> str:
    """The same numbers from the same seed in training and, where nothing is drawn, for a sequence alone."""
    read = partial(trial.read, trial.memory)
    trial.memory.train()
    one, two, drawn = (seeded_call(read, trial.start, seed) for seed in (0, 0, 1))
    alone = read(trial.start[1:2])
    trial.memory.eval()
    check_same(trial.memory, one, two, "from the same seed in training", "draw from torch's generator alone")
    if all(difference(lambda part: part, *parts) is None for parts in zip(parts_of(one), parts_of(drawn), strict=True)):
        check_same(trial.memory, one, alone, "alone, in training,", APART, lambda part: part[1:2])
    return ""


def check_definition(trial: Trial) -> str:
    """The same outputs and state by `definition`."""
    if not defines_both(type(trial.memory)):
        raise NotTried("it has no definition beside forward")
    trial.compare("by its definition", "make it the same as forward", trial.read(trial.memory.definition, trial.start))
    return f"{STEPS} tokens"


def check_gradients(trial: Trial) -> str:
    """A gradient of the outputs for every weight."""
    memory = trial.memory
    weights = {name: weight for name, weight in memory.named_parameters() if weight.requires_grad}
    if not weights:
        raise NotTried("it has no weights")
    y = trial.call(memory, trial.x)[0]
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)
    found = torch.autograd.grad((y * noise).sum(), list(weights.values()), allow_unused=True)
    for name, gradient in zip(weights, found, strict=True):
        if gradient is None or not gradient.abs().sum() > 0:
            how = "none" if gradient is None else "nothing but zeros" if gradient.isfinite().all() else "no finite one"
            count = weights[name].numel()
            refuse(memory, f"the gradient of {name} is {how} ({count:,} numbers): use it, or leave it out")
    return f"{len(weights)} tensors, {sum(w.numel() for w in weights.values()):,} weights"


def check_double(trial: Trial) -> str:
    """Outputs in double precision where the weights are, equal to those in single precision but for rounding."""
    y = elsewhere(trial, torch.float64)
    limit, off = TOLERANCE[torch.float32] * float(y.abs().max()), float((y - trial.whole[0].double()).abs().max())
    if off > limit:
        refuse(trial.memory, f"in float64 its outputs are others by {off:.1e}: compute in the precision of the weights")
    return f"differs by {off:.0e} from float32"


def check_half(trial: Trial) -> str:
    """Finite outputs in bfloat16 where the weights are."""
    elsewhere(trial, torch.bfloat16)
    return ""


def check_device(trial: Trial) -> str:
    """Outputs on the device of the weights, tried on one without numbers."""
    memory, x = deepcopy(trial.memory).to("meta"), trial.x.to("meta")
    try:
        with torch.no_grad():
            y, _ = trial.call(memory, x)
    except Exception as error:  # a memory may look at numbers, which there are none of
        if isinstance(error, RuntimeError) and "device" in str(error) and not isinstance(error, NotImplementedError):
            why = str(error).splitlines()[0]
            refuse(trial.memory, f"it does not follow the device of its weights ({why}): make tensors on that of x")
        raise NotTried(f"it looks at numbers ({type(error).__name__})") from None
    if y.device.type != "meta":
        mend = "make tensors on the device of x"
        refuse(trial.memory, f"its outputs are on {y.device}, not where the weights are: {mend}")
    return "meta"


def elsewhere(trial: Trial, dtype: torch.dtype) -> Tensor:
    """Outputs in this precision. Raises BrokenContract where they, or the state, do not follow."""
    memory, x = deepcopy(trial.memory).to(dtype), trial.x.to(dtype)
    mend = f"make tensors with the dtype of x, and compute in it: memory.to({dtype}) is how models are moved"
    try:
        with torch.no_grad():
            y, state = trial.call(memory, x)
    except RuntimeError as error:
        refuse(trial.memory, f"it fails in {dtype} ({' '.join(str(error).split())}): {mend}")
    if y.dtype != dtype:
        refuse(trial.memory, f"in {dtype} its outputs are {y.dtype}: {mend}")
    check_output(memory, y, x)
    check_parts(memory, state, BATCH, dtype)
    return y


CHECKS: dict[str, Callable[[Trial], str]] = {
    "outputs are finite and as large as the inputs": check_outputs,
    "no output looks ahead": check_causal,
    "a second time gives the same": check_repeats,
    "pieces give the same": check_pieces,
    "single steps give the same": check_steps,
    "sequences of a batch are apart": check_alone,
    "by its definition the same": check_definition,
    "the state handed in is left alone": check_handed,
    "the state is as large as is said": check_size,
    "contents name the whole state": check_contents,
    "training draws from the seed alone": check_training,
    "every weight has a gradient": check_gradients,
    "float64 is followed": check_double,
    "bfloat16 is followed": check_half,
    "the device is followed": check_device,
}
FAST = tuple(
    name for name, check in CHECKS.items()
    if check not in (check_causal, check_handed, check_gradients, check_double, check_half, check_device)
)  # fmt: skip
"""Milliseconds: tried before every training, where looking ahead and others' states are seen on the way."""


def only_with_state(trial: Trial) -> None:
    if trial.memory.reads_whole:
        raise NotTried("it reads whole sequences only (x -> y)")


def check_output(memory: Memory, y: Tensor, x: Tensor) -> None:
    """Raises BrokenContract for outputs of another shape than the inputs, and for numbers that are not finite."""
    if not isinstance(y, Tensor) or y.shape != x.shape:
        found = list(y.shape) if isinstance(y, Tensor) else type(y).__name__
        refuse(memory, f"outputs are {found}, not {list(x.shape)} as the inputs")
    if not (finite := y.isfinite().all(-1).all(0)).all():
        refuse(memory, f"outputs are not finite numbers (nan or inf, first at token {int(finite.int().argmin())})")


def check_state(memory: Memory, state: State, length: int, batch: int, dtype: torch.dtype) -> None:
    """Raises BrokenContract for a state of other parts than tensors [batch, ...], or of another size than is said."""
    check_parts(memory, state, batch, dtype)
    if type(said := memory.state_floats(length)) is not int:
        refuse(memory, f"state_floats gives {said!r}: let it give an int, the numbers of one sequence")
    if (found := num_floats(state)) != said:
        tokens = f"{length:,} token{'s' * (length != 1)}"
        mend = "let state_floats count every tensor of the state"
        refuse(memory, f"its state holds {found:,} numbers after {tokens}, not {said:,} as state_floats says: {mend}")


def check_parts(memory: Memory, state: State, batch: int, dtype: torch.dtype) -> None:
    """Raises BrokenContract for a state of other parts than tensors [batch, ...] and numbers."""
    for part in parts_of(state):
        if isinstance(part, Tensor):
            if part.dim() < 1 or len(part) != batch:
                refuse(memory, f"its state holds a tensor {list(part.shape)}: keep the batch of {batch} first")
            if part.is_complex() or part.element_size() > dtype.itemsize:
                refuse(memory, f"its state holds {part.dtype}: keep real numbers of {dtype}, as they are counted")
        elif part is not None and not isinstance(part, int | float):
            refuse(memory, f"its state holds a {type(part).__name__}: keep tensors and plain numbers in a NamedTuple")


@torch.no_grad()
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
        if len(expected) != len(found):
            found_ = f"{len(found)} parts, not {len(expected)}"
            refuse(memory, f"a sequence read {how} gives {what} than at once ({found_}): {mend}")
        for a, b in zip(expected, found, strict=True):
            if (off := difference(of_batch, a, b)) is not None:
                refuse(memory, f"a sequence read {how} gives {what} than at once ({off}): {mend}")


@torch.no_grad()
def difference(of_batch: Callable[[Tensor], Tensor], one: Any, other: Any) -> str | None:
    """How a part differs by more than rounding; None where it does not."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return None if one == other else f"{other!r}, not {one!r}"
    one = of_batch(one)
    if one.shape != other.shape:
        return f"{list(other.shape)}, not {list(one.shape)}"
    largest = float(one.abs().max()) if one.numel() else 0.0
    off = (one - other).abs()
    if not (off > TOLERANCE.get(one.dtype, 0.0) * largest).any():
        return None
    return f"off by {float(off.max()):.1e}, where the largest is {largest:.1e}"


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


def refuse(memory: Memory, why: str) -> NoReturn:
    raise BrokenContract(f"{type(memory).__name__}: {why}")
