"""Adaptive payback: actions that kept less than they promised make the next one prove more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from alm_core.model.past import RecentEpoch

MAX_PAYBACK_FACTOR = 3.0
EVIDENCE = timedelta(hours=12)
"""Fees of a quarter hour prove nothing: a shortfall counts in full once its action is this old."""


def payback_factor(recent: Sequence[RecentEpoch], horizon: timedelta) -> float:
    r"""Return what the configured multiples of cost are raised by, 1 to :data:`MAX_PAYBACK_FACTOR`.

    Parameters
    ----------
    recent
        The epochs of the last 24 h, oldest first, with what they promised and what was earned since.
    horizon
        Time over which an action promises its gain.

    Returns
    -------
    float
        1 where nothing was done, or what came of it is not known: the running total of fees must be known when the
        first action was decided, at some epoch before it and at some epoch after it.

    Notes
    -----
    Actions :math:`i` at :math:`t_i` promised gains :math:`g_i` over the horizon :math:`H`. :math:`F(t)` is the running
    total of fees less what positions lost against holding their tokens, the last known one at :math:`t`, and
    :math:`f_0` the rate at which it grew before the first action, at :math:`t_1`. Promised by now and kept are

    .. math::

        P = \sum_i g_i \frac{t - t_i}{H}, \quad
        K = F(t) - F(t_1) - f_0 (t - t_1) - \sum_i \max(0, \text{gas}_i - \text{cost}_i)

    and the factor is :math:`1 + (3 - 1)\, s\, \min(1, (t - t_1)/E)` with the shortfall :math:`s = 1 - K/P` clamped to
    0..1 and :math:`E` = :data:`EVIDENCE`. A loss that is not known counts for nothing, so the factor errs towards 1;
    the value of the holdings itself moves with the price and tells nothing about a promise.
    """
    acted = [epoch for epoch in recent if epoch.moved and epoch.expected_gain_usd > 0.0]
    if not acted:
        return 1.0
    earned = _net_earned(recent)
    first_at = acted[0].epoch_at
    at_first = next((usd for at, usd in earned if at == first_at), None)
    if at_first is None or not earned[0][0] < first_at < earned[-1][0]:
        return 1.0
    (oldest_at, at_oldest), (last_at, at_last) = earned[0], earned[-1]
    since = last_at - first_at
    judged = [one for one in acted if one.epoch_at < last_at]
    promised = sum(one.expected_gain_usd * ((last_at - one.epoch_at) / horizon) for one in judged)
    overrun = sum(max(0.0, one.gas_usd - one.expected_cost_usd) for one in judged if one.gas_usd is not None)
    as_before = (at_first - at_oldest) * (since / (first_at - oldest_at))
    shortfall = 1.0 - (at_last - at_first - as_before - overrun) / promised
    return 1.0 + (MAX_PAYBACK_FACTOR - 1.0) * min(1.0, max(0.0, shortfall)) * min(1.0, since / EVIDENCE)


def _net_earned(recent: Sequence[RecentEpoch]) -> list[tuple[datetime, float]]:
    """Return epochs of which fees are known, oldest first, and the running total less losses against holding."""
    earned: list[tuple[datetime, float]] = []
    lost = 0.0
    for epoch in recent:
        lost += epoch.holding_loss_usd or 0.0
        if epoch.fees_usd is not None:
            earned.append((epoch.epoch_at, epoch.fees_usd - lost))
    return earned
