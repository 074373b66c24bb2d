"""What earlier epochs left behind, as far as a decision looks back."""

from dataclasses import dataclass
from datetime import datetime

from alm_core.model.decisions import DecisionKind, Move
from alm_core.model.market import MarketSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentEpoch:
    """One of the last day's epochs in the figures that gates and kill switches look at. ``None`` means unknown.

    Parameters
    ----------
    kind
        What was decided.
    moved
        Whether at least one of its transactions succeeded, or nobody knows.
    nav_usd
        Value of everything at its pinned blocks.
    fees_usd
        Fees earned so far, collected and uncollected: a running total.
    gas_usd
        Gas it paid.
    expected_gain_usd, expected_cost_usd
        What its plan promised over the horizon and for how much, gas included; 0 for a HOLD.
    holding_loss_usd
        What positions lost since the epoch before against holding their tokens, 0 or more.
    moves
        Capital that its plan sent to other chains.
    """

    epoch_at: datetime
    kind: DecisionKind
    moved: bool
    nav_usd: float | None
    fees_usd: float | None
    gas_usd: float | None
    expected_gain_usd: float = 0.0
    expected_cost_usd: float = 0.0
    holding_loss_usd: float | None = None
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEpochs:
    """What earlier epochs left behind.

    Parameters
    ----------
    snapshots
        Earlier snapshots of the pair, oldest first; yields are measured from their fee growth.
    last_rebalance_at
        Epoch of the last executed action.
    recent
        The epochs of the last 24 h, oldest first.
    """

    snapshots: tuple[MarketSnapshot, ...]
    last_rebalance_at: datetime | None
    recent: tuple[RecentEpoch, ...] = ()
