"""What the kill-switches look at, from the epochs of the last day.

The reference reads its own forecast (``currentApr``) as the yield of an epoch; here it is what was earned. The loss
against holding is the reference's: a stock, taken as if it were lost anew in every epoch.
"""

from collections.abc import Sequence
from itertools import pairwise

from alm_core.model.decisions import DecisionKind
from alm_core.model.past import RecentEpoch
from alm_core.policies.seed.amounts import impermanent_loss_usd
from alm_core.policies.seed.kill_switch import MIN_YIELDS
from alm_core.policies.seed.memory import Memory
from alm_core.policies.seed.params import EPOCHS_PER_YEAR, GAS_COST_USD


def shift_times_ms(recent: Sequence[RecentEpoch]) -> tuple[int, ...]:
    """Return when range shifts were decided."""
    return tuple(int(one.epoch_at.timestamp() * 1000) for one in recent if one.kind is DecisionKind.RS)


def spent_usd(recent: Sequence[RecentEpoch]) -> float:
    """Return the gas of the epochs; where it is unknown and something was sent, the reference's flat figure."""
    return sum(GAS_COST_USD * one.moved if one.gas_usd is None else one.gas_usd for one in recent)


def trailing_yields(recent: Sequence[RecentEpoch], memory: Memory) -> tuple[float, ...]:
    """Return the yearly yields of the last epochs whose figures are known, at most 24, oldest first."""
    indices = {one.epoch_at: index for index, one in enumerate(memory.snapshots)}
    found: list[float] = []
    for before, now in reversed(list(pairwise(recent))):
        if len(found) == MIN_YIELDS:
            break
        earned = _earned_frac(before, now)
        loss = _loss_frac(indices[now.epoch_at], memory) if earned is not None and now.epoch_at in indices else None
        if earned is not None and loss is not None:
            found.append((earned - loss) * EPOCHS_PER_YEAR)
    return tuple(reversed(found))


def _earned_frac(before: RecentEpoch, now: RecentEpoch) -> float | None:
    """Fees of an epoch less its gas, relative to NAV."""
    if before.fees_usd is None or now.fees_usd is None or now.gas_usd is None:
        return None
    if now.nav_usd is None or now.nav_usd <= 0.0:
        return None
    return (now.fees_usd - before.fees_usd - now.gas_usd) / now.nav_usd


def _loss_frac(index: int, memory: Memory) -> float | None:
    """Mean loss of a snapshot's positions against holding, relative to entry."""
    losses: list[float] = []
    for holdings in memory.snapshots[index].holdings:
        for position in holdings.positions:
            entry, price = memory.entry_price(position), memory.price(position.pool_id, index)
            if entry is None or price is None:
                return None
            losses.append(impermanent_loss_usd([(entry, 1.0)], price))
    return sum(losses) / len(losses) if losses else 0.0
