"""What simulated positions earn between two recorded snapshots: fees, rewards, and what stays in bins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import SECONDS_PER_YEAR
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot, PoolMarket, PoolState, Position
from alm_core.portfolio.flows import fee_growths
from alm_core.portfolio.valuation import Prices, amounts_usd, full_range_usd
from alm_core.portfolio.yields import SECONDS_PER_DAY
from alm_core.simulation.bin_growth import bin_fees, measured_bins
from alm_core.simulation.fee_minutes import PlaceWeights, place_weights
from alm_core.simulation.fee_steps import FeeSteps, active_at_places, edges_of, shared_fees
from alm_core.simulation.fee_swaps import PIPS, PoolEvents, steps_from_swaps
from alm_core.simulation.paper_wallet import marked
from alm_core.simulation.tick_growth import measured_cells, steps_from_cells

NOTHING_KNOWN: Mapping[str, PoolEvents] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What one position earned.

    Parameters
    ----------
    fees0, fees1
        Raw amounts that collecting pays.
    added_liquidity
        Liquidity that fees became, where they stay in the bins.
    rewards_usd
        Worth of rewards, in no token of the pair.
    """

    fees0: int = 0
    fees1: int = 0
    added_liquidity: int = 0
    rewards_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings:
    """What all positions earned.

    Parameters
    ----------
    positions
        By pool id and token id.
    growths_x128
        By pool id, how both fees grew per unit of liquidity with the simulated positions in the pool, times 2^128;
        pools are left out that keep no growth or were not read at both snapshots.
    problems
        What is not counted because nobody knows it.
    """

    positions: dict[tuple[str, int], Earned] = field(default_factory=dict[tuple[str, int], Earned])
    growths_x128: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    problems: list[str] = field(default_factory=list[str])


def earnings_between(
    held: Sequence[Holdings],
    before: MarketSnapshot,
    after: MarketSnapshot,
    minutes: CandleSeries,
    prices: Prices,
    events: Mapping[str, PoolEvents] = NOTHING_KNOWN,
) -> Earnings:
    r"""Return what simulated positions earned between two recorded snapshots.

    Parameters
    ----------
    held
        The simulated positions; they are in the pools in place of those recorded, which lie there as ``after`` shows
        them: a plan is carried out at the beginning of its interval.
    before, after
        Recorded snapshots.
    minutes
        Candles in between.
    prices
        USD at ``after``.
    events
        By pool id, all that happened in a pool in between, where it is known.

    Notes
    -----
    With ``events`` fees are those that ``collect`` pays, within 0.1 % (``alm_tests/chain/test_simulated_fees.py``).
    Without, so are those of ranges that end at ticks which both snapshots recorded, or which were initialised when they
    were opened (:mod:`alm_core.simulation.tick_growth`, ``alm_tests/chain/test_simulated_tick_fees.py``). What was paid
    between two such ticks, with the end of a range among them, is divided by an estimate from the minutes.
    Measured on 35 days of a Polygon pool, the part of a quarter hour is off by 0.04 (root of the mean square) for
    ranges of 20 and of 60 ticks with an end near the price, by 0.02 for 200 and by 0.01 for 1,000 ticks, and too large
    by 1.3 %, 0.7 %, 0.03 % and 0.01 % of all fees; counting minutes by their closes alone is off 3.5 times as much. On
    the localnet, where a swap may cross all of a range, fees of positions that the price crossed are off by 4 %, in sum
    by 0.6 %.

    That swaps stay as they were, whatever liquidity they meet, is what is not measured but assumed. Where 1.4 % of a
    pool's liquidity is ours, the same swaps on the localnet pay ranges that hold the price 0.1 % less than simulated,
    and a narrow one that it crosses 3 % more, as it stays there for longer.

    Fees of bins are what a share of each has become worth more (:mod:`alm_core.simulation.bin_growth`), within 0.1 % of
    what burning pays more, and stay in the bins. Where bins were not recorded, or swaps may have gone beyond those that
    were, they are estimated from the volume that a data service tells, evenly over its 24 hours, at the pool's fee; a
    problem says so. Rewards are :math:`r \cdot 2 L \sqrt P \cdot \Delta t` for all
    liquidity in range, shared like fees by time in range. Of a pool that all liquidity has left both are nothing.

    Raises
    ------
    InvalidInput
        If a pool that holds a position was not read at both.
    """
    found = Earnings()
    ours = _by_pool(held)
    theirs, theirs_before = _by_pool(after.holdings), _by_pool(before.holdings)
    earlier = {state.pool.pool_id: state for state in before.pools}
    markets = {one.pool_id: one for one in (*after.markets, *before.markets)}
    read: set[str] = set()
    for state in after.pools:
        pool_id = state.pool.pool_id
        first = earlier.get(pool_id)
        if first is None:
            continue
        read.add(pool_id)
        pool = _Pool(
            before=first,
            after=state,
            others=(_others(before, first) + _others(after, state)) // 2,
            recorded=theirs.get(pool_id, []),
            recorded_before=theirs_before.get(pool_id, []),
            held=ours.get(pool_id, []),
            minutes=minutes,
        )
        _earn(pool, markets.get(pool_id), prices, events.get(pool_id), found)
    if missing := sorted(ours.keys() - read):
        raise InvalidInput(f"simulated position: pool {missing[0]} was not read at {_both(before, after)}")
    return found


