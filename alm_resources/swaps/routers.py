"""Routers to swap through: those the registry names beside a quoter, of families whose calldata we write."""

from collections.abc import Sequence
from dataclasses import dataclass

from alm_core.execution.swap_calls import ROUTER_SELECTORS
from alm_core.model.pools import Pool
from alm_resources.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Router and quoter of one deployment on one chain."""

    chain_id: int
    dex: str
    family: str
    address: str
    quoter: str

    @property
    def selector(self) -> str:
        """Selector of its swap."""
        return ROUTER_SELECTORS[self.family]


def routers_of(registry: Registry, pools: Sequence[Pool]) -> dict[tuple[int, str], Router]:
    """Return the routers of these pools' deployments, by chain and DEX."""
    found: dict[tuple[int, str], Router] = {}
    for pool in pools:
        contracts = registry.dexes[pool.dex, pool.chain_id].addresses
        if pool.family in ROUTER_SELECTORS and {"router", "quoter"} <= contracts.keys():
            found[pool.chain_id, pool.dex] = Router(
                chain_id=pool.chain_id,
                dex=pool.dex,
                family=pool.family,
                address=contracts["router"],
                quoter=contracts["quoter"],
            )
    return found
