"""One epoch of a backtest: bring the book to now, carry out what is due, ask what to do. Pure."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from alm_core.backtest.assumed import Closes, completed_snapshot, read_afterwards
from alm_core.backtest.beginning import begun_book
from alm_core.backtest.caps import too_much, with_plan
from alm_core.backtest.deciders import POLICIES, Decider
from alm_core.backtest.venue import carried, carry_out, completed, delivered, value_usd
from alm_core.backtest.world import gone_pools, simulated_snapshot, with_gone
from alm_core.math.orientation import range_bounds_at_ticks
from alm_core.model.backtest import (
    BacktestConfig,
    BacktestEpoch,
    Placed,
    SeenWorld,
    SimulatedBook,
    Waiting,
)
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH, EPOCHS_PER_DAY, Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot, PoolState
from alm_core.model.past import PastEpochs, RecentEpoch
from alm_core.model.pnl import PnlParts
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.portfolio.fee_window import FeeWindow
from alm_core.portfolio.valuation import Prices, position_usd, prices_usd
from alm_core.portfolio.yields import pool_yields
from alm_core.ranges.optimizer import asset_class_of
from alm_core.shadow.rivals import Seen
from alm_core.simulation.earning import NOTHING_KNOWN
from alm_core.simulation.fee_swaps import PoolEvents

RECENT_WITHIN = timedelta(days=1)
LATEST_BEGIN = EPOCH_LENGTH
"""A plan that could not be begun so long after its time is dropped, as live execution drops it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpochMarket:
    """What is known of the market at an epoch.

    Parameters
    ----------
    candles
        Minutes of the look-back before the epoch.
    recorded
        The recorded snapshot; ``None`` if there is none.
    before
        The recorded snapshot that the book is marked at; ``None`` at the first epoch.
    past
        Simulated snapshots of the epochs before, oldest first.
    window
        Of one who goes on from epoch to epoch (:func:`alm_core.portfolio.yields.pool_yields`).
    events
        By pool id, what happened in a pool since ``before``, where a source knows it.
    other_closes
        By pair id, last closes before the epoch of the other pairs that ``BacktestConfig.native_from`` names.
    """

    epoch: Epoch
    candles: CandleSeries
    recorded: MarketSnapshot | None
    before: MarketSnapshot | None
    past: tuple[MarketSnapshot, ...]
    window: FeeWindow | None = None
    events: Mapping[str, PoolEvents] = field(default_factory=lambda: NOTHING_KNOWN)
    other_closes: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def quarter_hour(self) -> CandleSeries:
        """Minutes of the quarter hour before the epoch."""
        return self.candles.between(self.epoch.epoch_at - EPOCH_LENGTH, self.epoch.epoch_at)


def next_epoch(
    market: EpochMarket,
    book: SimulatedBook | None,
    decider: Decider,
    config: BacktestConfig,
    strategy: StrategyConfig,
    limits: LimitsConfig,
) -> BacktestEpoch | None:
    """Return the next epoch of a backtest; ``None`` before the first epoch whose market is known.

    The book's value changes by the parts of profit and loss and by nothing else.
    """
    market, assumptions = _assumed(market, config)
    doubt, prices = _prices(market)
    if book is None and assumptions and config.capital_usd is None:
        doubt = "what was held then is not recorded: a backtest cannot begin with it, but with a capital"
    if doubt or prices is None or market.recorded is None:
        return None if book is None else _held(market, book, config, doubt)
    started = book or begun_book(market.recorded, prices, config, market.epoch)
    try:
        lived = _lived(market, market.recorded, started, prices, decider, config, strategy, limits)
        return replace(lived, assumptions=assumptions) if assumptions else lived
    except InvalidInput as problem:
        return _held(market, started, config, str(problem))


def _assumed(market: EpochMarket, config: BacktestConfig) -> tuple[EpochMarket, tuple[str, ...]]:
    """Complete a snapshot that was read afterwards, as far as the closes before it and the config tell."""
    if market.recorded is None or not read_afterwards(market.recorded) or len(since := market.quarter_hour) == 0:
        return market, ()
    closes = Closes(own=float(since.close[-1]), others=market.other_closes)
    completed = completed_snapshot(market.recorded, config, closes)
    return replace(market, recorded=completed.snapshot), completed.assumptions


def _prices(market: EpochMarket) -> tuple[str, Prices | None]:
    if market.recorded is None:
        return "no snapshot is recorded", None
    since = market.quarter_hour
    if market.recorded.problems and not (len(since) == 0 and read_afterwards(market.recorded)):
        problem = market.recorded.problems[0]
        return f"{problem.source}: {problem.detail}", None
    if len(since) == 0:
        return "no minute of the quarter hour is recorded", None
    try:
        return "", prices_usd(market.recorded, float(since.close[-1]))
    except InvalidInput as problem:
        return str(problem), None


