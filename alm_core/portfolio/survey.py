"""What is known of every chain before any capital is placed: holdings, ranges, yields, costs. Read once an epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alm_core.math.bin_parts import openable
from alm_core.model.config import StrategyConfig
from alm_core.model.errors import InvalidInput
from alm_core.model.market import ChainState, Holdings, MarketSnapshot, PoolState, SwapCost
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.portfolio.caps import cap_of
from alm_core.portfolio.costs import shift_cost
from alm_core.portfolio.fee_window import FeeWindow
from alm_core.portfolio.placements import Outlook
from alm_core.portfolio.slots import Held, Slot, held_of, slot_of
from alm_core.portfolio.turnover import Mover
from alm_core.portfolio.valuation import BaseQuoteUsd, Prices, idle_usd, prices_usd
from alm_core.portfolio.yields import PoolYield, pool_yields
from alm_core.ranges.position import base_share

DAYS_PER_YEAR = 365.25
MIN_TARGET_FRAC = 0.02
"""A smaller part of a chain's capital is not worth a position."""
MIN_KEPT_FRAC = 0.01
"""What is held is given up only below this part: a position just over the line must not be closed a little under it."""

NOTHING = BaseQuoteUsd(base=0.0, quote=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What water-filling must respect in one pool, whatever it pays.

    Parameters
    ----------
    cap_usd, cap_name
        Most that may be in it, and the rule.
    kept_usd
        Capital of our positions there that need not move (:func:`_staying`).
    entry_apr, exit_apr
        What moving a dollar in and out costs, over the years it must pay in.
    least_usd
        Less than this is not worth a position.
    """

    cap_usd: float
    cap_name: str
    kept_usd: float
    entry_apr: float
    exit_apr: float
    least_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the terms of a chain's pools follow from, whatever capital the chain has.

    ``staying`` are positions that need not move, and ``refused`` pools that nothing may enter, by pool id.
    """

    chain: ChainState
    states: tuple[PoolState, ...]
    prices: Prices
    outlook: Outlook
    config: StrategyConfig
    staying: Mapping[str, tuple[Held, ...]]
    refused: frozenset[str]
    quote: SwapCost | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSurvey:
    """One chain, with nothing wanted yet in its slots, the pools whose yield is known; ``terms`` by pool id.

    ``leaving_usd`` is what of its capital goes to other chains.
    """

    chain: ChainState
    prices: Prices
    outlook: Outlook
    idle: BaseQuoteUsd
    held: tuple[Held, ...]
    slots: tuple[Slot, ...]
    terms: Mapping[str, Terms]
    ground: Ground
    leaving_usd: float = 0.0

    @property
    def nav_usd(self) -> float:
        """Idle balances and positions."""
        return self.idle.total + sum(held.usd.total for held in self.held)

    @property
    def capital_usd(self) -> float:
        """What may be placed on the chain."""
        return max(0.0, self.nav_usd - self.leaving_usd)

    def with_capital(self, *, arriving: BaseQuoteUsd = NOTHING, leaving_usd: float = 0.0) -> "ChainSurvey":
        """Return the chain as it would be with more idle capital, or with some of its capital gone elsewhere."""
        return _surveyed(self.ground, self.idle + arriving, self.held, self.slots, self.leaving_usd + leaving_usd)


def survey_chains(
    signals: ForceSignals,
    optimized: OptimizedRange,
    snapshot: MarketSnapshot,
    past_snapshots: Sequence[MarketSnapshot],
    config: StrategyConfig,
    window: FeeWindow | None = None,
) -> tuple[ChainSurvey, ...]:
    """Return the survey of every chain whose holdings were read, by chain id.

    Parameters
    ----------
    signals, optimized
        Price and volatility; the range that would be placed.
    snapshot, past_snapshots
        The epoch's snapshot and earlier ones, oldest first, that yields are measured from.
    config
        Horizon, weights, caps per pool and the window of yields.
    window
        As in :func:`alm_core.portfolio.yields.pool_yields`.

    Raises
    ------
    InvalidInput
        If a price, a balance or the gas price of a chain is unknown, a position lies in a pool that was not read, or
        the fees of its pool are unknown.
    """
    prices = prices_usd(snapshot, signals.price)
    yields = pool_yields(snapshot, past_snapshots, signals.price, config.yield_window_epochs, window)
    outlook = Outlook(
        sigma_annual_frac=signals.composite.sigma_annual_frac,
        horizon_years=config.amortize_days / DAYS_PER_YEAR,
        lvr_weight=config.lvr_weight,
        rewards_haircut_frac=config.rewards_haircut_frac,
    )
    return tuple(
        _survey(snapshot, holdings, optimized, yields, prices, outlook, config)
        for holdings in sorted(snapshot.holdings, key=lambda holdings: holdings.block.chain_id)
    )


def _survey(
    snapshot: MarketSnapshot,
    holdings: Holdings,
    optimized: OptimizedRange,
    yields: Mapping[str, PoolYield],
    prices: Prices,
    outlook: Outlook,
    config: StrategyConfig,
) -> ChainSurvey:
    chain = _chain_state(snapshot, holdings.block.chain_id)
    states = tuple(state for state in snapshot.pools if state.pool.chain_id == holdings.block.chain_id)
    idle = idle_usd(holdings, tuple(state.pool for state in states), prices)
    _refuse_unknown(holdings, states, yields)
    slots = tuple(
        slot_of(state, optimized, yields[state.pool.pool_id])
        for state in sorted(states, key=lambda state: state.pool.pool_id)
        if state.pool.pool_id in yields
    )
    by_pool = {slot.state.pool.pool_id: slot for slot in slots}
    held = tuple(held_of(position, by_pool[position.pool_id], prices) for position in holdings.positions)
    ground = Ground(
        chain=chain,
        states=states,
        prices=prices,
        outlook=outlook,
        config=config,
        staying={slot.state.pool.pool_id: _staying(slot, held, optimized.params.rs_threshold) for slot in slots},
        refused=frozenset(refused.pool_id for refused in snapshot.refusals),
        quote=next((one for one in snapshot.swap_costs if one.chain_id == holdings.block.chain_id), None),
    )
    return _surveyed(ground, idle, held, slots, 0.0)


def _surveyed(
    ground: Ground, idle: BaseQuoteUsd, held: tuple[Held, ...], slots: tuple[Slot, ...], leaving_usd: float
) -> ChainSurvey:
    nav = max(0.0, idle.total + sum(entry.usd.total for entry in held) - leaving_usd)
    shift_cost_frac = _shift_cost_frac(ground.chain, ground.states, ground.prices, nav)
    outlook = replace(ground.outlook, shift_cost_frac=shift_cost_frac)
    mover = Mover(
        chain=ground.chain,
        states=ground.states,
        prices=ground.prices,
        movable=_movable(idle, held, [entry for found in ground.staying.values() for entry in found]),
        quote=ground.quote,
    )
    return ChainSurvey(
        chain=ground.chain,
        prices=ground.prices,
        outlook=outlook,
        idle=idle,
        held=held,
        slots=slots,
        terms={slot.state.pool.pool_id: _terms(slot, ground, nav, mover, outlook) for slot in slots},
        ground=ground,
        leaving_usd=leaving_usd,
    )


def _terms(slot: Slot, ground: Ground, nav_usd: float, mover: Mover, outlook: Outlook) -> Terms:
    pool = slot.state.pool
    staying, refused = ground.staying[pool.pool_id], pool.pool_id in ground.refused
    cap_usd, cap_name = cap_of(pool, nav_usd, slot.found.active_usd, ground.config)
    if refused or not _openable(slot):
        cap_usd, cap_name = 0.0, "refused_token" if refused else "too_many_bins"
    kept_usd = sum(entry.usd.total for entry in staying)
    rates = mover.rates(
        slot.gas_lots,
        base_share(slot.price, *slot.bounds),
        most_usd=min(cap_usd, nav_usd),
        held_usd=kept_usd,
        positions=len(staying),
    )
    return Terms(
        cap_usd=cap_usd,
        cap_name=cap_name,
        kept_usd=kept_usd,
        entry_apr=rates.entry_frac / outlook.horizon_years,
        exit_apr=rates.exit_frac / outlook.horizon_years,
        least_usd=(MIN_KEPT_FRAC if staying else MIN_TARGET_FRAC) * nav_usd,
    )


def _openable(slot: Slot) -> bool:
    step = slot.state.pool.bin_step
    return step is None or openable(step, slot.tick_lower, slot.tick_upper)


def _refuse_unknown(holdings: Holdings, states: Sequence[PoolState], yields: Mapping[str, PoolYield]) -> None:
    read = {state.pool.pool_id for state in states}
    for position in holdings.positions:
        if position.pool_id not in read:
            raise InvalidInput(f"position {position.token_id} lies in pool {position.pool_id}, which was not read")
    for position in holdings.positions:
        if position.pool_id not in yields:
            raise InvalidInput(f"fees of pool {position.pool_id}, which holds a position, are unknown")


def _shift_cost_frac(chain: ChainState, states: Sequence[PoolState], prices: Prices, nav_usd: float) -> float:
    if nav_usd <= 0.0 or all(state.liquidity <= 0 for state in states):
        return 0.0
    return shift_cost(chain, states, prices, nav_usd).total_usd / nav_usd


def _staying(slot: Slot, held: Sequence[Held], rs_threshold: float) -> tuple[Held, ...]:
    """Positions of a pool that need not move.

    Those that fit, and those that lie where they would be placed again. All others have to be closed whatever is
    wanted: their capital is as free to go elsewhere as if it were idle.
    """
    ticks = slot.tick_lower, slot.tick_upper
    return tuple(
        entry
        for entry in held
        if entry.placement.pool_id == slot.state.pool.pool_id
        and (entry.fits(rs_threshold) or (entry.position.tick_lower, entry.position.tick_upper) == ticks)
    )


def _movable(idle: BaseQuoteUsd, held: Sequence[Held], staying: Sequence[Held]) -> BaseQuoteUsd:
    """Capital that new positions are made of: idle, and what has to move; without any to speak of, what others give."""
    everything = sum((entry.usd for entry in held), idle)
    free = sum((entry.usd for entry in held if entry not in staying), idle)
    return free if free.total >= MIN_TARGET_FRAC * everything.total else everything


def _chain_state(snapshot: MarketSnapshot, chain_id: int) -> ChainState:
    try:
        return snapshot.chain(chain_id)
    except KeyError as missing:
        raise InvalidInput(f"gas price of chain {chain_id} was not read") from missing
