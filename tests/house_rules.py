"""The rules of the house, each a function from the source to the lines that break it.

Layers of runners/, circles, imports inside functions, sizes of files, names and first lines of docstrings.
`python tests/test_house.py [FOLDER]` lists what breaks them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

from glossary import BARE, GLOSSARY, LONGEST_OPENING, MODEL_WORDS, NEVER, NOUNS, OPENINGS, word_set

ROOT = Path(__file__).parent.parent
PACKAGES = ("recall_tasks", "models", "runners")

LAYERS = (
    {"config", "storage", "statistics", "formatting"},
    {"evaluation", "training"},
    {"probe"},
    {"measures"},
    {"studies", "execution"},
    {"results"},
    {"analysis"},
    {"figures"},
    {"report", "memory_guide", "trackers"},
    {"compare", "cli", "examples", "__main__"},
)
"""Folders and loose modules of runners/, low to high. One imports of its own layer and of lower ones."""

SLOW = word_set(
    "torch numpy pandas matplotlib seaborn sklearn scipy pyarrow duckdb ray rich wandb trackio tensorboard gymnasium "
    "jinja2 pydantic pydantic_core safetensors"
)
"""Packages that take long to import: an import inside a function may wait for them."""

SHORTEST, LONGEST = 60, 350
SIZES = {
    "__main__.py": "the door of python -m runners",
    "cli/*.py": "one command a file",
    "config/messages.py": "the messages that jobs, measures and commands share",
    "evaluation/breakdown.py": "the tables of a test beside its scores, binned",
    "execution/provenance.py": "versions, machine and commit of a result",
    "measures/requests.py": "requests to several measures, which none of them knows",
    "probe/readers/*.py": "one reader a file, and a line in READERS",
    "trackers/*.py": "one tracker a file: the only one that imports its library",
}
"""Files that may be shorter, each with its reason, and so may an `__init__.py`."""


class Import(NamedTuple):
    """One import: who imports which module, on which line, and whether inside a function."""

    importer: str
    target: str
    line: int
    inside: bool
    typing: bool


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> path of every module of the three packages; a package goes by its own name."""
    names = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def folder(module: str) -> str:
    """runners.cli.main -> cli; the package itself is ''."""
    return module.split(".")[1] if "." in module else ""


def ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


@cache
def source(module: str) -> str:
    return modules()[module].read_text()


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(source(module))


def _targets(module: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Modules that a statement names; a name of a package counts as the package."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        is_package = modules()[module].name == "__init__.py"
        parts = module.split(".")
        parents = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parents, *([base] if base else [])])
    for alias in node.names:
        full = f"{base}.{alias.name}"
        yield full if full in modules() else lazy_names(base).get(alias.name, base)


@cache
def lazy_names(package: str) -> dict[str, str]:
    """Names that a package imports when they are first asked for, each with its module; see runners/storage."""
    if package not in modules() or "def __getattr__" not in source(package):
        return {}
    return {
        alias.name: f"{package}.{node.module}"
        for block in tree(package).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@cache
def imports(module: str) -> tuple[Import, ...]:
    """Every import of a module, inside functions and under TYPE_CHECKING too."""
    out: list[Import] = []

    def walk(node: ast.AST, inside: bool, typing: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                for target in dict.fromkeys(_targets(module, child)):
                    out.append(Import(module, target, child.lineno, inside, typing))
            walk(
                child,
                inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)),
                typing or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)),
            )

    walk(tree(module), False, False)
    return tuple(out)


def of_runners() -> list[str]:
    return [name for name in modules() if name.partition(".")[0] == "runners"]


def place(module: str, line: int = 0) -> str:
    path = str(modules()[module].relative_to(ROOT))
    return f"{path}:{line}" if line else path


def _inner() -> Iterator[Import]:
    """Imports of runners/ from runners/."""
    for module in of_runners():
        yield from (i for i in imports(module) if i.target in modules() and i.target.startswith("runners"))


def upward_imports() -> list[str]:
    """Imports of a higher layer, and folders that no layer names."""
    level = {name: depth for depth, names in enumerate(LAYERS) for name in names}
    out = [f"{place(m)}: no layer names {folder(m)}" for m in of_runners() if folder(m) and folder(m) not in level]
    for i in _inner():
        source_level, target_level = level.get(folder(i.importer), 99), level.get(folder(i.target), -1)
        if source_level < target_level:
            out.append(f"{place(i.importer, i.line)}: imports {i.target}, a higher layer")
    return out


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                out.append(sorted(group))

    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return out