def _lived(
    market: EpochMarket,
    recorded: MarketSnapshot,
    book: SimulatedBook,
    prices: Prices,
    decider: Decider,
    config: BacktestConfig,
    strategy: StrategyConfig,
    limits: LimitsConfig,
) -> BacktestEpoch:
    problems: list[str] = []
    if market.before is not None and book.as_of_at < market.epoch.epoch_at:
        before = with_gone(market.before, book.gone)
        gone = gone_pools(book, before, recorded)
        if gone or book.gone:
            book, market = replace(book, gone=gone), replace(market, before=before)
        # Without liquidity nothing is earned there, and nothing is placed.
        recorded = with_gone(recorded, [replace(one, liquidity=0) for one in book.gone])
        problems += [f"{one.pool.pool_id} is not read any more: {_what_stays(book, one)}" for one in book.gone]
    book, parts = _brought(market, recorded, book, prices, problems)
    book, spent = _due(market, recorded, book, prices, config, limits, problems)
    parts += spent
    seen = SeenWorld(
        holdings=book.holdings,
        growths=book.growths,
        in_transit=tuple(one.transit for one in book.travelling),
    )
    world = simulated_snapshot(recorded, seen)
    try:
        signals, optimized, plan = _asked(market, world, book, prices, decider, strategy, limits)
    except InvalidInput as problem:
        # Nothing could be decided; what is held has earned all the same.
        problems.append(str(problem))
        signals, optimized, plan = None, book.optimized, None
    if plan is not None and plan.decision.kind is not DecisionKind.HOLD:
        due_at = market.epoch.epoch_at + config.venue.latency_epochs * EPOCH_LENGTH
        book = replace(book, waiting=(*book.waiting, Waiting(plan=plan, due_at=due_at)))
        book, spent = _due(market, recorded, book, prices, config, limits, problems)
        parts += spent
    totals = book.totals + parts
    nav = value_usd(book.holdings, book.travelling, recorded, prices) - totals.gas_usd + totals.rewards_usd
    recent = _recent(market, book, plan, nav, parts, totals)
    return BacktestEpoch(
        pair=config.pair,
        epoch_at=market.epoch.epoch_at,
        policy=config.policy,
        price=prices.base_usd / prices.quote_usd if plan is None else plan.price,
        kind=DecisionKind.HOLD if plan is None else plan.decision.kind,
        reason=problems[-1] if plan is None else plan.decision.reason,
        nav_usd=nav,
        hodl_usd=book.hodl_base * prices.base_usd + book.hodl_quote * prices.quote_usd,
        parts=parts,
        placed=_placed(book.holdings, recorded, prices),
        plan=plan,
        seen=seen,
        book=replace(book, totals=totals, optimized=optimized, recent=recent),
        problems=tuple(problems),
        signals=signals,
    )


def _brought(
    market: EpochMarket, recorded: MarketSnapshot, book: SimulatedBook, prices: Prices, problems: list[str]
) -> tuple[SimulatedBook, PnlParts]:
    """Bring a book to now: what it earned, what has arrived, and pools that are new."""
    at, parts = market.epoch.epoch_at, PnlParts()
    holdings, growths = book.holdings, book.growths
    if book.as_of_at < at:
        if market.before is None:
            raise InvalidInput(f"the snapshot of {book.as_of_at.isoformat()} is not recorded any more")
        minutes = market.candles.between(book.as_of_at, at)
        brought = carried(book, market.before, recorded, minutes, prices, market.events)
        problems += brought.problems
        parts, holdings, growths = brought.parts, brought.holdings, brought.growths
    holdings, travelling = delivered(completed(holdings, recorded), book.travelling, at)
    book = replace(
        book,
        as_of_at=max(book.as_of_at, at),
        base_usd=prices.base_usd,
        quote_usd=prices.quote_usd,
        holdings=holdings,
        growths=growths,
        travelling=travelling,
    )
    return book, parts


def _what_stays(book: SimulatedBook, gone: PoolState) -> str:
    placed = any(one.pool_id == gone.pool.pool_id for held in book.holdings for one in held.positions)
    return "its position stays as it was" if placed else "its tokens stay as they were"


