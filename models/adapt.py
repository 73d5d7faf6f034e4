"""Anybody's module as a memory, by what its `forward` takes and gives.

    (x, state) -> (y, state)     layers of torch.nn and torchrecurrent, and their cells, which read one token
    a cache that it writes       `past_key_values`, `cache_params`, `cache` of transformers and fla
    x -> y                       whole sequences only: no state, so no probe and no pieces
    models.Memory                as it is

    adapt(nn.LSTM, num_layers=2)          a class of memories, for `build` and `compare`
    adapt(nn.LSTM(32, 32))                a memory around this very module, for `probe_memory`

A constructor gets the model's width where it takes one (WIDTHS), then its own options. What a module carries is taken
apart into tensors with the batch first, wherever it stands in the module's own, and plain numbers; how many numbers
there are is counted in what the module itself carries at that length.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, ClassVar, NamedTuple, get_overloads, get_type_hints

import torch
from torch import Tensor, nn

from .memory import Memory, State, num_floats
from .seeding import seeded_draws

WIDTHS = (
    "width", "input_size", "hidden_size", "d_model", "dim", "embed_dim", "model_dim", "dim_model", "n_embd",
    "hidden_dim", "embedding_dim", "emb_dim", "d_hidden", "input_dim", "output_size", "output_dim", "in_features",
    "out_features", "in_channels", "out_channels", "dim_in", "dim_out", "d_in", "d_out", "num_features", "size",
)  # fmt: skip
"""Parameters that take the width: all of them that a constructor requires, else the first here that it has."""
SETTINGS = {"batch_first": True, "causal": True, "is_causal": True, "layer_idx": 0, "num_hidden_layers": 1}
"""Options that a memory wants otherwise than libraries do."""
CACHES = ("past_key_values", "past_key_value", "cache_params", "layer_past", "cache")
STATES = ("h", "hx", "h0", "h_0", "hidden", "hidden_state", "state", "states", "prev_state")
PLACES = ("device", "dtype")
LENGTHS = (1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 64, 65)
"""A state of one size after all of these is taken to have it at any length; others are counted at each."""
ONE_BY_ONE = "one_by_one"
NAMED: Any = namedtuple  # of fields that are found out

Read = Callable[[nn.Module, Tensor, Any], tuple[Tensor, Any]]
"""x [B, T, D] and what the module carried before, or None -> y [B, T, D] and what it carries now."""


class Inputs(NamedTuple):
    """x [B, T, D]: all that a module without a state could go on from, and no more than it is counted as."""

    x: Tensor


class Slot(NamedTuple):
    """The place of a tensor or a number in what a module carries."""

    path: str


@dataclass(frozen=True)
class Node:
    """A container in what a module carries, without the tensors and numbers in it."""

    kind: type
    parts: dict[Any, Any]


class Form(NamedTuple):
    """How a module is read. `words` say what its forward takes and gives."""

    words: str
    read: Read
    whole: bool = False


@dataclass
class Knowledge:
    """What was found out about one class at one width: its form, where the batch stands, and sizes by length."""

    form: Form | None = None
    dims: dict[str, tuple[int, int]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    layouts: list[tuple[Any, type]] = field(default_factory=list)


class ModuleMemory(Memory):
    """A memory that another module is."""

    source: ClassVar[type[nn.Module]]
    given: ClassVar[Mapping[str, Any]] = {}
    found: ClassVar[dict[Any, Knowledge]]

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__()
        kind = type(self)
        options = {**kind.given, **options}
        self.knowledge = kind.found.setdefault((width, repr(sorted(options.items()))), Knowledge())
        self.one_by_one = bool(options.pop(ONE_BY_ONE, False)) if adds_one_by_one(kind.source) else False
        self.width, self.module = width, construct(kind.source, width, options)
        if all(weight.device.type != "meta" for weight in self.parameters()):
            _ = self.form  # what cannot be read is refused before anything else is done

    @property
    def form(self) -> Form:
        """How the module is read, tried out once. Raises ValueError for a module that is none of the four."""
        if self.knowledge.form is None:
            with in_evaluation(self.module) as like:
                x = torch.randn(3, 2, self.width).to(like)
                form, shapes = find_form(self.module, x), []
                for count in (2, 3):
                    leaves = dict[str, Any]()
                    flatten_structure(form.read(self.module, x[:count], None)[1], leaves)
                    shapes.append({path: leaf.shape for path, leaf in leaves.items() if isinstance(leaf, Tensor)})
            self.knowledge.dims = {p: batch_place(shape, shapes[1].get(p, shape)) for p, shape in shapes[0].items()}
            self.knowledge.form = form
        return self.knowledge.form

    @property
    def reads_whole(self) -> bool:
        return self.form.whole

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The module's own outputs. Raises ValueError for a state handed to a module that has none."""
        form = self.form
        if form.whole:
            if state is not None:
                raise ValueError(f"{self.title} reads whole sequences only (x -> y): it has no state to go on from")
            return form.read(self.module, x, None)[0], Inputs(x)
        if state is None or not self.one_by_one:
            y, carried = form.read(self.module, x, None if state is None else self.restore(state))
        else:
            carried, outputs = self.restore(state), []
            for token in x.split(1, dim=1):  # type: ignore[no-untyped-call]
                y, carried = form.read(self.module, token, carried)
                outputs.append(y)
            y = torch.cat(outputs, dim=1)
        return y, self.pack(carried, x)

    definition = forward

    @property
    def title(self) -> str:
        return type(self.module).__name__

    def pack(self, carried: Any, x: Tensor) -> State:
        """What the module carries after x as a NamedTuple of tensors [B, ...], no wider than x, and numbers."""
        leaves = dict[str, Any]()
        structure = flatten_structure(carried, leaves)
        parts = {path: self.batch_first(path, leaf, x) for path, leaf in leaves.items()}
        kind: Any = next((kind for known, kind in self.knowledge.layouts if known == structure), None)
        if kind is None:
            kind = NAMED(f"{self.title}State", list(map(field_name, parts)), rename=True)
            self.knowledge.layouts.append((structure, kind))
        return kind(*parts.values())

    def batch_first(self, path: str, leaf: Any, x: Tensor) -> Any:
        """A tensor with the batch first; one that all sequences share becomes a number, or each has it."""
        if not isinstance(leaf, Tensor):
            return leaf
        dim, times = self.knowledge.dims.get(path, (0, 1))
        if dim < 0 and leaf.numel() == 1:
            return leaf.item()
        if leaf.is_floating_point() and leaf.element_size() > x.element_size():
            leaf = leaf.to(x.dtype)
        if dim < 0:
            return leaf.expand(len(x), *leaf.shape)
        return (leaf if times == 1 else torch.unflatten(leaf, dim, (len(x), times))).movedim(dim, 0)

    def restore(self, state: State) -> Any:
        """The inverse of `pack`, in copies: modules write into what they are handed."""
        structure = next(known for known, kind in self.knowledge.layouts if kind is type(state))
        paths, leaves = list(slots(structure)), dict[str, Any]()
        for path, part in zip(paths, state, strict=True):
            if isinstance(part, Tensor):
                dim, times = self.knowledge.dims.get(path, (0, 1))
                part = part[0] if dim < 0 else part.movedim(0, dim)
                part = part.flatten(dim, dim + 1) if times > 1 else part
                part = part.clone(memory_format=torch.contiguous_format)
            elif path in self.knowledge.dims:
                part = torch.tensor(part)
            leaves[path] = part
        return rebuild_structure(structure, leaves)

    def size(self, length: int) -> int:
        """Numbers that the module itself carries after so many tokens."""
        if length not in self.knowledge.sizes:
            with in_evaluation(self.module) as like:
                state = self.forward(torch.zeros(1, length, self.width).to(like))[1]
            self.knowledge.sizes[length] = num_floats(state)
        return self.knowledge.sizes[length]

    def state_floats(self, length: int) -> int:
        if self.form.whole:
            return self.width * length
        sizes = {self.size(few) for few in LENGTHS}
        return sizes.pop() if len(sizes) == 1 else self.size(length)

    def fullest_floats(self, length: int) -> int:
        sizes = [] if self.form.whole else [self.size(few) for few in LENGTHS]
        return self.state_floats(length) if sizes == sorted(sizes) else super().fullest_floats(length)

    def contents(self, state: State) -> dict[str, Tensor]:
        """Every tensor that the module carries. Raises ValueError where it carries none."""
        if self.form.whole:
            raise ValueError(
                f"{self.title} reads whole sequences only (x -> y), so there is no state to probe: "
                "give its forward a state or a cache, or wrap it in a class of a file that does"
            )
        return {name: part for name, part in state._asdict().items() if isinstance(part, Tensor)}


