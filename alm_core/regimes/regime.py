"""The state of the market and its memory: worse at once, milder only step by step and after calm."""

from collections.abc import Iterable, Sequence

from alm_core.model.epochs import Epoch
from alm_core.model.pools import AssetClass
from alm_core.model.signals import Regime, RegimeState
from alm_core.regimes.measures import RegimeFigures
from alm_core.regimes.thresholds import CALM_EPOCHS, SEVERITY, WIDEN_FACTOR, Trigger, severity, triggers_of


def next_regime(previous: Regime, figures: RegimeFigures, epoch: Epoch, asset_class: AssetClass) -> Regime:
    """Return the regime of an epoch after that of the epoch before.

    Parameters
    ----------
    previous
        Regime of the epoch right before; ``Regime()`` for the first.
    figures
        What the epoch is judged by.
    epoch
        When a state is entered.
    asset_class
        Whose thresholds apply.

    Returns
    -------
    Regime
        The worst state any figure asks for, if that is worse than the one in force. Otherwise the state in force stays
        until, for :data:`CALM_EPOCHS` epochs in a row, every figure that could ask for it or for a worse one was known
        and below its lower threshold; then the next milder state follows, with its own count.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> epoch = Epoch(pair="WETH-USDC", epoch_at=datetime(2026, 11, 22, 12, tzinfo=UTC))
    >>> next_regime(Regime(), RegimeFigures(drawdown_frac=0.2), epoch, "volatile").state.value
    'stop_adding'
    """
    triggers = triggers_of(asset_class, figures)
    asking = [one for one in triggers if one.enters(figures)]
    worst = max((one.state for one in asking), key=severity, default=RegimeState.NORMAL)
    if severity(worst) > severity(previous.state):
        return _entered(worst, epoch, _words((one for one in asking if one.state is worst), figures))
    if previous.state is RegimeState.NORMAL:
        unknown = _unknown(triggers, figures)
        return Regime(since_at=previous.since_at, reason=f"unknown: {unknown}" if unknown else "")
    relevant = [one for one in triggers if severity(one.state) >= severity(previous.state)]
    holding = [one for one in relevant if not one.is_calm(figures)]
    if holding:
        return _held(previous, 0, _words(holding, figures))
    calm, needed = previous.calm_epochs + 1, CALM_EPOCHS[previous.state]
    if calm < needed:
        return _held(previous, calm, f"calm for {calm} of {needed} epochs")
    milder = SEVERITY[severity(previous.state) - 1]
    return _entered(milder, epoch, f"after {calm} calm epochs of {previous.state}")


def is_worse(state: RegimeState, than: RegimeState) -> bool:
    """Whether one state is worse than another."""
    return severity(state) > severity(than)


def _entered(state: RegimeState, epoch: Epoch, reason: str) -> Regime:
    factor = WIDEN_FACTOR if state is RegimeState.WIDEN else 1.0
    return Regime(state=state, reason=reason, since_at=epoch.epoch_at, widen_factor=factor)


def _held(previous: Regime, calm_epochs: int, reason: str) -> Regime:
    return Regime(
        state=previous.state,
        reason=reason,
        since_at=previous.since_at,
        calm_epochs=calm_epochs,
        widen_factor=previous.widen_factor,
    )


def _words(triggers: Iterable[Trigger], figures: RegimeFigures) -> str:
    return "; ".join(_said(one, one.value(figures)) for one in triggers)


def _said(trigger: Trigger, value: float | None) -> str:
    if value is None:
        return f"{trigger.figure} is unknown"
    if value >= trigger.enter:
        return f"{trigger.figure} {value:.4g} reaches {trigger.enter:g}"
    return f"{trigger.figure} {value:.4g} is not below {trigger.leave:g} yet"


def _unknown(triggers: Sequence[Trigger], figures: RegimeFigures) -> str:
    return ", ".join(dict.fromkeys(one.figure for one in triggers if one.value(figures) is None))
