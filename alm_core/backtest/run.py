"""A backtest from its first epoch to its last, in constant memory; or from where an earlier part of it stopped."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from alm_core.backtest.assumed import with_assumed_quote
from alm_core.backtest.deciders import decider_named
from alm_core.backtest.minutes import SlidingMinutes
from alm_core.backtest.step import EpochMarket, next_epoch
from alm_core.backtest.world import simulated_snapshot
from alm_core.model.backtest import BacktestConfig, BacktestEpoch, BacktestSummary, MarketHistory
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.policies.default import DefaultPolicy
from alm_core.portfolio.fee_window import FeeWindow

NO_OTHERS: Mapping[str, MarketHistory] = MappingProxyType({})


def run_backtest(
    market: MarketHistory,
    first_at: datetime,
    end_at: datetime,
    config: BacktestConfig,
    strategy: StrategyConfig,
    limits: LimitsConfig,
    earlier: Iterable[BacktestEpoch] = (),
    others: Mapping[str, MarketHistory] = NO_OTHERS,
    *,
    explains: bool = False,
) -> Iterator[BacktestEpoch]:
    """Yield the epochs in ``[first_at, end_at)``, oldest first.

    Parameters
    ----------
    market, first_at, end_at
        What was recorded, the first epoch and the moment after the last one.
    config, strategy, limits
        Who decides over what capital in which venue, and the parameters and limits live decisions have.
    earlier
        Epochs of the same backtest right before, oldest first, at least as many as yields look back on: the run goes on
        from the last of them and comes to the same as one that was never stopped. Without any it begins anew.
    others
        Histories of the other pairs that ``config.native_from`` names.
    explains
        Whether plans carry what only explains them, at ten times the time: the same is decided without.
    """
    decider, window = decider_named(config.policy), FeeWindow()
    if isinstance(decider, DefaultPolicy):
        decider = replace(decider, explains=explains, window=window)
    market = _Assuming(market, config)
    minutes = SlidingMinutes(market)
    past: deque[MarketSnapshot] = deque(maxlen=max(1, strategy.yield_window_epochs))
    book = None
    for one in earlier:
        book = one.book
        recorded = market.snapshot(one.epoch_at) if one.seen else None
        if recorded is not None and one.seen is not None:
            past.append(simulated_snapshot(recorded, one.seen))
    if book is not None and len(past) < strategy.yield_window_epochs:
        # Holes: what was recorded before the beginning is still looked back on.
        begun_with = _recorded_past(market, book.began_at, strategy.yield_window_epochs)
        past.extendleft(reversed(begun_with[len(past) - strategy.yield_window_epochs :]))
    before = market.snapshot(book.as_of_at) if book is not None else None
    at = first_at
    while at < end_at:
        epoch = Epoch(pair=config.pair, epoch_at=at)
        recorded = market.snapshot(at)
        if book is None and not past:
            past.extend(_recorded_past(market, at, strategy.yield_window_epochs))
        seen = EpochMarket(
            epoch=epoch,
            candles=minutes.before(at),
            recorded=recorded,
            before=before,
            past=tuple(past),
            window=window,
            other_closes=last_closes(others, at),
        )
        found = next_epoch(seen, book, decider, config, strategy, limits)
        at += EPOCH_LENGTH
        if found is None:
            past.clear()
            continue
        book = found.book
        if found.seen is not None and recorded is not None:
            past.append(simulated_snapshot(recorded, found.seen))
            before = recorded
        yield found


def summary_of(epochs: Iterable[BacktestEpoch], seconds: float) -> BacktestSummary:
    """Return what the epochs of a backtest came to.

    Raises
    ------
    InvalidInput
        If there is none, or none whose value is known.
    """
    first: BacktestEpoch | None = None
    last = valued = None
    decisions: Counter[str] = Counter()
    missing = 0
    problems: Counter[str] = Counter()
    assumptions: Counter[str] = Counter()
    for one in epochs:
        first = first or one
        last = one
        valued = one if one.nav_usd is not None else valued
        missing += int(one.nav_usd is None)
        decisions[one.kind.value] += 1
        problems.update(one.problems)
        assumptions.update(one.assumptions)
    if first is None or last is None or valued is None or valued.nav_usd is None or valued.hodl_usd is None:
        raise InvalidInput("no epoch of the backtest has a recorded market")
    book, totals = valued.book, valued.book.totals
    return BacktestSummary(
        pair=first.pair,
        policy=first.policy,
        first_at=first.epoch_at,
        last_at=last.epoch_at,
        nav_start=book.nav_start_usd,
        nav_end=valued.nav_usd,
        fees_usd=totals.fees_usd,
        rewards_usd=totals.rewards_usd,
        lvr_usd=totals.lvr_usd,
        gas_usd=totals.gas_usd,
        swap_usd=totals.swap_usd,
        bridge_usd=totals.bridge_usd,
        price_usd=totals.price_usd,
        hodl_usd=valued.hodl_usd,
        rebalances=book.moves,
        failures=book.failures,
        decisions=dict(sorted(decisions.items())),
        epochs=sum(decisions.values()),
        epochs_missing=missing,
        seconds=seconds,
        problems=tuple(f"{text} ({count}x)" for text, count in problems.most_common(20)),
        assumptions=tuple(f"{text} ({count}x)" for text, count in assumptions.most_common(20)),
    )


def last_closes(histories: Mapping[str, MarketHistory], at: datetime) -> dict[str, float]:
    """Return the last close of every pair in the quarter hour before a moment; those without one are left out."""
    since = {pair: history.candles(at - EPOCH_LENGTH, at) for pair, history in histories.items()}
    return {pair: float(minutes.close[-1]) for pair, minutes in since.items() if len(minutes)}


@dataclass(frozen=True, slots=True)
class _Assuming:
    """A history whose snapshots have the price of the quote token that is assumed, where they know none."""

    recorded: MarketHistory
    config: BacktestConfig

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        return self.recorded.candles(start_at, end_at)

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot | None:
        found = self.recorded.snapshot(epoch_at)
        return None if found is None else with_assumed_quote(found, self.config)


def _recorded_past(market: MarketHistory, at: datetime, count: int) -> list[MarketSnapshot]:
    found = [market.snapshot(at - back * EPOCH_LENGTH) for back in range(count, 0, -1)]
    return [one for one in found if one is not None]
