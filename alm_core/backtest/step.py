"""One epoch of a backtest: bring the book to now, carry out what is due, ask what to do. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from alm_core.backtest.deciders import Decider
from alm_core.backtest.venue import Done, carried, carry_out, delivered, value_usd
from alm_core.backtest.world import begun_growths, simulated_snapshot
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
from alm_core.model.market import Holdings, MarketSnapshot, TokenBalance
from alm_core.model.past import PastEpochs, RecentEpoch
from alm_core.model.pnl import PnlParts
from alm_core.model.pools import Pool
from alm_core.model.signals import Forces, ForceSignals, OptimizedRange
from alm_core.portfolio.valuation import Prices, position_usd, prices_usd
from alm_core.portfolio.yields import pool_yields
from alm_core.ranges.optimizer import asset_class_of
from alm_core.ranges.range import price_range
from alm_core.shadow.paper import begun
from alm_core.shadow.rivals import Seen

RECENT_WITHIN = timedelta(days=1)
NO_FORCES = Forces(volatility=0.0, momentum=50.0, trend=50.0, sigma_annual_frac=0.0)
WALLET = "0x" + "b7" * 20
"""Address of the simulated wallet where none was recorded."""
NATIVE_WEI = 10**18
"""Gas money of the simulated wallet on each chain; what it pays is counted, not taken from here."""


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
    """

    epoch: Epoch
    candles: CandleSeries
    recorded: MarketSnapshot | None
    before: MarketSnapshot | None
    past: tuple[MarketSnapshot, ...]


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
    doubt, prices = _prices(market)
    if doubt or prices is None or market.recorded is None:
        return None if book is None else _held(market, book, config, doubt)
    started = book or _begun(market.recorded, prices, config, market.epoch)
    try:
        return _lived(market, market.recorded, started, prices, decider, config, strategy, limits)
    except InvalidInput as problem:
        return _held(market, started, config, str(problem))


def _prices(market: EpochMarket) -> tuple[str, Prices | None]:
    if market.recorded is None:
        return "no snapshot is recorded", None
    if market.recorded.problems:
        problem = market.recorded.problems[0]
        return f"{problem.source}: {problem.detail}", None
    since = market.candles.between(market.epoch.epoch_at - EPOCH_LENGTH, market.epoch.epoch_at)
    if len(since) == 0:
        return "no minute of the quarter hour is recorded", None
    try:
        return "", prices_usd(market.recorded, float(since.close[-1]))
    except InvalidInput as problem:
        return str(problem), None


def _begun(recorded: MarketSnapshot, prices: Prices, config: BacktestConfig, epoch: Epoch) -> SimulatedBook:
    holdings = begun(recorded) if config.capital_usd is None else _capital(recorded, prices, config.capital_usd)
    base, quote = _whole_tokens(holdings, recorded)
    return SimulatedBook(
        began_at=epoch.epoch_at,
        as_of_at=epoch.epoch_at,
        base_usd=prices.base_usd,
        quote_usd=prices.quote_usd,
        holdings=holdings,
        growths=begun_growths(recorded),
        hodl_base=base,
        hodl_quote=quote,
        nav_start_usd=value_usd(holdings, (), recorded, prices),
        optimized=_given(prices, config, epoch),
    )


def _given(prices: Prices, config: BacktestConfig, epoch: Epoch) -> OptimizedRange | None:
    """Parameters that the run is told to begin with, in the place of an earlier result."""
    if config.range_params is None:
        return None
    return OptimizedRange(
        pair=config.pair,
        epoch_at=epoch.epoch_at,
        success=False,
        reason="given",
        params=config.range_params,
        price_range=price_range(prices.base_usd / prices.quote_usd, NO_FORCES, config.range_params),
        fitness=None,
        baseline_fitness=None,
        evaluations=0,
    )


def _capital(recorded: MarketSnapshot, prices: Prices, capital_usd: float) -> tuple[Holdings, ...]:
    chains = {state.pool.chain_id: state for state in reversed(recorded.pools) if state.liquidity > 0}
    if not chains:
        raise InvalidInput(f"{recorded.pair} at {recorded.epoch_at.isoformat()}: no pool has liquidity")
    found: list[Holdings] = []
    share = capital_usd / len(chains) / 2.0
    for chain_id in sorted(chains):
        pools = [state.pool for state in recorded.pools if state.pool.chain_id == chain_id]
        amounts = {token.address: 0 for pool in pools for token in (pool.token0, pool.token1)}
        first: Pool = chains[chain_id].pool
        amounts[first.base.address] = int(share / prices.base_usd * 10**first.base.decimals)
        amounts[first.quote.address] = int(share / prices.quote_usd * 10**first.quote.decimals)
        found.append(
            Holdings(
                block=recorded.chain(chain_id).block,
                wallet=WALLET,
                native_wei=NATIVE_WEI,
                balances=tuple(TokenBalance(address=at, amount=amount) for at, amount in sorted(amounts.items())),
                positions=(),
            )
        )
    return tuple(found)


