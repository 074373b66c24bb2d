"""The allow-list that a registry implies: contracts of its pools and tokens, swap contracts, distributors."""

from alm_core.execution.allow_list import AllowList, allow_list_for
from alm_resources.registry import Registry


def allow_list_from(registry: Registry, pair_id: str) -> AllowList:
    """Return what the wallet of a pair may call: its pools, what they name, their tokens, swaps, Merkl claims."""
    pools = registry.pools_of(pair_id)
    swaps = {chain_id: registry.chain(chain_id).lifi_diamond for chain_id in {pool.chain_id for pool in pools}}
    return allow_list_for(pools, swaps, {chain: at for chain, at in registry.distributors.items() if chain in swaps})