@dataclass(frozen=True, kw_only=True)
class _Pool:
    """A pool over an interval; ``others`` is the mean liquidity in range that was not ours."""

    before: PoolState
    after: PoolState
    others: int
    recorded: Sequence[Position]
    recorded_before: Sequence[Position]
    held: Sequence[Position]
    minutes: CandleSeries

    @property
    def pool_id(self) -> str:
        return self.after.pool.pool_id

    @property
    def later(self) -> bool:
        """Whether the second reading is of a later block; else a node lagged."""
        return self.after.block.number > self.before.block.number

    @property
    def seconds(self) -> float:
        return max(0.0, (self.after.block.block_at - self.before.block.block_at).total_seconds())

    @cached_property
    def edges(self) -> tuple[int, ...]:
        return edges_of((*self.recorded, *self.held))

    @cached_property
    def weights(self) -> PlaceWeights:
        return place_weights(self.before, self.after, self.minutes, self.edges)

    @cached_property
    def growths_x128(self) -> tuple[int, int] | None:
        """Recorded growth."""
        growths = fee_growths(self.before, self.after)
        return growths if self.later or growths is None else (0, 0)

    def time_shares(self) -> list[float]:
        """Return what every position has of that which is shared evenly over time by the liquidity in range."""
        simulated = active_at_places(self.edges, self.held)
        per_unit = [
            part / (self.others + active) if part > 0.0 and active > 0 else 0.0
            for part, active in zip(self.weights.time, simulated, strict=True)
        ]
        shares: list[float] = []
        for one in self.held:
            active = active_at_places(self.edges, [one])
            shares.append(sum(unit * mine for unit, mine in zip(per_unit, active, strict=True)))
        return shares


def _earn(pool: _Pool, market: PoolMarket | None, prices: Prices, events: PoolEvents | None, found: Earnings) -> None:
    growths = pool.growths_x128
    if growths is not None and not (pool.held or pool.recorded):
        found.growths_x128[pool.pool_id] = growths
        return
    staked = market is not None and market.rewards_replace_fees
    fees = [(0, 0)] * len(pool.held)
    added = [0] * len(pool.held)
    if growths is not None:
        shared = shared_fees(_steps(pool, events, found), growths, pool.recorded, pool.held)
        found.growths_x128[pool.pool_id] = (shared.growth0_x128, shared.growth1_x128)
        fees = fees if staked else list(shared.fees)
    elif pool.held:
        added = _added(pool, market, prices, found)
    rewards = _rewards_usd(pool, market, prices, found) if pool.held else []
    for one, paid, more, reward in zip(pool.held, fees, added, rewards, strict=True):
        found.positions[pool.pool_id, one.token_id] = Earned(
            fees0=paid[0], fees1=paid[1], added_liquidity=more, rewards_usd=reward
        )


