"""What moving capital costs: gas at the chain's own fees, swaps, bridges and waiting. No action is free here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alm_core.math.bin_ranges import place_at_tick
from alm_core.model.epochs import SECONDS_PER_YEAR
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ChainState, PoolState, SwapCost
from alm_core.model.pools import Pool
from alm_core.portfolio.valuation import Prices, full_range_usd

WEI = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class GasUnits:
    """Gas of one family's actions, measured on its real contracts.

    ``close`` is collect, decrease and burn; ``add`` raises the liquidity of a position that has earned since. Of bins,
    ``open`` and ``close`` are those of a part of 31 bins.
    """

    open: int
    swap: int
    close: int
    add: int
    collect: int


def _by_manager(mint: int, swap: int, collect: int, decrease: int, burn: int) -> GasUnits:
    # Adding was measured at Uniswap V3 (218,000 beside a mint of 433,000); others differ in what their pools write.
    add = round(218_000 * mint / 433_000)
    return GasUnits(open=mint, swap=swap, close=collect + decrease + burn, add=add, collect=collect)


def _staked(plain: GasUnits, stake: int, unstake: int) -> GasUnits:
    # What is collected is added to at once: it is staked once for both.
    more = {"open": plain.open + stake, "close": plain.close + unstake, "add": plain.add + stake + unstake}
    return replace(plain, **more)


_PERMITS = 68_000
"""What giving and taking back rights through Permit2 takes beyond the approvals that every open is charged."""

GAS_BY_FAMILY = {
    "uniswap_v3": _by_manager(433_000, 101_000, 202_000, 152_000, 70_000),
    "pancake_v3": _by_manager(431_000, 112_000, 204_000, 149_000, 70_000),
    "pangolin_v3": _by_manager(456_000, 114_000, 209_000, 175_000, 74_000),
    "algebra_v1": _by_manager(443_000, 110_000, 200_000, 162_000, 70_000),
    "camelot_v3": _by_manager(443_000, 110_000, 200_000, 162_000, 70_000),
    "algebra_integral": _by_manager(473_000, 102_000, 206_000, 172_000, 69_000),
    "slipstream": _by_manager(447_000, 132_000, 218_000, 171_000, 70_000),
    "ramses_v3": _by_manager(519_000, 120_000, 235_000, 176_000, 62_000),
    "uniswap_v4": GasUnits(
        open=404_000 + _PERMITS, swap=115_000, close=167_000, add=291_000 + _PERMITS, collect=121_000
    ),
    "infinity": GasUnits(
        open=311_000 + 116_000 + _PERMITS, swap=128_000, close=341_000, add=308_000 + _PERMITS, collect=179_000
    ),
    "liquidity_book": GasUnits(open=2_556_000, swap=110_000, close=768_000, add=899_000, collect=0),
    "liquidity_book_v20": GasUnits(open=2_821_000, swap=110_000, close=2_033_000, add=1_333_000, collect=483_000),
}
"""Measured by creating, minting, swapping, collecting, decreasing and burning on the contracts of each family, in pools
that begin empty: on the real ones but for additions to bins and all of Liquidity Book 2.0, measured on the localnet's.
Camelot's are QuickSwap's. Paying in first costs an open in Infinity what it costs one in V4 (116,000). Closing 31 bins
scales what closing 9 took (223,000); fees of 2.0 are collected by a call of their own."""
GAS_WHERE_STAKED = {
    "slipstream": _staked(GAS_BY_FAMILY["slipstream"], 483_000 + 48_000, 424_000),
    "pancake_v3": _staked(GAS_BY_FAMILY["pancake_v3"], 439_000, 245_000),
}
"""With staking in a gauge or a farm and taking back from it: the most that was measured on our own contracts with the
real ABI, whose bookkeeping is that of the real ones."""
BINS_MEASURED = 31
"""How many bins the gas of families with bins is for."""
GAS_ROUTING = 150_000
"""What an aggregator's router adds to a pool's swap."""
GAS_BRIDGE = 288_000
"""What sending one token to another chain takes, beside its approval and reset: twice what was measured (126,000 to
144,000) on the localnet's diamond, which has the real ABI and does less than real bridges do."""
GAS_APPROVAL = 48_000
APPROVALS_PER_OPEN, APPROVALS_PER_SWAP = 4, 2
"""Exact approvals, and their reset to zero."""


