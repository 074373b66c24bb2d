"""State of a pool, and the proof that it is the pool the registry describes."""

from collections.abc import Sequence
from typing import Any

from alm_core.model.errors import BadAnswer, PoolNotFound
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool
from alm_core.model.ports import Call, CallResult
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.uniswap_v3 import abi

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


def pool_calls(pool: Pool) -> tuple[Call, ...]:
    """Return the reads of one pool.

    The pool's own word for its factory proves nothing: the registry's factory is asked for the pool as well, and the
    position manager for its factory. All may fail, so that a wrong address is told as such.
    """
    return (
        *(read.call(pool.address, may_fail=True) for read in _POOL_READS),
        abi.GET_POOL.call(pool.factory, pool.token0.address, pool.token1.address, pool.fee_pips, may_fail=True),
        abi.FACTORY.call(pool.position_manager, may_fail=True),
    )


def read_pool(pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
    """Decode the answers to :func:`pool_calls`.

    Raises
    ------
    PoolNotFound
        If there is no pool, it is not initialised, or it differs from the registry in tokens, fee, spacing, factory or
        position manager.
    """
    reads: tuple[ContractFunction, ...] = (*_POOL_READS, abi.GET_POOL, abi.FACTORY)
    answers = [_answer(pool, read, result) for read, result in zip(reads, results, strict=True)]
    slot0, liquidity, fee, spacing, token0, token1, factory, growth0, growth1, registered, manager_factory = answers
    _refuse_difference(pool, "token0", token0[0], pool.token0.address)
    _refuse_difference(pool, "token1", token1[0], pool.token1.address)
    _refuse_difference(pool, "fee", fee[0], pool.fee_pips)
    _refuse_difference(pool, "tick spacing", spacing[0], pool.tick_spacing)
    _refuse_difference(pool, "factory", factory[0], pool.factory)
    _refuse_difference(pool, "pool of these tokens and fee at the factory", registered[0], pool.address)
    _refuse_difference(pool, "factory of the position manager", manager_factory[0], pool.factory)
    if not slot0[0]:
        raise PoolNotFound(f"pool {pool.pool_id} is not initialised: it has no price")
    return PoolState(
        pool=pool,
        block=block,
        sqrt_price_x96=slot0[0],
        tick=slot0[1],
        liquidity=liquidity[0],
        fee_pips=fee[0],
        fee_growth_global0_x128=growth0[0],
        fee_growth_global1_x128=growth1[0],
    )


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
