"""Shares, amounts and fees of one bin, rounded as Liquidity Book 2.1 and 2.2 round them (joe-v2: BinHelper, FeeHelper).

Amounts are pairs ``(x, y)`` of raw integers, prices 128.128 numbers of Y per X, fees parts of 1e18.
"""

import math
from dataclasses import dataclass

from alm_core.math.bins import BASIS_POINTS
from alm_core.math.tick import Q128, UINT256_MAX
from alm_core.model.errors import InvalidInput

PRECISION = 10**18
MAX_LIQUIDITY_PER_BIN = 65251743116719673010965625540244653191619923014385985379600384103134737

Amounts = tuple[int, int]


def bin_liquidity(amounts: Amounts, price_x128: int) -> int:
    """Return ``price x + y`` with 128 bits of fraction (``BinHelper.getLiquidity``).

    Raises
    ------
    InvalidInput
        If it exceeds 256 bits, where the contract reverts.
    """
    liquidity = price_x128 * amounts[0] + (amounts[1] << 128)
    if liquidity > UINT256_MAX:
        raise InvalidInput(f"amounts {amounts} at price {price_x128} exceed what a bin can hold")
    return liquidity


def shares_for_amounts(reserves: Amounts, amounts: Amounts, price_x128: int, supply: int) -> tuple[int, Amounts]:
    """Return the shares that amounts buy, before composition fees, and the part of the amounts that is taken for them.

    ``BinHelper.getSharesAndEffectiveAmountsIn``: the first deposit gets the root of its liquidity; later ones their
    part of the supply, rounded down, and what the rounding leaves over is not taken.

    Raises
    ------
    InvalidInput
        If the bin would hold more than the contract allows.

    Examples
    --------
    >>> shares_for_amounts((0, 0), (0, 4), Q128, 0)
    (36893488147419103232, (0, 4))
    """
    ours = bin_liquidity(amounts, price_x128)
    if not ours:
        return 0, (0, 0)
    whole = bin_liquidity(reserves, price_x128)
    if not whole or not supply:
        return math.isqrt(ours), amounts
    shares = ours * supply // whole
    x, y = amounts
    excess = ours - -(-shares * whole // supply)
    if excess >= Q128:
        less_y = min(excess >> 128, y)
        y -= less_y
        excess -= less_y << 128
    if excess >= price_x128:
        x -= min(excess // price_x128, x)
    if bin_liquidity((reserves[0] + x, reserves[1] + y), price_x128) > MAX_LIQUIDITY_PER_BIN:
        raise InvalidInput(f"{amounts} are more than a bin with {reserves} can take")
    return shares, (x, y)


def amounts_for_shares(reserves: Amounts, shares: int, supply: int) -> Amounts:
    """Return what burning shares of a bin pays (``BinHelper.getAmountOutOfBin``).

    Examples
    --------
    >>> amounts_for_shares((10, 7), 1, 3)
    (3, 2)
    """
    return shares * reserves[0] // supply, shares * reserves[1] // supply


def composition_fees(reserves: Amounts, amounts: Amounts, supply: int, shares: int, total_fee: int) -> Amounts:
    """Return the fee for amounts that do not have the active bin's composition (``BinHelper.getCompositionFees``).

    Examples
    --------
    >>> composition_fees((100, 100), (10, 10), 200, 20, 10**15)
    (0, 0)
    """
    if not shares:
        return 0, 0
    back = amounts_for_shares((reserves[0] + amounts[0], reserves[1] + amounts[1]), shares, supply + shares)
    if back[0] > amounts[0]:
        return 0, _composition_fee(amounts[1] - back[1], total_fee)
    if back[1] > amounts[1]:
        return _composition_fee(amounts[0] - back[0], total_fee), 0
    return 0, 0


def _composition_fee(amount: int, total_fee: int) -> int:
    return amount * total_fee * (total_fee + PRECISION) // (PRECISION * PRECISION)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeParameters:
    """What the fee of a pair follows from; versions 2.0 to 2.2 have the same fields.

    ``protocol_share`` and ``reduction_factor`` are parts of 10,000, periods are seconds, ``updated_s`` is the time of
    the last update.
    """

    base_factor: int
    filter_period: int
    decay_period: int
    reduction_factor: int
    variable_fee_control: int
    protocol_share: int
    max_volatility_accumulator: int
    volatility_accumulator: int
    volatility_reference: int
    id_reference: int
    updated_s: int


def fee_at(parameters: FeeParameters, bin_step: int, active_id: int, at_s: int) -> int:
    """Return the fee of a swap in the active bin at a time (``PairParameterHelper.getTotalFee`` after its updates)."""
    passed_s = at_s - parameters.updated_s
    reference, reference_id = parameters.volatility_reference, parameters.id_reference
    if passed_s >= parameters.filter_period:
        reference_id = active_id
        decayed = parameters.volatility_accumulator * parameters.reduction_factor // BASIS_POINTS
        reference = decayed if passed_s < parameters.decay_period else 0
    accumulator = reference + abs(active_id - reference_id) * BASIS_POINTS
    return _total_fee(parameters, bin_step, min(accumulator, parameters.max_volatility_accumulator))


def most_fee(parameters: FeeParameters, bin_step: int) -> int:
    """Return the fee when volatility is as high as the pair counts it."""
    return _total_fee(parameters, bin_step, parameters.max_volatility_accumulator)


def _total_fee(parameters: FeeParameters, bin_step: int, accumulator: int) -> int:
    product = accumulator * bin_step
    variable = (product * product * parameters.variable_fee_control + 99) // 100
    return parameters.base_factor * bin_step * 10**10 + variable
