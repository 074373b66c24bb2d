"""One epoch of every shadow policy: bring its paper book to now, ask what it would do, and do that on paper."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alm_core.accounting.holding_loss import holding_loss_usd
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import EPOCHS_PER_DAY, Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs, RecentEpoch
from alm_core.model.shadow import ShadowBook, ShadowEpoch
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.policies.policy import Policy
from alm_core.portfolio.valuation import Prices, nav_usd, prices_usd
from alm_core.portfolio.yields import pool_yields
from alm_core.ranges.optimizer import asset_class_of
from alm_core.shadow.accrual import carried
from alm_core.shadow.paper import Executed, executed, paper_snapshot
from alm_core.shadow.rivals import RIVALS, Rival, Seen
from alm_core.simulation.paper_wallet import in_tokens

RECENT_WITHIN = timedelta(days=1)
"""How far back gates and kill switches of a shadow look at its own epochs, as those of the live policy do."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShadowInputs:
    """What an epoch of the shadows is computed from: the inputs of the live decision, and the books before it.

    Parameters
    ----------
    past_snapshots
        As the live decision saw them, oldest first.
    previous
        Books of the last epoch; ``None`` at the first.
    earlier
        Snapshots that the books of ``previous`` are marked at, by epoch.
    """

    epoch: Epoch
    candles: CandleSeries
    signals: ForceSignals
    snapshot: MarketSnapshot
    past_snapshots: tuple[MarketSnapshot, ...]
    strategy: StrategyConfig
    limits: LimitsConfig
    previous: ShadowEpoch | None
    earlier: Mapping[datetime, MarketSnapshot]


def shadow_epoch(
    inputs: ShadowInputs, policies: Mapping[str, Policy], rivals: Mapping[str, Rival] = RIVALS
) -> ShadowEpoch:
    """Return the books of every shadow after an epoch. Pure.

    Parameters
    ----------
    inputs
        What is known at the epoch. Where a source did not answer usably, the books stay as they were and say so.
    policies, rivals
        Who is run on paper, by name.
    """
    epoch, previous = inputs.epoch, inputs.previous
    doubt = _doubt(inputs)
    if doubt:
        books = () if previous is None else tuple(_idle(book, doubt) for book in previous.books)
        began_at = epoch.epoch_at if previous is None else previous.began_at
        return ShadowEpoch(pair=epoch.pair, epoch_at=epoch.epoch_at, began_at=began_at, books=books, problems=(doubt,))
    fresh = previous is None or not previous.books
    problems: list[str] = []
    deciders: dict[str, Policy | Rival] = {**rivals, **policies}
    books = tuple(_next_book(name, inputs, decider, problems) for name, decider in deciders.items())
    return ShadowEpoch(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        began_at=epoch.epoch_at if fresh or previous is None else previous.began_at,
        books=books,
        problems=tuple(problems),
    )


def _doubt(inputs: ShadowInputs) -> str:
    snapshot = inputs.snapshot
    if snapshot.problems:
        return f"{snapshot.problems[0].source}: {snapshot.problems[0].detail}"
    if snapshot.quote_usd is None:
        return "quote price: no source knows USD per quote token"
    if inputs.signals.reason:
        return inputs.signals.reason
    if not snapshot.holdings:
        return "holdings: no chain was read"
    return ""


def _next_book(name: str, inputs: ShadowInputs, decider: Policy | Rival, problems: list[str]) -> ShadowBook:
    before = _book_before(name, inputs)
    try:
        book, lost = _brought(before, inputs)
    except InvalidInput as problem:
        problems.append(f"{name}: {problem}")
        return _idle(before, str(problem))
    try:
        return _decided(book, inputs, decider, lost)
    except InvalidInput as problem:
        # The plan could not be made or carried out: the book has earned its fees and holds what it held.
        problems.append(f"{name}: {problem}")
        return replace(book, kind=DecisionKind.HOLD, reason=str(problem))


def _book_before(name: str, inputs: ShadowInputs) -> ShadowBook:
    known = None if inputs.previous is None else inputs.previous.book(name)
    if known is not None:
        return known
    return ShadowBook(
        policy=name,
        kind=DecisionKind.HOLD,
        reason="begins with our holdings",
        nav_usd=None,
        fees_usd=0.0,
        gas_usd=0.0,
        swap_usd=0.0,
        moves=0,
        holdings=in_tokens(inputs.snapshot),
        as_of_at=inputs.epoch.epoch_at,
    )


