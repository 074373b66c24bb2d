"""Which pools a registry file asks for, and whether their chains are of this machine."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from alm_core.model.errors import ConfigError
from alm_core.model.pools import Pool
from alm_resources.registry import ListedPool, Registry


def pools_in(registry: Registry, file: Path, wanted: Sequence[str] = ()) -> tuple[ListedPool, ...]:
    """Return the pools that a registry file lists itself, or those of them that are wanted.

    Parameters
    ----------
    registry
        Loaded with the file as overlay.
    file
        Path as it was given to the registry.
    wanted
        ``<chain id>:<address>``, or the address or id alone where only one chain of the file has it; in any case.

    Raises
    ------
    ConfigError
        If the file lists no pool, one that is wanted is not in it, or is meant for two chains.
    """
    listed = tuple(pool for pool in registry.listed if pool.origin.startswith(f"{file}: "))
    if not listed:
        raise ConfigError(f"{file}: lists no pool; add [[pools]] entries")
    if not wanted:
        return listed
    return tuple({pool.pool_id: pool for pool in (_find(listed, file, name) for name in wanted)}.values())


def traded(registry: Registry, listed: ListedPool) -> Pool | None:
    """Return the pool as adapters know it; ``None`` where it may not be traded, which its status explains."""
    found = [pool for pool in registry.pools.get(listed.pair, ()) if pool.pool_id == listed.pool_id]
    return found[0] if found else None


def refuse_remote(registry: Registry, pools: Sequence[ListedPool]) -> None:
    """Refuse chains with an endpoint that is not of this machine.

    Raises
    ------
    ConfigError
        Naming the chains, and no URL: it may hold a key.
    """
    chain_ids = sorted({pool.chain_id for pool in pools})
    remote = [str(one) for one in chain_ids if not all(is_of_this_machine(url) for url in registry.chain(one).rpc)]
    if remote:
        raise ConfigError(
            f"the RPC of chain {', '.join(remote)} is not on this machine: a round trip signs and sends transactions; "
            "start a fork and point rpc at it, or say --live yes to spend real money"
        )


def is_of_this_machine(url: str) -> bool:
    """Tell whether a URL is for a loopback address.

    Examples
    --------
    >>> is_of_this_machine("http://127.0.0.1:8545"), is_of_this_machine("http://localhost.example.org:8545")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _find(listed: Sequence[ListedPool], file: Path, name: str) -> ListedPool:
    found = [pool for pool in listed if name.lower() in (pool.pool_id.lower(), pool.address.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"--pool {name}: on chains {[pool.chain_id for pool in found]}; write <chain id>:{name}")
    raise ConfigError(f"--pool {name}: no such pool in {file}; it lists {[pool.pool_id for pool in listed]}")
