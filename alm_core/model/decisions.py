"""Targets, decision and plan of an epoch."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DecisionKind(StrEnum):
    """What an epoch does. HOLD is the default and always safe."""

    HOLD = "HOLD"
    RS = "RS"
    PRA = "PRA"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One line of the table every decision carries: what another action would have brought, in USD."""

    action: DecisionKind
    gain_usd: float
    cost_usd: float
    net_usd: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClose:
    """A position the plan burns."""

    pool_id: str
    chain_id: int
    token_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, why, and which constraint bound."""

    kind: DecisionKind
    reason: str
    binding: str
    current_apr: float
    optimal_apr: float
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPlan:
    """Targets and decision of an epoch; ``closes`` and ``opens`` are empty for HOLD.

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