def folder_circles() -> list[str]:
    """Folders that import each other, with the imports of the rarer direction of each two."""
    between: dict[tuple[str, str], list[Import]] = {}
    for i in _inner():
        start, end = folder(i.importer), folder(i.target)
        if start and end and start != end:
            between.setdefault((start, end), []).append(i)
    arrows: dict[str, set[str]] = {}
    for start, end in between:
        arrows.setdefault(start, set()).add(end)
    out = []
    for group in circles(arrows):
        held = [i for (a, b), found in between.items() if a in group and b in group for i in found]
        rarest = sorted(held, key=lambda i: len(between[folder(i.importer), folder(i.target)]))[:4]
        lines = "; ".join(f"{place(i.importer, i.line)} imports {i.target}" for i in rarest)
        out.append(f"runners/{group[0]}: a circle of folders {' '.join(group)} ({lines})")
    return out


def module_circles() -> list[str]:
    """Modules that import each other, in functions and for types too."""
    arrows: dict[str, set[str]] = {}
    for module in modules():
        if not module.startswith("recall_tasks"):
            arrows[module] = {i.target for i in imports(module) if i.target in modules() and i.target != module}
    return [f"{place(group[0])}: a circle of modules {' '.join(group)}" for group in circles(arrows)]


@cache
def loads() -> dict[str, frozenset[str]]:
    """Slow packages that the import of each module loads, by way of what else it imports at once."""
    reach = {m: {i.target for i in imports(m) if not i.inside and not i.typing} for m in modules()}
    for module in modules():
        parts = module.split(".")
        reach[module] |= {".".join(parts[:k]) for k in range(1, len(parts))}
    slow = {m: {t.partition(".")[0] for t in targets} & SLOW for m, targets in reach.items()}
    changed = True
    while changed:
        changed = False
        for module, targets in reach.items():
            wider = slow[module].union(*(slow[t] for t in targets if t in slow))
            changed |= wider != slow[module]
            slow[module] = wider
    return {module: frozenset(found) for module, found in slow.items()}


def imports_inside_functions() -> list[str]:
    """Imports inside functions that give no reason, or that wait for nothing slow.

    The reason is a comment on the line, or before the first of several in a row.
    """
    out = []
    for module in of_runners():
        lines = source(module).splitlines()
        explained: dict[int, bool] = {}
        for i in imports(module):
            if not i.inside:
                continue
            above = i.line - 1
            while not lines[above - 1].strip():
                above -= 1
            own, before = lines[i.line - 1].replace("# noqa", ""), lines[above - 1].strip()
            reason = "#" in own or before.startswith("#") or explained.get(above, False)
            explained[i.line] = reason
            if not reason:
                out.append(f"{place(module, i.line)}: imports {i.target} inside a function without a reason")
            name = i.target.partition(".")[0]
            if name not in SLOW and not (i.target in modules() and loads()[i.target]):
                out.append(f"{place(module, i.line)}: imports {i.target} inside a function, which is not slow")
    return out


def off_size() -> list[str]:
    """Files of runners/ that are too long, or too short without a reason; reasons that no file needs."""
    out, needed = [], set()
    for module in of_runners():
        path = modules()[module]
        count, name = len(path.read_text().splitlines()), str(path.relative_to(ROOT / "runners"))
        reasons = [pattern for pattern in SIZES if fnmatch(name, pattern)]
        if count > LONGEST or (count < SHORTEST and path.name != "__init__.py" and not reasons):
            out.append(f"{place(module)}: {count} lines, not {SHORTEST} to {LONGEST}")
        elif count < SHORTEST:
            needed |= set(reasons)
    return out + [f"runners/{pattern}: no file needs this exception" for pattern in SIZES if pattern not in needed]


COMMAND = "run"
"""The function of every command, told of in cli/main.py: it needs no docstring."""


class Named(NamedTuple):
    """A module, class, function or method, and its docstring."""

    module: str
    line: int
    name: str
    kind: str
    docstring: str | None


