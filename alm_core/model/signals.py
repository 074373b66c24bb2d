"""Forces and ranges: what the strategy derives from candles. Floats only; nothing here meets a chain."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Forces:
    """The three forces on one timeframe or composed over several, each 0..100."""

    volatility: float
    momentum: float
    trend: float
    sigma_annual_frac: float
    """Parkinson volatility per square root year, as a fraction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceSignals:
    """Forces of an epoch: composite and by timeframe (``M15``, ``H1``, ``H4``)."""

    pair: str
    epoch_at: datetime
    price: float
    """Close of the last minute before the epoch, quote per base."""
    candles_used: int
    composite: Forces
    timeframes: dict[str, Forces]
    reason: str = ""
    """Why the signals must not be acted on (too few or stale candles); empty when they may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeParams:
    """The five parameters that Nelder-Mead tunes."""

    base_min_frac: float = 0.0005
    base_max_frac: float = 0.028
    vforce_exp: float = -0.4
    vforce_divider: float = 300.0
    rs_threshold: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRange:
    """A price range of the pair, quote per base, with the bias it was built with."""

    lower: float
    upper: float
    base: float
    breadth_frac: float
    confidence: float
    trend_bias: float
    kind: Literal["neutral", "bullish", "bearish"]


class RegimeState(StrEnum):
    """State of the market, mildest first; each has one action."""

    NORMAL = "normal"
    WIDEN = "widen"
    """Ranges are placed wider."""
    SUPPRESS = "suppress"
    """Nothing discretionary: no search, no shift, no reallocation."""
    STOP_ADDING = "stop_adding"
    """As suppress, and idle capital is not placed."""
    EXIT = "exit"
    """Every position is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """State in force with its memory: it is entered at once and left only after calm.

    Parameters
    ----------
    since_at
        Epoch at which the state was entered; ``None`` where it was never left.
    calm_epochs
        Consecutive epochs whose figures asked for a milder state.
    widen_factor
        What base widths are multiplied by; 1 outside ``widen``.
    """

    state: RegimeState = RegimeState.NORMAL
    reason: str = ""
    since_at: datetime | None = None
    calm_epochs: int = 0
    widen_factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizedRange:
    """Result of the search: the parameters in force from now on and the range they give. Never ``None``."""

    pair: str
    epoch_at: datetime
    success: bool
    reason: str
    params: RangeParams
    price_range: PriceRange
    fitness: float | None
    """Score of ``params`` on the validation part, net APR as a fraction; ``None`` if nothing could be scored."""
    baseline_fitness: float | None
    """Score of the parameters that were in force before."""
    evaluations: int
    train_fitness: float | None = None
    """Score of ``params`` on the part it was searched on."""
    test_fitness: float | None = None
    """Score of ``params`` on the newest part, which no search and no choice has seen."""
    regime: Regime = Regime()
    kill_switches: tuple[str, ...] = ()
    """Kill switches that fired, in words; with any, parameters fall back to the initial ones and nothing is added."""