def adapt(module: type[nn.Module] | nn.Module, **options: Any) -> Any:
    """A class of memories of a class of modules, with these options for defaults; a memory of a module.

    one_by_one   True: go on from a state one token at a time, for modules that take no more
    width        of a module that does not say it

    A memory stays what it is. Raises ValueError for what is no module.
    """
    if isinstance(module, nn.Module):
        return module if isinstance(module, Memory) else around(module, **options)
    if not (isinstance(module, type) and issubclass(module, nn.Module)):
        raise ValueError(f"{module!r} is no torch.nn.Module, and no class of them")
    if issubclass(module, Memory):
        if options:
            raise ValueError(f"{module.__name__} is a memory: give its options where it is named")
        return module
    return memory_class(module, tuple(sorted(options.items())))  # type: ignore[arg-type]  # a class has a hash


@lru_cache
def memory_class(source: type[nn.Module], given: tuple[tuple[str, Any], ...]) -> type[ModuleMemory]:
    names = {"source": source, "given": dict(given), "found": {}, "__module__": source.__module__}
    kind = type(source.__name__, (ModuleMemory,), names | {"__doc__": source.__doc__ or source.__name__})
    width = inspect.Parameter("width", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    keywords = [p.replace(default=dict(given).get(p.name, p.default)) for p in option_parameters(source)]
    kind.__signature__ = inspect.Signature([width, *keywords])  # type: ignore[attr-defined]
    return kind


def around(module: nn.Module, width: int = 0, one_by_one: bool = False) -> ModuleMemory:
    """A memory of a module that was built. Raises ValueError where its width cannot be told."""
    named = (getattr(module, name, None) for name in WIDTHS)
    if not (width := width or next((size for size in named if type(size) is int), 0)):
        raise ValueError(f"{type(module).__name__} does not say its width: adapt(module, width=...)")
    memory = ModuleMemory.__new__(memory_class(type(module), ()))  # type: ignore[arg-type]  # as above
    nn.Module.__init__(memory)
    memory.knowledge, memory.one_by_one = Knowledge(), one_by_one
    memory.width, memory.module = width, module
    return memory


def constructor_parameters(kind: type[nn.Module], inherited: bool = True) -> list[inspect.Parameter]:
    """Parameters of a constructor, where it has overloads those of the first; and of those that its keywords go to."""
    found = dict[str, inspect.Parameter]()
    for one in kind.__mro__:
        if inspect.isfunction(init := vars(one).get("__init__")) and one is not nn.Module:
            overloads = get_overloads(init)
            signature = inspect.signature(overloads[0] if overloads else init)
            found = {p.name: p for p in list(signature.parameters.values())[1:]} | found
            if not inherited or all(p.kind is not p.VAR_KEYWORD for p in signature.parameters.values()):
                break
    return list(found.values())


def config_of(kind: type[nn.Module]) -> type | None:
    """The class of a `config` that a constructor requires, by its annotation."""
    try:
        config = get_type_hints(kind.__init__).get("config")
    except Exception:  # names that only a type checker can import
        return None
    return config if isinstance(config, type) else None


def option_parameters(kind: type[nn.Module]) -> list[inspect.Parameter]:
    """What a constructor takes beside the width, as keywords with plain defaults: None is the module's own."""
    own, config = constructor_parameters(kind), config_of(kind)
    of_config = list(inspect.signature(config).parameters.values()) if config else []
    taken = {*PLACES, *width_names(own), *width_names(of_config), *({"config"} if config else ())}
    options = dict[str, inspect.Parameter]()
    for p in (*own, *of_config):
        if p.kind is p.VAR_POSITIONAL or p.name in taken:
            continue
        default = SETTINGS.get(p.name, p.default)
        plain = default if type(default) in (bool, int, float, str) else None
        kept = p.VAR_KEYWORD if p.kind is p.VAR_KEYWORD else p.KEYWORD_ONLY
        options[p.name] = inspect.Parameter(p.name, kept, default=p.empty if kept is p.VAR_KEYWORD else plain)
    if adds_one_by_one(kind):
        options[ONE_BY_ONE] = inspect.Parameter(ONE_BY_ONE, inspect.Parameter.KEYWORD_ONLY, default=False)
    return sorted(options.values(), key=lambda p: p.kind is p.VAR_KEYWORD)


def adds_one_by_one(kind: type[nn.Module]) -> bool:
    """True where `one_by_one` is an option of the adapter, not of the module."""
    return all(p.name != ONE_BY_ONE for p in constructor_parameters(kind))


def width_names(parameters: list[inspect.Parameter]) -> list[str]:
    """The parameters that take the model's width; none where no name tells."""
    required = [p.name for p in parameters if p.default is p.empty and p.kind in (0, 1, 3)]
    named = [p.name for p in parameters if p.name in WIDTHS]
    if found := [name for name in named if name in required]:
        return found
    if len(required) == 1 and required[0] not in SETTINGS and required[0] != "config":
        return required
    return sorted(named, key=WIDTHS.index)[:1]


def construct(kind: type[nn.Module], width: int, options: Mapping[str, Any]) -> nn.Module:
    """A module of this width. Raises ValueError that names what else its constructor needs, or why it refused."""
    own, config = constructor_parameters(kind), config_of(kind)
    names, known = width_names(own), {p.name for p in own}
    fixed = {p.name: SETTINGS[p.name] for p in constructor_parameters(kind, False) if p.name in SETTINGS}
    arguments = dict.fromkeys(names, width) | fixed | {name: v for name, v in options.items() if name in known}
    rest = {name: value for name, value in options.items() if name not in known}
    if config is not None and "config" in known:
        theirs = inspect.signature(config).parameters
        fixed = {name: value for name, value in SETTINGS.items() if name in theirs}
        of_width = dict.fromkeys(width_names(list(theirs.values())), width)
        arguments["config"] = attempt(config, width, of_width | fixed | rest)
        names, rest = [*names, *of_width], {}
    needed = [p.name for p in own if p.default is p.empty and p.kind in (0, 1, 3) and p.name not in arguments]
    if needed:
        what, each = " and ".join(needed), ", ".join(f"{name}=..." for name in needed)
        mend = f"give it in parentheses, {kind.__name__}({each}), or wrap it in a class of a file that takes a width"
        raise ValueError(f"{kind.__name__} needs {what} beside a width: {mend}")
    if not names:
        raise ValueError(
            f"{kind.__name__} takes no width by a known name ({', '.join(WIDTHS[:6])}, ...): wrap it in a class of a "
            "file whose constructor takes it"
        )
    module: nn.Module = attempt(kind, width, arguments | rest)
    return module


def attempt(kind: type, width: int, arguments: Mapping[str, Any]) -> Any:
    """What a constructor makes. Raises ValueError, in one line, for what it raises; RuntimeError as it is."""
    try:
        return kind(**arguments)
    except (RuntimeError, MemoryError):
        raise
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{kind.__name__} cannot be built at width {width}: {why}") from error


@contextmanager
def in_evaluation(module: nn.Module) -> Iterator[Tensor]:
    """Evaluation without gradients, after which training and torch's generators go on as before; yields a weight."""
    training = {part: part.training for part in module.modules()}
    with seeded_draws(0), torch.no_grad():
        module.eval()
        yield next((w for w in module.parameters() if w.is_floating_point()), torch.empty(0))
        for part, was in training.items():
            part.training = was


def find_form(module: nn.Module, x: Tensor) -> Form:
    """How x [B, T, D] is read, by the names of forward's parameters and what it gives.

    Raises ValueError for a module that does not take x alone.
    """
    parameters = list(inspect.signature(module.forward).parameters.values())
    for p in parameters:
        if p.name in CACHES and (p.name != "cache" or p.annotation is p.empty or "Cache" in str(p.annotation)):
            more = {q.name: True for q in parameters if q.name == "use_cache"}
            return Form(f"a cache ({p.name})", partial(read_cached, name=p.name, more=more))
    second = parameters[1] if len(parameters) > 1 and "mask" not in parameters[1].name else None
    name = second.name if second is not None and second.kind in (0, 1) else ""
    start = {name: None} if name and second is not None and second.default is second.empty else {}
    try:
        found = module(x, **start)
        takes_tokens = isinstance(found, Tensor) and name in STATES
    except Exception as error:
        try:
            found, takes_tokens = module(x[:, 0], **start), True
        except Exception:
            why = " ".join(str(error).split())
            mend = "wrap it in a class of a file whose forward does"
            name = type(module).__name__
            raise ValueError(f"{name} does not read x [batch, time, width] alone ({why}): {mend}") from None
    if isinstance(found, tuple) and len(found) > 1 and name and not takes_tokens:
        layer = partial(read_layer, name=name, start=start)
        try:
            layer(module, x[:, :1], layer(module, x, None)[1])
            return Form("(x, state) -> (y, state)", layer)
        except Exception:  # a state of every token, from a cell that takes whatever stands before the width
            takes_tokens = True
    if takes_tokens and name:
        own = has_own_output(module, x, name, start)
        return Form("a cell, (x, state) -> state", partial(read_cell, name=name, start=start, apart=own))
    return Form("x -> y, whole sequences only", read_plain, whole=True)


def has_own_output(module: nn.Module, x: Tensor, name: str, start: Mapping[str, Any]) -> bool:
    """True for a cell whose output is no part of its state: it gives both, and does not take both back."""
    found = module(x[:, 0], **start)
    if not isinstance(found, tuple):
        return False
    try:
        module(x[:, 0], **{name: found})
    except Exception:
        return True
    return False


def read_layer(module: nn.Module, x: Tensor, carried: Any, name: str, start: Mapping[str, Any]) -> tuple[Tensor, Any]:
    """A layer that takes and gives its state; with the time first where the module says so."""
    time_first = getattr(module, "batch_first", True) is False
    x = x.transpose(0, 1) if time_first else x
    y, *rest = module(x, **(start if carried is None else {name: carried}))
    return y.transpose(0, 1) if time_first else y, rest[0] if len(rest) == 1 else tuple(rest)


def read_cell(
    module: nn.Module, x: Tensor, carried: Any, name: str, start: Mapping[str, Any], apart: bool
) -> tuple[Tensor, Any]:
    """A cell, one token after the other. Its output is its state, or the first part of it, unless they are apart."""
    outputs = []
    for token in x.unbind(1):
        found = module(token, **(start if carried is None else {name: carried}))
        y, carried = found if apart else (found[0] if isinstance(found, tuple) else found, found)
        outputs.append(y)
    return torch.stack(outputs, dim=1), carried


def read_cached(module: nn.Module, x: Tensor, carried: Any, name: str, more: Mapping[str, Any]) -> tuple[Tensor, Any]:
    """A module that writes into a cache, or gives it beside its output."""
    cache = fresh_cache(module) if carried is None else carried
    found = module(x, **{name: cache}, **more)
    y, *rest = found if isinstance(found, tuple) else (found,)
    cache = next((part for part in rest if part is not None and not isinstance(part, Tensor)), cache)
    if cache is None:
        raise ValueError(
            f"{type(module).__name__} takes {name} and gives none back: wrap it in a class that returns it"
        )
    return y, cache


def read_plain(module: nn.Module, x: Tensor, carried: Any) -> tuple[Tensor, Any]:
    found = module(x)
    return found[0] if isinstance(found, tuple) else found, None


def fresh_cache(module: nn.Module) -> Any:
    """An empty cache of the module's library; None for a module of no known one, which makes it itself."""
    packages = {kind.__module__.partition(".")[0] for kind in type(module).__mro__}
    if "fla" in packages:
        from fla.models.utils import Cache  # installed where its layers are

        return Cache()
    if "transformers" in packages:
        from transformers import DynamicCache  # as above

        return DynamicCache(config=getattr(module, "config", None))
    return None


def batch_place(two: torch.Size, three: torch.Size) -> tuple[int, int]:
    """Where the batch stands in a tensor (-1: nowhere), from two and three sequences, and each one's entries there."""
    differ = [dim for dim, (a, b) in enumerate(zip(two, three, strict=True)) if a != b]
    return (differ[0], three[differ[0]] - two[differ[0]]) if differ else (-1, 1)


def flatten_structure(part: Any, leaves: dict[str, Any], path: str = "") -> Any:
    """What is left of a structure whose tensors and numbers are put into `leaves` by their paths."""
    if isinstance(part, Tensor) or type(part) in (int, float):
        leaves[path] = part
        return Slot(path)
    items: Mapping[Any, Any]
    if isinstance(part, Mapping) and type(part) is dict:
        items = part
    elif isinstance(part, tuple | list):
        items = dict(enumerate(part))
    elif hasattr(part, "__dict__") and not isinstance(part, type | nn.Module) and not callable(part):
        items = vars(part)
    else:
        return part
    return Node(
        type(part),
        {key: flatten_structure(one, leaves, f"{path}.{key}" if path else str(key)) for key, one in items.items()},
    )


def rebuild_structure(part: Any, leaves: Mapping[str, Any]) -> Any:
    """The structure that `flatten_structure` took apart."""
    if isinstance(part, Slot):
        return leaves[part.path]
    if not isinstance(part, Node):
        return part
    items = {key: rebuild_structure(one, leaves) for key, one in part.parts.items()}
    if part.kind is dict:
        return items
    if issubclass(part.kind, tuple | list):
        return part.kind(*items.values()) if hasattr(part.kind, "_fields") else part.kind(items.values())
    made = part.kind.__new__(part.kind)
    vars(made).update(items)
    return made


def slots(part: Any) -> Iterator[str]:
    """Paths of the tensors and numbers of a structure, in order."""
    if isinstance(part, Slot):
        yield part.path
    elif isinstance(part, Node):
        for one in part.parts.values():
            yield from slots(one)


def field_name(path: str) -> str:
    """layers.0.keys -> layers_0_keys; what has no name of its own is `hidden`."""
    plain = "_".join("".join(letter if letter.isalnum() else " " for letter in path).split())
    return plain if plain and not plain[0].isdigit() else "_".join(filter(None, ("hidden", plain)))
