"""Ramses V3 (Ramses, Pharaoh): pools by tick spacing, and a position of its own in the pool for every token.

The position manager knows the deployer of pools instead of the factory. Nothing is staked: rewards go to whoever holds
the token, and of a pool with a gauge often all of the fees go to voters.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eth_abi.packed import encode_packed
from eth_utils.crypto import keccak

from alm_core.model.errors import PoolNotFound
from alm_core.model.pools import Pool
from alm_resources.dex.ramses_v3 import abi
from alm_resources.dex.slipstream.layout import pool_by_spacing
from alm_resources.dex.uniswap_v3.families import UNISWAP_V3
from alm_resources.dex.uniswap_v3.layout import Named, Proof, SwapFees, spacing_key

_PIPS = 1_000_000


def _indexed_joint_key(pool: Pool, token_id: int, tick_lower: int, tick_upper: int) -> bytes:
    """Key of the position of one token (``Position.positionHash``: owner, index, both ticks)."""
    packed = encode_packed(
        ("address", "uint256", "int24", "int24"), (pool.position_manager, token_id, tick_lower, tick_upper)
    )
    return bytes(keccak(packed))


def _deployer_proofs(pool: Pool) -> tuple[Proof, ...]:
    """The manager and the factory know the same deployer, the registry's."""
    deployer = pool.contract("deployer")
    return (
        Proof(
            what="deployer of the position manager",
            read=abi.DEPLOYER,
            target=pool.position_manager,
            expected=deployer,
        ),
        Proof(what="deployer of the factory", read=abi.POOL_DEPLOYER, target=pool.factory, expected=deployer),
    )


def _voters_fees(pool: Pool, values: Mapping[str, Any]) -> SwapFees:
    """Return the fee of now and the part that goes to the fee collector, 1/1,000,000ths in ``slot0``."""
    frac = values["packed_fee"] / _PIPS
    if frac > 1:
        raise PoolNotFound(f"pool {pool.pool_id}: protocol fee {values['packed_fee']} is more than all of the fee")
    return SwapFees(fee_pips=values["fee"], protocol_frac0=frac, protocol_frac1=frac)


RAMSES_V3 = replace(
    UNISWAP_V3,
    family="ramses_v3",
    slot=Named(abi.SLOT0, UNISWAP_V3.slot.names, exact=True),
    fees_from=_voters_fees,
    fee_in_key=False,
    find_pool=pool_by_spacing,
    key_words="tick spacing",
    pool_key=spacing_key,
    proofs=_deployer_proofs,
    joint_key=_indexed_joint_key,
    stored=Named(
        abi.POSITIONS,
        (
            *("token0", "token1", "key", "tick_lower", "tick_upper"),
            *("liquidity", "inside0", "inside1", "owed0", "owed1"),
        ),
    ),
    burned=abi.INVALID_TOKEN_ID.data,
    mint=abi.MINT,
)
"""Ramses V3 as deployed by Ramses (HyperEVM, Arbitrum, Polygon) and Pharaoh (Avalanche)."""
