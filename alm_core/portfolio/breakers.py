"""Breakers: what a wallet is worth against what holding would be worth, its own peak, and what stables are worth.

Pure functions over marks, one per quarter hour. A breaker that trips makes the wallet leave only; a person lets it go
on. What cannot be judged trips nothing: there is no mark then, and without known prices nothing is placed anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alm_core.model.books import Mark
from alm_core.model.config import LimitsConfig
from alm_core.model.epochs import DAY, HOUR

_ROUNDING = 1e-9
"""One less 0.98 is a little more than 0.02: floats at a bound are within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A breaker that tripped: its name as a control, and why in words."""

    control: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pegged:
    """A side of the pair that is meant to be worth one USD: ``base`` or ``quote``, and who issues its tokens."""

    side: str
    issuers: tuple[str, ...]

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.side} ({', '.join(self.issuers)})"

    def usd(self, mark: Mark) -> float:
        """Price of the side at a mark."""
        return mark.base_usd if self.side == "base" else mark.quote_usd


def trips(
    marks: Sequence[Mark], now: Mark, pegged: Sequence[Pegged], limits: LimitsConfig, *, stable: bool
) -> tuple[Trip, ...]:
    """Return every breaker that trips at a mark.

    Parameters
    ----------
    marks
        Earlier marks of the wallet, oldest first, as far back as ``drawdown_days``.
    now
        Mark of this epoch.
    pegged
        Sides that are stables.
    limits
        Bounds.
    stable
        Whether both are.
    """
    hour = limits.max_hour_loss_stable_frac if stable else limits.max_hour_loss_frac
    day = limits.max_day_loss_stable_frac if stable else limits.max_day_loss_frac
    kind = "_stable_frac" if stable else "_frac"
    found = [
        _loss(f"max_hour_loss{kind}", within(marks, now.epoch_at, HOUR), now, hour),
        _loss(f"max_day_loss{kind}", within(marks, now.epoch_at, DAY), now, day),
        _drawdown(marks, now, limits, stable=stable),
        *(_left_peg(side, now, limits) for side in pegged),
    ]
    return tuple(trip for trip in found if trip is not None)


def depeg_freeze(marks: Sequence[Mark], now: Mark, pegged: Sequence[Pegged], limits: LimitsConfig) -> tuple[str, ...]:
    """Return why nothing may be placed: each stable that was off its peg at the last quarter hours, all in a row."""
    needed = max(limits.depeg_candles, 1)
    looks = [*within(marks, now.epoch_at, needed * timedelta(minutes=15)), now][-needed:]
    found: list[str] = []
    for side in pegged:
        prices = [side.usd(mark) for mark in looks]
        if len(looks) == needed and all(not _near_one(price, limits.depeg_freeze_frac) for price in prices):
            shown = ", ".join(f"{price:.4f}" for price in prices)
            found.append(f"depeg_freeze_frac: {side.name} at {shown} USD (bound 1 +- {limits.depeg_freeze_frac:.6g})")
    return tuple(found)


def holding_usd(start: Mark, now: Mark) -> float:
    """Return what the tokens of an earlier mark, with what came and went since, would be worth now."""
    base = start.base_amount + now.base_flow - start.base_flow
    quote = start.quote_amount + now.quote_flow - start.quote_flow
    return base * now.base_usd + quote * now.quote_usd


def loss_frac(start: Mark, now: Mark) -> float:
    """Return how far the wallet is below what holding would be worth; 0 where it is not, or there was nothing.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 22, tzinfo=UTC)
    >>> base = dict(pair="P", wallet="0x", base_usd=2.0, quote_usd=1.0, base_flow=0.0, quote_flow=0.0)
    >>> start = Mark(**base, epoch_at=at, nav_usd=100.0, base_amount=25.0, quote_amount=50.0)
    >>> now = Mark(**base, epoch_at=at + HOUR, nav_usd=97.0, base_amount=0.0, quote_amount=97.0)
    >>> round(loss_frac(start, now), 6)
    0.03
    """
    held = holding_usd(start, now)
    return max(1.0 - now.nav_usd / held, 0.0) if held > 0 else 0.0


def within(marks: Sequence[Mark], at: datetime, window: timedelta) -> tuple[Mark, ...]:
    """Return the marks of a window that ends right before a moment; its first moment counts."""
    return tuple(mark for mark in marks if at - window <= mark.epoch_at < at)


def share_values(marks: Sequence[Mark]) -> tuple[float, ...]:
    """Return the value of a share of the wallet at each mark, 1 at the first: deposits buy shares, withdrawals sell."""
    values: list[float] = []
    for before, mark in zip([None, *marks], marks, strict=False):
        if before is None:
            values.append(1.0)
            continue
        added = (mark.base_flow - before.base_flow) * mark.base_usd
        added += (mark.quote_flow - before.quote_flow) * mark.quote_usd
        invested = before.nav_usd + added
        values.append(values[-1] * (mark.nav_usd / invested if invested > 0 and before.nav_usd > 0 else 1.0))
    return tuple(values)


def _loss(control: str, marks: Sequence[Mark], now: Mark, bound: float) -> Trip | None:
    worst = max(marks, key=lambda mark: loss_frac(mark, now), default=None)
    if worst is None or loss_frac(worst, now) <= bound + _ROUNDING:
        return None
    held = holding_usd(worst, now)
    reason = (
        f"{now.nav_usd:.2f} USD, {loss_frac(worst, now):.2%} below the {held:.2f} USD that holding since "
        f"{worst.epoch_at.isoformat()} would be worth (bound {bound:.2%})"
    )
    return Trip(control=control, reason=f"{control}: {reason}")


def _drawdown(marks: Sequence[Mark], now: Mark, limits: LimitsConfig, *, stable: bool) -> Trip | None:
    control = "max_drawdown_stable_frac" if stable else "max_drawdown_frac"
    bound: float = limits.max_drawdown_stable_frac if stable else limits.max_drawdown_frac
    looked_at = (*within(marks, now.epoch_at, timedelta(days=limits.drawdown_days)), now)
    values = share_values(looked_at)
    peak = max(values)
    fallen = 1.0 - values[-1] / peak
    if fallen <= bound + _ROUNDING:
        return None
    at = looked_at[values.index(peak)].epoch_at.isoformat()
    reason = f"{control}: a share is worth {fallen:.2%} less than at {at} (bound {bound:.2%})"
    return Trip(control=control, reason=reason)


def _left_peg(side: Pegged, now: Mark, limits: LimitsConfig) -> Trip | None:
    price = side.usd(now)
    if price >= 1.0 - limits.depeg_leave_frac - _ROUNDING:
        return None
    reason = f"depeg_leave_frac: {side.name} at {price:.4f} USD (bound {1.0 - limits.depeg_leave_frac:.4f})"
    return Trip(control="depeg_leave_frac", reason=reason)


def _near_one(price: float, frac: float) -> bool:
    return abs(price - 1.0) <= frac + _ROUNDING
