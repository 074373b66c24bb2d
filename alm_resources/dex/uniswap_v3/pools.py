"""State of a V3-shaped pool, and the proof that it is the pool the registry describes.

Forks of Uniswap V3 answer much the same reads; what differs stands in their :class:`Layout`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from alm_core.math.tick import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, tick_at_sqrt_price_x96
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, PoolNotFound
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool, Token
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.erc20 import DECIMALS, decimals_call
from alm_resources.dex.uniswap_v3 import abi
from alm_resources.dex.uniswap_v3.layout import Layout, Named
from alm_resources.dex.uniswap_v3.oracle import twap_call, twap_from

_COMMON = (
    Named(abi.LIQUIDITY, ("liquidity",)),
    Named(abi.TICK_SPACING, ("tick_spacing",)),
    Named(abi.TOKEN0, ("token0",)),
    Named(abi.TOKEN1, ("token1",)),
    Named(abi.FACTORY, ("factory",)),
)


def pool_calls(layout: Layout, pool: Pool) -> tuple[Call, ...]:
    """Return the reads of one pool.

    The pool's own word for its factory proves nothing: the registry's factory is asked for the pool as well, and the
    position manager for its factory. All may fail, so that a wrong address is told as such.
    """
    find, arguments = layout.find_pool(pool)
    observed = (twap_call(layout.observe, pool),) if layout.observe else ()
    return (
        *(named.read.call(pool.address, may_fail=True) for named in _pool_reads(layout)),
        find.call(pool.factory, *arguments, may_fail=True),
        *(proof.call for proof in layout.proofs(pool)),
        decimals_call(pool.token0.address),
        decimals_call(pool.token1.address),
        *observed,
    )


def read_pool(layout: Layout, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
    """Decode the answers to :func:`pool_calls`.

    Raises
    ------
    PoolNotFound
        If there is no pool, it is not initialised, or it differs from the registry in tokens, decimals, key, spacing,
        factory or position manager.
    """
    reads = _pool_reads(layout)
    values: dict[str, Any] = {}
    for named, result in zip(reads, results[: len(reads)], strict=True):
        values |= _values(pool, named, result)
    _refuse_other_pool(layout, pool, values)
    observed = _refuse_other_contracts(layout, pool, results[len(reads) :])
    _refuse_price(pool, values["sqrt_price_x96"], values["tick"])
    fees = layout.fees_from(pool, values)
    return PoolState(
        pool=pool,
        block=block,
        sqrt_price_x96=values["sqrt_price_x96"],
        tick=values["tick"],
        liquidity=values["liquidity"],
        fee_pips=fees.fee_pips,
        fee_growth_global0_x128=values["growth0"],
        fee_growth_global1_x128=values["growth1"],
        source=f"rpc:{block.chain_id}",
        twap=twap_from(layout.observe, pool, observed[0]) if layout.observe else None,
        protocol_fee_frac0=fees.protocol_frac0,
        protocol_fee_frac1=fees.protocol_frac1,
    )


def _pool_reads(layout: Layout) -> tuple[Named, ...]:
    growths = (Named(layout.growths[0], ("growth0",)), Named(layout.growths[1], ("growth1",)))
    return (layout.slot, *layout.fee_reads, *_COMMON, *growths)


def _refuse_price(pool: Pool, sqrt_price_x96: int, tick: int) -> None:
    if not sqrt_price_x96:
        raise PoolNotFound(f"pool {pool.pool_id} is not initialised: it has no price")
    if not MIN_SQRT_PRICE_X96 <= sqrt_price_x96 < MAX_SQRT_PRICE_X96:
        raise PoolNotFound(f"pool {pool.pool_id}: sqrt price {sqrt_price_x96} is outside what a pool can have")
    # A swap that ends on an initialised tick going down stores the tick below it.
    at_price = tick_at_sqrt_price_x96(sqrt_price_x96)
    if at_price - tick not in (0, 1):
        raise PoolNotFound(f"pool {pool.pool_id}: tick is {tick}, that of its price is {at_price}")


def _refuse_other_pool(layout: Layout, pool: Pool, values: Mapping[str, Any]) -> None:
    _refuse_difference(pool, "token0", values["token0"], pool.token0.address)
    _refuse_difference(pool, "token1", values["token1"], pool.token1.address)
    if layout.fee_in_key:
        _refuse_difference(pool, "fee", values["fee"], pool.fee_pips)
    _refuse_difference(pool, "tick spacing", values["tick_spacing"], pool.tick_spacing)
    _refuse_difference(pool, "factory", values["factory"], pool.factory)


def _refuse_other_contracts(layout: Layout, pool: Pool, results: Sequence[CallResult]) -> Sequence[CallResult]:
    """Check what the contracts around the pool say, and return the answers that are left."""
    find, _ = layout.find_pool(pool)
    expected: list[tuple[str, ContractFunction, object]] = [
        (f"pool of these {layout.key_named} at the factory", find, pool.address),
        *((proof.what, proof.read, proof.expected) for proof in layout.proofs(pool)),
        (_decimals_of(pool.token0), DECIMALS, pool.token0.decimals),
        (_decimals_of(pool.token1), DECIMALS, pool.token1.decimals),
    ]
    answers = [
        _values(pool, Named(read, ("it",)), result)["it"]
        for (_, read, _), result in zip(expected, results[: len(expected)], strict=True)
    ]
    for (what, _, wanted), found in zip(expected, answers, strict=True):
        _refuse_difference(pool, what, found, wanted)
    return results[len(expected) :]


def _decimals_of(token: Token) -> str:
    return f"decimals of {token.symbol} {token.address}"


def _values(pool: Pool, named: Named, result: CallResult) -> dict[str, Any]:
    if not result.succeeded:
        raise PoolNotFound(f"pool {pool.pool_id}: {named.read.name}() fails, no {pool.family} pool at this address")
    try:
        return named.values(result.data, f"pool {pool.pool_id}")
    except BadAnswer as error:
        raise PoolNotFound(f"{error}: no {pool.family} pool as the registry describes it") from error


def _refuse_difference(pool: Pool, what: str, found: object, expected: object) -> None:
    if str(found).lower() != str(expected).lower():
        raise PoolNotFound(f"pool {pool.pool_id}: {what} is {found}, registry says {expected}")
