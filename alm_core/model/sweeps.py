"""Sweeps: what is varied, one backtest of it (a cell), and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from alm_core.model.backtest import BacktestConfig, BacktestSummary, NativeFrom, VenueConfig
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.signals import RangeParams

CellStatus = Literal["ok", "failed", "died"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepWindow:
    """Whole UTC days, ``[first_at, end_at)``."""

    first_at: datetime
    end_at: datetime

    @property
    def name(self) -> str:
        """First and last day, for example ``2026-01-01..2026-01-30``."""
        return f"{self.first_at.date().isoformat()}..{(self.end_at - timedelta(days=1)).date().isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCell:
    """One backtest of a sweep, with all that its result depends on besides code and recorded history.

    Parameters
    ----------
    capital_usd
        ``None`` begins with the holdings recorded at the first epoch.
    range_params
        Parameters in force at the first epoch; ``None``: the initial ones of the asset class.
    quote_usd, native_usd, native_from
        What is assumed for snapshots that were read afterwards, as in
        :class:`alm_core.model.backtest.BacktestConfig`.
    """

    pair: str
    policy: str
    window: SweepWindow
    capital_usd: float | None
    venue: VenueConfig
    strategy: StrategyConfig
    limits: LimitsConfig
    range_params: RangeParams | None
    quote_usd: float | None = None
    native_usd: tuple[tuple[int, float], ...] = ()
    native_from: tuple[NativeFrom, ...] = ()

    @property
    def config(self) -> BacktestConfig:
        """What the backtest is made with."""
        return BacktestConfig(
            pair=self.pair,
            policy=self.policy,
            capital_usd=self.capital_usd,
            venue=self.venue,
            range_params=self.range_params,
            assumed_quote_usd=self.quote_usd,
            assumed_native_usd=self.native_usd,
            native_from=self.native_from,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepGrid:
    """What a sweep goes through: every combination of these.

    Parameters
    ----------
    quote_usd, native_usd
        Of every cell.
    native_from
        By pair.
    varied
        Names of what has more than one value, as the grid file has them: ``pairs``, ``strategy.lvr_weight``.
    """

    pairs: tuple[str, ...]
    policies: tuple[str, ...]
    windows: tuple[SweepWindow, ...]
    capitals_usd: tuple[float | None, ...]
    venues: tuple[VenueConfig, ...]
    strategies: tuple[StrategyConfig, ...]
    ranges: tuple[RangeParams | None, ...]
    limits: LimitsConfig
    quote_usd: float | None = None
    native_usd: tuple[tuple[int, float], ...] = ()
    native_from: Mapping[str, tuple[NativeFrom, ...]] = field(default_factory=dict[str, tuple[NativeFrom, ...]])
    varied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutcome:
    """What came of a cell.

    Parameters
    ----------
    cell_id
        SHA-256 of the cell, the code and the recorded history it reads.
    status
        ``ok``; ``failed``, which the same cell would do again; or ``died``: its worker was lost, trying again may help.
    reason
        Why it has no summary.
    worker
        Machine and process that computed it.
    """

    cell_id: str
    status: CellStatus
    reason: str = ""
    summary: BacktestSummary | None = None
    worker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """A cell with its outcome."""

    cell: SweepCell
    outcome: CellOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceScore:
    """What one choice of policy and parameters came to over the windows of a pair.

    Parameters
    ----------
    pair, cell
        The pair, and one of the cells of this choice.
    windows
        How many windows have a result.
    mean_over_hodl, worst_over_hodl
        Geometric mean and least of ``nav_end / hodl_usd`` over these windows.
    """

    pair: str
    cell: SweepCell
    windows: int
    mean_over_hodl: float
    worst_over_hodl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardStep:
    """The best choice of one window, and how it did in the next one.

    Parameters
    ----------
    chosen, scored
        The best cell of the earlier window, and the cell of the same choice in the later one.
    chosen_over_hodl
        ``nav_end / hodl_usd`` in the window it was chosen on: in sample.
    scored_over_hodl
        The same in the later window, which the choice has not seen.
    median_over_hodl, best_over_hodl
        Of all choices in the later window: what choosing blindly, and knowing the future, would have come to.
    rank, choices
        Place of the chosen one among the choices of the later window, 1 is the best.
    """

    pair: str
    chosen: SweepCell
    scored: SweepCell
    chosen_over_hodl: float
    scored_over_hodl: float
    median_over_hodl: float
    best_over_hodl: float
    rank: int
    choices: int