def _due(
    market: EpochMarket,
    recorded: MarketSnapshot,
    book: SimulatedBook,
    prices: Prices,
    config: BacktestConfig,
    limits: LimitsConfig,
    problems: list[str],
) -> tuple[SimulatedBook, PnlParts]:
    """Carry out the plans whose time has come; what cannot be carried out is named."""
    at, parts = market.epoch.epoch_at, PnlParts()
    due = [one for one in book.waiting if one.due_at <= at]
    if not due:
        return book, parts
    book = replace(book, waiting=tuple(one for one in book.waiting if one.due_at > at))
    for one in due:
        if at > one.due_at + LATEST_BEGIN:
            problems.append(f"the plan of {one.plan.epoch_at.isoformat()} could not be begun in time")
            book = replace(book, failures=book.failures + 1)
            continue
        if config.policy in POLICIES and (refusal := too_much(one.plan, book.carried, limits)):
            problems.append(f"a plan is refused: {refusal}")
            book = replace(book, failures=book.failures + 1)
            continue
        seen = SeenWorld(holdings=book.holdings, growths=book.growths, in_transit=())
        world = simulated_snapshot(recorded, seen)
        done = carry_out(one.plan, book.holdings, book.travelling, world, prices, config.venue, limits)
        problems += done.problems
        parts += done.parts
        book = replace(
            book,
            holdings=done.holdings,
            travelling=done.travelling,
            failures=book.failures + done.failures,
            moves=book.moves + int(done.moved),
            last_moved_at=one.plan.epoch_at if done.moved else book.last_moved_at,
            recent=tuple(_if_moved(epoch, one.plan, moved=done.moved) for epoch in book.recent),
            carried=with_plan(book.carried, one.plan, done),
        )
    return book, parts


def _if_moved(epoch: RecentEpoch, plan: AllocationPlan, *, moved: bool) -> RecentEpoch:
    """Tell the epoch that made a plan that it was carried out later."""
    if not moved or epoch.epoch_at != plan.epoch_at:
        return epoch
    return replace(epoch, moved=True, moves=plan.moves)


def _asked(
    market: EpochMarket,
    world: MarketSnapshot,
    book: SimulatedBook,
    prices: Prices,
    decider: Decider,
    strategy: StrategyConfig,
    limits: LimitsConfig,
) -> tuple[ForceSignals | None, OptimizedRange | None, AllocationPlan]:
    price = prices.base_usd / prices.quote_usd
    if callable(decider):
        seen = Seen(
            epoch=market.epoch,
            price=price,
            snapshot=world,
            prices=prices,
            yields=pool_yields(world, market.past, price, strategy.yield_window_epochs, market.window),
            asset_class=asset_class_of(world),
            last_moved_at=book.last_moved_at,
            minutes=market.candles,
        )
        return None, None, decider(seen)
    since = market.epoch.epoch_at - RECENT_WITHIN
    past = PastEpochs(
        snapshots=market.past[-strategy.yield_window_epochs :],
        last_rebalance_at=book.last_moved_at,
        recent=book.recent[bisect_left(book.recent, since, key=lambda one: one.epoch_at) :],
    )
    signals = decider.force_signals(market.epoch, market.candles)
    optimized = decider.optimized_range(market.epoch, market.candles, signals, world, past, book.optimized, strategy)
    plan = decider.allocation(market.epoch, signals, optimized, world, past, strategy, limits, "backtest", "backtest")
    return signals, optimized, plan


def _recent(
    market: EpochMarket,
    book: SimulatedBook,
    plan: AllocationPlan | None,
    nav: float,
    parts: PnlParts,
    totals: PnlParts,
) -> tuple[RecentEpoch, ...]:
    gain, cost = (0.0, 0.0) if plan is None else plan.decision.promised_usd
    moved = plan is not None and book.last_moved_at == market.epoch.epoch_at
    latest = RecentEpoch(
        epoch_at=market.epoch.epoch_at,
        kind=DecisionKind.HOLD if plan is None else plan.decision.kind,
        moved=moved,
        nav_usd=nav,
        fees_usd=totals.fees_usd,
        gas_usd=parts.gas_usd,
        expected_gain_usd=gain,
        expected_cost_usd=cost,
        holding_loss_usd=max(0.0, parts.lvr_usd),
        moves=plan.moves if plan is not None and moved else (),
    )
    return (*book.recent, latest)[-EPOCHS_PER_DAY:]


def _placed(holdings: Sequence[Holdings], recorded: MarketSnapshot, prices: Prices) -> tuple[Placed, ...]:
    found: list[Placed] = []
    for held in holdings:
        for position in held.positions:
            pool = recorded.pool_state(position.pool_id).pool
            lower, upper = range_bounds_at_ticks(pool, position.tick_lower, position.tick_upper)
            value = position_usd(pool, position, prices).total
            found.append(Placed(pool_id=position.pool_id, lower=lower, upper=upper, value_usd=value))
    return tuple(found)


def _held(market: EpochMarket, book: SimulatedBook, config: BacktestConfig, reason: str) -> BacktestEpoch:
    """An epoch of which nothing is known: the book stays as it was, and what is due waits."""
    return BacktestEpoch(
        pair=config.pair,
        epoch_at=market.epoch.epoch_at,
        policy=config.policy,
        price=None,
        kind=DecisionKind.HOLD,
        reason=reason,
        nav_usd=None,
        hodl_usd=None,
        parts=PnlParts(),
        placed=(),
        book=book,
        problems=(reason,),
    )
