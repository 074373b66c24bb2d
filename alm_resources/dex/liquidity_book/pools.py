"""State of a pair, and the proof that it is the pair the registry describes.

A pair is read in two steps: which bin is active has to be known before that bin and those around it can be asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alm_core.math.bin_ranges import edge_tick, place_of_bin
from alm_core.math.bin_shares import FeeParameters, fee_at, most_fee
from alm_core.math.bin_spread import liquidity_of_bin
from alm_core.math.bins import BASIS_POINTS, MAX_ID, sqrt_price_x128
from alm_core.math.tick import sqrt_price_x96_at_tick, tick_at_sqrt_price_x96
from alm_core.model.chain_ports import Call, CallResult
from alm_core.model.errors import BadAnswer, InvalidInput, PoolNotFound
from alm_core.model.market import ActiveBin, BinReserves, Block, PoolState
from alm_core.model.pools import Pool, Token
from alm_resources.chains.calldata import ContractFunction
from alm_resources.dex.erc20 import DECIMALS, decimals_call
from alm_resources.dex.liquidity_book import abi
from alm_resources.dex.liquidity_book.abi import Layout

BINS_EACH_SIDE = 12
"""Bins read on each side of the active one: two pairs still fit into one request of 100 calls."""
_PIP = 10**12
"""Of fees that are parts of 1e18."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    bin_step: int
    active_id: int
    fees: FeeParameters


def pool_calls(layout: Layout, pool: Pool) -> tuple[Call, ...]:
    """Return the first reads of a pair. All may fail, so that a wrong address is told as such."""
    return (
        *(read.call(pool.address, may_fail=True) for read in (*_identity(layout), *layout.pair_reads)),
        layout.router_factory.call(pool.position_manager, may_fail=True),
        abi.GET_LB_PAIR.call(pool.factory, pool.token0.address, pool.token1.address, pool.bin_step, may_fail=True),
        decimals_call(pool.token0.address),
        decimals_call(pool.token1.address),
        abi.GET_HOOKS.call(pool.address, may_fail=True),
    )


def further_calls(layout: Layout, pool: Pool, results: Sequence[CallResult]) -> tuple[Call, ...]:
    """Return the read of the active bin, then of those around it, or nothing where the answers are not a pair's."""
    try:
        pair = _pair(layout, pool, results)
    except PoolNotFound:
        return ()
    ids = _ids_read(layout, pair.active_id)
    shares = () if layout.fees_apart else (abi.TOTAL_SUPPLY.call(pool.address, one, may_fail=True) for one in ids)
    return (*(abi.GET_BIN.call(pool.address, one, may_fail=True) for one in ids), *shares)


