"""What one position would have made of a prepared market of minutes: held, recentred, or moved by the policy."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alm_core.model.candles import FloatArray, IntArray
from alm_core.model.errors import InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.ranges.range import check_params
from alm_core.simulation.minute_book import (
    BOOK_ROWS,
    FEES,
    GAS,
    IDLE_BASE,
    IDLE_QUOTE,
    INSIDE,
    LVR,
    SWAP,
    MinuteColumns,
    net_value,
)
from alm_core.simulation.minute_kernel import run_fixed, run_policy
from alm_core.simulation.minute_rules import MinuteCosts, Rule
from alm_core.simulation.minutes import MinuteMarket

Kernel = Callable[[FloatArray, FloatArray, float], int]
"""Fills book and values at quarter hours for others' liquidity times a factor; returns the number of moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Capital at the opening of the first minute.

    Parameters
    ----------
    capital
        Value in quote.
    base_frac
        Part of it that is base. Whatever is placed is swapped for at the cost of a swap; HODL keeps these tokens.
    """

    capital: float
    base_frac: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinuteRun:
    """Outcome of a run, in quote. Without success everything but ``reason`` is empty or NaN.

    Parameters
    ----------
    nav : shape (k,)
        Value of everything at each quarter-hour close, uncollected fees included.
    hodl_nav : shape (k,)
        Value of the tokens of the start at the same moments.
    at_ms : shape (k,)
        The moments, milliseconds UTC.
    final, hodl
        Value after the last minute of everything, and of the tokens of the start.
    fees
        Fees earned, each at the price of its minute.
    lvr
        Loss versus rebalancing: what the position lost to a portfolio that held the same base minute by minute.
    swap, gas
        Costs paid.
    rebalances
        Moves after the first placing.
    in_range_frac
        Share of the time that the position was in range.
    final_low, final_high, fees_low, fees_high
        The same run with others' liquidity at the upper and at the lower end of what the market is sure of
        (``MinuteMarket.fee_error_frac``). Equal to the central figure where fees are known exactly.
    """

    success: bool
    reason: str
    source: str
    nav: FloatArray
    hodl_nav: FloatArray
    at_ms: IntArray
    final: float = math.nan
    hodl: float = math.nan
    fees: float = math.nan
    lvr: float = math.nan
    swap: float = math.nan
    gas: float = math.nan
    rebalances: int = 0
    in_range_frac: float = math.nan
    final_low: float = math.nan
    final_high: float = math.nan
    fees_low: float = math.nan
    fees_high: float = math.nan

    @property
    def returns(self) -> FloatArray:
        """Net return of every quarter hour after the first, fractions, shape (k - 1,): what a bootstrap resamples."""
        return self.nav[1:] / self.nav[:-1] - 1.0


def simulate_fixed(
    market: MinuteMarket,
    start: Start,
    costs: MinuteCosts,
    half_width_ticks: int,
    *,
    reset: bool,
    as_demeter: bool = False,
) -> MinuteRun:
    """Return what a range of a fixed width around the first price makes, held or recentred when a close leaves it.

    Parameters
    ----------
    market, start, costs
        Prepared minutes, capital, and what acting costs.
    half_width_ticks
        Ticks on either side of the tick at the moment of placing; both ends are rounded to the nearest usable tick.
    reset
        Whether it is recentred at the close of the minute whose close leaves the range.
    as_demeter
        Conventions of demeter 1.3.0: a minute's close is acted on at the price of its opening, the last value is that
        at the opening of the last minute, and swaps go to even halves, whose excess lies idle. Otherwise a close is
        acted on at its own price, and swaps go to the exact ratio of the range.
    """
    reason = market.problem or _bad_start(start) or costs.problem
    if not reason and half_width_ticks < market.grid.tick_spacing:
        reason = f"half width of {half_width_ticks} ticks is less than the spacing {market.grid.tick_spacing}"
    if reason:
        return _failed(market, reason)
    closes = market.closes

    def kernel(book: FloatArray, nav: FloatArray, thickness: float) -> int:
        style = (reset, as_demeter, as_demeter)
        return run_fixed(
            _columns(market), thickness, closes, half_width_ticks, style, book, costs.charges, market.grid, nav
        )

    return _ran(market, start, kernel, last=len(market) - (1 if as_demeter else 0))


def simulate_policy(
    market: MinuteMarket,
    start: Start,
    costs: MinuteCosts,
    params: RangeParams | Sequence[RangeParams],
    rule: Rule,
    *,
    in_force: IntArray | None = None,
) -> MinuteRun:
    """Return what the default policy makes of a market whose forces are known.

    Parameters
    ----------
    market, start, costs
        Prepared minutes with forces, capital, and what acting costs.
    params
        Range parameters, or several sets of them.
    rule
        Gates of the decision.
    in_force : shape (k,)
        Which of the sets is in force at each quarter-hour close, for parameters that change along the way. The first
        one throughout by default.
    """
    sets = [params] if isinstance(params, RangeParams) else list(params)
    chosen = np.zeros(market.closes.shape, dtype=np.int64) if in_force is None else in_force
    reason = market.problem or _bad_start(start) or costs.problem or rule.problem or _bad_sets(market, sets, chosen)
    if reason or market.forces is None:
        return _failed(market, reason)
    rows = np.array([_row(one) for one in sets])
    forces = (market.forces.volatility, market.forces.bias, market.forces.sigma_annual)
    closes, gates = market.closes, rule.gates

    def kernel(book: FloatArray, nav: FloatArray, thickness: float) -> int:
        actions = run_policy(
            _columns(market),
            thickness,
            closes,
            (market.base_until, market.quote_until),
            forces,
            rows,
            chosen,
            gates,
            book,
            costs.charges,
            market.grid,
            nav,
        )
        return max(0, actions - 1)

    return _ran(market, start, kernel, last=len(market))


def _ran(market: MinuteMarket, start: Start, kernel: Kernel, last: int) -> MinuteRun:
    price = float(market.root[0]) ** 2
    tokens = (start.capital * start.base_frac / price, start.capital * (1.0 - start.base_frac))
    root, shown = float(market.root[last]), market.closes - (len(market) - last)

    def run(thickness: float) -> tuple[FloatArray, FloatArray, int]:
        book, nav = np.zeros(BOOK_ROWS), np.empty(shown.shape[0])
        book[IDLE_BASE], book[IDLE_QUOTE] = tokens
        moves = kernel(book, nav, thickness)
        return book, nav, moves

    book, nav, moves = run(1.0)
    thin = thick = book
    if market.fee_error_frac > 0.0:
        thin, thick = run(1.0 / (1.0 + market.fee_error_frac))[0], run(1.0 + market.fee_error_frac)[0]
    return MinuteRun(
        success=True,
        reason="",
        source=market.source,
        nav=nav,
        hodl_nav=tokens[0] * market.root[shown] ** 2 + tokens[1],
        at_ms=market.closes_at_ms,
        final=net_value(book, root),
        hodl=tokens[0] * root * root + tokens[1],
        fees=float(book[FEES]),
        lvr=float(book[LVR]),
        swap=float(book[SWAP]),
        gas=float(book[GAS]),
        rebalances=moves,
        in_range_frac=float(book[INSIDE]) / len(market),
        final_low=net_value(thick, root),
        final_high=net_value(thin, root),
        fees_low=float(thick[FEES]),
        fees_high=float(thin[FEES]),
    )


def _failed(market: MinuteMarket, reason: str) -> MinuteRun:
    nothing = np.empty(0)
    return MinuteRun(
        success=False,
        reason=reason,
        source=market.source,
        nav=nothing,
        hodl_nav=nothing,
        at_ms=np.empty(0, dtype=np.int64),
    )


def _columns(market: MinuteMarket) -> MinuteColumns:
    return MinuteColumns(market.tick, market.root, market.fee_base, market.fee_quote, market.liquidity)


def _bad_start(start: Start) -> str:
    if not (math.isfinite(start.capital) and start.capital > 0.0):
        return f"capital {start.capital} is not a positive finite number"
    return "" if 0.0 <= start.base_frac <= 1.0 else f"base_frac {start.base_frac} is not in [0, 1]"


def _bad_sets(market: MinuteMarket, sets: Sequence[RangeParams], in_force: IntArray) -> str:
    if market.forces is None:
        return "the market has no forces: nothing can be decided"
    if in_force.shape != market.closes.shape:
        return f"{in_force.shape} sets in force for {market.closes.shape} quarter hours"
    if not sets or not np.all((in_force >= 0) & (in_force < len(sets))):
        return f"parameter sets in force are not all among the {len(sets)} given"
    try:
        for one in sets:
            check_params(one)
    except InvalidInput as problem:
        return str(problem)
    return ""


def _row(params: RangeParams) -> tuple[float, ...]:
    return (
        params.base_min_frac,
        params.base_max_frac,
        params.vforce_exp,
        params.vforce_divider,
        params.rs_threshold,
    )
