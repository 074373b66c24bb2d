"""What a pool took in between two readings, from the growth of its fees: never from rolling 24 h sums of a service."""

from dataclasses import dataclass
from fractions import Fraction

from alm_core.math.fee_growth import growth_delta
from alm_core.math.tick import UINT256_MAX
from alm_core.model.errors import InvalidInput
from alm_core.model.market import PoolState

PIPS = 1_000_000
_FINEST_PROTOCOL_PART = 10_000
"""Denominator of the finest protocol fee of any family; a float of such a fraction gives it back exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFlow:
    """Fees and volume of a pool over an interval, raw units of each token.

    Parameters
    ----------
    pool_id
        As in the registry.
    fees0, fees1
        Fees that went to liquidity, without the protocol's part.
    volume0, volume1
        What was swapped into the pool, fee included; ``None`` where the pool takes no fee of that token, so that fees
        tell nothing of it.
    seconds
        Between the two blocks.
    exact
        Whether nothing that the two readings show contradicts that one liquidity earned all the fees at one rate.
        ``False`` where liquidity, fee or protocol part differ, or where the tick is in another spacing: then ``fees``
        rest on the mean liquidity. A price that went away and came back in between is not seen.
    """

    pool_id: str
    fees0: int
    fees1: int
    volume0: int | None
    volume1: int | None
    seconds: float
    exact: bool


def interval_flow(before: PoolState | None, after: PoolState | None) -> PoolFlow | None:
    r"""Return what a pool took in between two readings; ``None`` if one is missing, or the pool keeps no fee growth.

    Parameters
    ----------
    before, after
        Readings of one pool at two blocks.

    Raises
    ------
    InvalidInput
        If they are of two pools, of the same block, or in reversed order.

    Notes
    -----
    With the growth of fees per unit of liquidity :math:`g` modulo :math:`2^{256}` (``UniswapV3Pool.swap``) and the mean
    in-range liquidity :math:`\bar L`, fees to liquidity are :math:`\lfloor g \bar L / 2^{128} \rfloor`; with the fee
    :math:`\phi` and the protocol's part of it :math:`p`, the volume is :math:`fees / (\phi (1 - p))`. Each step of a
    swap rounds its fee up by less than a unit and its growth down by less than a unit of fees.
    """
    if before is None or after is None:
        return None
    _refuse_disorder(before, after)
    fees = fees_to_liquidity(before, after)
    if fees is None:
        return None
    fees0, fees1 = fees
    return PoolFlow(
        pool_id=after.pool.pool_id,
        fees0=fees0,
        fees1=fees1,
        volume0=_volume(fees0, (before.fee_pips, after.fee_pips), after.protocol_fee_frac0),
        volume1=_volume(fees1, (before.fee_pips, after.fee_pips), after.protocol_fee_frac1),
        seconds=(after.block.block_at - before.block.block_at).total_seconds(),
        exact=_conditions(before) == _conditions(after),
    )


def fees_to_liquidity(before: PoolState, after: PoolState) -> tuple[int, int] | None:
    """Return the fees of each token that went to liquidity between two readings of one pool, the first one older.

    ``None`` where the pool keeps no fee growth, as pools of bins do not.

    The part of :func:`interval_flow` that measuring yields needs, without its checks.
    """
    then0, then1 = before.fee_growth_global0_x128, before.fee_growth_global1_x128
    now0, now1 = after.fee_growth_global0_x128, after.fee_growth_global1_x128
    if then0 is None or then1 is None or now0 is None or now1 is None:
        return None
    liquidity = (before.liquidity + after.liquidity) // 2
    # growth_delta written out: every pool and epoch asks for the hundred flows of a window.
    return (now0 - then0 & UINT256_MAX) * liquidity >> 128, (now1 - then1 & UINT256_MAX) * liquidity >> 128


def fee_growths(before: PoolState, after: PoolState) -> tuple[int, int] | None:
    """Return what a unit of liquidity earned of each token between two readings, times 2^128; ``None`` if not kept."""
    then0, then1 = before.fee_growth_global0_x128, before.fee_growth_global1_x128
    now0, now1 = after.fee_growth_global0_x128, after.fee_growth_global1_x128
    if then0 is None or then1 is None or now0 is None or now1 is None:
        return None
    return growth_delta(now0, then0), growth_delta(now1, then1)


def _refuse_disorder(before: PoolState, after: PoolState) -> None:
    if before.pool.pool_id != after.pool.pool_id:
        raise InvalidInput(f"flow between two pools: {before.pool.pool_id} and {after.pool.pool_id}")
    first, last = before.block, after.block
    if last.number <= first.number or last.block_at < first.block_at:
        raise InvalidInput(
            f"flow of {after.pool.pool_id} from block {first.number} of {first.block_at.isoformat()} "
            f"to block {last.number} of {last.block_at.isoformat()}: not later"
        )


def _volume(fees: int, fee_pips: tuple[int, int], protocol_frac: float) -> int | None:
    """Volume at the mean fee of both readings, to the nearest unit."""
    to_liquidity = 1 - Fraction(protocol_frac).limit_denominator(_FINEST_PROTOCOL_PART)
    rate = Fraction(sum(fee_pips), 2 * PIPS) * to_liquidity
    return round(fees / rate) if rate > 0 else None


def _conditions(state: PoolState) -> tuple[object, ...]:
    """Return what must not change for the fees to be those of one liquidity at one rate.

    Liquidity can only change at multiples of the spacing.
    """
    protocol_part = (state.protocol_fee_frac0, state.protocol_fee_frac1)
    return state.liquidity, state.fee_pips, protocol_part, state.tick // state.pool.tick_spacing
