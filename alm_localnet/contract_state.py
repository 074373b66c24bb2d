"""A chain with all contracts and no pools: deployed once, kept in a file, loaded at every later start.

Pools open at the market's price, which differs from start to start; everything before them does not. A world always
loads the state, also the one that was just made: the first start and the tenth are the same chain to the last bit.
"""

import fcntl
import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from alm_localnet.anvil import AnvilNode
from alm_localnet.config import LIFI_DIAMOND, LIFI_FEE_FORWARDER, MULTICALL3, PERMIT2, SPOKE_POOL
from alm_localnet.contracts import Bytecode, calldata, install
from alm_localnet.deployments import Deployment
from alm_localnet.dexes import local_dex
from alm_localnet.node import PACKAGE_DIR, USER_CACHE
from alm_localnet.presets import ChainPreset
from alm_localnet.rpc import RpcClient

TRADE_BATCH = "0x7ade700000000000000000000000000000000001"
GENESIS_S = 1_500_000_000
"""Block 0 of the chain that is only deployed on: long before any world, and the same in each."""
KEPT_STATES = 8
"""Of each chain: worlds of several makes are started by turns, and every change of a contract makes others."""
INVENTORY_UNITS = 10**12
WRAPPED_COINS = 10**7
_SOURCES = ("contract_state.py", "contracts.py", "rpc.py", "dexes/*.py", "artifacts/*.json", "package-lock.json")


class ContractStates:
    """Deployed chains, by what they are made of.

    Parameters
    ----------
    bytecode
        What is deployed; its modules also hold the node.
    folder
        Where they are kept; ``None`` takes the user's cache. A file that cannot be read is made again, a folder that
        cannot be written is done without.
    """

    def __init__(self, bytecode: Bytecode, folder: Path | None = None) -> None:
        self._bytecode = bytecode
        self._folder = folder or USER_CACHE / "chains"

    def load(self, rpc: RpcClient, preset: ChainPreset, deployments: Sequence[Deployment]) -> None:
        """Put the contracts of these deployments, and all that every chain has, on an empty chain."""
        rpc.call("anvil_loadState", "0x" + self._state(preset, deployments).hex())

    def _state(self, preset: ChainPreset, deployments: Sequence[Deployment]) -> bytes:
        file = self._folder / f"{preset.chain_id}-{_digest(preset, deployments)}.json.gz"
        if (kept := _readable(file)) is not None:
            return kept
        with _locked(self._folder / f"{preset.chain_id}.lock"):
            if (kept := _readable(file)) is not None:
                return kept
            state = self._deployed(preset, deployments)
            _keep(file, state)
        return state

    def _deployed(self, preset: ChainPreset, deployments: Sequence[Deployment]) -> bytes:
        with tempfile.TemporaryDirectory(prefix="alm-contracts-") as folder:
            node = AnvilNode(self._bytecode.modules.anvil(), preset.chain_id, GENESIS_S, 0, Path(folder))
            try:
                node.wait_until_ready()
                node.rpc.call("anvil_setBlockTimestampInterval", 1)
                deploy_contracts(node.rpc, preset, deployments, self._bytecode)
                return _accounts_only(bytes.fromhex(node.rpc.call("anvil_dumpState")[2:]))
            finally:
                node.stop()


def deploy_contracts(
    rpc: RpcClient, preset: ChainPreset, deployments: Sequence[Deployment], bytecode: Bytecode
) -> None:
    """Deploy the well-known contracts, the tokens and the DEXes, and stock their desks."""
    operator = str(rpc.call("eth_accounts")[0])
    _install_tokens(rpc, operator, preset, bytecode)
    rpc.call("anvil_setCode", MULTICALL3, bytecode.runtime("Multicall3"))
    rpc.call("anvil_setCode", PERMIT2, bytecode.runtime("Permit2"))
    install(rpc, operator, TRADE_BATCH, bytecode.creation("TradeBatch"))
    install(rpc, operator, SPOKE_POOL, bytecode.creation("AcrossSpokePoolStandIn"))
    install(rpc, operator, LIFI_FEE_FORWARDER, bytecode.creation("FeeForwarderStandIn"))
    install(rpc, operator, LIFI_DIAMOND, bytecode.creation("LiFiDiamondStandIn"), "(address)", SPOKE_POOL)
    rpc.transact(operator, LIFI_DIAMOND, calldata("allow(address)", LIFI_FEE_FORWARDER))
    for deployed in deployments:
        local_dex(deployed.dex, deployed.family).install(
            rpc, operator, bytecode, deployed.contracts, preset.wrapped_native
        )
        if deployed.family == "uniswap_v3":
            rpc.transact(operator, LIFI_DIAMOND, calldata("allow(address)", deployed.contracts["router"]))
    for desk in sorted({local_dex(deployed.dex, deployed.family).desk for deployed in deployments}):
        _stock(rpc, operator, preset, desk)


def _install_tokens(rpc: RpcClient, operator: str, preset: ChainPreset, bytecode: Bytecode) -> None:
    install(rpc, operator, preset.wrapped_native, bytecode.creation("WETH9"))
    for symbol, token in preset.tokens.items():
        if token.address != preset.wrapped_native:
            names = (f"{symbol} (localnet)", symbol, token.decimals, token.tether_like)
            install(rpc, operator, token.address, bytecode.creation("Token"), "(string,string,uint8,bool)", *names)


def _stock(rpc: RpcClient, operator: str, preset: ChainPreset, desk: str) -> None:
    for token in preset.tokens.values():
        if token.address == preset.wrapped_native:
            amount = WRAPPED_COINS * 10**18
            rpc.transact(operator, token.address, calldata("deposit()"), value=amount)
            rpc.transact(operator, token.address, calldata("transfer(address,uint256)", desk, amount))
        else:
            amount = INVENTORY_UNITS * 10**token.decimals
            rpc.transact(operator, token.address, calldata("mint(address,uint256)", desk, amount))


def _accounts_only(dump: bytes) -> bytes:
    # Blocks of the deployment carry its own time; the chain that loads the accounts begins at its own genesis.
    state: dict[str, Any] = json.loads(gzip.decompress(dump))
    state |= {"block": None, "best_block_number": None, "blocks": [], "transactions": [], "historical_states": None}
    return gzip.compress(json.dumps(state, sort_keys=True).encode(), compresslevel=6, mtime=0)


def _readable(file: Path) -> bytes | None:
    try:
        kept = file.read_bytes()
        return kept if json.loads(gzip.decompress(kept))["accounts"] else None
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def _keep(file: Path, state: bytes) -> None:
    """Write it whole or not at all; of one chain only the newest states stay."""
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as made:
        made.write(state)
        made.flush()
        os.fsync(made.fileno())
        Path(made.name).replace(file)
        chain_id = file.name.partition("-")[0]
        kept = sorted(file.parent.glob(f"{chain_id}-*.gz"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-KEPT_STATES]:
            old.unlink(missing_ok=True)


def _digest(preset: ChainPreset, deployments: Sequence[Deployment]) -> str:
    contents = hashlib.sha256(_sources_digest())
    contents.update(repr((preset, [(d.dex, d.family, sorted(d.contracts.items())) for d in deployments])).encode())
    return contents.hexdigest()[:24]


@cache
def _sources_digest() -> bytes:
    contents = hashlib.sha256()
    for pattern in _SOURCES:
        for file in sorted(PACKAGE_DIR.glob(pattern)):
            contents.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return contents.digest()


@contextmanager
def _locked(file: Path) -> Generator[None]:
    """Let one process make a state while others wait for it; without a folder everybody makes their own."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("wb")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
