"""Backtests: what a run is made with, the portfolio it carries from epoch to epoch, and what came of each epoch."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from alm_core.model.candles import CandleSeries
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.market import Holdings, InTransit, MarketSnapshot, PoolState
from alm_core.model.past import RecentEpoch
from alm_core.model.pnl import PnlParts
from alm_core.model.signals import ForceSignals, OptimizedRange, RangeParams


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueConfig:
    """How the simulated venue treats plans.

    Parameters
    ----------
    latency_epochs
        Quarter hours between a decision and its execution, at the prices and pools of that later moment. 0 is what a
        live epoch does.
    failure_frac
        Chance that what a plan does on one chain fails after its gas was paid, 0..1.
    bridge_delay_s
        How long a transfer between chains takes; ``None`` takes the usual time of its quote.
    gas_multiple
        Gas as recorded times this.
    seed
        Of the draws for failures. The same seed gives the same run.
    """

    latency_epochs: int = 1
    failure_frac: float = 0.0
    bridge_delay_s: float | None = None
    gas_multiple: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeFrom:
    """A pair whose closes tell the USD price of a chain's native coin.

    Parameters
    ----------
    chain_id, pair
        The chain, and the pair: that of the backtest, or another one.
    side
        Which token of ``pair`` stands for the coin.
    against
        Which token of the backtest's pair the other one is.
    """

    chain_id: int
    pair: str
    side: Literal["base", "quote"]
    against: Literal["base", "quote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestConfig:
    """What a backtest is made with.

    Parameters
    ----------
    pair, policy
        The pair, and who decides: a policy or a rival by name (:func:`alm_core.backtest.deciders.decider_named`).
    capital_usd
        Capital at the first epoch, half of its value in each token, shared evenly by the chains that have a live pool.
        ``None`` begins with the holdings recorded at the first epoch, positions turned into tokens.
    venue
        The simulated venue.
    range_params
        Parameters in force at the first epoch; ``None``: the initial ones of the asset class. With
        ``StrategyConfig.optimize`` the search starts from them, without it they stay.
    assumed_quote_usd, assumed_native_usd
        USD per quote token, and per native coin by chain, for snapshots that were read afterwards and know none
        (:mod:`alm_core.backtest.assumed`). ``None`` and nothing: such snapshots are held through.
    native_from
        Pairs whose closes tell native coins; by chain the first whose close is known, before what is assumed.
    """

    pair: str
    policy: str = "default"
    capital_usd: float | None = 10_000.0
    venue: VenueConfig = field(default_factory=VenueConfig)
    range_params: RangeParams | None = None
    assumed_quote_usd: float | None = None
    assumed_native_usd: tuple[tuple[int, float], ...] = ()
    native_from: tuple[NativeFrom, ...] = ()

    @property
    def other_pairs(self) -> tuple[str, ...]:
        """Pairs whose closes tell prices of native coins, besides the one of the backtest."""
        return tuple(sorted({one.pair for one in self.native_from} - {self.pair}))


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolGrowth:
    """Simulated fee growth of a pool per unit of liquidity, times 2^128: recorded fees over simulated liquidity."""

    pool_id: str
    growth0_x128: int
    growth1_x128: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Travelling:
    """Capital between two chains and when it arrives."""

    transit: InTransit
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A plan that is carried out at ``due_at``."""

    plan: AllocationPlan
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedPlan:
    """A plan that was carried out: of which epoch, whether it closed positions to place anew, and what it moved.

    ``moved_usd`` is what it placed, swapped and sent to other chains.
    """

    epoch_at: datetime
    rebalanced: bool
    moved_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedBook:
    """The portfolio of a backtest after an epoch; all that the next epoch needs of the past, besides the market.

    Parameters
    ----------
    began_at, as_of_at
        First epoch, and the epoch whose snapshot the holdings are marked at (a missing snapshot leaves it behind).
    base_usd, quote_usd
        Prices at ``as_of_at``.
    holdings, growths, travelling, waiting
        What is owned, simulated fee growth of every pool, what is between chains and what is still to be done.
    hodl_base, hodl_quote
        Tokens of the start, in whole tokens: what HODL holds.
    totals
        Profit and loss since the beginning. Gas and rewards are in no token of the pair: they are counted here, and the
        holdings are without them.
    nav_start_usd
        Value at the beginning, before anything was done.
    moves, failures
        Actions carried out, and parts of plans that failed.
    last_moved_at, optimized, recent
        What gates and the next search look at, as of :class:`alm_core.model.past.PastEpochs`.
    gone
        Last readings of pools that are not read any more and in which something is held.
    carried
        Plans carried out in the last 24 h: what caps per hour and day count.
    """

    began_at: datetime
    as_of_at: datetime
    base_usd: float
    quote_usd: float
    holdings: tuple[Holdings, ...]
    growths: tuple[PoolGrowth, ...]
    hodl_base: float
    hodl_quote: float
    nav_start_usd: float
    travelling: tuple[Travelling, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    totals: PnlParts = field(default_factory=PnlParts)
    moves: int = 0
    failures: int = 0
    last_moved_at: datetime | None = None
    optimized: OptimizedRange | None = None
    recent: tuple[RecentEpoch, ...] = ()
    gone: tuple[PoolState, ...] = ()
    carried: tuple[CarriedPlan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A position as figures draw it; ``lower`` and ``upper`` in quote per base."""

    pool_id: str
    lower: float
    upper: float
    value_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenWorld:
    """The simulated part of a snapshot."""

    holdings: tuple[Holdings, ...]
    growths: tuple[PoolGrowth, ...]
    in_transit: tuple[InTransit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestEpoch:
    """One epoch of a backtest.

    Parameters
    ----------
    price
        Close of the last minute before the epoch, quote per base; ``None`` without one.
    kind, reason
        What was decided, and why. An epoch whose market is not recorded is a HOLD that says so.
    nav_usd
        Value after everything the epoch did, gas of the whole run taken off and rewards added; ``None`` if unknown.
    hodl_usd
        What the tokens of the start are worth.
    parts
        Profit and loss since the epoch before.
    placed
        Price ranges of the positions held afterwards, quote per base, with the share of the NAV in each.
    plan
        What was decided; ``None`` where nothing could be.
    seen
        Holdings and growth that the decision saw; with the recorded snapshot they give the simulated one again.
    book
        The portfolio afterwards.
    signals
        Forces the decision was taken on; ``None`` where the decider looks at none.
    assumptions
        What was assumed of a market that was read afterwards, in words.
    """

    pair: str
    epoch_at: datetime
    policy: str
    price: float | None
    kind: DecisionKind
    reason: str
    nav_usd: float | None
    hodl_usd: float | None
    parts: PnlParts
    placed: tuple[Placed, ...]
    book: SimulatedBook
    plan: AllocationPlan | None = None
    seen: SeenWorld | None = None
    problems: tuple[str, ...] = ()
    signals: ForceSignals | None = None
    assumptions: tuple[str, ...] = ()


class MarketHistory(Protocol):
    """Recorded market of one pair, in order of time."""

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        """Minutes that open in ``[start_at, end_at)``."""
        ...

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot | None:
        """Return what was recorded at an epoch, our own holdings then included; ``None`` if nothing was."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSummary:
    """What a backtest came to, in USD: the JSON of ``alm backtest``.

    Parameters
    ----------
    nav_start, nav_end
        Value before the first decision and after the last epoch.
    hodl_usd
        Value of the tokens of the start at the end.
    rebalances
        Actions carried out, the first placing among them.
    decisions
        Number of epochs by decision.
    epochs, epochs_missing
        Quarter hours of the window, and those without a recorded market, which were held through.
    seconds
        CPU time it took.
    assumptions
        What was assumed, with the number of epochs.
    """

    pair: str
    policy: str
    first_at: datetime
    last_at: datetime
    nav_start: float
    nav_end: float
    fees_usd: float
    rewards_usd: float
    lvr_usd: float
    gas_usd: float
    swap_usd: float
    bridge_usd: float
    price_usd: float
    hodl_usd: float
    rebalances: int
    failures: int
    decisions: dict[str, int]
    epochs: int
    epochs_missing: int
    seconds: float
    problems: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
