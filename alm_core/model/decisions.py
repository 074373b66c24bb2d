"""Targets, decision and plan of an epoch."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from alm_core.model.market import Position


class DecisionKind(StrEnum):
    """What an epoch does. HOLD is the default and always safe."""

    HOLD = "HOLD"
    RS = "RS"
    """Range shift: a position moves to another range of its pool, with or without a swap."""
    PRA = "PRA"
    """Pool reallocation: capital moves between pools, or idle capital is placed."""
    COMPOUND = "COMPOUND"
    """Uncollected fees and idle capital are added to positions as they stand."""
    WIDEN = "WIDEN"
    """Ranges are replaced by wider ones because the regime asks for it."""
    EXIT = "EXIT"
    """Every position is closed and nothing is opened. Outranks everything else."""


REFUSED = "refused by"
"""In the note of every alternative that is not what is done, before the gate that kept it from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Capital wanted in one pool, with the ticks it is placed at."""

    pool_id: str
    chain_id: int
    share_frac: float
    """Share of the capital of its chain."""
    capital_usd: float
    expected_apr: float
    tick_lower: int
    tick_upper: int
    token_id: int | None = None
    """Position of ours at exactly these ticks that the capital is added to; ``None`` opens a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One line of the table every decision carries: what an action brings, in USD over the horizon.

    Parameters
    ----------
    gain_usd, cost_usd, net_usd
        ``None`` where unknown: an exit is decided without them.
    note
        Which action, its cost by parts, and ``refused by <gate>`` unless it is what is done.
    """

    action: DecisionKind
    gain_usd: float | None
    cost_usd: float | None
    net_usd: float | None
    note: str

    @property
    def is_taken(self) -> bool:
        """Whether this is what is done."""
        return REFUSED not in self.note


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClose:
    """A position the plan burns."""

    pool_id: str
    chain_id: int
    token_id: int

    @classmethod
    def of(cls, position: Position, chain_id: int) -> "PositionClose":
        """Return the close of a position on a chain."""
        return cls(pool_id=position.pool_id, chain_id=chain_id, token_id=position.token_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Capital that leaves a chain for another: both tokens of the pair, in the proportion the wallet has them then.

    Parameters
    ----------
    share_frac
        Share of the capital of the source chain, as for :class:`Target`.
    capital_usd
        What that was worth when it was planned.
    """

    from_chain: int
    to_chain: int
    share_frac: float
    capital_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """The smallest change of one input that would turn this HOLD into an action.

    Parameters
    ----------
    quantity
        What would have to change; ``fee_yield`` is the gross yearly yield of a full-range unit in the best pool, all
        pools scaled alike.
    now, threshold
        Figure today, and the figure beyond which ``action`` is taken.
    """

    quantity: Literal["fee_yield"]
    now: float
    threshold: float
    action: DecisionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, why, and which constraint bound.

    ``counterfactual`` is ``None`` for an action, and for a HOLD that no fee yield would change.
    """

    kind: DecisionKind
    reason: str
    binding: str
    current_apr: float
    optimal_apr: float
    alternatives: tuple[Alternative, ...]
    counterfactual: Counterfactual | None = None

    @property
    def promised_usd(self) -> tuple[float, float]:
        """Gain over the horizon and cost of what is done, on all chains; 0 for a HOLD. An exit promises no gain."""
        taken = [line for line in self.alternatives if line.is_taken]
        gain = sum(line.gain_usd or 0.0 for line in taken) if self.kind is not DecisionKind.EXIT else 0.0
        return gain, sum(line.cost_usd or 0.0 for line in taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPlan:
    """Targets and decision of an epoch; ``closes``, ``opens`` and ``collects`` are empty for HOLD.

    ``inputs_hash`` is the SHA-256 of everything the decision read; with code and config version it explains and
    reproduces the plan.
    """

    pair: str
    epoch_at: datetime
    policy: str
    inputs_hash: str
    code_version: str
    config_version: str
    price: float
    """Independent price the plan was made at: close of the last candle before the epoch, quote per base. Execution
    compares every pool with it and derives the minimum of every swap from it."""
    nav_usd: float | None
    """``None`` if the value of the holdings is unknown (then the decision is HOLD)."""
    targets: tuple[Target, ...]
    decision: Decision
    closes: tuple[PositionClose, ...]
    opens: tuple[Target, ...]
    collects: tuple[PositionClose, ...] = ()
    """Positions that stay and whose fees are collected first, so that ``opens`` may use them."""
    moves: tuple[Move, ...] = ()
    """Capital sent to other chains after the closes and before the swap; it is placed there once it has arrived."""
