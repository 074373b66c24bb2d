"""Accounts: movements of the books with what they were for, profit and loss by line, and what runs from the beginning.

The net asset value of accounts holds everything: tokens of the pair in wallets, in positions and between chains, and
the native coin that gas is paid with. :attr:`alm_core.model.reports.EpochReport.nav_usd` is without that coin.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from alm_core.model.pnl import PnlParts
from alm_core.model.transactions import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One change of a wallet's balance as the ledger has it, with what the transaction behind it was for.

    Parameters
    ----------
    token
        Lower-case address, or ``native``.
    kind
        As :attr:`alm_core.model.books.LedgerEntry.kind`.
    action, epoch_at
        Of the intent; ``None`` where no transaction of ours made it (deposits, opening balances).
    block_number
        Of the receipt; ``None`` where the ledger does not know it.
    pool_id, token_id
        Pool and position that the transaction was for, as far as it names them.
    closes
        Whether the transaction ends that position.
    from_chain
        Where it was sent, for what arrived from another chain.
    seq
        Order in which it was booked.
    """

    chain_id: int
    token: str
    delta: int
    kind: str
    tx_hash: str
    log_index: int
    action: Action | None = None
    epoch_at: datetime | None = None
    block_number: int | None = None
    pool_id: str | None = None
    token_id: int | None = None
    closes: bool = False
    from_chain: int | None = None
    intent_key: str | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementsBetween:
    """Movements of a pair's wallet in the blocks after those of one snapshot, up to those of the next."""

    pair: str
    from_at: datetime
    to_at: datetime
    movements: tuple[Movement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeAmount:
    """Native coin of a chain, in whole coins."""

    chain_id: int
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlLine:
    """Profit and loss of one position, or of all else on a chain (``pool_id`` and ``token_id`` are ``None``).

    Costs that a transaction names no position for (swaps, approvals) are in the line of their chain, those of bridges
    in that of the chain that sent. What moves between wallet and position, or between chains, is nobody's profit: the
    parts of all lines add up to the change of the NAV, those of one line do not add up to that of ``value_usd``.
    """

    chain_id: int
    pool_id: str | None
    token_id: int | None
    parts: PnlParts
    value_usd: float
    """Of the line at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriced:
    """A reward in a token that nobody has a price of: it is in no part and not in the NAV."""

    chain_id: int
    token: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPnl:
    """Profit and loss between two snapshots of a pair, in USD.

    Parameters
    ----------
    from_at, to_at
        Epochs of the snapshots. What was done at ``from_at`` is in it, what was done at ``to_at`` is not.
    nav_start_usd, nav_end_usd
        Value of everything, native coin included.
    native_start_usd, native_end_usd
        The part of it that is native coin.
    lines
        By position and by chain.
    flow_base, flow_quote, flow_native
        What came from outside less what left, in whole tokens.
    unpriced
        Rewards in tokens that nobody has a price of.
    collected_usd
        What positions paid out as fees, at the later prices.
    """

    pair: str
    from_at: datetime
    to_at: datetime
    nav_start_usd: float
    nav_end_usd: float
    native_start_usd: float
    native_end_usd: float
    lines: tuple[PnlLine, ...]
    flow_base: float = 0.0
    flow_quote: float = 0.0
    flow_native: tuple[NativeAmount, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()
    collected_usd: float = 0.0

    @property
    def parts(self) -> PnlParts:
        """All lines together."""
        return added(line.parts for line in self.lines)


def added(parts: Iterable[PnlParts]) -> PnlParts:
    """Return the sum of parts."""
    return sum(parts, PnlParts())


@dataclass(frozen=True, slots=True, kw_only=True)
class CashFlow:
    """Deposits less withdrawals up to a valuation, in USD."""

    at: datetime
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPnl:
    """What runs from the beginning of the accounts to ``as_of_at``.

    Parameters
    ----------
    nav_start_usd
        Value at ``began_at``, native coin included.
    totals
        Profit and loss since then.
    hodl_base, hodl_quote, hodl_native
        What the beginning held and what came since, in whole tokens: what HODL holds.
    growth, peak, drawdown_frac
        Time-weighted growth of the capital, its highest level, and the deepest fall from such a level.
    flows
        Deposits and withdrawals.
    """

    began_at: datetime
    as_of_at: datetime
    nav_start_usd: float
    nav_usd: float
    hodl_base: float
    hodl_quote: float
    hodl_native: tuple[NativeAmount, ...] = ()
    totals: PnlParts = field(default_factory=PnlParts)
    growth: float = 1.0
    peak: float = 1.0
    drawdown_frac: float = 0.0
    flows: tuple[CashFlow, ...] = ()

    @property
    def gap_usd(self) -> float:
        """What start and parts miss the value by: rounding of floats, nothing else."""
        return math.fsum((self.nav_usd, -self.nav_start_usd, -self.totals.change_usd))
