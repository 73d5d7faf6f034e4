"""The layers of a model: which memories they hold, with which options.

A model repeats the layers that its stack names: `linear+attention` in four layers is linear, attention, linear,
attention, and a memory alone is in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from .notation import Mixer, Option, Stack, format_stack
from .options import build_memory, check_options

if TYPE_CHECKING:  # torch, which reading a word does without
    from .memory import Memory

NUM_LAYERS = 2
"""Of a model whose stack names one."""


def is_alone(stack: Stack) -> bool:
    """True where every layer holds the same one memory."""
    return all(layer == stack[0][:1] for layer in stack)


def with_options(stack: Stack, options: Mapping[str, Option]) -> Stack:
    """The stack with options that were given beside it, for the one memory that it holds.

    Raises ValueError for several memories, and for an option that stands in the word too.
    """
    if not options:
        return stack
    if not is_alone(stack):
        first = next(iter(options))
        raise ValueError(f"{format_stack(stack)} holds several memories: write {first} behind the one it is for")
    mixer = stack[0][0]
    if twice := next((name for name in options if name in mixer.options), ""):
        raise ValueError(f"{mixer} has {twice}, which is given beside it too: leave one out")
    return ((replace(mixer, options={**mixer.options, **options}),),) * len(stack)


def check_stack(stack: Stack, find: Callable[[str], type[Memory]]) -> Stack:
    """The stack with the class of each memory, which `find` has, and its options in the types of their defaults.

    Raises ValueError for a memory or an option that does not exist; among several memories it says of which.
    """

    def check(mixer: Mixer) -> Mixer:
        kind = mixer.kind or find(mixer.name)
        try:
            return Mixer(mixer.name, check_options(kind, mixer.options), kind)
        except ValueError as error:
            raise ValueError(str(error) if is_alone(stack) else f"{mixer}: {error}") from None

    return tuple(tuple(map(check, layer)) for layer in stack)


def number_of_layers(stack: Stack, layers: int = 0) -> int:
    """Layers of a model: `layers`, or for 0 as many as the stack names, NUM_LAYERS where it names one.

    Raises ValueError for a number below 1, and for no multiple of those that the stack names.
    """
    named = len(stack)
    if type(layers) is not int or layers < 0:
        raise ValueError(f"layers must be an integer of at least 1, not {layers!r}")
    if layers % named:
        raise ValueError(f"layers takes a multiple of the {named} that {format_stack(stack)} names, not {layers}")
    return layers or (named if named > 1 else NUM_LAYERS)


def build_layer(layer: tuple[Mixer, ...], width: int) -> Memory:
    """The memory of a layer whose classes were found: one alone, or several side by side."""
    memories = [build_memory(mixer.kind, width, **mixer.options) for mixer in layer if mixer.kind]
    if len(memories) == 1:
        return memories[0]
    from .parallel import Parallel  # torch, as above

    return Parallel(memories, [mixer.title for mixer in layer])
