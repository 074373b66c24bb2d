"""Figures and the states they ask for: each threshold with a lower one, below which it counts as calm."""

from dataclasses import dataclass
from typing import Literal

from alm_core.model.pools import AssetClass
from alm_core.model.signals import RegimeState
from alm_core.regimes.measures import RegimeFigures

FigureName = Literal[
    "volatility_ratio",
    "displacement_ratio",
    "volume_ratio",
    "drawdown_frac",
    "depeg_frac",
    "quote_depeg_frac",
    "lasting_quote_depeg_frac",
]

SEVERITY = tuple(RegimeState)
"""States, mildest first."""

CALM_EPOCHS: dict[RegimeState, int] = {
    RegimeState.NORMAL: 0,
    RegimeState.WIDEN: 4,
    RegimeState.SUPPRESS: 4,
    RegimeState.STOP_ADDING: 8,
    RegimeState.EXIT: 48,
}
"""Consecutive calm epochs after which a state is left for the next milder one. An hour is what volatility and
displacement look back on (the reference suppressed four epochs, too); two hours for a state that is about a level; 12 h
for the exit, the ``min_hold`` of discretionary moves: capital makes no round trip faster than the rules allow."""

WIDEN_FACTOR = 1.5
"""What base widths are multiplied by in ``widen``, as in the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A state that a figure asks for from ``enter`` on, and stops asking for below ``leave``."""

    state: RegimeState
    figure: FigureName
    enter: float
    leave: float

    def value(self, figures: RegimeFigures) -> float | None:
        """Return the figure it looks at."""
        return getattr(figures, self.figure)

    def enters(self, figures: RegimeFigures) -> bool:
        """Whether the figure asks for the state; an unknown one asks for nothing."""
        value = self.value(figures)
        return value is not None and value >= self.enter

    def is_calm(self, figures: RegimeFigures) -> bool:
        """Whether the figure is known to ask for the state no more."""
        value = self.value(figures)
        return value is not None and value < self.leave


SPIKE = Trigger(state=RegimeState.SUPPRESS, figure="volatility_ratio", enter=1.0, leave=0.7)
"""5 % of the epochs of BTC in January 2022 (recorded minutes), 1 % of those of WETH in summer 2022, none of a geometric
Brownian path. At 0.7 an hour is within what the hours before it were like."""
DISPLACEMENT = Trigger(state=RegimeState.SUPPRESS, figure="displacement_ratio", enter=1.0, leave=0.5)
"""3 % and 2 % of the epochs of the same months. Calm is a move of an hour like any other: two sigmas."""
VOLUME = Trigger(state=RegimeState.WIDEN, figure="volume_ratio", enter=5.0, leave=2.5)
"""The reference's multiple; 2.3 % and 0.6 % of the epochs of the same months."""

DRAWDOWN = Trigger(state=RegimeState.STOP_ADDING, figure="drawdown_frac", enter=0.15, leave=0.10)
"""In a day; the worst day was 13 % in both months. In a fall a range buys the falling token all the way down."""
CRASH = Trigger(state=RegimeState.EXIT, figure="drawdown_frac", enter=0.30, leave=0.20)
"""A third lost in a day is no market to earn fees in: whoever trades then knows more."""

DEPEG = Trigger(state=RegimeState.STOP_ADDING, figure="depeg_frac", enter=0.005, leave=0.003)
"""Five times the 0.1 % within which arbitrage keeps a stable pair on ordinary days."""
BROKEN_PEG = Trigger(state=RegimeState.EXIT, figure="depeg_frac", enter=0.02, leave=0.01)
"""Past it a range holds only the token that falls; what lost 2 % either broke or took a day or more to return."""

QUOTE_DEPEG = Trigger(state=RegimeState.STOP_ADDING, figure="quote_depeg_frac", enter=0.01, leave=0.005)
"""Twice that of a pair's own price: one reading of a data service, not a median of exchanges."""
BROKEN_QUOTE = Trigger(state=RegimeState.EXIT, figure="lasting_quote_depeg_frac", enter=0.03, leave=0.015)
"""Two readings in a row: a figure that is wrong once closes nothing."""

_QUOTE = (QUOTE_DEPEG, BROKEN_QUOTE)
TRIGGERS: dict[AssetClass, tuple[Trigger, ...]] = {
    "stable": (VOLUME, SPIKE, DISPLACEMENT, DEPEG, BROKEN_PEG, *_QUOTE),
    "volatile": (VOLUME, SPIKE, DISPLACEMENT, DRAWDOWN, CRASH, *_QUOTE),
}


def triggers_of(asset_class: AssetClass, figures: RegimeFigures) -> tuple[Trigger, ...]:
    """Return what applies to a pair: a quote token that is not meant to be worth a dollar has no peg to lose."""
    return tuple(one for one in TRIGGERS[asset_class] if figures.quote_is_stable or one not in _QUOTE)


def severity(state: RegimeState) -> int:
    """Return the rank of a state, 0 for ``normal``."""
    return SEVERITY.index(state)
