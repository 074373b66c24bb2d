"""A process in which one module has a fault; processes that it starts have it too."""

import gc
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

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
    _tell_started_processes(mutant)


def swap_in(mutant: Mutant) -> None:
    """Give the functions of a module that is imported already the code they have with a fault inside one of them."""
    path = ROOT / mutant.module
    source = path.read_text()
    right = _functions(compile(source, str(path), "exec", dont_inherit=True))
    wrong = _functions(compile(mutated(source, mutant), str(path), "exec", dont_inherit=True))
    changed = {place: wrong[place] for place, code in right.items() if code != wrong[place]}
    if not changed:
        raise RuntimeError(f"no function is another with {mutant}")
    name = mutant.module.removesuffix(".py").replace("/", ".")
    for found in gc.get_objects():
        if isinstance(found, FunctionType) and found.__module__ == name:
            new = changed.get((found.__code__.co_qualname, found.__code__.co_firstlineno))
            if new is not None and found.__code__.co_filename == str(path):
                found.__code__ = new
    _tell_started_processes(mutant)


def _functions(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """All code inside a module by where it stands; what is nested in a function stands there by itself too."""
    found = {(code.co_qualname, code.co_firstlineno): code}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _functions(inner)
    return found


def _tell_started_processes(mutant: Mutant) -> None:
    os.environ[VARIABLE] = json.dumps(asdict(mutant))
    os.environ["PYTHONPATH"] = os.pathsep.join((str(SITE), str(ROOT)))


def load_from_environment() -> None:
    """Do the same in a process that was started by one with a fault."""
    sys.meta_path.insert(0, _Finder(Mutant(**json.loads(os.environ[VARIABLE]))))
