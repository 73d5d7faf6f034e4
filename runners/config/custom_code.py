"""Custom memories: `path/to/mine.py:Mine`, or `package.module:Class` of an installed package, wherever one is named.

The file is imported, here and in every worker: code that a script runs belongs under `if __name__ == "__main__"`,
which is no part of what is imported or of its digest. It may import its neighbours: modules in its folder, whose code
is part of the digest. A torch.nn.Module that is no memory is adapted (`models.adapt`).

A record may name a file too, and whoever reads the record would run it. So on the word of a record a file is imported
only where its user trained it, as it is now, on this machine, or allowed it: asked for at a terminal, or before by
`recall allow FILE.py`. So is an installed class: importing it runs code, and its options, which a record names as well,
may have it load a file. Digests of allowed code stand in `allowed_code` of ~/.cache/recall_tasks, or of RECALL_CACHE.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import MEMORIES, check_name, memory_options
from models.notation import Mixer, Stack, parse_stack
from models.option_source import declared_options
from models.stack import is_alone

from .brought_files import import_file, importable, neighbours
from .installed_modules import check_installed, distribution_of, dotted_name, installed_code, is_dotted, load_class
from .session_code import is_in_session, name_in_session

if TYPE_CHECKING:  # torch, which a mistyped command does without
    from torch import nn

    from models import Memory

ADOPTED: dict[str, tuple[type, bytes, list[bytes]]] = {}
"""Classes passed to `compare` here, their code and that of their neighbours, by the `file.py:Class` of their runs."""
EXTENDS = "name a class that extends recall_tasks.models.Memory or torch.nn.Module"
ALLOWED = "RECALL_ALLOWED_CODE"
"""Variable with the digests of code that this process and its workers may import on the word of a record."""


def adopt(memory: type[nn.Module]) -> str:
    """The name of a registered class, or that of a custom one under which a later command finds it, with its options.

    A class that none would find is named for this session. Raises ValueError for one without a digest.
    """
    if not isinstance(memory, type):
        raise ValueError(f"every run trains a module of its own: give the class, not a {type(memory).__name__}")
    kind: type = getattr(memory, "source", memory)
    given: dict[str, Any] = getattr(memory, "given", {})
    for name, place in MEMORIES.places.items():
        if f"{kind.__module__}:{kind.__name__}" == f"{type(MEMORIES).__module__}.memories.{place}":
            return name
    return str(Mixer(dotted_name(kind) or adopt_class(kind, as_memory), given))


def adopt_class(kind: type, checked: Callable[[type], type]) -> str:
    """The name of a class passed to `compare`: `file.py:Class`, or where no file holds it one for this session.

    checked   what is used of it. Raises ValueError for a class that it refuses, and for one without a digest
    """
    module = sys.modules.get(kind.__module__)
    name = f"{Path(getattr(module, '__file__', None) or '').resolve()}:{kind.__name__}"
    if name not in ADOPTED or getattr(ADOPTED[name][0], "source", ADOPTED[name][0]) is not kind:
        try:  # else its file may have changed since it was imported
            code = read_code(name) if ".py:" in name else b""
            named = kind.__name__ in compile(code, name, "exec").co_names
            found = named and getattr(module, kind.__name__, None) is kind
        except (OSError, SyntaxError):
            found = False
        if not found:
            name, code = name_in_session(kind), b""
        nearby = neighbours(Path(name.rpartition(":")[0]), code)
        ADOPTED[name] = checked(kind), code, list(nearby.values())
    return name


def adopted_class(name: str) -> type | None:
    """The class of this name that was passed to `compare` in this process."""
    return ADOPTED[name][0] if name in ADOPTED else None


def class_of_file(name: str) -> object:
    """The class of `file.py:Class`, or whatever the file holds under that name; None for nothing.

    Raises ValueError where importing it fails.
    """
    path, _, attribute = name.rpartition(":")
    return adopted_class(name) or getattr(import_file(Path(path).resolve(), read_code(name)), attribute, None)


def class_title(name: str) -> str:
    """The name of a task, or of another class, in tables: a custom one is called as its class."""
    return name.rpartition(":")[2]


def with_absolute_file(name: str, folder: str | Path = "") -> str:
    """`file.py:Class` with the absolute path of its file, sought in a folder (default: the current one); else as it is.

    Which file it is must not depend on where a later command is typed. Raises ValueError for a path without end.
    """
    path, colon, attribute = name.rpartition(".py:")
    try:
        return f"{Path(folder, path + '.py').resolve()}:{attribute}" if colon else name
    except (OSError, RuntimeError) as error:  # a name without end, links in a circle
        raise ValueError(f"the file {path}.py cannot be found: {error}") from None


def load_memory(name: str) -> type[Memory]:
    """The class a name or `file.py:Class` stands for. Raises ValueError where there is none."""
    if (kind := adopted_class(name)) is not None:
        return as_memory(kind)
    check_named(name)
    if name in MEMORIES:
        return MEMORIES[name]
    if is_dotted(name):
        return as_memory(load_class(name))
    if isinstance(found := class_of_file(name), type):
        return as_memory(found)
    path, _, attribute = name.rpartition(":")
    raise ValueError(f"{path} has no memory {attribute!r}: {EXTENDS}")


def as_memory(kind: type) -> type[Memory]:
    """The class, if a model can be built of it, adapted if it is no memory. Raises ValueError for no module."""
    from torch import nn  # as above

    from models import Memory
    from models.adapt import adapt

    if not issubclass(kind, nn.Module):
        raise ValueError(f"{kind.__name__} is no memory: {EXTENDS}")
    return adapt(kind) if not issubclass(kind, Memory) or hasattr(kind, "source") else check_memory(kind)


def read_stack(word: str) -> Stack:
    """The layers that a word stands for. Raises ValueError for what is no notation, and for a file without a class."""
    if is_class_of_file(word):
        return ((Mixer(word),),)
    if word.endswith(".py"):
        check_name(word)
    return parse_stack(word)


def is_class_of_file(word: str) -> bool:
    """True for one FILE.py:CLASS with a file that is there, whose folder may be called anything."""
    path, _, name = word.rpartition(":")
    return (not name or name.isidentifier()) and os.path.isfile(path)


def names_in(word: str) -> list[str]:
    """The names of the memories in a word, each once."""
    return list(dict.fromkeys(mixer.name for layer in read_stack(word) for mixer in layer))


def brought_in(word: str) -> list[str]:
    """The names in a word that are FILE.py:CLASS, or a class of an installed module."""
    return [name for name in names_in(word) if ":" in name] if ":" in word else []


def files_in(word: str) -> list[str]:
    """The files that a word names."""
    return [name.rpartition(":")[0] for name in brought_in(word) if ".py:" in name]


def distributions_in(word: str) -> list[str]:
    """The distributions of the installed classes that a word names."""
    modules = [name.rpartition(":")[0] for name in brought_in(word) if is_dotted(name)]
    return [found[0] for found in map(distribution_of, modules) if found]


def check_named(word: str) -> None:
    """Raises ValueError where a name stands for no memory, and for a file that is not there, without torch."""
    for name in names_in(word):
        if is_in_session(name):
            continue
        path, file, _ = name.rpartition(".py:")
        if is_dotted(name):
            check_installed(name)
        elif not file:
            check_name(name)
        elif not os.path.isfile(f"{path}.py"):  # also where the name is too long to be one
            raise ValueError(f"no file {path}.py: a custom memory is named path/to/file.py:Class")


def options_of(word: str, described: bool) -> dict[str, tuple[Any, str]]:
    """Default and meaning of each option of a memory; empty meanings, without torch, unless `described`.

    None for a stack, whose options stand in its word. Raises ValueError for a name that stands for no memory.
    """
    check_named(word)
    if not is_alone(stack := read_stack(word)):
        return {}
    name = stack[0][0].name
    if name in MEMORIES and not described:
        return {option: (default, "") for option, default in declared_options(name).items()}
    kind = load_memory(name)
    return {option: (default, kind.options.get(option, "")) for option, default in memory_options(kind).items()}


def check_memory(memory: type[Memory]) -> type[Memory]:
    """The class, if a model can be built of it. Raises ValueError that names what is missing."""
    if missing := sorted(getattr(memory, "__abstractmethods__", ())):
        raise ValueError(f"{memory.__name__} cannot be built: it lacks {', '.join(missing)}")
    parameters = list(inspect.signature(memory).parameters.values())
    if not parameters or parameters[0].kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        raise ValueError(f"{memory.__name__} must take the width as its first argument")
    for parameter in parameters[1:]:
        if type(parameter.default) not in (bool, int, float, str):
            raise ValueError(
                f"{memory.__name__}: the option {parameter.name} needs a default that is a number, a bool or a str"
            )
    return memory


def source_digest(*words: str, size: int = 8) -> str:
    """A hash of the code of all custom classes in words, so that changed code is another run; empty for none."""
    codes = [code for word in words for one in brought_in(word) for code in all_code(one)]  # no code holds a zero byte
    return hashlib.blake2b(b"\0".join(codes), digest_size=size).hexdigest() if codes else ""


def all_code(name: str) -> list[bytes]:
    """The code of a custom memory, and of the neighbours that its file imports."""
    if is_dotted(name):
        return [installed_code(name)]
    if is_in_session(name):
        return [name.encode()]
    if name in ADOPTED:
        return [ADOPTED[name][1], *ADOPTED[name][2]]
    code = read_code(name)
    return [code, *neighbours(Path(name.rpartition(":")[0]), code).values()]


def read_code(name: str) -> bytes:
    """The code that is imported for `file.py:Class`, or was for one in `ADOPTED`. Raises OSError for no such file."""
    return ADOPTED[name][1] if name in ADOPTED else importable(Path(name.rpartition(":")[0]).read_bytes())


def allow(*words: str) -> None:
    """Let records name this code from now on, in this process and, where the list can be written, in later ones."""
    for name in (n for word in words for n in brought_in(word) if not is_in_session(n)):
        if is_allowed(digest := source_digest(name, size=32)):
            continue
        os.environ[ALLOWED] = f"{os.environ.get(ALLOWED, '')} {digest}"
        with suppress(OSError):
            allowed_list().parent.mkdir(parents=True, exist_ok=True)
            with allowed_list().open("a", encoding="utf-8") as file:
                file.write(f"{digest} {name}\n")


def is_allowed(digest: str) -> bool:
    """True for the digest of code that this user trained or allowed on this machine."""
    listed = ""
    with suppress(OSError, ValueError):
        listed = allowed_list().read_text(encoding="utf-8")
    return digest in {line.split(" ")[0] for line in listed.splitlines()} | set(os.environ.get(ALLOWED, "").split())


def allowed_list() -> Path:
    """The user's list of allowed code."""
    return Path(os.environ.get("RECALL_CACHE") or Path.home() / ".cache" / "recall_tasks") / "allowed_code"


