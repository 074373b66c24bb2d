"""Unsigned transactions with the effects that the contracts guarantee if they succeed. Nothing is sent here.

Rules for every plan:

- one :class:`~alm_core.model.transactions.UnsignedTransaction`; several calls go into the contract's own multicall;
- ``bounds`` name both tokens: what a receipt moves beyond them is no success;
- minima come from the price interval (``mint_minimums``, ``burn_minimums`` in ``alm_core/math/liquidity.py``, or the
  family's own maths in ``alm_core/math``), so that a call reverts only if the price really left it;
- the wallet is the only recipient, native value is 0, the deadline is the one given;
- what a position is called in events goes into ``opens_position``, ``adds_token_id``, ``closes_token_id`` and
  ``liquidity_events_from``.
"""

from datetime import datetime

from alm_core.model.dex_ports import LiquidityQuote, PriceInterval
from alm_core.model.market import PoolState, Position
from alm_core.model.transactions import UnsignedTransaction


def quote_liquidity(state: PoolState, tick_lower: int, tick_upper: int, amount0: int, amount1: int) -> LiquidityQuote:
    """Return what opening with these amounts buys and uses at the pinned price, rounded as the contract rounds."""
    raise NotImplementedError


def plan_open(
    state: PoolState,
    tick_lower: int,
    tick_upper: int,
    amount0: int,
    amount1: int,
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return a transaction that opens a position, and takes at most the amounts.

    Raises
    ------
    InvalidInput
        If the ticks are not usable in this pool, or the amounts buy no liquidity.
    """
    raise NotImplementedError


def plan_add(
    state: PoolState,
    position: Position,
    amount0: int,
    amount1: int,
    interval: PriceInterval,
    owner: str,
    deadline_at: datetime,
) -> UnsignedTransaction:
    """Return an addition to a position as it stands. What the position has earned stays owed to it."""
    raise NotImplementedError


def plan_remove(
    state: PoolState, position: Position, stake: int, interval: PriceInterval, owner: str, deadline_at: datetime
) -> UnsignedTransaction:
    """Return a transaction that takes out a part of a position, with what it has earned."""
    raise NotImplementedError


def plan_close(
    state: PoolState, position: Position, interval: PriceInterval, owner: str, deadline_at: datetime
) -> UnsignedTransaction:
    """Return a transaction that removes everything, collects and burns; possible at any price and out of range.

    An empty position is collected and burned. One that is too large for a transaction is closed in rounds: all but the
    last have no ``closes_token_id``.
    """
    raise NotImplementedError


def plan_collect(state: PoolState, position: Position, owner: str) -> UnsignedTransaction:
    """Return a collection of what the position has earned.

    Raises
    ------
    InvalidInput
        If fees stay in the position, where no call pays them alone.
    """
    raise NotImplementedError
