"""Keys and contracts of the family; all else is as in :mod:`alm_resources.dex.uniswap_v4`."""

from alm_core.model.pools import Pool
from alm_resources.dex.pancake_infinity import abi
from alm_resources.dex.uniswap_v4.abi import PERMIT2
from alm_resources.dex.uniswap_v4.layout import ZERO, Layout, Link

_TICK_SPACING_OFFSET = 16
"""``CLPoolParametersHelper.OFFSET_TICK_SPACING``; the bits below are the permissions of a hook."""


def _key(pool: Pool) -> tuple[object, ...]:
    parameters = (pool.tick_spacing << _TICK_SPACING_OFFSET).to_bytes(32, "big")
    hooks = pool.hooks or ZERO
    return pool.token0.address, pool.token1.address, hooks, pool.factory, pool.fee_pips, parameters


def _links(pool: Pool) -> tuple[Link, ...]:
    manager, vault = pool.position_manager, pool.contract("vault")
    return (
        Link(
            what="pool manager of the position manager",
            read=abi.CL_POOL_MANAGER,
            target=manager,
            expected=pool.factory,
        ),
        Link(what="vault of the position manager", read=abi.VAULT, target=manager, expected=vault),
        Link(what="vault of the pool manager", read=abi.VAULT, target=pool.factory, expected=vault),
        Link(what="Permit2", read=PERMIT2, target=manager, expected=pool.contract("permit2")),
    )


INFINITY = Layout(
    family="infinity",
    key_types=("address", "address", "address", "address", "uint24", "bytes32"),
    key=_key,
    view=lambda pool: pool.factory,
    tick_info=abi.GET_POOL_TICK_INFO,
    position_info=abi.GET_POSITION,
    links=_links,
    knows_hooks=False,
)