def _whole_tokens(holdings: Sequence[Holdings], recorded: MarketSnapshot) -> tuple[float, float]:
    base = value_usd(holdings, (), recorded, Prices(base_usd=1.0, quote_usd=1e-30))
    quote = value_usd(holdings, (), recorded, Prices(base_usd=1e-30, quote_usd=1.0))
    return base, quote


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
    at = market.epoch.epoch_at
    parts = PnlParts()
    problems: list[str] = []
    if book.as_of_at < at:
        if market.before is None:
            raise InvalidInput(f"the snapshot of {book.as_of_at.isoformat()} is not recorded any more")
        minutes = market.candles.between(book.as_of_at, at)
        brought = carried(book, market.before, recorded, minutes, prices)
        parts += brought.parts
        book = replace(book, holdings=brought.holdings, growths=brought.growths, as_of_at=at)
    book = replace(book, base_usd=prices.base_usd, quote_usd=prices.quote_usd)
    holdings, travelling = delivered(book.holdings, book.travelling, at)
    book = replace(book, holdings=holdings, travelling=travelling)
    book, spent = _due(market, recorded, book, prices, config, problems)
    parts += spent
    seen = SeenWorld(
        holdings=book.holdings,
        growths=book.growths,
        in_transit=tuple(one.transit for one in book.travelling),
    )
    world = simulated_snapshot(recorded, seen)
    signals, optimized, plan = _asked(market, world, book, prices, decider, strategy, limits)
    if plan.decision.kind is not DecisionKind.HOLD:
        due_at = at + config.venue.latency_epochs * EPOCH_LENGTH
        book = replace(book, waiting=(*book.waiting, Waiting(plan=plan, due_at=due_at)))
        book, spent = _due(market, recorded, book, prices, config, problems)
        parts += spent
    totals = book.totals + parts
    nav = value_usd(book.holdings, book.travelling, recorded, prices) - totals.gas_usd
    recent = _recent(market, book, plan, nav, parts, totals)
    return BacktestEpoch(
        pair=config.pair,
        epoch_at=at,
        policy=config.policy,
        price=plan.price,
        kind=plan.decision.kind,
        reason=plan.decision.reason,
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


def _due(
    market: EpochMarket,
    recorded: MarketSnapshot,
    book: SimulatedBook,
    prices: Prices,
    config: BacktestConfig,
    problems: list[str],
) -> tuple[SimulatedBook, PnlParts]:
    """Carry out the plans whose time has come; one that cannot be carried out is dropped and named."""
    at, parts = market.epoch.epoch_at, PnlParts()
    due = [one for one in book.waiting if one.due_at <= at]
    book = replace(book, waiting=tuple(one for one in book.waiting if one.due_at > at))
    for one in due:
        seen = SeenWorld(holdings=book.holdings, growths=book.growths, in_transit=())
        world = simulated_snapshot(recorded, seen)
        try:
            done: Done = carry_out(one.plan, book.holdings, book.travelling, world, prices, config.venue)
        except InvalidInput as problem:
            problems.append(str(problem))
            book = replace(book, failures=book.failures + 1)
            continue
        parts += done.parts
        book = replace(
            book,
            holdings=done.holdings,
            travelling=done.travelling,
            failures=book.failures + done.failures,
            moves=book.moves + int(done.moved),
            last_moved_at=one.plan.epoch_at if done.moved else book.last_moved_at,
        )
    return book, parts


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
            yields=pool_yields(world, market.past, price, strategy.yield_window_epochs),
            asset_class=asset_class_of(world),
            last_moved_at=book.last_moved_at,
            minutes=market.candles,
        )
        return None, None, decider(seen)
    since = market.epoch.epoch_at - RECENT_WITHIN
    past = PastEpochs(
        snapshots=market.past[-strategy.yield_window_epochs :],
        last_rebalance_at=book.last_moved_at,
        recent=tuple(one for one in book.recent if one.epoch_at >= since),
    )
    signals = decider.force_signals(market.epoch, market.candles)
    optimized = decider.optimized_range(market.epoch, market.candles, signals, world, past, book.optimized, strategy)
    plan = decider.allocation(market.epoch, signals, optimized, world, past, strategy, limits, "backtest", "backtest")
    return signals, optimized, plan


def _recent(
    market: EpochMarket,
    book: SimulatedBook,
    plan: AllocationPlan,
    nav: float,
    parts: PnlParts,
    totals: PnlParts,
) -> tuple[RecentEpoch, ...]:
    gain, cost = plan.decision.promised_usd
    moved = book.last_moved_at == market.epoch.epoch_at
    latest = RecentEpoch(
        epoch_at=market.epoch.epoch_at,
        kind=plan.decision.kind,
        moved=moved,
        nav_usd=nav,
        fees_usd=totals.fees_usd,
        gas_usd=parts.gas_usd,
        expected_gain_usd=gain,
        expected_cost_usd=cost,
        holding_loss_usd=max(0.0, parts.lvr_usd),
        moves=plan.moves if moved else (),
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
