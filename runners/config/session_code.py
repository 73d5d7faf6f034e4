"""Classes no file holds, of a notebook's cell, a function or `exec`, for the session that hands them to `compare`.

Such a class is called `<session-DIGEST>:Mine`. The digest is of what it is made of: its methods as Python compiled
them, its values, and the classes, functions and values that these use. What is installed counts by its name. Comments
do not count; another version of Python compiles to another digest.
"""

from __future__ import annotations

import dis
import hashlib
from collections.abc import Iterator
from functools import cached_property
from inspect import isdatadescriptor
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from .brought_files import ELSEWHERE
from .installed_modules import distribution_of

MARK = "<session-"
HANDED_OVER: set[str] = set()
"""Names of such classes that this process was given."""
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
CODE = "code consts names varnames freevars cellvars flags argcount kwonlyargcount posonlyargcount exceptiontable"
METHODS = (FunctionType, property, staticmethod, classmethod)


def name_in_session(kind: type) -> str:
    """The name of a class that no file holds. Raises ValueError where what it is made of cannot be told."""
    lines = describe_each(parts_of(kind, kind.__name__), kind.__name__, {id(kind): (kind.__name__, kind)})
    code = "\n".join(lines).encode(errors="surrogatepass")
    name = f"{MARK}{hashlib.blake2b(code, digest_size=16).hexdigest()}>:{kind.__name__}"
    HANDED_OVER.add(name)
    return name


def is_in_session(name: str) -> bool:
    """True for the name of such a class. Raises ValueError for one that another session had."""
    if name.startswith(MARK) and name not in HANDED_OVER:
        kind = name.rpartition(":")[2]
        raise ValueError(
            f"{kind} was handed over in a session, whose code no file holds: pass the same class to compare(...) "
            f"again, or put it in FILE.py and train FILE.py:{kind}, which lasts"
        )
    return name.startswith(MARK)


def describe(thing: Any, place: str, seen: dict[int, tuple[str, Any]]) -> Iterator[str]:
    """Lines in which things differ that compute differently. Raises ValueError for what has no such lines."""
    if isinstance(thing, PLAIN) or type(thing).__name__ in ("dtype", "device"):
        yield f"{place} = {thing!r}"
    elif is_installed(thing):
        yield f"{place} is {getattr(thing, '__module__', '')}:{getattr(thing, '__qualname__', thing.__name__)}"
    elif id(thing) in seen:
        yield f"{place} is {seen[id(thing)][0]}"
    else:
        if not isinstance(thing, tuple | frozenset | CodeType):  # of which Python may keep one for equal ones
            seen[id(thing)] = place, thing  # kept, so that its id remains its own
        yield f"{place}: {type(thing).__name__}"
        yield from describe_each(parts_of(thing, place), place, seen)


def describe_each(parts: dict[Any, Any], place: str, seen: dict[int, tuple[str, Any]]) -> Iterator[str]:
    """The lines of parts, by name."""
    for name in sorted(parts, key=str):
        yield from describe(parts[name], f"{place}.{name}", seen)


def parts_of(thing: Any, place: str) -> dict[Any, Any]:
    """The parts that a thing is made of, by name. Raises ValueError for what cannot be taken apart."""
    if type(thing) is dict:
        return thing
    if type(thing) in (set, frozenset, list, tuple):
        return dict(enumerate(sorted(thing, key=repr) if isinstance(thing, set | frozenset) else thing))
    match thing:
        case type():
            return {"bases": thing.__bases__} | own_attributes(thing)
        case FunctionType():
            read = globals_of(thing.__code__) & thing.__globals__.keys()
            values = {name: thing.__globals__[name] for name in read}
            closed = [cell.cell_contents for cell in thing.__closure__ or ()]
            values |= dict(zip(thing.__code__.co_freevars, closed, strict=True))
            return {"code": thing.__code__, "defaults": (thing.__defaults__, thing.__kwdefaults__), "values": values}
        case CodeType():
            return {name: getattr(thing, f"co_{name}") for name in CODE.split()}
        case ModuleType():
            file = getattr(thing, "__file__", None)
            return {"code": Path(file).read_bytes() if file else thing.__name__}
        case property():
            return {"get": thing.fget, "set": thing.fset}
        case MethodType():
            return {"function": thing.__func__, "self": thing.__self__}
        case cached_property():
            return {"function": thing.func}
    if hasattr(thing, "__wrapped__"):  # static methods and class methods too
        return {"type": type(thing).__name__, "wrapped": thing.__wrapped__}
    try:  # tensors and arrays, or else what a copy would be made of
        if hasattr(thing, "tolist"):
            return {"dtype": str(getattr(thing, "dtype", "")), "values": thing.tolist()}
        return dict(enumerate(thing.__reduce_ex__(2)))
    except Exception:  # which is up to the thing
        mend = "make it inside the class, or put the class in FILE.py"
        raise ValueError(f"{place} is a {type(thing).__name__}, for which no digest can stand: {mend}") from None


def own_attributes(kind: type) -> dict[str, Any]:
    """The attributes that a class statement defines, without what Python adds."""
    return {
        name: value
        for name, value in vars(kind).items()
        if isinstance(value, METHODS)
        or not (isdatadescriptor(value) or name == "_abc_impl" or (name.startswith("__") and name.endswith("__")))
    }


def globals_of(code: CodeType) -> set[str]:
    """Names outside of it that a function reads, and those that functions inside it do."""
    inside = [globals_of(part) for part in code.co_consts if isinstance(part, CodeType)]
    return {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}.union(*inside)


def is_installed(thing: Any) -> bool:
    """True for what has a name in an installed module, by which it counts."""
    if isinstance(thing, BuiltinFunctionType | MethodDescriptorType | WrapperDescriptorType):
        return isinstance(getattr(thing, "__self__", None), type | ModuleType | None)
    if not isinstance(thing, type | FunctionType | ModuleType) or "<locals>" in getattr(thing, "__qualname__", ""):
        return False
    module = thing.__name__ if isinstance(thing, ModuleType) else thing.__module__
    top = module.partition(".")[0]
    return top in ELSEWHERE or (top != "__main__" and distribution_of(top) is not None)