def _brought(book: ShadowBook, inputs: ShadowInputs) -> tuple[ShadowBook, float | None]:
    """Return the book at the epoch's snapshot, and what its positions lost on the way against holding their tokens."""
    since = book.as_of_at
    if since == inputs.epoch.epoch_at:
        return book, None
    if since not in inputs.earlier:
        raise InvalidInput(f"paper book: the snapshot of {since.isoformat()} is not stored any more")
    before, now = inputs.earlier[since], inputs.snapshot
    found = carried(book.holdings, before, now, inputs.candles.between(since, inputs.epoch.epoch_at), _prices(inputs))
    lost = holding_loss_usd(replace(before, holdings=book.holdings), replace(now, holdings=found.holdings))
    fees_usd = book.fees_usd + found.fees_usd
    return replace(book, holdings=found.holdings, fees_usd=fees_usd, as_of_at=inputs.epoch.epoch_at), lost


def _decided(book: ShadowBook, inputs: ShadowInputs, decider: Policy | Rival, holding_loss: float | None) -> ShadowBook:
    paper = paper_snapshot(inputs.snapshot, book.holdings)
    if callable(decider):
        optimized, plan = None, decider(_seen(paper, inputs))
    else:
        optimized, plan = _asked(decider, book, paper, inputs)
    done = Executed(holdings=book.holdings, gas_usd=0.0, swap_usd=0.0)
    moved = plan.decision.kind is not DecisionKind.HOLD
    if moved:
        done = executed(plan, book.holdings, inputs.snapshot, _prices(inputs))
    pools = tuple(state.pool for state in inputs.snapshot.pools)
    worth = nav_usd(replace(inputs.snapshot, holdings=done.holdings, in_transit=()), inputs.signals.price, pools)
    gas_usd = book.gas_usd + done.gas_usd
    after = replace(
        book,
        kind=plan.decision.kind,
        reason=plan.decision.reason,
        nav_usd=worth - gas_usd,
        gas_usd=gas_usd,
        swap_usd=book.swap_usd + done.swap_usd,
        moves=book.moves + int(moved),
        holdings=done.holdings,
        last_moved_at=inputs.epoch.epoch_at if moved else book.last_moved_at,
        optimized=optimized,
    )
    if callable(decider):
        return after
    gain, cost = plan.decision.promised_usd
    latest = RecentEpoch(
        epoch_at=inputs.epoch.epoch_at,
        kind=plan.decision.kind,
        moved=moved,
        nav_usd=after.nav_usd,
        fees_usd=after.fees_usd,
        gas_usd=done.gas_usd,
        expected_gain_usd=gain,
        expected_cost_usd=cost,
        holding_loss_usd=holding_loss,
    )
    return replace(after, recent=(*book.recent, latest)[-EPOCHS_PER_DAY:])


def _asked(
    policy: Policy, book: ShadowBook, paper: MarketSnapshot, inputs: ShadowInputs
) -> tuple[OptimizedRange, AllocationPlan]:
    since = inputs.epoch.epoch_at - RECENT_WITHIN
    recent = tuple(one for one in book.recent if one.epoch_at >= since)
    past = PastEpochs(snapshots=inputs.past_snapshots, last_rebalance_at=book.last_moved_at, recent=recent)
    signals = policy.force_signals(inputs.epoch, inputs.candles)
    optimized = policy.optimized_range(
        inputs.epoch, inputs.candles, signals, paper, past, book.optimized, inputs.strategy
    )
    plan = policy.allocation(
        inputs.epoch, signals, optimized, paper, past, inputs.strategy, inputs.limits, "shadow", "shadow"
    )
    return optimized, plan


def _seen(paper: MarketSnapshot, inputs: ShadowInputs) -> Seen:
    price = inputs.signals.price
    return Seen(
        epoch=inputs.epoch,
        price=price,
        snapshot=paper,
        prices=_prices(inputs),
        yields=pool_yields(paper, inputs.past_snapshots, price, inputs.strategy.yield_window_epochs),
        asset_class=asset_class_of(paper),
    )


def _prices(inputs: ShadowInputs) -> Prices:
    return prices_usd(inputs.snapshot, inputs.signals.price)


def _idle(book: ShadowBook, reason: str) -> ShadowBook:
    return replace(book, kind=DecisionKind.HOLD, reason=reason, nav_usd=None)
