"""Lots: what was acquired when and for how much, and what was realised when it was given away."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LOT_DECIMALS = 24
"""Amounts of one asset over all chains are integers of 1e-24: its tokens have other decimals on other chains."""


class EventKind(StrEnum):
    """What happened to assets, in the eyes of somebody who keeps lots."""

    OPENING = "opening"
    """Was there when the books began."""
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    FEES = "fees"
    """Earned by a position and paid out."""
    REWARDS = "rewards"
    TRADE = "trade"
    POOL_IN = "pool_in"
    POOL_OUT = "pool_out"
    POOL_TRADE = "pool_trade"
    """Closing a position: of one token less comes back than was put in, of the other more. The pool traded them."""
    POOL_GAIN = "pool_gain"
    """Closing a position: more comes back of a token and less of none; fees that stay in the bins do so."""
    POOL_LOSS = "pool_loss"
    """Closing a position: less comes back of a token and more of none, by rounding."""
    BRIDGE_OUT = "bridge_out"
    BRIDGE_IN = "bridge_in"
    BRIDGE_LOSS = "bridge_loss"
    """What a bridge kept."""
    GAS = "gas"
    ADJUSTMENT = "adjustment"


INSIDE = frozenset({EventKind.POOL_TRADE, EventKind.POOL_GAIN, EventKind.POOL_LOSS, EventKind.BRIDGE_LOSS})
"""What happens inside a position or a bridge, and shows when it pays out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A token as people know it.

    Parameters
    ----------
    asset
        What its lots are kept under: the pair's base or quote, whatever its symbol on a chain; else the symbol.
    address
        EIP-55 checksummed; ``None`` for native coin.
    decimals
        ``None`` where nobody knows them: then its amounts can neither be told nor kept in lots.
    """

    chain_id: int
    asset: str
    symbol: str
    address: str | None
    decimals: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A raw amount of a token, positive, and what it was worth then; ``None`` where no price is known."""

    token: Named
    amount: int
    usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEvent:
    """One thing that happened: what was sent, what was received, or both.

    Parameters
    ----------
    at
        Quarter hour of the epoch that did it, or in whose reconciliation it was found; ``None`` where nobody knows.
    order
        Number within all events: the order they happened in.
    kind
        :attr:`in_wallet` tells whether such a thing changes a wallet's balance.
    """

    at: datetime | None
    order: int
    chain_id: int
    kind: EventKind
    tx_hash: str
    sent: Leg | None = None
    received: Leg | None = None
    place: str = ""
    """Pool and position, or the other chain, in words."""

    @property
    def in_wallet(self) -> bool:
        """Whether it changed a wallet's balance. What happens inside a position or a bridge does not."""
        return self.kind not in INSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What is left of an acquisition: units of 1e-24, and what they cost; ``None`` where that is unknown."""

    asset: str
    amount: int
    acquired_at: datetime | None
    cost_usd: float | None
    kind: EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """A part of a lot that was given away. ``gain_usd`` is ``None`` where cost or proceeds are unknown.

    ``acquired_kind`` is ``None`` where no lot was left: more was given away than the books ever saw come.
    """

    asset: str
    amount: int
    acquired_at: datetime | None
    disposed_at: datetime | None
    cost_usd: float | None
    proceeds_usd: float | None
    kind: EventKind
    acquired_kind: EventKind | None
    tx_hash: str

    @property
    def gain_usd(self) -> float | None:
        """Proceeds less cost."""
        if self.cost_usd is None or self.proceeds_usd is None:
            return None
        return self.proceeds_usd - self.cost_usd