def check_recorded(*words: str, source: str = "") -> None:
    """Raises ValueError, importing nothing, unless a record may name these memories and tasks.

    source   their `source_digest` when they were trained, where the record says so
    """
    names = [n for word in words for n in brought_in(word) if n not in ADOPTED and not is_in_session(n)]
    for name in filter(is_dotted, names):
        check_installed(name)
    for file in (name.rpartition(":")[0] for name in names if not is_dotted(name)):
        if not os.path.isabs(file):
            why = "which file that is depends on the folder: it is not loaded"
            raise ValueError(f"it names a memory in {file}, and {why}")
        if not os.path.isfile(file):
            raise ValueError(f"the file of its memory, {file}, is not there: restore it")
    files = " and ".join(name.rpartition(":")[0] for name in names)
    if source and names and source != source_digest(*words):
        raise ValueError(f"it was trained with other code than {files} holds now: restore it, or train again")
    for name in names:
        if not is_allowed(source_digest(name, size=32)):
            ask_about(name)


def ask_about(name: str) -> None:
    """Ask at the terminal whether this file may be imported. Raises ValueError for a no, and where nobody is there."""
    file = name if is_dotted(name) else name.rpartition(":")[0]
    if sys.stdin and sys.stdin.isatty() and sys.stderr.isatty():
        print(f"A record names a memory in {file}, which was not trained or allowed here.", file=sys.stderr)
        if input(f"Import {'it' if is_dotted(name) else 'this file'}? [y/N] ").strip().lower() in ("y", "yes"):
            return allow(name)
    raise ValueError(
        f"its memory is in {file}, which was not trained or allowed on this machine, and importing it would run "
        f"it: read it, then `recall allow {file}`"
    )
