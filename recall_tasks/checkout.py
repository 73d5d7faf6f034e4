"""Names of a wheel in a checkout: `recall_tasks.models` is the folder models/, `recall_tasks.runners` is runners/.

A wheel holds both folders in this package, a checkout beside it. There either name stands for the same module, imported
once, so that what is written against an installed wheel runs in a checkout.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import cast

FOLDERS = ("models", "runners")
HERE = Path(__file__).parent
CHECKOUT = None if (HERE / FOLDERS[0]).is_dir() else HERE.parent
"""The folder that holds this package and both others; None in a wheel."""


class SameModule(Loader):
    """Loader of a module that has another name too."""

    def __init__(self, spec: ModuleSpec) -> None:
        self.spec = spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.spec.name)
        self.spec = module.__spec__ or self.spec
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # in whose place the import system has put that of the second name

    def get_code(self, name: str) -> CodeType | None:
        """The code of the module, for `python -m`."""
        return cast(InspectLoader, self.spec.loader).get_code(self.spec.name)


class Beside(MetaPathFinder):
    """Finder of the folders beside this package under its name."""

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        package, _, module = name.partition(".")
        if package != __package__ or module.partition(".")[0] not in FOLDERS:
            return None
        spec = importlib.util.find_spec(module)
        if spec is None:
            return None
        is_package = spec.submodule_search_locations is not None
        return ModuleSpec(name, SameModule(spec), origin=spec.origin, is_package=is_package)


def offer_folders() -> None:
    """Let both folders be imported by their names in a wheel too. In a wheel, nothing is to do."""
    if CHECKOUT:
        sys.meta_path.insert(0, Beside())
