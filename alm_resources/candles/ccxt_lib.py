"""The one place that imports ccxt.

``import ccxt`` loads a hundred exchanges (3-7 s, 90 MB). With an empty package under its name only the wanted modules
are loaded. The stand-in is taken away again at once, so that a later ``import ccxt`` elsewhere finds the real package,
which then reuses the modules loaded here: classes stay the same objects.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

_IMPORT_LOCK = Lock()


def exchange_class(name: str) -> type[Any]:
    """Class of an exchange, ``ccxt.<name>.<name>``."""
    return getattr(_import(f"ccxt.{name}"), name)


def errors() -> ModuleType:
    """Module of ccxt's exceptions."""
    return _import("ccxt.base.errors")


def _import(name: str) -> ModuleType:
    with _IMPORT_LOCK:
        if name in sys.modules:
            return sys.modules[name]
        if "ccxt" in sys.modules:
            return importlib.import_module(name)
        sys.modules["ccxt"] = _empty_package()
        try:
            return importlib.import_module(name)
        finally:
            del sys.modules["ccxt"]


def _empty_package() -> ModuleType:
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("ccxt is not installed")
    package = ModuleType("ccxt")
    package.__path__ = [str(Path(spec.origin).parent)]
    return package
