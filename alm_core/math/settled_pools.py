"""Arithmetic of pools that settle at the end of a call: Uniswap V4 and PancakeSwap Infinity.

Their mint takes liquidity, not amounts, and their protocol fee comes on top of the fee for liquidity.
"""

from dataclasses import dataclass

from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.model.dex_ports import PriceInterval

_PIPS = 1_000_000
_PACKED_BITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class MintAmounts:
    """What a mint of a fixed liquidity takes over an interval of prices, raw units."""

    least0: int
    most0: int
    least1: int
    most1: int


def mint_amounts(interval: PriceInterval, sqrt_lower: int, sqrt_upper: int, liquidity: int) -> MintAmounts:
    """Return the least and the most that minting ``liquidity`` takes at any price of the interval, to the unit.

    Token0 falls and token1 grows with the price, so that the ends of the interval are the extremes.

    Examples
    --------
    >>> interval = PriceInterval(sqrt_lower_x96=2**96, sqrt_upper_x96=2**97)
    >>> mint_amounts(interval, 2**95, 2**97, 1000)
    MintAmounts(least0=0, most0=500, least1=500, most1=1500)
    """
    bounds = sqrt_lower, sqrt_upper
    most0, least1 = amounts_for_liquidity(interval.sqrt_lower_x96, *bounds, liquidity, round_up=True)
    least0, most1 = amounts_for_liquidity(interval.sqrt_upper_x96, *bounds, liquidity, round_up=True)
    return MintAmounts(least0=least0, most0=most0, least1=least1, most1=most1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledFee:
    """Fee of a swap, and the parts of it on token0 and token1 that do not go to liquidity, each below 1."""

    fee_pips: int
    protocol_frac0: float
    protocol_frac1: float


def settled_fee(packed_protocol_pips: int, lp_pips: int) -> SettledFee:
    """Return what a swap pays and what of it is the protocol's.

    Parameters
    ----------
    packed_protocol_pips
        ``protocolFee`` of ``slot0``: 1e-6 in 12 bits per direction, the lower for swaps that sell token0.
    lp_pips
        ``lpFee`` of ``slot0``, 1e-6 of what the protocol leaves.

    Notes
    -----
    ``ProtocolFeeLibrary.calculateSwapFee`` of v4-core and infinity-core: ``protocol + lp - protocol * lp / 1e6``,
    truncated. Of the amount that goes in ``Pool.swap`` gives ``protocol`` to the protocol. Where the directions differ
    the fee is the higher one, and the parts are of it.

    Examples
    --------
    >>> settled_fee(0, 500)
    SettledFee(fee_pips=500, protocol_frac0=0.0, protocol_frac1=0.0)
    >>> settled_fee(1000 << 12 | 1000, 3000).fee_pips
    3997
    """
    protocols = packed_protocol_pips % (1 << _PACKED_BITS), packed_protocol_pips >> _PACKED_BITS
    whole = [protocol + lp_pips - protocol * lp_pips // _PIPS for protocol in protocols]
    fee_pips = max(whole)
    # Exactly zero where all of the fee is liquidity's, and where there is no fee at all.
    frac0, frac1 = (
        1 - (of_direction - protocol) / fee_pips if of_direction - protocol != fee_pips else 0.0
        for of_direction, protocol in zip(whole, protocols, strict=True)
    )
    return SettledFee(fee_pips=fee_pips, protocol_frac0=frac0, protocol_frac1=frac1)