def _steps(pool: _Pool, events: PoolEvents | None, found: Earnings) -> FeeSteps:
    if events is not None:
        try:
            return steps_from_swaps(pool.before, pool.after, events, pool.edges, pool.recorded)
        except InvalidInput as gap:
            found.problems.append(f"fees are estimated from minutes: {gap}")
    growths = pool.growths_x128 or (0, 0)
    cells = measured_cells(pool.before, pool.after, growths, pool.recorded_before, pool.recorded, pool.edges)
    stops = sorted({*pool.edges, *cells.ticks})
    weights = place_weights(pool.before, pool.after, pool.minutes, stops).fees
    liquidity = [pool.others + one for one in active_at_places(pool.edges, pool.recorded)]
    return steps_from_cells(cells, pool.edges, stops, weights, liquidity)


def _added(pool: _Pool, market: PoolMarket | None, prices: Prices, found: Earnings) -> list[int]:
    """Liquidity that every position in bins grew by."""
    if pool.after.liquidity == 0 or not pool.later:
        return [0] * len(pool.held)
    if not (pool.before.bins and pool.after.bins):
        return _added_of_volume(pool, market, prices, found, "its bins were not recorded")
    measured = measured_bins(pool.before, pool.after, pool.recorded_before, pool.recorded)
    fees = bin_fees(measured, pool.after, pool.held)
    if fees is None:
        return _added_of_volume(pool, market, prices, found, "swaps may have gone beyond the bins recorded")
    return [
        _grown(pool, one, amounts_usd(pool.after.pool, *paid, prices).total, prices)
        for one, paid in zip(pool.held, fees, strict=True)
    ]


def _added_of_volume(pool: _Pool, market: PoolMarket | None, prices: Prices, found: Earnings, reason: str) -> list[int]:
    if market is None or market.volume_24h_usd is None:
        found.problems.append(f"fees of {pool.pool_id} are not counted: {reason}, its volume is not known")
        return [0] * len(pool.held)
    found.problems.append(f"fees of {pool.pool_id} are estimated from its volume of 24 hours: {reason}")
    paid_usd = market.volume_24h_usd * pool.after.fee_pips / PIPS * pool.seconds / SECONDS_PER_DAY
    shares = pool.time_shares()
    return [_grown(pool, one, paid_usd * share, prices) for one, share in zip(pool.held, shares, strict=True)]


def _grown(pool: _Pool, one: Position, fees_usd: float, prices: Prices) -> int:
    """Liquidity that fees are: it earns in the tokens that the position holds."""
    now = marked(one, pool.after)
    worth = amounts_usd(pool.after.pool, now.amount0, now.amount1, prices).total
    return int(one.liquidity * (fees_usd / worth)) if worth > 0.0 else 0


def _rewards_usd(pool: _Pool, market: PoolMarket | None, prices: Prices, found: Earnings) -> list[float]:
    if market is None or market.rewards_apr is None:
        if market is not None and market.rewards_replace_fees:
            found.problems.append(f"rewards of {pool.pool_id}, paid in place of fees, are not known: none is counted")
        return [0.0] * len(pool.held)
    if market.rewards_apr == 0.0 or pool.after.liquidity == 0:
        return [0.0] * len(pool.held)
    paid_usd = market.rewards_apr * full_range_usd(pool.before, pool.before.liquidity, prices)
    paid_usd *= pool.seconds / SECONDS_PER_YEAR
    return [paid_usd * share for share in pool.time_shares()]


def _others(snapshot: MarketSnapshot, state: PoolState) -> int:
    ours = sum(
        one.liquidity
        for held in snapshot.holdings
        for one in held.positions
        if one.pool_id == state.pool.pool_id and one.tick_lower <= state.tick < one.tick_upper
    )
    return max(0, state.liquidity - ours)


def _by_pool(holdings: Sequence[Holdings]) -> dict[str, list[Position]]:
    found: dict[str, list[Position]] = {}
    for held in holdings:
        for one in held.positions:
            found.setdefault(one.pool_id, []).append(one)
    return found


def _both(before: MarketSnapshot, after: MarketSnapshot) -> str:
    return f"both {before.epoch_at.isoformat()} and {after.epoch_at.isoformat()}"