def read_pool(layout: Layout, pool: Pool, results: Sequence[CallResult], block: Block) -> PoolState:
    """Decode the answers to :func:`pool_calls` and then to :func:`further_calls`.

    Raises
    ------
    PoolNotFound
        If there is no pair, it has hooks, or it differs from the registry in tokens, decimals, bin step, factory or
        router.
    BadAnswer
        If the active bin was not read.
    """
    pair = _pair(layout, pool, results)
    token0_is_x = _token_order(layout, pool, results)
    first = len(pool_calls(layout, pool))
    _refuse_others(layout, pool, pair.bin_step, results[:first])
    bins = _bins(layout, pool, pair.active_id, results[first:], token0_is_x=token0_is_x)
    reserves = bins[0].reserve0, bins[0].reserve1
    sqrt_price_x96 = _sqrt_price(pool, pair, reserves, token0_is_x=token0_is_x)
    protocol_frac = pair.fees.protocol_share / BASIS_POINTS
    return PoolState(
        pool=pool,
        block=block,
        sqrt_price_x96=sqrt_price_x96,
        tick=tick_at_sqrt_price_x96(sqrt_price_x96),
        liquidity=liquidity_of_bin(reserves, pair.active_id, pair.bin_step, token0_is_x=token0_is_x),
        fee_pips=round(fee_at(pair.fees, pair.bin_step, pair.active_id, int(block.block_at.timestamp())) / _PIP),
        fee_growth_global0_x128=None,
        fee_growth_global1_x128=None,
        source=f"rpc:{block.chain_id}",
        protocol_fee_frac0=protocol_frac,
        protocol_fee_frac1=protocol_frac,
        active_bin=ActiveBin(
            bin_id=pair.active_id,
            token0_is_x=token0_is_x,
            reserve0=reserves[0],
            reserve1=reserves[1],
            most_fee_pips=-(-most_fee(pair.fees, pair.bin_step) // _PIP),
        ),
        bins=() if layout.fees_apart else tuple(sorted(bins, key=lambda one: one.bin_id)),
    )


def _ids_read(layout: Layout, active_id: int) -> list[int]:
    """Ids of the bins that are read: the active one first."""
    if layout.fees_apart:
        return [active_id]
    ids = range(max(0, active_id - BINS_EACH_SIDE), min(MAX_ID, active_id + BINS_EACH_SIDE) + 1)
    return [active_id, *(one for one in ids if one != active_id)]


def _bins(
    layout: Layout, pool: Pool, active_id: int, results: Sequence[CallResult], *, token0_is_x: bool
) -> list[BinReserves]:
    """Bins in the order they are read; their shares are 0 where those are not asked for."""
    ids = _ids_read(layout, active_id)
    if len(results) < len(ids) * (1 if layout.fees_apart else 2):
        raise BadAnswer(f"pool {pool.pool_id}", f"its active bin {active_id} and those around it were not read")
    found: list[BinReserves] = []
    for place, bin_id in enumerate(ids):
        x, y = _answer(pool, abi.GET_BIN, results[place])
        reserve0, reserve1 = (x, y) if token0_is_x else (y, x)
        supply = 0 if layout.fees_apart else _answer(pool, abi.TOTAL_SUPPLY, results[len(ids) + place])[0]
        found.append(BinReserves(bin_id=bin_id, reserve0=reserve0, reserve1=reserve1, supply=supply))
    return found


def _identity(layout: Layout) -> tuple[ContractFunction, ...]:
    return (layout.token_x, layout.token_y, layout.factory)


def _pair(layout: Layout, pool: Pool, results: Sequence[CallResult]) -> _Pair:
    own = results[len(_identity(layout)) :]
    answers = [_answer(pool, read, result) for read, result in zip(layout.pair_reads, own, strict=False)]
    if layout.fees_apart:
        (bin_step, *static), (_, _, active_id) = answers
        names = static
    else:
        (bin_step,), (active_id,), static, variable = answers
        names = [*static, *variable]
    return _Pair(bin_step=bin_step, active_id=active_id, fees=_fees(names))


def _fees(values: Sequence[int]) -> FeeParameters:
    """Both generations tell them in this order."""
    base, filtered, decay, reduction, control, share, most, accumulator, reference, reference_id, updated_s = values
    return FeeParameters(
        base_factor=base,
        filter_period=filtered,
        decay_period=decay,
        reduction_factor=reduction,
        variable_fee_control=control,
        protocol_share=share,
        max_volatility_accumulator=most,
        volatility_accumulator=accumulator,
        volatility_reference=reference,
        id_reference=reference_id,
        updated_s=updated_s,
    )


def _token_order(layout: Layout, pool: Pool, results: Sequence[CallResult]) -> bool:
    """Return whether token0 is X; the pair's tokens must be the registry's two."""
    (x,), (y,) = (
        _answer(pool, read, result) for read, result in zip((layout.token_x, layout.token_y), results[:2], strict=True)
    )
    found = (str(x).lower(), str(y).lower())
    own = (pool.token0.address.lower(), pool.token1.address.lower())
    if found not in (own, own[::-1]):
        raise PoolNotFound(f"pool {pool.pool_id}: tokens are {x} and {y}, registry says {own[0]} and {own[1]}")
    return found == own


def _refuse_others(layout: Layout, pool: Pool, bin_step: int, results: Sequence[CallResult]) -> None:
    named = results[2], *results[len(_identity(layout)) + len(layout.pair_reads) :]
    factory, router, known, decimals0, decimals1, hooks = named
    _refuse_difference(pool, "bin step", bin_step, pool.bin_step)
    _refuse_difference(pool, "factory", _answer(pool, layout.factory, factory)[0], pool.factory)
    _refuse_difference(pool, "factory of the router", _answer(pool, layout.router_factory, router)[0], pool.factory)
    registered = _answer(pool, abi.GET_LB_PAIR, known)[1]
    _refuse_difference(pool, "pair of these tokens and bin step at the factory", registered, pool.address)
    for token, answer in ((pool.token0, decimals0), (pool.token1, decimals1)):
        _refuse_difference(pool, _decimals_of(token), _answer(pool, DECIMALS, answer)[0], token.decimals)
    # Pairs before 2.2 have no such function.
    if hooks.succeeded and len(hooks.data) >= 32 and any(hooks.data):
        raise PoolNotFound(f"pool {pool.pool_id}: it has hooks ({hooks.data.hex()}), and what they do is not known")


def _sqrt_price(pool: Pool, pair: _Pair, reserves: tuple[int, int], *, token0_is_x: bool) -> int:
    """Return the price between the edges of the active bin where a V3 range of the bin would hold what it holds.

    Swaps in the bin have its one price, which is half way. What V3's arithmetic makes of a range at the price told here
    is what the bins of that range hold and need, to the active one; and near an edge the next bin is near.
    """
    try:
        root = sqrt_price_x128(pair.active_id, pair.bin_step, token0_is_x=token0_is_x)
        place = place_of_bin(pair.active_id, token0_is_x=token0_is_x)
        lower, upper = (sqrt_price_x96_at_tick(edge_tick(pair.bin_step, one)) for one in (place, place + 1))
    except InvalidInput as error:
        raise PoolNotFound(f"pool {pool.pool_id}: active bin {pair.active_id} is beyond any price: {error}") from error
    value0, value1 = reserves[0] * root * root, reserves[1] << 256
    if not value0 + value1:
        value0 = value1 = 1
    return min(lower + (upper - lower) * value1 // (value0 + value1), upper - 1)


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
