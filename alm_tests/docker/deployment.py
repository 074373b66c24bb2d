"""What the tests of the deployment read: its files, and its scripts loaded as modules."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"


def read_yaml(name: str) -> dict[str, Any]:
    return yaml.safe_load((DOCKER / name).read_text())


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docker_{name}", DOCKER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def postgres_program(name: str) -> str | None:
    """Path of a program of the newest installed PostgreSQL; Debian keeps them out of PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(debian[-1]) if debian else shutil.which(name)
