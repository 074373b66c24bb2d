"""State of a pool, decoded from one batch of calls and compared with the registry.

The id proves the key: fee, tick spacing, tokens and hook of the registry are the pool's or their hash is another one.
"""

from collections.abc import Sequence
from typing import Any

from alm_core.math.settled_pools import settled_fee
from alm_core.math.tick import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, tick_at_sqrt_price_x96
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, InvalidInput, PoolNotFound
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.erc20 import DECIMALS, decimals_call
from alm_resources.dex.uniswap_v4 import abi
from alm_resources.dex.uniswap_v4.layout import DYNAMIC_FEE_PIPS, Layout, pool_id, refusal

_STATE_READS = (abi.GET_SLOT0, abi.GET_LIQUIDITY, abi.GET_FEE_GROWTH_GLOBALS)


def pool_calls(layout: Layout, pool: Pool) -> tuple[Call, ...]:
    """Return the reads of one pool; all may fail, so that a wrong address is told as such."""
    view, identity = layout.view(pool), pool_id(pool)
    return (
        *(read.call(view, identity, may_fail=True) for read in _STATE_READS),
        *(link.call for link in layout.links(pool)),
        decimals_call(pool.token0.address),
        decimals_call(pool.token1.address),
    )


def read_pool(
    layout: Layout, pool: Pool, results: Sequence[CallResult], block: Block, allowed_hooks: frozenset[str]
) -> PoolState:
    """Decode the answers to :func:`pool_calls`.

    Raises
    ------
    PoolNotFound
        If the pool is not for us (hooks, native currency), is not initialised, has another key than the registry says,
        or the contracts of the registry do not belong together.
    """
    _refuse_key(layout, pool, allowed_hooks)
    links = layout.links(pool)
    reads = (*_STATE_READS, *(link.read for link in links), DECIMALS, DECIMALS)
    answers = [_answer(pool, read, result) for read, result in zip(reads, results, strict=True)]
    slot0, (liquidity,), (growth0, growth1), *others = answers
    expected = (
        *((link.what, link.expected) for link in links),
        *((f"decimals of {token.symbol} {token.address}", token.decimals) for token in (pool.token0, pool.token1)),
    )
    for (what, wanted), (found,) in zip(expected, others, strict=True):
        _refuse_difference(pool, what, found, wanted)
    sqrt_price_x96, tick, packed_protocol, lp_pips = slot0
    _refuse_price(pool, sqrt_price_x96, tick)
    if pool.fee_pips != DYNAMIC_FEE_PIPS:
        _refuse_difference(pool, "fee for liquidity", lp_pips, pool.fee_pips)
    fee = settled_fee(packed_protocol, lp_pips)
    if max(fee.protocol_frac0, fee.protocol_frac1) >= 1:
        raise PoolNotFound(f"pool {pool.pool_id}: protocol fee {packed_protocol:#x} leaves nothing to liquidity")
    return PoolState(
        pool=pool,
        block=block,
        sqrt_price_x96=sqrt_price_x96,
        tick=tick,
        liquidity=liquidity,
        fee_pips=fee.fee_pips,
        fee_growth_global0_x128=growth0,
        fee_growth_global1_x128=growth1,
        source=f"rpc:{block.chain_id}",
        protocol_fee_frac0=fee.protocol_frac0,
        protocol_fee_frac1=fee.protocol_frac1,
    )


def _refuse_key(layout: Layout, pool: Pool, allowed_hooks: frozenset[str]) -> None:
    reason = refusal(layout, pool, allowed_hooks)
    if reason:
        raise PoolNotFound(f"pool {pool.pool_id}: {reason}")
    try:
        identity, hashed = pool_id(pool), layout.key_hash(layout.key(pool))
    except InvalidInput as error:
        raise PoolNotFound(str(error)) from error
    if hashed != identity:
        raise PoolNotFound(
            f"pool {pool.pool_id}: the key of the registry {layout.key(pool)} is that of 0x{hashed.hex()}"
        )


def _refuse_price(pool: Pool, sqrt_price_x96: int, tick: int) -> None:
    if not sqrt_price_x96:
        raise PoolNotFound(f"pool {pool.pool_id} is not initialised: it has no price")
    if not MIN_SQRT_PRICE_X96 <= sqrt_price_x96 < MAX_SQRT_PRICE_X96:
        raise PoolNotFound(f"pool {pool.pool_id}: sqrt price {sqrt_price_x96} is outside what a pool can have")
    # A swap that ends on an initialised tick going down stores the tick below it.
    at_price = tick_at_sqrt_price_x96(sqrt_price_x96)
    if at_price - tick not in (0, 1):
        raise PoolNotFound(f"pool {pool.pool_id}: tick is {tick}, that of its price is {at_price}")


def _answer(pool: Pool, read: ContractFunction, result: CallResult) -> tuple[Any, ...]:
    if not result.succeeded:
        raise PoolNotFound(f"pool {pool.pool_id}: {read.name}() fails, no {pool.family} deployment as in the registry")
    try:
        return read.answer(result.data, f"pool {pool.pool_id}")
    except BadAnswer as error:
        raise PoolNotFound(f"{error}: no {pool.family} deployment as in the registry") from error


def _refuse_difference(pool: Pool, what: str, found: object, expected: object) -> None:
    if str(found).lower() != str(expected).lower():
        raise PoolNotFound(f"pool {pool.pool_id}: {what} is {found}, registry says {expected}")