def gas_name(pool: Pool) -> str:
    """Return the name by which :func:`gas_units` knows what a pool's actions cost."""
    return f"{pool.family}, staked" if pool.stakes else pool.family


def gas_lots(pool: Pool, tick_lower: int, tick_upper: int) -> tuple[str, ...]:
    """Return a pool's gas name as often as opening or closing a range there costs what was measured for it.

    Once, but where a range is made of bins: there it is once for every :data:`BINS_MEASURED` of them, begun ones too.
    """
    if pool.bin_step is None:
        return (gas_name(pool),)
    bins = place_at_tick(pool.bin_step, tick_upper) - place_at_tick(pool.bin_step, tick_lower)
    return (pool.family,) * max(1, -(-bins // BINS_MEASURED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Cost of a set of actions, in USD.

    Parameters
    ----------
    gas_usd
        Gas of all transactions.
    swap_usd
        Fees and price impact of swaps.
    swapped_usd
        Value swapped; no cost itself.
    bridge_usd
        What bridges keep: their fees and what arrives less than was sent.
    in_transit_usd
        Income that capital misses while it is on its way between chains. Both are zero for moves within a chain.
    """

    gas_usd: float
    swap_usd: float
    swapped_usd: float
    bridge_usd: float = 0.0
    in_transit_usd: float = 0.0

    @property
    def total_usd(self) -> float:
        """Everything that an action must earn back."""
        return self.gas_usd + self.swap_usd + self.bridge_usd + self.in_transit_usd

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            gas_usd=self.gas_usd + other.gas_usd,
            swap_usd=self.swap_usd + other.swap_usd,
            swapped_usd=self.swapped_usd + other.swapped_usd,
            bridge_usd=self.bridge_usd + other.bridge_usd,
            in_transit_usd=self.in_transit_usd + other.in_transit_usd,
        )


SWAPPED_PER_SHIFT_FRAC = 0.5
"""A range that the price has left is all in one token: half of it is swapped to place it around the price again."""

NO_COST = Cost(gas_usd=0.0, swap_usd=0.0, swapped_usd=0.0)


def gas_units(family: str) -> GasUnits:
    """Return the measured gas of a family, or of what :func:`gas_name` calls one whose positions are staked.

    Raises
    ------
    InvalidInput
        If the family was never measured: an unknown cost is not zero.
    """
    plain = family.removesuffix(", staked")
    if plain != family and plain in GAS_WHERE_STAKED:
        return GAS_WHERE_STAKED[plain]
    if family not in GAS_BY_FAMILY:
        raise InvalidInput(f"gas of DEX family {family!r} was never measured; known: {sorted(GAS_BY_FAMILY)}")
    return GAS_BY_FAMILY[family]


def gas_usd(chain: ChainState, units: int) -> float:
    """Return the price of an amount of gas at the pinned block's fees.

    Raises
    ------
    InvalidInput
        If the native token's USD price is unknown or not positive.
    """
    native_usd = chain.native_usd
    if native_usd is None or not (math.isfinite(native_usd) and native_usd > 0):
        raise InvalidInput(f"chain {chain.block.chain_id}: native_usd {native_usd} is not a positive number")
    return units * (chain.base_fee_wei + chain.priority_fee_wei) / WEI * native_usd


def swap_cost_frac(
    states: Sequence[PoolState], swapped_usd: float, prices: Prices, quote: SwapCost | None = None
) -> float:
    r"""Return fee plus price impact of a swap on one chain, as a fraction.

    Parameters
    ----------
    states
        Pools of the chain.
    swapped_usd
        Value sold.
    prices
        USD prices.
    quote
        A live quote for the chain, if there is one.

    Notes
    -----
    Selling :math:`S` into liquidity worth :math:`A = 2 L \sqrt P` moves the average price by :math:`2 S / A`; the
    cheapest pool counts. A quote stands for every swap up to its size, since impact only grows with it; beyond that
    size the dearer of quote and pool counts. A quote better than the independent price is a swap for nothing, no gain.

    Raises
    ------
    InvalidInput
        If no quote covers the swap and no pool has liquidity.
    """
    quoted = max(0.0, quote.cost_frac) if quote is not None else 0.0
    if quote is not None and swapped_usd <= quote.sold_usd:
        return quoted
    depths = [(state, full_range_usd(state, state.liquidity, prices)) for state in states]
    costs = [state.fee_pips / 1e6 + 2.0 * swapped_usd / depth for state, depth in depths if depth > 0.0]
    if not costs:
        raise InvalidInput("no pool with liquidity to swap in")
    return max(quoted, min(costs))


def move_cost(
    chain: ChainState,
    states: Sequence[PoolState],
    prices: Prices,
    *,
    closed: Sequence[str],
    opened: Sequence[str],
    swapped_usd: float,
    added: Sequence[str] = (),
    collected: Sequence[str] = (),
    quote: SwapCost | None = None,
) -> Cost:
    """Return the cost of closing, collecting, swapping once, opening and adding on one chain.

    Parameters
    ----------
    chain
        Fees and native price.
    states
        Pools of the chain.
    prices
        USD prices.
    closed, opened, added, collected
        DEX family of every position closed, opened, added to, or only collected from.
    swapped_usd
        Value to be swapped in between; 0 for none.
    quote
        A live quote of a swap on the chain, if there is one.
    """
    if not (closed or opened or added or collected):
        return NO_COST
    units = sum(gas_units(family).close for family in closed)
    units += sum(gas_units(family).collect for family in collected)
    units += sum(gas_units(family).open + APPROVALS_PER_OPEN * GAS_APPROVAL for family in opened)
    units += sum(gas_units(family).add + APPROVALS_PER_OPEN * GAS_APPROVAL for family in added)
    if swapped_usd <= 0.0:
        return Cost(gas_usd=gas_usd(chain, units), swap_usd=0.0, swapped_usd=0.0)
    units += max(gas_units(state.pool.family).swap for state in states) + GAS_ROUTING
    units += APPROVALS_PER_SWAP * GAS_APPROVAL
    swap_usd = swapped_usd * swap_cost_frac(states, swapped_usd, prices, quote)
    return Cost(gas_usd=gas_usd(chain, units), swap_usd=swap_usd, swapped_usd=swapped_usd)


def bridge_cost(moved_usd: float, *, fee_usd: float, fee_frac: float, transit_s: float, income_apr: float) -> Cost:
    r"""Return what bringing capital to another chain costs beside gas and swaps there.

    Parameters
    ----------
    moved_usd
        Capital on its way.
    fee_usd, fee_frac
        What the bridge keeps: a fixed part and a part of the capital.
    transit_s
        Time until it can be placed again.
    income_apr
        What it earns where it is now, per year; a position that loses misses nothing.

    Notes
    -----
    In transit is missed :math:`x\,y\,\tau`: capital, yield and time.

    Raises
    ------
    InvalidInput
        If a figure is negative or not finite: an unknown fee or time is not zero.
    """
    figures = {"moved_usd": moved_usd, "fee_usd": fee_usd, "fee_frac": fee_frac, "transit_s": transit_s}
    for name, value in figures.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise InvalidInput(f"bridge: {name} {value} is not a finite non-negative number")
    if not math.isfinite(income_apr):
        raise InvalidInput(f"bridge: income_apr {income_apr} is not finite")
    return Cost(
        gas_usd=0.0,
        swap_usd=0.0,
        swapped_usd=0.0,
        bridge_usd=fee_usd + fee_frac * moved_usd,
        in_transit_usd=moved_usd * max(0.0, income_apr) * transit_s / SECONDS_PER_YEAR,
    )


def shift_cost(chain: ChainState, states: Sequence[PoolState], prices: Prices, capital_usd: float) -> Cost:
    """Return the cost of shifting one position of a chain to around the price, after the price has left it.

    Raises
    ------
    InvalidInput
        If the chain has no pool with liquidity.
    """
    live = [state for state in states if state.liquidity > 0]
    if not live:
        raise InvalidInput(f"chain {chain.block.chain_id} has no pool with liquidity")
    family = gas_name(live[0].pool)
    swapped_usd = capital_usd * SWAPPED_PER_SHIFT_FRAC
    return move_cost(chain, live, prices, closed=(family,), opened=(family,), swapped_usd=swapped_usd)
