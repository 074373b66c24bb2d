"""Creation and runtime code of everything a local chain holds, and how it gets to a chosen address."""

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from alm_core.model.errors import SourceUnavailable
from alm_localnet.node import PACKAGE_DIR, NodeModules, install_node_modules, node_command
from alm_localnet.rpc import RpcClient

ARTIFACTS = PACKAGE_DIR / "artifacts"


def _hardhat(package: str, contract: str) -> str:
    name = contract.rpartition("/")[2]
    return f"{package}/artifacts/contracts/{contract}.sol/{name}.json"


_NPM_PATHS = {
    "UniswapV3Factory": _hardhat("@uniswap/v3-core", "UniswapV3Factory"),
    "NonfungiblePositionManager": _hardhat("@uniswap/v3-periphery", "NonfungiblePositionManager"),
    "SwapRouter": _hardhat("@uniswap/v3-periphery", "SwapRouter"),
    "QuoterV2": _hardhat("@uniswap/v3-periphery", "lens/QuoterV2"),
    "WETH9": "canonical-weth/build/contracts/WETH9.json",
    "AlgebraFactory": _hardhat("@cryptoalgebra/v1-core", "AlgebraFactory"),
    "AlgebraPoolDeployer": _hardhat("@cryptoalgebra/v1-core", "AlgebraPoolDeployer"),
    "AlgebraPositionManager": _hardhat("@cryptoalgebra/periphery", "NonfungiblePositionManager"),
    "AlgebraQuoterV2": _hardhat("@cryptoalgebra/periphery", "lens/QuoterV2"),
    "AlgebraSwapRouter": _hardhat("@cryptoalgebra/periphery", "SwapRouter"),
    "IntegralFactory": _hardhat("@cryptoalgebra/integral-core", "AlgebraFactory"),
    "IntegralPoolDeployer": _hardhat("@cryptoalgebra/integral-core", "AlgebraPoolDeployer"),
    "IntegralVaultFactory": _hardhat("@cryptoalgebra/integral-core", "AlgebraVaultFactoryStub"),
    "IntegralVault": _hardhat("@cryptoalgebra/integral-core", "AlgebraCommunityVault"),
    "IntegralPositionManager": _hardhat("@cryptoalgebra/integral-periphery", "NonfungiblePositionManager"),
    "IntegralEntryPoint": _hardhat("@cryptoalgebra/integral-periphery", "AlgebraCustomPoolEntryPoint"),
    "IntegralQuoterV2": _hardhat("@cryptoalgebra/integral-periphery", "lens/QuoterV2"),
    "IntegralSwapRouter": _hardhat("@cryptoalgebra/integral-periphery", "SwapRouter"),
    "PoolManager": "@uniswap/v4-core/out/PoolManager.sol/PoolManager.json",
}


@dataclass(frozen=True, slots=True)
class Bytecode:
    """Code of the contracts, from npm packages and from this package's artifacts."""

    modules: NodeModules

    def creation(self, name: str) -> bytes:
        """Creation code without constructor arguments."""
        if name in _NPM_PATHS:
            return self.modules.bytecode(_NPM_PATHS[name])
        return bytes.fromhex(_artifact(name)["bytecode"].removeprefix("0x"))

    def runtime(self, name: str) -> str:
        """Deployed code of a contract without constructor storage, 0x-hex."""
        return _artifact(name)["runtime"]


@cache
def selector(signature: str) -> bytes:
    """First four bytes of the hash of a function signature.

    Examples
    --------
    >>> selector("transfer(address,uint256)").hex()
    'a9059cbb'
    """
    return keccak(text=signature)[:4]


def calldata(signature: str, *values: Any) -> bytes:
    """Encode a call; argument types are read from the signature.

    Examples
    --------
    >>> calldata("withdraw(uint256)", 1).hex()[:8]
    '2e1a7d4d'
    """
    return selector(signature) + encode(_types(signature), values)


def install(rpc: RpcClient, sender: str, address: str, creation: bytes, types: str = "()", *values: Any) -> None:
    """Put a contract at a chosen address with its constructor's storage and immutables.

    The creation code is set as code of the address and called: once by ``eth_call`` to learn the runtime code, once by
    a transaction so that the constructor writes its storage there; then the runtime code replaces it.
    """
    code = creation + encode(_types(types), values)
    rpc.call("anvil_setCode", address, "0x" + code.hex())
    runtime = rpc.call("eth_call", {"from": sender, "to": address}, "latest")
    rpc.transact(sender, address, b"")
    rpc.call("anvil_setCode", address, runtime)


def compile_contracts(out: Path = ARTIFACTS, root: Path | None = None) -> None:
    """Compile the Solidity sources and extract the borrowed runtime code into ``out``.

    Raises
    ------
    SourceUnavailable
        If compiler packages cannot be installed or a source does not compile.
    """
    modules = install_node_modules(root, development=True)
    command = [*node_command(modules.root, "node"), str(PACKAGE_DIR / "contracts" / "build.mjs"), str(out)]
    done = subprocess.run(
        [*command, str(modules.root / "node_modules")], capture_output=True, text=True, check=False, cwd=PACKAGE_DIR
    )
    if done.returncode:
        raise SourceUnavailable("solc", f"contracts do not build: {done.stderr[-2000:]}")


@cache
def _artifact(name: str) -> dict[str, Any]:
    return json.loads((ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))


def _types(signature: str) -> list[str]:
    """Split the outer argument list of a signature, tuples kept whole."""
    inner = signature[signature.index("(") + 1 : -1]
    types, depth, start = list[str](), 0, 0
    for position, char in enumerate(inner):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            types.append(inner[start:position])
            start = position + 1
    return [*types, inner[start:]] if inner else []
