"""A process in which one module has a fault; processes that it starts have it too."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from alm_tests.mutants.operators import Mutant, mutated

ROOT = Path(__file__).parents[2]
VARIABLE = "ALM_MUTANT"
SITE = Path(__file__).with_name("site")
"""On the path of started processes: its ``sitecustomize`` calls :func:`load_from_environment`."""


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, mutant: Mutant) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """Compile the module with its fault; nothing is cached."""
        source = Path(self.path).read_text()
        return compile(mutated(source, self._mutant), self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = mutant.module.removesuffix(".py").replace("/", ".")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module with the fault, and no other."""
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self._mutant)
        return spec


def load_with(mutant: Mutant) -> None:
    """Let the module be imported with its fault from now on, here and in processes started from here."""
    name = mutant.module.removesuffix(".py").replace("/", ".")
    if name in sys.modules:
        raise RuntimeError(f"{name} was imported before")
    sys.meta_path.insert(0, _Finder(mutant))
    os.environ[VARIABLE] = json.dumps(asdict(mutant))
    os.environ["PYTHONPATH"] = os.pathsep.join((str(SITE), str(ROOT)))


def load_from_environment() -> None:
    """Do the same in a process that was started by one with a fault."""
    sys.meta_path.insert(0, _Finder(Mutant(**json.loads(os.environ[VARIABLE]))))
