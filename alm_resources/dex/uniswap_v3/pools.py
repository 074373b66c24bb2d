"""State of a V3-shaped pool, and the proof that it is the pool the registry describes.

Forks of Uniswap V3 answer the same reads; what differs between the families served here is how ``slot0`` packs the
protocol's part of the fee.
"""

from collections.abc import Sequence
from typing import Any

from alm_core.math.tick import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, tick_at_sqrt_price_x96
from alm_core.model.errors import BadAnswer, PoolNotFound
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool, Token
from alm_core.model.ports import Call, CallResult
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.erc20 import DECIMALS, decimals_call
from alm_resources.dex.uniswap_v3 import abi
from alm_resources.dex.uniswap_v3.oracle import twap_call, twap_from
from alm_resources.dex.uniswap_v3.protocol_fee import protocol_fee_fracs

_POOL_READS = (
    abi.SLOT0,
    abi.LIQUIDITY,
    abi.FEE,
    abi.TICK_SPACING,
    abi.TOKEN0,
    abi.TOKEN1,
    abi.FACTORY,
    abi.FEE_GROWTH_GLOBAL0,
    abi.FEE_GROWTH_GLOBAL1,
)
_OTHER_READS = (abi.GET_POOL, abi.FACTORY, DECIMALS, DECIMALS)


def pool_calls(pool: Pool) -> tuple[Call, ...]:
    """Return the reads of one pool.

    The pool's own word for its factory proves nothing: the registry's factory is asked for the pool as well, and the
    position manager for its factory. All may fail, so that a wrong address is told as such.
    """
    return (
        *(read.call(pool.address, may_fail=True) for read in _POOL_READS),
        abi.GET_POOL.call(pool.factory, pool.token0.address, pool.token1.address, pool.fee_pips, may_fail=True),
        abi.FACTORY.call(pool.position_manager, may_fail=True),
        decimals_call(pool.token0.address),
        decimals_call(pool.token1.address),
        twap_call(pool),
    )


def read_pool(pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
    """Decode the answers to :func:`pool_calls`.

    Raises
    ------
    PoolNotFound
        If there is no pool, it is not initialised, or it differs from the registry in tokens, decimals, fee, spacing,
        factory or position manager.
    """
    *state_results, observed = results
    reads = (*_POOL_READS, *_OTHER_READS)
    answers = [_answer(pool, read, result) for read, result in zip(reads, state_results, strict=True)]
    slot0, (liquidity,), (fee,), *identity, (growth0,), (growth1,) = answers[: len(_POOL_READS)]
    _refuse_other_pool(pool, fee, [value for (value,) in identity])
    _refuse_other_contracts(pool, *(value for (value,) in answers[len(_POOL_READS) :]))
    sqrt_price_x96, tick, _, _, _, packed_fee, _ = slot0
    if not sqrt_price_x96:
        raise PoolNotFound(f"pool {pool.pool_id} is not initialised: it has no price")
    _refuse_price(pool, sqrt_price_x96, tick)
    frac0, frac1 = protocol_fee_fracs(pool, packed_fee)
    return PoolState(
        pool=pool,
        block=block,
        sqrt_price_x96=sqrt_price_x96,
        tick=tick,
        liquidity=liquidity,
        fee_pips=fee,
        fee_growth_global0_x128=growth0,
        fee_growth_global1_x128=growth1,
        source=f"rpc:{block.chain_id}",
        twap=twap_from(pool, observed),
        protocol_fee_frac0=frac0,
        protocol_fee_frac1=frac1,
    )


def _refuse_price(pool: Pool, sqrt_price_x96: int, tick: int) -> None:
    if not MIN_SQRT_PRICE_X96 <= sqrt_price_x96 < MAX_SQRT_PRICE_X96:
        raise PoolNotFound(f"pool {pool.pool_id}: sqrt price {sqrt_price_x96} is outside what a pool can have")
    # A swap that ends on an initialised tick going down stores the tick below it.
    at_price = tick_at_sqrt_price_x96(sqrt_price_x96)
    if at_price - tick not in (0, 1):
        raise PoolNotFound(f"pool {pool.pool_id}: tick is {tick}, that of its price is {at_price}")


def _refuse_other_pool(pool: Pool, fee: int, identity: Sequence[object]) -> None:
    spacing, token0, token1, factory = identity
    _refuse_difference(pool, "token0", token0, pool.token0.address)
    _refuse_difference(pool, "token1", token1, pool.token1.address)
    _refuse_difference(pool, "fee", fee, pool.fee_pips)
    _refuse_difference(pool, "tick spacing", spacing, pool.tick_spacing)
    _refuse_difference(pool, "factory", factory, pool.factory)


def _refuse_other_contracts(pool: Pool, registered: str, manager_factory: str, decimals0: int, decimals1: int) -> None:
    _refuse_difference(pool, "pool of these tokens and fee at the factory", registered, pool.address)
    _refuse_difference(pool, "factory of the position manager", manager_factory, pool.factory)
    _refuse_difference(pool, _decimals_of(pool.token0), decimals0, pool.token0.decimals)
    _refuse_difference(pool, _decimals_of(pool.token1), decimals1, pool.token1.decimals)


def _decimals_of(token: Token) -> str:
    return f"decimals of {token.symbol} {token.address}"


def _answer(pool: Pool, read: ContractFunction, result: CallResult) -> tuple[Any, ...]:
    if not result.succeeded:
        raise PoolNotFound(f"pool {pool.pool_id}: {read.name}() fails, no {pool.family} pool at this address")
    try:
        return read.answer(result.data, f"pool {pool.pool_id}")
    except BadAnswer as error:
        raise PoolNotFound(f"{error}: no {pool.family} pool as the registry describes it") from error


def _refuse_difference(pool: Pool, what: str, found: object, expected: object) -> None:
    if str(found).lower() != str(expected).lower():
        raise PoolNotFound(f"pool {pool.pool_id}: {what} is {found}, registry says {expected}")