def _public(name: str) -> bool:
    return not name.startswith("_")


@cache
def named(module: str) -> tuple[Named, ...]:
    """A module, its public classes and functions, and their public methods."""
    own = modules()[module].parent.name if modules()[module].name == "__init__.py" else module.rpartition(".")[2]
    out = [Named(module, 1, own, "module", ast.get_docstring(tree(module)))]
    for node in tree(module).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and _public(node.name):
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            out.append(Named(module, node.lineno, node.name, kind, ast.get_docstring(node)))
            if kind == "class":
                out.extend(
                    Named(module, method.lineno, method.name, "method", ast.get_docstring(method))
                    for method in node.body
                    if isinstance(method, ast.FunctionDef) and _public(method.name)
                )
    return tuple(out)


def words(name: str) -> list[str]:
    """state_store, StateStore -> state, store."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def name_faults(name: str, package: str = "runners", alone: bool = True) -> list[str]:
    """The reasons against a name, none for a good one; `alone` where a participle would stand alone."""
    retired = {word: term.word for term in GLOSSARY for word in term.retired}
    if package == "models":
        retired = {word: say for word, say in retired.items() if word not in MODEL_WORDS}
    parts = words(name)
    out = [f"{word} is retired: {retired[word]}" for word in parts if word in retired]
    out += [f"{word} says nothing" for word in parts if word in NEVER]
    if alone and len(parts) == 1 and not out:
        (word,) = parts
        if word in BARE or (word.endswith("ed") and word not in NOUNS):
            out.append("a participle or preposition alone")
    return out


def retired_names() -> list[str]:
    """Names of modules, classes, functions and methods that the glossary has another word for."""
    out = []
    for module in modules():
        package = module.partition(".")[0]
        if package == "recall_tasks":
            continue
        for thing in named(module):
            for fault in name_faults(thing.name, package, thing.kind != "method"):
                out.append(f"{place(module, thing.line)}: {thing.kind} {thing.name}: {fault}")
    return out


def opening_faults(docstring: str | None) -> list[str]:
    """The reasons against a docstring's first line (its first sentence, where it goes on), none for a good one."""
    if not (docstring or "").strip():
        return ["has no docstring"]
    paragraph = " ".join((docstring or "").split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]
    count, first = len(sentence.split()), re.split(r"\W", sentence)[0].lower()
    out = [f"begins with {first.capitalize()}"] if first in OPENINGS else []
    return out + ([f"begins with {count} words"] if count > LONGEST_OPENING else [])


def slow_prose() -> list[str]:
    """First lines of docstrings that are long or begin with a question; public functions that have none."""
    out = []
    for module in of_runners():
        for thing in named(module):
            if thing.docstring is None and (thing.kind in ("method", "class") or thing.name == COMMAND):
                continue
            for fault in opening_faults(thing.docstring):
                out.append(f"{place(module, thing.line)}: {thing.kind} {thing.name} {fault}")
        for line, text in help_texts(module):
            if (first := re.split(r"\W", text)[0].lower()) in OPENINGS:
                out.append(f"{place(module, line)}: help begins with {first.capitalize()}")
    return out


def help_texts(module: str) -> Iterator[tuple[int, str]]:
    """Help and descriptions of the command line, each as far as its first inserted value."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.keyword) and node.arg in ("help", "description", "meaning"):
            text = node.value.values[0] if isinstance(node.value, ast.JoinedStr) else node.value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield node.value.lineno, text.value


RULES = {
    "layers": upward_imports,
    "circles of folders": folder_circles,
    "circles of modules": module_circles,
    "imports inside functions": imports_inside_functions,
    "sizes": off_size,
    "names": retired_names,
    "prose": slow_prose,
}


def report(places: list[str]) -> str:
    """All that breaks a rule, by rule; of the folders alone that are named, where any are: `cli`, `runners/cli`."""
    prefixes = tuple(p if p.startswith("models") else f"runners/{p.removeprefix('runners/')}" for p in places)
    lines: list[str] = []
    for rule, broken in RULES.items():
        found = [line for line in broken() if not prefixes or line.startswith(prefixes)]
        lines += [f"== {rule}: {len(found)}", *sorted(found)]
    return "\n".join(lines)
