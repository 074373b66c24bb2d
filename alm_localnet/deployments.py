"""Deployments of DEXes on the local chains: the real ones of the built-in registry, at their real addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from alm_core.model.errors import ConfigError
from alm_localnet.presets import UNISWAP_V3, ChainPreset

SWAP_ROUTER = "0xE592427A0AEce92De3Edee1F18E0157C05861564"
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What pool services call a DEX: id of GeckoTerminal, id and label of DexScreener."""

    gecko: str
    dexscreener: str
    label: str


_NAMES = {
    "uni-v3": Names(gecko="uniswap_v3", dexscreener="uniswap", label="v3"),
    "uni-v4": Names(gecko="uniswap-v4", dexscreener="uniswap", label="v4"),
    "pcs-v3": Names(gecko="pancakeswap-v3", dexscreener="pancakeswap", label="v3"),
    "pcs-v4": Names(gecko="pancakeswap-infinity-clmm", dexscreener="pancakeswap", label="v4"),
    "aero-v3": Names(gecko="aerodrome-slipstream", dexscreener="aerodrome", label="slipstream"),
    "aero-v3.2": Names(gecko="aerodrome-slipstream-2", dexscreener="aerodrome", label="slipstream"),
    "aero-v3.3": Names(gecko="aerodrome-slipstream-3", dexscreener="aerodrome", label="slipstream"),
    "camelot-v3": Names(gecko="camelot-v3", dexscreener="camelot", label="v3"),
    "quickswap-v3": Names(gecko="quickswap_v3", dexscreener="quickswap", label="v3"),
    "ramses-v3": Names(gecko="ramses-v3", dexscreener="ramses", label="v3"),
    "pharaoh-v3": Names(gecko="pharaoh-v3", dexscreener="pharaoh", label="v3"),
    "pangolin-v3": Names(gecko="pangolin-v3", dexscreener="pangolin", label="v3"),
    "blackhole-v3": Names(gecko="blackhole-v3", dexscreener="blackhole", label="v3"),
    "blackhole-v3.200": Names(gecko="blackhole-v3", dexscreener="blackhole", label="v3"),
    "project-x-v3": Names(gecko="project-x", dexscreener="projectx", label="v3"),
    "joe-v2": Names(gecko="traderjoe-v2", dexscreener="traderjoe", label="v2"),
    "joe-v2.1": Names(gecko="traderjoe-v2-1", dexscreener="traderjoe", label="v2.1"),
    "joe-v2.2": Names(gecko="traderjoe-v2-2", dexscreener="traderjoe", label="v2.2"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Contracts of a DEX on one chain, by their roles in the registry."""

    dex: str
    family: str
    contracts: Mapping[str, str]

    @property
    def names(self) -> Names:
        """What pool services call it."""
        return _NAMES[self.dex]


def deployment(dex: str, chain: ChainPreset) -> Deployment:
    """Return the contracts of a DEX on a chain.

    Raises
    ------
    ConfigError
        If the DEX is not there.

    Examples
    --------
    >>> from alm_localnet.presets import chain_presets
    >>> deployment("pharaoh-v3", chain_presets()[43114]).family
    'ramses_v3'
    """
    if dex == UNISWAP_V3:
        contracts = {
            "factory": chain.factory,
            "position_manager": chain.position_manager,
            "quoter": chain.quoter,
            "router": SWAP_ROUTER,
        }
        return Deployment(dex=dex, family="uniswap_v3", contracts=MappingProxyType(contracts))
    return _listed(dex, chain.chain_id)


def has_deployment(dex: str, chain: ChainPreset) -> bool:
    """Whether a DEX is on a chain."""
    return dex == UNISWAP_V3 or (dex, chain.chain_id) in _registry()


@cache
def _listed(dex: str, chain_id: int) -> Deployment:
    if (dex, chain_id) not in _registry():
        raise ConfigError(f"localnet: {dex!r} is not on chain {chain_id}")
    family, addresses = _registry()[dex, chain_id]
    # Pools have the bytecode of this package, whose hash is not always that of the real chain.
    contracts = {role: address for role, address in addresses.items() if role != "init_code_hash"}
    if family == "uniswap_v4":
        contracts.setdefault("permit2", PERMIT2)
    return Deployment(dex=dex, family=family, contracts=MappingProxyType(contracts))


@cache
def _registry() -> dict[tuple[str, int], tuple[str, Mapping[str, str]]]:
    from alm_resources.registry import load_registry  # slow to import

    return {key: (found.family, found.addresses) for key, found in load_registry(None).dexes.items()}
